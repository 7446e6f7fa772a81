"""The lives of this process: an incarnation per Redis epoch, kept alive by heartbeats, left behind when in doubt."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence

from sendout.domain.errors import SendoutError
from sendout.domain.states import ReasonCode, State
from sendout.server.dispatch.work import Incarnation, Ready, Work
from sendout.storage import workers
from sendout.storage.changes import Change, apply
from sendout.storage.claims import Claimed
from sendout.storage.ranges import joined
from sendout.storage.ring import RedisError, Ring

HEARTBEAT_S = 1.0
SILENCE_S = 5.0
"""Silence after which a worker is declared dead."""


class Lives:
    """Registers, renews and keeps alive the incarnation of one account's dispatcher."""

    def __init__(self, work: Work, name: str) -> None:
        self._work = work
        self._name = f"{work.account}/{name}"
        self._renewing = asyncio.Lock()
        self.last_beat = 0.0  # monotonic time of the last heartbeat the database took
        self.rebuild = asyncio.Event()  # set when Redis was found empty

    async def start(self) -> None:
        """Register, waiting for both stores as long as it takes."""
        while not self._work.stopping:
            try:
                await self._register()
                return
            except (SendoutError, *RedisError) as error:
                self._work.log.warning("waiting_for_stores", error=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _register(self) -> None:
        work = self._work
        epoch, fresh = await work.ring.open(work.clock.random_bytes(8).hex())
        if fresh:
            self.rebuild.set()
        async with work.database.write() as connection:
            number = await workers.register(connection, self._name, epoch)
        work.incarnation = Incarnation(number, epoch)
        self.last_beat = work.clock.monotonic()
        work.log.info("incarnation", id=number)

    async def leave(self, refused: Sequence[Ready], why: str) -> None:
        """Permits for these were refused: hand them back, and leave their incarnation where it still is ours."""
        await self.renew(why, refused[0].incarnation)
        await self.hand_back(refused)

    async def renew(self, why: str, before: Incarnation | None = None) -> None:
        """Leave this incarnation: hand back what was never permitted and go on under a new number.

        What is with the carrier settles under the old number; whatever is in doubt is recovered like a dead worker's.
        """
        before = before or self._work.incarnation
        async with self._renewing:
            if self._work.incarnation is not before:
                return
            self._work.log.warning("renewing", why=why)
            waiting = self._work.take_back_unpermitted()
            await self.hand_back(waiting)
            await self.start()

    async def hand_back(self, waiting: Sequence[Ready], reason: ReasonCode = ReasonCode.NONE) -> None:
        """Return messages that were never written to the queue, and their ranges to the ring.

        Their journal stays as it is: it dies with the incarnation, and clearing it could hit a newer try.
        """
        work = self._work
        if not waiting:
            return
        changes = [
            Change(
                ready.claimed.notification_id,
                ready.claimed.index,
                State.QUEUED,
                reason,
                ready.incarnation.id,
                ready.claimed.attempt,
            )
            for ready in waiting
        ]
        try:
            await self._give_up(changes)
            await offer(work, work.ring, waiting)
            await refund(work, waiting)
        except (SendoutError, *RedisError) as error:
            work.log.warning("hand_back_failed", error=type(error).__name__, messages=len(waiting))
        finally:
            work.let_go(len(waiting))

    async def _give_up(self, changes: Sequence[Change]) -> None:
        """Write it down as soon as the database takes it: only we know that these were not written."""
        work = self._work
        while True:
            try:
                async with work.database.write() as connection:
                    await apply(connection, work.facts, changes, work.clock.now_us())
                return
            except SendoutError:
                if work.stopping:
                    raise
                await asyncio.sleep(0.5)

    async def run(self) -> None:
        """Heartbeats, and the watch for an emptied or restarted Redis, until the work stops."""
        work = self._work
        while not work.stopping:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                alive = await self._beat()
                epoch, fresh = await work.ring.open(work.clock.random_bytes(8).hex())
            except (SendoutError, *RedisError) as error:
                work.log.warning("heartbeat_failed", error=type(error).__name__)
                continue
            if fresh:
                self.rebuild.set()
            if not alive:
                await self.renew("declared dead")
            elif epoch != work.incarnation.epoch:
                await self.renew("redis changed")

    async def _beat(self) -> bool:
        async with self._work.database.write() as connection:
            alive = await workers.heartbeat(connection, self._work.incarnation.id)
        self.last_beat = self._work.clock.monotonic()
        return alive

    async def end(self) -> None:
        """Say goodbye; what a claim cut off by the stop may have left is recovered like a dead worker's."""
        async with self._work.database.write() as connection:
            await workers.end(connection, self._work.incarnation.id)


async def offer(work: Work, ring: Ring, waiting: Sequence[Ready]) -> None:
    """Push single messages to a ring, ours or a fellow's, as short ranges, per contact point and lane."""
    lanes: defaultdict[tuple[str, bool], list[Claimed]] = defaultdict(list)
    for ready in waiting:
        lanes[ready.contact_point_id, ready.facts.urgent].append(ready.claimed)
    for (point, urgent), lane in lanes.items():
        ranges = joined((claimed.notification_id, claimed.index, claimed.segments) for claimed in lane)
        await ring.push(point, urgent, work.points[point].rate.per_second, ranges)


async def refund(work: Work, unsent: Sequence[Ready]) -> None:
    """Take back what was charged to daily caps for messages that certainly did not leave."""
    charged: Counter[tuple[str, str]] = Counter()
    for ready in unsent:
        if ready.day:
            charged[ready.contact_point_id, ready.day] += ready.claimed.segments
    for (point, day), segments in charged.items():
        await work.ring.refund(point, day, segments)
