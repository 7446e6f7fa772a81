"""Consent: record who opted in or out, look a number up, list what is on record.

Numbers come in as typed and are kept as keyed hashes alone, under the secret that sends use too. An opt-out ends what
waits for the number in the transaction that records it; messages that were claimed a moment before are stopped in
Redis, best effort (I7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import limits, numbers
from sendout.domain.clock import Clock
from sendout.domain.consent import Scope, Word, decide
from sendout.domain.contact_points import ConsentPolicy, ContactPoint
from sendout.domain.errors import Reason, SendoutError, Violation, field_invalid
from sendout.domain.numbers import NumberProblem
from sendout.domain.permissions import Caller, Permission
from sendout.server.commands.refusals import known_contact_point, refuse_fields, visible_contact_point
from sendout.storage import audit, contact_points
from sendout.storage import consents as store
from sendout.storage.changes import FactsCache
from sendout.storage.consents import ORGANISATION, Consent, Source
from sendout.storage.engine import Database
from sendout.storage.ring import Rings

_SAID = {True: Word.OPTED_OUT, False: Word.OPTED_IN}
_CLOCKS_DIFFER_US = 300 * 1_000_000


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A word as a caller gave it. `state` and `scope` as the contract names them, time in microseconds since 1970."""

    phone_number: str
    scope: str
    contact_point_id: str
    state: str
    evidence: str = ""
    consent_time: int | None = None  # None: now
    time_problem: str = ""  # what is wrong with a time that cannot be read

    @property
    def opted_out(self) -> bool:
        return self.state == Word.OPTED_OUT

    def violations(self, now_us: int) -> list[Violation]:
        """What is wrong with everything but the number and the contact point's name."""
        found = []
        if self.state not in Word.__members__:
            found.append(Violation("state", f"Say OPTED_IN or OPTED_OUT. You gave {self.state[:80]!r}."))
        if self.scope not in Scope.__members__:
            found.append(Violation("scope", f"Say CONTACT_POINT or ORGANISATION. You gave {self.scope[:80]!r}."))
        elif (self.scope == Scope.CONTACT_POINT) != bool(self.contact_point_id):
            sentence = (
                f"Leave it empty with ORGANISATION. You gave {self.contact_point_id[:80]!r}."
                if self.contact_point_id
                else "Say which contact point, or choose the scope ORGANISATION."
            )
            found.append(Violation("contact_point_id", sentence))
        if len(self.evidence) > limits.MAX_EVIDENCE:
            sentence = f"At most {limits.MAX_EVIDENCE:,} characters. You gave {len(self.evidence):,}."
            found.append(Violation("evidence", sentence))
        elif "\x00" in self.evidence:
            found.append(Violation("evidence", "It has a NUL character, which cannot be kept. Remove it."))
        if self.time_problem:
            found.append(Violation("consent_time", self.time_problem))
        elif self.consent_time is not None and self.consent_time > now_us + _CLOCKS_DIFFER_US:
            found.append(Violation("consent_time", "It lies in the future. Give the time at which the word was given."))
        return found

    def time(self, now_us: int) -> int:
        """When it was said. A clock that runs ahead must not outdo what is said next."""
        return now_us if self.consent_time is None else min(self.consent_time, now_us)


class NumberReader:
    """Reads numbers for one contact point as a send from it would; without one, as none in particular."""

    def __init__(self, point: ContactPoint | None, unreal_carriers: frozenset[str]) -> None:
        self._region = point.default_region if point else ""
        self._allow_reserved = point.carrier in unreal_carriers if point else bool(unreal_carriers)

    def read(self, typed: str) -> str | NumberProblem:
        """E.164, or what is wrong with it."""
        number = numbers.parse(typed, self._region, allow_reserved=self._allow_reserved)
        return number if isinstance(number, NumberProblem) else number.e164


@dataclass(frozen=True, slots=True)
class Numbers:
    """What reading and keeping numbers takes; `unreal_carriers` reach no real phone and so take reserved numbers."""

    secret: bytes
    unreal_carriers: frozenset[str]

    def reader(self, point: ContactPoint | None) -> NumberReader:
        """For the numbers of one contact point."""
        return NumberReader(point, self.unreal_carriers)

    def key(self, e164: str) -> bytes:
        """What is kept of a number."""
        return numbers.number_key(e164, self.secret)


class Stops:
    """Who is told, after the commit, about numbers that opted out or in: the permits of these carriers."""

    def __init__(self, rings: Rings, carriers: frozenset[str]) -> None:
        self._rings = rings
        self._carriers = carriers

    async def tell(
        self, point: ContactPoint | None, *, stopped: Collection[bytes] = (), allowed: Collection[bytes] = ()
    ) -> None:
        """Best effort: where Redis is away, every later claim still asks SQL."""
        contact_point_id = point.id if point else ORGANISATION
        told = []
        for carrier in [point.carrier, *point.fallback_carriers] if point else sorted(self._carriers):
            if stopped:
                told.append(self._rings.stop(carrier, contact_point_id, *stopped))
            if allowed:
                told.append(self._rings.allow(carrier, contact_point_id, *allowed))
        await asyncio.gather(*told)


