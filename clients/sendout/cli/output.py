"""Everything that is printed: tables, plain lines, JSON, errors.

On a terminal rich draws; anywhere else come plain lines without control codes, one record a line. Texts from outside
lose their control characters first: they must not be able to steer a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from enum import StrEnum
from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sendout.client import DeadlineExceeded, SendoutError, Unavailable
from sendout.client.words import word as word

Item = TypeVar("Item")

_PROSE = 20  # least width of a last column
_OPTIONS = {"contact_point_id": "--contact-point", "topic_id": "--topic", "text": "--text"}


class Format(StrEnum):
    """What `--output` takes."""

    TEXT = "text"
    JSON = "json"


def on_terminal() -> bool:
    """Whether someone looks at the output as it comes."""
    return sys.stdout.isatty()


def clean(text: object) -> str:
    """One line without control characters."""
    return "".join(char if char.isprintable() else " " for char in str(text))


def line(text: str = "") -> None:
    """One line of output."""
    print("\n".join(clean(part) for part in text.split("\n")), flush=True)


def note(text: str) -> None:
    """One line for the person, not for the pipe: it goes to stderr."""
    print("\n".join(clean(part) for part in text.split("\n")), file=sys.stderr, flush=True)


def counted(items: Iterable[Item], what: str) -> Iterator[Item]:
    """The items, with their count so far on stderr where it is a terminal and stdout goes elsewhere."""
    if not sys.stderr.isatty() or on_terminal():
        yield from items
        return
    columns = (SpinnerColumn(), TextColumn(f"{{task.completed:,}} {what}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None)
        for item in items:
            yield item
            progress.advance(task)


def json(message: Message) -> None:
    """A message as protobuf JSON: on one line, or indented where someone reads it."""
    indent = 2 if on_terminal() else None
    print(
        json_format.MessageToJson(
            message, indent=indent, always_print_fields_with_no_presence=True, ensure_ascii=False
        ),
        flush=True,
    )


def json_line(message: Message) -> None:
    """One message of a stream, always on one line."""
    print(json_format.MessageToJson(message, indent=None, always_print_fields_with_no_presence=True), flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "None.") -> None:
    """Rows under headings; numbers right-aligned. Without a terminal columns stand two blanks apart, never cut."""
    cells = [[clean(cell) for cell in row] for row in rows]
    if not cells:
        line(empty)
        return
    right = [all(_is_count(row[index]) for row in cells) for index in range(len(columns))]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    console = Console()
    # Ids and numbers are copied: where they would be broken over lines, plain lines serve better than a table.
    if on_terminal() and sum(widths[:-1]) + 2 * len(widths) + _PROSE <= console.width:
        _draw(console, columns, cells, right)
        return
    for row in [list(columns), *cells]:
        padded = [
            cell.rjust(width) if counts else cell.ljust(width)
            for cell, width, counts in zip(row, widths, right, strict=True)
        ]
        print("  ".join(padded).rstrip(), flush=True)


def _draw(console: Console, columns: Sequence[str], cells: list[list[str]], right: list[bool]) -> None:
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name, counts in zip(columns, right, strict=True):
        drawn.add_column(name, justify="right" if counts else "left", no_wrap=name != columns[-1])
    for row in cells:
        drawn.add_row(*map(Text, row))
    console.print(drawn)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line; those without a value are left out."""
    kept = [(name, clean(value)) for name, value in pairs if value not in ("", None)]
    width = max((len(name) for name, _ in kept), default=0)
    for name, value in kept:
        print(f"{name.ljust(width)}  {value}", flush=True)


def _is_count(cell: str) -> bool:
    return cell.replace(",", "").isdigit()


def local(time: Timestamp, absent: str = "") -> str:
    """A time in the local zone; `absent` where it is not set."""
    if not (time.seconds or time.nanos):
        return absent
    return time.ToDatetime(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def count(number: int, noun: str) -> str:
    """`1 message`, `2,000 messages`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def error(refusal: SendoutError) -> None:
    """A refusal on stderr: one sentence, each problem on its own line, and what to do."""
    note(f"sendout: {refusal.message}")
    for violation in refusal.violations:
        if violation.description in refusal.message:
            continue
        option = _OPTIONS.get(violation.field, violation.field)
        # The description of a number quotes it as it was typed; its place in the list helps no one here.
        note(
            f"  {violation.description}" if option.startswith("recipients[") else f"  {option}: {violation.description}"
        )
    for hint in _hints(refusal):
        note(hint)


def _hints(refusal: SendoutError) -> Iterable[str]:
    metadata, reason = refusal.metadata, refusal.reason
    if metadata.get("violations_left_out"):
        yield f"  … and {metadata['violations_left_out']} more; sendout preview shows all of them."
    if reason == "RECIPIENT_INVALID" and any(one.field.startswith("recipients") for one in refusal.violations):
        yield "With --invalid-recipients skip the others are sent to."
    if reason == "SEGMENTS_NOT_ACCEPTED" and (segments := metadata.get("segments")):
        yield f"Shorten the text, or accept {segments} SMS per message, each billed, with --max-segments {segments}."
    if reason in ("CREDENTIALS_MISSING", "CREDENTIALS_INVALID"):
        yield "Set SENDOUT_API_KEY, or put the key into the profile, which sendout up does for you."
    if refusal.retry_after is not None:
        yield f"Try again in {refusal.retry_after:.0f} s." if refusal.retry_after >= 1 else "Try again in a moment."
    if refusal.request_id and isinstance(refusal, Unavailable | DeadlineExceeded):
        yield (
            "It is not certain whether it was accepted. The same command with "
            f"--request-id {refusal.request_id} cannot send twice."
        )
