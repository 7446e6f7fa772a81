"""One HTTP request as the transcoder sees it: headers with rules, a body with limits, and whether the client left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from sendout.gateway.transcode.refusals import Refusal, unreadable

MOST_BODY = 4 << 20
"""Bytes of a body, and of a line of a streamed one: what the server takes in one message."""

_LONGEST_S = 86_400.0  # longer deadlines are cut to this
_BODY_S = 30.0  # seconds for a whole body
_PIECE_S = 30.0  # seconds for the next piece of a streamed one
_JSON = frozenset({"application/json"})
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"})
_GRPC_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])", re.ASCII)
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?", re.ASCII)


class ClientGone(Exception):
    """The client closed the connection: there is nobody to answer."""


class Incoming:
    """A request, read once."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.headers = Headers(scope=scope)
        self.query: bytes = scope["query_string"]
        self._receive = receive
        self._read = asyncio.Event()

    def header(self, name: str) -> str | None:
        """A header that may stand only once. Raises Refusal where it stands more often."""
        values = self.headers.getlist(name)
        if len(values) > 1:
            raise unreadable(f"The header {name} is given {len(values)} times.")
        return values[0] if values else None

    @property
    def wants_events(self) -> bool:
        """Whether a stream should come as server-sent events."""
        kinds = (kind.partition(";")[0].strip().lower() for kind in self.headers.get("accept", "").split(","))
        return "text/event-stream" in kinds

    @property
    def timeout(self) -> float | None:
        """Seconds that the caller gives the call: `X-Request-Timeout`, or gRPC's own `Grpc-Timeout` (`30S`)."""
        plain, grpc_form = self.header("x-request-timeout"), self.header("grpc-timeout")
        if plain is not None:
            if not _SECONDS.fullmatch(plain):
                raise unreadable('Give seconds, such as "2.5".', field="X-Request-Timeout")
            return min(float(plain), _LONGEST_S)
        if grpc_form is None:
            return None
        found = _GRPC_TIMEOUT.fullmatch(grpc_form)
        if found is None:
            raise unreadable('Give a number with a unit, such as "30S" or "500m".', field="Grpc-Timeout")
        return min(int(found[1]) * _UNITS[found[2]], _LONGEST_S)

    async def body(self) -> bytes:
        """The whole body; JSON where there is any. Raises Refusal where it is too large, too slow or something else."""
        content = await self.content(MOST_BODY, _BODY_S)
        if content:
            self._check_kind(_JSON, "application/json")
        return content

    async def content(self, most: int, seconds: float) -> bytes:
        """The whole body, of any kind. Raises Refusal where it has more bytes than `most` or takes more `seconds`."""
        length = self.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > most:
            raise _too_large("The body", most)
        content = bytearray()
        try:
            async with asyncio.timeout(seconds):
                async for chunk in self.chunks():
                    content += chunk
                    if len(content) > most:
                        raise _too_large("The body", most)
        except TimeoutError:
            raise unreadable(f"The body did not come within {seconds:g} seconds.", http=408) from None
        return bytes(content)

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of a body of newline-delimited JSON as they come, without empty ones."""
        self._check_kind(_LINES, "application/x-ndjson")
        rest = bytearray()
        async for chunk in self.chunks():
            rest += chunk
            *whole, rest = rest.split(b"\n") if b"\n" in chunk else [rest]
            for line in whole:
                if line.strip():
                    yield _limited(line)
            if len(rest) > MOST_BODY:
                raise _too_large("A line", MOST_BODY)
        if rest.strip():
            yield bytes(rest)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises ClientGone where it breaks off."""
        more = True
        while more:
            try:
                async with asyncio.timeout(_PIECE_S):
                    message = await self._receive()
            except TimeoutError:
                raise unreadable(f"Nothing came for {_PIECE_S:g} seconds.", http=408) from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk
        self._read.set()

    async def gone(self) -> None:
        """Until the client leaves; counts from the end of the body on, since before that it shows in the body."""
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _check_kind(self, allowed: frozenset[str], wanted: str) -> None:
        """JSON only: a form of a foreign page cannot send it without asking first."""
        if self.headers.get("content-encoding", "identity") != "identity":
            raise unreadable("Send the body without Content-Encoding.", field="Content-Encoding", http=415)
        kind, _, parameters = (self.header("content-type") or "").partition(";")
        charset = parameters.partition("charset=")[2].strip(' "').lower()
        if kind.strip().lower() not in allowed or charset not in ("", "utf-8", "utf8"):
            raise unreadable(f"Send the body as Content-Type: {wanted}.", field="Content-Type", http=415)


def _limited(line: bytearray) -> bytes:
    if len(line) > MOST_BODY:
        raise _too_large("A line", MOST_BODY)
    return bytes(line)


def _too_large(what: str, most: int) -> Refusal:
    size = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
    return unreadable(f"{what} is larger than {size}.", http=413)
