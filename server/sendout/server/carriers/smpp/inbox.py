"""What the SMSC delivers: receipts and texts of people, stored through the intake and only then acknowledged.

What could not be stored is answered with "later" and comes again. What cannot be understood is answered so that it does
not. A text of a person has no id in SMPP; how a repeated one is told from a second one is decision 12.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sendout.domain.clock import Clock
from sendout.server.carriers.base import Intake, Receipt, Reply
from sendout.server.carriers.smpp import status
from sendout.server.carriers.smpp.pdu import Pdu, PduError, ShortMessage
from sendout.server.carriers.smpp.receipts import read_receipt
from sendout.server.carriers.smpp.session import Session
from sendout.server.carriers.smpp.settings import SmppSettings
from sendout.server.carriers.smpp.texts import is_receipt, read_incoming, written

_log = logging.getLogger(__name__)

_AT_ONCE = 500
_FULL = 2_000
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A deliver_sm that waits to be stored; `digest` is of a person's text."""

    session: Session
    sequence: int
    item: Receipt | Reply
    digest: bytes = b""


class Inbox:
    """Takes deliver_sm's from all sessions of a carrier; one task stores them in batches, in their order."""

    def __init__(self, name: str, settings: SmppSettings, clock: Clock, intake: Intake) -> None:
        self._name, self._clock, self._intake = name, clock, intake
        self._ids, self._zone = settings.receipt_ids, ZoneInfo(settings.receipt_time_zone)
        self._waiting: list[_Delivery] = []
        self._some = asyncio.Event()
        self._paused: set[Session] = set()
        self._closing = False
        # Ids of texts that were not acknowledged for certain, so that the SMSC may tell them again.
        self._unacknowledged: OrderedDict[bytes, str] = OrderedDict()

    def deliver(self, session: Session, pdu: Pdu) -> None:
        """Line up one deliver_sm."""
        if self._closing:
            session.acknowledge([(pdu.sequence, status.RETRY_LATER)])
            return
        try:
            message = ShortMessage.decode(pdu.body)
        except PduError as error:
            _log.warning("%s: a deliver_sm cannot be read: %s", self._name, error)
            session.acknowledge([(pdu.sequence, status.UNREADABLE)])
            return
        if is_receipt(message):
            receipt = read_receipt(message, self._ids, self._zone)
            if receipt is None:
                _log.warning("%s: a receipt does not say for which message it is", self._name)
                session.acknowledge([(pdu.sequence, status.OK)])
                return
            self._waiting.append(_Delivery(session, pdu.sequence, receipt))
        else:
            digest = hashlib.sha256(pdu.body).digest()
            self._waiting.append(_Delivery(session, pdu.sequence, self._reply(message, digest), digest))
        if len(self._waiting) >= _FULL:
            session.pause_reading()
            self._paused.add(session)
        self._some.set()

    async def run(self) -> None:
        """Until `close`, and then until nothing waits."""
        while self._waiting or not self._closing:
            if not self._waiting:
                self._some.clear()
                await self._some.wait()
                continue
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            receipts = [one for one in batch if isinstance(one.item, Receipt)]
            replies = [one for one in batch if isinstance(one.item, Reply)]
            if receipts:
                items = [one.item for one in receipts if isinstance(one.item, Receipt)]
                await self._store(receipts, self._intake.receipts(self._name, items))
            if replies:
                texts = [one.item for one in replies if isinstance(one.item, Reply)]
                await self._store(replies, self._intake.replies(self._name, texts))
            self._read_on()

    def close(self) -> None:
        """Take no more; what the SMSC still delivers, it is asked to keep."""
        self._closing = True
        self._some.set()

    async def _store(self, deliveries: Sequence[_Delivery], storing: Awaitable[None]) -> None:
        try:
            await storing
            code = status.OK
        except Exception as error:  # whatever it is, the SMSC keeps them and tells them again
            _log.warning("%s: %d deliveries were not stored: %s", self._name, len(deliveries), type(error).__name__)
            code = status.RETRY_LATER
        answers: defaultdict[Session, list[_Delivery]] = defaultdict(list)
        for one in deliveries:
            answers[one.session].append(one)
        for session, those in answers.items():
            heard = session.acknowledge([(one.sequence, code) for one in those])
            for one in those:
                if isinstance(one.item, Reply):
                    self._remember(one.digest, one.item.carrier_id, forget=heard and code == status.OK)

    def _read_on(self) -> None:
        if self._paused and len(self._waiting) < _FULL // 2:
            for session in self._paused:
                session.resume_reading()
            self._paused.clear()

    def _reply(self, message: ShortMessage, digest: bytes) -> Reply:
        incoming = read_incoming(message)
        carrier_id = self._unacknowledged.get(digest) or self._clock.random_bytes(16).hex()
        return Reply(
            carrier_id=carrier_id,
            number=written(message.source),
            sender=written(message.destination),
            text=incoming.text,
            reference=incoming.reference,
            part=incoming.part,
            parts=incoming.parts,
        )

    def _remember(self, digest: bytes, carrier_id: str, *, forget: bool) -> None:
        self._unacknowledged.pop(digest, None)
        if not forget:
            self._unacknowledged[digest] = carrier_id
            if len(self._unacknowledged) > _REMEMBERED:
                self._unacknowledged.popitem(last=False)
