"""Webhooks: every wanted event reaches its receiver, in order, signed, through failures and restarts."""

from __future__ import annotations

import pytest

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Caller
from sendout.server.commands.webhook_subscriptions import Seen
from sendout.storage import audit
from sendout.storage.engine import Database
from sendout.storage.event_log import EventKind, append_events, told
from tests.e2e.running import free_port
from tests.integration.event_writing import EventWriter
from tests.integration.pipeline import add_contact_point
from tests.integration.webhook_receiver import (
    ADMIN,
    Receiver,
    commands,
    delivering,
    receiver,
    subscribe,
    until,
)

STEPS = ["QUEUED", "SENDING", "SENT", "DELIVERED"]


@pytest.fixture
async def writer(database: Database) -> EventWriter:
    made = EventWriter(database)
    await made.basics()
    return made


def states(received: Receiver) -> list[tuple[str, str]]:
    """(message id, new state) of each call."""
    return [
        (call.event["message"]["messageId"], call.event["newState"].removeprefix("MESSAGE_STATE_"))
        for call in received.calls
    ]


async def seen(database: Database, identifier: str) -> Seen:
    async with commands(database) as use:
        return await use.get(ADMIN, identifier)


async def test_each_event_once_in_order_and_signed(database: Database, writer: EventWriter) -> None:
    """Every event after the subscription comes once, in the stream's order, signed with the secret that was shown."""
    await writer.accept(1)
    async with receiver() as received:
        identifier, secret = await subscribe(database, received.url)
        async with delivering(database):
            sent = await writer.accept(2)
            await writer.deliver(sent, range(2))
            await received.until(8)
            await until(lambda: _caught_up(database, identifier))
        assert states(received) == [(f"{sent}.{index}", step) for step in STEPS for index in (0, 1)]
        assert all(call.signed_with(secret) and call.path == "/hook" for call in received.calls)
        assert [call.event["eventId"] for call in received.calls] == [call.id for call in received.calls]
        assert len({call.id for call in received.calls}) == 8
        assert not received.calls[0].signed_with("whsec_" + "A" * 44)


async def _caught_up(database: Database, identifier: str) -> bool:
    return not (await seen(database, identifier)).lag


async def test_failures_lose_nothing(database: Database, writer: EventWriter) -> None:
    """An event that was answered 500, 302 or not at all is tried again under the same id before the next one goes."""
    async with receiver() as received:
        identifier, _ = await subscribe(database, received.url)
        received.answers = [500, None, 302, 204, 503]
        async with delivering(database, answer_s=0.2):
            sent = await writer.accept(1)
            await writer.deliver(sent, [0])
            await received.until(8)
            await until(lambda: _caught_up(database, identifier))
        assert states(received) == [(f"{sent}.0", step) for step in [STEPS[0]] * 4 + [STEPS[1]] * 2 + STEPS[2:]]
        assert len({call.id for call in received.calls}) == 4
    one = (await seen(database, identifier)).subscription
    assert (one.failures, one.failure) == (0, "The receiver answered 503.")
    assert one.success_time
    assert one.failure_time
    assert one.success_time > one.failure_time


async def test_a_receiver_that_is_down_gets_all_of_it_later(database: Database, writer: EventWriter) -> None:
    """While nobody listens the failures are counted and said in words; then everything comes."""
    port = free_port()
    identifier, _ = await subscribe(database, f"http://127.0.0.1:{port}/hook")
    async with delivering(database):
        sent = await writer.accept(3)

        async def failed_thrice() -> bool:
            return (await seen(database, identifier)).subscription.failures >= 3

        await until(failed_thrice)
        down = await seen(database, identifier)
        assert (down.lag, down.subscription.failure) == (1, "No connection to the receiver.")
        async with receiver(port) as received:
            await received.until(3)
            await until(lambda: _caught_up(database, identifier))
            assert states(received) == [(f"{sent}.{index}", "QUEUED") for index in range(3)]


