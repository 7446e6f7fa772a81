"""What a carrier is: the one interface between the dispatcher and the outside world of SMS.

A carrier is one module. It is found by the entry point group `sendout.carriers`, built once per process from a
`CarrierContext`, and told to `start`, `submit` and `stop`. It reports what became of each message as one of the
outcomes below and hands in receipts and replies, which are stored before the carrier may acknowledge them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from sendout.domain.clock import Clock
from sendout.domain.states import ReasonCode, State
from sendout.domain.text import Encoding


class OutcomeKind(Enum):
    """What is certain about one submit. The class decides what may happen next (reliability.md I2)."""

    ACCEPTED = "accepted"  # the carrier took it and gave a reference
    NOT_SENT = "not_sent"  # no byte left us: it may be tried again
    REFUSED_FOR_NOW = "refused_for_now"  # a definite refusal that may pass: tried again, attempts are counted
    THROTTLED = "throttled"  # a definite "too fast": tried again more slowly, attempts are not counted
    NUMBER_REFUSED = "number_refused"  # permanent for this number
    OPTED_OUT = "opted_out"  # the carrier knows that the recipient opted out
    CONTENT_REFUSED = "content_refused"  # permanent for this text
    SENDER_REFUSED = "sender_refused"  # permanent for this sender: somebody must look
    REFUSED = "refused"  # permanent for another reason
    UNKNOWN = "unknown"  # bytes may have left us and no answer is on record: never sent again by default


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one submit; `ref` is the carrier's own id, present where it accepted."""

    kind: OutcomeKind
    ref: str = ""
    code: str = ""  # as the carrier gave it, for the log
    retry_after: float | None = None  # seconds, where the carrier said so


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as a carrier gets it. `message_id` and `attempt` make a reference that is never used twice."""

    message_id: str
    attempt: int
    number: str  # E.164
    sender: str
    text: str
    encoding: Encoding
    segments: int
    expire_time: int  # microseconds since 1970


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a carrier says later about a message it took. `state` is SENT (a mere note) or a final state."""

    ref: str
    state: State
    reason: ReasonCode = ReasonCode.NONE
    code: str = ""
    carrier_time: int | None = None  # microseconds since 1970
    part: int = 0
    message_id: str = ""  # ours, where the carrier echoes it: settles a message whose answer was lost
    raw: Mapping[str, str] = field(default_factory=dict)  # never the text of a message


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that a person sent to one of our senders; `carrier_id` is the carrier's own, for deduplication."""

    carrier_id: str
    number: str
    sender: str
    text: str


class Intake(Protocol):
    """Where receipts and replies go. Both calls return after the commit: only then may the carrier acknowledge."""

    async def receipts(self, carrier: str, receipts: Sequence[Receipt]) -> None: ...

    async def replies(self, carrier: str, replies: Sequence[Reply]) -> None: ...


@dataclass(frozen=True, slots=True)
class CarrierContext:
    """What a carrier is built from. `settings` are its own section of the configuration, `resources` what the
    application lends to a carrier that keeps state on our side (only the simulator's phones)."""

    name: str
    settings: Mapping[str, Any]
    clock: Clock
    intake: Intake
    resources: Mapping[str, Any] = field(default_factory=dict)


Report = Callable[[Outgoing, Outcome], None]


class Carrier(Protocol):
    """A way to the phones. One instance serves one process; all calls come from its one event loop."""

    window: int
    """How many messages may be with `submit` at one time."""

    async def start(self) -> None:
        """Connect and begin to hand in receipts and replies. Must not wait for the other side to be up."""
        ...

    async def submit(self, messages: Sequence[Outgoing], report: Report) -> None:
        """Hand over these messages now and call `report` once for each as its outcome is known.

        A message that is never reported, also where this raises, is taken as UNKNOWN.
        """
        ...

    async def stop(self) -> None:
        """Stop taking receipts, finish what is being stored, disconnect."""
        ...
