"""Accept a notification: everything is checked, then one transaction keeps it, then it is answered.

The unary RPC and the streaming one are the same three steps: `begin`, `add` as often as needed, `finish`. Nothing is
kept before `finish`. Memory: about 100 bytes a recipient, whatever came with the request.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids, limits
from sendout.domain.clock import Clock
from sendout.domain.composing import Composed, NumberRules, Problem, Recipients, TextRules, compose, refuse_invalid
from sendout.domain.errors import Reason, SendoutError, field_invalid, not_found
from sendout.domain.numbers import NumberProblem, number_key
from sendout.domain.permissions import Caller, Grant
from sendout.domain.states import ReasonCode, State
from sendout.storage import audit, contact_points, notifications, topics
from sendout.storage.claims import Range
from sendout.storage.engine import Database
from sendout.storage.migrate import DEFAULT_TOPIC
from sendout.storage.notifications import NewMessage
from sendout.storage.ring import Rings

_CHUNK = 10_000
_SLICE = 1_000
_MOST_REPORTED = 10_000


@dataclass(frozen=True, slots=True)
class Header:
    """A send without its recipients, as the caller gave it. Times in microseconds since 1970, None where not given."""

    contact_point_id: str
    text: str
    topic_id: str = ""
    request_id: str = ""
    max_segments: int = 0
    skip_invalid: bool = False
    smart_encoding: bool = False
    urgent: bool = False
    send_time: int | None = None
    expire_time: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewRecipient:
    """One recipient as the caller gave it."""

    phone_number: str
    crm_record: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a send: the notification, and whoever was left out with the reason."""

    notification: dict[str, Any]
    first_state: State
    skipped: list[Problem]
    replayed: bool
    warnings: list[str]


class SendNotification:
    """The use case; `unreal_carriers` are those that reach no real phone and so take reserved numbers."""

    def __init__(
        self, database: Database, clock: Clock, rings: Rings, number_secret: bytes, unreal_carriers: frozenset[str]
    ) -> None:
        self.database = database
        self.clock = clock
        self.rings = rings
        self.number_secret = number_secret
        self._unreal_carriers = unreal_carriers

    async def begin(self, caller: Caller, header: Header, most_recipients: int = limits.MAX_RECIPIENTS) -> Draft:
        """Check everything but the recipients. Raises the errors of SendNotification that are about the header."""
        async with self.database.read() as connection:
            point = await _usable_contact_point(connection, caller, header.contact_point_id)
        _check_header(header, self.clock.now_us())
        composed = compose(
            header.text,
            TextRules(
                emoji_enabled=point.emoji_enabled,
                ceiling=point.max_segments,
                accepted_segments=header.max_segments or 1,
                smart_encoding=header.smart_encoding or point.smart_encoding,
                longest=limits.MAX_TEXT,
            ),
        )
        rules = NumberRules(
            point.default_region, point.carrier in self._unreal_carriers, frozenset(point.allowed_countries)
        )
        return Draft(self, caller, header, point, composed, rules, most_recipients)

    async def __call__(self, caller: Caller, header: Header, recipients: Sequence[NewRecipient]) -> Accepted:
        """The unary form."""
        draft = await self.begin(caller, header)
        await draft.add(recipients)
        return await draft.finish()


