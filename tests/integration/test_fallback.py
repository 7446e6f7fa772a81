"""Routing: what goes on through another carrier, what never does, and the breaker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import select, update

from sendout.domain.states import State
from sendout.server.carriers.base import OutcomeKind
from sendout.storage import open_work, reading
from sendout.storage.engine import Database
from sendout.storage.ring import connect
from sendout.storage.tables import contact_point, message, rerouted
from tests.integration.pipeline import GOOD, Pipeline, pipeline
from tests.integration.scripted import Bound, Scripted, accounts, answers

REFUSES = partial(Scripted, answer=answers(OutcomeKind.REFUSED_FOR_NOW, retry_after=0.05))
CANNOT = partial(Scripted, answer=answers(OutcomeKind.NOT_SENT))
LOSES = partial(Scripted, answer=answers(OutcomeKind.UNKNOWN))


@pytest.fixture
async def p(database: Database, valkey_url: str) -> AsyncIterator[Pipeline]:
    async with pipeline(database, valkey_url) as made:
        async with database.write() as connection:
            await connection.execute(update(contact_point).values(fallback_carriers=["second"]))
        yield made


async def timeline(p: Pipeline, notification_id: uuid.UUID) -> list[str]:
    async with p.database.read() as connection:
        steps = await reading.steps(connection, notification_id, 0)
    return [f"{step.state.name} {step.reason}".strip() for step in steps]


async def carriers_of(p: Pipeline, notification_id: uuid.UUID) -> set[str]:
    async with p.database.read() as connection:
        found = await reading.list_messages(connection, notification_id, states=(), after=-1, limit=1000)
    return {one.carrier for one in found}


async def test_the_second_refusal_moves_a_message(p: Pipeline) -> None:
    """After two refusals for now a message goes on through the next carrier, and its timeline says so."""
    async with accounts(p, simulator=REFUSES, second=Scripted) as carriers:
        sent = (await p.send(GOOD[:1])).notification["id"]
        await p.until(sent, {"SENT": 1})
        assert [len(carriers[name].given) for name in ("simulator", "second")] == [2, 1]
    assert await timeline(p, sent) == [
        "QUEUED", "SENDING", "QUEUED RETRYING", "SENDING", "QUEUED FALLBACK", "SENDING", "SENT",
    ]  # fmt: skip
    assert await carriers_of(p, sent) == {"second"}
    assert await p.tally("default") == {"accepted": 1, "sent": 1, "segments": 1}


@pytest.mark.parametrize("kind", [OutcomeKind.UNKNOWN, OutcomeKind.NUMBER_REFUSED])
async def test_only_what_certainly_did_not_leave_is_moved(p: Pipeline, kind: OutcomeKind) -> None:
    """I2: neither an unknown outcome nor a lasting refusal ever goes through another carrier."""
    async with accounts(p, simulator=partial(Scripted, answer=answers(kind)), second=Scripted) as carriers:
        sent = (await p.send(GOOD[:40])).notification["id"]
        state = State.UNCONFIRMED if kind is OutcomeKind.UNKNOWN else State.REJECTED
        async with asyncio.timeout(20):
            while not (given := len(carriers["simulator"].given)) or (await p.states(sent)).get(state.name) != given:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)  # time in which it would be moved
        first = {one.message_id for one in carriers["simulator"].given}
        second = {one.message_id for one in carriers["second"].given}
        assert first
        assert not first & second
        assert (await p.states(sent))[state.name] == len(first)


async def test_a_dead_carrier_empties_into_the_next(p: Pipeline) -> None:
    """Once the breaker is open what waits goes through the next carrier at once; each message leaves once."""
    async with accounts(p, simulator=CANNOT, second=Scripted) as carriers:
        sent = (await p.send(GOOD[:100])).notification["id"]
        await p.until(sent, {"SENT": 100}, 30)
        assert len(carriers["second"].given) == 100
    async with p.database.read() as connection:
        assert set((await connection.execute(select(rerouted.c.queued))).scalars()) == {0}


async def test_both_dead_and_then_one_lives(p: Pipeline) -> None:
    """With both carriers failing messages wait, and do not wander; when one works again it takes them all."""
    async with accounts(p, simulator=CANNOT, second=CANNOT) as carriers:
        sent = (await p.send(GOOD[:30])).notification["id"]
        await asyncio.sleep(4)
        tried = sum(len(one.given) for one in carriers.values())
        assert tried < 30 * 5
        carriers["second"].answer = Scripted(carriers["second"].context).answer
        await p.until(sent, {"SENT": 30}, 40)
    assert len(await timeline(p, sent)) < 30


async def test_without_a_session_nothing_is_claimed(p: Pipeline) -> None:
    """A carrier without a session is given nothing; once it has one, all goes through it."""
    async with p.database.write() as connection:
        await connection.execute(update(contact_point).values(fallback_carriers=[]))

    class Away(Bound):
        bound = 0

    async with accounts(p, simulator=Away) as carriers:
        sent = (await p.send(GOOD[:20])).notification["id"]
        await asyncio.sleep(1)
        assert await p.states(sent) == {"QUEUED": 20}
        carriers["simulator"].bound = 1  # type: ignore[attr-defined]
        await p.until(sent, {"SENT": 20})


async def test_a_lost_push_of_a_moved_message_is_found(p: Pipeline, valkey_url: str) -> None:
    """The reconciler of each account finds exactly the queued messages that wait for it."""
    sent = (await p.send(GOOD[:10])).notification["id"]
    async with p.database.write() as connection:
        moved = update(message).where(message.c.notification_id == sent, message.c.index >= 6)
        await connection.execute(moved.values(carrier="second"))
        await connection.execute(rerouted.insert().values(notification_id=sent, carrier="second", queued=4))
    async with p.database.read() as connection:
        counts = {
            name: [one.queued for one in await open_work.with_queued(connection, name)]
            for name in ("simulator", "second", "third")
        }
        runs = await open_work.queued_runs(connection, sent, "second")
    assert counts == {"simulator": [6], "second": [4], "third": []}
    assert [(of.first, of.last) for of, _ in runs] == [(6, 9)]
    client = connect(valkey_url)
    await client.flushall()
    await client.aclose()
    async with accounts(p, simulator=Scripted, second=Scripted) as carriers:
        await p.until(sent, {"SENT": 10})
        assert [len(carriers[name].given) for name in ("simulator", "second")] == [6, 4]


async def test_an_account_does_not_claim_what_waits_for_another(p: Pipeline) -> None:
    """A stale range in the first carrier's ring makes it claim nothing that was moved to the second."""
    sent = (await p.send(GOOD[:3])).notification["id"]
    async with p.database.write() as connection:
        await connection.execute(update(message).values(carrier="second"))
        await connection.execute(rerouted.insert().values(notification_id=sent, carrier="second", queued=3))
    async with accounts(p, simulator=Scripted) as carriers:
        await asyncio.sleep(1.5)
        assert carriers["simulator"].given == []
        assert await p.states(sent) == {"QUEUED": 3}
