"""Asking a carrier what became of messages whose answer was lost, where it can be asked (`carriers.base.LooksUp`).

A loop of its own, because a look takes a second or more per number. What is found comes in as receipts; what is not
found proves nothing, and the message stays UNCONFIRMED: it is never sent again for that.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

from sendout.domain.errors import SendoutError
from sendout.domain.ids import message_id
from sendout.server.carriers.base import Intake, LooksUp, Lost
from sendout.server.dispatch.work import Work
from sendout.storage.adoption import Unconfirmed, unconfirmed
from sendout.storage.keys import Key

LOOK_UP_PERIOD_S = 5.0
_AGES_S = (45.0, 300.0, 1800.0, 4 * 3600.0)
"""How long after its submit a message is looked for."""
_MOST = 1000
_NUMBERS = 20
"""Numbers asked for in one period: the carrier's own rate comes on top."""


class LookUp:
    """The look-ups of one carrier account; one process at a time does them."""

    def __init__(self, work: Work, carrier: LooksUp, intake: Intake, period_s: float) -> None:
        self._work, self._carrier, self._intake = work, carrier, intake
        self._period = period_s
        self._looked: dict[Key, int] = {}  # how many of the ages each message was looked for at

    async def run(self) -> None:
        """Until the work stops."""
        work = self._work
        while not work.stopping:
            await asyncio.sleep(self._period)
            if not await work.in_office():
                continue
            try:
                await self.round()
            except SendoutError as error:
                work.log.warning("look_up_failed", error=type(error).__name__)
            except Exception as error:  # a carrier's fault must not take the dispatcher down
                work.log.error("carrier_failed", error=type(error).__name__)

    async def round(self) -> None:
        """Look for what is old enough now."""
        work = self._work
        now = work.clock.now_us()
        async with work.database.read() as connection:
            waiting = await unconfirmed(connection, work.account, _MOST)
        self._looked = {one.key: self._looked.get(one.key, 0) for one in waiting}
        due = [one for one in waiting if self._ages(one, now) > self._looked[one.key]]
        numbers = set(list(dict.fromkeys(one.number for one in due))[:_NUMBERS])
        # All that wait for a number in one call: two that are equal cannot be told apart.
        asked = [one for one in waiting if one.number in numbers]
        if not asked:
            return
        for one in asked:
            self._looked[one.key] = self._ages(one, now)
        await self._ask(asked)

    def _ages(self, one: Unconfirmed, now: int) -> int:
        return bisect_right(_AGES_S, (now - one.not_after) / 1e6)

    async def _ask(self, asked: Sequence[Unconfirmed]) -> None:
        lost = [
            Lost(message_id(*one.key), one.number, one.sender, one.text, one.not_before, one.not_after) for one in asked
        ]
        found = await self._carrier.find(lost)
        if found:
            await self._intake.receipts(self._work.account, found)
        self._work.log.info("looked_up", messages=len(lost), found=len(found))
