"""The simulator on both databases: its record of submits, its receipts through a kill, and its phones.

Longer than 400 lines because all of it plays with one rig of phones, clocks and intakes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import func, or_, select

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.paging import PageTokens
from sendout.domain.permissions import EVERYONE, Caller
from sendout.domain.states import State
from sendout.domain.text import Encoding
from sendout.server.carriers.base import CarrierContext, Outcome, OutcomeKind, Outgoing, Receipt, Reply
from sendout.server.carriers.simulator import SimulatorCarrier
from sendout.server.commands.simulator import Handsets
from sendout.server.rpc.simulator import SimulatorServicer
from sendout.storage import handsets
from sendout.storage.engine import Database
from sendout.storage.handsets import HandsetStore, Submit
from sendout.storage.tables import audit, simulator_message
from sendout.v1 import simulator_service_pb2

SENDER = "+14155550100"
TEXT = "canary text 7d41"
CALLER = Caller("anna", "key-1", "Anna", frozenset({EVERYONE}), frozenset())
TOKENS = PageTokens(b"t" * 32)


class Intake:
    """Writes down what is handed in, one item per call; `blocked` holds a call until it is set."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.calls: list[list[Receipt]] = []
        self.replied: list[Reply] = []
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def receipts(self, carrier: str, receipts: Sequence[Receipt]) -> None:
        self.arrived.set()
        await self.open.wait()
        self.calls.append(list(receipts))
        self.log += receipts

    async def replies(self, carrier: str, replies: Sequence[Reply]) -> None:
        self.replied += replies

    @property
    def all(self) -> list[Receipt]:
        """Every receipt handed in, in order."""
        return [receipt for call in self.calls for receipt in call]


class Rig:
    """Simulator carriers on one database, as so many processes would be, and what they said."""

    def __init__(self, database: Database, clock: Any) -> None:
        self.database, self.clock = database, clock
        self.log: list[Any] = []
        self.carriers: list[SimulatorCarrier] = []

    async def carrier(self, store: Any = None, **settings: float) -> tuple[SimulatorCarrier, Intake]:
        """Another process, started."""
        intake = Intake(self.log)
        resources = {"handsets": store or HandsetStore(self.database)}
        wanted = {"poll_interval_s": 0.01} | settings
        carrier = SimulatorCarrier(CarrierContext("simulator", wanted, self.clock, intake, resources))
        await carrier.start()
        self.carriers.append(carrier)
        return carrier, intake

    def report(self, message: Outgoing, outcome: Outcome) -> None:
        self.log.append((message, outcome))

    @property
    def outcomes(self) -> list[Outcome]:
        """Outcomes in the order of their reports."""
        return [item[1] for item in self.log if isinstance(item, tuple)]

    async def submits(self) -> list[Submit]:
        async with self.database.read() as connection:
            return await handsets.read_submits(connection)

    async def kill(self, carrier: SimulatorCarrier) -> None:
        """End a process where it stands."""
        self.carriers.remove(carrier)
        for task in carrier._tasks:
            task.cancel()
        await asyncio.gather(*carrier._tasks, return_exceptions=True)


@pytest.fixture
async def rig(database: Database, clock: Any) -> AsyncIterator[Rig]:
    made = Rig(database, clock)
    yield made
    for carrier in made.carriers:
        await carrier.stop()


def outgoing(number: str = "+14155550101", index: int = 0, attempt: int = 1, segments: int = 1) -> Outgoing:
    message_id = f"0193c3a0-0000-7000-8000-000000000000.{index}"
    return Outgoing(message_id, attempt, number, SENDER, TEXT, Encoding.GSM_7, segments, 4_000_000_000_000_000)


async def until(condition: Callable[[], bool]) -> None:
    """Let the carriers work until this holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def settled(rig: Rig) -> None:
    """Until no receipt is due, or taken, at the clock's present time."""
    now, due_time = rig.clock.now_us(), simulator_message.c.receipt_due
    claimed = now + round(SimulatorCarrier.claim_s * 1_000_000)
    due = select(func.count()).where(or_(due_time <= now, due_time == claimed))
    async with asyncio.timeout(20):
        while True:
            async with rig.database.read() as connection:
                if not (await connection.execute(due)).scalar_one():
                    return
            await asyncio.sleep(0.01)


