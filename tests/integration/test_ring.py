"""The Redis scripts on a real Valkey: fairness, leases, permits, fences."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from sendout.domain.rates import SECOND, Eased, Limit, Pace, earliest, grant, interval, lost, share_left
from sendout.storage.ranges import Range
from sendout.storage.ring import Asked, DayCap, Fenced, Lost, Permits, Rate, Ring, Uncounted, connect
from tests.unit.domain.test_rates import most_in_a_second

A, B, C = (uuid.UUID(int=n) for n in (1, 2, 3))


@pytest.fixture
async def ring(valkey_url: str) -> AsyncIterator[Ring]:
    client = connect(valkey_url)
    yield Ring(client, "acct")
    await client.aclose()


async def take(
    ring: Ring, room: int = 500, horizon: float = 0.25, lease: float = 5.0
) -> list[tuple[uuid.UUID, int, int]]:
    taken, _ = await ring.take(room, horizon=horizon, turn=100, lease=lease)
    return [(t.range.notification_id, t.range.first, t.range.last) for t in taken]


async def test_a_short_notification_leaves_within_one_turn(ring: Ring) -> None:
    """A one-recipient notification behind one of 50,000 is taken in the second take."""
    await ring.push("cp", False, 100.0, [Range(A, 0, 49_999, 1)])
    first = await take(ring)
    await ring.push("cp", False, 100.0, [Range(B, 0, 0, 1)])
    assert first == [(A, 0, 24)]
    seen = []
    while not any(identifier == B for identifier, _, _ in seen):
        seen += await take(ring)
    assert sum(last - first + 1 for identifier, first, last in seen if identifier == A) <= 100


async def test_urgent_goes_ahead(ring: Ring) -> None:
    """URGENT ranges are taken before NORMAL ones of the same contact point."""
    await ring.push("cp", False, 1000.0, [Range(A, 0, 9, 1)])
    await ring.push("cp", True, 1000.0, [Range(B, 0, 9, 1)])
    assert await take(ring) == [(B, 0, 9), (A, 0, 9)]


async def test_contact_points_do_not_wait_for_one_another(ring: Ring) -> None:
    """A slow contact point's backlog does not hold back another's."""
    await ring.push("slow", False, 1.0, [Range(A, 0, 99_999, 1)])
    await ring.push("fast", False, 1000.0, [Range(B, 0, 9, 1)])
    taken = await take(ring)
    assert (B, 0, 9) in taken
    assert (A, 0, 0) in taken


async def test_no_more_is_taken_than_the_rate_allows_soon(ring: Ring) -> None:
    """Takes in a row give no more than the horizon's worth of segments."""
    await ring.push("cp", False, 100.0, [Range(A, 0, 9_999, 2)])
    taken = [await take(ring) for _ in range(5)]
    assert sum(last - first + 1 for batch in taken for _, first, last in batch) <= 14


async def test_what_is_not_claimed_comes_back(ring: Ring) -> None:
    """A leased range that is never released is taken again after its lease; a released one is not."""
    await ring.push("cp", False, 1e6, [Range(A, 0, 9, 1), Range(B, 0, 9, 1)])
    taken, _ = await ring.take(500, horizon=0.25, turn=100, lease=0.0)
    await ring.release([t for t in taken if t.range.notification_id == B])
    assert await take(ring) == [(A, 0, 9)]


async def test_deferred_ranges_wait_for_their_time(ring: Ring) -> None:
    """A range deferred into the past is taken, one deferred into the future is not."""
    await ring.push("cp", False, 1000.0, [Range(A, 0, 0, 1)], due_us=1)
    await ring.push("cp", False, 1000.0, [Range(B, 0, 0, 1)], due_us=2**52)
    assert await take(ring) == [(A, 0, 0)]


async def test_coverage_counts_what_can_be_reached(ring: Ring) -> None:
    """Rings, deferred ranges and leases all count as reachable."""
    await ring.push("cp", False, 100.0, [Range(A, 0, 99, 1), Range(B, 0, 4, 1)])
    await ring.push("cp", False, 100.0, [Range(C, 0, 1, 1)], due_us=2**52)
    await take(ring)
    assert await ring.coverage() == {A: 100, B: 5, C: 2}


