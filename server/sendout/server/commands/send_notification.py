"""Accept a notification: everything is checked, then one transaction keeps it, then it is answered.

The unary RPC and the streaming one are the same three steps: `begin`, `Draft.add` as often as needed, `finish`. Nothing
is kept before `finish`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids, limits
from sendout.domain.clock import Clock
from sendout.domain.composing import Problem
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.numbers import NumberProblem
from sendout.domain.permissions import Caller
from sendout.domain.replies import Purpose
from sendout.domain.states import ReasonCode, State
from sendout.server.commands.drafting import DAY_US, Draft, Drafts, Plan
from sendout.server.commands.headers import Header, NewRecipient
from sendout.server.commands.refusals import quota_exceeded
from sendout.storage import audit, conversations, guards, notifications
from sendout.storage.engine import Database
from sendout.storage.notifications import NewMessage, Start
from sendout.storage.ring import Rings

_MOST_REPORTED = 10_000
_ACTIONS = {Purpose.NOTIFICATION: "SendNotification", Purpose.CONVERSATION: "ReplyToConversation"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a send: the notification, its messages by state, and whoever was left out with the reason."""

    notification: dict[str, Any]
    counts: dict[State, int]
    segments: int  # of all messages
    waiting: Sequence[int]  # segments that waited at the contact point, of each other notification
    release_time: int | None  # when the first held message is released
    skipped: list[Problem]
    replayed: bool
    warnings: list[str]


class SendNotification:
    """The use case."""

    def __init__(self, drafts: Drafts, database: Database, clock: Clock, rings: Rings) -> None:
        self._drafts = drafts
        self._database = database
        self._clock = clock
        self._rings = rings

    async def __call__(self, caller: Caller, header: Header, recipients: Sequence[NewRecipient]) -> Accepted:
        """The unary form."""
        draft = await self.begin(caller, header)
        await draft.add(recipients)
        return await self.finish(draft)

    async def begin(self, caller: Caller, header: Header, most_recipients: int = limits.MAX_RECIPIENTS) -> Draft:
        """Check everything but the recipients. Raises the errors of SendNotification that are about the header."""
        draft = await self._drafts.begin(caller, header, most_recipients)
        _raise_first(draft.composer.refusals)
        return draft

    async def finish(self, draft: Draft) -> Accepted:
        """Keep the notification and all its messages, or raise and keep nothing."""
        _raise_first(draft.refusals())
        now = self._clock.now_us()
        await draft.hold(now)
        identifier = ids.uuid7(now, self._clock.random_bytes)
        async with self._database.write() as connection:
            seen = await _claim_request(connection, draft, identifier, now)
            if seen is not None:
                return await _replay(connection, draft, seen)
            plan = await draft.plan(connection, now, hold=True)
            _raise_first(plan.refusals)
            await _charge(connection, draft, plan, now)
            await _continue(connection, draft, now)
            acceptance = Acceptance(draft, plan, identifier, now)
            await acceptance.keep(connection)
        await acceptance.offer(self._rings)
        return acceptance.accepted()


def _raise_first(refusals: Sequence[SendoutError]) -> None:
    if refusals:
        raise refusals[0]


async def _charge(connection: AsyncConnection, draft: Draft, plan: Plan, now: int) -> None:
    """Charge the quota of the key, where it has one."""
    key, day = draft.caller.api_key_id, now - now % DAY_US
    left = await guards.quota_left(connection, key, day)
    own = draft.going_segments(plan)
    if left is not None and not await guards.charge_quota(connection, key, day, own):
        raise quota_exceeded(own, left, (DAY_US - now % DAY_US) / 1_000_000)  # others used it up just now


async def _continue(connection: AsyncConnection, draft: Draft, now: int) -> None:
    """Where this is an answer in a conversation, see that it goes on."""
    conversation_id = draft.header.conversation_id
    if conversation_id is not None and not await conversations.add_answer(connection, conversation_id, now):
        raise SendoutError(
            Reason.ALREADY_FINISHED,
            f"The conversation {conversation_id} is closed. The recipient's next reply opens a new one.",
        )


