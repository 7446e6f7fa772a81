"""HTTP/2 frame by frame, for what a proper gRPC client never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """Kinds of frames (RFC 9113, section 6)."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8


END_STREAM, END_HEADERS = 0x1, 0x4
ENHANCE_YOUR_CALM = 11
_NO_TABLE = b"\x00\x01\x00\x00\x00\x00"  # SETTINGS_HEADER_TABLE_SIZE 0: the peer's headers come in plain letters


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: int
    flags: int
    stream: int
    content: bytes


class Http2:
    """A connection to a server on a unix socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, kind: Kind, content: bytes = b"", *, stream: int = 0, flags: int = 0) -> None:
        """Put a frame on its way."""
        head = len(content).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
        self._writer.write(head + content)

    def call(
        self, stream: int, path: str, headers: Iterable[tuple[str, str]] = (), request: bytes | None = None
    ) -> None:
        """Begin a gRPC call; with `request` it is sent whole."""
        fixed = ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"))
        pairs = (*fixed, ("te", "trailers"), ("content-type", "application/grpc"), *headers)
        block = b"".join(b"\x00" + _string(name) + _string(value) for name, value in pairs)
        self.send(Kind.HEADERS, block, stream=stream, flags=END_HEADERS)
        if request is not None:
            framed = b"\x00" + len(request).to_bytes(4, "big") + request
            self.send(Kind.DATA, framed, stream=stream, flags=END_STREAM)

    async def frames(self) -> AsyncIterator[Frame]:
        """What comes, until the server closes the connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._reader.readexactly(9)
                content = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
                frame = Frame(head[3], head[4], int.from_bytes(head[5:9], "big"), content)
                if frame.kind == Kind.SETTINGS and not frame.flags:
                    self.send(Kind.SETTINGS, flags=1)
                yield frame


def _string(text: str) -> bytes:
    """A string of HPACK as it is, with its length in a 7-bit prefix."""
    size, head = len(text), b""
    if size >= 127:
        rest = size - 127
        head, size = bytes((rest & 0x7F | 0x80, rest >> 7)) if rest > 0x7F else bytes((rest,)), 127
    return bytes((size,)) + head + text.encode()


@asynccontextmanager
async def connected(path: str) -> AsyncIterator[Http2]:
    """A connection that has said its preface."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    made = Http2(reader, writer)
    made.send(Kind.SETTINGS, _NO_TABLE)
    try:
        yield made
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
