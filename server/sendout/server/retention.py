"""Retention: forgetting texts, numbers, receipts, events and messages in time, a short transaction after another.

Sessions and sign-in tokens go when they have ended; no setting keeps them.

Run by the dispatcher's housekeeper and by `sendout retention run`. Counts stay: nothing here writes a tally, and what
is deleted is booked for the auditor. Any number may run at once.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.clock import Clock
from sendout.domain.retention import DAY_US, Part, parts
from sendout.server.config_sections import RetentionSettings
from sendout.storage import retention as store
from sendout.storage.engine import Database
from sendout.storage.retention import Kind

_PAGE = 1_000
_ANSWER_DAYS = 1

Step = Callable[[AsyncConnection, Part], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Purged:
    """What one transaction did, or what all of them would do: `rows` are messages, else what `what` names."""

    what: str
    rows: int


class Retention:
    """The rounds of retention over one database."""

    def __init__(self, database: Database, clock: Clock, settings: RetentionSettings) -> None:
        self._database, self._clock, self._settings = database, clock, settings

    async def run(self) -> AsyncGenerator[Purged, None]:
        """Purge everything that is due. Stopped at any point it goes on there the next time."""
        async for purged in self._events():
            yield purged
        for what, kind, days, step in self._of_notifications():
            async for purged in self._messages(what, kind, days, step):
                yield purged
        for what, days, purge in self._of_rows():
            while days and (rows := await self._once(purge, self._before(days))):
                yield Purged(what, rows)
        for what, purge in (("sessions", store.delete_sessions), ("sign_in_tokens", store.delete_sign_in_tokens)):
            while rows := await self._once(purge, self._clock.now_us()):
                yield Purged(what, rows)

    async def preview(self) -> list[Purged]:
        """What a run would purge now, counted and left alone."""
        found = []
        async with self._database.read() as connection:
            for what, kind, days, _ in self._of_notifications():
                rows = await store.count_due(connection, kind, self._before(days)) if days else 0
                found.append(Purged(what, rows))
            old = {what: days for what, days, _ in self._of_rows()} | {"events": self._settings.event_days}
            before = {what: self._before(days) for what, days in old.items() if days}
            before |= dict.fromkeys(("sessions", "sign_in_tokens"), self._clock.now_us())
            found += [Purged(what, rows) for what, rows in (await store.count_old(connection, before)).items()]
        return found

    def _of_notifications(self) -> list[tuple[str, Kind | None, int, Step]]:
        keep = self._settings
        return [
            ("texts", Kind.TEXTS, keep.text_days, store.erase_texts),
            ("numbers", Kind.NUMBERS, keep.number_days, store.erase_numbers),
            ("references", Kind.REFERENCES, keep.receipt_days, store.delete_references),
            ("messages", None, keep.message_days, store.delete_messages),
        ]

    def _of_rows(self) -> list[tuple[str, int, Callable[[AsyncConnection, int], Awaitable[int]]]]:
        keep = self._settings
        return [
            ("receipts", keep.receipt_days, store.delete_receipts),
            ("replies", keep.text_days, store.erase_replies),
            ("writers", keep.number_days, store.erase_writers),
            ("conversations", keep.message_days, store.delete_conversations),
            ("answers", _ANSWER_DAYS, store.delete_answers),
            ("audit", keep.audit_days, store.delete_audit),
        ]

    def _before(self, days: int) -> int:
        return self._clock.now_us() - days * DAY_US

    async def _messages(self, what: str, kind: Kind | None, days: int, step: Step) -> AsyncGenerator[Purged, None]:
        before = self._before(days)
        after: uuid.UUID | None = None
        while days:
            async with self._database.read() as connection:
                found = await store.due(connection, kind, before, after=after, limit=_PAGE)
            for part in parts(found):
                async with self._database.write() as connection:
                    await step(connection, part)
                yield Purged(what, part.messages)
            if len(found) < _PAGE:
                return
            after = found[-1][0]

    async def _events(self) -> AsyncGenerator[Purged, None]:
        """The floor rises before what is below it goes, in a transaction of its own: others wait for the head."""
        before = self._before(self._settings.event_days)
        while self._settings.event_days:
            async with self._database.read() as connection:
                last = await store.last_old_event(connection, before)
            if last is not None:
                async with self._database.write() as connection:
                    await store.raise_floor(connection, last)
            rows = await self._once(lambda connection, _: store.delete_events(connection), before)
            if not rows:
                return
            yield Purged("events", rows)

    async def _once(self, purge: Callable[[AsyncConnection, int], Awaitable[int]], before: int) -> int:
        async with self._database.write() as connection:
            return await purge(connection, before)
