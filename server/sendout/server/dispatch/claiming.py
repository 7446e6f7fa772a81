"""From the ring to our hands: take ranges, claim their messages in SQL, line them up for permits."""

from __future__ import annotations

import asyncio

from sendout.domain.breakers import Gate
from sendout.domain.days import day_of
from sendout.domain.errors import SendoutError
from sendout.domain.ids import message_id
from sendout.domain.states import State
from sendout.server.carriers.base import HasSessions, Outgoing
from sendout.server.dispatch.incarnation import Lives
from sendout.server.dispatch.settling import Settler
from sendout.server.dispatch.submitting import Submitter
from sendout.server.dispatch.work import CAPPED_S, Cap, Incarnation, Point, Ready, Work
from sendout.server.telemetry import Attribute, SpanName
from sendout.storage import contact_points
from sendout.storage.claims import Claim, Claimed, WorkerDead, claim
from sendout.storage.ring import Rate, RedisError, Taken
from sendout.storage.standings import Standing

TAKE_HORIZON_S = 0.25
TURN = 100
LEASE_S = 5.0
_IDLE_S = 0.05
_PAUSED_S = 5.0  # how long a switched-off contact point's ranges rest
_LEFT_ALONE_S = 1.0  # how long those rest that could only go through a carrier that is left alone


def _plenty(rate: Rate) -> float:
    """Segments in hand that are enough for now. What is in hand no longer sees a revoked permission or an URGENT send,
    and permits are a little slower than the ring, so that without a bound it would grow and grow."""
    return max(1.0, rate.per_second * TAKE_HORIZON_S)


