"""One real message through one carrier, told step by step: `sendout carriers test`, for whoever sets a carrier up.

It is no notification: no row, tally, event or cost comes of it, and it needs no Redis. The carrier is built as the
dispatcher builds it, but its intake tells and stores nothing. What is not of this message it refuses, so that the
provider keeps it for the dispatcher. Texts and numbers go to the operator's own screen, and to no log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sendout.domain import limits
from sendout.domain.clock import Clock
from sendout.domain.contact_points import sender_kind
from sendout.domain.ids import message_id, uuid7
from sendout.domain.numbers import PhoneNumber, describe, parse
from sendout.domain.states import FINAL, REASON_TEXT, STATE_TEXT, State
from sendout.domain.text import normalise, problems, segment
from sendout.server.carriers.base import (
    NO_SESSION,
    Capabilities,
    Explains,
    HasSessions,
    LooksUp,
    Lost,
    Outcome,
    OutcomeKind,
    Outgoing,
    Receipt,
    Reply,
)
from sendout.server.carriers.registry import build_carriers, capabilities_of
from sendout.storage.handsets import DueMessage, HandsetStore

Say = Callable[[str, str], None]
"""Told what a line is about and what there is to say."""

_CONNECT_S = 60.0
"""A carrier that has said neither that it is bound nor why not."""
_SUBMIT_S = 300.0
_ANSWER_S = 1.0
"""How long a receipt waits for an answer that is not here yet: only that tells whose it is."""
_LOOK_UP_S = 2.0
_VALIDITY_S = 600.0

# What each kind of outcome means, and what to do next.
_MEANINGS: Mapping[OutcomeKind, tuple[str, str]] = {
    OutcomeKind.ACCEPTED: ("The carrier took the message.", ""),
    OutcomeKind.NOT_SENT: (
        "Nothing of the message left this machine.",
        "Check the connection. A dispatcher would try again by itself.",
    ),
    OutcomeKind.REFUSED_FOR_NOW: (
        "The carrier does not take it now, and may later.",
        "Try again in a minute; a dispatcher does so by itself, five times.",
    ),
    OutcomeKind.THROTTLED: (
        "The carrier asks to wait: too much was sent, or the account is held up.",
        "Wait and try again. Where it stays so, compare the contact point's rate with what the provider allows.",
    ),
    OutcomeKind.NUMBER_REFUSED: (
        "The carrier does not accept this number.",
        "Check the number, and whether the account may send to its country; then try another phone.",
    ),
    OutcomeKind.OPTED_OUT: (
        "The carrier has it that this phone opted out.",
        "Send START from the phone to the sender, or try another phone.",
    ),
    OutcomeKind.CONTENT_REFUSED: ("The carrier does not accept this text.", "Try another one, with --text."),
    OutcomeKind.SENDER_REFUSED: (
        "The carrier does not accept this sender.",
        "Check that it belongs to the account and may send to this country; then give --sender.",
    ),
    OutcomeKind.REFUSED: ("The carrier refused it for good.", "Ask the provider what its code means."),
    OutcomeKind.UNKNOWN: (
        "There is no answer: the message may have left, or not.",
        "Look at the phone, and in the provider's log. A dispatcher would not send it again by itself.",
    ),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator typed. `wait` is in seconds."""

    number: str
    sender: str
    text: str
    wait: float


class NotOurs(Exception):
    """A receipt or reply is not of this test: the carrier must not acknowledge it."""


