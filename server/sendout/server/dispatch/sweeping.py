"""The level-triggered rounds: everything that must happen by and by, found by how things are and never by when.

Every round may run in several processes at once and do no harm; the election only spares the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable

from sendout.domain.errors import SendoutError
from sendout.domain.states import ReasonCode, State
from sendout.server.dispatch.incarnation import HEARTBEAT_S, SILENCE_S, Lives
from sendout.server.dispatch.intake import StoredIntake
from sendout.server.dispatch.recovery import recover_dead
from sendout.server.dispatch.replies import Replies
from sendout.server.dispatch.work import Work
from sendout.storage import open_work, tallies
from sendout.storage.ring import RedisError

ROUND_S = 1.0
_FOLD_BATCH = 2_000
_WAITING = frozenset({State.QUEUED, State.HELD})


class Sweeper:
    """The rounds of one carrier account."""

    def __init__(self, work: Work, lives: Lives, intake: StoredIntake, replies: Replies) -> None:
        self._work = work
        self._lives = lives
        self._intake = intake
        self._replies = replies

    async def run(self) -> None:
        """A round a second, and at once when Redis was found empty, until the work stops."""
        while not self._work.stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lives.rebuild.wait(), ROUND_S * (0.8 + 0.4 * self._work.random()))
            rebuild = self._lives.rebuild.is_set()
            self._lives.rebuild.clear()
            if rebuild or await self._work.in_office():
                await self._round()

    async def _round(self) -> None:
        for task in (
            self._recover,
            self._release_held,
            self._expire,
            self._reconcile,
            self._retry_parked,
            self._replies.sweep,
            self._close_unanswered,
            self._fold,
        ):
            await self._guarded(task)

    async def _guarded(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except (SendoutError, *RedisError) as error:
            self._work.log.warning("round_failed", task=task.__name__, error=type(error).__name__)

    async def _retry_parked(self) -> None:
        await self._intake.retry_parked(self._work.account)

    async def _recover(self) -> None:
        # If our own heartbeat is old the database was stuck for all: give the others time to be heard.
        if self._work.clock.monotonic() - self._lives.last_beat < 3 * HEARTBEAT_S:
            await recover_dead(self._work, SILENCE_S)

    async def _reconcile(self) -> None:
        """Make every QUEUED message reachable that the ring has lost."""
        work = self._work
        before = await work.ring.coverage()
        async with work.database.read() as connection:
            waiting = await open_work.with_queued(connection, work.account)
        work.measures.backlog(waiting, work.clock.now_us())
        if not waiting:
            return
        await work.ring.set_rates({notification.contact_point_id: notification.rate for notification in waiting})
        lacking = [one for one in waiting if before.get(one.notification_id, 0) < one.queued]
        # What was claimed meanwhile is missing after, what was accepted or put back meanwhile was missing before: only
        # what lacks both times is lost. Pushing what is there would make the ring hand out everything twice.
        after = await work.ring.coverage() if lacking else {}
        for notification in lacking:
            if after.get(notification.notification_id, 0) < notification.queued:
                await self._make_reachable(notification)

    async def _make_reachable(self, notification: open_work.Open) -> None:
        work = self._work
        async with work.database.read() as connection:
            runs = await open_work.queued_runs(connection, notification.notification_id, work.account)
        now = work.clock.now_us()
        for due in sorted({due for _, due in runs}):
            ranges = [of for of, when in runs if when == due]
            later = due if due > now else 0
            await work.ring.push(notification.contact_point_id, notification.urgent, notification.rate, ranges, later)
        work.log.info("reachable_again", notification_id=str(notification.notification_id), ranges=len(runs))

    async def _release_held(self) -> None:
        """Queue what was held and is due; the reconciler, later in the round, makes it reachable."""
        work = self._work
        now = work.clock.now_us()
        async with work.database.read() as connection:
            due = await open_work.held_due(connection, now)
        for identifier, count in due:
            async for changed in open_work.release_due(work.database, work.facts, identifier, count, now):
                work.measures.changes(changed, work.facts, now)

    async def _expire(self) -> None:
        work = self._work
        async with work.database.read() as connection:
            late = await open_work.overdue(connection, work.clock.now_us())
        await self._change(late, _WAITING, State.EXPIRED, ReasonCode.EXPIRED_IN_QUEUE)

    async def _close_unanswered(self) -> None:
        work = self._work
        deadline = round(work.settings.receipt_deadline * 1e6)
        async with work.database.read() as connection:
            silent = await open_work.without_receipt(connection, work.clock.now_us(), deadline)
        waiting = frozenset({State.SENT, State.UNCONFIRMED})
        await self._change(silent, waiting, State.UNKNOWN, ReasonCode.NO_RECEIPT)

    async def _change(
        self, found: list[tuple[uuid.UUID, int]], from_states: frozenset[State], state: State, reason: ReasonCode
    ) -> None:
        work = self._work
        for identifier, count in found:
            async for changed in open_work.change_all(
                work.database,
                work.facts,
                identifier,
                count,
                from_states=from_states,
                state=state,
                reason=reason,
                now_us=work.clock.now_us(),
            ):
                work.measures.changes(changed, work.facts, work.clock.now_us())

    async def _fold(self) -> None:
        async with self._work.database.write() as connection:
            await tallies.fold(connection, _FOLD_BATCH)
