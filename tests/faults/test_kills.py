"""I1, I2, I3: servers and dispatchers may be killed at any instruction; nothing is lost and nothing leaves twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Collection
from dataclasses import dataclass

import pytest

from tests.conftest import Valkey
from tests.faults.checker import Verdict
from tests.faults.fleet import NAIVE, Fleet, Zygote
from tests.faults.site import NUMBERS, Clients, Site, site

KILLS = int(os.environ.get("SENDOUT_TEST_KILLS", "200"))
MEAN_S = 0.5
"""Time between two kills, on average."""
SLOW_PHONES = {"answer_delay_s": 0.03, "delivery_delay_s": 8.0}
"""No receipt comes before the recovery has judged: it must be right without."""
RECIPIENTS = 25
BACKLOG = 250
"""Messages that wait at the most, so that the load lasts as long as the faults."""


@pytest.mark.timeout(420)
async def test_random_kills_lose_nothing_and_repeat_nothing(
    zygote: Zygote, postgres_url: str, own_valkey: Valkey
) -> None:
    """I1, I2, I3: random `kill -9` of four dispatchers and two servers under load; callers repeat under the same
    request id. Every accepted recipient has one row, none is submitted twice, and all but the UNCONFIRMED arrive."""
    async with site(zygote, postgres_url, own_valkey.url, 100, **SLOW_PHONES) as here:
        verdict = await _load_under_kills(here, KILLS, dispatchers=4, servers=2)
        differences = await here.count_differences()
    assert not verdict.wrong, verdict
    assert verdict.messages > 10 * KILLS
    assert differences == 0


async def test_naive_recovery_is_caught(zygote: Zygote, postgres_url: str, own_valkey: Valkey) -> None:
    """Control: dispatchers that requeue all that a dead one left do submit twice, and the judge says so."""
    async with site(zygote, postgres_url, own_valkey.url, 100, **SLOW_PHONES) as here:
        here.fleet.set(NAIVE, "1")
        verdict = await _load_under_kills(here, 4, dispatchers=2, servers=1, roles=("dispatch",))
    assert verdict.twice


@pytest.fixture(autouse=True)
def _seed() -> None:
    seed = int(os.environ.get("SENDOUT_TEST_SEED", random.randrange(10**6)))
    print(f"\nseed {seed}")
    random.seed(seed)


@dataclass
class _Faults:
    dispatchers: int = 0
    servers: int = 0

    async def run(self, fleet: Fleet, count: int, roles: Collection[str]) -> None:
        """Kill a random working process, again and again."""
        while self.dispatchers + self.servers < count:
            await asyncio.sleep(random.expovariate(1 / MEAN_S))
            ready = [member for member in fleet.running if member.role in roles and member.ready]
            if ready:
                victim = random.choice(ready)
                victim.kill()
                await victim.exited
                self.dispatchers += victim.role == "dispatch"
                self.servers += victim.role == "serve"


async def _load_under_kills(
    here: Site, kills: int, *, dispatchers: int, servers: int, roles: Collection[str] = ("dispatch", "serve")
) -> Verdict:
    addresses = [here.fleet.address() for _ in range(servers)]
    for address in addresses:
        await here.fleet.supervise("serve", listen=address)
    for _ in range(dispatchers):
        await here.fleet.supervise("dispatch")
    faults = _Faults()
    async with Clients(here, addresses) as clients:
        async with asyncio.TaskGroup() as together:
            together.create_task(_load(here, clients))
            await here.until_sent(50)
            await faults.run(here.fleet, kills, roles)
            here.stop_load = True
        await here.until_settled()
    verdict = await here.verdict()
    print(
        f"\nkill -9: {faults.dispatchers} dispatchers, {faults.servers} servers; {verdict}; calls repeated "
        f"{clients.repeated}, answered from the first {clients.replayed}, slowest answer {clients.slowest:.1f} s"
    )
    return verdict


async def _load(here: Site, clients: Clients) -> None:
    place = 0
    while not here.stop_load:
        if await here.waiting() > BACKLOG:
            await asyncio.sleep(0.1)
            continue
        place = (place + RECIPIENTS) % (len(NUMBERS) - RECIPIENTS)
        await clients.send(NUMBERS[place : place + RECIPIENTS])