async def permit(
    ring: Ring, epoch: str, costs: list[int], incarnation: int = 1, rate: Rate | None = None
) -> list[float]:
    permits = await ring.permit(
        epoch,
        incarnation,
        "cp",
        rate or Rate(100.0, 1),
        None,
        [Asked(f"m{i}", c, b"k") for i, c in enumerate(costs)],
        grace=0.05,
        horizon=5.0,
    )
    return permits.waits


async def test_a_fence_and_a_permit_exclude_each_other(ring: Ring) -> None:
    """A fenced incarnation gets no permit, and the fence names what it had in flight."""
    epoch, _ = await ring.open("m")
    assert len(await permit(ring, epoch, [1, 1])) == 2
    assert await ring.fence(1) == (epoch, {"m0", "m1"})
    with pytest.raises(Fenced):
        await permit(ring, epoch, [1])
    await ring.done(1, ["m0"])
    assert (await ring.fence(1))[1] == {"m1"}


async def test_an_emptied_redis_permits_nothing_claimed_before(ring: Ring, valkey_url: str) -> None:
    """After FLUSHALL the old epoch is refused, also once a new one is open."""
    epoch, fresh = await ring.open("a")
    assert fresh
    client = connect(valkey_url)
    await client.flushall()
    await client.aclose()
    with pytest.raises(Lost):
        await permit(ring, epoch, [1])
    renewed, fresh = await ring.open("b")
    assert fresh
    assert renewed != epoch
    with pytest.raises(Lost):
        await permit(ring, epoch, [1])


async def test_the_script_agrees_with_the_arithmetic(ring: Ring, valkey_url: str) -> None:
    """permit.lua and domain.rates give the same slots for random mixes of costs, rates and bursts."""
    client = connect(valkey_url)
    use = random.Random(7)
    for trial in range(30):
        await client.flushall()
        epoch, _ = await ring.open("m")
        limit = Limit(use.choice([2.5, 10.0, 100.0, 900.0]), use.choice([1, 1, 3]), 50_000.0)
        costs = [use.choice([1, 1, 1, 2, 5]) for _ in range(120)]
        await client.hset("so:{acct}:tat:p:cp", mapping={"tat": "0", "lump": "1", "until": "0"})
        seconds, micros = await client.time()
        permits = await ring.permit(
            epoch,
            1,
            "cp",
            Rate(limit.rate, limit.burst),
            None,
            [Asked(str(i), c, b"k") for i, c in enumerate(costs)],
            grace=0.05,
            horizon=3600.0,
        )
        now = seconds * 1_000_000 + micros
        pace, expected = Pace(0.0), []
        for cost in costs:
            slot, governing = earliest(limit, pace, cost, float(now))
            pace = grant(limit, pace, cost, slot, governing)
            expected.append(max(0.0, (slot - now) / SECOND))
        # The script's clock is a moment later than ours; every slot is shifted by the same moment.
        shift = max(abs(a - b) for a, b in zip(permits.waits, expected, strict=True))
        assert shift < 0.02, (trial, limit)
    await client.aclose()


async def test_a_lost_pace_costs_a_second_not_a_burst(ring: Ring) -> None:
    """With no state on record the first permit is a second and the grace away."""
    epoch, _ = await ring.open("m")
    permits = await ring.permit(epoch, 1, "cp", Rate(100.0, 1), None, [Asked("m", 1, b"k")], grace=0.05, horizon=5.0)
    assert permits.waits == [1.05]
    assert lost(Limit(100.0), 0.0).tat == 1_050_000.0