class Listener:
    """The intake of a test: tells what is of the one message, refuses everything else and stores nothing."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._message_id = ""
        self._refs: frozenset[str] = frozenset()
        self._answered = asyncio.Event()
        self._last_words: dict[str, State] = {}
        self._told: set[tuple[str, State, str]] = set()
        self.complete = asyncio.Event()
        """Every receipt that can be expected has come."""

    def expect(self, message_id: str) -> None:
        """From now on what comes may be of this message."""
        self._message_id = message_id

    def answered(self, refs: Sequence[str]) -> None:
        """The carrier gave it these references."""
        self._refs = frozenset(filter(None, refs))
        self._answered.set()

    @property
    def last_words(self) -> Sequence[State]:
        """Final states that receipts told, one for each reference."""
        return list(self._last_words.values())

    async def receipts(self, carrier: str, receipts: Sequence[Receipt]) -> None:
        """Tell ours. Raises NotOurs where others are among them; then all are told again, which does no harm."""
        if self._message_id and not self._answered.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), _ANSWER_S)
        ours = [one for one in receipts if self._is_ours(one)]
        for one in ours:
            self._tell(one)
        if len(ours) < len(receipts):
            raise NotOurs(carrier)

    async def replies(self, carrier: str, replies: Sequence[Reply]) -> None:
        """A test hears no replies: they are the dispatcher's."""
        raise NotOurs(carrier)

    def _is_ours(self, receipt: Receipt) -> bool:
        return receipt.ref in self._refs or (bool(self._message_id) and receipt.message_id == self._message_id)

    def _tell(self, receipt: Receipt) -> None:
        told = (receipt.ref, receipt.state, receipt.code)
        if told not in self._told:
            self._told.add(told)
            words = f"{STATE_TEXT[receipt.state]} {REASON_TEXT[receipt.reason]}".strip()
            self._say("Receipt", f"{receipt.state.name} ({receipt.code or 'no code'}) for {receipt.ref}: {words}")
        if receipt.state in FINAL:
            self._last_words[receipt.ref] = receipt.state
            if self._last_words.keys() >= self._refs:
                self.complete.set()


