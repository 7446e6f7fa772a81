"""One connection to an SMSC: bind, requests and their answers, the window, the timers, and its end.

The link opens it; the carrier writes parts into it and is called back for each, exactly once: with the status of its
answer, or as lost. A session never sends anything again. Nothing of a PDU's body is ever logged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from sendout.server.carriers.smpp import status
from sendout.server.carriers.smpp.pdu import (
    HEADER,
    MAX_SEQUENCE,
    RESPONSE,
    Bind,
    Command,
    Frames,
    Pdu,
    PduError,
    encode,
    message_id,
)

_SUBMIT_SM = int(Command.SUBMIT_SM)
_UNBIND_TIMEOUT_S = 2.0
UNBOUND = "unbound"
"""The reason of an end that we asked for."""


class BindRefused(Exception):
    """The SMSC answered the bind with this status."""

    def __init__(self, code: int) -> None:
        super().__init__(f"0x{code:02X} {status.row_of(code, {})[0].name}")
        self.code = code


class Part(Protocol):
    """One submit, encoded."""

    body: bytes

    def answered(self, code: int, ref: str) -> None:
        """The SMSC's answer."""
        ...

    def lost(self) -> None:
        """It may have left us, and no answer will be heard."""
        ...


class Session(asyncio.Protocol):
    """`delivered` gets every deliver_sm; `changed` is called after answers came, and when the session ends."""

    def __init__(
        self,
        window: int,
        response_timeout: float,
        delivered: Callable[[Session, Pdu], None],
        changed: Callable[[], None],
    ) -> None:
        self._window, self._response_timeout = window, response_timeout
        self._delivered, self._changed = delivered, changed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._frames = Frames()
        self._sequence = 0
        self._outstanding: dict[int, tuple[Part, float]] = {}  # in the order of their deadlines
        self._control: dict[int, asyncio.Future[Pdu]] = {}
        self._deadline: asyncio.TimerHandle | None = None
        self._heard = False
        self._taking = self._retired = False
        self._emptied: asyncio.Future[None] | None = None  # somebody waits for the last answer
        self._why = "closed by the SMSC"
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Done when the connection is gone, with the reason."""

    # --- what the link and the carrier do with it --------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more submits fit into the window; 0 where none are taken."""
        return self._window - len(self._outstanding) if self.taking else 0

    @property
    def idle(self) -> bool:
        """Submits are taken, and none is without an answer."""
        return self.taking and not self._outstanding

    @property
    def taking(self) -> bool:
        """Submits are taken, and can still be written."""
        return self._taking and self._transport is not None and not self._transport.is_closing()

    async def bind(self, command: Command, body: Bind) -> None:
        """Raises BindRefused, TimeoutError or ConnectionError."""
        answer = await self._request(command, body.encode(), self._response_timeout)
        if answer.status != status.OK:
            raise BindRefused(answer.status)
        self._taking = command is not Command.BIND_RECEIVER
        self._heard = True
        self._changed()

    def submit(self, parts: Sequence[Part]) -> None:
        """Write these now, in one go; the caller has looked at `room`."""
        deadline = self._loop.time() + self._response_timeout
        octets: list[bytes] = []
        for part in parts:
            sequence = self._next()
            self._outstanding[sequence] = (part, deadline)
            octets += (HEADER.pack(16 + len(part.body), _SUBMIT_SM, 0, sequence), part.body)
        if self._deadline is None:
            self._deadline = self._loop.call_at(deadline, self._expire)
        self._write(b"".join(octets))

    def acknowledge(self, answers: Sequence[tuple[int, int]]) -> bool:
        """Answer deliver_sm's, given as (sequence, status). False where the connection is gone."""
        if self.lost.done():
            return False
        self._write(b"".join(encode(Command.DELIVER_SM_RESP, sequence, b"\0", code) for sequence, code in answers))
        return not self.lost.done()

    def pause_reading(self) -> None:
        """Let the SMSC wait; it notices by its own window."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def keep_alive(self, interval: float) -> None:
        """Ask after every silent interval whether the SMSC is there; end the session where it is not."""
        while not self.lost.done():
            self._heard = False
            await asyncio.sleep(interval)
            if self._heard:
                continue
            try:
                await self._request(Command.ENQUIRE_LINK, b"", self._response_timeout)
            except TimeoutError:
                self.end("no answer to enquire_link")
            except ConnectionError:
                return

    async def unbind(self) -> None:
        """Wait until every submit has its answer or its deadline, say goodbye, and close."""
        self._taking = False
        self._emptied = self._loop.create_future()
        if self._outstanding:
            await self._emptied
        with contextlib.suppress(TimeoutError, ConnectionError):
            await self._request(Command.UNBIND, b"", _UNBIND_TIMEOUT_S)
        self.end(UNBOUND)
        await self.lost

    def retire(self, why: str) -> None:
        """Take no more submits; close when every one that was written has its answer or its deadline."""
        if self._taking:
            self._taking, self._retired, self._why = False, True, why
            self._close_if_retired()

    def end(self, why: str) -> None:
        """Close now; whatever has no answer is lost."""
        if self._transport is not None and not self._transport.is_closing():
            self._taking, self._why = False, why
            self._transport.close()

    # --- what the connection does ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._taking = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        outstanding, self._outstanding = self._outstanding, {}
        for part, _ in outstanding.values():
            part.lost()
        self._close_if_retired()
        for future in self._control.values():
            if not future.done():
                future.set_exception(ConnectionError(self._why))
        self._control.clear()
        if not self.lost.done():
            self.lost.set_result(type(error).__name__ if error else self._why)
        self._changed()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            for pdu in self._frames.feed(data):
                self._take(pdu)
        except PduError as error:
            self._write(encode(Command.GENERIC_NACK, 0, status=error.status))
            self.end(str(error))
        self._close_if_retired()
        self._changed()

    def _take(self, pdu: Pdu) -> None:
        command, sequence = pdu.command, pdu.sequence
        if command == Command.SUBMIT_SM_RESP or command == Command.GENERIC_NACK:
            found = self._outstanding.pop(sequence, None)
            if found is not None:
                # A generic_nack is a refusal, whatever status it has.
                code = pdu.status or (status.OK if command == Command.SUBMIT_SM_RESP else status.UNKNOWN_COMMAND)
                found[0].answered(code, message_id(pdu.body) if code == status.OK else "")
                if code and status.row_of(code, {})[0].rebind:
                    self.retire(f"a submit was answered with 0x{code:02X}")
            elif command == Command.GENERIC_NACK:
                self._settle_control(pdu)
        elif command & RESPONSE:
            self._settle_control(pdu)
        elif command == Command.DELIVER_SM:
            self._delivered(self, pdu)
        elif command == Command.ENQUIRE_LINK:
            self._write(encode(Command.ENQUIRE_LINK_RESP, sequence))
        elif command == Command.UNBIND:
            self._write(encode(Command.UNBIND_RESP, sequence))
            self.end("the SMSC unbound")
        elif command != Command.ALERT_NOTIFICATION:  # that one has no answer
            self._write(encode(Command.GENERIC_NACK, sequence, status=status.UNKNOWN_COMMAND))

    def _settle_control(self, pdu: Pdu) -> None:
        future = self._control.pop(pdu.sequence, None)
        if future is not None and not future.done():
            future.set_result(pdu)

    # --- timers and writing ------------------------------------------------------------------------------------------

    def _expire(self) -> None:
        """Give up the submits whose time is over; their answers may still come, and are not looked for."""
        self._deadline = None
        now = self._loop.time()
        while self._outstanding:
            sequence, (part, deadline) = next(iter(self._outstanding.items()))
            if deadline > now:
                self._deadline = self._loop.call_at(deadline, self._expire)
                break
            del self._outstanding[sequence]
            part.lost()
            self.retire("a submit got no answer in time")
        self._close_if_retired()
        self._changed()

    def _close_if_retired(self) -> None:
        if self._outstanding:
            return
        if self._emptied is not None:
            if not self._emptied.done():
                self._emptied.set_result(None)
        elif self._retired:
            self._retired = False  # once
            self._write(encode(Command.UNBIND, self._next()))
            self.end(self._why)

    async def _request(self, command: Command, body: bytes, timeout: float) -> Pdu:
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError(self._why)
        sequence = self._next()
        answer = self._control[sequence] = self._loop.create_future()
        self._write(encode(command, sequence, body))
        try:
            return await asyncio.wait_for(answer, timeout)
        finally:
            self._control.pop(sequence, None)

    def _next(self) -> int:
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        return self._sequence

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)
