"""Following a notification: a live bar on a terminal, plain lines elsewhere, and what was not delivered at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from sendout.cli import output
from sendout.client import Client
from sendout.v1 import message_pb2
from sendout.v1.message_pb2 import MessageState
from sendout.v1.notification_pb2 import NotificationProgress, SkippedRecipient
from sendout.v1.notification_service_pb2 import WatchNotificationResponse

_NOT_DELIVERED = (
    message_pb2.MESSAGE_STATE_PARTIALLY_DELIVERED,
    message_pb2.MESSAGE_STATE_UNDELIVERED,
    message_pb2.MESSAGE_STATE_EXPIRED,
    message_pb2.MESSAGE_STATE_REJECTED,
    message_pb2.MESSAGE_STATE_FAILED,
    message_pb2.MESSAGE_STATE_SUPPRESSED,
    message_pb2.MESSAGE_STATE_CANCELED,
    message_pb2.MESSAGE_STATE_UNKNOWN,
)
_FINAL = (message_pb2.MESSAGE_STATE_DELIVERED, *_NOT_DELIVERED)
_MOST_ROWS = 1_000
_PLAIN_EVERY_S = 1.0


def follow(client: Client, notification_id: str) -> WatchNotificationResponse:
    """Show the progress until every message is final; answers with the last one."""
    answers = client.watch(notification_id)
    return _drawn(answers) if output.on_terminal() else _in_lines(answers)


def _drawn(answers: Iterator[WatchNotificationResponse]) -> WatchNotificationResponse:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns) as bar:
        task = bar.add_task("", total=None)
        for answer in answers:
            progress = answer.progress
            bar.update(task, total=progress.total, completed=final(progress), description=summary(progress))
    return answer


def _in_lines(answers: Iterator[WatchNotificationResponse]) -> WatchNotificationResponse:
    """At most a line a second, so that a log of a large send stays readable; the last one always."""
    shown = 0.0
    for answer in answers:
        if answer.progress.done or time.monotonic() - shown >= _PLAIN_EVERY_S:
            output.line(f"{final(answer.progress):,} of {answer.progress.total:,} final: {summary(answer.progress)}")
            shown = time.monotonic()
    return answer


def final(progress: NotificationProgress) -> int:
    """How many messages have come to their end."""
    return sum(one.count for one in progress.counts if one.state in _FINAL)


def summary(progress: NotificationProgress) -> str:
    """`5 queued, 2 delivered; the last leaves about 14:03:20`."""
    counts = sorted(progress.counts, key=lambda one: one.state)
    text = ", ".join(f"{one.count:,} {output.word(MessageState, one.state)}" for one in counts) or "nothing yet"
    finish = output.local(progress.estimated_finish_time)
    return f"{text}; the last leaves about {finish}" if finish else text


def problems(client: Client, notification_id: str, skipped: list[SkippedRecipient]) -> None:
    """The numbers that were left out or not reached, each with plain words."""
    rows = [(one.phone_number, "left out", one.description) for one in skipped]
    found = client.messages(notification_id, states=_NOT_DELIVERED, page_size=_MOST_ROWS)
    listed = list(islice(found, _MOST_ROWS + 1))
    rows += [
        (message.phone_number or "(erased)", output.word(MessageState, message.state), message.reason_text)
        for message in listed[:_MOST_ROWS]
    ]
    if rows:
        output.line("\nNot delivered:")
        output.table(("Number", "State", "Why"), rows)
    if len(listed) > _MOST_ROWS:
        output.line(f"… and more than these {_MOST_ROWS:,}.")
