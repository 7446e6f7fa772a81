"""A dispatcher that does not move for longer than the silence limit is fenced; on waking it does no harm."""

from __future__ import annotations

import asyncio
import time

from tests.conftest import Valkey
from tests.faults.fleet import Zygote
from tests.faults.site import site


async def test_a_frozen_dispatcher_is_fenced(zygote: Zygote, postgres_url: str, own_valkey: Valkey) -> None:
    """I2: SIGSTOP until others have recovered its messages, then SIGCONT: it renews itself, the rest leaves through
    both, and nothing leaves twice."""
    async with site(zygote, postgres_url, own_valkey.url, 200, answer_delay_s=0.1) as here:
        await here.accept(2200)
        frozen, other = await here.fleet.dispatchers(2)
        await here.until_sent(100)
        frozen.freeze()
        began = time.monotonic()
        while not await here.recovered(frozen.pid):
            assert time.monotonic() - began < 30, "nobody recovers what the frozen dispatcher left"
            await asyncio.sleep(0.1)
        fenced_after = time.monotonic() - began
        frozen.thaw()
        await frozen.until_says('"renewing"')
        await here.until_settled()
        verdict = await here.verdict()
        assert frozen.runs
        assert other.runs
    print(f"\nfrozen dispatcher recovered after {fenced_after:.1f} s; {verdict}")
    assert not verdict.wrong, verdict
