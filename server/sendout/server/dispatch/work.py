"""What the parts of one account's dispatcher share: the messages in hand, the incarnation, the collaborators."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from sendout.domain.breakers import Breaker, Gate
from sendout.domain.clock import Clock
from sendout.server.carriers.base import Carrier, Outgoing
from sendout.server.config_sections import DispatchSettings
from sendout.server.dispatch.measures import Measures
from sendout.server.telemetry import Telemetry
from sendout.storage.changes import Facts, FactsCache
from sendout.storage.claims import Claimed
from sendout.storage.engine import Database
from sendout.storage.ring import Rate, RedisError, Ring

_OFFICE_S = 5

CAPPED_S = 30.0
"""How long a contact point rests whose day is used up, before it is looked at again: its cap may be raised."""


@dataclass(frozen=True, slots=True)
class Incarnation:
    """This process under one Redis epoch. The id fences everything it claimed."""

    id: int
    epoch: str


@dataclass(slots=True)
class Ready:
    """A claimed message on its way to the carrier."""

    claimed: Claimed
    outgoing: Outgoing
    incarnation: Incarnation
    contact_point_id: str
    facts: Facts
    carriers: tuple[str, ...] = ()  # the notification's, and those its contact point falls back to
    write_from: float = 0.0  # monotonic seconds between which its permit may be used
    write_until: float = 0.0
    day: str = ""  # whose cap its permit was charged to


@dataclass(frozen=True, slots=True)
class Fellow:
    """A carrier account that this process serves, as the others see it."""

    ring: Ring
    breaker: Breaker


@dataclass(frozen=True, slots=True)
class Cap:
    """The most segments of a contact point on one day of a time zone."""

    segments: int
    time_zone: str


@dataclass(slots=True)
class Point:
    """The messages of one contact point that wait for permits, its rate and its daily cap, where it has one."""

    contact_point_id: str
    rate: Rate
    cap: Cap | None = None
    queue: deque[Ready] = field(default_factory=deque)
    pacer: asyncio.Task[None] | None = None

    @property
    def segments(self) -> int:
        """Segments that wait for permits."""
        return sum(ready.claimed.segments for ready in self.queue)


class Work:
    """The shared state of one carrier account in this process."""

    def __init__(
        self,
        account: str,
        database: Database,
        ring: Ring,
        carrier: Carrier,
        clock: Clock,
        settings: DispatchSettings,
        telemetry: Telemetry,
        measures: Measures,
        account_rate: Rate | None = None,
        fellows: dict[str, Fellow] | None = None,
    ) -> None:
        self.account = account
        self.database = database
        self.ring = ring
        self.carrier = carrier
        self.clock = clock
        self.settings = settings
        self.telemetry = telemetry
        self.measures = measures
        self.account_rate = account_rate
        self.breaker = Breaker()
        self.fellows = {} if fellows is None else fellows  # all accounts of this process, this one among them
        self.fellows[account] = Fellow(ring, self.breaker)
        self.facts = FactsCache()
        self.log = structlog.get_logger("sendout.dispatch").bind(account=account)
        self.incarnation = Incarnation(0, "")
        self.points: dict[str, Point] = {}
        self.held = 0  # messages between claim and the commit of their outcome
        self.submitting = 0  # messages with the carrier
        self.room = asyncio.Event()  # set whenever a message leaves our hands
        self.stopping = False

    async def in_office(self) -> bool:
        """Whether this process runs the rounds of the account now: one of all that serve it does."""
        try:
            return await self.ring.elect(str(self.incarnation.id), _OFFICE_S)
        except RedisError:
            return False

    def random(self) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.clock.random_bytes(6), "big") / 2**48

    def others_that_work(self) -> frozenset[str]:
        """The other accounts of this process whose breaker is closed."""
        works = (name for name, fellow in self.fellows.items() if fellow.breaker.gate is Gate.CLOSED)
        return frozenset(works) - {self.account}

    def next_carrier(self, carriers: Sequence[str]) -> str | None:
        """Whose turn it is after this account, among those that work; after the last comes the first."""
        place = carriers.index(self.account) + 1 if self.account in carriers else 0
        works = self.others_that_work()
        return next((name for name in (*carriers[place:], *carriers[:place]) if name in works), None)

    async def wait_for_room(self, seconds: float) -> None:
        """Until a message leaves our hands, or the time is over."""
        self.room.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.room.wait(), seconds)

    def let_go(self, count: int) -> None:
        """So many messages are no longer in our hands."""
        self.held -= count
        self.room.set()

    def take_back_unpermitted(self) -> list[Ready]:
        """Empty every queue; what was in them was never written."""
        waiting = [ready for point in self.points.values() for ready in point.queue]
        for point in self.points.values():
            point.queue.clear()
        return waiting
