"""What is done once an hour beside the dispatch, by one process at a time: retention, then the audit of the tallies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeVar

from sendout.domain.errors import SendoutError
from sendout.server.auditing import TallyAuditor
from sendout.server.dispatch.work import Work
from sendout.server.retention import Retention
from sendout.storage.ring import RedisError

_Step = TypeVar("_Step")

_PERIOD_S = 3600.0
_FIRST_S = 60.0  # after the start, so that a restart under load sends first
_LOOK_S = 1.0
_REST_S = 0.02
"""Between two transactions, so that senders never wait for housekeeping twice in a row."""


class Housekeeper:
    """Beside the sweeper of one account, so that its long rounds keep nothing from being sent."""

    def __init__(self, work: Work, retention: Retention, auditor: TallyAuditor, first_s: float = _FIRST_S) -> None:
        self._work, self._retention, self._auditor = work, retention, auditor
        self._next = work.clock.monotonic() + first_s

    async def run(self) -> None:
        """Until the work stops."""
        while not self._work.stopping:
            await asyncio.sleep(_LOOK_S)
            if self._work.clock.monotonic() < self._next or not await self._work.in_office():
                continue
            try:
                await self._round()
            except (SendoutError, *RedisError) as error:
                self._work.log.warning("housekeeping_failed", error=type(error).__name__)
            self._next = self._work.clock.monotonic() + _PERIOD_S

    async def _round(self) -> None:
        purged: Counter[str] = Counter()
        async for step in self._paced(self._retention.run()):
            purged[step.what] += step.rows
        if purged:
            self._work.log.info("purged", **purged)
        async for _ in self._paced(self._auditor.run()):
            pass

    async def _paced(self, steps: AsyncGenerator[_Step, None]) -> AsyncIterator[_Step]:
        async with aclosing(steps):
            async for step in steps:
                yield step
                await asyncio.sleep(_REST_S)
                if self._work.stopping or not await self._work.in_office():
                    return
