"""`users`: the people who sign in to the console."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from sendout.cli import output
from sendout.cli.administration import Label, done
from sendout.cli.arguments import Output, examples, future
from sendout.cli.output import Format
from sendout.client import Client
from sendout.v1.user_pb2 import User

users = typer.Typer(no_args_is_help=True, help="Create and change users, set passwords, make sign-in links.")

UserId = Annotated[str, typer.Argument(metavar="USER", help="The user's id.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="Id of a role; may be repeated.")]
ExternalId = Annotated[
    str | None, typer.Option("--external-id", help="What the identity provider calls the person; '' for nothing.")
]


@users.command("list")
def list_users(form: Output = Format.TEXT) -> None:
    """List users by label."""
    with Client() as client:
        answer = client.users(page_size=1000).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    rows = [
        (
            one.user_id,
            one.label,
            ", ".join(one.role_ids) or "-",
            one.external_id or "-",
            "yes" if one.disabled else "",
            output.local(one.create_time, "-"),
        )
        for one in answer.users
    ]
    output.table(("User", "Label", "Roles", "External id", "Disabled", "Created"), rows, "No users.")


@users.command("create", epilog=examples('sendout users create "Ada Lovelace" --id ada --role agents'))
def create_user(
    label: Label,
    user_id: Annotated[str, typer.Option("--id", help="Its id and sign-in name; made from the label otherwise.")] = "",
    role: Roles = None,
    external_id: ExternalId = None,
    form: Output = Format.TEXT,
) -> None:
    """Create a user, who signs in by a link or a password that you make next."""
    with Client() as client:
        answer = client.create_user(label, user_id=user_id, role_ids=role or (), external_id=external_id or "")
    made = answer.user.user_id
    done(answer, form, f'Created user {made} "{answer.user.label}". Next: sendout users sign-in-link {made}')


@users.command("update", epilog=examples("sendout users update ada --role agents --role leads"))
def update_user(
    user_id: UserId,
    label: Annotated[str | None, typer.Option("--label", help="The name people see.")] = None,
    role: Roles = None,
    no_roles: Annotated[bool, typer.Option("--no-roles", help="Take all roles away.")] = False,
    external_id: ExternalId = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Whether the user is shut out.", show_default=False)
    ] = None,
    form: Output = Format.TEXT,
) -> None:
    """Change what is given; roles replace the ones before. Who is disabled is signed out at once."""
    given: dict[str, Any] = {
        "label": label,
        "role_ids": [] if no_roles else role,
        "external_id": external_id,
        "disabled": disabled,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("Say what to change: --label, --role, --no-roles, --external-id, --disable, --enable.")
    with Client() as client:
        answer = client.update_user(User(user_id=user_id, **changes), list(changes))
    done(answer, form, f'Changed user {answer.user.user_id} "{answer.user.label}".')


@users.command("set-password")
def set_password(user_id: UserId, form: Output = Format.TEXT) -> None:
    """Set a password, asked for twice, or read from stdin where that is no terminal. It ends the user's sessions."""
    if sys.stdin.isatty():
        password = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    with Client() as client:
        answer = client.set_user_password(user_id, password)
    done(answer, form, f"Set the password of {user_id} and ended the sessions there were.")


@users.command("sign-in-link", epilog=examples("sendout users sign-in-link ada --expires 2h"))
def sign_in_link(
    user_id: UserId,
    expires: Annotated[str | None, typer.Option("--expires", help="Until when it may be used: 15m, 24h.")] = None,
    gateway: Annotated[
        str, typer.Option("--gateway", envvar="SENDOUT_GATEWAY_URL", help="Where people reach the console.")
    ] = "http://127.0.0.1:8080",
    form: Output = Format.TEXT,
) -> None:
    """Make a link that signs a user in, once; it holds for 15 minutes unless you say otherwise."""
    lifetime = future(expires) - datetime.now(UTC) if expires else None
    with Client() as client:
        answer = client.create_sign_in_link(user_id, lifetime=lifetime)
    if form is Format.TEXT:
        output.note(f"Give it to {user_id} alone. It works once, until {output.local(answer.expire_time)}.")
    done(answer, form, f"{gateway.rstrip('/')}/sign-in#{answer.sign_in_token}")


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    application.add_typer(users, name="users", rich_help_panel="Setting up")