async def test_a_restart_goes_on_behind_what_was_taken(database: Database, writer: EventWriter) -> None:
    """A process that stops in the middle of a notification is followed by one that begins right there."""
    async with receiver() as received:
        identifier, _ = await subscribe(database, received.url)
        received.answers = [204, 204] + [500] * 1000
        async with delivering(database):
            sent = await writer.accept(5)
            await received.until(4)
        received.answers, before = [], len(received.calls)
        async with delivering(database):
            await received.until(before + 3)
            await until(lambda: _caught_up(database, identifier))
        assert states(received)[:2] == [(f"{sent}.0", "QUEUED"), (f"{sent}.1", "QUEUED")]
        assert states(received)[before:] == [(f"{sent}.{index}", "QUEUED") for index in (2, 3, 4)]


async def test_one_process_delivers_and_another_takes_over(database: Database, writer: EventWriter) -> None:
    """Of two processes one calls, so that nothing comes twice; when it stops the other goes on."""
    async with receiver() as received:
        identifier, _ = await subscribe(database, received.url)
        async with delivering(database):
            async with delivering(database):
                first = await writer.accept(20)
                await received.until(20)
                await until(lambda: _caught_up(database, identifier))
            second = await writer.accept(20)
            await received.until(40)
            await until(lambda: _caught_up(database, identifier))
        assert [call for call, _ in states(received)] == [
            f"{sent}.{index}" for sent in (first, second) for index in range(20)
        ]


async def test_a_slow_receiver_delays_only_itself(database: Database, writer: EventWriter) -> None:
    """One that does not answer keeps nothing from another."""
    async with receiver() as slow, receiver() as quick:
        slow.answers = [None]
        await subscribe(database, slow.url)
        await subscribe(database, quick.url)
        async with delivering(database):
            sent = await writer.accept(50)
            await quick.until(50)
            assert states(quick) == [(f"{sent}.{index}", "QUEUED") for index in range(50)]
            assert len(slow.calls) == 1


async def test_filters(database: Database, writer: EventWriter) -> None:
    """Contact point, CRM system and type must all match; what is left out still moves the place on."""
    await add_contact_point(database, "other")
    async with receiver() as by_point, receiver() as by_crm, receiver() as by_type:
        made = [
            await subscribe(database, by_point.url, contact_point_ids=["other"]),
            await subscribe(database, by_crm.url, crm_system="salesforce", event_kinds=[EventKind.STATE_CHANGED]),
            await subscribe(database, by_type.url, event_kinds=[EventKind.REPLY_RECEIVED]),
        ]
        async with delivering(database):
            crm = {1: {"system": "salesforce", "object": "Lead", "record_id": "00Q1"}}
            main = await writer.accept(2, crm=crm)
            other = await writer.accept(1, contact_point_id="other")
            async with database.write() as connection:
                reply = told(EventKind.REPLY_RECEIVED, "main", (main, 0), writer.clock.now_us())
                await append_events(connection, [reply])
            for identifier, _ in made:
                await until(lambda identifier=identifier: _caught_up(database, identifier))
        assert states(by_point) == [(f"{other}.0", "QUEUED")]
        assert states(by_crm) == [(f"{main}.1", "QUEUED")]
        assert by_crm.calls[0].event["crmRecord"]["recordId"] == "00Q1"
        assert [call.event["type"] for call in by_type.calls] == ["DELIVERY_EVENT_TYPE_REPLY_RECEIVED"]
        assert by_type.calls[0].event["message"]["messageId"] == f"{main}.0"


