"""The SMPP carrier: an account at an SMSC, kept bound, with its window always full of what there is to send."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from sendout.server.carriers.base import Capabilities, CarrierContext, Outcome, OutcomeKind, Outgoing, Report
from sendout.server.carriers.smpp.explaining import of_code, of_trouble
from sendout.server.carriers.smpp.inbox import Inbox
from sendout.server.carriers.smpp.link import Link
from sendout.server.carriers.smpp.pdu import Command, PduError
from sendout.server.carriers.smpp.sending import NO_SESSION, STOPPED, Sending, SubmitPart
from sendout.server.carriers.smpp.session import Session
from sendout.server.carriers.smpp.settings import SmppSettings
from sendout.server.carriers.smpp.texts import References, parts_of

_log = logging.getLogger(__name__)

_CONNECTIONS = {
    "transceiver": (Command.BIND_TRANSCEIVER,),
    "transmitter_receiver": (Command.BIND_TRANSMITTER, Command.BIND_RECEIVER),
}


class SmppCarrier:
    """See the package's own description. All parts of a message are written into one session at one moment."""

    def __init__(self, context: CarrierContext) -> None:
        self._settings = settings = SmppSettings(**context.settings)
        self._name, self._clock = context.name, context.clock
        self._inbox = Inbox(context.name, settings, context.clock, context.intake)
        bits = settings.reference_bits
        self._references = References(int.from_bytes(context.clock.random_bytes(2), "big"), bits)
        tls = settings.tls_context()
        self._links = [
            Link(context.name, command, settings, tls, self._random, self._inbox.deliver, self._pump)
            for _ in range(settings.binds)
            for command in _CONNECTIONS[settings.bind]
        ]
        self._waiting: deque[list[SubmitPart]] = deque()
        self._sendings: set[Sending] = set()
        self._lump = 1  # parts of the latest message: those to come are probably like it
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    @staticmethod
    def capabilities(settings: Mapping[str, Any]) -> Capabilities:
        """By the form of long messages."""
        return SmppSettings(**settings).capabilities()

    @property
    def window(self) -> int:
        """As many messages as fit into the windows of the sessions, which count parts; so what is permitted can be
        written at once. Without a session messages come all the same, and are reported as NOT_SENT."""
        sessions = self._taking()
        if not sessions:
            return self._settings.window * self._settings.binds
        room = sum(session.room for session in sessions) - sum(map(len, self._waiting))
        return max(1, len(self._sendings) + max(0, room) // self._lump)

    @property
    def bound(self) -> int:
        """How many connections take submits now."""
        return len(self._taking())

    def explain(self, code: str) -> str:
        """Of the bind and of submits, with the names of the settings to check."""
        if code != NO_SESSION.code:
            return of_code(code)
        troubles = (link.trouble for link in self._links if link.trouble is not None)
        return next((of_trouble(trouble, self._settings) for trouble in troubles), "")

    async def start(self) -> None:
        """Begin to connect."""
        self._tasks = [asyncio.create_task(link.run(), name=f"{self._name}-link") for link in self._links]
        self._tasks.append(asyncio.create_task(self._inbox.run(), name=f"{self._name}-inbox"))

    async def stop(self) -> None:
        """Write nothing more, store what was delivered, hear the answers that are due, unbind."""
        self._stopping = True
        for lump in self._waiting:
            for part in lump:
                part.not_sent(STOPPED)
        self._waiting.clear()
        for sending in list(self._sendings):
            sending.give_up()
        self._inbox.close()
        if not self._tasks:
            return
        *links, inbox = self._tasks
        await inbox
        await asyncio.gather(*(link.session.unbind() for link in self._links if link.session is not None))
        for sending in list(self._sendings):  # those of which a part was refused for now meanwhile
            sending.give_up()
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def submit(self, messages: Sequence[Outgoing], report: Report) -> None:
        """Write what fits into the windows now and the rest as answers make room; all of it is reported at the end."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine: set[Sending] = set()

        def finished(sending: Sending) -> None:
            self._sendings.discard(sending)
            mine.discard(sending)
            if not mine and not done.done():
                done.set_result(None)

        settings, bits, now = self._settings, self._settings.reference_bits, self._clock.now_us()
        for message in messages:
            if self._stopping or not self._tasks:
                report(message, STOPPED)
                continue
            try:
                bodies = parts_of(message, settings.long_messages, bits, self._references, now)
                sending = Sending(
                    message, bodies, report, finished, self._again, settings.statuses, settings.receipt_ids
                )
            except (PduError, ValueError) as error:
                _log.error("%s: a message cannot be put into SMPP: %s", self._name, type(error).__name__)
                report(message, Outcome(OutcomeKind.REFUSED, code="NOT_SMPP"))
                continue
            mine.add(sending)
            self._sendings.add(sending)
            self._waiting.append(sending.parts)
            self._lump = len(bodies)
        self._pump()
        if not mine:
            return
        try:
            await done
        finally:
            if mine:  # given up by the caller: what was not written stays unwritten
                unwritten = {id(sending.parts) for sending in mine}
                self._waiting = deque(lump for lump in self._waiting if id(lump) not in unwritten)
                self._sendings -= mine

    def _again(self, parts: list[SubmitPart]) -> None:
        self._waiting.appendleft(parts)
        self._pump()

    def _taking(self) -> list[Session]:
        return [link.session for link in self._links if link.session is not None and link.session.taking]

    def _pump(self) -> None:
        """Write what fits. A text begins only where all its parts fit, or where nothing else is under way."""
        while self._waiting:
            sessions = self._taking()
            if not sessions:
                self._no_session()
                return
            session = max(sessions, key=lambda one: one.room)
            room = session.room
            parts: list[SubmitPart] = []
            while self._waiting and (len(self._waiting[0]) <= room - len(parts) or (not parts and session.idle)):
                parts += self._waiting.popleft()
            if not parts:
                return
            session.submit(parts)

    def _no_session(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for lump in waiting:
            for part in lump:
                part.not_sent(NO_SESSION)

    def _random(self) -> float:
        return int.from_bytes(self._clock.random_bytes(4), "big") / 2**32
