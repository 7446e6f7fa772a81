"""The dispatcher of one carrier account in this process: its parts, started together and drained in order."""

from __future__ import annotations

import asyncio

from sendout.server.carriers.base import LooksUp
from sendout.server.dispatch.claiming import Claimer
from sendout.server.dispatch.housekeeping import Housekeeper
from sendout.server.dispatch.incarnation import Lives
from sendout.server.dispatch.intake import StoredIntake
from sendout.server.dispatch.looking_up import LOOK_UP_PERIOD_S, LookUp
from sendout.server.dispatch.replies import Replies
from sendout.server.dispatch.settling import Settler
from sendout.server.dispatch.submitting import Submitter
from sendout.server.dispatch.sweeping import Sweeper
from sendout.server.dispatch.work import Work

DRAIN_S = 35.0
"""Longest wait for a carrier's answers while stopping."""


class Dispatcher:
    """Claims, paces, submits and settles for one account until it is stopped."""

    def __init__(
        self, work: Work, intake: StoredIntake, replies: Replies, name: str, housekeeper: Housekeeper | None = None
    ) -> None:
        self._work = work
        self._lives = Lives(work, name)
        self._settler = Settler(work)
        self._submitter = Submitter(work, self._lives, self._settler)
        self._claimer = Claimer(work, self._lives, self._submitter, self._settler)
        self._sweeper = Sweeper(work, self._lives, intake, replies)
        self._housekeeper = housekeeper
        self._look_up: LookUp | None = None
        if isinstance(work.carrier, LooksUp):
            self._look_up = LookUp(work, work.carrier, intake, LOOK_UP_PERIOD_S)
        self._loops: list[asyncio.Task[None]] = []
        self._settling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Start, and go on until cancelled; raises where a part fails, which must not happen."""
        await self.start()
        await self._wait()

    async def start(self) -> None:
        """Connect the carrier, register, and begin."""
        await self._work.carrier.start()
        await self._lives.start()
        self._settling = asyncio.create_task(self._settler.run())
        runs = [self._claimer.run, self._lives.run, self._sweeper.run]
        runs += [part.run for part in (self._housekeeper, self._look_up) if part is not None]
        self._loops = [asyncio.create_task(run()) for run in runs]

    async def _wait(self) -> None:
        parts = [*self._loops, *([self._settling] if self._settling else [])]
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Claim no more, hand back what was not permitted, wait for answers, write them down, say goodbye."""
        work = self._work
        work.stopping = True
        work.room.set()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        pacers = [point.pacer for point in work.points.values() if point.pacer]
        await asyncio.gather(*pacers, return_exceptions=True)
        await self._lives.hand_back(work.take_back_unpermitted())
        try:
            await asyncio.wait_for(self._submitter.drain(), DRAIN_S)
        except TimeoutError:
            work.log.error("drain_timeout", messages=work.submitting)
        await self._lives.hand_back(work.take_back_unpermitted())
        self._settler.close()
        if self._settling is not None:
            await self._settling
        await work.carrier.stop()
        await self._lives.end()