class Acceptance:
    """One draft on its way into the tables."""

    def __init__(self, draft: Draft, plan: Plan, identifier: uuid.UUID, now: int) -> None:
        self._draft, self._plan, self._now = draft, plan, now
        self._start = notifications.Starts()
        header, whole = draft.header, draft.whole
        later = header.send_time if header.send_time and header.send_time > now else None
        self.values: dict[str, Any] = {
            "id": identifier,
            "contact_point_id": draft.point.id,
            "topic_id": draft.topic_id,
            "principal_id": draft.caller.principal_id,
            "carrier": draft.point.carrier,
            "sender": draft.point.sender,
            "text": whole.text,
            "given_text": whole.given,
            "replacement_count": len(whole.smart.replacements) if whole.smart else 0,
            "encoding": int(draft.encoding),
            "segments": draft.segments,
            "message_count": len(draft) - len(plan.left_out),
            "urgent": header.urgent,
            "create_time": now,
            "send_time": later,
            "expire_time": header.expire_time or (later or now) + limits.DEFAULT_VALIDITY_S * 1_000_000,
            "labels": dict(header.labels),
            "trace_id": draft.caller.trace_id,
            "span_id": draft.caller.span_id,
            "purpose": int(header.purpose),
            "conversation_id": header.conversation_id,
        }

    async def keep(self, connection: AsyncConnection) -> None:
        """Write everything; the caller commits."""
        draft, values = self._draft, self.values
        index = 0
        for chunk in draft.addressees(self._plan):
            fresh = []
            for addressee in chunk:
                start = self._start_of(addressee.position)
                self._start.add(index, addressee.segments, start)
                fresh.append(
                    NewMessage(
                        index,
                        addressee.number,
                        addressee.key,
                        addressee.country,
                        addressee.segments,
                        addressee.text,
                        draft.records.get(addressee.place),
                        start,
                    )
                )
                index += 1
            await notifications.insert_messages(connection, values["id"], fresh)
        await notifications.insert_notification(connection, values, self._start)
        if self._plan.left_out and draft.header.request_id:
            await notifications.update_skipped(
                connection, draft.caller.principal_id, draft.header.request_id, _plain(draft.skipped(self._plan))
            )
        await audit.record(connection, draft.caller, _ACTIONS[draft.header.purpose], str(values["id"]), self._now)
        if draft.due and draft.header.urgent:
            await audit.record(connection, draft.caller, "BypassQuietHours", str(values["id"]), self._now)
        await notifications.book_accept(connection, values, self._start)

    def _start_of(self, position: int) -> Start:
        send_time = self.values["send_time"]
        due = None if self._draft.header.urgent else self._draft.due.get(position)
        if due is not None:
            return Start(State.HELD, ReasonCode.QUIET_HOURS, due)
        if send_time is not None:
            return Start(State.HELD, ReasonCode.SCHEDULED, send_time)
        return Start(State.QUEUED, ReasonCode.NONE, None)

    async def offer(self, rings: Rings) -> None:
        """Make what is queued reachable, best effort, after the commit."""
        ranges = self._start.queued_ranges(self.values["id"])
        point = self._draft.point
        if ranges:
            await rings.offer(point.carrier, point.id, self.values["urgent"], point.segments_per_second, ranges)

    def accepted(self) -> Accepted:
        """The answer."""
        warnings = []
        if not self._draft.header.request_id:
            warnings.append("No request_id was given: repeating this call would send again.")
        skipped = self._draft.skipped(self._plan)
        if len(skipped) > _MOST_REPORTED:
            warnings.append(f"Only the first {_MOST_REPORTED:,} of the skipped recipients are listed.")
        return Accepted(
            self.values,
            self._start.counts,
            self._draft.going_segments(self._plan),
            self._plan.waiting,
            self._start.release_time,
            skipped,
            replayed=False,
            warnings=warnings,
        )


async def _claim_request(
    connection: AsyncConnection, draft: Draft, identifier: uuid.UUID, now: int
) -> notifications.SeenRequest | None:
    if not draft.header.request_id:
        return None
    return await notifications.claim_request(
        connection,
        draft.caller.principal_id,
        draft.header.request_id,
        fingerprint=_fingerprint(draft),
        notification_id=identifier,
        skipped=_plain(draft.problems),
        now_us=now,
    )


def _fingerprint(draft: Draft) -> bytes:
    """Equal for requests that mean the same: recipients in any order, repeated or spelled differently."""
    header = draft.header
    options = [
        *(header.contact_point_id, draft.topic_id, draft.whole.text, header.max_segments),
        *(header.skip_invalid, header.smart_encoding, header.urgent, header.send_time, header.expire_time),
        sorted(header.labels.items()),
    ]
    if header.conversation_id is not None:
        options.append(header.conversation_id)
    digest = hashlib.sha256(json.dumps(options).encode())
    digest.update(array("q", sorted(draft.digits)).tobytes())
    for place, record in sorted(draft.records.items()):
        digest.update(json.dumps([place, sorted(record.items())]).encode())
    for own in draft.personal_texts():
        digest.update(json.dumps(own).encode())
    return digest.digest()


async def _replay(connection: AsyncConnection, draft: Draft, seen: notifications.SeenRequest) -> Accepted:
    if seen.fingerprint != _fingerprint(draft):
        raise SendoutError(
            Reason.REQUEST_ID_REUSED,
            f"The request id {draft.header.request_id[:40]!r} was used for another request. Use a new one.",
        )
    values = await notifications.load(connection, seen.notification_id)
    skipped = [
        Problem(place, typed, NumberProblem(problem), *detail) for place, typed, problem, *detail in seen.skipped
    ]
    return Accepted(values, {}, 0, (), None, skipped, replayed=True, warnings=[])


def _plain(problems: Sequence[Problem]) -> list[Any]:
    return [[p.index, p.typed[:64], p.problem.value, p.detail[:300]] for p in problems[:_MOST_REPORTED]]
