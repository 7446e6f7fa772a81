"""What every carrier must do, whatever is behind it: a test suite for any plug-in, also one outside this repository.

A plug-in's own test module gives the fixture `bench` and inherits; its `conftest.py` calls
`pytest.register_assert_rewrite("sendout.server.carriers.conformance")` before, so that a failure is explained. The
tests are coroutines: pytest-asyncio in mode `auto`, or another plug-in that runs them. Only this module needs pytest.

    class TestMyCarrier(CarrierConformance):
        @pytest.fixture
        async def bench(self): ...
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from sendout.domain.states import FINAL
from sendout.domain.text import segment
from sendout.server.carriers.base import Capabilities, Carrier, Outcome, OutcomeKind, Outgoing, Receipt, Reply


class RecordingIntake:
    """Keeps what is handed in; `fail_next` makes the next calls fail as a database that is away does."""

    def __init__(self) -> None:
        self.received: list[Receipt] = []
        self.replied: list[Reply] = []
        self.fail_next = 0
        self.failed: list[Receipt] = []
        self._changed = asyncio.Condition()

    async def receipts(self, carrier: str, receipts: Sequence[Receipt]) -> None:
        await asyncio.sleep(0)
        if self.fail_next:
            self.fail_next -= 1
            self.failed += receipts
            raise OSError("the database is away")
        async with self._changed:
            self.received += receipts
            self._changed.notify_all()

    async def replies(self, carrier: str, replies: Sequence[Reply]) -> None:
        self.replied += replies

    async def wait_for(self, enough: Callable[[list[Receipt]], bool]) -> None:
        """Until the receipts handed in are enough."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: enough(self.received))


