"""What a send and a preview of it have in common: a draft takes the text and the recipients, and a plan says what would
become of each of them now.

Both follow the same steps: `Drafts.begin`, `Draft.add` as often as needed, `Draft.hold`, `Draft.plan`. A preview shows
the plan; a send makes it under locks and acts on it. Memory: about 100 bytes a recipient, and its own text where the
notification is personalised.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import limits, quiet_hours
from sendout.domain.clock import Clock
from sendout.domain.composing import Composed, Composer, NumberRules, Problem, Recipients, TextRules, Unfit, invalid
from sendout.domain.contact_points import ConsentPolicy, ContactPoint
from sendout.domain.errors import Reason, SendoutError, field_invalid, not_found
from sendout.domain.numbers import NumberProblem, PhoneNumber, country_of, number_key
from sendout.domain.permissions import Caller, Grant
from sendout.domain.replies import Purpose
from sendout.domain.templates import check_variables
from sendout.domain.text import Encoding, segments_of
from sendout.server.commands.headers import Header, NewRecipient, check_header, text_rules
from sendout.server.commands.refusals import backlog_full, known_contact_point, quota_exceeded
from sendout.storage import contact_points, guards, reading, topics
from sendout.storage.engine import Database
from sendout.storage.migrate import DEFAULT_TOPIC

_CHUNK = 10_000
_SLICE = 1_000
_KEY_BYTES = 16
_WHY_LEFT_OUT = {
    NumberProblem.OPTED_OUT: "opted out",
    NumberProblem.NOT_OPTED_IN: "not opted in",
    NumberProblem.TOO_MANY_MESSAGES: "at their limit of messages an hour",
}
_HOUR_US = 3_600_000_000
DAY_US = 24 * _HOUR_US


@dataclass(slots=True)
class Plan:
    """What would become of a draft at one moment.

    `refusals` keep the whole send back, the first is the one that a send raises. `left_out` are recipients that get no
    message although their numbers are right; by position among the draft's addressees, as `words` (True: opted out).
    """

    refusals: list[SendoutError] = field(default_factory=list)
    left_out: dict[int, NumberProblem] = field(default_factory=dict)
    words: dict[int, bool] = field(default_factory=dict)
    waiting: Sequence[int] = ()  # segments that wait at the contact point, of each other notification


@dataclass(frozen=True, slots=True)
class Addressee:
    """One recipient who gets a message. `position` counts those whose number is right, `place` all in the request."""

    position: int
    place: int
    number: str
    key: bytes
    country: str
    segments: int
    text: str | None  # only where personalised


class Drafts:
    """Begins drafts.

    `unreal_carriers` are those that reach no real phone and so take reserved numbers; `reference_bits` is the size of
    the reference that joins the parts of a text, by carrier: texts are counted by it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        number_secret: bytes,
        unreal_carriers: frozenset[str],
        reference_bits: Mapping[str, int],
    ) -> None:
        self._database = database
        self._clock = clock
        self._number_secret = number_secret
        self._unreal_carriers = unreal_carriers
        self._reference_bits = reference_bits

    async def begin(self, caller: Caller, header: Header, most_recipients: int = limits.MAX_RECIPIENTS) -> Draft:
        """Raises FIELD_INVALID, CONTACT_POINT_NOT_FOUND, SEND_NOT_PERMITTED; what is wrong with the text is the draft's
        to tell."""
        async with self._database.read() as connection:
            found = await contact_points.get(connection, header.contact_point_id)
            point = known_contact_point(found, header.contact_point_id)
            await require_grant(connection, caller, point.id, header.purpose)
        check_header(header, self._clock.now_us())
        rules = text_rules(header, point, self._reference_bits.get(point.carrier, 8))
        allow_reserved = point.carrier in self._unreal_carriers
        numbers = NumberRules(point.default_region, allow_reserved, frozenset(point.allowed_countries))
        return Draft(caller, header, point, self._number_secret, rules, numbers, most_recipients)


