"""What becomes of replies: parts joined, keywords acted on and answered, everything else a conversation (S9, S10).

A reply is stored and handled in one transaction, and only then may its carrier acknowledge it. One whose parts are not
all there, or that could not be handled, stays where it is; a round looks at what is open, however it came to be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.clock import Clock
from sendout.domain.contact_points import ConsentPolicy, ContactPoint
from sendout.domain.errors import SendoutError
from sendout.domain.ids import digest
from sendout.domain.keywords import Keyword, classify
from sendout.domain.numbers import PhoneNumber, number_key
from sendout.domain.replies import Purpose, kept_address, phone_of, whole_text
from sendout.server.carriers.base import Reply
from sendout.server.dispatch.answers import Answer, NewAnswer, keep_answer
from sendout.server.dispatch.measures import Measures
from sendout.storage import consents, conversations
from sendout.storage import replies as store
from sendout.storage.changes import FactsCache
from sendout.storage.consents import ORGANISATION, Consent, Source
from sendout.storage.engine import Database
from sendout.storage.event_log import EventKind, Run, append_events, told
from sendout.storage.replies import Part, Sent
from sendout.storage.ring import Rings

PARTS_WITHIN_S = 180
"""How long after its last part the rest of a text is waited for."""

_ACTING = frozenset({Keyword.OPT_OUT, Keyword.OPT_IN, Keyword.HELP})
_ROUND = 500
_MOST_PARTS = 255
_MOST_REFERENCE = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Whole:
    """A reply to a contact point of ours. `points` are all that send as the address it was sent to, `point` is the one
    it is taken to be for; `words` are the recipient's at each of them, and of the organisation."""

    parts: Sequence[Part]
    text: str
    complete: bool
    phone: PhoneNumber | None
    key: bytes
    points: Sequence[ContactPoint]
    point: ContactPoint
    words: dict[str, bool]
    sent: Sent | None
    now: int

    @property
    def id(self) -> str:
        return self.parts[0].id

    @property
    def received(self) -> int:
        return max(of.receive_time for of in self.parts)

    @property
    def keyword(self) -> Keyword:
        """Half a text never acts by itself."""
        said = classify(self.text, self.words.get(self.point.id, False))
        return Keyword.SOFT_MATCH if said in _ACTING and not self.complete else said

    def event(self, kind: EventKind) -> Run:
        return told(kind, self.point.id, self.sent.message if self.sent else None, self.now, self.id)

    def word(self, point: ContactPoint, opted_out: bool) -> Consent:
        evidence = f"Reply {self.id}"
        return Consent(self.key, point.id, opted_out, Source.REPLY, evidence, "", self.received, self.now)


@dataclass(slots=True)
class _After:
    """What is done after the commit, best effort."""

    said: str = ""
    stopped: list[tuple[str, str, bytes]] = field(default_factory=list)  # carrier, contact point, number key
    allowed: list[tuple[str, str, bytes]] = field(default_factory=list)
    answer: Answer | None = None