async def test_rotation_signs_with_both_for_a_while(database: Database, writer: EventWriter) -> None:
    """Until the overlap is over either secret verifies; a rotation without overlap leaves the new one alone."""
    async with receiver() as received, commands(database) as use:
        identifier, old = await subscribe(database, received.url)
        _, new = await use.rotate(ADMIN, identifier)
        async with delivering(database):
            await writer.accept(1)
            (both,) = await received.until(1)
        assert both.signed_with(old)
        assert both.signed_with(new)
        assert old != new
        _, newest = await use.rotate(ADMIN, identifier, 0)
        await use.test(ADMIN, identifier)
        alone = received.calls[-1]
        assert alone.signed_with(newest)
        assert not alone.signed_with(old)
        assert not alone.signed_with(new)


async def test_gone_disables(database: Database, writer: EventWriter) -> None:
    """410 Gone ends a subscription, which says why; nothing is called any more."""
    async with receiver() as received, receiver() as other:
        received.answers = [410]
        identifier, _ = await subscribe(database, received.url)
        await subscribe(database, other.url)
        async with delivering(database):
            await writer.accept(3)
            await other.until(3)

            async def is_disabled() -> bool:
                return bool((await seen(database, identifier)).subscription.disabled)

            await until(is_disabled)
            await writer.accept(3)
            await other.until(6)
        assert len(received.calls) == 1
        assert (await seen(database, identifier)).subscription.disabled == "The receiver answered 410 Gone."


async def test_deleting_ends_the_calls(database: Database, writer: EventWriter) -> None:
    """A deleted subscription is called no more, not even with what its receiver had refused."""
    async with receiver() as received, commands(database) as use:
        received.answers = [500] * 10_000
        identifier, _ = await subscribe(database, received.url)
        async with delivering(database) as delivery:
            await writer.accept(1)
            await received.until(2)
            await use.delete(ADMIN, identifier)

            async def nothing_runs() -> bool:
                return not delivery.count

            await until(nothing_runs)
            before = len(received.calls)
            await writer.accept(1)
        assert len(received.calls) == before


async def test_a_test_call_changes_nothing(database: Database, writer: EventWriter) -> None:
    """A test is a signed event of type TEST; what is answered is said, and place and failures stay."""
    async with receiver() as received, commands(database) as use:
        identifier, secret = await subscribe(database, received.url)
        before = (await seen(database, identifier)).subscription
        event_id, answered = await use.test(ADMIN, identifier)
        assert answered.taken
        assert received.calls[0].id == event_id
        assert received.calls[0].signed_with(secret)
        assert received.calls[0].event["type"] == "DELIVERY_EVENT_TYPE_TEST"
        received.answers = [500]
        _, answered = await use.test(ADMIN, identifier)
        assert answered.failure == "The receiver answered 500."
        assert (await seen(database, identifier)).subscription == before


async def test_only_administrators(database: Database) -> None:
    """Every use case asks for ADMINISTER, every change is in the audit trail, and strangers' ids are refused."""
    agent = Caller("agent", "key", "Agent", frozenset({"everyone"}), frozenset())
    async with receiver() as received, commands(database) as use:
        identifier, _ = await subscribe(database, received.url)
        for attempt in (
            use.get(agent, identifier),
            use.list_page(agent, 10, None),
            use.rotate(agent, identifier),
            use.test(agent, identifier),
            use.delete(agent, identifier),
        ):
            with pytest.raises(SendoutError) as caught:
                await attempt
            assert caught.value.reason is Reason.ROLE_REQUIRED
        await use.rotate(ADMIN, identifier)
        await use.test(ADMIN, identifier)
        await use.delete(ADMIN, identifier)
        with pytest.raises(SendoutError) as caught:
            await use.get(ADMIN, identifier)
        assert caught.value.reason is Reason.WEBHOOK_SUBSCRIPTION_NOT_FOUND
    async with database.read() as connection:
        entries = await audit.list_page(connection, 10, None, only={"object_id": identifier})
    assert [entry.action for entry in entries] == [
        "DeleteWebhookSubscription",
        "TestWebhookSubscription",
        "RotateWebhookSecret",
        "CreateWebhookSubscription",
    ]
