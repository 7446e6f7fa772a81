"""From accept to receipt on both databases: what is accepted leaves once and ends as the phone says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import delete, func, insert, select, update

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.numbers import number_key
from sendout.server.carriers.base import Outcome, OutcomeKind, Outgoing, Report
from sendout.server.carriers.simulator import SimulatorCarrier
from sendout.server.commands.cancel_notification import CancelNotification
from sendout.server.config_sections import DispatchSettings
from sendout.storage.engine import Database
from sendout.storage.ring import connect
from sendout.storage.tables import carrier_ref, consent, contact_point, event, notification, role_grant, usage
from tests.integration.pipeline import CALLER, GOOD, NUMBER_SECRET, Pipeline, pipeline, plain_numbers


@pytest.fixture
async def pipe(database: Database, valkey_url: str) -> AsyncIterator[Pipeline]:
    async with pipeline(database, valkey_url) as made:
        yield made


async def test_everything_accepted_is_delivered_once(pipe: Pipeline) -> None:
    """S1: a send to many makes exactly one outgoing message per distinct recipient, and each is delivered."""
    numbers = plain_numbers(1000)
    accepted = await pipe.send([*numbers, numbers[0]])
    assert accepted.notification["message_count"] == 1000
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 1000})
    assert sorted(row.number for row in await pipe.log()) == numbers
    assert await pipe.counts(accepted.notification["id"]) == {"DELIVERED": 1000, "done": True}


async def test_every_sent_message_leaves_one_usage_row(pipe: Pipeline) -> None:
    """S7: each message handed to a carrier leaves a usage record with its segments."""
    accepted = await pipe.send(GOOD[:5], text="x" * 200)
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 5})
    async with pipe.database.read() as connection:
        rows = (await connection.execute(select(usage.c.segments, usage.c.contact_point_id, usage.c.topic_id))).all()
    assert rows == [(2, "main", "default")] * 5


async def test_positions_are_dense(pipe: Pipeline) -> None:
    """Event positions run from 1 without a gap, and each message's events follow its states."""
    pipe.simulator["delivery_delay_s"] = 2.0  # no receipt may overtake its own answer here
    accepted = await pipe.send(GOOD[:20])
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 20})
    async with pipe.database.read() as connection:
        positions = list((await connection.execute(select(event.c.position).order_by(event.c.position))).scalars())
        covered = (
            await connection.execute(
                select(event.c.state, func.sum(event.c.last - event.c.first + 1)).group_by(event.c.state)
            )
        ).all()
    assert positions == list(range(1, len(positions) + 1))
    assert {state: int(count) for state, count in covered} == {2: 20, 3: 20, 5: 20, 6: 20}


async def test_the_simulators_numbers_end_as_its_table_says(database: Database, valkey_url: str) -> None:
    """Undelivered, rejected, throttled, silent, early, late and repeated receipts all end as the carrier meant."""
    endings = {
        "151": "UNDELIVERED",
        "152": "EXPIRED",
        "153": "REJECTED",
        "154": "SENT",
        "160": "REJECTED",
        "161": "REJECTED",
        "170": "DELIVERED",
        "171": "DELIVERED",
        "172": "DELIVERED",
        "173": "DELIVERED",
        "101": "DELIVERED",
    }
    async with pipeline(database, valkey_url) as pipe:
        accepted = await pipe.send([f"+14155550{ending}" for ending in endings])
        async with pipe.dispatcher():
            await pipe.until(accepted.notification["id"], dict(Counter(endings.values())))
            seen = await pipe.states_by_index(accepted.notification["id"])
    assert seen == list(endings.values())


class PartsCarrier(SimulatorCarrier):
    """Answers to the number's last digit: 1 in one piece, 2 in two parts, 3 with the second of three unanswered."""

    async def submit(self, messages: Sequence[Outgoing], report: Report) -> None:
        for message in messages:
            one = message.number[-1]
            refs = {"1": ("a",), "2": ("b1", "b2"), "3": ("c1", "", "c3")}[one]
            kind = OutcomeKind.UNKNOWN if one == "3" else OutcomeKind.ACCEPTED
            report(message, Outcome(kind, refs, unmapped=True))


async def test_every_part_has_its_reference(pipe: Pipeline) -> None:
    """Each id a carrier gave is on record with its part, also where another part was not answered."""
    pipe.carrier = PartsCarrier
    accepted = await pipe.send([GOOD[1], GOOD[2], GOOD[3]])
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"SENT": 2, "UNCONFIRMED": 1})
    async with pipe.database.read() as connection:
        rows = await connection.execute(
            select(carrier_ref.c.index, carrier_ref.c.part, carrier_ref.c.ref).order_by(carrier_ref.c.ref)
        )
        assert [tuple(row) for row in rows] == [
            (0, 0, "a"), (1, 1, "b1"), (1, 2, "b2"), (2, 1, "c1"), (2, 3, "c3"),
        ]  # fmt: skip


async def test_a_throttled_message_is_tried_again_and_not_failed(pipe: Pipeline) -> None:
    """Throttling uses up no attempts; after it the message is delivered, having left once."""
    accepted = await pipe.send(["+14155550162"])
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 1}, seconds=30)
    rows = [row for row in await pipe.log() if not row.refused]
    assert len(rows) == 1


