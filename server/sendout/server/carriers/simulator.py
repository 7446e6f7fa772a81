"""A carrier with phones of its own, for development and tests: nothing leaves the machine.

The last three digits of a number decide what becomes of a message to it (`BEHAVIOURS`); every other number gets its
message and confirms it after `delivery_delay_s`. Phones, texts and the receipts still due live in SQL behind
`HandsetStore`, so a killed process loses none of them. A submit is one row there, repeated or not, and is reported
as accepted only after that row is committed: the table is the log by which tests judge what was really sent.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import Capabilities, CarrierContext, Outcome, OutcomeKind, Outgoing, Receipt, Report

_log = logging.getLogger(__name__)


class Wait(Enum):
    """When something happens, counted from the submit."""

    AT_ONCE = "at once"
    DELIVERY = "delivery_delay_s"
    LATE = "late_delay_s"


@dataclass(frozen=True, slots=True)
class Step:
    """One receipt to come: `lag` seconds after `wait`. Its own time stamp is that of `wait`, without the lag."""

    state: State
    code: str
    reason: ReasonCode = ReasonCode.NONE
    wait: Wait = Wait.DELIVERY
    stamped: Wait | None = None  # where the stamp is not that of `wait`
    lag: float = 0.0


_ARRIVED = Step(State.DELIVERED, "DELIVRD")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of a message to a number that ends in `ending`."""

    ending: str
    happens: str
    ends_as: str
    receipts: tuple[Step, ...] = (_ARRIVED,)
    arrives: Wait | None = Wait.DELIVERY  # when the phone shows it; None: never
    refusal: Outcome | None = None
    refused_attempts: float = math.inf  # the first so many are refused
    answered: bool = True
    early: bool = False  # its receipt is handed in before the answer, and names the carrier's reference only

    def refusal_of(self, attempt: int) -> Outcome | None:
        """The refusal that this attempt (counted from 1) meets, if it meets one."""
        return self.refusal if attempt <= self.refused_attempts else None


_LATE = replace(_ARRIVED, wait=Wait.LATE)
_EARLY = replace(_ARRIVED, wait=Wait.AT_ONCE)
_AGAIN = replace(_ARRIVED, lag=0.5)
_NOTED = Step(State.SENT, "ENROUTE", stamped=Wait.AT_ONCE, lag=0.5)
_UNDELIVERED = Step(State.UNDELIVERED, "UNDELIV", ReasonCode.HANDSET_UNREACHABLE)
_EXPIRED = Step(State.EXPIRED, "EXPIRED", ReasonCode.EXPIRED_AT_CARRIER)
_REJECTED = Step(State.REJECTED, "REJECTD", ReasonCode.CARRIER_REFUSED)
_NO_SUCH_NUMBER = Outcome(OutcomeKind.NUMBER_REFUSED, code="NUMBER")
_OPTED_OUT = Outcome(OutcomeKind.OPTED_OUT, code="OPTOUT")
_TOO_FAST = Outcome(OutcomeKind.THROTTLED, code="THROTTLED", retry_after=1.0)
_BUSY = Outcome(OutcomeKind.REFUSED_FOR_NOW, code="SYSERR")