# --- the record of submits -------------------------------------------------------------------------------------------


async def test_every_submit_is_a_row_also_a_repeated_and_a_refused_one(rig: Rig) -> None:
    """The record hides nothing: the same message twice is two rows with two references."""
    carrier, _ = await rig.carrier()
    refused = outgoing("+14155550160", index=1)
    await carrier.submit([outgoing(), outgoing(), refused], rig.report)
    submits = await rig.submits()
    assert [(one.message_id[-1], one.refused) for one in submits] == [("0", False), ("0", False), ("1", True)]
    assert len({one.ref for one in submits}) == 3
    assert [outcome.refs for outcome in rig.outcomes] == [(submits[0].ref,), (submits[1].ref,), ()]


async def test_a_submit_has_the_time_at_which_it_was_called(rig: Rig) -> None:
    """submit_ns is the monotonic clock on entry, although an earlier commit was still under way."""
    store = GatedStore(rig.database)
    carrier, _ = await rig.carrier(store)
    calls = []
    for index in range(3):
        calls.append(asyncio.create_task(carrier.submit([outgoing(index=index, segments=2)], rig.report)))
        await asyncio.sleep(0)
        rig.clock.mono += 0.25
    store.open.set()
    await asyncio.gather(*calls)
    start = 1000 * 10**9
    assert [(one.submit_ns - start, one.segments) for one in await rig.submits()] == [
        (0, 2),
        (250_000_000, 2),
        (500_000_000, 2),
    ]