@dataclass(frozen=True, slots=True)
class Looked:
    """What is on record for a number: the words that apply, the narrower first, and whether it may be sent to."""

    e164: str
    words: Sequence[Consent]
    sendable: bool


class Consents:
    """The use cases of ConsentService but for the import."""

    def __init__(self, database: Database, clock: Clock, reading: Numbers, stops: Stops) -> None:
        self._database, self._clock, self._reading, self._stops = database, clock, reading, stops
        self._facts = FactsCache()

    async def record(self, caller: Caller, given: GivenConsent) -> tuple[str, Consent]:
        """Keep a word; answers the number in E.164 and the word that holds now, which a later one may be."""
        caller.require(Permission.ADMINISTER)
        now = self._clock.now_us()
        refuse_fields([Violation(f"consent.{v.field}", v.description) for v in given.violations(now)])
        point = await self._point(given.contact_point_id)
        e164 = self._number("consent.phone_number", given.phone_number, point)
        key = self._reading.key(e164)
        word = Consent(
            number_key=key,
            contact_point_id=given.contact_point_id,
            opted_out=given.opted_out,
            source=Source.RECORDED,
            evidence=given.evidence,
            principal_id=caller.principal_id,
            consent_time=given.time(now),
            update_time=now,
        )
        async with self._database.write() as connection:
            recorded = await store.record(connection, [word])
            changed = recorded.changed
            standing = (await store.words_of(connection, word.contact_point_id, key))[0]
            if changed:
                await self._audit(connection, caller, word)
                stopped = [key] if word.opted_out else []
                await store.suppress_waiting(
                    connection, self._facts, word.contact_point_id, stopped, now, recorded.events
                )
        if changed and word.opted_out:
            await self._stops.tell(point, stopped=[key])
        elif changed:
            await self._stops.tell(point, allowed=[key])
        return e164, standing

    async def get(self, caller: Caller, phone_number: str, contact_point_id: str) -> Looked:
        """The words of a number that apply to a contact point, or to the organisation where none is named."""
        async with self._database.read() as connection:
            point = await visible_contact_point(connection, caller, contact_point_id) if contact_point_id else None
            e164 = self._number("phone_number", phone_number, point)
            words = await store.words_of(connection, contact_point_id, self._reading.key(e164))
        may = sendable(point.consent_policy if point else ConsentPolicy.BLOCK_OPTED_OUT, words)
        if not words:
            ending = "may be sent to." if may else "may not be sent to: this contact point needs an opt-in first."
            raise SendoutError(
                Reason.CONSENT_NOT_FOUND, f"Nothing is on record for {phone_number[:64]!r}, so it {ending}"
            )
        return Looked(e164, words, may)

    async def list_page(
        self, caller: Caller, limit: int, after: tuple[int, bytes, str] | None, contact_point_id: str, state: str
    ) -> list[Consent]:
        """Words, the last recorded first. `state` as the contract names it; empty: both."""
        caller.require(Permission.ADMINISTER)
        if state and state not in Word.__members__:
            raise field_invalid("state", state, "Choose OPTED_IN or OPTED_OUT, or leave it out for both.")
        await self._point(contact_point_id)
        opted_out = state == Word.OPTED_OUT if state else None
        async with self._database.read() as connection:
            return await store.list_page(
                connection, limit, after, contact_point_id=contact_point_id, opted_out=opted_out
            )

    async def _point(self, contact_point_id: str) -> ContactPoint | None:
        """None for the organisation."""
        if contact_point_id == ORGANISATION:
            return None
        async with self._database.read() as connection:
            return known_contact_point(await contact_points.get(connection, contact_point_id), contact_point_id)

    def _number(self, field: str, typed: str, point: ContactPoint | None) -> str:
        number = self._reading.reader(point).read(typed)
        if isinstance(number, NumberProblem):
            sentence = f"{typed[:64]!r}: {numbers.describe(number)} ({number.value})"
            raise SendoutError(
                Reason.RECIPIENT_INVALID, f"{field}: {sentence}", violations=[Violation(field, sentence)]
            )
        return number

    async def _audit(self, connection: AsyncConnection, caller: Caller, word: Consent) -> None:
        who = f"{word.contact_point_id or 'organisation'}#{word.number_key[:5].hex()}"  # as in logs, never the number
        await audit.record(connection, caller, "RecordConsent", who, word.update_time)


def sendable(policy: ConsentPolicy, words: Sequence[Consent]) -> bool:
    """Whether the words that apply to a contact point allow sending from it."""
    said = {word.contact_point_id == ORGANISATION: _SAID[word.opted_out] for word in words}
    return decide(policy, said.get(False), said.get(True)).sendable
