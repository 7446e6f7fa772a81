"""`consents`: who wants messages and who does not."""

from __future__ import annotations

import csv
import io
import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from sendout.cli import output
from sendout.cli.arguments import Output, examples, past
from sendout.cli.output import Format
from sendout.client import Client, SendoutError, consent
from sendout.v1 import consent_pb2
from sendout.v1.consent_pb2 import Consent, ConsentSource, ConsentState
from sendout.v1.consent_service_pb2 import ConsentProblem, ImportConsentsResponse

consents = typer.Typer(no_args_is_help=True, help="Record who wants messages and who does not.")

_COLUMNS = ("phone_number", "state", "contact_point", "evidence", "consent_time")
_STEP = 1_000  # rows between two looks at how far it is

Advance = Callable[[], None]
_NEEDED = frozenset({"phone_number", "state"})


class Word(StrEnum):
    """What people say."""

    OPTED_IN = "opted-in"
    OPTED_OUT = "opted-out"

    @property
    def wire(self) -> consent_pb2.ConsentState:
        """The same on the wire."""
        return {
            "OPTED_IN": consent_pb2.CONSENT_STATE_OPTED_IN,
            "OPTED_OUT": consent_pb2.CONSENT_STATE_OPTED_OUT,
        }[self.name]


Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The phone number; +… or as its contact point reads it.")]
ForPoint = Annotated[
    str, typer.Option("--contact-point", help="Id of the contact point; the whole organisation otherwise.")
]


@consents.command(
    "record",
    epilog=examples(
        'sendout consents record +14155550101 opted-out --evidence "By telephone, ticket 4711"',
        "sendout consents record +14155550101 opted-in --contact-point main --said 2026-03-01T09:00",
    ),
)
def record_consent(
    phone_number: Number,
    word: Annotated[Word, typer.Argument(metavar="opted-in|opted-out", help="What the person said.")],
    contact_point: ForPoint = "",
    evidence: Annotated[str, typer.Option("--evidence", help="How it is known, at most 1,000 characters.")] = "",
    said: Annotated[str | None, typer.Option("--said", help="When: 2d, 2026-03-01T09:00; now otherwise.")] = None,
    form: Output = Format.TEXT,
) -> None:
    """Record what a person said by telephone, by letter or in a shop.

    An opt-out holds at once: what waits for the number is not sent. A word that is older than the one on record changes
    nothing, and the answer shows the one that holds. STOP and START by text message are recorded by themselves.
    """
    with Client() as client:
        answer = client.record_consent(
            phone_number,
            word.wire,
            contact_point=contact_point,
            evidence=evidence,
            consent_time=past(said) if said else None,
        )
    if form is Format.JSON:
        output.json(answer)
        return
    kept = answer.consent
    said_at = output.local(kept.consent_time)
    output.line(f"{kept.phone_number}, {_scope(kept)}: {output.word(ConsentState, kept.state)}, said {said_at}.")
    if kept.state != word.wire:
        output.note("A later word is on record; it stays.")


@consents.command("get", epilog=examples("sendout consents get +14155550101 --contact-point main"))
def get_consent(phone_number: Number, contact_point: ForPoint = "", form: Output = Format.TEXT) -> None:
    """Show what is on record for a number, and whether it may be sent to.

    An opt-out of the contact point or of the whole organisation blocks. Where the contact point requires an opt-in, one
    of either is needed besides.
    """
    with Client() as client:
        answer = client.get_consent(phone_number, contact_point=contact_point)
    if form is Format.JSON:
        output.json(answer)
        return
    output.table(_HEADINGS, map(_row, answer.consents))
    output.line(f"It {'may' if answer.sendable else 'may not'} be sent to.")


@consents.command("list", epilog=examples("sendout consents list --state opted-out --contact-point main --limit 100"))
def list_consents(
    contact_point: Annotated[str, typer.Option("--contact-point", help="Only words for this contact point.")] = "",
    state: Annotated[Word | None, typer.Option("--state", help="Only opt-ins or only opt-outs.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to show at most.")] = 100,
    form: Output = Format.TEXT,
) -> None:
    """List what was recorded last, without numbers: only their keyed hashes are kept."""
    wanted = state.wire if state else consent_pb2.CONSENT_STATE_UNSPECIFIED
    with Client() as client:
        answer = next(client.consents(contact_point=contact_point, state=wanted, page_size=limit).pages())
    if form is Format.JSON:
        output.json(answer)
        return
    output.table(_HEADINGS, map(_row, answer.consents), "Nothing on record.")


_HEADINGS = ("For", "Word", "Said", "How", "By", "Evidence")


def _row(one: Consent) -> tuple[str, ...]:
    return (
        _scope(one),
        output.word(ConsentState, one.state),
        output.local(one.consent_time),
        output.word(ConsentSource, one.source),
        one.principal_id or "-",
        one.evidence,
    )


def _scope(one: Consent) -> str:
    return one.contact_point_id or "the whole organisation"