class Replies:
    """The handling of replies of all carriers. `number_secret` is what numbers are hashed with everywhere."""

    def __init__(
        self, database: Database, clock: Clock, rings: Rings, number_secret: bytes, measures: Measures
    ) -> None:
        self._database, self._clock, self._rings = database, clock, rings
        self._number_secret = number_secret
        self._measures = measures
        self._facts = FactsCache()
        self._log = structlog.get_logger("sendout.replies")

    async def take(self, carrier: str, replies: Sequence[Reply]) -> None:
        """Store replies, each once, and handle those that are whole. Returns after the commit."""
        for reply in replies:
            part = _part(carrier, reply, self._clock.now_us())
            try:
                await self._take(part)
            except SendoutError:
                raise
            except Exception as error:  # a fault of ours must not make the carrier repeat it for ever
                self._log.error("reply_not_handled", reply_id=part.id, error=type(error).__name__)
                async with self._database.write() as connection:
                    await store.insert_parts(connection, [part])

    async def _take(self, part: Part) -> None:
        async with self._database.write() as connection:
            if not await store.insert_parts(connection, [part]):
                return
            after = await self._handle(connection, part)
        await self._finish(after)

    async def sweep(self) -> None:
        """Handle what is open: parts that came together in two processes, texts that stayed incomplete, faults."""
        async with self._database.read() as connection:
            found = await store.waiting(connection, _ROUND)
        for part in found:
            try:
                async with self._database.write() as connection:
                    after = await self._handle(connection, part)
                await self._finish(after)
            except SendoutError:
                raise
            except Exception as error:  # the others must not wait for it
                self._log.error("reply_not_handled", reply_id=part.id, error=type(error).__name__)

    async def _finish(self, after: _After | None) -> None:
        if after is None:
            return
        self._measures.reply(after.said)
        await self.stop(after.stopped)
        for carrier, contact_point_id, key in after.allowed:
            await self._rings.allow(carrier, contact_point_id, key)
        if after.answer is not None:
            await after.answer.offer(self._rings)

    async def stop(self, stopped: Sequence[tuple[str, str, bytes]]) -> None:
        """Let no permit go to what was claimed before somebody opted out: carrier, contact point, number key."""
        for carrier, contact_point_id, key in stopped:
            await self._rings.stop(carrier, contact_point_id, key)

    async def _handle(self, connection: AsyncConnection, one: Part) -> _After | None:
        """Handle the reply that this part belongs to, where it is whole or has waited long enough."""
        now = self._clock.now_us()
        parts = await store.lock_parts(connection, one)
        texts = {of.part: of.text for of in reversed(parts)}
        complete = len(texts) == one.parts
        if not parts or not (complete or now - max(p.receive_time for p in parts) >= PARTS_WITHIN_S * 1_000_000):
            return None
        points = await store.points_behind(connection, one.carrier, one.sender)
        if not points:
            await store.mark_handled(connection, parts)
            self._log.warning("reply_to_unknown_sender", carrier=one.carrier, reply_id=parts[0].id)
            return _After("no_contact_point")
        text = whole_text([texts[number] for number in sorted(texts)])
        whole = await self._whole(connection, parts, text, complete, points, now)
        match whole.keyword:
            case Keyword.OPT_OUT:
                return await self._opt_out(connection, whole)
            case Keyword.OPT_IN:
                return await self._opt_in(connection, whole)
            case Keyword.HELP:
                return await self._help(connection, whole)
            case keyword:
                return await self._converse(connection, whole, keyword)

    async def _whole(
        self,
        connection: AsyncConnection,
        parts: Sequence[Part],
        text: str,
        complete: bool,
        points: Sequence[ContactPoint],
        now: int,
    ) -> _Whole:
        phone = phone_of(parts[0].number)
        key = number_key(phone.e164 if phone else parts[0].number, self._number_secret)
        sent = (await store.last_sent(connection, [point.id for point in points], [key])).get(key)
        point = next((p for p in points if sent and p.id == sent.contact_point_id), points[0])
        words: dict[str, bool] = {}
        for each in points:
            found = await consents.words_of(connection, each.id, key)
            words |= {word.contact_point_id: word.opted_out for word in found}
        return _Whole(parts, text, complete, phone, key, points, point, words, sent, now)

    async def _opt_out(self, connection: AsyncConnection, whole: _Whole) -> _After:
        """The address that people see is what they opt out of, whatever contact points stand behind it."""
        await self._mark(connection, whole)
        words = [whole.word(point, True) for point in whole.points]
        of = {whole.key: whole.sent.message} if whole.sent else {}
        recorded = await consents.record(connection, words, of, whole.id)
        answer = await self._answer(connection, whole, Purpose.LAST_WORD) if recorded.events else None
        events = [*(recorded.events or [whole.event(EventKind.REPLY_RECEIVED)]), *(answer.events if answer else ())]
        ids = [point.id for point in whole.points]
        await consents.suppress_waiting(connection, self._facts, ids, [whole.key], whole.now, events)
        stopped = [(point.carrier, point.id, whole.key) for point in whole.points]
        return _After(whole.keyword.value, stopped=stopped, answer=answer)

    async def _opt_in(self, connection: AsyncConnection, whole: _Whole) -> _After:
        """START changes something for who has opted out here, or where an opt-in is asked for and there is none."""
        await self._mark(connection, whole)
        changes = [point for point in whole.points if _changed_by_opt_in(point, whole.words.get(point.id))]
        of = {whole.key: whole.sent.message} if whole.sent else {}
        words = [whole.word(point, False) for point in changes]
        events = (await consents.record(connection, words, of, whole.id)).events if words else []
        answer = None
        if events and not whole.words.get(ORGANISATION, False):  # who is still opted out of all is promised nothing
            answer = await self._answer(connection, whole, Purpose.ANSWER)
        await append_events(
            connection,
            [*(events or [whole.event(EventKind.REPLY_RECEIVED)]), *(answer.events if answer else ())],
        )
        allowed = [(point.carrier, point.id, whole.key) for point in changes] if events else []
        return _After(whole.keyword.value, allowed=allowed, answer=answer)

    async def _help(self, connection: AsyncConnection, whole: _Whole) -> _After:
        await self._mark(connection, whole)
        answer = await self._answer(connection, whole, Purpose.LAST_WORD)
        events = [whole.event(EventKind.REPLY_RECEIVED), *(answer.events if answer else ())]
        await append_events(connection, events)
        return _After(whole.keyword.value, answer=answer)

    async def _converse(self, connection: AsyncConnection, whole: _Whole, keyword: Keyword) -> _After:
        """It opens or continues the conversation, on the last notification that the number got from there."""
        number = whole.phone.e164 if whole.phone else whole.parts[0].number
        conversation_id = await conversations.add_reply(
            connection,
            whole.point.id,
            number,
            whole.key,
            whole.sent,
            whole.now,
            review=keyword is Keyword.SOFT_MATCH,
        )
        await self._mark(connection, whole, conversation_id)
        await append_events(connection, [whole.event(EventKind.REPLY_RECEIVED)])
        return _After(keyword.value)

    async def _mark(self, connection: AsyncConnection, whole: _Whole, conversation_id: int | None = None) -> None:
        await store.mark_handled(
            connection,
            whole.parts,
            keyword=whole.keyword.value,
            contact_point_id=whole.point.id,
            conversation_id=conversation_id,
        )

    async def _answer(self, connection: AsyncConnection, whole: _Whole, purpose: Purpose) -> Answer | None:
        if whole.phone is None:
            return None
        new = NewAnswer(whole.point, whole.keyword, purpose, whole.phone, whole.key, whole.sent, whole.received)
        return await keep_answer(connection, new, self._clock)


def _changed_by_opt_in(point: ContactPoint, opted_out: bool | None) -> bool:
    return opted_out is True or (opted_out is None and point.consent_policy is ConsentPolicy.REQUIRE_OPT_IN)


def _part(carrier: str, reply: Reply, now: int) -> Part:
    """What a carrier hands in, as it is kept. Numbers of parts that make no sense make a text of its own."""
    parted = 1 <= reply.part <= reply.parts <= _MOST_PARTS and reply.parts > 1 and reply.reference is not None
    return Part(
        id=digest(carrier, reply.carrier_id),
        carrier=carrier,
        number=kept_address(reply.number),
        sender=kept_address(reply.sender),
        text=reply.text,
        reference=reply.reference & _MOST_REFERENCE if parted and reply.reference is not None else None,
        part=reply.part if parted else 1,
        parts=reply.parts if parted else 1,
        receive_time=now,
    )