class Claimer:
    """The loop that keeps the hands full, and no fuller than they need to be."""

    def __init__(self, work: Work, lives: Lives, submitter: Submitter, settler: Settler) -> None:
        self._work = work
        self._lives = lives
        self._submitter = submitter
        self._settler = settler

    async def run(self) -> None:
        """Until the work stops."""
        work = self._work
        while not work.stopping:
            gate = self._look()
            if gate is Gate.OPEN:
                if work.breaker.gate is Gate.OPEN:  # and not: tried with the one message that is in hand
                    await self._lives.hand_back(work.take_back_unpermitted())
                if not (work.breaker.diverts(work.clock.monotonic()) and work.others_that_work()):
                    await asyncio.sleep(_IDLE_S)
                    continue
            room = min(work.settings.window - work.held, work.settings.claim_batch)
            # A claim costs much the same for one message as for many: wait for a quarter of a batch.
            if room < min(work.settings.claim_batch, work.settings.window) // 4:
                await work.wait_for_room(1.0)
                continue
            try:
                idle = await self._step(1 if gate is Gate.HALF_OPEN else room, gate)
            except WorkerDead:
                await self._lives.renew("declared dead")
                idle = 0.0
            except (SendoutError, *RedisError) as error:
                # Ranges come back by their lease; a claim whose commit is in doubt is recovered like a dead worker's.
                work.log.warning("claim_failed", error=type(error).__name__)
                if isinstance(error, SendoutError):
                    await self._lives.renew("claim in doubt")
                idle = 1.0
            if idle:
                await asyncio.sleep(idle)

    def _look(self) -> Gate:
        """What may be claimed now, with the sessions of the carrier as they are."""
        work = self._work
        now = work.clock.monotonic()
        if isinstance(work.carrier, HasSessions):
            work.breaker.session(work.carrier.bound > 0, now)
        gate = work.breaker.look(now)
        work.measures.breaker(work.breaker.gate)
        return gate

    async def _step(self, room: int, gate: Gate) -> float:
        work = self._work
        only_with = work.others_that_work() if gate is Gate.OPEN else None
        busy = [point.contact_point_id for point in work.points.values() if point.segments >= _plenty(point.rate)]
        taken, wait = await work.ring.take(room, horizon=TAKE_HORIZON_S, turn=TURN, lease=LEASE_S, pass_over=busy)
        taken = await self._uncapped(taken)
        if not taken:
            return _IDLE_S if busy else min(max(wait, 0.002), _IDLE_S)
        incarnation = work.incarnation
        now = work.clock.now_us()
        async with work.database.write() as connection:
            ranges = [t.range for t in taken]
            made = await claim(connection, work.facts, incarnation.id, work.account, ranges, now, only_with)
            origins = await work.facts.load(connection, made.standings)
        with work.telemetry.batch_span(
            SpanName.CLAIM,
            {(of.trace_id, of.span_id) for of in origins.values()},
            {Attribute.MESSAGES: len(made.claimed)},
        ):
            if made.claimed and gate is Gate.HALF_OPEN:
                work.breaker.probing(work.clock.monotonic())
            self._line_up(made, incarnation, divert=gate is Gate.OPEN)
            await self._rest_paused(taken, made, _PAUSED_S if only_with is None else _LEFT_ALONE_S)
            await work.ring.release(taken)
        return 0.0 if made.claimed else 0.002

    async def _uncapped(self, taken: list[Taken]) -> list[Taken]:
        """Put back what belongs to contact points whose day is known to be used up: no claim could succeed."""
        full = {t.contact_point_id for t in taken if t.contact_point_id in self._work.points}
        full = {point for point in full if await self._is_used_up(self._work.points[point])}
        back = [t for t in taken if t.contact_point_id in full]
        await self._rest(back, CAPPED_S)
        await self._work.ring.release(back)
        return [t for t in taken if t.contact_point_id not in full]

    async def _is_used_up(self, point: Point) -> bool:
        work = self._work
        if point.cap is None:
            return False
        day = day_of(point.cap.time_zone, work.clock.now_us())
        used = await work.ring.day_used(point.contact_point_id, day.label)
        if used is None or used < point.cap.segments:
            return False
        async with work.database.read() as connection:  # the cap may have been raised
            now = await contact_points.get(connection, point.contact_point_id)
        return now is not None and (now.daily_segment_cap, now.cap_time_zone) == (
            point.cap.segments,
            point.cap.time_zone,
        )

    def _line_up(self, made: Claim, incarnation: Incarnation, *, divert: bool) -> None:
        self._work.held += len(made.claimed)
        for claimed in made.claimed:
            standing = made.standings[claimed.notification_id]
            rate = Rate(standing.segments_per_second, standing.burst_segments)
            cap = Cap(standing.daily_segment_cap, standing.cap_time_zone) if standing.daily_segment_cap else None
            point = self._submitter.point(standing.contact_point_id, rate, cap)
            ready = self._ready(claimed, standing, incarnation)
            if divert:
                self._settler.divert(ready)
            else:
                point.queue.append(ready)
        self._submitter.wake()

    def _ready(self, claimed: Claimed, standing: Standing, incarnation: Incarnation) -> Ready:
        outgoing = Outgoing(
            message_id(claimed.notification_id, claimed.index),
            claimed.attempt,
            claimed.number,
            standing.sender,
            claimed.text,
            claimed.encoding,
            claimed.segments,
            standing.expire_time,
            claimed.refusals,
        )
        facts = self._work.facts.known(claimed.notification_id)
        return Ready(claimed, outgoing, incarnation, standing.contact_point_id, facts, standing.carriers)

    async def _rest_paused(self, taken: list[Taken], made: Claim, seconds: float) -> None:
        """Put back what may not be sent now, in front, and leave its contact points alone for a while."""
        paused = {i for i, standing in made.standings.items() if standing.verdict is State.QUEUED}
        await self._rest([t for t in taken if t.range.notification_id in paused], seconds)

    async def _rest(self, back: list[Taken], pause: float) -> None:
        for point, urgent in {(t.contact_point_id, t.urgent) for t in back}:
            ranges = [t.range for t in back if (t.contact_point_id, t.urgent) == (point, urgent)]
            await self._work.ring.rest(point, urgent, ranges, pause)