@consents.command(
    "import",
    epilog=examples("sendout consents import words.csv", "sendout consents import - --output json < words.csv")
    + "\n\nA file begins with its columns, in any order: phone_number,state,contact_point,evidence,consent_time. "
    "The first two are needed. state is opted-in or opted-out; contact_point empty means the whole organisation; "
    "consent_time such as 2026-03-01T09:00, empty means now.",
)
def import_consents(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="CSV file with a line of headings; - is stdin.")],
    form: Output = Format.TEXT,
) -> None:
    """Record up to 1,000,000 words from a CSV file.

    Problem rows are left out and listed by line; the exit status is 0 only if there were none. Give consent_time where
    it is known: a row without one counts as said now, and outdoes what the person said since. A repeat does no harm.
    """
    rows = _Rows()
    with Client() as client, _opened(file) as lines, _bar(file, lines) as advance:
        try:
            answer = client.import_consents(rows.read(lines, advance))
        except SendoutError as refusal:
            raise _by_line(refusal, rows) from None
    _in_terms_of_the_file(answer, rows)
    left_out = rows.count - answer.recorded_count - answer.unchanged_count
    output.json(answer) if form is Format.JSON else _show(answer, rows, left_out)
    if left_out:
        raise typer.Exit(1)


def _by_line(refusal: SendoutError, rows: _Rows) -> SendoutError:
    """A refusal of the whole import because of one row, with that row's line."""
    for violation in refusal.violations:
        if place := re.match(r"consents\[(\d+)\]", violation.field):
            refusal.message = f"Line {rows.lines[rows.sent[int(place[1])]]}: {refusal.message}"
    return refusal


def _in_terms_of_the_file(answer: ImportConsentsResponse, rows: _Rows) -> None:
    """Places of problem rows as those of the file, together with the rows that were not sent at all."""
    for problem in answer.problems:
        problem.index = rows.sent[problem.index]
    answer.problems.extend(rows.problems)
    answer.problems.sort(key=lambda problem: problem.index)


def _show(answer: ImportConsentsResponse, rows: _Rows, left_out: int) -> None:
    output.line(f"Recorded: {output.count(answer.recorded_count, 'word')}.")
    if answer.unchanged_count:
        output.line(f"On record already, or older than what is: {output.count(answer.unchanged_count, 'word')}.")
    if not left_out:
        return
    output.line(f"\nLeft out: {output.count(left_out, 'row')}.")
    listed = [(rows.lines[one.index], one.phone_number, one.description) for one in answer.problems]
    output.table(("Line", "Number", "Why"), listed)
    if left_out > len(listed):
        output.line(f"… and {left_out - len(listed):,} more.")


@dataclass
class _Rows:
    """The rows of a file as words, and where each stands."""

    lines: array[int] = field(default_factory=lambda: array("l"))  # line by row
    sent: array[int] = field(default_factory=lambda: array("l"))  # row by place in what was sent
    problems: list[ConsentProblem] = field(default_factory=list)  # rows that could not be sent; index is the row

    @property
    def count(self) -> int:
        """Rows in all."""
        return len(self.lines)

    def read(self, lines: TextIO, advance: Advance) -> Iterator[Consent]:
        """The words, one by one. Raises BadParameter where the file is no such CSV."""
        reader = csv.DictReader(lines, strict=True)
        try:
            reader.fieldnames = _columns(reader.fieldnames or ())
            for row in reader:
                if not any(row.values()):
                    continue
                self.lines.append(reader.line_num)
                word = self._word({name: row.get(name) or "" for name in _COLUMNS})
                if word is not None:
                    self.sent.append(self.count - 1)
                    yield word
                if self.count % _STEP == 0:
                    advance()
            advance()
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise typer.BadParameter(f"It cannot be read: {error}.", param_hint="FILE.csv") from None

    def _word(self, row: dict[str, str]) -> Consent | None:
        number = (
            row["phone_number"].strip().removeprefix("'")
        )  # as exports write it, so that no spreadsheet computes it
        try:
            return consent(
                number,
                Word(row["state"].strip().lower().replace("_", "-").replace(" ", "-")).wire,
                contact_point=row["contact_point"].strip(),
                evidence=row["evidence"],
                consent_time=past(row["consent_time"].strip()) if row["consent_time"].strip() else None,
            )
        except typer.BadParameter as error:
            sentence = f"consent_time: {error.message}"
        except ValueError:
            sentence = f"state: Write opted-in or opted-out. The file has {row['state'][:80]!r}."
        self.problems.append(ConsentProblem(index=self.count - 1, phone_number=number[:64], description=sentence))
        return None


def _columns(found: Iterable[str]) -> list[str]:
    names = [name.strip("\ufeff \t") for name in found]
    missing, unknown = sorted(_NEEDED - set(names)), sorted(set(names) - set(_COLUMNS))
    if missing or unknown:
        wrong = f"{' and '.join(missing)} missing" if missing else f"{', '.join(map(repr, unknown))[:200]} unknown"
        raise typer.BadParameter(
            f"The first line must name the columns ({', '.join(_COLUMNS)}), but has {wrong}.", param_hint="FILE.csv"
        )
    return names


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}.", param_hint="FILE.csv") from None
    with opened, io.TextIOWrapper(opened, encoding="utf-8-sig", newline="") as lines:
        yield lines


@contextmanager
def _bar(file: Path, lines: TextIO) -> Iterator[Advance]:
    """On a terminal a bar that says how much of the file is read, and then that the server is recording."""
    if not output.on_terminal():
        yield lambda: None
        return
    size = None if str(file) == "-" else file.stat().st_size
    with Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()) as progress:
        task = progress.add_task("Reading", total=size)

        def advance() -> None:
            read = lines.buffer.tell() if size is not None else 0
            progress.update(task, completed=read, description="Recording" if read == size else "Reading")

        yield advance


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    application.add_typer(consents, name="consents", rich_help_panel="Setting up")