@dataclass
class Reports:
    """What a carrier reported; call it as `report`."""

    outcomes: list[tuple[Outgoing, Outcome]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def __call__(self, message: Outgoing, outcome: Outcome) -> None:
        asyncio.get_running_loop()  # raises outside the event loop
        self.threads.add(threading.get_ident())
        self.outcomes.append((message, outcome))

    def kinds(self) -> list[OutcomeKind]:
        """The outcomes in the order of their reports."""
        return [outcome.kind for _, outcome in self.outcomes]

    def refs(self) -> list[str]:
        """The references of what was accepted, of every part."""
        return [ref for _, one in self.outcomes if one.kind is OutcomeKind.ACCEPTED for ref in one.refs]

    def ids(self) -> list[str]:
        """The message ids in the order of their reports."""
        return [message.message_id for message, _ in self.outcomes]


async def _at_once() -> None:
    return


@dataclass
class Bench:
    """A carrier (not yet started), where its receipts go, and numbers with which it can be tried."""

    carrier: Carrier
    settings: Mapping[str, Any]  # that the carrier was built from
    intake: RecordingIntake
    good: list[str]  # accepted and receipted with a final state; more than `window` is not needed
    refused: str  # refused for good at submit
    ready: Callable[[], Awaitable[None]] = _at_once  # waits until a started carrier is connected
    stamped: bool = True  # its receipts say when, by the carrier's own clock

    async def start(self) -> None:
        """Start the carrier, and wait until it is connected."""
        await self.carrier.start()
        await self.ready()

    @property
    def can(self) -> Capabilities:
        """What the carrier's class says of these settings."""
        return type(self.carrier).capabilities(self.settings)


def outgoing(
    index: int,
    number: str,
    attempt: int = 1,
    text: str = "Hello",
    reference_bits: int = 8,
    sender: str = "+14155550100",
) -> Outgoing:
    """A message, a short one where nothing else is said."""
    message_id = f"0193c3a0-0000-7000-8000-000000000000.{index}"
    cut = segment(text, reference_bits=reference_bits)
    return Outgoing(message_id, attempt, number, sender, text, cut.encoding, cut.count, 4_000_000_000_000_000)


class CarrierConformance:
    """Inherit this and give the fixture `bench`."""

    @pytest.fixture
    async def bench(self) -> Bench:
        """Each carrier brings its own."""
        raise NotImplementedError

    async def test_its_class_says_what_it_can_do(self, bench: Bench) -> None:
        """Capabilities come from the settings of a carrier that was never started, and are usable."""
        can = bench.can
        assert can.reference_bits in (8, 16)
        assert can.encodings
        assert can.segments_per_second is None or can.segments_per_second > 0

    async def test_a_long_text_has_as_many_references_as_it_is_sent_in(self, bench: Bench) -> None:
        """Who splits has one reference for each part, in order; who leaves that to the provider has one."""
        can = bench.can
        await bench.start()
        reports = Reports()
        long = outgoing(0, bench.good[0], text="Long words. " * 30, reference_bits=can.reference_bits)
        assert long.segments == 3
        await bench.carrier.submit([long], reports)
        assert reports.kinds() == [OutcomeKind.ACCEPTED]
        assert len(reports.refs()) == (long.segments if can.splits else 1)
        await bench.carrier.stop()

    async def test_every_message_is_reported_exactly_once(self, bench: Bench) -> None:
        """Each message of each call is reported once, with the very object that was submitted."""
        await bench.start()
        messages = [outgoing(index, number) for index, number in enumerate([*bench.good, bench.refused])]
        reports = Reports()
        half = len(messages) // 2
        await asyncio.gather(
            bench.carrier.submit(messages[:half], reports), bench.carrier.submit(messages[half:], reports)
        )
        assert sorted(map(id, (message for message, _ in reports.outcomes))) == sorted(map(id, messages))
        await bench.carrier.stop()

    async def test_reports_come_from_the_event_loop(self, bench: Bench) -> None:
        """`report` is called on the loop's own thread and nowhere else."""
        await bench.start()
        reports = Reports()
        await bench.carrier.submit([outgoing(0, bench.good[0])], reports)
        assert reports.threads == {threading.get_ident()}
        await bench.carrier.stop()

    async def test_references_are_never_used_twice(self, bench: Bench) -> None:
        """Every accepted submit has a reference of its own, also a second submit of the same message."""
        await bench.start()
        reports = Reports()
        for attempt in (1, 2):
            await bench.carrier.submit([outgoing(0, number, attempt) for number in bench.good], reports)
        refs = reports.refs()
        assert len(refs) == 2 * len(bench.good)
        assert "" not in refs
        assert len(set(refs)) == len(refs)
        await bench.carrier.stop()

    async def test_a_definite_refusal_is_reported_as_one(self, bench: Bench) -> None:
        """A number that is refused for good is neither accepted nor unknown, and carries the carrier's code."""
        await bench.start()
        reports = Reports()
        await bench.carrier.submit([outgoing(0, bench.refused)], reports)
        [(_, outcome)] = reports.outcomes
        assert outcome.kind is OutcomeKind.NUMBER_REFUSED
        assert outcome.code
        await bench.carrier.stop()

    async def test_every_accepted_message_gets_a_final_receipt(self, bench: Bench) -> None:
        """Receipts name the references that were given out, with a final state and, where it has one, the carrier's
        own time; never ours, by which the same receipt told twice would be two."""
        await bench.start()
        reports = Reports()
        await bench.carrier.submit([outgoing(index, number) for index, number in enumerate(bench.good)], reports)
        refs = set(reports.refs())
        assert refs
        await bench.intake.wait_for(lambda found: refs <= {one.ref for one in found if one.state in FINAL})
        assert all((receipt.carrier_time is not None) == bench.stamped for receipt in bench.intake.received)
        await bench.carrier.stop()

    async def test_receipts_the_intake_did_not_take_come_again_unchanged(self, bench: Bench) -> None:
        """A receipt is given up only after the intake has stored it, and a repeated one is equal to the first."""
        bench.intake.fail_next = 1
        await bench.start()
        await bench.carrier.submit([outgoing(0, bench.good[0])], Reports())
        await bench.intake.wait_for(lambda found: bool(found))
        assert Counter(one.ref for one in bench.intake.failed) == Counter(one.ref for one in bench.intake.received)
        assert bench.intake.failed == bench.intake.received
        await bench.carrier.stop()

    async def test_receipts_hold_no_text(self, bench: Bench) -> None:
        """What is stored raw of a receipt holds neither the text nor the number."""
        await bench.start()
        message = outgoing(0, bench.good[0])
        await bench.carrier.submit([message], Reports())
        await bench.intake.wait_for(lambda found: bool(found))
        assert message.text not in repr(bench.intake.received)
        assert message.number not in repr([one.raw for one in bench.intake.received])
        await bench.carrier.stop()

    async def test_stop_loses_no_report(self, bench: Bench) -> None:
        """Submits that are in flight when `stop` is called end as reported, at the worst as UNKNOWN."""
        await bench.start()
        reports = Reports()
        calls = [
            asyncio.create_task(bench.carrier.submit([outgoing(index, number)], reports))
            for index, number in enumerate(bench.good)
        ]
        await asyncio.sleep(0)
        await bench.carrier.stop()
        await asyncio.gather(*calls)
        assert Counter(reports.ids()) == Counter(outgoing(index, "").message_id for index in range(len(bench.good)))

    async def test_after_stop_nothing_is_sent(self, bench: Bench) -> None:
        """A submit after `stop` is reported as NOT_SENT."""
        await bench.start()
        await bench.carrier.stop()
        reports = Reports()
        await bench.carrier.submit([outgoing(0, bench.good[0])], reports)
        assert reports.kinds() == [OutcomeKind.NOT_SENT]

    async def test_a_submit_that_is_given_up_hurts_no_other(self, bench: Bench) -> None:
        """Cancelling one call leaves the others to be reported."""
        await bench.start()
        reports = Reports()
        given_up = asyncio.create_task(bench.carrier.submit([outgoing(0, bench.good[0])], reports))
        other = asyncio.create_task(bench.carrier.submit([outgoing(1, bench.good[1])], reports))
        await asyncio.sleep(0)
        given_up.cancel()
        await other
        assert reports.ids().count(outgoing(1, "").message_id) == 1
        await bench.carrier.stop()
