"""What receipts do: the rows of sms-domain.md 10.3, and receipts that are early, late, lost, twice or garbage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from sendout.domain.numbers import number_key
from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import Outcome, OutcomeKind, Outgoing, Receipt
from sendout.server.dispatch import sweeping
from sendout.server.dispatch.intake import Matching, StoredIntake
from sendout.storage import receipts
from sendout.storage.engine import Database
from sendout.storage.tables import carrier_ref, message, receipt
from tests.integration.pipeline import GOOD, NUMBER_SECRET, Pipeline, pipeline, plain_numbers
from tests.integration.scripted import Answer, Asked, Scripted, accepted, accounts, answers

THREE_PARTS = "x" * 400
ONE = {"simulator": Scripted}
UNKNOWN = answers(OutcomeKind.UNKNOWN)


@pytest.fixture
async def p(database: Database, valkey_url: str) -> AsyncIterator[Pipeline]:
    async with pipeline(database, valkey_url) as made:
        made.matching = Matching(NUMBER_SECRET, frozenset({"simulator"}), 900.0)
        yield made


def carrier(answer: Answer) -> Callable[..., Scripted]:
    return partial(Scripted, answer=answer)


def said(ref: str, state: State, time: int = 1, **more: Any) -> Receipt:
    return Receipt(ref, state, carrier_time=time, **more)


async def reason_of(p: Pipeline, notification_id: Any) -> str:
    async with p.database.read() as connection:
        found = await connection.execute(select(message.c.reason).where(message.c.notification_id == notification_id))
        return str(found.scalar_one())


D, S, U, R = State.DELIVERED, State.SENT, State.UNDELIVERED, State.REJECTED


@pytest.mark.parametrize(
    ("words", "states"),
    [
        ([(1, D), (2, D), (3, D)], [S, S, D]),
        ([(1, U), (2, D), (3, D)], [S, S, State.PARTIALLY_DELIVERED]),
        ([(3, D), (1, D), (2, S)], [S, S, S]),
        ([(1, U), (2, U), (3, U)], [S, S, U]),
        ([(1, R), (2, R), (3, R)], [S, S, R]),
        ([(1, U), (1, D), (2, D), (3, D)], [S, S, S, State.PARTIALLY_DELIVERED]),
        ([(1, D), (2, D), (3, D), (2, U)], [S, S, D, D]),
    ],
)
async def test_parts_become_their_message(p: Pipeline, words: list[tuple[int, State]], states: list[State]) -> None:
    """After each receipt of a part the message is in the state of the table; a part's first last word stays."""
    async with accounts(p, **ONE) as carriers:
        sent = (await p.send(GOOD[:1], text=THREE_PARTS)).notification["id"]
        await p.until(sent, {"SENT": 1})
        for time, ((part, word), state) in enumerate(zip(words, states, strict=True)):
            await carriers["simulator"].tell(said(f"{sent}.0:{part}", word, time))
            assert await p.states_by_index(sent) == [state.name]
    assert (await p.tally("default"))["sent"] == 1


async def test_parts_told_at_once_by_many(p: Pipeline) -> None:
    """Receipts of the three parts in three transactions at once leave no message unfinished."""
    async with accounts(p, **ONE) as carriers:
        sent = (await p.send(GOOD[:20], text=THREE_PARTS)).notification["id"]
        await p.until(sent, {"SENT": 20})
        told = [[said(f"{sent}.{n}:{part}", D) for n in range(20)] for part in (1, 2, 3)]
        await asyncio.gather(*(carriers["simulator"].tell(*batch) for batch in told))
        assert await p.states(sent) == {"DELIVERED": 20}


async def test_a_carrier_that_speaks_for_the_whole_is_believed(p: Pipeline) -> None:
    """Without receipts per part one receipt, of whichever part, speaks for the message."""
    p.matching = replace(p.matching, per_part=frozenset())
    async with accounts(p, **ONE) as carriers:
        sent = (await p.send(GOOD[:1], text=THREE_PARTS)).notification["id"]
        await p.until(sent, {"SENT": 1})
        await carriers["simulator"].tell(said(f"{sent}.0:3", D))
        assert await p.states(sent) == {"DELIVERED": 1}


