"""Receipts from carriers: stored raw and once, applied in the same transaction, and only then acknowledged.
Replies go the same way, in `replies`.

A receipt whose message is not on record yet is parked and looked at again; it never waits for its sender's process.
Rules: sms-domain.md 10.3, reliability.md I2 and I10.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.aggregation import after, combined
from sendout.domain.clock import Clock
from sendout.domain.ids import digest, parse_message_id
from sendout.domain.numbers import E164, number_key
from sendout.domain.states import FINAL, ReasonCode, State
from sendout.server.carriers.base import Receipt, Reply
from sendout.server.dispatch.measures import Measures
from sendout.server.dispatch.replies import Replies
from sendout.server.telemetry import Attribute, SpanName, Telemetry
from sendout.storage import adoption
from sendout.storage import receipts as store
from sendout.storage.adoption import Candidate
from sendout.storage.changes import Change, FactsCache, apply
from sendout.storage.consents import heard_from_carrier
from sendout.storage.engine import Database
from sendout.storage.keys import Key
from sendout.storage.parts import Part, Parts, keep_parts, lock_parts
from sendout.storage.receipts import Reference, Referred

_BATCH = 500
_SEEKING = 200
_PARKED_FOR_S = 600
_LONGEST_CODE = 32


@dataclass(frozen=True, slots=True)
class Matching:
    """How receipts find their messages: the key of number hashes, the carrier accounts that tell of each part on its
    own, and how far from a submit the receipt of a lost answer may say it was (seconds)."""

    number_secret: bytes
    per_part: frozenset[str]
    window: float


@dataclass(frozen=True, slots=True)
class _Told:
    """A receipt whose message is known."""

    refers: Referred
    ref: str
    state: State
    reason: ReasonCode


class _Applied(NamedTuple):
    """How many receipts contradict what was said before, and who opted out by them."""

    conflicts: int = 0
    stopped: Sequence[tuple[str, str, bytes]] = ()


class StoredIntake:
    """The `Intake` of carriers."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        telemetry: Telemetry,
        measures: Measures,
        matching: Matching,
        replies: Replies,
    ) -> None:
        self._database = database
        self._clock = clock
        self._telemetry = telemetry
        self._measures = measures
        self._matching = matching
        self._log = structlog.get_logger("sendout.intake")
        self._facts = FactsCache()
        self._replies = replies

    async def receipts(self, carrier: str, receipts: Sequence[Receipt]) -> None:
        """Store and apply receipts, at most 500 in a transaction. Returns after the commit."""
        sound = [replace(r, ref=store.kept(r.ref), code=_plain(r.code)) for r in receipts]
        for start in range(0, len(sound), _BATCH):
            await self._store(carrier, sound[start : start + _BATCH])

    async def _store(self, carrier: str, receipts: Sequence[Receipt]) -> None:
        now = self._clock.now_us()
        by_id = {_receipt_id(carrier, receipt): receipt for receipt in receipts}
        async with self._database.write() as connection:
            known = await store.find_references(connection, carrier, sorted({r.ref for r in receipts}))
            await self._adopt_echoed(connection, carrier, receipts, known)
            rows = [self._row(key, carrier, r, now, parked=r.ref not in known) for key, r in by_id.items()]
            fresh = await store.insert_receipts(connection, rows)
            told = [
                _Told(known[r.ref], r.ref, r.state, r.reason)
                for key, r in by_id.items()
                if key in fresh and r.ref in known
            ]
            conflicts, stopped = await self._apply(connection, carrier, told, now)
        await self._replies.stop(stopped)
        self._measures.receipts(
            carrier,
            {
                "applied": len(told) - conflicts,
                "conflict": conflicts,
                "parked": len(fresh) - len(told),
                "repeated": len(receipts) - len(fresh),
            },
        )

    async def _adopt_echoed(
        self, connection: AsyncConnection, carrier: str, receipts: Sequence[Receipt], known: dict[str, Referred]
    ) -> None:
        """A receipt that echoes our id settles a message without an answer: its reference is kept from now on.

        The answer may be on its way (SENDING), or lost with the process that waited for it.
        """
        echoed = {r.ref: key for r in receipts if r.ref not in known and (key := parse_message_id(r.message_id))}
        if not echoed:
            return
        wanted: defaultdict[Key, list[str]] = defaultdict(list)
        for ref, key in echoed.items():
            wanted[key].append(ref)
        found = await adoption.by_id(connection, carrier, sorted(wanted))
        room = {key: candidate.room(carrier in self._matching.per_part) for key, candidate in found.items()}
        await self._adopt(
            connection,
            carrier,
            [(found[key], refs[: max(0, room[key])]) for key, refs in wanted.items() if key in found],
        )
        # Read back: of two that say the same at once, the first is right.
        known.update(await store.find_references(connection, carrier, sorted(echoed)))

    async def _adopt(
        self, connection: AsyncConnection, carrier: str, chosen: Sequence[tuple[Candidate, Sequence[str]]]
    ) -> None:
        references: list[Reference] = []
        for candidate, refs in chosen:
            parts = candidate.expected(carrier in self._matching.per_part)
            first = candidate.refs + 1 if parts > 1 else 0
            references += (
                Reference(carrier, ref, part, *candidate.key, parts, candidate.refused)
                for part, ref in enumerate(refs, start=first)
            )
        await store.insert_references(connection, references)

    async def _apply(self, connection: AsyncConnection, carrier: str, told: Sequence[_Told], now: int) -> _Applied:
        """Apply receipts in their order; those of one message one after the other."""
        origins = (await self._facts.load(connection, {one.refers.key[0] for one in told})).values()
        with self._telemetry.batch_span(
            SpanName.RECEIPT, {(of.trace_id, of.span_id) for of in origins}, {Attribute.MESSAGES: len(told)}
        ):
            tells_of_parts = carrier in self._matching.per_part
            of_parts = [one for one in told if tells_of_parts and one.refers.parts > 1]
            wholes = [one for one in told if not (tells_of_parts and one.refers.parts > 1)]
            pending = [Change(*one.refers.key, one.state, one.reason) for one in wholes]
            from_parts, conflicts = await self._from_parts(connection, carrier, of_parts)
            changed, stopped = await self._change(connection, _with_proof([*pending, *from_parts]), now)
            conflicts += await self._count_conflicts(connection, pending, changed)
        if conflicts:
            self._log.warning("receipt_conflict", carrier=carrier, receipts=conflicts)
        return _Applied(conflicts, stopped)

    async def _change(
        self, connection: AsyncConnection, wanted: Sequence[Change], now: int
    ) -> tuple[set[tuple[Key, State]], Sequence[tuple[str, str, bytes]]]:
        """What was changed, and who opted out."""
        pending = list(wanted)
        opted_out = [(one.notification_id, one.index) for one in wanted if one.reason is ReasonCode.OPTED_OUT]
        heard = await heard_from_carrier(connection, opted_out, now)
        also, events = list(heard.changes), heard.events
        done: set[tuple[Key, State]] = set()
        while pending:
            first: dict[Key, Change] = {}
            later = []
            for change in pending:
                key = (change.notification_id, change.index)
                if key in first:
                    later.append(change)
                else:
                    first[key] = change
            # Only what has the event head last may follow: what else waits is ended in the first round.
            also = [change for change in also if (change.notification_id, change.index) not in first]
            changed = await apply(connection, self._facts, [*first.values(), *also], now, events)
            self._measures.changes(changed, self._facts, now)
            done |= {((change.notification_id, change.index), change.state) for change in changed}
            pending, also, events = later, [], ()
        return done, heard.stopped

    async def _from_parts(
        self, connection: AsyncConnection, carrier: str, told: Sequence[_Told]
    ) -> tuple[list[Change], int]:
        """What becomes of messages by the words on their parts, and how many words contradict earlier ones."""
        if not told:
            return [], 0
        messages = await lock_parts(connection, carrier, list({one.refers.key for one in told}))
        said: dict[str, Part] = {}
        conflicts = 0
        for one in told:
            part = messages[one.refers.key].known[one.ref]
            state = after(part.state, one.state)
            conflicts += _contradicts(one.state, state)
            if state is not part.state:
                part.state, part.reason = state, one.reason
                said[one.ref] = part
        await keep_parts(connection, carrier, said)
        return [Change(*key, *_combined(parts)) for key, parts in messages.items()], conflicts

    async def _count_conflicts(
        self, connection: AsyncConnection, wanted: Sequence[Change], changed: set[tuple[Key, State]]
    ) -> int:
        silent = [
            (key, change.state)
            for change in wanted
            if change.state in FINAL and (key := (change.notification_id, change.index), change.state) not in changed
        ]
        if not silent:
            return 0
        states = await store.message_states(connection, sorted({key for key, _ in silent}, key=str))
        return sum(_contradicts(said, states[key]) for key, said in silent if key in states)

    async def retry_parked(self, carrier: str) -> None:
        """Apply parked receipts of a carrier account whose message is on record by now, or is the only one that can be
        meant; give up on those that came long ago."""
        while await self._retry_parked(carrier) == _BATCH:
            pass

    async def _retry_parked(self, carrier: str) -> int:
        now = self._clock.now_us()
        async with self._database.write() as connection:
            adopted = await self._adopt_by_number(connection, carrier)
            rows = await store.parked(connection, carrier, _BATCH)
            conflicts, stopped = _Applied()
            if rows:
                await store.unpark(connection, [row.id for row in rows])
                told = [_Told(row.refers, row.ref, row.state, row.reason) for row in rows]
                conflicts, stopped = await self._apply(connection, carrier, told, now)
            orphans = await store.give_up(connection, now - _PARKED_FOR_S * 1_000_000)
        await self._replies.stop(stopped)
        self._measures.receipts(carrier, {"applied": len(rows) - conflicts, "conflict": conflicts, "adopted": adopted})
        for account, count in orphans.items():
            self._measures.receipts(account, {"orphan": count})
            self._log.warning("orphan_receipts", carrier=account, receipts=count)
        return len(rows)

    async def _adopt_by_number(self, connection: AsyncConnection, carrier: str) -> int:
        """Where exactly one message to the number lacks a reference, the receipt is of that one. Answers how many.

        A message that still waits for its answer counts as one that may be meant, and is left to its answer.
        """
        window = round(self._matching.window * 1e6)
        per_part = carrier in self._matching.per_part
        wanted: defaultdict[Key, dict[str, Candidate]] = defaultdict(dict)
        for one in await adoption.by_number(connection, carrier, _SEEKING):
            near = [
                candidate
                for candidate in one.candidates
                if candidate.room(per_part) > 0
                and candidate.submit_time is not None
                and abs(candidate.submit_time - one.time) <= window
            ]
            if len(near) == 1 and near[0].state is not State.SENDING:
                wanted[near[0].key][one.ref] = near[0]
        chosen = [
            (candidate, list(refs))
            for refs in wanted.values()
            for candidate in [next(iter(refs.values()))]
            if len(refs) <= candidate.room(per_part)  # with more of them some are of others, and none is sure
        ]
        await self._adopt(connection, carrier, chosen)
        return sum(len(refs) for _, refs in chosen)

    def _row(self, key: str, carrier: str, receipt: Receipt, now: int, *, parked: bool) -> dict[str, Any]:
        seeks = parked and E164.fullmatch(receipt.number)
        return {
            "id": key,
            "carrier": carrier,
            "ref": receipt.ref,
            "state": int(receipt.state),
            "reason": receipt.reason.value,
            "code": receipt.code,
            "carrier_time": receipt.carrier_time,
            "receive_time": now,
            "parked": parked,
            "raw": json.dumps(dict(receipt.raw)),
            "number_key": number_key(receipt.number, self._matching.number_secret) if seeks else None,
            "submit_time": receipt.submit_time,
        }

    async def replies(self, carrier: str, replies: Sequence[Reply]) -> None:
        """Store and handle replies. Returns after the commit."""
        await self._replies.take(carrier, replies)


