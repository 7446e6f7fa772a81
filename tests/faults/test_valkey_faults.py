"""Losing all of Valkey, or its answers, may pause the sending; it never loses a message nor repeats one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
import redis.asyncio as redis

from tests.conftest import Valkey
from tests.faults.checker import longest_pause
from tests.faults.fleet import Zygote
from tests.faults.site import NUMBERS, Clients, site

FROZEN_S = 3.0


async def flush(valkey: Valkey) -> None:
    """Empty it while it runs."""
    client = redis.Redis.from_url(valkey.url)
    await client.flushall()
    await client.aclose()


async def kill_and_restart_empty(valkey: Valkey) -> None:
    """`kill -9`, and a new one without its data."""
    await valkey.restart_empty()


@pytest.mark.parametrize("fault", [flush, kill_and_restart_empty])
async def test_an_emptied_valkey_loses_nothing(
    zygote: Zygote, postgres_url: str, own_valkey: Valkey, fault: Callable[[Valkey], Awaitable[None]]
) -> None:
    """I1, I2: emptied three times under load, every queued message still leaves, none twice, none UNCONFIRMED."""
    async with site(zygote, postgres_url, own_valkey.url, 400) as here:
        await here.accept(1200)
        await here.fleet.dispatchers(2)
        for left in (150, 400, 650):
            await here.until_sent(left)
            await fault(own_valkey)
        await here.until_settled()
        verdict = await here.verdict()
        pause = longest_pause(await here.submits())
    print(f"\n{fault.__name__}: longest pause {pause:.1f} s; {verdict}")
    assert not verdict.wrong, verdict
    assert verdict.states == {"DELIVERED": 1200}


async def test_a_frozen_valkey_pauses_the_sending_alone(zygote: Zygote, postgres_url: str, own_valkey: Valkey) -> None:
    """I6: while Valkey does not answer nothing leaves (fail closed) and sends are accepted; all leave afterwards."""
    async with site(zygote, postgres_url, own_valkey.url, 400) as here:
        _, address = await here.fleet.server()
        await here.accept(800)
        await here.fleet.dispatchers(2)
        await here.until_sent(150)
        async with Clients(here, [address]) as clients:
            own_valkey.freeze()
            frozen = time.monotonic_ns()
            await asyncio.gather(clients.send(NUMBERS[:20]), clients.send(NUMBERS[:20]), asyncio.sleep(FROZEN_S))
            thawed = time.monotonic_ns()
            own_valkey.thaw()
        await here.until_settled()
        verdict = await here.verdict()
        submits = await here.submits()
    # What had its permit before may use it: its slot lies within the horizon, and it may start within the grace.
    late = [s for s in submits if frozen + 300_000_000 < s.submit_ns < thawed]
    print(f"\nfrozen {FROZEN_S} s: left meanwhile {len(late)}, slowest accept {clients.slowest:.2f} s; {verdict}")
    assert not late
    assert clients.repeated == 0
    assert clients.slowest < FROZEN_S / 2
    assert not verdict.wrong, verdict
    assert verdict.states == {"DELIVERED": 840}