async def test_a_refusal_for_now_is_tried_again(pipe: Pipeline) -> None:
    """A refusal for now goes back to the queue with its reason and a due time, and is delivered in the end."""
    accepted = await pipe.send(["+14155550163"])
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 1}, seconds=30)


async def test_canceled_messages_do_not_leave(pipe: Pipeline) -> None:
    """Cancel takes everything out of the queue, says how many, and nothing of it is submitted later."""
    accepted = await pipe.send(plain_numbers(500))
    cancel = CancelNotification(pipe.database, pipe.clock)
    canceled, left = await cancel(CALLER, str(accepted.notification["id"]))
    assert (canceled, left.notification.progress.done) == (500, True)
    async with pipe.dispatcher():
        await pipe.until((await pipe.send(GOOD[:1])).notification["id"], {"DELIVERED": 1})
    assert len(await pipe.log()) == 1
    with pytest.raises(SendoutError) as refusal:
        await cancel(CALLER, str(accepted.notification["id"]))
    assert refusal.value.reason is Reason.ALREADY_FINISHED


async def test_scheduled_messages_wait_for_their_time(pipe: Pipeline) -> None:
    """A notification with a send time is HELD until then and delivered after it."""
    due = pipe.clock.now_us() + 2_000_000
    accepted = await pipe.send(GOOD[:3], send_time=due)
    assert await pipe.states(accepted.notification["id"]) == {"HELD": 3}
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 3})
    left = await pipe.log()
    assert all(row.receive_time >= due for row in left)


async def test_what_is_late_expires_instead_of_leaving(pipe: Pipeline) -> None:
    """Messages whose validity ended in the queue become EXPIRED and are never submitted."""
    accepted = await pipe.send(GOOD[:3], expire_time=pipe.clock.now_us() + 300_000)
    await asyncio.sleep(0.4)  # the validity itself must pass
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"EXPIRED": 3})
    assert await pipe.log() == []


async def test_an_opt_out_after_accept_suppresses(pipe: Pipeline) -> None:
    """A recipient who opted out while queued is SUPPRESSED by the claim; the others are delivered."""
    accepted = await pipe.send(GOOD[:3])
    async with pipe.database.write() as connection:
        await connection.execute(
            insert(consent).values(
                number_key=number_key(GOOD[1], NUMBER_SECRET),
                contact_point_id="main",
                opted_out=True,
                source="test",
                evidence="",
                principal_id="",
                consent_time=0,
                update_time=0,
            )
        )
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 2, "SUPPRESSED": 1})
    assert GOOD[1] not in {row.number for row in await pipe.log()}


async def test_a_revoked_permission_stops_what_is_queued(pipe: Pipeline) -> None:
    """Once the sender's role is off the list, queued messages become SUPPRESSED and none leaves."""
    accepted = await pipe.send(GOOD[:3])
    async with pipe.database.write() as connection:
        await connection.execute(delete(role_grant))
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"SUPPRESSED": 3})
    assert await pipe.log() == []


async def test_a_disabled_contact_point_pauses_and_goes_on(pipe: Pipeline) -> None:
    """Switching a contact point off keeps its messages QUEUED; switching it on lets them leave."""
    accepted = await pipe.send(GOOD[:3])
    async with pipe.database.write() as connection:
        await connection.execute(update(contact_point).values(enabled=False))
    async with pipe.dispatcher():
        await pipe.until((await _looked_at(pipe)), {"QUEUED": 3})
        async with pipe.database.write() as connection:
            await connection.execute(update(contact_point).values(enabled=True))
        await pipe.until(accepted.notification["id"], {"DELIVERED": 3})


async def _looked_at(pipe: Pipeline) -> object:
    """The notification, once the dispatcher has looked at it and lets the contact point rest."""
    async with pipe.database.read() as connection:
        identifier = (await connection.execute(select(notification.c.id))).scalar_one()
    client = connect(pipe.redis_url)
    while (await client.zscore("so:{simulator}:points", "main") or 0) < pipe.clock.now_us() + 1_000_000:
        await asyncio.sleep(0.02)
    await client.aclose()
    return identifier


async def test_an_accept_whose_push_was_lost_is_found(pipe: Pipeline) -> None:
    """A committed notification that never reached the ring is made reachable by the reconciler."""
    accepted = await pipe.send(GOOD[:3])
    client = connect(pipe.redis_url)
    await client.flushall()
    await client.aclose()
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 3})


async def test_without_a_receipt_the_state_becomes_unknown(database: Database, valkey_url: str) -> None:
    """After validity and deadline a message without a receipt is UNKNOWN; a late receipt still replaces it."""
    async with pipeline(database, valkey_url, late_delay_s=4.0) as pipe:
        pipe.settings = DispatchSettings(receipt_deadline=0.2)
        accepted = await pipe.send(["+14155550150"], expire_time=pipe.clock.now_us() + 1_500_000)
        async with pipe.dispatcher():
            await pipe.until(accepted.notification["id"], {"UNKNOWN": 1})
            await pipe.until(accepted.notification["id"], {"DELIVERED": 1})
        counted = await pipe.tally("default")
    assert counted == {"accepted": 1, "sent": 1, "delivered": 1, "segments": 1}
