"""Delivers events to webhook subscriptions, each by one process at a time, in order and at least once.

Who comes in: `sendout dispatch`. Every subscription is a subscriber of the event stream like any other; what it takes
it answers for with 2xx, and only then does its place move on in SQL. A lease per subscription spreads them over the
processes; two at once do no harm but call twice. Each waits for itself alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.clock import Clock
from sendout.domain.cursors import Place
from sendout.domain.errors import SendoutError
from sendout.domain.webhooks import WebhookSubscription, retry_wait
from sendout.server.commands.event_filters import EventFilter
from sendout.server.commands.stream_events import Batch, Delivery, StreamEvents
from sendout.server.webhook_calls import Answered, WebhookCalls
from sendout.storage import webhook_subscriptions as store
from sendout.storage.engine import Database

ENDLESS_S = 10 * 365 * 86_400.0
"""For the stream's limit on a write: here it is the whole time until a receiver takes events."""

log = structlog.get_logger("sendout.webhooks")
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class WebhookTimes:
    """In seconds: between looks for subscriptions, of a lease, the first and the longest wait after a failure."""

    look: float = 1.0
    lease: float = 15.0
    first_retry: float = 5.0
    longest_retry: float = 3600.0


class WebhookDelivery:
    """The deliveries of one process. `render` makes the body of an event."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        stream: StreamEvents,
        calls: WebhookCalls,
        render: Callable[[Delivery], bytes],
        times: WebhookTimes | None = None,
    ) -> None:
        self._database, self._clock, self._stream = database, clock, stream
        self._calls, self._render = calls, render
        self._times = times or WebhookTimes()
        self._owner = clock.random_bytes(16).hex()
        self._known: dict[uuid.UUID, WebhookSubscription] = {}
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}

    @property
    def count(self) -> int:
        """Subscriptions that this process delivers."""
        return len(self._running)

    async def run(self) -> None:
        """Until cancelled; then others may go on at once."""
        try:
            while True:
                try:
                    await self._look()
                except SendoutError as error:
                    log.warning("webhooks_failed", error=type(error).__name__)
                await asyncio.sleep(self._times.look)
        finally:
            await self._end(list(self._running))
            await self._calls.close()
            with contextlib.suppress(SendoutError):
                await self._written(lambda connection: store.give_back(connection, self._owner))

    async def _look(self) -> None:
        """Deliver what is ours by lease, with the secrets and filters of now, and nothing else."""
        async with self._database.read() as connection:
            active = {one.id: one for one in await store.active(connection)}
        mine = await self._leased(list(active.values()))
        self._known = {identifier: active[identifier] for identifier in mine}
        await self._end([identifier for identifier in self._running if identifier not in mine])
        for identifier in mine - self._running.keys():
            self._running[identifier] = asyncio.create_task(self._deliver_all(identifier))

    async def _leased(self, active: list[WebhookSubscription]) -> set[uuid.UUID]:
        now = self._clock.now_us()
        lease = round(self._times.lease * 1e6)
        held = {one.id for one in active if one.owner == self._owner and one.lease_until > now + lease // 2}
        due = [one.id for one in active if one.id not in held and (one.owner == self._owner or one.lease_until < now)]
        if not due:
            return held
        return held | await self._written(lambda connection: store.take(connection, due, self._owner, now, now + lease))

    async def _end(self, identifiers: list[uuid.UUID]) -> None:
        tasks = [self._running.pop(identifier) for identifier in identifiers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver_all(self, identifier: uuid.UUID) -> None:
        """One subscription, as long as it is ours; a break in the stream begins anew from its place in SQL."""
        while True:
            try:
                async with self._database.read() as connection:
                    found = await store.get(connection, identifier)
                if found is None or found.disabled:
                    return
                await self._stream.follow(filter_of(found), found.place, _Receiver(self, found.id, found.place).take)
            except _Gone:
                return
            except SendoutError as error:
                log.warning("webhook_interrupted", subscription_id=str(identifier), error=error.reason.value)
            except Exception as error:  # what is wrong with one must not end the others, nor this one for good
                log.error("webhook_broken", subscription_id=str(identifier), error=type(error).__name__)
            await asyncio.sleep(self._times.look)

    async def deliver(self, identifier: uuid.UUID, delivery: Delivery, place: Place) -> None:
        """Call until the event is taken, however long that takes; then the place is behind it."""
        body, event_id = self._render(delivery), delivery.change.event_id
        while True:
            # Looked up at each attempt: the secret may have changed meanwhile.
            answered = await self._calls.post(self._known[identifier], event_id, body)
            if answered.taken:
                await self._written(
                    lambda connection: store.delivered(connection, identifier, place, self._clock.now_us())
                )
                return
            failures = await self._failed(identifier, answered)
            log.info("webhook_failed", subscription_id=str(identifier), failures=failures, problem=answered.failure)
            if answered.gone:
                raise _Gone
            chance = int.from_bytes(self._clock.random_bytes(4), "big") / 2**32
            await asyncio.sleep(retry_wait(failures, self._times.first_retry, self._times.longest_retry, chance))

    async def _failed(self, identifier: uuid.UUID, answered: Answered) -> int:
        async def noted(connection: AsyncConnection) -> int:
            if answered.gone:
                await store.disable(connection, identifier, answered.failure)
            return await store.failed(connection, identifier, answered.failure, self._clock.now_us())

        return await self._written(noted)

    async def pass_by(self, identifier: uuid.UUID, place: Place) -> None:
        """Keep that nothing was wanted up to here."""
        await self._written(lambda connection: store.pass_by(connection, identifier, place))

    async def _written(self, step: Callable[[AsyncConnection], Awaitable[_Kept]]) -> _Kept:
        """A transaction to its end, also when cancelled meanwhile: one cut short may keep SQLite locked for all."""

        async def transaction() -> _Kept:
            async with self._database.write() as connection:
                return await step(connection)

        task = asyncio.create_task(transaction())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait((task,))
            raise


class _Gone(Exception):
    """The receiver wants no more."""


class _Receiver:
    """The receiving end of one subscription's stream."""

    def __init__(self, delivery: WebhookDelivery, identifier: uuid.UUID, place: Place) -> None:
        self._delivery, self._identifier, self._place = delivery, identifier, place

    async def take(self, batch: Batch) -> None:
        """Deliver one after the other; a heartbeat keeps how far the filter has looked."""
        for delivery in batch.deliveries:
            self._place = delivery.change.after
            await self._delivery.deliver(self._identifier, delivery, self._place)
        if self._place < batch.end:
            self._place = batch.end
            await self._delivery.pass_by(self._identifier, self._place)


def filter_of(subscription: WebhookSubscription) -> EventFilter:
    """The events a subscription gets: an administrator made it, so everybody's."""
    return EventFilter(
        subscription.contact_point_ids,
        subscription.topic_ids,
        None,
        subscription.crm_system,
        principal_id="",
        kinds=subscription.event_kinds,
    )