class GatedStore(HandsetStore):
    """Counts transactions and keeps them from beginning until `open` is set."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.open = asyncio.Event()
        self.entered = asyncio.Event()
        self.inserts: list[int] = []

    async def insert_submits(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        self.inserts.append(len(rows))
        self.entered.set()
        await self.open.wait()
        return await super().insert_submits(rows)


async def test_nothing_is_accepted_before_its_commit(rig: Rig) -> None:
    """No outcome is reported while the transaction is open."""
    store = GatedStore(rig.database)
    carrier, _ = await rig.carrier(store)
    call = asyncio.create_task(carrier.submit([outgoing()], rig.report))
    await store.entered.wait()
    assert rig.outcomes == []
    store.open.set()
    await call
    assert [outcome.kind for outcome in rig.outcomes] == [OutcomeKind.ACCEPTED]


async def test_concurrent_submits_share_a_transaction(rig: Rig) -> None:
    """What comes while a commit is under way goes into the next one together."""
    store = GatedStore(rig.database)
    carrier, _ = await rig.carrier(store)
    first = asyncio.create_task(carrier.submit([outgoing()], rig.report))
    await store.entered.wait()
    others = [asyncio.create_task(carrier.submit([outgoing(index=index)], rig.report)) for index in range(1, 100)]
    await asyncio.sleep(0)
    store.open.set()
    await asyncio.gather(first, *others)
    assert store.inserts == [1, 99]
    assert len(await rig.submits()) == 100


class BrokenStore(HandsetStore):
    """Fails as told: at the insert (a number that does not fit) or after the commit (its answer was lost)."""

    lost_answer = False

    async def insert_submits(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        if self.lost_answer:
            await super().insert_submits(rows)
            raise SendoutError(Reason.STORAGE_UNAVAILABLE, "gone")
        return await super().insert_submits([row | {"number": None} for row in rows])


@pytest.mark.parametrize(("lost", "kind", "rows"), [(False, OutcomeKind.NOT_SENT, 0), (True, OutcomeKind.UNKNOWN, 1)])
async def test_an_outcome_is_as_certain_as_the_commit(
    rig: Rig, caplog: pytest.LogCaptureFixture, lost: bool, kind: OutcomeKind, rows: int
) -> None:
    """I2: not sent where nothing was stored, unknown where nobody can say; and no log line holds text or number."""
    store = BrokenStore(rig.database)
    store.lost_answer = lost
    carrier, _ = await rig.carrier(store)
    with caplog.at_level(logging.DEBUG):
        await carrier.submit([outgoing()], rig.report)
    assert [outcome.kind for outcome in rig.outcomes] == [kind]
    assert len(await rig.submits()) == rows
    said = [record for record in caplog.records if record.name.startswith("sendout")]
    assert said
    assert not any(TEXT in record.getMessage() or "4155550101" in record.getMessage() for record in said)


async def test_stop_stores_and_answers_what_was_submitted(rig: Rig) -> None:
    """`stop` waits for the commit that is under way and the one behind it."""
    store = GatedStore(rig.database)
    carrier, _ = await rig.carrier(store, answer_delay_s=60)
    calls = [asyncio.create_task(carrier.submit([outgoing(index=0)], rig.report))]
    await store.entered.wait()
    calls.append(asyncio.create_task(carrier.submit([outgoing(index=1)], rig.report)))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(carrier.stop())
    await asyncio.sleep(0)
    store.open.set()
    await stopping
    assert [outcome.kind for outcome in rig.outcomes] == [OutcomeKind.ACCEPTED] * 2
    await asyncio.gather(*calls)


async def test_a_submit_given_up_before_its_commit_leaves_no_row(rig: Rig) -> None:
    """A cancelled call that had not begun to be stored is not stored."""
    store = GatedStore(rig.database)
    carrier, _ = await rig.carrier(store)
    first = asyncio.create_task(carrier.submit([outgoing(index=0)], rig.report))
    await store.entered.wait()
    given_up = asyncio.create_task(carrier.submit([outgoing(index=1)], rig.report))
    await asyncio.sleep(0)
    given_up.cancel()
    store.open.set()
    await first
    await carrier.stop()
    assert [one.message_id[-1] for one in await rig.submits()] == ["0"]


# --- behaviours ------------------------------------------------------------------------------------------------------

D = State.DELIVERED


@pytest.mark.parametrize(
    ("ending", "kind", "states"),
    [
        ("101", OutcomeKind.ACCEPTED, [(1.0, D)]),
        ("150", OutcomeKind.ACCEPTED, [(30.0, D)]),
        ("151", OutcomeKind.ACCEPTED, [(1.0, State.UNDELIVERED)]),
        ("152", OutcomeKind.ACCEPTED, [(1.0, State.EXPIRED)]),
        ("153", OutcomeKind.ACCEPTED, [(1.0, State.REJECTED)]),
        ("154", OutcomeKind.ACCEPTED, []),
        ("160", OutcomeKind.NUMBER_REFUSED, []),
        ("161", OutcomeKind.OPTED_OUT, []),
        ("162", OutcomeKind.THROTTLED, []),
        ("163", OutcomeKind.REFUSED_FOR_NOW, []),
        ("170", OutcomeKind.ACCEPTED, [(1.0, D), (0.0, State.SENT)]),
        ("171", OutcomeKind.ACCEPTED, [(1.0, D), (1.0, D), (1.0, D)]),
        ("172", OutcomeKind.ACCEPTED, [(0.0, D)]),
        ("173", OutcomeKind.UNKNOWN, [(1.0, D)]),
    ],
)
async def test_what_a_number_does(rig: Rig, ending: str, kind: OutcomeKind, states: list[tuple[float, State]]) -> None:
    """The outcome of the first attempt, and the receipts in order with the carrier's time after the submit."""
    start = rig.clock.now_us()
    carrier, intake = await rig.carrier()
    await carrier.submit([outgoing(f"+447700900{ending}")], rig.report)
    for seconds in (1, 1, 30):
        rig.clock.advance(seconds)
        await settled(rig)
    assert [outcome.kind for outcome in rig.outcomes] == [kind]
    found = [((one.carrier_time or 0) - start, one.state) for one in intake.all]
    assert found == [(round(seconds * 1_000_000), state) for seconds, state in states]
    [submit] = await rig.submits()
    assert {one.ref for one in intake.all} <= {submit.ref}


