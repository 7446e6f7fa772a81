"""What the server answers to STOP, START and HELP by itself: one urgent message, kept like any other that is sent.

Who may be answered, and how often, is decided here, so that two machines that answer each other come to an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.contact_points import ContactPoint
from sendout.domain.keywords import Keyword
from sendout.domain.numbers import PhoneNumber
from sendout.domain.permissions import SERVER
from sendout.domain.replies import ANSWER_WITHIN_S, Purpose, answer_text
from sendout.domain.states import ReasonCode, State
from sendout.domain.text import segments_of
from sendout.storage import notifications, replies
from sendout.storage.event_log import Run
from sendout.storage.migrate import DEFAULT_TOPIC
from sendout.storage.notifications import NewMessage, Start, Starts
from sendout.storage.ranges import Range
from sendout.storage.replies import Sent
from sendout.storage.ring import Rings

_OWN_TEXT = {
    Keyword.OPT_OUT: lambda point: point.opt_out_reply,
    Keyword.OPT_IN: lambda point: point.opt_in_reply,
    Keyword.HELP: lambda point: point.help_reply,
}


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer that may be given. `received` is when the keyword came, in microseconds since 1970."""

    point: ContactPoint
    keyword: Keyword
    purpose: Purpose
    phone: PhoneNumber
    number_key: bytes
    sent: Sent | None
    received: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is kept: tell its events at the end of the transaction, offer it to the ring after the commit."""

    point: ContactPoint
    ranges: Sequence[Range]
    events: Sequence[Run]

    async def offer(self, rings: Rings) -> None:
        """Make it reachable, best effort."""
        point = self.point
        await rings.offer(point.carrier, point.id, True, point.segments_per_second, self.ranges)


async def keep_answer(connection: AsyncConnection, new: NewAnswer, clock: Clock) -> Answer | None:
    """Write the answer but for its events; None where it is too late for one, or too soon after the last."""
    now, until = clock.now_us(), new.received + ANSWER_WITHIN_S * 1_000_000
    point = new.point
    if not point.enabled or now >= until:
        return None
    if not await replies.take_answer(connection, point.id, new.number_key, new.keyword, now):
        return None
    text = answer_text(new.keyword, point.label, _OWN_TEXT[new.keyword](point))
    encoding, _, segments = segments_of(text)
    start = Start(State.QUEUED, ReasonCode.NONE, None)
    identifier = ids.uuid7(now, clock.random_bytes)
    values = {
        "id": identifier,
        "contact_point_id": point.id,
        "topic_id": new.sent.topic_id if new.sent else DEFAULT_TOPIC,
        "principal_id": SERVER,
        "carrier": point.carrier,
        "sender": point.sender,
        "text": text,
        "encoding": int(encoding),
        "segments": segments,
        "message_count": 1,
        "urgent": True,
        "create_time": now,
        "send_time": None,
        "expire_time": until,
        "labels": {},
        "trace_id": "",
        "span_id": "",
        "purpose": int(new.purpose),
    }
    starts = Starts()
    starts.add(0, segments, start)
    message = NewMessage(0, new.phone.e164, new.number_key, new.phone.region, segments, None, None, start)
    await notifications.insert_messages(connection, identifier, [message])
    await notifications.insert_notification(connection, values, starts)
    await notifications.count_accepted(connection, values)
    return Answer(point, starts.queued_ranges(identifier), starts.runs(identifier, now))