_OTHER = Behaviour("any other", "Accepted, delivered after `delivery_delay_s`.", "DELIVERED")
_ROWS = (
    Behaviour("150", "Accepted, delivered only after `late_delay_s`.", "DELIVERED", (_LATE,), Wait.LATE),
    Behaviour("151", "Accepted, then the phone cannot be reached.", "UNDELIVERED", (_UNDELIVERED,), None),
    Behaviour("152", "Accepted, then expired at the carrier.", "EXPIRED", (_EXPIRED,), None),
    Behaviour("153", "Accepted, then rejected by a receipt.", "REJECTED", (_REJECTED,), None),
    Behaviour("154", "The phone gets it, but no receipt ever comes.", "SENT, at the deadline UNKNOWN", ()),
    Behaviour("160", "Refused: no such number.", "REJECTED (NUMBER_REFUSED)", refusal=_NO_SUCH_NUMBER),
    Behaviour("161", "Refused: the recipient opted out.", "REJECTED (OPTED_OUT)", refusal=_OPTED_OUT),
    Behaviour("162", "Throttled twice, then accepted.", "DELIVERED", refusal=_TOO_FAST, refused_attempts=2),
    Behaviour("163", "Refused for now once, then accepted.", "DELIVERED", refusal=_BUSY, refused_attempts=1),
    Behaviour("170", "Delivered, and half a second later a note that it was sent.", "DELIVERED", (_ARRIVED, _NOTED)),
    Behaviour("171", "The receipt comes twice, and once more later.", "DELIVERED", (_ARRIVED, _ARRIVED, _AGAIN)),
    Behaviour("172", "The receipt comes before the answer.", "DELIVERED", (_EARLY,), Wait.AT_ONCE, early=True),
    Behaviour("173", "Delivered, but the submit is never answered.", "UNCONFIRMED, then DELIVERED", answered=False),
)
BEHAVIOURS: Mapping[str, Behaviour] = {row.ending: row for row in _ROWS}


def behaviour_of(number: str) -> Behaviour:
    """What the phone with this number does."""
    return BEHAVIOURS.get(number[-3:], _OTHER)


def numbers_table() -> str:
    """The magic numbers as a Markdown table; the documentation holds a copy that a test compares."""
    lines = ["| Number ends in | For example | What happens | Ends as |", "|---|---|---|---|"]
    for row in (_OTHER, *_ROWS):
        ending = row.ending if row.ending.isdecimal() else "101"
        example = f"`+14155550{ending}`, `+447700900{ending}`"
        lines.append(f"| {row.ending} | {example} | {row.happens} | {row.ends_as} |")
    return "\n".join(lines) + "\n"


class SimulatorSettings(BaseModel):
    """The settings of the simulator, all in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    delivery_delay_s: float = Field(1.0, ge=0, le=86_400, description="From the submit to the phone and its receipt.")
    late_delay_s: float = Field(30.0, ge=0, le=86_400, description="The same for a late number.")
    answer_delay_s: float = Field(0.0, ge=0, le=600, description="From the commit of a submit to its answer.")
    poll_interval_s: float = Field(0.2, ge=0.01, le=60, description="How often to look for receipts that are due.")

    def micros(self, wait: Wait) -> int:
        """Length of a wait in microseconds."""
        seconds = {Wait.AT_ONCE: 0.0, Wait.DELIVERY: self.delivery_delay_s, Wait.LATE: self.late_delay_s}[wait]
        return round(seconds * 1_000_000)


class DueMessage(Protocol):
    """A message of which at least one receipt is due; `receipts` are all that are still to come, in order."""

    @property
    def ref(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def receipts(self) -> Sequence[Mapping[str, Any]]: ...


class HandsetStore(Protocol):
    """The phones, in SQL: `context.resources["handsets"]`. Times are microseconds since 1970."""

    async def insert_submits(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Store these in one transaction. True once committed, False where certainly nothing was stored;
        raises where neither is certain."""
        ...

    async def next_due(self) -> int | None:
        """When the next receipt is due."""
        ...

    async def take_due(self, now_us: int, until_us: int, limit: int) -> Sequence[DueMessage]:
        """Claim messages whose next receipt is due: nobody else gets them before `until_us`."""
        ...

    async def advance(
        self, claimed_until: int, rest: Sequence[tuple[str, int | None, Sequence[Mapping[str, Any]]]]
    ) -> None:
        """Give up a claim: per ref when its next receipt is due, if any, and the receipts still to come."""
        ...


class _Stored(Enum):
    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


class _Early(NamedTuple):
    """A message whose receipt is handed in before its answer."""

    ref: str
    message_id: str
    receipts: Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class _Batch:
    """The messages of one call of `submit`."""

    messages: Sequence[Outgoing]
    outcomes: list[Outcome]
    rows: list[dict[str, Any]]
    stored: asyncio.Future[_Stored]
    claimed_until: int
    early: list[_Early] = field(default_factory=list)


