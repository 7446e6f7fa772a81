"""The Python client: one line to send, with request ids, deadlines, retries and typed errors built in.

    from sendout.client import Client

    Client().send(to="+14155550101, +14155550102", text="Trucks are delayed today.")

`Client` blocks, `AsyncClient` has the same methods to await or to iterate over with `async for`. Both answer with the
messages of `sendout.v1`, raise `SendoutError`, and need nothing but grpcio and protobuf.
"""

from __future__ import annotations

from sendout.client._aio import AsyncDriver, AsyncPager
from sendout.client._consents import consent
from sendout.client._errors import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    SendoutError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Violation,
)
from sendout.client._history import EARLIEST
from sendout.client._methods import Methods
from sendout.client._profile import profile_path
from sendout.client._recipients import Recipients
from sendout.client._retry import RetryPolicy
from sendout.client._sync import Driver, Pager
from sendout.client.cursors import CursorFile


class Client(Methods, Driver):
    """The blocking client. Threads may share one; `with Client() as client:` closes it."""


class AsyncClient(Methods, AsyncDriver):
    """The asyncio client, for one event loop; `async with AsyncClient() as client:` closes it."""


__all__ = [
    "EARLIEST",
    "AlreadyExists",
    "AsyncClient",
    "AsyncPager",
    "Client",
    "CursorFile",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "OutOfRange",
    "Pager",
    "PermissionDenied",
    "Recipients",
    "ResourceExhausted",
    "RetryPolicy",
    "SendoutError",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Violation",
    "consent",
    "profile_path",
]
