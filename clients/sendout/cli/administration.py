"""`topics`, `keys`, `roles`, `audit` and `whoami`."""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer
from google.protobuf.message import Message

from sendout.cli import output
from sendout.cli.arguments import Output, TopicFilter, examples, future, past
from sendout.cli.output import Format
from sendout.client import Client
from sendout.v1 import role_pb2
from sendout.v1.api_key_pb2 import ApiKey
from sendout.v1.audit_service_pb2 import ListAuditEntriesResponse
from sendout.v1.role_pb2 import Permission
from sendout.v1.topic_pb2 import TopicState

topics = typer.Typer(no_args_is_help=True, help="Create, rename, disable and activate topics.")
keys = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys.")
roles = typer.Typer(no_args_is_help=True, help="Create, list and delete roles.")

TopicId = Annotated[str, typer.Argument(metavar="TOPIC", help="The topic's id.")]
Label = Annotated[str, typer.Argument(metavar="LABEL", help="The name people see.")]


class Allowed(StrEnum):
    """What `--permission` takes."""

    VIEW_HISTORY = "view-history"
    MANAGE_TOPICS = "manage-topics"
    ADMINISTER = "administer"

    @property
    def wire(self) -> role_pb2.Permission:
        """The same on the wire."""
        return {
            "VIEW_HISTORY": role_pb2.PERMISSION_VIEW_HISTORY,
            "MANAGE_TOPICS": role_pb2.PERMISSION_MANAGE_TOPICS,
            "ADMINISTER": role_pb2.PERMISSION_ADMINISTER,
        }[self.name]


def done(answer: Message, form: Format, sentence: str) -> None:
    """The answer as JSON, or a sentence about it."""
    output.json(answer) if form is Format.JSON else output.line(sentence)


@topics.command("list", epilog=examples("sendout topics list --state both"))
def list_topics(
    state: Annotated[TopicFilter, typer.Option("--state", help="Which topics.")] = TopicFilter.ACTIVE,
    form: Output = Format.TEXT,
) -> None:
    """List topics, the default one first."""
    with Client() as client:
        answer = client.topics(state=state.wire, page_size=1000).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    rows = [
        (one.topic_id, one.label, output.word(TopicState, one.state), "yes" if one.is_default else "")
        for one in answer.topics
    ]
    output.table(("Topic", "Label", "State", "Default"), rows, "No topics.")


@topics.command("create", epilog=examples('sendout topics create "Power outages" --id outages'))
def create_topic(
    label: Label,
    topic_id: Annotated[str, typer.Option("--id", help="Its id; made from the label otherwise.")] = "",
    form: Output = Format.TEXT,
) -> None:
    """Create a topic."""
    with Client() as client:
        answer = client.create_topic(label, topic_id=topic_id)
    done(answer, form, f'Created topic {answer.topic.topic_id} "{answer.topic.label}".')


@topics.command("rename", epilog=examples('sendout topics rename outages "Outages and repairs"'))
def rename_topic(topic_id: TopicId, label: Label, form: Output = Format.TEXT) -> None:
    """Change a topic's label; its history stays with it."""
    with Client() as client:
        answer = client.rename_topic(topic_id, label)
    done(answer, form, f'Topic {answer.topic.topic_id} is now "{answer.topic.label}".')


@topics.command("disable")
def disable_topic(topic_id: TopicId, form: Output = Format.TEXT) -> None:
    """Take a topic out of use; its history stays. The default topic cannot be disabled."""
    with Client() as client:
        answer = client.disable_topic(topic_id)
    done(
        answer, form, f"Disabled topic {answer.topic.topic_id}. Bring it back with: sendout topics activate {topic_id}"
    )


@topics.command("activate")
def activate_topic(topic_id: TopicId, form: Output = Format.TEXT) -> None:
    """Bring a disabled topic back; its tallies continue."""
    with Client() as client:
        answer = client.activate_topic(topic_id)
    done(answer, form, f"Topic {answer.topic.topic_id} is active.")


@keys.command("list")
def list_keys(
    everything: Annotated[bool, typer.Option("--all", help="Revoked keys too.")] = False,
    form: Output = Format.TEXT,
) -> None:
    """List API keys, newest first, without their secrets."""
    with Client() as client:
        answer = client.api_keys(include_revoked=everything, page_size=1000).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    columns = ("Key", "Label", "Principal", "Roles", "Created", "Expires", "Last used", "Revoked")
    output.table(columns, map(_key, answer.api_keys), "No keys.")


def _key(key: ApiKey) -> tuple[str, ...]:
    times = (key.create_time, key.expire_time, key.last_used_time, key.revoke_time)
    return (
        key.api_key_id,
        key.label,
        key.principal_id,
        ", ".join(key.role_ids),
        *(output.local(time, "-") for time in times),
    )


