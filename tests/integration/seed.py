"""Rows put straight into the tables, for tests of what reads them."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from sqlalchemy import insert

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.ids import uuid7
from sendout.domain.paging import PageTokens
from sendout.domain.permissions import Caller, Permission
from sendout.domain.states import FINAL, PROVES_SENT, State
from sendout.storage.engine import Database
from sendout.storage.tables import carrier_ref, event, message, notification, progress, tally_delta
from tests.integration.pipeline import add_contact_point, add_principal

T0 = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds."""

QUARTER, HOUR, DAY = 900_000_000, 3_600_000_000, 86_400_000_000

TOKENS = PageTokens(b"s" * 32)


def caller(*permissions: Permission, principal_id: str = "tester") -> Caller:
    """A caller with exactly these permissions."""
    return Caller(principal_id, "key1", "Tester", frozenset({"everyone"}), frozenset(permissions), "t" * 32)


def refusal(caught: pytest.ExceptionInfo[SendoutError]) -> Reason:
    """The reason of the SendoutError that was raised."""
    return caught.value.reason


class Seed:
    """Writes rows with a contact point "main" and a principal "tester"."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._positions = itertools.count(1)

    async def basics(self) -> None:
        """What notifications need to point at."""
        await add_principal(self.database, "tester")
        await add_contact_point(self.database, "main", segments_per_second=10.0)

    async def notification(
        self,
        states: Sequence[State],
        *,
        time_us: int = T0,
        texts: Sequence[str | None] | None = None,
        reason: str = "",
        **values: Any,
    ) -> uuid.UUID:
        """One notification with a message in each of these states, its counts and its accept event."""
        identifier = uuid7(time_us, os.urandom)
        columns = {
            "id": identifier,
            "contact_point_id": "main",
            "topic_id": "default",
            "principal_id": "tester",
            "carrier": "simulator",
            "sender": "+14155550001",
            "text": "Hello",
            "encoding": 1,
            "segments": 1,
            "message_count": len(states),
            "urgent": False,
            "create_time": time_us,
            "send_time": None,
            "expire_time": time_us + 3 * DAY,
            "labels": {},
            "trace_id": "ab" * 16,
            "span_id": "cd" * 8,
        } | values
        counts = {state.name.lower(): list(states).count(state) for state in set(states)}
        async with self.database.write() as connection:
            await connection.execute(insert(notification).values(**columns))
            await connection.execute(
                insert(progress).values(
                    notification_id=identifier,
                    contact_point_id=columns["contact_point_id"],
                    done=set(states) <= FINAL,
                    update_time=time_us,
                    **counts,
                )
            )
            rows = [
                self._message(identifier, index, state, time_us, reason, texts[index] if texts else None)
                for index, state in enumerate(states)
            ]
            await connection.execute(insert(message), rows)
        await self.event(identifier, 0, len(states) - 1, 0, State.QUEUED, time_us)
        return identifier

    def _message(
        self, identifier: uuid.UUID, index: int, state: State, time_us: int, reason: str, text: str | None
    ) -> dict[str, Any]:
        return {
            "notification_id": identifier,
            "index": index,
            "number": f"+1415555{index:04d}",
            "number_key": b"k" * 16,
            "state": int(state),
            "previous": int(State.QUEUED),
            "reason": reason,
            "segments": 1,
            "attempt": 1,
            "refusals": 0,
            "sent_time": time_us + 1_000_000 if state in PROVES_SENT else None,
            "final_time": time_us + 2_000_000 if state in FINAL else None,
            "text": text,
        }

    async def event(
        self, identifier: uuid.UUID, first: int, last: int, before: int, state: State, time_us: int, reason: str = ""
    ) -> None:
        """One run of state changes."""
        async with self.database.write() as connection:
            await connection.execute(
                insert(event).values(
                    position=next(self._positions),
                    notification_id=identifier,
                    first=first,
                    last=last,
                    from_state=before,
                    state=int(state),
                    reason=reason,
                    attempt=1,
                    time=time_us,
                )
            )

    async def carrier_refs(self, identifier: uuid.UUID, index: int, refs: Iterable[str]) -> None:
        """The carrier's ids of the parts of one message."""
        async with self.database.write() as connection:
            for part, ref in enumerate(refs, 1):
                await connection.execute(
                    insert(carrier_ref).values(
                        carrier="simulator", ref=ref, part=part, notification_id=identifier, index=index
                    )
                )

    async def deltas(self, rows: Iterable[tuple[str, str, int, dict[str, int]]]) -> None:
        """Deltas as (topic, contact point, quarter hour, counts)."""
        async with self.database.write() as connection:
            for topic_id, contact_point_id, bucket, counts in rows:
                await connection.execute(
                    insert(tally_delta).values(
                        topic_id=topic_id, contact_point_id=contact_point_id, bucket=bucket, **counts
                    )
                )


async def seeded(database: Database) -> Seed:
    """A seed with its basics in place."""
    seed = Seed(database)
    await seed.basics()
    return seed
