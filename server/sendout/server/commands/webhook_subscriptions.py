"""Webhook subscriptions: create, get, list, rotate the secret, test, delete. All need ADMINISTER.

What they are for: other systems, an agent platform among them, are called with every event instead of following the
stream. `webhooks.py` beside this is the other direction, what providers tell us.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.cursors import Place
from sendout.domain.errors import Reason, SendoutError, field_invalid, not_found
from sendout.domain.permissions import Caller, Permission
from sendout.domain.webhooks import (
    LONGEST_OVERLAP_S,
    MAX_EVENT_TYPES,
    MAX_SUBSCRIPTIONS,
    OVERLAP_S,
    WebhookSubscription,
    secret_of,
)
from sendout.server.commands.event_filters import check_filters
from sendout.server.webhook_calls import Answered, WebhookCalls
from sendout.storage import audit, events
from sendout.storage import webhook_subscriptions as store
from sendout.storage.engine import Database
from sendout.storage.events import Head


@dataclass(frozen=True, slots=True)
class Seen:
    """A subscription, and how many entries of the event log it is behind."""

    subscription: WebhookSubscription
    lag: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscription is to be."""

    url: str
    event_kinds: Collection[int] = ()
    contact_point_ids: Collection[str] = ()
    topic_ids: Collection[str] = ()
    crm_system: str = ""


class WebhookSubscriptions:
    """The use cases. `render_test` makes the body of a test from its event id and the time."""

    def __init__(
        self, database: Database, clock: Clock, calls: WebhookCalls, render_test: Callable[[str, int], bytes]
    ) -> None:
        self._database, self._clock, self._calls = database, clock, calls
        self._render_test = render_test

    async def create(self, caller: Caller, wanted: Wanted) -> tuple[Seen, str]:
        """A new subscription, to the events after now, and its secret, which is given here and never again."""
        caller.require(Permission.ADMINISTER)
        if len(wanted.event_kinds) > MAX_EVENT_TYPES:
            raise field_invalid(
                "subscription.event_types", f"{len(wanted.event_kinds)} entries", f"At most {MAX_EVENT_TYPES}."
            )
        url = await self._calls.check("subscription.url", wanted.url)
        now = self._clock.now_us()
        identifier = ids.uuid7(now, self._clock.random_bytes)
        async with self._database.write() as connection:
            await check_filters(
                connection, wanted.contact_point_ids, wanted.topic_ids, wanted.crm_system, "subscription."
            )
            if await store.count(connection) >= MAX_SUBSCRIPTIONS:
                raise SendoutError(
                    Reason.QUOTA_EXCEEDED,
                    f"There are {MAX_SUBSCRIPTIONS} webhook subscriptions already. Delete one that is not needed.",
                    metadata={"subject": "webhook subscriptions"},
                )
            head = await events.head(connection)
            fresh = WebhookSubscription(
                id=identifier,
                url=url,
                event_kinds=frozenset(wanted.event_kinds),
                contact_point_ids=frozenset(wanted.contact_point_ids),
                topic_ids=frozenset(wanted.topic_ids),
                crm_system=wanted.crm_system,
                generation=1,
                previous_until=None,
                place=Place(head.position),
                failures=0,
                success_time=None,
                failure_time=None,
                failure="",
                disabled="",
                owner="",
                lease_until=0,
                create_time=now,
            )
            await store.create(connection, fresh)
            await audit.record(connection, caller, "CreateWebhookSubscription", str(fresh.id), self._clock.now_us())
        return Seen(fresh, 0), secret_of(self._calls.root, fresh.id, fresh.generation)

    async def get(self, caller: Caller, subscription_id: str) -> Seen:
        """One subscription."""
        caller.require(Permission.ADMINISTER)
        async with self._database.read() as connection:
            found = await _found(connection, subscription_id)
            return _seen(found, await events.head(connection))

    async def list_page(self, caller: Caller, limit: int, after: Sequence[Any] | None) -> list[Seen]:
        """Subscriptions, newest first."""
        caller.require(Permission.ADMINISTER)
        async with self._database.read() as connection:
            found = await store.list_page(connection, limit, after)
            head = await events.head(connection)
        return [_seen(one, head) for one in found]

    async def rotate(self, caller: Caller, subscription_id: str, overlap_s: float = OVERLAP_S) -> tuple[Seen, str]:
        """The subscription with a new secret, and the secret; for `overlap_s` seconds the old one signs too."""
        caller.require(Permission.ADMINISTER)
        if not 0 <= overlap_s <= LONGEST_OVERLAP_S:
            raise field_invalid("overlap", f"{overlap_s:g} s", f"At most {LONGEST_OVERLAP_S / 86_400:g} days.")
        now = self._clock.now_us()
        async with self._database.write() as connection:
            before = await _found(connection, subscription_id, lock=True)
            after = replace(before, generation=before.generation + 1, previous_until=now + round(overlap_s * 1e6))
            await store.rotate(connection, after.id, after.generation, now + round(overlap_s * 1e6))
            await audit.record(connection, caller, "RotateWebhookSecret", str(after.id), self._clock.now_us())
            head = await events.head(connection)
        return _seen(after, head), secret_of(self._calls.root, after.id, after.generation)

    async def test(self, caller: Caller, subscription_id: str) -> tuple[str, Answered]:
        """Call it once with an event that belongs to no message; answers the event's id and what became of it."""
        caller.require(Permission.ADMINISTER)
        event_id = f"test.{self._clock.random_bytes(8).hex()}"
        async with self._database.write() as connection:
            found = await _found(connection, subscription_id)
            await audit.record(connection, caller, "TestWebhookSubscription", str(found.id), self._clock.now_us())
        return event_id, await self._calls.post(found, event_id, self._render_test(event_id, self._clock.now_us()))

    async def delete(self, caller: Caller, subscription_id: str) -> None:
        """Delete a subscription; whoever delivers it notices within a second."""
        caller.require(Permission.ADMINISTER)
        async with self._database.write() as connection:
            found = await _found(connection, subscription_id, lock=True)
            await store.remove(connection, found.id)
            await audit.record(connection, caller, "DeleteWebhookSubscription", str(found.id), self._clock.now_us())


async def _found(connection: AsyncConnection, subscription_id: str, *, lock: bool = False) -> WebhookSubscription:
    parsed = ids.check_uuid("subscription_id", subscription_id, "webhook subscription")
    found = await store.get(connection, parsed, lock=lock)
    if found is None:
        raise not_found(Reason.WEBHOOK_SUBSCRIPTION_NOT_FOUND, "webhook subscription", subscription_id)
    return found


def _seen(subscription: WebhookSubscription, head: Head) -> Seen:
    return Seen(subscription, max(0, head.position - subscription.place.position))