class Trial:
    """One test. Raises RuntimeError with a sentence where the carrier's settings cannot be used."""

    def __init__(
        self,
        name: str,
        configured: tuple[str, Mapping[str, Any]],
        clock: Clock,
        resources: Mapping[str, Any],
        say: Say,
    ) -> None:
        self._name, self._clock, self._say = name, clock, say
        self._can = capabilities_of({name: configured})[name]
        self._listener = Listener(say)
        self._carrier = build_carriers(
            {name: configured}, clock=clock, intake=self._listener, resources=resources
        )[name]  # fmt: skip

    async def run(self, wanted: Wanted) -> None:
        """Send it and tell what becomes of it. Raises RuntimeError with the verdict where it does not work."""
        self._say("Accepted", ", ".join(abilities(self._can)))
        message = self._message(wanted)
        await self._carrier.start()
        try:
            await self._connect()
            self._listener.expect(message.message_id)
            began = self._clock.now_us()
            outcome = await self._submit(message)
            if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN):
                await self._listen(message, began, wanted.wait)
            self._judge(outcome, wanted.wait)
        finally:
            await self._carrier.stop()

    # --- before anything leaves --------------------------------------------------------------------------------------

    def _message(self, wanted: Wanted) -> Outgoing:
        number = parse(wanted.number, allow_reserved=not self._can.reaches_phones)
        if not isinstance(number, PhoneNumber):
            raise RuntimeError(f"{wanted.number!r} cannot be sent to. {describe(number)}")
        self._say("Number", f"{number.e164}, {number.region}")
        if sender_kind(wanted.sender) is None:
            raise RuntimeError(
                f"{wanted.sender!r} is no sender. Give --sender a number with + and country code, a short code of 3 to "
                "8 digits, or a name of at most 11 letters and digits."
            )
        self._say("Sender", wanted.sender)
        text = normalise(wanted.text)
        for problem in problems(text):
            raise RuntimeError(f"The text cannot be sent because of {problem.code_point}. {problem.sentence}")
        cut = segment(text, reference_bits=self._can.reference_bits)
        encoding = cut.encoding.name.replace("_", "-")
        if not 0 < cut.count <= limits.MAX_SEGMENTS:
            raise RuntimeError(f"The text takes {cut.count} segments. Give --text one of 1 to {limits.MAX_SEGMENTS}.")
        if cut.encoding not in self._can.encodings:
            raise RuntimeError(f"The carrier does not send {encoding}. Give --text one that needs it not.")
        self._say("Text", f"{encoding}, {cut.count} segment{'s'[: cut.count > 1]}: {text}")
        now = self._clock.now_us()
        return Outgoing(
            message_id(uuid7(now, self._clock.random_bytes), 0), 1, number.e164, wanted.sender, text, cut.encoding,
            cut.count, now + round(max(_VALIDITY_S, wanted.wait) * 1_000_000),
        )  # fmt: skip

    async def _connect(self) -> None:
        carrier = self._carrier
        if not isinstance(carrier, HasSessions):
            return
        self._say("Connecting", "…")
        until = self._clock.monotonic() + _CONNECT_S
        while not carrier.bound:
            if trouble := self._explained(NO_SESSION):
                raise RuntimeError(f"It does not work: no connection. {trouble}")
            if self._clock.monotonic() > until:
                raise RuntimeError(f"It does not work: no connection within {_CONNECT_S:g} s. Check the address.")
            await asyncio.sleep(0.02)
        self._say("Connected", f"{carrier.bound} of its connections take{'s'[: carrier.bound == 1]} messages")

    def _explained(self, code: str) -> str:
        return self._carrier.explain(code) if isinstance(self._carrier, Explains) else ""

    # --- the message -------------------------------------------------------------------------------------------------

    async def _submit(self, message: Outgoing) -> Outcome:
        self._say("Submit", f"as {message.message_id}")
        reported = Outcome(OutcomeKind.UNKNOWN, code="NOT_REPORTED")

        def report(_message: Outgoing, outcome: Outcome) -> None:
            nonlocal reported
            reported = outcome

        try:
            async with asyncio.timeout(_SUBMIT_S):
                await self._carrier.submit([message], report)
        except TimeoutError:
            reported = Outcome(OutcomeKind.UNKNOWN, code="NO_ANSWER")
        meaning, _ = _MEANINGS[reported.kind]
        code = f" ({reported.code})" if reported.code else ""
        self._say("Outcome", f"{reported.kind.value.upper()}{code}: {meaning}")
        if explained := self._explained(reported.code) if reported.code else "":
            self._say("", explained)
        if reported.retry_after is not None:
            self._say("", f"It asks to wait for {reported.retry_after:g} s.")
        if refs := [*filter(None, reported.refs)]:
            self._say("References", ", ".join(refs))
        self._listener.answered(reported.refs)
        return reported

    async def _listen(self, message: Outgoing, began: int, seconds: float) -> None:
        """Until the last receipt, or until the operator's patience ends."""
        self._say("Waiting", f"for receipts, at most {seconds:g} s")
        asking = asyncio.create_task(self._look_up(message, began))
        try:
            async with asyncio.timeout(seconds):
                await self._listener.complete.wait()
        except TimeoutError:
            return
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _look_up(self, message: Outgoing, began: int) -> None:
        """Where the provider's calls go to the gateway, what it has on record is asked for."""
        if not (self._can.looks_up and isinstance(self._carrier, LooksUp)):
            return
        lost = Lost(message.message_id, message.number, message.sender, message.text, began, self._clock.now_us())
        while True:
            found = await self._carrier.find([lost])
            await self._listener.receipts(self._name, found)
            await asyncio.sleep(_LOOK_UP_S)

    # --- the verdict -------------------------------------------------------------------------------------------------

    def _judge(self, outcome: Outcome, wait: float) -> None:
        meaning, advice = _MEANINGS[outcome.kind]
        words = self._listener.last_words
        if outcome.kind is not OutcomeKind.ACCEPTED:
            confirmed = words and all(state is State.DELIVERED for state in words)
            came = "Its receipt says that the phone got it." if confirmed else ""
            said = filter(None, ("It does not work:", meaning, came, self._explained(outcome.code), advice))
            raise RuntimeError(" ".join(said))
        failed = [state for state in words if state is not State.DELIVERED]
        if failed:
            raise RuntimeError(
                f"It does not work: the carrier took the message, then said {failed[0].name}. {STATE_TEXT[failed[0]]} "
                "Look at the code of the receipt, and try another phone."
            )
        if self._listener.complete.is_set():
            self._say("Verdict", "It works: the carrier took the message, and the phone has it.")
            return
        parts = f"{len(words)} of {len(outcome.refs)} parts were confirmed" if words else "no last word came"
        trouble = self._explained(NO_SESSION)
        self._say(
            "Verdict", f"The carrier takes messages; {parts} within {wait:g} s. Look at the phone. {trouble}".strip()
        )