class Draft:
    """A send whose recipients are coming in."""

    def __init__(
        self,
        caller: Caller,
        header: Header,
        point: ContactPoint,
        number_secret: bytes,
        rules: TextRules,
        numbers: NumberRules,
        most_recipients: int,
    ) -> None:
        self.caller = caller
        self.header = header
        self.point = point
        self.reference_bits = rules.reference_bits
        self.topic_id = header.topic_id or DEFAULT_TOPIC
        self.composer = Composer(header.text, rules)
        self.records: dict[int, dict[str, str]] = {}  # place → CRM record
        self.given = 0
        self.due: dict[int, int] = {}  # position → until when quiet hours hold it
        self._number_secret = number_secret
        self._most = most_recipients
        self._recipients = Recipients(numbers)
        self._unfit: list[Problem] = []
        self._largest: SendoutError | None = None
        self.digits = array("q")  # E.164 without the +
        self.places = array("l")  # place of each in the request
        self._keys = bytearray()
        self._countries = array("H")
        self._country_names: dict[str, int] = {}
        self._segments = array("B")
        self._texts: list[str] = []  # of each, where personalised
        self._wide = False  # whether one of them needs UCS_2
        self._typed: dict[int, str] = {}  # place → as typed, only where it is not simply the E.164

    def __len__(self) -> int:
        """Recipients whose number and text are right."""
        return len(self.digits)

    async def add(self, recipients: Sequence[NewRecipient]) -> None:
        """Take more recipients, giving way to other work between slices."""
        before = self.given
        self.given += len(recipients)
        if self.given > self._most:
            raise field_invalid("recipients", f"{self.given} recipients", f"At most {self._most:,} are taken here.")
        for start in range(0, len(recipients), _SLICE):
            chunk = recipients[start : start + _SLICE]
            for place, number in self._recipients.add([r.phone_number for r in chunk]):
                self._take(place, number, recipients[place - before])
            await asyncio.sleep(0)

    def _take(self, place: int, number: PhoneNumber, recipient: NewRecipient) -> None:
        if recipient.variables:
            check_variables(place, recipient.variables)
        composed = self.composer.whole
        if self.composer.personalised and not self.composer.refusals:
            own = self.composer.compose(recipient.variables)
            if isinstance(own, Unfit):
                self._leave(place, recipient, own)
                return
            composed = own
            self._texts.append(own.text)
            self._wide = self._wide or own.encoding is Encoding.UCS_2
        self.digits.append(int(number.e164[1:]))
        self.places.append(place)
        self._keys += number_key(number.e164, self._number_secret)
        self._countries.append(self._country_names.setdefault(country_of(number), len(self._country_names)))
        self._segments.append(min(composed.segments, 255))
        if recipient.phone_number != number.e164:
            self._typed[place] = recipient.phone_number
        if recipient.crm_record:
            self.records[place] = recipient.crm_record

    def _leave(self, place: int, recipient: NewRecipient, unfit: Unfit) -> None:
        self._unfit.append(Problem(place, recipient.phone_number, unfit.problem, unfit.detail))
        if unfit.refusal and (self._largest is None or _segments(unfit.refusal) > _segments(self._largest)):
            self._largest = unfit.refusal

    # --- what it has come to ---------------------------------------------------------------------------------------

    @property
    def problems(self) -> list[Problem]:
        """Every recipient that gets no message because of its number or its variables, in the order given."""
        return sorted([*self._recipients.problems, *self._unfit], key=lambda problem: problem.index)

    @property
    def encoding(self) -> Encoding:
        """UCS_2 where at least one message needs it."""
        if self._texts:
            return Encoding.UCS_2 if self._wide else Encoding.GSM_7
        return self.composer.whole.encoding

    @property
    def segments(self) -> int:
        """Of the largest message; of the text as typed where nobody gets one."""
        return max(self._segments, default=self.composer.whole.segments)

    @property
    def whole(self) -> Composed:
        """The text, its variables not filled in."""
        return self.composer.whole

    @property
    def largest(self) -> Composed:
        """The text of the largest message where it is personalised and somebody gets one, else the whole."""
        if not self._texts:
            return self.whole
        position = max(range(len(self)), key=self._segments.__getitem__)
        own = self._texts[position]
        encoding, units, segments = segments_of(own, reference_bits=self.reference_bits)
        return Composed(own, encoding, units, segments, self.whole.smart)

    def refusals(self) -> list[SendoutError]:
        """What is wrong with the request itself, in the order in which a send looks at it."""
        found = list(self.composer.refusals)
        if not self.given:
            found.append(SendoutError(Reason.NO_SENDABLE_RECIPIENTS, "There are no recipients. Add at least one."))
        if not self.header.skip_invalid and (refusal := invalid(self.problems, self._largest)):
            found.append(refusal)
        return found

    def addressees(self, plan: Plan) -> Iterator[list[Addressee]]:
        """Whoever gets a message by this plan, in chunks."""
        names = list(self._country_names)
        for start in range(0, len(self), _CHUNK):
            chunk = range(start, min(start + _CHUNK, len(self)))
            yield [
                Addressee(
                    position,
                    self.places[position],
                    f"+{self.digits[position]}",
                    self._key(position),
                    names[self._countries[position]],
                    self._segments[position],
                    self._texts[position] if self._texts else None,
                )
                for position in chunk
                if position not in plan.left_out
            ]

    def personal_texts(self) -> list[tuple[int, str]]:
        """Each number without its + and its own text, in the order of the numbers; empty where all get the same."""
        return sorted(zip(self.digits, self._texts, strict=True)) if self._texts else []

    def going_segments(self, plan: Plan) -> int:
        """Segments of all messages that this plan sends."""
        return sum(self._segments) - sum(self._segments[position] for position in plan.left_out)

    def skipped(self, plan: Plan) -> list[Problem]:
        """Everyone who gets no message, in the order given."""
        gone = [Problem(self.places[p], self.typed(p), problem) for p, problem in plan.left_out.items()]
        return sorted([*self.problems, *gone], key=lambda problem: problem.index)

    def country(self, position: int) -> str:
        """The ISO code of the number's country."""
        return list(self._country_names)[self._countries[position]]

    def typed(self, position: int) -> str:
        """The number as it was given."""
        return self._typed.get(self.places[position], f"+{self.digits[position]}")

    def _key(self, position: int) -> bytes:
        return bytes(self._keys[position * _KEY_BYTES : (position + 1) * _KEY_BYTES])

    # --- what would become of it now -------------------------------------------------------------------------------

    async def hold(self, now: int) -> None:
        """Find out whom quiet hours hold, giving way to other work. Call it outside of a transaction: it takes time."""
        quiet = self.point.quiet_hours
        if quiet is None:
            return
        start = max(now, self.header.send_time or now)
        for position, digits in enumerate(self.digits):
            if position % _SLICE == 0:
                await asyncio.sleep(0)
            release = quiet_hours.held_until(quiet, f"+{digits}", self._key(position), start)
            if release is not None:
                self.due[position] = release

    async def plan(self, connection: AsyncConnection, now: int, *, hold: bool = False) -> Plan:
        """What would become of it at `now`; with `hold`, what that depends on may not change before the commit."""
        plan = Plan(await self._standing(connection, hold))
        await self._leave_out(connection, plan, now)
        if self.given and len(plan.left_out) == len(self) and not self._refused:
            whys = Counter(_WHY_LEFT_OUT.get(one.problem, "with a problem") for one in self.skipped(plan))
            said = ", ".join(f"{count:,} {why}" for why, count in whys.items())
            said = f"None of the recipients can be sent to: {said}. Nothing was sent."
            plan.refusals.append(SendoutError(Reason.NO_SENDABLE_RECIPIENTS, said))
        own = self.going_segments(plan)
        waiting = (await reading.waiting_segments(connection, {self.point.id}))[self.point.id]
        plan.waiting = list(waiting.values())
        if refusal := self._backlog(own, sum(plan.waiting), now):
            plan.refusals.append(refusal)
        left = await guards.quota_left(connection, self.caller.api_key_id, now - now % DAY_US)
        if left is not None and own > left:
            plan.refusals.append(quota_exceeded(own, left, (DAY_US - now % DAY_US) / 1_000_000))
        return plan

    @property
    def _refused(self) -> bool:
        return not self.header.skip_invalid and any(not problem.is_notice for problem in self.problems)

    async def _standing(self, connection: AsyncConnection, hold: bool) -> list[SendoutError]:
        """What may have changed since `begin` (S5, S52, I9)."""
        found = []
        point = await (contact_points.lock if hold else contact_points.get)(connection, self.point.id)
        if point is None or not point.enabled:
            found.append(
                SendoutError(
                    Reason.CONTACT_POINT_DISABLED,
                    f"The contact point {self.point.id!r} is switched off. Choose another.",
                )
            )
        await require_grant(connection, self.caller, self.point.id, self.header.purpose)
        topic = await (topics.lock if hold else topics.get)(connection, self.topic_id)
        if topic is None:
            found.append(not_found(Reason.TOPIC_NOT_FOUND, "topic", self.topic_id))
        elif topic.disabled and self.header.purpose is Purpose.NOTIFICATION:  # a conversation that began goes on
            found.append(
                SendoutError(
                    Reason.TOPIC_DISABLED, f"The topic {topic.label!r} is disabled. Choose another or activate it."
                )
            )
        return found

    async def _leave_out(self, connection: AsyncConnection, plan: Plan, now: int) -> None:
        """Who has not agreed, or had enough messages of late."""
        need_opt_in = self.point.consent_policy is ConsentPolicy.REQUIRE_OPT_IN
        most = self.point.number_messages_per_hour
        since = reading.first_id(now - _HOUR_US)
        for start in range(0, len(self), _CHUNK):
            positions = range(start, min(start + _CHUNK, len(self)))
            keys = [self._key(position) for position in positions]
            words = await guards.standing_words(connection, self.point.id, keys)
            recent = await guards.recent_messages(connection, self.point.id, keys, since) if most else {}
            if not (words or recent or need_opt_in):
                continue
            for position, key in zip(positions, keys, strict=True):
                word = words.get(key)
                if word is not None:
                    plan.words[position] = word
                if word:
                    plan.left_out[position] = NumberProblem.OPTED_OUT
                elif need_opt_in and word is None:
                    plan.left_out[position] = NumberProblem.NOT_OPTED_IN
                elif most and recent.get(key, 0) >= most:
                    plan.left_out[position] = NumberProblem.TOO_MANY_MESSAGES

    def _backlog(self, own: int, waiting: int, now: int) -> SendoutError | None:
        if self.header.send_time is not None and self.header.send_time > now:
            return None  # what will wait then is not known
        return backlog_full(self.point, own, waiting)


async def require_grant(
    connection: AsyncConnection, caller: Caller, contact_point_id: str, purpose: Purpose = Purpose.NOTIFICATION
) -> None:
    """Raise SEND_NOT_PERMITTED unless a role of the caller is on the contact point's list for this purpose."""
    grant, deed, name = _LISTS[purpose]
    if not await contact_points.may(connection, contact_point_id, grant, caller.principal_id):
        raise SendoutError(
            Reason.SEND_NOT_PERMITTED,
            f"You may not {deed} {contact_point_id!r}. An administrator can put one of your roles on "
            f"its Outbound Roles › {name} list.",
            metadata={"contact_point_id": contact_point_id},
        )


_LISTS = {
    Purpose.NOTIFICATION: (Grant.SEND_NOTIFICATIONS, "send notifications from", "Send Notifications"),
    Purpose.CONVERSATION: (Grant.START_CONVERSATIONS, "read or answer conversations of", "Start Conversations"),
}


def _segments(refusal: SendoutError) -> int:
    return int(refusal.metadata.get("segments", "0"))