async def test_the_account_paces_all_contact_points(ring: Ring) -> None:
    """Two contact points of 100/s on an account of 100/s get 100/s together."""
    epoch, _ = await ring.open("m")
    writes = []
    for i in range(200):
        permits = await ring.permit(
            epoch, 1, f"cp{i % 2}", Rate(100.0, 1), Rate(100.0, 1), [Asked(f"m{i}", 1, b"k")], grace=0.05, horizon=60.0
        )
        writes.append(((time.monotonic() + permits.waits[0]) * SECOND, 1))
    assert most_in_a_second(writes) <= 100


async def test_too_fast_pauses_and_halves_the_rate_once(ring: Ring) -> None:
    """After a "too fast" nothing leaves during the pause, then half the rate; what was under way halves no more."""
    epoch, _ = await ring.open("m")
    for _ in range(3):
        await ring.slow("cp", 2.0)
    waits = [wait for wait in await permit(ring, epoch, [1] * 20) if wait is not None]
    assert 1.9 < waits[0] <= 2.1
    gaps = [later - earlier for earlier, later in pairwise(waits)]
    assert gaps == pytest.approx([interval(Limit(50.0), 1) / SECOND] * len(gaps), abs=1e-4)


async def test_an_eased_rate_comes_back(ring: Ring, valkey_url: str) -> None:
    """The script gives the rate back as domain.rates says, and all of it in the end."""
    client = connect(valkey_url)
    for seconds in (0.0, 2.0, 5.0, 9.0, 30.0):
        await client.flushall()
        epoch, _ = await ring.open("m")
        now = await _micros(client)
        kept = {"tat": str(now), "share": "0.5", "eased": str(now - seconds * SECOND), "paused": "0"}
        await client.hset("so:{acct}:tat:p:cp", mapping=kept)
        waits = [wait for wait in await permit(ring, epoch, [1] * 10) if wait is not None]
        expected = interval(Limit(100.0 * share_left(Eased(0.5, now - seconds * SECOND), now)), 1) / SECOND
        gaps = [later - earlier for earlier, later in pairwise(waits[1:])]
        assert gaps == pytest.approx([expected] * len(gaps), rel=0.02), seconds
    await client.aclose()


async def _micros(client: Any) -> int:
    seconds, micros = await client.time()
    return int(seconds) * 1_000_000 + int(micros)


async def test_who_opted_out_gets_no_permit_and_costs_none(ring: Ring) -> None:
    """I7: a stopped number is answered without a slot, an allowed one again with one; others keep their pace."""
    epoch, _ = await ring.open("m")
    asked = [Asked("a", 1, b"one"), Asked("b", 1, b"two"), Asked("c", 1, b"three")]

    async def waits(messages: list[Asked]) -> list[float | None]:
        permits = await ring.permit(epoch, 1, "cp", Rate(100.0, 1), None, messages, grace=0.05, horizon=5.0)
        return permits.waits

    await ring.stop("cp", [b"two"])
    await ring.stop("", [b"three"])
    first = await waits(asked)
    assert first[0] is not None
    assert first[1:] == [None, None]
    await ring.allow("cp", [b"two"])
    assert (await waits([Asked("b", 1, b"two")]))[0] is not None


async def test_a_day_is_counted_before_it_is_used(ring: Ring) -> None:
    """A cap permits nothing of a day that was not counted, then what is left of it, and a void permit is free."""
    epoch, _ = await ring.open("m")

    async def ask(*messages: str) -> Permits:
        asked = [Asked(name, 2, b"k") for name in messages]
        cap = DayCap(5, "2026-01-01")
        return await ring.permit(epoch, 1, "cp", Rate(100.0, 1), None, asked, grace=0.05, horizon=5.0, cap=cap)

    with pytest.raises(Uncounted):
        await ask("a")
    await ring.count_day("cp", "2026-01-01", 1)
    await ring.count_day("cp", "2026-01-01", 5)  # a second count changes nothing
    answer = await ask("a", "b", "c")
    assert (len(answer.waits), answer.capped) == (2, True)
    assert not (await ask("a")).capped  # its first permit was void: it asks anew
    assert (await ask("c")).capped
    await ring.refund("cp", "2026-01-01", 2)
    assert not (await ask("c")).capped
    assert await ring.day_used("cp", "2026-01-01") == 5
