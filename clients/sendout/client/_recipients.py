"""Recipients as callers give them, in parts that fit into one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message

from sendout.client._errors import InvalidArgument
from sendout.v1.notification_service_pb2 import RecipientChunk, SendNotificationHeader, SendNotificationStreamRequest
from sendout.v1.recipient_pb2 import Recipient

M = TypeVar("M", bound=Message)
Recipients = str | Iterable[str | Recipient]
"""Numbers separated by commas in one string, or any iterable of numbers and `Recipient` messages."""

MOST_IN_CHUNK = 10_000
MOST_IN_NOTIFICATION = 1_000_000
_MOST_BYTES = 1 << 20  # recipients with variables are large, and a server takes messages of at most 4 MiB


def recipients_of(to: Recipients) -> Iterator[Recipient]:
    """One message per recipient. Blanks around commas, empty items and a trailing comma do no harm (S22)."""
    items: Iterable[str | Recipient] = filter(None, map(str.strip, to.split(","))) if isinstance(to, str) else to
    for item in items:
        yield Recipient(phone_number=item) if isinstance(item, str) else item


def in_parts(messages: Iterable[M]) -> Iterator[list[M]]:
    """Lists of at most 10,000 messages and about 1 MiB. No messages, no list."""
    part: list[M] = []
    size = 0
    for message in messages:
        size += message.ByteSize() + 4
        if part and (size > _MOST_BYTES or len(part) == MOST_IN_CHUNK):
            yield part
            part, size = [], message.ByteSize() + 4
        part.append(message)
    if part:
        yield part


def chunks_of(recipients: Iterable[Recipient]) -> Iterator[RecipientChunk]:
    """The same as chunks of a stream."""
    return (RecipientChunk(recipients=part) for part in in_parts(recipients))


def parts_of(header: SendNotificationHeader, chunks: Iterable[RecipientChunk]) -> list[bytes]:
    """The serialised parts of a client stream, ready for any number of tries; a million numbers take some 20 MB.

    Raises InvalidArgument for more recipients than one notification can have.
    """
    parts = [SendNotificationStreamRequest(header=header).SerializeToString()]
    count = 0
    for chunk in chunks:
        count += len(chunk.recipients)
        if count > MOST_IN_NOTIFICATION:
            raise InvalidArgument(
                f"A notification can have {MOST_IN_NOTIFICATION:,} recipients. Send to the others with another one.",
                reason="FIELD_INVALID",
            )
        parts.append(SendNotificationStreamRequest(chunk=chunk).SerializeToString())
    return parts
