"""Puts the commands together and turns refusals into words and exit statuses.

The commands that run Sendout live with the server and come in through the entry points `sendout.cli_commands`, each a
function that takes a typer application. They are loaded when one of them, or the list of all commands, is asked for:
`sendout send` need not wait for a server's worth of imports.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from sendout.cli import (
    administration,
    billing,
    consents,
    contact_points,
    conversations,
    history,
    output,
    sending,
    snippets,
    users,
    webhooks,
)
from sendout.cli.arguments import examples
from sendout.client import SendoutError

# Which extra brings which commands, for the sentence where it is missing; extras are named like their entry points.
_EXTRAS = {"server": ("up", "serve", "dispatch", "migrate", "check-config"), "gateway": ("gateway",)}
_PANEL = "Running Sendout"


class Commands(TyperGroup):
    """All commands; those of other packages join when they are needed."""

    _joined = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, from elsewhere where it is not ours."""
        found = super().get_command(ctx, cmd_name)
        return found or (super().get_command(ctx, cmd_name) if self._join() else None)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        self._join()
        return super().list_commands(ctx)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what is refused ends with a sentence and status 1."""
        try:
            return super().invoke(ctx)
        except SendoutError as refusal:
            output.error(refusal)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    def _join(self) -> bool:
        if self._joined:
            return False
        self._joined = True
        for name, command in _commands_from_elsewhere().items():
            self.commands.setdefault(name, command)
        return True


def _commands_from_elsewhere() -> dict[str, Any]:
    # The callback keeps typer from making an application with a single command into that command.
    found = typer.Typer(callback=lambda: None)
    missing = dict(_EXTRAS)
    for entry in entry_points(group="sendout.cli_commands"):
        try:
            entry.load()(found)
            missing.pop(entry.name, None)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "sendout":
                raise  # our own mistake, not a missing extra
    for extra, names in missing.items():
        for name in names:
            _say_what_to_install(found, name, extra)
    return dict(get_group(found).commands)


def _say_what_to_install(application: typer.Typer, name: str, extra: str) -> None:
    sentence = f"sendout {name} is not installed. Run: pip install 'sendout[{extra}]'"

    def missing() -> None:
        output.note(f"sendout: {sentence}")
        raise typer.Exit(1)

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    help_text = "Not installed: needs the extra " + extra + "."
    application.command(name, help=help_text, context_settings=anything, rich_help_panel=_PANEL)(missing)


app = typer.Typer(
    name="sendout",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Send SMS notifications to many people, and see what became of each one.",
    epilog=examples(
        "sendout up",
        'sendout send --to "+14155550101, +14155550102" --text "Trucks are delayed today." --wait',
        "sendout history --since 7d",
    )
    + "\n\nThe server and the key come from SENDOUT_TARGET and SENDOUT_API_KEY, or from the profile that sendout up "
    "writes.",
)
for room in (
    sending,
    history,
    administration,
    users,
    contact_points,
    consents,
    conversations,
    snippets,
    webhooks,
    billing,
):
    room.register(app)