@pytest.mark.parametrize(("ending", "attempt"), [("162", 3), ("163", 2)])
async def test_a_refusal_that_passes(rig: Rig, ending: str, attempt: int) -> None:
    """A throttled or busy number accepts the attempt after, and is delivered once."""
    carrier, intake = await rig.carrier(delivery_delay_s=0)
    for number in range(1, attempt + 1):
        await carrier.submit([outgoing(f"+14155550{ending}", attempt=number)], rig.report)
    await until(lambda: bool(intake.all))
    assert rig.outcomes[-1].kind is OutcomeKind.ACCEPTED
    assert [one.refused for one in await rig.submits()] == [True] * (attempt - 1) + [False]
    assert [one.state for one in intake.all] == [D]


async def test_nothing_is_handed_in_before_it_is_due(rig: Rig) -> None:
    """A receipt waits for its time, however often it is looked for."""
    carrier, intake = await rig.carrier(delivery_delay_s=1)
    await carrier.submit([outgoing()], rig.report)
    rig.clock.advance(0.999)
    await asyncio.sleep(0.05)
    assert intake.all == []
    rig.clock.advance(0.001)
    await until(lambda: bool(intake.all))


async def test_repeated_receipts_come_together_and_again_later(rig: Rig) -> None:
    """The thrice receipted number gives two equal receipts in one call and an equal one in a later call."""
    carrier, intake = await rig.carrier()
    await carrier.submit([outgoing("+14155550171")], rig.report)
    rig.clock.advance(1)
    await until(lambda: len(intake.calls) == 1)
    await settled(rig)
    rig.clock.advance(1)
    await until(lambda: len(intake.calls) == 2)
    assert [len(call) for call in intake.calls] == [2, 1]
    assert intake.all[0] == intake.all[1] == intake.all[2]


async def test_a_receipt_before_the_answer(rig: Rig) -> None:
    """The intake has the receipt before ACCEPTED is reported, and it does not name our message id."""
    carrier, intake = await rig.carrier()
    message = outgoing("+14155550172")
    await carrier.submit([message], rig.report)
    [receipt] = intake.all
    assert rig.log == [receipt, (message, Outcome(OutcomeKind.ACCEPTED, (receipt.ref,)))]
    assert receipt.message_id == ""


async def test_a_lost_answer_is_settled_by_a_receipt_that_names_the_message(rig: Rig) -> None:
    """I2: the phone got it, the outcome is unknown, and the receipt carries our id since we have no reference."""
    carrier, intake = await rig.carrier(delivery_delay_s=0)
    message = outgoing("+14155550173")
    await carrier.submit([message], rig.report)
    assert rig.outcomes == [Outcome(OutcomeKind.UNKNOWN, code="NO_ANSWER")]
    await until(lambda: bool(intake.all))
    assert [one.message_id for one in intake.all] == [message.message_id]


# --- receipts through faults -----------------------------------------------------------------------------------------


async def test_receipts_survive_a_kill_unchanged(rig: Rig) -> None:
    """What a killed process had taken and not handed in comes from another one, with the same carrier's time."""
    dying, held = await rig.carrier()
    held.open.clear()
    await dying.submit([outgoing(index=index) for index in range(20)], rig.report)
    start = rig.clock.now_us()
    rig.clock.advance(1)
    await asyncio.wait_for(held.arrived.wait(), 20)
    await rig.kill(dying)
    heir, intake = await rig.carrier()
    await asyncio.sleep(0.05)
    assert intake.all == []  # still claimed
    rig.clock.advance(heir.claim_s)
    await until(lambda: len(intake.all) == 20)
    assert {one.ref for one in intake.all} == {ref for outcome in rig.outcomes for ref in outcome.refs}
    assert {one.carrier_time for one in intake.all} == {start + 1_000_000}
    assert held.all == []


async def test_a_receipt_before_the_answer_survives_a_kill(rig: Rig) -> None:
    """It is kept with the submit, so a kill between the commit and the intake only delays it."""
    dying, held = await rig.carrier()
    held.open.clear()
    call = asyncio.create_task(dying.submit([outgoing("+14155550172")], rig.report))
    await asyncio.wait_for(held.arrived.wait(), 20)
    call.cancel()
    await rig.kill(dying)
    heir, intake = await rig.carrier()
    rig.clock.advance(heir.claim_s)
    await until(lambda: len(intake.all) == 1)
    assert rig.outcomes == []


