"""What a carrier is: the one interface between the dispatcher and the outside world of SMS.

A carrier is one module or package. It is found by the entry point group `sendout.carriers`, says what it can do
(`Capabilities`) from its settings alone, is built once per process from a `CarrierContext`, and told to `start`,
`submit` and `stop`. It reports what became of each message as one of the outcomes below and hands in receipts and
replies, which are stored before the carrier may acknowledge them. `conformance` is the test that every carrier passes.

Two more things only some can do, and say so in their capabilities: look up what became of messages whose answer was
lost (`LooksUp`), and take calls that the provider makes to the gateway (`TakesWebhooks`). One that `Explains` its codes
helps the operator who tries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from sendout.domain.clock import Clock
from sendout.domain.states import ReasonCode, State
from sendout.domain.text import Encoding


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a carrier does with messages, known from its settings without a connection."""

    splits: bool
    """The plug-in makes the parts of a long text, and has a reference for each; otherwise the provider does."""
    receipts_per_part: bool
    """Every part gets a receipt of its own; otherwise one receipt speaks for the whole text."""
    replies: bool
    """Texts of people come in through this carrier."""
    reference_bits: int = 8
    """Size of the reference that joins the parts, 8 or 16: how texts are counted (`domain.text.segment`)."""
    encodings: frozenset[Encoding] = frozenset(Encoding)
    """How texts may travel."""
    reaches_phones: bool = True
    """Real phones ring; False where numbers reserved for fiction are taken because nothing leaves the machine."""
    segments_per_second: float | None = None
    """What the provider takes by default from one sender, where that is known."""
    looks_up: bool = False
    """It can be asked for messages whose answer was lost: it is a `LooksUp`."""
    webhooks: bool = False
    """The provider tells of receipts or replies by calls to the gateway: it is a `TakesWebhooks`."""


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
    """The outcome of one submit.

    `refs` are the carrier's own ids: present where it accepted, one for each part in order where the plug-in splits.
    They may come with UNKNOWN too, where some parts were answered; the empty string stands for one that was not.
    """

    kind: OutcomeKind
    refs: tuple[str, ...] = ()
    code: str = ""  # as the carrier gave it, for the log
    retry_after: float | None = None  # seconds, where the carrier said so
    refused_parts: int = 0  # with `refs` of the others: parts that the carrier certainly never took and never will
    unmapped: bool = False  # no table of ours knows this code: counted, so that somebody adds it


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
    refusals: int = 0  # how often it was refused for now


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a carrier says later about a message it took. `state` is SENT (a mere note) or a final state.

    UNKNOWN with the reason NO_HANDSET_RECEIPT is a last word too: the carrier took it and will say no more.

    `number` and `submit_time` let a message whose answer was lost be found where the carrier does not echo our id.
    """

    ref: str
    state: State
    reason: ReasonCode = ReasonCode.NONE
    code: str = ""
    carrier_time: int | None = None  # microseconds since 1970
    part: int = 0
    message_id: str = ""  # ours, where the carrier echoes it: settles a message whose answer was lost
    number: str = ""  # E.164, to whom the message went, where the receipt says so
    submit_time: int | None = None  # microseconds since 1970, when the carrier says it took the message
    raw: Mapping[str, str] = field(default_factory=dict)  # never the text of a message, never a number


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that a person sent to one of our senders, or one part of it; `text` is decoded.

    `carrier_id` is equal for the same text told twice and differs for any other: the carrier's own where it gives one.
    The parts of one text have the same `reference` between the same two numbers.
    """

    carrier_id: str
    number: str
    sender: str
    text: str
    reference: int | None = None  # joins the parts
    part: int = 1
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Lost:
    """An UNCONFIRMED message that is to be looked up, with the text as it was sent.

    Its submit began between the two times, in microseconds since 1970; the closer they are, the surer is what is found.
    """

    message_id: str
    number: str  # E.164
    sender: str
    text: str
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A call of the provider to `/webhooks/CARRIER/KIND` of the gateway, as it came: nothing is verified yet."""

    kind: str  # which of its hooks is called: the last part of the path
    query: str  # as it stands in the address, without the question mark
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The HTTP answer to a provider's call. 2xx only for what is stored."""

    status: int
    content_type: str = "text/plain"
    body: bytes = b""


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

    @staticmethod
    def capabilities(settings: Mapping[str, Any]) -> Capabilities:
        """What a carrier with these settings does; asked of the class, by processes that never connect.

        Raises pydantic's ValidationError for settings that cannot be used.
        """
        ...

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


@runtime_checkable
class HasSessions(Protocol):
    """A carrier that sends over connections it keeps: without one nothing is claimed for it."""

    @property
    def bound(self) -> int:
        """How many connections take submits now."""
        ...


NO_SESSION = "NO_SESSION"
"""The code of an outcome where a carrier that `HasSessions` had none."""


@runtime_checkable
class Explains(Protocol):
    """A carrier that knows more of its codes than the kind of an outcome says: for `sendout carriers test`."""

    def explain(self, code: str) -> str:
        """What an outcome's code means with this account and what to check, in sentences; "" where nothing is to add.

        Of NO_SESSION: why the latest attempt to connect failed; "" where none has failed since the last connection.
        """
        ...


@runtime_checkable
class LooksUp(Protocol):
    """A carrier that can be asked what became of messages whose answer was lost (`Capabilities.looks_up`)."""

    async def find(self, lost: Sequence[Lost]) -> Sequence[Receipt]:
        """What the provider has on record of these messages, as receipts that echo our message id.

        They go to the intake like any others. A message without a receipt was not found, or not for sure, or could not
        be asked for. That proves nothing: it stays UNCONFIRMED. Ask not before half a minute after the submit, and for
        all that wait for one number in the same call: two that are equal cannot be told apart. The carrier keeps to a
        rate of its own, so a call takes a second or more per number; one that is cancelled has done no harm.
        """
        ...


@runtime_checkable
class TakesWebhooks(Protocol):
    """A carrier whose provider calls the gateway (`Capabilities.webhooks`)."""

    async def webhook(self, request: WebhookRequest) -> WebhookResponse:
        """Verify a call, hand in what it tells, and answer. Also asked of an instance that was never started.

        Raises what the intake raises: then the provider is told to try again.
        """
        ...
