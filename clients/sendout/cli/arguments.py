"""Arguments and options that several commands share, and how they are read."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from sendout.cli.output import Format
from sendout.v1 import topic_pb2
from sendout.v1.recipient_pb2 import Recipient

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Output = Annotated[Format, typer.Option("--output", help="json prints the answer as protobuf JSON.")]


class TopicFilter(StrEnum):
    """What `--state` takes."""

    ACTIVE = "active"
    DISABLED = "disabled"
    BOTH = "both"

    @property
    def wire(self) -> topic_pb2.TopicStateFilter:
        """The same on the wire."""
        return {
            "ACTIVE": topic_pb2.TOPIC_STATE_FILTER_ACTIVE,
            "DISABLED": topic_pb2.TOPIC_STATE_FILTER_DISABLED,
            "BOTH": topic_pb2.TOPIC_STATE_FILTER_BOTH,
        }[self.name]


class InvalidNumbers(StrEnum):
    """What `--invalid-recipients` takes."""

    REJECT = "reject"
    SKIP = "skip"


def examples(*lines: str) -> str:
    """Example commands as the end of a help page."""
    return "\n\n".join(["Examples:", *lines])


def past(typed: str) -> datetime:
    """`7d`, `12h`, or a date with or without a time; without a zone it is local."""
    return _moment(typed, -1)


def future(typed: str) -> datetime:
    """`90d`, `2h`, or a date with or without a time; without a zone it is local."""
    return _moment(typed, +1)


def _moment(typed: str, sign: int) -> datetime:
    now = datetime.now().astimezone()
    relative = re.fullmatch(r"\s*(\d{1,6})\s*([smhdw])\s*", typed, re.ASCII)
    try:
        if relative:
            return now + sign * timedelta(**{_UNITS[relative[2]]: int(relative[1])})
        return now if typed == "now" else datetime.fromisoformat(typed).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"'{typed}' is no time. Write 7d, 12h, 30m, 2026-03-01 or 2026-03-01T09:00.") from None


def recipients(to: list[str], file: Path | None, table: Path | None) -> Iterable[str | Recipient]:
    """Recipients from `--to`, `--to-file` and `--to-csv`; blanks and empty items do no harm (S22)."""
    typed = list(_numbers(to))
    if file is None and table is None:
        return typed
    return chain(_with_file(typed, file) if file else typed, _rows(table) if table else ())


_NUMBER_COLUMNS = ("phone_number", "phone number", "number", "phone", "mobile")


def _rows(table: Path) -> Iterator[Recipient]:
    """One recipient per row: the column with the numbers, all others as variables. An empty cell is no value."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, skipinitialspace=True)
            columns = [name.strip() for name in reader.fieldnames or ()]
            number = next((name for name in columns if name.lower() in _NUMBER_COLUMNS), None)
            if number is None:
                raise typer.BadParameter(
                    f"{table} has no column with numbers. Name one of its columns phone_number.", param_hint="--to-csv"
                )
            reader.fieldnames = columns
            for row in reader:
                cells = {name: (cell or "").strip() for name, cell in row.items() if name}
                values = {name: cell for name, cell in cells.items() if name != number and cell}
                yield Recipient(phone_number=cells[number], variables=values)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise typer.BadParameter(f"{table} cannot be read: {error}.", param_hint="--to-csv") from None


def _with_file(typed: list[str], file: Path) -> Iterator[str]:
    yield from typed
    if str(file) == "-":
        yield from _numbers(sys.stdin)
        return
    try:
        with file.open(encoding="utf-8-sig") as lines:
            yield from _numbers(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}.", param_hint="--to-file") from None


def _numbers(lines: Iterable[str]) -> Iterator[str]:
    for text in lines:
        yield from filter(None, map(str.strip, text.split(",")))