async def test_processes_share_the_receipts(rig: Rig) -> None:
    """Three processes hand in 3,000 receipts, each exactly once."""
    processes = [await rig.carrier() for _ in range(3)]
    for index, (carrier, _) in enumerate(processes):
        messages = [outgoing(f"+1415555{1000 + index}{100 + number % 50}") for number in range(1000)]
        await carrier.submit(messages, rig.report)
    rig.clock.advance(1)
    await until(lambda: sum(len(intake.all) for _, intake in processes) >= 3000)
    await settled(rig)
    handed_in = Counter(one.ref for _, intake in processes for one in intake.all)
    assert handed_in == Counter(ref for outcome in rig.outcomes for ref in outcome.refs)
    assert max(len(call) for _, intake in processes for call in intake.calls) <= 500


async def test_a_lost_claim_changes_nothing(rig: Rig) -> None:
    """A process that wakes after its claim was taken over cannot take back what the other one did."""
    carrier, _ = await rig.carrier()
    await carrier.submit([outgoing("+14155550170")], rig.report)
    await carrier.stop()
    store = HandsetStore(rig.database)
    now = rig.clock.now_us() + 2_000_000
    [mine] = await store.take_due(now, now + 10, 500)
    [theirs] = await store.take_due(now + 10, now + 20, 500)
    assert mine == theirs
    await store.advance(now + 10, [(mine.ref, None, [])])
    assert await store.next_due() == now + 20
    await store.advance(now + 20, [(mine.ref, now + 99, mine.receipts[1:])])
    assert await store.next_due() == now + 99


async def test_idle_looking_writes_nothing(rig: Rig) -> None:
    """While nothing is due no transaction that writes is begun."""

    class Watched(HandsetStore):
        looks = 0
        takes = 0

        async def next_due(self) -> int | None:
            self.looks += 1
            return await super().next_due()

        async def take_due(self, now_us: int, until_us: int, limit: int) -> list[handsets.DueMessage]:
            self.takes += 1
            return await super().take_due(now_us, until_us, limit)

    store = Watched(rig.database)
    carrier, _ = await rig.carrier(store)
    await carrier.submit([outgoing()], rig.report)
    seen = store.looks
    await until(lambda: store.looks > seen + 3)
    assert store.takes == 0


# --- phones ----------------------------------------------------------------------------------------------------------


async def test_a_phone_shows_what_arrived_and_when(rig: Rig) -> None:
    """A text is on the phone from its delivery on; refused and undelivered ones never are."""
    carrier, intake = await rig.carrier()
    numbers = [f"+14155550{ending}" for ending in ("101", "150", "151", "154", "160")]
    await carrier.submit([outgoing(number, index) for index, number in enumerate(numbers)], rig.report)
    phones = Handsets(rig.database, rig.clock, intake, "simulator", TOKENS)
    shown = []
    for seconds in (0, 1, 30):
        rig.clock.advance(seconds)
        page = await phones.list_handsets(0, "")
        shown.append([phone.number[-3:] for phone in page.handsets])
    assert shown == [[], ["154", "101"], ["150", "154", "101"]]
    [text] = (await phones.list_messages(numbers[0], 0, "")).messages
    assert (text.text, text.sender, text.message_id) == (TEXT, SENDER, outgoing().message_id)
    assert (await phones.list_messages(numbers[2], 0, "")).messages == []


async def test_phones_and_texts_come_in_pages_without_gap_or_repeat(rig: Rig) -> None:
    """Pages follow one another, newest first, also where times are equal."""
    carrier, intake = await rig.carrier(delivery_delay_s=0)
    messages = [outgoing(f"+1415555{1000 + index // 3}", index) for index in range(21)]
    await carrier.submit(messages, rig.report)
    phones = Handsets(rig.database, rig.clock, intake, "simulator", TOKENS)
    numbers, token = [], ""
    while True:
        page = await phones.list_handsets(3, token)
        numbers += [phone.number for phone in page.handsets]
        assert all(phone.messages == 3 for phone in page.handsets)
        if not (token := page.next_page_token):
            break
    assert numbers == [f"+1415555{1000 + index}" for index in reversed(range(7))]
    first = await phones.list_messages("+14155551000", 2, "")
    second = await phones.list_messages("+14155551000", 2, first.next_page_token)
    assert [text.message_id[-2:] for text in (*first.messages, *second.messages)] == [".2", ".1", ".0"]
    assert second.next_page_token == ""


