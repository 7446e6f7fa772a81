"""`conversations`: what recipients wrote back, and answers to it."""

from __future__ import annotations

from typing import Annotated

import typer

from sendout.cli import output
from sendout.cli.arguments import Output, examples
from sendout.cli.output import Format
from sendout.client import Client
from sendout.v1 import conversation_pb2
from sendout.v1.conversation_pb2 import Conversation, ConversationState
from sendout.v1.message_pb2 import MessageState

conversations = typer.Typer(no_args_is_help=True, help="Read and answer what recipients wrote back.")

ConversationId = Annotated[str, typer.Argument(metavar="ID", help="The conversation's id.")]


@conversations.command("list", epilog=examples("sendout conversations list --review"))
def list_conversations(
    contact_point: Annotated[str, typer.Option("--contact-point", help="Only those of this contact point.")] = "",
    notification: Annotated[str, typer.Option("--notification", help="Only replies to this notification.")] = "",
    closed: Annotated[bool, typer.Option("--closed", help="Closed ones instead of open ones.")] = False,
    review: Annotated[bool, typer.Option("--review", help="Only those that a person has to look at.")] = False,
    form: Output = Format.TEXT,
) -> None:
    """List conversations, latest first."""
    state = conversation_pb2.CONVERSATION_STATE_CLOSED if closed else conversation_pb2.CONVERSATION_STATE_OPEN
    with Client() as client:
        answer = client.conversations(
            contact_point=contact_point, notification_id=notification, state=state, needs_review=review
        ).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    headings = ("Conversation", "Contact point", "Number", "Texts", "Latest", "Review")
    output.table(headings, map(_row, answer.conversations), "No conversations.")


def _row(one: Conversation) -> tuple[str, ...]:
    return (
        one.conversation_id,
        one.contact_point_id,
        one.phone_number,
        str(one.entry_count),
        output.local(one.update_time),
        "yes" if one.needs_review else "",
    )


@conversations.command("show", epilog=examples("sendout conversations show 12"))
def show_conversation(conversation_id: ConversationId, form: Output = Format.TEXT) -> None:
    """Show the texts of a conversation, oldest first."""
    with Client() as client:
        answer = client.conversation(conversation_id).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    one = answer.conversation
    output.facts(
        [
            ("Conversation", one.conversation_id),
            ("Contact point", one.contact_point_id),
            ("Number", one.phone_number or "no longer kept"),
            ("State", output.word(ConversationState, one.state)),
            ("Replied to", one.message_id or "nothing that is known"),
            ("To be looked at", "yes" if one.needs_review else "no"),
        ]
    )
    output.line()
    rows = [
        (
            output.local(entry.time),
            "received" if entry.direction == conversation_pb2.DIRECTION_INBOUND else "sent",
            entry.text or "(no longer kept)",
            output.word(MessageState, entry.state) if entry.state else "",
        )
        for entry in answer.entries
    ]
    output.table(("When", "Way", "Text", "State"), rows, "No texts are kept.")


@conversations.command("reply", epilog=examples('sendout conversations reply 12 "We are open from 8 to 18."'))
def reply(
    conversation_id: ConversationId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to answer.")],
    max_segments: Annotated[int, typer.Option("--max-segments", min=0, max=10, help="Segments you accept.")] = 1,
    form: Output = Format.TEXT,
) -> None:
    """Send a text to the recipient."""
    with Client() as client:
        answer = client.reply_to_conversation(conversation_id, text, max_segments=max_segments)
    output.json(answer) if form is Format.JSON else output.line(f"Accepted as {answer.entry.message_id}.")


@conversations.command("close", epilog=examples("sendout conversations close 12"))
def close(conversation_id: ConversationId, form: Output = Format.TEXT) -> None:
    """Close a conversation. The recipient's next reply opens a new one."""
    with Client() as client:
        answer = client.close_conversation(conversation_id)
    output.json(answer) if form is Format.JSON else output.line(f"Conversation {conversation_id} is closed.")


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    application.add_typer(conversations, name="conversations", rich_help_panel="What became of it")
