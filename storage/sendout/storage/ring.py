"""Redis as the dispatcher sees it, one carrier account at a time: the ring, the permits, the journal, the fence.

The ring is a hint about which ranges to claim next; SQL decides. Permits fail closed: no Redis, no sending. The Redis
command set is that of 7.2. Every key of one account shares a hash tag, so all scripts run on a cluster.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sendout.domain.rates import EASED_FOR, RECOVERY
from sendout.storage.ranges import Range

_LUA = Path(__file__).parent / "lua"
FENCE_KEPT_S = 30 * 86_400
_DAY_KEPT_S = 3 * 86_400
LONGEST_PAUSE_S = 3600.0
"""Longest that one "too fast" of a carrier is believed."""
OFFER_S = 0.25
"""Longest that an accepted send waits for a Redis that does not answer."""
STOP_KEPT_S = 3600
"""How long an opt-out is remembered here: longer than any claim is held."""

RedisError = (redis.RedisError, OSError, TimeoutError)
"""What a call may raise when Redis is away; the answer is then unknown."""


class Lost(Exception):
    """Redis is not the one under which these messages were claimed: hand them back."""


class Uncounted(Exception):
    """What the contact point has sent on the day of its cap is not known here: count it, and ask again."""


class Fenced(Exception):
    """This incarnation was declared dead: forget its messages, they are recovered by others."""


def connect(url: str) -> redis.Redis:
    """A client that never repeats a command by itself: a repeated script would charge twice."""
    return redis.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=2.0, socket_connect_timeout=2.0, decode_responses=True
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """Segments per second and burst of a contact point or an account."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A leased range of one contact point; `lease` is what `release` wants back."""

    contact_point_id: str
    urgent: bool
    range: Range
    lease: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that asks for a permit."""

    message_id: str
    segments: int
    number_key: bytes


@dataclass(frozen=True, slots=True)
class DayCap:
    """The most segments of a contact point on one day; `day` is that day's name."""

    segments: int
    day: str


@dataclass(frozen=True, slots=True)
class Permits:
    """Waits in seconds for the first so many messages, and how long to wait before asking for the rest.

    A wait of None: its recipient has opted out. `capped`: the day's segments do not suffice for the next one.
    """

    waits: list[float | None]
    ask_again: float
    capped: bool = False


def descriptor(of: Range) -> str:
    """A range as it stands in the ring."""
    return f"{of.notification_id.hex}:{of.first}:{of.last}:{of.segments:g}"


def _taken(entry: str) -> Taken:
    point, lane, text = entry.split("|")
    identifier, first, last, segments = text.split(":")
    return Taken(point, lane == "u", Range(uuid.UUID(identifier), int(first), int(last), float(segments)), entry)


def _stop_members(contact_point_id: str, number_keys: Iterable[bytes]) -> list[str]:
    return [f"{contact_point_id}|{key.hex()}" for key in number_keys]


