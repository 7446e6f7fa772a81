"""Import many words at once: checked as they come, written only once the client has ended its stream.

Memory: 27 bytes a row and its evidence, at most 128 MiB. The rows are gathered by contact point and by the first byte
of the number's key, so that they are written in the order of their keys whatever order they came in, and a number that
comes twice meets itself. Each few thousand words are one transaction with the messages that they suppress: it holds the
event head for a moment and no other writer up. What is broken off there is completed by a repeat of the same import.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sendout.domain import limits, numbers
from sendout.domain.clock import Clock
from sendout.domain.contact_points import ContactPoint
from sendout.domain.errors import Reason, SendoutError, Violation, field_invalid
from sendout.domain.numbers import NumberProblem
from sendout.domain.permissions import Caller, Permission
from sendout.server.commands.consents import GivenConsent, NumberReader, Numbers, Stops
from sendout.storage import audit, contact_points
from sendout.storage import consents as store
from sendout.storage.changes import FactsCache
from sendout.storage.consents import ORGANISATION, Consent, Source
from sendout.storage.engine import Database

MAX_PROBLEMS = 10_000
"""Problem rows that are listed; those beyond are left out all the same."""

_ROW = struct.Struct("<16s?qH")  # key, opted out, when it was said, bytes of evidence that follow
_MOST_BYTES = 128 * 1024 * 1024
_SLICE = 1_000
_BATCH = 3_000


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that is left out: its place in the stream, the number as typed, and what is wrong."""

    index: int
    typed: str
    problem: NumberProblem | None  # None: it lies elsewhere
    description: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import."""

    recorded: int
    unchanged: int
    problems: Sequence[RowProblem]


class ImportConsents:
    """The use case."""

    def __init__(self, database: Database, clock: Clock, reading: Numbers, stops: Stops) -> None:
        self.database, self.clock, self.reading, self.stops = database, clock, reading, stops
        self.facts = FactsCache()

    def begin(self, caller: Caller) -> Import:
        """An import that has no words yet."""
        caller.require(Permission.ADMINISTER)
        return Import(self, caller)


class _Gathered:
    """The words for one contact point, packed, by the first byte of their keys."""

    def __init__(self, point: ContactPoint | None, reader: NumberReader) -> None:
        self.point = point
        self.reader = reader
        self._packed = [bytearray() for _ in range(256)]

    def add(self, key: bytes, opted_out: bool, consent_time: int, evidence: bytes) -> None:
        self._packed[key[0]] += _ROW.pack(key, opted_out, consent_time, len(evidence)) + evidence

    def batches(self) -> Iterator[list[tuple[bytes, bool, int, str]]]:
        """The latest word of each number, in the order of keys, a few thousand at a time; forgets them on the way."""
        batch: list[tuple[bytes, bool, int, str]] = []
        for place, packed in enumerate(self._packed):
            batch += self._latest(packed)
            self._packed[place] = bytearray()
            while len(batch) >= _BATCH:
                yield batch[:_BATCH]
                del batch[:_BATCH]
        if batch:
            yield batch

    @staticmethod
    def _latest(packed: bytearray) -> list[tuple[bytes, bool, int, str]]:
        latest: dict[bytes, tuple[bytes, bool, int, str]] = {}
        place = 0
        while place < len(packed):
            key, opted_out, said, size = _ROW.unpack_from(packed, place)
            place += _ROW.size
            if key not in latest or said >= latest[key][2]:
                latest[key] = (key, opted_out, said, packed[place : place + size].decode())
            place += size
        return sorted(latest.values())


class Import:
    """An import whose words are coming in."""

    def __init__(self, command: ImportConsents, caller: Caller) -> None:
        self._command = command
        self._caller = caller
        self._begun = command.clock.now_us()
        self._gathered: dict[str, _Gathered] = {}
        self._rows = self._kept = self._bytes = 0
        self._problems: list[RowProblem] = []

    async def add(self, words: Sequence[GivenConsent]) -> None:
        """Take the words of one message, giving way to other work between slices.

        Raises FIELD_INVALID where there are too many, CONTACT_POINT_NOT_FOUND.
        """
        if len(words) > limits.MAX_IMPORT_PART:
            raise field_invalid(
                "consents", f"{len(words)} words", f"At most {limits.MAX_IMPORT_PART:,} in one message."
            )
        if self._rows + len(words) > limits.MAX_IMPORT:
            raise field_invalid(
                "consents", f"{self._rows + len(words)} words", f"At most {limits.MAX_IMPORT:,} in one import."
            )
        for start in range(0, len(words), _SLICE):
            for word in words[start : start + _SLICE]:
                await self._take(word)
                self._rows += 1
            await asyncio.sleep(0)

    async def _take(self, word: GivenConsent) -> None:
        violations = word.violations(self._begun)
        if violations:
            self._problem(word, None, " ".join(f"{v.field}: {v.description}" for v in violations))
            return
        gathered = self._gathered.get(word.contact_point_id) or await self._open(word.contact_point_id)
        number = gathered.reader.read(word.phone_number)
        if isinstance(number, NumberProblem):
            self._problem(word, number, numbers.describe(number))
            return
        evidence = word.evidence.encode()
        self._bytes += _ROW.size + len(evidence)
        if self._bytes > _MOST_BYTES:
            raise field_invalid(
                f"consents[{self._rows}].evidence",
                f"{self._bytes:,} bytes in all",
                "The evidence up to here is more than one import can hold. Import the rows in several parts.",
            )
        gathered.add(self._command.reading.key(number), word.opted_out, word.time(self._begun), evidence)
        self._kept += 1

    def _problem(self, word: GivenConsent, problem: NumberProblem | None, description: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(RowProblem(self._rows, word.phone_number[:64], problem, description))

    async def _open(self, contact_point_id: str) -> _Gathered:
        point = None
        if contact_point_id != ORGANISATION:
            async with self._command.database.read() as connection:
                point = await contact_points.get(connection, contact_point_id)
            if point is None:
                sentence = f"There is no contact point {contact_point_id[:80]!r}."
                raise SendoutError(
                    Reason.CONTACT_POINT_NOT_FOUND,
                    f"{sentence} Nothing was recorded: correct it and import again.",
                    violations=[Violation(f"consents[{self._rows}].contact_point_id", sentence)],
                    metadata={"id": contact_point_id[:80]},
                )
        gathered = _Gathered(point, self._command.reading.reader(point))
        self._gathered[contact_point_id] = gathered
        return gathered

    async def finish(self) -> Imported:
        """Write all words. Call it only once the client has ended its stream."""
        recorded = 0
        for contact_point_id in sorted(self._gathered):
            gathered = self._gathered[contact_point_id]
            audited = False
            for batch in gathered.batches():
                written = await self._write(gathered.point, self._words(contact_point_id, batch), audited)
                recorded += written
                audited = audited or written > 0
        return Imported(recorded, self._kept - recorded, self._problems)

    def _words(self, contact_point_id: str, batch: Sequence[tuple[bytes, bool, int, str]]) -> list[Consent]:
        now, recorder = self._command.clock.now_us(), self._caller.principal_id
        return [
            Consent(key, contact_point_id, opted_out, Source.IMPORTED, evidence, recorder, said, now)
            for key, opted_out, said, evidence in batch
        ]

    async def _write(self, point: ContactPoint | None, words: Sequence[Consent], audited: bool) -> int:
        """One transaction: these words and what they suppress. Answers how many changed anything."""
        command = self._command
        contact_point_id, now = words[0].contact_point_id, words[0].update_time
        async with command.database.write() as connection:
            recorded = await store.record(connection, words)
            changed = {key for _, key in recorded.changed}
            if not changed:
                return 0
            if not audited:
                what = contact_point_id or "organisation"
                await audit.record(connection, self._caller, "ImportConsents", what, now)
            stopped = [word.number_key for word in words if word.opted_out and word.number_key in changed]
            await store.suppress_waiting(connection, command.facts, contact_point_id, stopped, now, recorded.events)
        # Of a million numbers only those with a message on its way out are worth room in Redis.
        async with command.database.read() as connection:
            leaving = await store.being_sent(connection, contact_point_id, stopped)
        allowed = changed.difference(stopped)
        await command.stops.tell(point, stopped=leaving, allowed=allowed)
        return len(changed)
