"""Server streams over HTTP: as server-sent events where the client asks for them, otherwise as a line of JSON each.

What breaks a stream off before its first answer is an ordinary error; later it is the last thing in the body: `event:
error`, or a line with the single name `error`. A stream that is over says so with `event: end`: without it a browser
would connect again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from starlette.types import Send

from sendout.gateway.transcode.binding import RESUME_TOKEN, take_last_event_id
from sendout.gateway.transcode.calls import beside, request_from, to_json
from sendout.gateway.transcode.contract import Binding
from sendout.gateway.transcode.incoming import ClientGone, Incoming
from sendout.gateway.transcode.refusals import Refusal, later
from sendout.gateway.upstream import Upstream, metadata_of

MOST_STREAMS = 200
"""Open streams of a process. They share one connection to the server, which takes 256 calls at once."""

_QUIET_S = 15.0  # a stream is never silent for longer, so that proxies keep it open


class Streams:
    """What the streams of a process have in common: how many there may be, and that they end when it stops."""

    def __init__(self, most: int = MOST_STREAMS, quiet_s: float = _QUIET_S) -> None:
        self.draining = False
        """Set first, so that balancers see it while streams go on."""
        self.stopping = asyncio.Event()
        """Set when the streams are to end."""
        self.quiet_s = quiet_s
        self._most = most
        self.open = 0

    @contextlib.contextmanager
    def place(self) -> Any:
        """A place for one stream. Raises Refusal where all are taken."""
        if self.open >= self._most:
            raise later(f"{self._most} streams are open here already. Try again in a moment.", seconds=5)
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


class Form(Protocol):
    """How a stream is written."""

    media_type: str

    def answer(self, message: Message) -> bytes:
        """One answer of the server."""

    def heartbeat(self) -> bytes:
        """Something that means nothing, so that the line is not silent; may be empty."""

    def end(self) -> bytes:
        """That there is no more; may be empty."""

    def error(self, refusal: Refusal) -> bytes:
        """What broke the stream off."""


class Lines:
    """Newline-delimited JSON."""

    media_type = "application/x-ndjson"

    def answer(self, message: Message) -> bytes:
        """One line."""
        return to_json(message) + b"\n"

    def heartbeat(self) -> bytes:
        """Nothing: whoever reads lines need not know of empty ones."""
        return b""

    def end(self) -> bytes:
        """Nothing."""
        return b""

    def error(self, refusal: Refusal) -> bytes:
        """One line with the single name `error`, which no answer has."""
        return refusal.content() + b"\n"


class Events:
    """Server-sent events. Where answers have a resume token it is the event's id, which browsers give back."""

    media_type = "text/event-stream"

    def answer(self, message: Message) -> bytes:
        """One event. An answer that brings nothing but a newer token moves the id on and is no event."""
        token = getattr(message, RESUME_TOKEN, "")
        if not token:
            return b"data: " + to_json(message) + b"\n\n"
        identifier = b"id: " + str(token).encode() + b"\n"
        if _brings_nothing(message):
            return b": heartbeat\n" + identifier + b"\n"
        return identifier + b"data: " + to_json(message) + b"\n\n"

    def heartbeat(self) -> bytes:
        """A comment."""
        return b": heartbeat\n\n"

    def end(self) -> bytes:
        """The event `end`."""
        return b"event: end\ndata: {}\n\n"

    def error(self, refusal: Refusal) -> bytes:
        """The event `error`; with where to go on and when, where the server says so."""
        lines = [b"event: error"]
        if token := refusal.detail(error_details_pb2.ErrorInfo).metadata.get(RESUME_TOKEN):
            lines.append(b"id: " + token.encode())
        if refusal.retry_after is not None:
            lines.append(b"retry: " + str(round(refusal.retry_after * 1000)).encode())
        return b"\n".join([*lines, b"data: " + refusal.content(), b"\n"])


def _brings_nothing(message: Message) -> bool:
    """Whether all lists of an answer are empty, and it has some."""
    lists = [one for one in message.DESCRIPTOR.fields if one.is_repeated]
    return bool(lists) and not any(len(getattr(message, one.name)) for one in lists)


async def stream(
    upstream: Upstream,
    streams: Streams,
    binding: Binding,
    values: dict[str, str],
    incoming: Incoming,
    send: Send,
    explain: Callable[[Exception], Refusal],
) -> None:
    """Answer with a server stream. Raises what came before the first answer; `explain` puts later errors in words."""
    metadata, timeout = metadata_of(incoming.headers), incoming.timeout
    request = await request_from(binding, values, incoming)
    take_last_event_id(request, incoming.header("last-event-id"))
    form: Form = Events() if incoming.wants_events else Lines()
    with streams.place():
        call = upstream.start(binding.method, request, metadata, timeout)
        answers = _answers(call, streams, incoming)
        body = _Body(form, send)
        token = ""
        try:
            async with contextlib.aclosing(answers):
                async for message in answers:
                    if message is None:
                        await body.write(form.heartbeat())
                        continue
                    token = getattr(message, RESUME_TOKEN, "") or token
                    await body.write(await beside(message.ByteSize(), form.answer, message))
            await body.finish(form.end())
        except ClientGone:
            return
        except Exception as error:
            if not body.started:
                raise
            await body.finish(form.error(_with_token(explain(error), token)))
        finally:
            call.cancel()


def _with_token(refusal: Refusal, token: str) -> Refusal:
    """Our own goodbye says where to go on, as the server's does."""
    info = refusal.detail(error_details_pb2.ErrorInfo)
    if token and info.reason == "STREAM_ENDED" and RESUME_TOKEN not in info.metadata:
        info.metadata[RESUME_TOKEN] = token
    return refusal


class _Body:
    """A body that begins with its first piece."""

    def __init__(self, form: Form, send: Send) -> None:
        self.started = False
        self._form = form
        self._send = send

    async def write(self, content: bytes, more: bool = True) -> None:
        if not self.started:
            self.started = True
            headers = [(b"content-type", self._form.media_type.encode()), (b"x-accel-buffering", b"no")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        if content or not more:
            await self._send({"type": "http.response.body", "body": content, "more_body": more})

    async def finish(self, content: bytes) -> None:
        await self.write(content, more=False)


async def _answers(call: Any, streams: Streams, incoming: Incoming) -> AsyncGenerator[Message | None]:
    """The answers as they come, None after each silence. Raises ClientGone, and Refusal where this process stops."""
    reading = asyncio.ensure_future(call.read())
    gone = asyncio.ensure_future(incoming.gone())
    stopping = asyncio.ensure_future(streams.stopping.wait())
    try:
        while True:
            waits = (reading, gone, stopping)
            await asyncio.wait(waits, timeout=streams.quiet_s, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise ClientGone
            if reading.done():
                answer = reading.result()
                if answer is grpc.aio.EOF:
                    return
                yield answer
                reading = asyncio.ensure_future(call.read())
            elif stopping.done():
                raise later("The gateway is stopping. Go on from the last token.", "STREAM_ENDED")
            else:
                yield None
    finally:
        for wait in (reading, gone, stopping):
            wait.cancel()
        await asyncio.gather(reading, gone, stopping, return_exceptions=True)
