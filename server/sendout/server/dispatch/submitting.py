"""From our hands to the carrier: ask for permits, wait for each slot, write within its grace.

One pacer per contact point. A permit that could not be used in time is void and asked for again; Redis away means no
permits, so nothing leaves (fail closed).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sendout.domain.days import Span, day_of
from sendout.domain.errors import SendoutError
from sendout.domain.states import ReasonCode
from sendout.server.carriers.base import Outcome, OutcomeKind, Outgoing
from sendout.server.dispatch.incarnation import Lives
from sendout.server.dispatch.settling import Settler
from sendout.server.dispatch.work import CAPPED_S, Cap, Point, Ready, Work
from sendout.server.telemetry import Attribute, SpanName
from sendout.storage.day_caps import sent_since
from sendout.storage.ring import Asked, DayCap, Fenced, Lost, Permits, Rate, RedisError, Uncounted

_LONGEST_NAP_S = 1.0
"""A carrier may ask for a pause of minutes; whoever waits for a permit must notice that the work stops."""


class Submitter:
    """Paces and submits the messages that the claimer lines up."""

    def __init__(self, work: Work, lives: Lives, settler: Settler) -> None:
        self._work = work
        self._lives = lives
        self._settler = settler
        self._submits: set[asyncio.Task[None]] = set()

    def point(self, contact_point_id: str, rate: Rate, cap: Cap | None) -> Point:
        """The queue of a contact point, with its rate and its cap as they are now."""
        point = self._work.points.get(contact_point_id)
        if point is None:
            point = self._work.points[contact_point_id] = Point(contact_point_id, rate)
        point.rate, point.cap = rate, cap
        return point

    def wake(self) -> None:
        """See that a pacer runs for every contact point with messages."""
        for point in self._work.points.values():
            if point.queue and (point.pacer is None or point.pacer.done()):
                point.pacer = asyncio.create_task(self._pace(point))

    async def _pace(self, point: Point) -> None:
        work = self._work
        while point.queue and not work.stopping:
            if work.submitting >= work.carrier.window:
                await work.wait_for_room(0.5)
                continue
            batch = self._next(point)
            day = day_of(point.cap.time_zone, work.clock.now_us()) if point.cap else None
            asked = work.clock.monotonic()
            try:
                permits = await self._ask(point, batch, day)
            except Uncounted:
                point.queue.extendleft(reversed(batch))
                await self._count(point, day)
                continue
            except (Lost, Fenced) as error:
                await self._lives.leave(batch, type(error).__name__.lower())
                continue
            except RedisError as error:
                point.queue.extendleft(reversed(batch))
                # No answer: nothing was written, so the messages stay ours. After a reconnect no permit for 1 s + g.
                work.log.warning("permit_failed", error=type(error).__name__)
                await asyncio.sleep(1.0 + work.settings.permit_grace)
                continue
            answered = work.clock.monotonic()
            rest = batch[len(permits.waits) :]
            granted = []
            for ready, wait in zip(batch, permits.waits, strict=False):
                if wait is None:
                    self._settler.suppress(ready)
                    continue
                ready.write_from = answered + wait
                ready.write_until = asked + wait + work.settings.permit_grace
                ready.day = day.label if day else ""
                granted.append(ready)
            if not permits.capped:
                point.queue.extendleft(reversed(rest))
            work.measures.permits(granted=len(granted))
            await self._write_in_time(granted)
            if permits.capped and day:
                await self._rest_until_tomorrow(point, rest, day)
            elif permits.ask_again > 0:
                await asyncio.sleep(min(permits.ask_again, _LONGEST_NAP_S))

    def _next(self, point: Point) -> list[Ready]:
        """Take the next messages of one incarnation out of the queue; whoever empties it meanwhile leaves us these."""
        room = min(self._work.settings.permit_batch, self._work.carrier.window - self._work.submitting)
        batch = [point.queue.popleft()]
        while point.queue and len(batch) < room and point.queue[0].incarnation is batch[0].incarnation:
            batch.append(point.queue.popleft())
        return batch

    async def _ask(self, point: Point, batch: Sequence[Ready], day: Span | None) -> Permits:
        work = self._work
        return await work.ring.permit(
            batch[0].incarnation.epoch,
            batch[0].incarnation.id,
            point.contact_point_id,
            point.rate,
            work.account_rate,
            [Asked(r.outgoing.message_id, r.claimed.segments, _stoppable(r)) for r in batch],
            grace=work.settings.permit_grace,
            horizon=work.settings.permit_horizon,
            cap=DayCap(point.cap.segments, day.label) if point.cap and day else None,
        )

    async def _count(self, point: Point, day: Span | None) -> None:
        """Tell Redis what the contact point has sent today: it is a new day there, or it has lost its memory."""
        work = self._work
        if day is None:
            return
        try:
            async with work.database.read() as connection:
                sent = await sent_since(connection, point.contact_point_id, day.start_us, work.incarnation.id)
            await work.ring.count_day(point.contact_point_id, day.label, sent)
        except (SendoutError, *RedisError) as error:
            work.log.warning("day_not_counted", error=type(error).__name__)
            await asyncio.sleep(1.0)

    async def _rest_until_tomorrow(self, point: Point, rest: Sequence[Ready], day: Span) -> None:
        """The day's segments are used up: hand back what is in hand, and look again now and then, as caps change."""
        work = self._work
        back = [*rest, *point.queue]
        point.queue.clear()
        work.log.info("daily_cap_reached", contact_point_id=point.contact_point_id, day=day.label)
        await self._lives.hand_back(back, ReasonCode.DAILY_CAP)
        try:
            pause = min(CAPPED_S, max(0.0, (day.end_us - work.clock.now_us()) / 1e6))
            await work.ring.rest(point.contact_point_id, False, [], pause)
        except RedisError as error:
            work.log.warning("rest_failed", error=type(error).__name__)

    async def _write_in_time(self, granted: Sequence[Ready]) -> None:
        """Start each message's write when its slot comes; those of one moment go together."""
        place = 0
        while place < len(granted):
            delay = granted[place].write_from - self._work.clock.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            now = self._work.clock.monotonic()
            end = place
            while end < len(granted) and granted[end].write_from <= now:
                end += 1
            if end > place:
                self._start(granted[place:end])
            place = end

    def _start(self, batch: Sequence[Ready]) -> None:
        self._work.submitting += len(batch)
        task = asyncio.create_task(self._submit(batch))
        self._submits.add(task)
        task.add_done_callback(self._submits.discard)

    async def _submit(self, batch: Sequence[Ready]) -> None:
        """Hand over now what is still in its grace; the carrier writes before it first waits."""
        work = self._work
        now = work.clock.monotonic()
        in_time = {r.outgoing.message_id: r for r in batch if now <= r.write_until}
        void = [r for r in batch if now > r.write_until]
        if void:
            work.submitting -= len(void)
            self._ask_anew(void)
        if not in_time:
            return

        def report(message: Outgoing, outcome: Outcome) -> None:
            ready = in_time.pop(message.message_id, None)
            if ready is not None:
                work.submitting -= 1
                work.room.set()  # in the carrier's window; the claimer waits for what is settled besides
                self._settler.put(ready, outcome)

        origins = {(r.facts.trace_id, r.facts.span_id) for r in in_time.values()}
        with work.telemetry.batch_span(SpanName.SUBMIT, origins, {Attribute.MESSAGES: len(in_time)}):
            try:
                await work.carrier.submit([r.outgoing for r in in_time.values()], report)
            except Exception as error:  # a carrier's fault must not take the dispatcher down
                work.log.error("carrier_failed", error=type(error).__name__)
        for ready in list(in_time.values()):
            report(ready.outgoing, Outcome(OutcomeKind.UNKNOWN))

    def _ask_anew(self, void: Sequence[Ready]) -> None:
        self._work.measures.permits(wasted=len(void))
        for ready in reversed(void):
            self._work.points[ready.contact_point_id].queue.appendleft(ready)
        self.wake()

    async def drain(self) -> None:
        """Wait for every submit that has begun."""
        while self._submits:
            await asyncio.wait(self._submits)


def _stoppable(ready: Ready) -> bytes:
    """The key by which an opt-out stops a message; none for the last word to who has just opted out."""
    return ready.claimed.number_key if ready.claimed.heeds_opt_out else b""