class SimulatorCarrier:
    """See the module's own description. Two tasks: one stores submits, one hands in receipts."""

    window = 2000
    claim_s = 5.0
    """How long a receipt that was taken and not handed in (a killed process) waits before somebody else takes it."""
    receipts_at_once = 500

    @staticmethod
    def capabilities(settings: Mapping[str, Any]) -> Capabilities:
        """Whole texts, one receipt each, no real phone."""
        SimulatorSettings(**settings)
        return Capabilities(splits=False, receipts_per_part=False, replies=True, reaches_phones=False)

    def __init__(self, context: CarrierContext) -> None:
        self._settings = SimulatorSettings(**context.settings)
        self._name, self._clock, self._intake = context.name, context.clock, context.intake
        self._store: HandsetStore = context.resources["handsets"]
        # References are never used twice: random per process, then counted.
        self._run, self._count = context.clock.random_bytes(10).hex(), 0
        self._pending: list[_Batch] = []
        self._wake, self._stopping, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._in_flight = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to store submits and to hand in receipts, also those that an earlier process left."""
        self._tasks = [
            asyncio.create_task(self._store_submits(), name=f"{self._name}-submits"),
            asyncio.create_task(self._hand_in_receipts(), name=f"{self._name}-receipts"),
        ]

    async def stop(self) -> None:
        """Store and answer what is under way; the receipts still due wait in SQL for the next process."""
        self._stopping.set()
        self._wake.set()
        await asyncio.gather(*self._tasks)
        await self._idle.wait()

    # --- submits ---------------------------------------------------------------------------------------------------

    async def submit(self, messages: Sequence[Outgoing], report: Report) -> None:
        """Store each message as one submit, then report; the moment of the call is the moment of the submit."""
        submit_ns = int(self._clock.monotonic() * 1_000_000_000)
        if not self._tasks or self._stopping.is_set():
            for message in messages:
                report(message, Outcome(OutcomeKind.NOT_SENT, code="STOPPED"))
            return
        batch = self._plan(messages, submit_ns)
        self._in_flight += 1
        self._idle.clear()
        try:
            self._pending.append(batch)
            self._wake.set()
            await self._answer(batch, await batch.stored, report)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    def _plan(self, messages: Sequence[Outgoing], submit_ns: int) -> _Batch:
        now = self._clock.now_us()
        claimed_until = now + round(self.claim_s * 1_000_000)
        batch = _Batch(messages, [], [], asyncio.get_running_loop().create_future(), claimed_until)
        for message in messages:
            behaviour = behaviour_of(message.number)
            self._count += 1
            ref = f"{self._run}-{self._count:x}"
            refusal = behaviour.refusal_of(message.attempt)
            receipts = [] if refusal else [self._receipt(step, behaviour, now) for step in behaviour.receipts]
            arrives = None if refusal else behaviour.arrives
            due = receipts[0]["due"] if receipts else None
            if behaviour.early and receipts:
                batch.early.append(_Early(ref, message.message_id, receipts))
                due = claimed_until
            batch.outcomes.append(refusal or _answer_of(behaviour, ref))
            batch.rows.append(
                {
                    "ref": ref,
                    "refused": refusal is not None,
                    "message_id": message.message_id,
                    "attempt": message.attempt,
                    "number": message.number,
                    "sender": message.sender,
                    "text": message.text,
                    "segments": message.segments,
                    "submit_ns": submit_ns,
                    "receive_time": now + self._settings.micros(arrives) if arrives else None,
                    "receipt_due": due,
                    "receipts": receipts,
                }
            )
        return batch

    def _receipt(self, step: Step, behaviour: Behaviour, now: int) -> dict[str, Any]:
        # The time stamp is fixed here and kept, so that a receipt handed in twice is the same receipt.
        return {
            "due": now + self._settings.micros(step.wait) + round(step.lag * 1_000_000),
            "time": now + self._settings.micros(step.stamped or step.wait),
            "state": int(step.state),
            "reason": step.reason.value,
            "code": step.code,
            "echo": not behaviour.early,
        }

    async def _store_submits(self) -> None:
        """Everything that came while the last commit was under way goes into the next one."""
        while self._pending or not self._stopping.is_set():
            if not self._pending:
                self._wake.clear()
                await self._wake.wait()
                continue
            batches = [batch for batch in self._pending if not batch.stored.done()]  # done: the caller gave up
            self._pending = []
            stored = await self._insert([row for batch in batches for row in batch.rows])
            for batch in batches:
                if not batch.stored.done():
                    batch.stored.set_result(stored)

    async def _insert(self, rows: Sequence[Mapping[str, Any]]) -> _Stored:
        if not rows:
            return _Stored.YES
        try:
            return _Stored.YES if await self._store.insert_submits(rows) else _Stored.NO
        except Exception as error:
            _log.warning("It is not known whether %d submits were stored: %s", len(rows), type(error).__name__)
            return _Stored.UNSURE

    async def _answer(self, batch: _Batch, stored: _Stored, report: Report) -> None:
        outcomes = batch.outcomes
        if stored is not _Stored.YES:
            kind = OutcomeKind.NOT_SENT if stored is _Stored.NO else OutcomeKind.UNKNOWN
            outcomes = [Outcome(kind, code="STORAGE")] * len(batch.messages)
        else:
            if batch.early:
                await self._try_hand_in(batch.early, batch.claimed_until)
            if self._settings.answer_delay_s:
                await self._pause(self._settings.answer_delay_s)
        for message, outcome in zip(batch.messages, outcomes, strict=True):
            report(message, outcome)

    # --- receipts --------------------------------------------------------------------------------------------------

    async def _hand_in_receipts(self) -> None:
        while not self._stopping.is_set():
            try:
                pause = await self._hand_in_due()
            except Exception as error:
                _log.warning("Receipts wait for the next look: %s", type(error).__name__)
                pause = self._settings.poll_interval_s
            if pause:
                await self._pause(pause)

    async def _hand_in_due(self) -> float:
        """Hand in what is due; answers with the seconds to wait before the next look."""
        poll = self._settings.poll_interval_s
        gather = min(0.05, poll)  # short enough to be prompt, long enough for receipts to come in batches
        now, due = self._clock.now_us(), await self._store.next_due()
        if due is None or due > now:
            return poll if due is None else min(poll, max(gather, (due - now) / 1_000_000))
        until = now + round(self.claim_s * 1_000_000)
        taken = await self._store.take_due(now, until, self.receipts_at_once)
        if not taken:
            return poll  # another process has them
        await self._hand_in(taken, until, now)
        return 0.0 if len(taken) == self.receipts_at_once else gather

    async def _try_hand_in(self, early: Sequence[_Early], claimed_until: int) -> None:
        try:
            await self._hand_in(early, claimed_until, self._clock.now_us())
        except Exception as error:
            _log.warning("Receipts wait until their claim ends: %s", type(error).__name__)

    async def _hand_in(self, messages: Sequence[DueMessage], claimed_until: int, now: int) -> None:
        """Hand in every receipt that is due, and only then forget it: a kill in between repeats it."""
        receipts: list[Receipt] = []
        rest: list[tuple[str, int | None, Sequence[Mapping[str, Any]]]] = []
        for message in messages:
            later = [kept for kept in message.receipts if kept["due"] > now]
            receipts += [_receipt_of(message, kept) for kept in message.receipts if kept["due"] <= now]
            rest.append((message.ref, later[0]["due"] if later else None, later))
        await self._intake.receipts(self._name, receipts)
        await self._store.advance(claimed_until, rest)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond `stop`."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def _answer_of(behaviour: Behaviour, ref: str) -> Outcome:
    if behaviour.answered:
        return Outcome(OutcomeKind.ACCEPTED, (ref,))
    return Outcome(OutcomeKind.UNKNOWN, code="NO_ANSWER")


def _receipt_of(message: DueMessage, kept: Mapping[str, Any]) -> Receipt:
    return Receipt(
        ref=message.ref,
        state=State(kept["state"]),
        reason=ReasonCode(kept["reason"]),
        code=kept["code"],
        carrier_time=kept["time"],
        message_id=message.message_id if kept["echo"] else "",
        raw={"stat": kept["code"]},
    )