class OwnPhones:
    """The simulator's phones, lent to a test: what they get is stored, the receipts of it are this process's alone.

    So no dispatcher hands in a receipt of the test, and the test touches none of theirs.
    """

    def __init__(self, store: HandsetStore) -> None:
        self._store = store
        self._due: dict[str, tuple[int, DueMessage]] = {}

    async def insert_submits(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """As `carriers.simulator.HandsetStore`, as are the others."""
        stored = await self._store.insert_submits([{**row, "receipt_due": None, "receipts": []} for row in rows])
        for row in rows if stored else ():
            if row["receipt_due"] is not None:
                self._due[row["ref"]] = row["receipt_due"], DueMessage(row["ref"], row["message_id"], row["receipts"])
        return stored

    async def next_due(self) -> int | None:
        """When the next receipt is due."""
        return min((due for due, _ in self._due.values()), default=None)

    async def take_due(self, now_us: int, until_us: int, limit: int) -> Sequence[DueMessage]:
        """What is due, not to be taken again before `until_us`."""
        taken = [one for due, one in self._due.values() if due <= now_us][:limit]
        self._due |= {one.ref: (until_us, one) for one in taken}
        return taken

    async def advance(
        self, claimed_until: int, rest: Sequence[tuple[str, int | None, Sequence[Mapping[str, Any]]]]
    ) -> None:
        """What is still to come of these."""
        for ref, due, receipts in rest:
            claimed, message = self._due.get(ref, (None, None))
            if message is None or claimed != claimed_until:
                continue
            del self._due[ref]
            if due is not None:
                self._due[ref] = due, DueMessage(ref, message.message_id, receipts)


# --- what is shown of a carrier --------------------------------------------------------------------------------------


def abilities(can: Capabilities) -> list[str]:
    """What a carrier does, in words."""
    told = [
        "we make the parts" if can.splits else "the provider makes the parts",
        "a receipt for each part" if can.receipts_per_part else "one receipt",
    ]
    told += ["replies"] if can.replies else []
    told += ["calls the gateway"] if can.webhooks else []
    told += ["can be asked for lost messages"] if can.looks_up else []
    told += [] if can.reaches_phones else ["no real phones"]
    told += [f"{can.segments_per_second:g} segments a second"] if can.segments_per_second else []
    return told


def shown(settings: Mapping[str, Any], secret: re.Pattern[str]) -> dict[str, Any]:
    """A carrier's settings as they were written, without what may be a credential: by its name, or kept elsewhere."""
    return {key: _shown(key, value, secret) for key, value in settings.items()}


def _shown(key: str, value: Any, secret: re.Pattern[str]) -> Any:
    if isinstance(value, Mapping):
        return shown(value, secret)
    if isinstance(value, str) and value.startswith(("file:", "env:")):
        return f"*** (from {value})"
    if secret.search(key):
        return "***"
    return re.sub(r"//[^/@\s]+@", "//***@", value) if isinstance(value, str) else value