class Ring:
    """The Redis side of one carrier account."""

    def __init__(self, client: redis.Redis, account: str) -> None:
        self._client = client
        self._prefix = f"so:{{{account}}}"
        self._scripts = {path.stem: client.register_script(path.read_text()) for path in _LUA.glob("*.lua")}

    async def _run(self, verb: str, *arguments: Any) -> Any:
        return await self._scripts[verb](keys=[self._prefix], args=arguments)

    async def open(self, mark: str) -> tuple[str, bool]:
        """(epoch, whether Redis was empty and the ring must be rebuilt)."""
        epoch, fresh = await self._run("open", mark)
        return epoch, bool(fresh)

    async def push(
        self, contact_point_id: str, urgent: bool, rate: float, ranges: Iterable[Range], due_us: int = 0
    ) -> None:
        """Make ranges reachable, now or from a time on. Pushing one twice is harmless."""
        texts = [descriptor(of) for of in ranges]
        for start in range(0, len(texts), 1000):
            lane = "u" if urgent else "n"
            await self._run("push", contact_point_id, lane, repr(rate), due_us, *texts[start : start + 1000])

    async def take(
        self, room: int, *, horizon: float, turn: int, lease: float, pass_over: Iterable[str] = ()
    ) -> tuple[list[Taken], float]:
        """The next ranges for up to `room` messages, and the seconds until there may be more.

        Nothing is taken of the contact points in `pass_over`.
        """
        wait, *entries = await self._run("take", room, round(horizon * 1e6), turn, round(lease * 1e6), *pass_over)
        return [_taken(entry) for entry in entries], wait / 1e6

    async def release(self, taken: Sequence[Taken]) -> None:
        """End the leases of ranges that are claimed."""
        if taken:
            await self._client.zrem(f"{self._prefix}:leases", *(t.lease for t in taken))

    async def permit(
        self,
        epoch: str,
        incarnation: int,
        contact_point_id: str,
        rate: Rate,
        account: Rate | None,
        messages: Sequence[Asked],
        *,
        grace: float,
        horizon: float,
        cap: DayCap | None = None,
    ) -> Permits:
        """Permits for messages of one contact point, in order. Raises Lost, Fenced or Uncounted."""
        flat = [item for m in messages for item in (m.message_id, m.segments, m.number_key.hex())]
        head = [epoch, incarnation, round(grace * 1e6), round(horizon * 1e6), contact_point_id]
        limits = [repr(rate.per_second), rate.burst]
        limits += [repr(account.per_second), account.burst] if account else ["0", 1]
        limits += [cap.segments, cap.day] if cap else [0, ""]
        limits += [RECOVERY, round(LONGEST_PAUSE_S * 1e6)]
        status, *rest = await self._run("permit", *head, *limits, *flat)
        if status == "LOST":
            raise Lost(epoch)
        if status == "FENCED":
            raise Fenced(str(incarnation))
        if status == "UNCOUNTED":
            raise Uncounted(contact_point_id)
        ask_again, *waits = rest
        return Permits([None if wait < 0 else wait / 1e6 for wait in waits], ask_again / 1e6, capped=status == "CAPPED")

    async def count_day(self, contact_point_id: str, day: str, segments: int) -> None:
        """Say what a contact point has sent on a day, where that is not known yet."""
        key = f"{self._prefix}:day:{contact_point_id}:{day}"
        await self._client.set(key, segments, nx=True, ex=_DAY_KEPT_S)

    async def day_used(self, contact_point_id: str, day: str) -> int | None:
        """Segments charged to a day; None where that is not known here."""
        used = await self._client.get(f"{self._prefix}:day:{contact_point_id}:{day}")
        return None if used is None else int(used)

    async def refund(self, contact_point_id: str, day: str, segments: int) -> None:
        """Take back what was charged to a day and certainly not sent."""
        key = f"{self._prefix}:day:{contact_point_id}:{day}"
        if await self._client.exists(key):
            await self._client.decrby(key, segments)

    async def rest(self, contact_point_id: str, urgent: bool, ranges: Sequence[Range], pause: float) -> None:
        """Put ranges back in front, and take none of the contact point's before `pause` seconds are over."""
        lane = "u" if urgent else "n"
        await self._run("rest", contact_point_id, lane, round(pause * 1e6), *map(descriptor, ranges))

    async def done(self, incarnation: int, message_ids: Sequence[str]) -> None:
        """Take settled messages out of the journal."""
        if message_ids:
            await self._client.hdel(f"{self._prefix}:inflight:{incarnation}", *message_ids)

    async def fence(self, incarnation: int) -> tuple[str, set[str]]:
        """(epoch, the message ids that incarnation had in flight); it gets no permit from now on."""
        epoch, *ids = await self._run("fence", incarnation, FENCE_KEPT_S)
        return epoch, set(ids)

    async def forget(self, incarnation: int) -> None:
        """Drop the journal of an incarnation that has been recovered; its fence stays."""
        await self._client.delete(f"{self._prefix}:inflight:{incarnation}")

    async def coverage(self) -> dict[uuid.UUID, int]:
        """How many messages of each notification the ring can still reach."""
        flat = await self._run("coverage")
        return {uuid.UUID(flat[i]): int(flat[i + 1]) for i in range(0, len(flat), 2)}

    async def elect(self, candidate: str, seconds: int) -> bool:
        """Whether `candidate` sweeps this account for the next seconds."""
        return bool(await self._run("elect", candidate, seconds))

    async def set_rates(self, rates: dict[str, float]) -> None:
        """The segments per second of contact points, as they are now."""
        if rates:
            await self._client.hset(f"{self._prefix}:rates", mapping={k: repr(v) for k, v in rates.items()})

    async def slow(self, contact_point_id: str, pause: float) -> None:
        """No permit for this contact point before `pause` seconds are over (at most an hour), then half its rate."""
        pause = min(pause, LONGEST_PAUSE_S)
        await self._run("slow", contact_point_id, round(pause * 1e6), round(EASED_FOR), RECOVERY)

    async def stop(self, contact_point_id: str, number_keys: Iterable[bytes]) -> None:
        """No permit for messages to these numbers that are claimed already; "" means from any contact point."""
        members = _stop_members(contact_point_id, number_keys)
        for start in range(0, len(members), 1000):
            await self._run("stop", STOP_KEPT_S * 1_000_000, *members[start : start + 1000])

    async def allow(self, contact_point_id: str, number_keys: Iterable[bytes]) -> None:
        """Take back `stop`: these numbers opted in again."""
        members = _stop_members(contact_point_id, number_keys)
        if members:
            await self._client.zrem(f"{self._prefix}:stop", *members)


class Rings:
    """The rings of all carrier accounts, by account name; one client for all of them."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._rings: dict[str, Ring] = {}

    def of(self, account: str) -> Ring:
        """The ring of one carrier account."""
        if account not in self._rings:
            self._rings[account] = Ring(self._client, account)
        return self._rings[account]

    async def offer(
        self, account: str, contact_point_id: str, urgent: bool, rate: float, ranges: Sequence[Range], due_us: int = 0
    ) -> bool:
        """Push after a commit, best effort: where it fails the reconciler makes the messages reachable."""
        return await self._at_best(self.of(account).push(contact_point_id, urgent, rate, ranges, due_us))

    async def stop(self, account: str, contact_point_id: str, *number_keys: bytes) -> bool:
        """Tell the permits who has just opted out, best effort: every later claim asks SQL anyway."""
        return await self._at_best(self.of(account).stop(contact_point_id, number_keys))

    async def allow(self, account: str, contact_point_id: str, *number_keys: bytes) -> bool:
        """Take back `stop` for who has just opted in, best effort: it would end by itself within the hour."""
        return await self._at_best(self.of(account).allow(contact_point_id, number_keys))

    async def _at_best(self, step: Awaitable[None]) -> bool:
        """Whether it was done within the time that a call may wait for Redis."""
        try:
            async with asyncio.timeout(OFFER_S):
                await step
        except RedisError:
            return False
        return True

    async def ping(self) -> None:
        """Raise where Redis is away."""
        await self._client.ping()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