@keys.command("create", epilog=examples('sendout keys create "Billing service" --role agents --expires 90d'))
def create_key(
    label: Label,
    role: Annotated[list[str] | None, typer.Option("--role", help="Id of a role; may be repeated.")] = None,
    principal: Annotated[str, typer.Option("--principal", help="Another key for this principal, to change keys.")] = "",
    expires: Annotated[str | None, typer.Option("--expires", help="When it stops working: 90d, 2027-01-01.")] = None,
    quota: Annotated[int, typer.Option("--daily-segment-quota", min=0, help="Most segments a day; 0 is none.")] = 0,
    form: Output = Format.TEXT,
) -> None:
    """Create an API key and show its secret, this one time."""
    with Client() as client:
        answer = client.create_api_key(
            label,
            role_ids=role or (),
            principal_id=principal,
            expire_time=future(expires) if expires else None,
            daily_segment_quota=quota,
        )
    if form is Format.TEXT:
        output.note(
            f"Key {answer.api_key.api_key_id} of {answer.api_key.principal_id}. Keep it: it is not shown again."
        )
    done(answer, form, answer.secret)


@keys.command("revoke")
def revoke_key(
    api_key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")], form: Output = Format.TEXT
) -> None:
    """Revoke a key: the next call with it is refused."""
    with Client() as client:
        answer = client.revoke_api_key(api_key_id)
    done(answer, form, f'Revoked key {answer.api_key.api_key_id} "{answer.api_key.label}".')


@roles.command("list")
def list_roles(form: Output = Format.TEXT) -> None:
    """List roles, the built-in ones first."""
    with Client() as client:
        answer = client.roles(page_size=1000).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    rows = [
        (
            one.role_id,
            one.label,
            ", ".join(output.word(Permission, permission) for permission in one.permissions) or "-",
            "yes" if one.built_in else "",
        )
        for one in answer.roles
    ]
    output.table(("Role", "Label", "May", "Built in"), rows)


@roles.command("create", epilog=examples('sendout roles create "Supervisors" --permission view-history'))
def create_role(
    label: Label,
    role_id: Annotated[str, typer.Option("--id", help="Its id; made from the label otherwise.")] = "",
    permission: Annotated[
        list[Allowed] | None, typer.Option("--permission", help="What its holders may do; may be repeated.")
    ] = None,
    form: Output = Format.TEXT,
) -> None:
    """Create a role. One without permissions can still stand on a contact point's list."""
    with Client() as client:
        answer = client.create_role(label, role_id=role_id, permissions=[one.wire for one in permission or ()])
    done(answer, form, f'Created role {answer.role.role_id} "{answer.role.label}".')


@roles.command("delete")
def delete_role(
    role_id: Annotated[str, typer.Argument(metavar="ROLE", help="The role's id.")], form: Output = Format.TEXT
) -> None:
    """Delete a role and take it off every list it is on."""
    with Client() as client:
        answer = client.delete_role(role_id)
    done(answer, form, f"Deleted role {role_id}.")


def audit(
    since: Annotated[str | None, typer.Option("--since", help="From when: 7d, 12h, 2026-03-01 (local time).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Until when, not included; now otherwise.")] = None,
    principal: Annotated[str, typer.Option("--principal", help="Only changes by this principal.")] = "",
    action: Annotated[str, typer.Option("--action", help="Only this call, such as DisableTopic.")] = "",
    object_id: Annotated[str, typer.Option("--object", help="Only changes of what has this id.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to show at most.")] = 50,
    form: Output = Format.TEXT,
) -> None:
    """List who changed what, newest first."""
    with Client() as client:
        pages = client.audit_entries(
            start=past(since) if since else None,
            end=past(until) if until else None,
            principal_id=principal,
            action=action,
            object_id=object_id,
            page_size=limit,
        )
        answer = ListAuditEntriesResponse(entries=islice(pages, limit))
    if form is Format.JSON:
        output.json(answer)
        return
    rows = [
        (
            output.local(one.time),
            one.principal_id,
            one.api_key_id or "-",
            one.action,
            one.object_id,
            one.trace_id or "-",
        )
        for one in answer.entries
    ]
    output.table(("When", "Who", "Key", "Did", "What", "Trace"), rows, "No changes.")


def whoami(form: Output = Format.TEXT) -> None:
    """Show who the key belongs to and what it may do."""
    with Client() as client:
        answer = client.whoami()
        target = client.target
    if form is Format.JSON:
        output.json(answer)
        return
    output.facts(
        [
            ("Server", target),
            ("Principal", f"{answer.principal_id} ({answer.label})"),
            ("Key", answer.api_key_id),
            ("Roles", ", ".join(answer.role_ids)),
            ("May", ", ".join(output.word(Permission, one) for one in answer.permissions) or "-"),
            ("May send from", ", ".join(answer.sendable_contact_point_ids) or "no contact point"),
        ]
    )


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    panel = "Setting up"
    application.add_typer(topics, name="topics", rich_help_panel=panel)
    application.add_typer(keys, name="keys", rich_help_panel=panel)
    application.add_typer(roles, name="roles", rich_help_panel=panel)
    application.command(
        rich_help_panel=panel,
        epilog=examples("sendout audit --since 7d --action DisableTopic", "sendout audit --object main --limit 20"),
    )(audit)
    application.command(rich_help_panel=panel)(whoami)