async def test_refused_parts_count_as_failed(p: Pipeline) -> None:
    """A text of which one part was refused for good is at most partially delivered, once the others are known."""

    def two_of_three(of: Outgoing) -> Outcome:
        refs = (f"{of.message_id}:1", "", f"{of.message_id}:3")
        return Outcome(OutcomeKind.UNKNOWN, refs, refused_parts=1)

    async with accounts(p, simulator=carrier(two_of_three)) as carriers:
        sent = (await p.send(GOOD[:1], text=THREE_PARTS)).notification["id"]
        await p.until(sent, {"UNCONFIRMED": 1})
        await carriers["simulator"].tell(said(f"{sent}.0:1", D))
        assert await p.states(sent) == {"SENT": 1}
        await carriers["simulator"].tell(said(f"{sent}.0:3", D))
        assert await p.states(sent) == {"PARTIALLY_DELIVERED": 1}
    assert await reason_of(p, sent) == "CARRIER_REFUSED"


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ([S, D], "DELIVERED"),
        ([D, S], "DELIVERED"),
        ([D, U], "DELIVERED"),
        ([U, D], "UNDELIVERED"),
        ([D, D, D], "DELIVERED"),
        ([State.EXPIRED, D], "EXPIRED"),
        ([State.UNKNOWN, D], "DELIVERED"),
        ([State.UNKNOWN, S], "UNKNOWN"),
        ([D, State.UNKNOWN], "DELIVERED"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_the_first_last_word_stays(p: Pipeline, words: list[State], state: str, at_once: bool) -> None:
    """I10: in whatever order receipts come, together or one by one, the first final state stays; UNKNOWN gives way."""
    async with accounts(p, **ONE) as carriers:
        sent = (await p.send(GOOD[:1])).notification["id"]
        await p.until(sent, {"SENT": 1})
        told = [said(f"{sent}.0:1", word, time) for time, word in enumerate(words)]
        for batch in [told] if at_once else [[one] for one in told]:
            await carriers["simulator"].tell(*batch)
        assert await p.states(sent) == {state: 1}


async def test_no_handset_receipt_is_unknown_at_once_and_counts_as_sent(p: Pipeline) -> None:
    """Rule 6: "I took it and will say no more" is UNKNOWN with its reason, counted as sent, not as delivered."""
    async with accounts(p, simulator=carrier(UNKNOWN)) as carriers:
        sent = (await p.send(GOOD[:1])).notification["id"]
        await p.until(sent, {"UNCONFIRMED": 1})
        last = said("r", State.UNKNOWN, message_id=f"{sent}.0", reason=ReasonCode.NO_HANDSET_RECEIPT)
        await carriers["simulator"].tell(last)
        assert await p.states(sent) == {"UNKNOWN": 1}
    assert await reason_of(p, sent) == "NO_HANDSET_RECEIPT"
    assert await p.tally("default") == {"accepted": 1, "sent": 1, "segments": 1}


async def test_an_early_receipt_waits_for_its_answer(p: Pipeline) -> None:
    """A receipt that comes before the submit's own answer is applied once that is on record."""

    class Early(Scripted):
        async def submit(self, messages: Sequence[Outgoing], report: Any) -> None:
            for one in messages:
                await self.tell(said(f"{one.message_id}:1", D, number=one.number))
            await super().submit(messages, report)

    async with accounts(p, simulator=Early):
        sent = (await p.send(GOOD[:1])).notification["id"]
        await p.until(sent, {"DELIVERED": 1})


@pytest.mark.parametrize("early", [False, True])
async def test_an_opt_out_told_by_a_receipt(p: Pipeline, early: bool) -> None:
    """A receipt that says "opted out" ends what waits for the number and stops what was claimed, also where it came
    before the submit's answer."""

    class Blocked(Scripted):
        async def submit(self, messages: Sequence[Outgoing], report: Any) -> None:
            told = [said(f"{one.message_id}:1", R, reason=ReasonCode.OPTED_OUT, number=one.number) for one in messages]
            if early:
                await self.tell(*told)
            await super().submit(messages, report)
            if not early:
                await p.until(sent, {"SENT": 1})
                await self.tell(*told)

    later = (await p.send(GOOD[:1], send_time=p.clock.now_us() + 3_600_000_000)).notification["id"]
    sent = (await p.send(GOOD[:1])).notification["id"]
    async with accounts(p, simulator=Blocked):
        await p.until(sent, {"REJECTED": 1})
        await p.until(later, {"SUPPRESSED": 1})
        while not (found := await p.stopped()):
            await asyncio.sleep(0.02)
        assert found == [f"main|{number_key(GOOD[0], NUMBER_SECRET).hex()}"]


async def test_early_receipts_are_taken_up_however_many(p: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look applies all receipts whose messages are on record by now, more than one transaction takes."""
    monkeypatch.setattr(sweeping, "ROUND_S", 3600.0)

    class Early(Scripted):
        async def submit(self, messages: Sequence[Outgoing], report: Any) -> None:
            await self.tell(*(said(f"{one.message_id}:1", D, number=one.number) for one in messages))
            await super().submit(messages, report)

    numbers = plain_numbers(1100)
    async with accounts(p, simulator=Early) as carriers:
        sent = (await p.send(numbers)).notification["id"]
        await p.until(sent, {"SENT": len(numbers)})
        intake = carriers["simulator"].context.intake
        assert isinstance(intake, StoredIntake)
        await intake.retry_parked("simulator")
        assert await p.states(sent) == {"DELIVERED": len(numbers)}


async def test_what_waits_is_looked_up(database: Database) -> None:
    """Also where the database has no statistics yet, parked receipts are found by their own index, and each one's
    reference by its key: nothing is compared with all there is."""
    statement = receipts._PARKED.limit(500).params(carrier="simulator")
    query = statement.compile(dialect=database.engine.dialect, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN" if database.is_postgres else "EXPLAIN QUERY PLAN"
    async with database.read() as connection:
        if database.is_postgres:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = str((await connection.execute(text(f"{explain} {query}"))).all())
    assert "ix_receipt_parked" in plan
    assert "Join Filter" not in plan
    assert "SCAN carrier_ref" not in plan


async def test_a_receipt_adopts_the_one_message_it_can_mean(p: Pipeline) -> None:
    """I2: an unknown reference is taken for the only unanswered message to its number; both words of it count."""
    async with accounts(p, simulator=carrier(UNKNOWN)) as carriers:
        sent = (await p.send(GOOD[:2])).notification["id"]
        await p.until(sent, {"UNCONFIRMED": 2})
        now = p.clock.now_us()
        about = {"number": GOOD[0], "submit_time": now}
        await carriers["simulator"].tell(said("lost-1", S, 1, **about), said("lost-1", D, 2, **about))
        await p.until(sent, {"DELIVERED": 1, "UNCONFIRMED": 1})
        assert await p.states_by_index(sent) == ["DELIVERED", "UNCONFIRMED"]
    assert (await p.tally("default"))["delivered"] == 1


async def test_every_part_of_a_lost_text_is_adopted(p: Pipeline) -> None:
    """The receipts of all three parts find their message by its number, though the first makes it SENT."""
    async with accounts(p, simulator=carrier(UNKNOWN)) as carriers:
        sent = (await p.send(GOOD[:1], text=THREE_PARTS)).notification["id"]
        await p.until(sent, {"UNCONFIRMED": 1})
        await carriers["simulator"].tell(said("a", D, number=GOOD[0]))
        await p.until(sent, {"SENT": 1})
        await carriers["simulator"].tell(said("b", D, number=GOOD[0]), said("c", D, number=GOOD[0]))
        await p.until(sent, {"DELIVERED": 1})


async def rounds(p: Pipeline) -> None:
    """Two rounds of the sweeper at least."""
    await asyncio.sleep(2.6)


@pytest.mark.parametrize("why", ["two", "late", "other carrier", "no number", "more than parts"])
async def test_what_is_not_sure_is_left(p: Pipeline, why: str) -> None:
    """Two candidates, a submit time outside the window, another carrier's receipt: nothing is adopted, all waits."""
    async with accounts(p, simulator=carrier(UNKNOWN), other=Scripted) as carriers:
        sent = [(await p.send(GOOD[:1])).notification["id"] for _ in range(2 if why == "two" else 1)]
        for one in sent:
            await p.until(one, {"UNCONFIRMED": 1})
        time = p.clock.now_us() - (3600 * 1_000_000 if why == "late" else 0)
        receipts = [said("x", D, number="" if why == "no number" else GOOD[0], submit_time=time)]
        if why == "more than parts":
            receipts.append(said("y", D, number=GOOD[0], submit_time=time))
        await carriers["other" if why == "other carrier" else "simulator"].tell(*receipts)
        await rounds(p)
        for one in sent:
            assert await p.states(one) == {"UNCONFIRMED": 1}
    async with p.database.read() as connection:
        assert (await connection.execute(select(func.count()).where(receipt.c.parked))).scalar_one() == len(receipts)


async def test_a_receipt_echoing_the_id_of_another_carriers_message_says_nothing(p: Pipeline) -> None:
    """A carrier cannot speak for messages that another one has."""
    async with accounts(p, simulator=carrier(UNKNOWN), other=Scripted) as carriers:
        sent = (await p.send(GOOD[:1])).notification["id"]
        await p.until(sent, {"UNCONFIRMED": 1})
        await carriers["other"].tell(said("r", D, message_id=f"{sent}.0"))
        assert await p.states(sent) == {"UNCONFIRMED": 1}


async def test_garbage_is_stored_parked_and_given_up(p: Pipeline) -> None:
    """Whatever a carrier says is stored and acknowledged, harms nothing beside it, and is given up in the end."""
    long, odd = "r" * 5000, "\x00\ud800\n"
    async with accounts(p, **ONE) as carriers:
        sent = (await p.send(GOOD[:1])).notification["id"]
        await p.until(sent, {"SENT": 1})
        garbage = [
            said(long, D, code=long, number=long, message_id=long),
            said(odd, D, code=odd, number=odd, message_id=f"{sent}.9999999", raw={"odd": odd}),
            said("", R),
        ]
        await carriers["simulator"].tell(*garbage, said(f"{sent}.0:1", D))
        assert await p.states(sent) == {"DELIVERED": 1}
        async with p.database.write() as connection:
            await connection.execute(update(receipt).values(receive_time=receipt.c.receive_time - 601_000_000))
        await rounds(p)
    async with p.database.read() as connection:
        assert (await connection.execute(select(func.count()).where(receipt.c.parked))).scalar_one() == 0
        assert (await connection.execute(select(func.count()).select_from(receipt))).scalar_one() == 4


async def test_a_reference_no_column_can_hold_is_found_again(p: Pipeline) -> None:
    """A carrier's reference of any length and any characters finds its message."""
    odd = "\x00" + "r" * 4000
    async with accounts(p, simulator=carrier(answers(OutcomeKind.ACCEPTED, refs=(odd,)))) as carriers:
        sent = (await p.send(GOOD[:1])).notification["id"]
        await p.until(sent, {"SENT": 1})
        await carriers["simulator"].tell(said(odd, D))
        assert await p.states(sent) == {"DELIVERED": 1}


async def test_a_message_on_its_way_is_not_taken_for_a_lost_one(p: Pipeline) -> None:
    """While another message to the number waits for its answer, a receipt is taken for neither."""
    hold = asyncio.Event()

    class Slow(Scripted):
        async def submit(self, messages: Sequence[Outgoing], report: Any) -> None:
            if self.given:
                await hold.wait()
            await super().submit(messages, report)

    first = partial(Slow, answer=lambda one: Outcome(OutcomeKind.UNKNOWN) if "one" in one.text else accepted(one))
    async with accounts(p, simulator=first) as carriers:
        lost = (await p.send(GOOD[:1], text="one")).notification["id"]
        await p.until(lost, {"UNCONFIRMED": 1})
        other = (await p.send(GOOD[:1], text="two")).notification["id"]
        await p.until(other, {"SENDING": 1})
        await carriers["simulator"].tell(said(f"{other}.0:1", D, number=GOOD[0]))
        await rounds(p)
        assert await p.states(lost) == {"UNCONFIRMED": 1}
        hold.set()
        await p.until(other, {"DELIVERED": 1})
        assert await p.states(lost) == {"UNCONFIRMED": 1}


async def test_single_messages_keep_no_state_of_parts(p: Pipeline) -> None:
    """A receipt of a message in one piece writes no row beside the message and the receipt itself."""
    async with accounts(p, **ONE) as carriers:
        sent = (await p.send(GOOD[:1])).notification["id"]
        await p.until(sent, {"SENT": 1})
        await carriers["simulator"].tell(said(f"{sent}.0:1", D))
    async with p.database.read() as connection:
        assert (await connection.execute(select(carrier_ref.c.part, carrier_ref.c.state))).all() == [(0, None)]


async def test_a_look_up_settles_what_was_lost(p: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the carrier has on record becomes SENT; what it has not stays UNCONFIRMED and is not sent again."""
    monkeypatch.setattr("sendout.server.dispatch.looking_up._AGES_S", (0.0,))
    monkeypatch.setattr("sendout.server.dispatch.dispatcher.LOOK_UP_PERIOD_S", 0.1)

    class Knows(Asked):
        def known(self, lost: Any) -> Any:
            return [(one, S) for one in lost if one.number == GOOD[0]]

    async with accounts(p, simulator=partial(Knows, answer=UNKNOWN)) as carriers:
        sent = (await p.send(GOOD[:2])).notification["id"]
        await p.until(sent, {"SENT": 1, "UNCONFIRMED": 1})
        await asyncio.sleep(0.5)
        asked = carriers["simulator"].asked  # type: ignore[attr-defined]
        assert sorted(one.number for one in asked) == GOOD[:2]
        assert all(one.text == "Hello" and one.not_before <= one.not_after for one in asked)
        assert len(carriers["simulator"].given) == 2
        assert await p.states_by_index(sent) == ["SENT", "UNCONFIRMED"]
