"""`history` with `recent` and `export`, `message` and `events`."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from itertools import islice
from typing import Annotated

import typer

from sendout.cli import output
from sendout.cli.arguments import Output, TopicFilter, examples, past
from sendout.cli.output import Format
from sendout.client import EARLIEST, Client, NotFound
from sendout.client.cells import EXPORT_COLUMNS, exported
from sendout.v1.event_pb2 import DeliveryEvent, DeliveryEventType
from sendout.v1.history_service_pb2 import ListTopicTalliesResponse
from sendout.v1.message_pb2 import DeliveryIndicator, MessageDetail, MessageState
from sendout.v1.tally_pb2 import Tally

history = typer.Typer(invoke_without_command=True)

Since = Annotated[str | None, typer.Option("--since", help="From when: 7d, 12h, 2026-03-01 (local time).")]
Until = Annotated[str | None, typer.Option("--until", help="Until when, not included; now otherwise.")]
Topic = Annotated[str, typer.Option("--topic", help="Only this topic.")]
ContactPoint = Annotated[str, typer.Option("--contact-point", help="Only from this contact point.")]

_COUNTS = ("accepted", "sent", "delivered", "undelivered", "failed", "other", "segments")


@history.callback(
    epilog=examples(
        "sendout history --since 7d",
        "sendout history --since 2026-03-01 --until 2026-04-01 --topic outages",
        "sendout history recent outages --limit 20",
        "sendout history export --since 30d > messages.csv",
    )
)
def tallies(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    topic: Topic = "",
    contact_point: ContactPoint = "",
    state: Annotated[TopicFilter, typer.Option("--state", help="Which topics.")] = TopicFilter.ACTIVE,
    form: Output = Format.TEXT,
) -> None:
    """Count messages by topic.

    For an interval, or without --since from the first message on. Counts never fall.
    """
    if context.invoked_subcommand is not None:
        return
    with Client() as client:
        answer = client.tallies(
            start=_moment(since),
            end=_moment(until),
            state=(TopicFilter.BOTH if topic else state).wire,
            contact_point=contact_point,
        )
    if topic:
        answer = _only(answer, topic)
    if form is Format.JSON:
        output.json(answer)
        return
    rows = [(one.topic.topic_id, one.topic.label, *_counts(one.tally)) for one in answer.tallies]
    rows.append(("", "Total", *_counts(answer.total)))
    output.table(("Topic", "Label", *map(str.capitalize, _COUNTS)), rows)


def _only(answer: ListTopicTalliesResponse, topic: str) -> ListTopicTalliesResponse:
    for one in answer.tallies:
        if one.topic.topic_id == topic:
            return ListTopicTalliesResponse(tallies=[one], total=one.tally, time_zone=answer.time_zone)
    raise NotFound(f'There is no topic "{topic}". sendout topics list shows them.', reason="TOPIC_NOT_FOUND")


def _counts(tally: Tally) -> list[str]:
    return [f"{getattr(tally, name):,}" for name in _COUNTS]


def _moment(typed: str | None) -> datetime | None:
    return past(typed) if typed else None


@history.command(epilog=examples("sendout history recent outages --limit 20"))
def recent(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic's id.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to show at most.")] = 1000,
    form: Output = Format.TEXT,
) -> None:
    """List the 1,000 most recent messages of a topic, newest first."""
    with Client() as client:
        pages = client.recent(topic, page_size=limit)
        if form is Format.JSON:
            answer = pages.whole()
            del answer.messages[limit:]
            output.json(answer)
            return
        rows = [
            (
                one.phone_number or "(erased)",
                output.word(DeliveryIndicator, one.delivered),
                output.word(MessageState, one.state),
                output.local(one.accept_time),
                output.local(one.final_time, "-"),
                one.message_id,
                one.reason_text,
            )
            for one in islice(pages, limit)
        ]
    columns = ("Number", "Delivered", "State", "Accepted", "Final", "Message", "Why")
    output.table(columns, rows, "No messages yet.")


@history.command(epilog=examples("sendout history export --since 30d --topic outages > messages.csv"))
def export(
    since: Since = None,
    until: Until = None,
    topic: Topic = "",
    contact_point: ContactPoint = "",
    form: Output = Format.TEXT,
) -> None:
    """Write every message of an interval as CSV.

    Oldest first; with --output json one message a line.
    """
    with Client() as client:
        rows = client.export(start=_moment(since), end=_moment(until), topic=topic, contact_point=contact_point)
        counted = output.counted(rows, "messages exported")
        if form is Format.JSON:
            for row in counted:
                output.json_line(row)
            return
        writer = csv.writer(sys.stdout)
        first = [exported(row) for row in islice(counted, 1)]  # a refusal comes before the header
        writer.writerows([EXPORT_COLUMNS, *first])
        writer.writerows(map(exported, counted))


def message(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="The message's id.")], form: Output = Format.TEXT
) -> None:
    """Show one message: the text as sent and everything that became of it."""
    with Client() as client:
        answer = client.get_message(message_id)
    output.json(answer) if form is Format.JSON else _show_message(answer.message)


def _show_message(detail: MessageDetail) -> None:
    one = detail.message
    output.facts(
        [
            ("Message", one.message_id),
            ("To", one.phone_number or "(erased)"),
            ("From", f"{detail.sender} ({detail.contact_point_id})"),
            ("Topic", detail.topic_id),
            ("Text", detail.text or "(purged)"),
            ("Segments", one.segments),
            ("State", output.word(MessageState, one.state) + (", may still change" if detail.may_still_change else "")),
            ("Delivered", output.word(DeliveryIndicator, one.delivered)),
            ("Attempts", one.attempts),
            ("Possible duplicate", "yes" if detail.possible_duplicate else ""),
            ("Trace", detail.trace_id),
        ]
    )
    output.line()
    rows = [
        (output.local(step.time), output.word(MessageState, step.state), step.state_text, step.reason_text)
        for step in detail.changes
    ]
    output.table(("When", "State", "Meaning", "Why"), rows, "No changes are kept.")


def events(
    start: Annotated[str, typer.Option("--from", help="earliest, now, or the resume token to go on from.")] = "now",
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what happens from here.")] = False,
    topic: Annotated[list[str] | None, typer.Option("--topic", help="Only this topic; may be repeated.")] = None,
    contact_point: Annotated[
        list[str] | None, typer.Option("--contact-point", help="Only this contact point; may be repeated.")
    ] = None,
    notification: Annotated[str, typer.Option("--notification", help="Only this notification.")] = "",
    crm_system: Annotated[str, typer.Option("--crm-system", help="Only messages of this system's records.")] = "",
    form: Output = Format.TEXT,
) -> None:
    """Print delivery events in order.

    Every state change; with --output json one event a line. Without --follow it ends once it has caught up, which takes
    a few seconds to be sure of; stderr says with which token to go on.
    """
    token = {"earliest": EARLIEST, "now": ""}.get(start.lower(), start)
    with Client() as client:
        batches = client.event_batches(
            token,
            topics=topic or (),
            contact_points=contact_point or (),
            notification_id=notification,
            crm_system=crm_system,
        )
        try:
            for number, batch in enumerate(batches):
                for event in batch.events:
                    output.json_line(event) if form is Format.JSON else output.line(_in_words(event))
                token = batch.resume_token
                # The first answer only says where the stream begins; a later one without events is a heartbeat.
                if number and not (follow or batch.events):
                    break
        finally:
            if token not in ("", EARLIEST, start):
                output.note(f"Go on with: sendout events --from {token}")


def _in_words(event: DeliveryEvent) -> str:
    kind = output.word(DeliveryEventType, event.type)
    old, new = (output.word(MessageState, state) for state in (event.old_state, event.new_state))
    change = f"{old} → {new}" if event.old_state else new
    what = change if event.new_state and kind == "state changed" else kind
    parts = (
        output.local(event.event_time),
        event.message.message_id or event.contact_point_id,
        event.message.phone_number or event.reply.phone_number,
        what,
        event.reply.text or event.reason_text,
    )
    return "  ".join(part for part in parts if part)


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    panel = "What became of it"
    application.add_typer(history, name="history", rich_help_panel=panel)
    application.command(rich_help_panel=panel, epilog=examples("sendout message 0199b2c4-….0"))(message)
    application.command(
        rich_help_panel=panel,
        epilog=examples(
            "sendout events --from earliest --output json",
            "sendout events --follow --topic outages",
        ),
    )(events)
