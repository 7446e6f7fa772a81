"""What both clients share around the wire: settings, channel options, credentials, and the reading of failures."""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf.message import Message

from sendout.client._calls import Call, Stream
from sendout.client._errors import SendoutError, from_rpc_error
from sendout.client._profile import resolve
from sendout.client._retry import Attempts, RetryPolicy

try:
    _VERSION = version("sendout")
except PackageNotFoundError:  # run from a source tree
    _VERSION = "unknown"

OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.primary_user_agent", f"sendout-python/{_VERSION}"),
    # A preview of 10,000 recipients answers with more than gRPC's 4 MiB.
    ("grpc.max_receive_message_length", 64 << 20),
    # Servers take at most one ping a minute, and none without a call. A stream over a dead line ends after 110 s.
    ("grpc.keepalive_time_ms", 90_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Retries are ours: DNS gets no say in them.
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


class Base:
    """The settings of a client and what follows from them without I/O."""

    def __init__(
        self,
        target: str | None = None,
        api_key: str | None = None,
        *,
        tls: bool | None = None,
        ca_file: Path | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        """`target` and `api_key` come from SENDOUT_TARGET and SENDOUT_API_KEY, or the profile file, where left out.

        `tls` is on where the target begins with https:// and, unless http:// or `tls=False` asks for plaintext,
        for every target that is not on this machine; `ca_file` is a PEM file of authorities to trust instead of the
        usual ones. `timeout` is for one call with all its retries, in seconds.
        """
        self._connection = resolve(target, api_key, tls, ca_file)
        self._timeout = timeout
        self._retry = retry or RetryPolicy()

    @property
    def target(self) -> str:
        """The server that is called."""
        return self._connection.target

    def with_options(self, *, timeout: float | None = None, retry: RetryPolicy | None = None) -> Self:
        """The same client over the same connection, with another timeout or retry policy."""
        other = copy.copy(self)
        other._timeout = self._timeout if timeout is None else timeout
        other._retry = retry or self._retry
        return other

    def _credentials(self) -> grpc.ChannelCredentials | None:
        if not self._connection.tls:
            return None
        roots = self._connection.ca_file.read_bytes() if self._connection.ca_file else None
        return grpc.ssl_channel_credentials(roots)

    def _authorized(self, channel: Any) -> AuthorizedChannel:
        key = self._connection.api_key
        return AuthorizedChannel(channel, (("authorization", f"Bearer {key}"),) if key else ())

    def _attempts(self, call: Call[Any]) -> Attempts:
        timeout = self._timeout if call.timeout is None else max(call.timeout, self._timeout)
        return Attempts(self._retry, timeout=timeout, retry_safe=call.retry_safe)

    def _stream_attempts(self, stream: Stream[Any, Any]) -> Attempts:
        return Attempts(self._retry, timeout=stream.timeout, retry_safe=True)

    def _typed(self, error: grpc.RpcError, call: Call[Any]) -> SendoutError:
        typed = from_rpc_error(error, self.target)
        typed.request_id = call.request_id
        return typed


class AuthorizedChannel:
    """A channel, blocking or asyncio, whose calls carry the key; stubs can be made on it."""

    def __init__(self, channel: Any, metadata: tuple[tuple[str, str], ...]) -> None:
        self._channel = channel
        self._metadata = metadata

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._channel, name)
        if name not in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            return attribute

        def method(*args: Any, **kwargs: Any) -> _AuthorizedMethod:
            return _AuthorizedMethod(attribute(*args, **kwargs), self._metadata)

        return method

    def starter(self, call: Call[Any]) -> Callable[..., Any]:
        """Starts `call` with one answer, given `timeout=`."""
        if isinstance(call.request, list):
            parts, method = call.request, self.stream_unary(call.path, None, call.answer.FromString)
            return lambda **kwargs: method(iter(parts), **kwargs)
        return self._starter(self.unary_unary, call)

    def stream_starter(self, call: Call[Any]) -> Callable[..., Any]:
        """Starts `call` as a server stream, given `timeout=`."""
        return self._starter(self.unary_stream, call)

    @staticmethod
    def _starter(kind: Any, call: Call[Any]) -> Callable[..., Any]:
        method = kind(call.path, _serialized, call.answer.FromString)
        return lambda **kwargs: method(call.request, **kwargs)


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


class _AuthorizedMethod:
    """One method of a stub: callable, with grpc's `future` and `with_call` where it has them."""

    def __init__(self, method: Any, metadata: tuple[tuple[str, str], ...]) -> None:
        self._method = method
        self._metadata = metadata

    def _with_key(self, start: Callable[..., Any]) -> Callable[..., Any]:
        def started(request: Any = None, timeout: float | None = None, metadata: Any = None, **kwargs: Any) -> Any:
            return start(request, timeout=timeout, metadata=(*(metadata or ()), *self._metadata), **kwargs)

        return started

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_key(self._method)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._with_key(getattr(self._method, name))