class Draft:
    """A send whose recipients are coming in."""

    def __init__(
        self,
        command: SendNotification,
        caller: Caller,
        header: Header,
        point: Any,
        composed: Composed,
        rules: NumberRules,
        most_recipients: int,
    ) -> None:
        self._command = command
        self._caller = caller
        self._header = header
        self._point = point
        self._composed = composed
        self._recipients = Recipients(rules)
        self._most = most_recipients
        self._given = 0
        self._digits = array("q")  # E.164 without the +
        self._places = array("l")  # place of each in the request
        self._typed: dict[int, str] = {}  # place → as typed, only where it is not simply the E.164
        self._records: dict[int, dict[str, str]] = {}  # place → CRM record

    @property
    def segments_per_second(self) -> float:
        """The rate of the contact point."""
        return float(self._point.segments_per_second)

    async def add(self, recipients: Sequence[NewRecipient]) -> None:
        """Take more recipients, giving way to other work between slices."""
        self._given += len(recipients)
        if self._given > self._most:
            raise field_invalid("recipients", f"{self._given} recipients", f"At most {self._most:,} are taken here.")
        for start in range(0, len(recipients), _SLICE):
            chunk = recipients[start : start + _SLICE]
            for place, number in self._recipients.add([r.phone_number for r in chunk]):
                recipient = chunk[place - (self._given - len(recipients)) - start]
                self._digits.append(int(number.e164[1:]))
                self._places.append(place)
                if recipient.phone_number != number.e164:
                    self._typed[place] = recipient.phone_number
                if recipient.crm_record:
                    self._records[place] = recipient.crm_record
            await asyncio.sleep(0)

    async def finish(self) -> Accepted:
        """Keep the notification and all its messages, or raise and keep nothing."""
        if not self._given:
            raise SendoutError(Reason.NO_SENDABLE_RECIPIENTS, "There are no recipients. Add at least one.")
        if not self._header.skip_invalid:
            refuse_invalid(self._recipients.problems)
        now = self._command.clock.now_us()
        values = self._values(now)
        async with self._command.database.write() as connection:
            seen = await self._claim_request(connection, values["id"], now)
            if seen is not None:
                return await self._replay(connection, seen)
            await self._recheck(connection)
            state = State.HELD if values["send_time"] is not None else State.QUEUED
            reason = ReasonCode.SCHEDULED if state is State.HELD else ReasonCode.NONE
            opted_out = await self._insert_messages(connection, values, state, reason)
            skipped = self._skipped(opted_out)
            await notifications.insert_notification(connection, values, state)
            if opted_out and self._header.request_id:
                await notifications.update_skipped(
                    connection, self._caller.principal_id, self._header.request_id, _plain(skipped)
                )
            await self._audit(connection, values, now)
            await notifications.book_accept(connection, values, state, reason.value)
        if state is State.QUEUED:
            await self._offer(values)
        return Accepted(values, state, skipped, replayed=False, warnings=self._warnings())

    def _values(self, now: int) -> dict[str, Any]:
        header, composed = self._header, self._composed
        expire = header.expire_time or (header.send_time or now) + limits.DEFAULT_VALIDITY_S * 1_000_000
        return {
            "id": ids.uuid7(now, self._command.clock.random_bytes),
            "contact_point_id": self._point.id,
            "topic_id": header.topic_id or DEFAULT_TOPIC,
            "principal_id": self._caller.principal_id,
            "carrier": self._point.carrier,
            "sender": self._point.sender,
            "text": composed.text,
            "encoding": int(composed.encoding),
            "segments": composed.segments,
            "message_count": len(self._digits),
            "urgent": header.urgent,
            "create_time": now,
            "send_time": header.send_time if header.send_time and header.send_time > now else None,
            "expire_time": expire,
            "labels": dict(header.labels),
            "trace_id": self._caller.trace_id,
            "span_id": self._caller.span_id,
        }

    async def _claim_request(
        self, connection: AsyncConnection, notification_id: uuid.UUID, now: int
    ) -> notifications.SeenRequest | None:
        if not self._header.request_id:
            return None
        return await notifications.claim_request(
            connection,
            self._caller.principal_id,
            self._header.request_id,
            fingerprint=self._fingerprint(),
            notification_id=notification_id,
            skipped=_plain(self._recipients.problems),
            now_us=now,
        )

    def _fingerprint(self) -> bytes:
        """Equal for requests that mean the same: recipients in any order, repeated or spelled differently."""
        header = self._header
        options = [
            *(header.contact_point_id, header.topic_id or DEFAULT_TOPIC, self._composed.text, header.max_segments),
            *(header.skip_invalid, header.smart_encoding, header.urgent, header.send_time, header.expire_time),
            sorted(header.labels.items()),
        ]
        digest = hashlib.sha256(json.dumps(options).encode())
        digest.update(array("q", sorted(self._digits)).tobytes())
        for place, record in sorted(self._records.items()):
            digest.update(json.dumps([place, sorted(record.items())]).encode())
        return digest.digest()

    async def _replay(self, connection: AsyncConnection, seen: notifications.SeenRequest) -> Accepted:
        if seen.fingerprint != self._fingerprint():
            raise SendoutError(
                Reason.REQUEST_ID_REUSED,
                f"The request id {self._header.request_id[:40]!r} was used for another request. Use a new one.",
            )
        values = await notifications.load(connection, seen.notification_id)
        skipped = [Problem(place, typed, NumberProblem(problem)) for place, typed, problem in seen.skipped]
        first_state = State.HELD if values["send_time"] is not None else State.QUEUED
        return Accepted(values, first_state, skipped, replayed=True, warnings=[])

    async def _recheck(self, connection: AsyncConnection) -> None:
        """What may have changed since `begin`, locked against changing before the commit (S5, S52, I9)."""
        point = await contact_points.lock(connection, self._point.id)
        if point is None or not point.enabled:
            raise SendoutError(
                Reason.CONTACT_POINT_DISABLED, f"The contact point {self._point.id!r} is switched off. Choose another."
            )
        await _require_grant(connection, self._caller, self._point.id)
        topic_id = self._header.topic_id or DEFAULT_TOPIC
        topic = await topics.lock(connection, topic_id)
        if topic is None:
            raise not_found(Reason.TOPIC_NOT_FOUND, "topic", topic_id)
        if topic.disabled:
            raise SendoutError(
                Reason.TOPIC_DISABLED, f"The topic {topic.label!r} is disabled. Choose another or activate it."
            )

    async def _insert_messages(
        self, connection: AsyncConnection, values: dict[str, Any], state: State, reason: ReasonCode
    ) -> list[int]:
        """Insert in chunks; answers the places of those who opted out and corrects the count in `values`."""
        opted_out: list[int] = []
        index = 0
        for numbers, places in self._chunks():
            keys = [number_key(number, self._command.number_secret) for number in numbers]
            blocked = await notifications.opted_out_keys(connection, self._point.id, keys)
            chunk = []
            for number, place, key in zip(numbers, places, keys, strict=True):
                if key in blocked:
                    opted_out.append(place)
                    continue
                record = self._records.get(place)
                chunk.append(NewMessage(index, number, key, self._composed.segments, None, record))
                index += 1
            await notifications.insert_messages(connection, values["id"], chunk, state, reason.value)
        if index == 0:
            raise SendoutError(
                Reason.NO_SENDABLE_RECIPIENTS, "None of the recipients can be sent to. Nothing was sent."
            )
        values["message_count"] = index
        return opted_out

    def _chunks(self) -> Iterator[tuple[list[str], list[int]]]:
        for start in range(0, len(self._digits), _CHUNK):
            end = start + _CHUNK
            yield [f"+{digits}" for digits in self._digits[start:end]], list(self._places[start:end])

    def _skipped(self, opted_out: Sequence[int]) -> list[Problem]:
        spelled = dict(zip(self._places, self._digits, strict=True)) if opted_out else {}
        gone = [
            Problem(place, self._typed.get(place, f"+{spelled[place]}"), NumberProblem.OPTED_OUT) for place in opted_out
        ]
        return sorted([*self._recipients.problems, *gone], key=lambda problem: problem.index)

    async def _audit(self, connection: AsyncConnection, values: dict[str, Any], now: int) -> None:
        caller = self._caller
        await audit.record(
            connection,
            caller.principal_id,
            caller.api_key_id,
            "SendNotification",
            str(values["id"]),
            caller.trace_id,
            now,
        )

    async def _offer(self, values: dict[str, Any]) -> None:
        whole = Range(values["id"], 0, values["message_count"] - 1, values["segments"])
        await self._command.rings.offer(
            self._point.carrier, self._point.id, values["urgent"], self._point.segments_per_second, [whole]
        )

    def _warnings(self) -> list[str]:
        warnings = []
        if not self._header.request_id:
            warnings.append("No request_id was given: repeating this call would send again.")
        if len(self._recipients.problems) > _MOST_REPORTED:
            warnings.append(f"Only the first {_MOST_REPORTED:,} of the skipped recipients are listed.")
        return warnings