def _with_proof(changes: Sequence[Change]) -> list[Change]:
    """A carrier whose last word is "I took it" has taken it: that comes first, and is counted."""
    proven: list[Change] = []
    for change in changes:
        if change.state is State.UNKNOWN:
            proven.append(replace(change, state=State.SENT, reason=ReasonCode.NONE))
        proven.append(change)
    return proven


def _combined(parts: Parts) -> tuple[State, ReasonCode]:
    states = [part.state for part in parts.known.values()] + [State.REJECTED] * parts.refused
    state = combined(states, max(parts.expected, len(states)))
    if state in (State.SENT, State.DELIVERED):
        return state, ReasonCode.NONE
    reasons = [part.reason for part in parts.known.values() if part.state in FINAL and part.reason]
    return state, (reasons or [ReasonCode.CARRIER_REFUSED if parts.refused else ReasonCode.NONE])[0]


def _contradicts(said: State, kept: State) -> bool:
    """Whether two last words on the same thing differ; UNKNOWN is none."""
    return said is not kept and {said, kept} <= FINAL and State.UNKNOWN not in (said, kept)


def _plain(code: str) -> str:
    return "".join(filter(str.isprintable, code))[:_LONGEST_CODE]


def _receipt_id(carrier: str, receipt: Receipt) -> str:
    """Equal for the same receipt told twice: carrier, reference, part, state, code and the carrier's own time."""
    return digest(carrier, receipt.ref, receipt.part, int(receipt.state), receipt.code, receipt.carrier_time)
