"""`snippets`: saved texts, one's own and shared ones."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from sendout.cli import output
from sendout.cli.administration import done
from sendout.cli.arguments import Output, examples
from sendout.cli.output import Format
from sendout.client import Client, NotFound
from sendout.v1 import snippet_pb2
from sendout.v1.snippet_pb2 import Snippet, SnippetScope

snippets = typer.Typer(no_args_is_help=True, help="Save texts to insert into messages.")

Which = Annotated[str, typer.Argument(metavar="SNIPPET", help="Its tag or id. Of two with a tag, your own is meant.")]


class Scope(StrEnum):
    """What `--scope` takes."""

    PERSONAL = "personal"
    SHARED = "shared"
    BOTH = "both"

    @property
    def wire(self) -> snippet_pb2.SnippetScope:
        """The same on the wire."""
        return {
            "PERSONAL": snippet_pb2.SNIPPET_SCOPE_PERSONAL,
            "SHARED": snippet_pb2.SNIPPET_SCOPE_SHARED,
            "BOTH": snippet_pb2.SNIPPET_SCOPE_UNSPECIFIED,
        }[self.name]


@snippets.command("list", epilog=examples("sendout snippets list --scope shared"))
def list_snippets(
    scope: Annotated[Scope, typer.Option("--scope", help="Your own, shared ones, or both.")] = Scope.BOTH,
    form: Output = Format.TEXT,
) -> None:
    """List your own and the shared snippets, by tag."""
    with Client() as client:
        answer = client.snippets(scope=scope.wire, page_size=1000).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    rows = [(one.tag, output.word(SnippetScope, one.scope), one.snippet_id, one.text) for one in answer.snippets]
    output.table(("Tag", "Scope", "Snippet", "Text"), rows, "No snippets.")


@snippets.command(
    "create",
    epilog=examples(
        'sendout snippets create closing "Please do not answer this message."',
        'sendout snippets create outage "The power is out in your street." --shared',
    ),
)
def create_snippet(
    tag: Annotated[str, typer.Argument(metavar="TAG", help="Short name: lower-case letters, digits and hyphens.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text to insert.")],
    shared: Annotated[bool, typer.Option("--shared", help="For everyone; an administrator's to create.")] = False,
    form: Output = Format.TEXT,
) -> None:
    """Save a text under a tag."""
    with Client() as client:
        answer = client.create_snippet(tag, text, shared=shared)
    done(answer, form, f"Saved {_named(answer.snippet)}.")


@snippets.command("update", epilog=examples('sendout snippets update closing --text "This number takes no answers."'))
def update_snippet(
    which: Which,
    tag: Annotated[str | None, typer.Option("--tag", help="Its new tag.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="Its new text.")] = None,
    form: Output = Format.TEXT,
) -> None:
    """Change a snippet's tag or text. Messages that were sent with it keep their text."""
    if tag is None and text is None:
        raise typer.BadParameter("Say what to change: --tag, --text or both.")
    with Client() as client:
        answer = client.update_snippet(_identifier(client, which), tag=tag, text=text)
    done(answer, form, f"Changed {_named(answer.snippet)}.")


@snippets.command("delete", epilog=examples("sendout snippets delete closing"))
def delete_snippet(which: Which, form: Output = Format.TEXT) -> None:
    """Delete a snippet. Messages that were sent with it keep their text."""
    with Client() as client:
        answer = client.delete_snippet(_identifier(client, which))
    done(answer, form, f"Deleted snippet {which}.")


def _identifier(client: Client, which: str) -> str:
    """The id behind a tag: the caller's own snippet before the shared one."""
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", which):
        return which
    found = [one for one in client.snippets(page_size=1000) if one.tag == which]
    if not found:
        raise NotFound(f'There is no snippet "{which}". sendout snippets list shows them.', reason="SNIPPET_NOT_FOUND")
    return min(found, key=lambda one: one.scope).snippet_id


def _named(snippet: Snippet) -> str:
    return f"the {output.word(SnippetScope, snippet.scope)} snippet {snippet.tag} ({snippet.snippet_id})"


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    application.add_typer(snippets, name="snippets", rich_help_panel="Setting up")