def _plain(problems: Sequence[Problem]) -> list[Any]:
    return [[p.index, p.typed[:64], p.problem.value] for p in problems[:_MOST_REPORTED]]


async def _usable_contact_point(connection: AsyncConnection, caller: Caller, contact_point_id: str) -> Any:
    point = await contact_points.get(connection, contact_point_id)
    if point is None:
        raise not_found(Reason.CONTACT_POINT_NOT_FOUND, "contact point", contact_point_id)
    await _require_grant(connection, caller, contact_point_id)
    return point


async def _require_grant(connection: AsyncConnection, caller: Caller, contact_point_id: str) -> None:
    if not await contact_points.may(connection, contact_point_id, Grant.SEND_NOTIFICATIONS, caller.principal_id):
        raise SendoutError(
            Reason.SEND_NOT_PERMITTED,
            f"You may not send notifications from {contact_point_id!r}. An administrator can put one of your roles on "
            "its Outbound Roles › Send Notifications list.",
        )


def _check_header(header: Header, now: int) -> None:
    if len(header.request_id) > limits.MAX_REQUEST_ID:
        raise field_invalid("request_id", header.request_id, f"At most {limits.MAX_REQUEST_ID} characters.")
    if header.max_segments < 0:
        raise field_invalid("max_segments", header.max_segments, "Give 0 (one segment) or more.")
    furthest = now + limits.MAX_SCHEDULE_AHEAD_S * 1_000_000
    if header.send_time is not None and header.send_time > furthest:
        raise field_invalid("send_time", header.send_time, "At most 90 days ahead.")
    if header.expire_time is not None and not max(now, header.send_time or 0) < header.expire_time <= furthest:
        raise field_invalid("expire_time", header.expire_time, "It must lie after the send time and within 90 days.")
    if len(header.labels) > limits.MAX_LABELS:
        raise field_invalid("labels", f"{len(header.labels)} labels", f"At most {limits.MAX_LABELS} labels.")
    for key, value in header.labels.items():
        if not 0 < len(key) <= limits.MAX_LABEL_KEY or len(value) > limits.MAX_LABEL_VALUE:
            raise field_invalid(
                f"labels[{key[:40]!r}]",
                value,
                f"Keys have 1 to {limits.MAX_LABEL_KEY} characters, values at most {limits.MAX_LABEL_VALUE}.",
            )
