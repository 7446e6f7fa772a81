"""`send`, `preview`, `watch` and `cancel`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sendout.cli import output, progress
from sendout.cli.arguments import InvalidNumbers, Output, examples, future, recipients
from sendout.cli.output import Format
from sendout.client import Client
from sendout.client.money import in_words
from sendout.v1.message_pb2 import Encoding
from sendout.v1.notification_pb2 import SkippedRecipient
from sendout.v1.notification_service_pb2 import PreviewNotificationResponse, SendNotificationResponse
from sendout.v1.recipient_pb2 import RECIPIENT_PROBLEM_REASON_DUPLICATE

To = Annotated[list[str] | None, typer.Option("--to", help="Numbers, separated by commas.")]
ToFile = Annotated[Path | None, typer.Option("--to-file", help="File with numbers, by line or comma; - is stdin.")]
ToCsv = Annotated[
    Path | None,
    typer.Option(
        "--to-csv", help="CSV with a column phone_number; the others are values for {{variables}} in the text."
    ),
]
Text = Annotated[str, typer.Option("--text", help="The text of the message.")]
ContactPoint = Annotated[
    str, typer.Option("--contact-point", help="Id of the contact point to send from; not needed where there is one.")
]
Topic = Annotated[str, typer.Option("--topic", help="Id of the topic to count under; the default topic otherwise.")]
MaxSegments = Annotated[int, typer.Option("--max-segments", min=1, max=10, help="Accept a text of up to so many SMS.")]
Invalid = Annotated[
    InvalidNumbers, typer.Option("--invalid-recipients", help="Refuse everything, or skip numbers that are wrong.")
]
Smart = Annotated[bool, typer.Option("--smart-encoding", help="Replace curly quotes and the like to keep it short.")]
Urgent = Annotated[bool, typer.Option("--urgent", help="Go ahead of others, quiet hours or not.")]
At = Annotated[str | None, typer.Option("--at", help="When to send: 2h, or 2026-03-01T09:00 (local time).")]
RequestId = Annotated[str, typer.Option("--request-id", help="Id of the attempt: repeating it cannot send twice.")]
Wait = Annotated[bool, typer.Option("--wait", help="Show the progress until every message is final.")]
NotificationId = Annotated[str, typer.Argument(metavar="ID", help="The notification's id.")]


def send(
    to: To = None,
    text: Text = "",
    to_file: ToFile = None,
    to_csv: ToCsv = None,
    contact_point: ContactPoint = "",
    topic: Topic = "",
    max_segments: MaxSegments = 1,
    invalid_recipients: Invalid = InvalidNumbers.REJECT,
    smart_encoding: Smart = False,
    urgent: Urgent = False,
    at: At = None,
    request_id: RequestId = "",
    wait: Wait = False,
    form: Output = Format.TEXT,
) -> None:
    """Send one text to many people.

    Recipients must have agreed to receive such messages: check the rules that apply to you before sending.
    The exit status is 0 only if every recipient was accepted (a number given twice is sent to once).
    """
    if not to and to_file is None and to_csv is None:
        raise typer.BadParameter("Say whom to send to, with --to, --to-file or --to-csv.", param_hint="--to")
    with Client() as client:
        sent = client.send(
            recipients(to or [], to_file, to_csv),
            text,
            contact_point=contact_point,
            topic=topic,
            max_segments=max_segments,
            skip_invalid=invalid_recipients is InvalidNumbers.SKIP,
            smart_encoding=smart_encoding,
            urgent=urgent,
            send_time=future(at) if at else None,
            request_id=request_id,
        )
        if form is Format.JSON:
            if wait:  # still one object: the answer, with the progress at the end
                sent.notification.progress.CopyFrom(client.wait(sent.notification.notification_id))
            output.json(sent)
        else:
            _confirm(sent)
            _finish(client, sent, wait)
    if any(one.reason != RECIPIENT_PROBLEM_REASON_DUPLICATE for one in sent.skipped):
        raise typer.Exit(1)


def _confirm(sent: SendNotificationResponse) -> None:
    notification = sent.notification
    output.line(
        f"Accepted: {output.count(sent.accepted_count, 'message')} from {notification.contact_point_id}, "
        f"topic {notification.topic_id}, {output.count(notification.segments, 'segment')} each."
    )
    output.line(f"Notification: {notification.notification_id}")
    if sent.replayed:
        output.line("This request was accepted before; nothing new was sent.")
    for warning in sent.warnings:
        output.line(f"Note: {warning}")


def _finish(client: Client, sent: SendNotificationResponse, wait: bool) -> None:
    skipped, notification_id = list(sent.skipped), sent.notification.notification_id
    if wait:
        progress.follow(client, notification_id)
        progress.problems(client, notification_id, skipped)
        return
    if skipped:
        output.line("\nLeft out:")
        output.table(("Number", "Why"), [_why(one) for one in skipped])
    output.line(f"Follow it with: sendout watch {notification_id}")


def _why(one: SkippedRecipient) -> tuple[str, str]:
    return one.phone_number, one.description


def preview(
    to: To = None,
    text: Text = "",
    to_file: ToFile = None,
    to_csv: ToCsv = None,
    contact_point: ContactPoint = "",
    topic: Topic = "",
    max_segments: MaxSegments = 1,
    invalid_recipients: Invalid = InvalidNumbers.REJECT,
    smart_encoding: Smart = False,
    urgent: Urgent = False,
    at: At = None,
    form: Output = Format.TEXT,
) -> None:
    """Check what send would do, and send nothing.

    Shows segments, cost, problem numbers and the estimated finish. The exit status is 0 also where send would refuse;
    the answer says so.
    """
    with Client() as client:
        answer = client.preview(
            recipients(to or [], to_file, to_csv),
            text,
            contact_point=contact_point,
            topic=topic,
            max_segments=max_segments,
            skip_invalid=invalid_recipients is InvalidNumbers.SKIP,
            smart_encoding=smart_encoding,
            urgent=urgent,
            send_time=future(at) if at else None,
        )
    output.json(answer) if form is Format.JSON else _show_preview(answer)


def _show_preview(answer: PreviewNotificationResponse) -> None:
    encoding = output.word(Encoding, answer.encoding).upper().replace(" ", "-")
    unpriced = "not known: some have no price (sendout prices set)" if answer.billable_segments else ""
    output.facts(
        [
            ("Would be accepted", "yes" if answer.sendable else "no"),
            ("Messages", f"{answer.message_count:,}"),
            ("Segments each", f"{answer.segments:,} ({encoding}, the contact point allows {answer.max_segments})"),
            ("Characters", f"{answer.characters_used:,} used, {answer.characters_left:,} left in this segment"),
            ("Characters that need UCS-2", _forcing(answer)),
            ("Smart encoding", _smart(answer)),
            ("Billable segments", f"{answer.billable_segments:,}"),
            ("Cost", in_words(answer.estimated_cost) if answer.HasField("estimated_cost") else unpriced),
            ("Held by quiet hours", f"{answer.held_count:,}" if answer.held_count else ""),
            ("Last one leaves about", output.local(answer.estimated_finish_time)),
            ("First one reads", answer.sample_text if answer.variables else ""),
        ]
    )
    if answer.acknowledgement_needed:
        output.line(
            f"Warning: the text is split into {answer.segments} SMS, and each is billed. "
            f"Shorten it, or accept that with --max-segments {answer.segments}."
        )
    for problem in answer.problems:
        output.line(f"Problem: {problem.description}")
    for hint in answer.hints:
        output.line(f"Hint: {hint.description}")
    wrong = [(one.phone_number, one.description) for one in answer.recipients if one.description]
    if wrong:
        output.line("\nProblem numbers:")
        output.table(("Number", "Why"), wrong)


def _forcing(answer: PreviewNotificationResponse) -> str:
    """The characters, and what they cost."""
    if not answer.ucs2_characters:
        return ""
    without = answer.segments_without_ucs2_characters
    price = f" (without them: {output.count(without, 'segment')})" if without < answer.segments else ""
    return " ".join(answer.ucs2_characters) + price


def _smart(answer: PreviewNotificationResponse) -> str:
    smart = answer.smart_encoding
    if not smart.applies:
        return ""
    done = "replaces" if smart.enabled else "off; would replace"
    segments = f"{output.count(smart.segments_before, 'segment')} → {smart.segments_after}"
    return f"{done} {output.count(len(smart.replacements), 'character')} ({segments})"


def watch(notification_id: NotificationId, form: Output = Format.TEXT) -> None:
    """Follow a notification until every message is final.

    With --output json every change is one line.
    """
    with Client() as client:
        if form is Format.JSON:
            for answer in client.watch(notification_id):
                output.json_line(answer)
            return
        last = progress.follow(client, notification_id)
        if last.trace_id:
            output.line(f"Trace: {last.trace_id}")
        progress.problems(client, notification_id, [])


def cancel(notification_id: NotificationId, form: Output = Format.TEXT) -> None:
    """Cancel the messages of a notification that have not left the queue."""
    with Client() as client:
        answer = client.cancel(notification_id)
    if form is Format.JSON:
        output.json(answer)
        return
    output.line(f"Canceled: {output.count(answer.canceled_count, 'message')}.")
    output.line(f"Now: {progress.summary(answer.progress)}.")


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    line = '--to "+14155550101, +14155550102" --text "Our garage had a power outage today."'
    panel = "Sending"
    application.command(
        rich_help_panel=panel,
        epilog=examples(
            f"sendout send {line}",
            f"sendout send {line} --topic outages --wait",
            'sendout send --to-csv customers.csv --text "Dear {{name}}, your table is ready."',
            'sendout send --to-file numbers.txt --text "…" --max-segments 2 --invalid-recipients skip',
        ),
    )(send)
    application.command(rich_help_panel=panel, epilog=examples(f"sendout preview {line}"))(preview)
    application.command(rich_help_panel=panel, epilog=examples("sendout watch 0199b2c4-…"))(watch)
    application.command(rich_help_panel=panel, epilog=examples("sendout cancel 0199b2c4-…"))(cancel)
