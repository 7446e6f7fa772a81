"""I6: a contact point's rate holds in every sliding second, over all dispatchers, by the far side's own log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import redis.asyncio as redis

from sendout.storage.handsets import Submit
from tests.conftest import Valkey
from tests.faults.checker import fullest_second, per_second
from tests.faults.fleet import Zygote
from tests.faults.site import site

RATE = 100
DISPATCHERS = 4
WINDOW_S = 10.0
WINDOWS = 3
"""Windows measured at the most: a machine that is busy with something else may spoil one."""


async def test_rate_holds_and_is_used(zygote: Zygote, postgres_url: str, own_valkey: Valkey) -> None:
    """I6: with four dispatchers at 100 segments/s no sliding second holds more than 100, in quiet running, over a
    FLUSHALL and over a Valkey killed and restarted empty; while nothing fails at least 90 leave a second."""
    async with site(zygote, postgres_url, own_valkey.url, RATE) as here:
        await here.accept(5000)
        await here.fleet.dispatchers(DISPATCHERS)
        await here.until_sent(100)
        average = 0.0
        for _ in range(WINDOWS):
            begin = time.monotonic_ns()
            await asyncio.sleep(WINDOW_S)
            end = time.monotonic_ns()
            average = per_second(await here.submits(), begin, end)
            if average >= 0.9 * RATE:
                break
        client = redis.Redis.from_url(own_valkey.url)
        await client.flushall()
        await client.aclose()
        await here.until_sent(len(await here.submits()) + 2 * RATE)
        await own_valkey.restart_empty()
        await here.until_sent(len(await here.submits()) + 2 * RATE)
        submits = await here.submits()
    quiet = fullest_second([submit for submit in submits if submit.submit_ns < end])
    most = fullest_second(submits)
    print(f"\nrate {RATE}/s, {DISPATCHERS} dispatchers: {average:.1f}/s, fullest second {quiet} quiet, {most} over all")
    assert most <= RATE
    assert average >= 0.9 * RATE


async def test_rate_holds_for_texts_of_several_segments(zygote: Zygote, postgres_url: str, own_valkey: Valkey) -> None:
    """I6: texts of one and of three segments together stay within the rate in every sliding second."""
    async with site(zygote, postgres_url, own_valkey.url, RATE) as here:
        for start in range(0, 600, 20):
            await here.accept(20, "x" * (400 if start % 40 else 100), start)
        await here.fleet.dispatchers(DISPATCHERS)
        await here.until_sent(300)
        submits = await here.submits()
    print(f"\nmixed texts: fullest second {fullest_second(submits)}, average of all {_average(submits):.1f}/s")
    assert {submit.segments for submit in submits} == {1, 3}
    assert fullest_second(submits) <= RATE


def _average(submits: Sequence[Submit]) -> float:
    times = sorted(submit.submit_ns for submit in submits)
    return per_second(submits, times[0], times[-1])