async def test_a_phone_writes_to_a_contact_point(rig: Rig) -> None:
    """The text stands on the phone, one audit row without the number names it, and the intake gets the reply."""
    intake = Intake([])
    service = SimulatorServicer(Handsets(rig.database, rig.clock, intake, "simulator", TOKENS))
    phones = Handsets(rig.database, rig.clock, intake, "simulator", TOKENS)
    written = await phones.send(CALLER, "+44 7700 900123", SENDER, "Stop please")
    assert intake.replied == [Reply(written.ref, "+447700900123", SENDER, "Stop please")]
    request = simulator_service_pb2.ListHandsetMessagesRequest(phone_number="+447700900123")
    [shown] = (await service.ListHandsetMessages(request, None)).messages
    assert (shown.text, shown.sender, shown.from_handset, shown.segments) == ("Stop please", SENDER, True, 1)
    assert shown.receive_time.ToMicroseconds() == rig.clock.now_us()
    handset_list = await service.ListHandsets(simulator_service_pb2.ListHandsetsRequest(), None)
    assert [(phone.phone_number, phone.message_count) for phone in handset_list.handsets] == [("+447700900123", 1)]
    assert await rig.submits() == []
    async with rig.database.read() as connection:
        [row] = (await connection.execute(select(audit))).all()
    assert (row.principal_id, row.action) == ("anna", "SendFromHandset")
    assert "900123" not in row.object_id


@pytest.mark.parametrize(
    ("number", "sender", "text", "reason"),
    [
        ("hello", SENDER, "Hi", Reason.RECIPIENT_INVALID),
        ("+447700900123", "BANK", "Hi", Reason.FIELD_INVALID),
        ("+447700900123", SENDER, "", Reason.TEXT_EMPTY),
        ("+447700900123", SENDER, "x" * 4001, Reason.FIELD_INVALID),
        ("+447700900123", SENDER, "a\0b", Reason.FIELD_INVALID),
    ],
)
async def test_what_a_phone_cannot_write(rig: Rig, number: str, sender: str, text: str, reason: Reason) -> None:
    """A wrong number, sender or text is refused by field, and nothing is stored."""
    intake = Intake([])
    phones = Handsets(rig.database, rig.clock, intake, "simulator", TOKENS)
    with pytest.raises(SendoutError) as caught:
        await phones.send(CALLER, number, sender, text)
    assert caught.value.reason is reason
    assert intake.replied == []


@pytest.mark.parametrize("token", ["x", "é", "MTI", "MS9hYmM", "====", "MS8x" * 300])
async def test_a_wrong_page_token_is_refused(rig: Rig, token: str) -> None:
    """What is no token of this list is PAGE_TOKEN_INVALID, never an error of the database."""
    phones = Handsets(rig.database, rig.clock, Intake([]), "simulator", TOKENS)
    for call in (phones.list_handsets(0, token), phones.list_messages("+447700900123", 0, token)):
        with pytest.raises(SendoutError) as caught:
            await call
        assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


async def test_without_the_simulator_its_calls_are_not_implemented(rig: Rig) -> None:
    """Where the carrier is not enabled every call says so."""
    phones = Handsets(rig.database, rig.clock, Intake([]), None, TOKENS)
    calls = (
        phones.list_handsets(0, ""),
        phones.list_messages("+447700900123", 0, ""),
        phones.send(CALLER, "+447700900123", SENDER, "Hi"),
    )
    for call in calls:
        with pytest.raises(SendoutError) as caught:
            await call
        assert caught.value.reason is Reason.NOT_IMPLEMENTED
