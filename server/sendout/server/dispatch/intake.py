"""Receipts and replies from carriers: stored raw and once, applied in the same transaction, and only then acknowledged.

A receipt whose message is not on record yet is parked and looked at again; it never waits for its sender's process.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.clock import Clock
from sendout.domain.ids import parse_message_id
from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import Receipt, Reply
from sendout.server.dispatch.measures import Measures
from sendout.server.telemetry import Attribute, SpanName, Telemetry
from sendout.storage import receipts as store
from sendout.storage.changes import Change, FactsCache, apply
from sendout.storage.engine import Database

_BATCH = 500
_PARKED_FOR_S = 600

Key = tuple[uuid.UUID, int]


class StoredIntake:
    """The `Intake` of carriers."""

    def __init__(self, database: Database, clock: Clock, telemetry: Telemetry, measures: Measures) -> None:
        self._database = database
        self._clock = clock
        self._telemetry = telemetry
        self._measures = measures
        self._log = structlog.get_logger("sendout.intake")
        self._facts = FactsCache()

    async def receipts(self, carrier: str, receipts: Sequence[Receipt]) -> None:
        """Store and apply receipts, at most 500 in a transaction. Returns after the commit."""
        for start in range(0, len(receipts), _BATCH):
            await self._store(carrier, receipts[start : start + _BATCH])

    async def _store(self, carrier: str, receipts: Sequence[Receipt]) -> None:
        now = self._clock.now_us()
        by_id = {_receipt_id(carrier, receipt): receipt for receipt in receipts}
        async with self._database.write() as connection:
            known = await store.find_references(connection, carrier, sorted({r.ref for r in receipts}))
            await self._adopt(connection, carrier, receipts, known)
            rows = [_row(key, carrier, r, now, parked=r.ref not in known) for key, r in by_id.items()]
            fresh = await store.insert_receipts(connection, rows)
            wanted = [(known[r.ref], r.state, r.reason) for key, r in by_id.items() if key in fresh and r.ref in known]
            origins = (await self._facts.load(connection, {key[0] for key, _, _ in wanted})).values()
            with self._telemetry.batch_span(
                SpanName.RECEIPT, {(of.trace_id, of.span_id) for of in origins}, {Attribute.MESSAGES: len(wanted)}
            ):
                await self._apply(connection, wanted, now)

    async def _adopt(
        self, connection: AsyncConnection, carrier: str, receipts: Sequence[Receipt], known: dict[str, Key]
    ) -> None:
        """A receipt that echoes our id settles a message without an answer: its reference is kept from now on.

        The answer may be on its way (SENDING), or lost with the process that waited for it.
        """
        echoed = {r.ref: key for r in receipts if r.ref not in known and (key := parse_message_id(r.message_id))}
        if not echoed:
            return
        lost = await store.are_unanswered(connection, sorted(set(echoed.values()), key=lambda k: (k[0].int, k[1])))
        adopted = {ref: key for ref, key in echoed.items() if key in lost}
        await store.insert_references(
            connection, [store.Reference(carrier, ref, 0, *key) for ref, key in adopted.items()]
        )
        known.update(adopted)

    async def _apply(
        self, connection: AsyncConnection, wanted: Sequence[tuple[Key, State, ReasonCode]], now: int
    ) -> None:
        """Apply receipts in their order; those of one message one after the other."""
        pending = list(wanted)
        while pending:
            first: dict[Key, Change] = {}
            later = []
            for key, state, reason in pending:
                if key in first:
                    later.append((key, state, reason))
                else:
                    first[key] = Change(*key, state, reason)
            changed = await apply(connection, self._facts, list(first.values()), now)
            self._measures.changes(changed, self._facts, now)
            pending = later

    async def retry_parked(self) -> None:
        """Apply parked receipts whose message is on record by now; give up on those that came long ago."""
        now = self._clock.now_us()
        async with self._database.write() as connection:
            rows = await store.parked(connection, _BATCH)
            if rows:
                await store.unpark(connection, [row.id for row in rows])
                wanted = [
                    ((row.notification_id, row.message_index), State(row.state), ReasonCode(row.reason)) for row in rows
                ]
                await self._apply(connection, wanted, now)
            orphans = await store.give_up(connection, now - _PARKED_FOR_S * 1_000_000)
        if orphans:
            self._log.warning("orphan_receipts", receipts=orphans)

    async def replies(self, carrier: str, replies: Sequence[Reply]) -> None:
        """Store replies. Returns after the commit."""
        now = self._clock.now_us()
        rows = [
            {
                "id": _digest(carrier, reply.carrier_id),
                "carrier": carrier,
                "number": reply.number,
                "sender": reply.sender,
                "text": reply.text,
                "receive_time": now,
            }
            for reply in replies
        ]
        async with self._database.write() as connection:
            await store.insert_inbound(connection, rows)


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def _receipt_id(carrier: str, receipt: Receipt) -> str:
    """Equal for the same receipt told twice: carrier, reference, part, state, code and the carrier's own time."""
    return _digest(carrier, receipt.ref, receipt.part, int(receipt.state), receipt.code, receipt.carrier_time)


def _row(key: str, carrier: str, receipt: Receipt, now: int, *, parked: bool) -> dict[str, Any]:
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
    }
