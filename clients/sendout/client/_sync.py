"""The blocking driver: does what builders say, waiting on the calling thread. Safe to share between threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, Self, TypeVar

import grpc

from sendout.client._calls import Answer, Call, Item, Last, Listing, Steps, Stream, merged
from sendout.client._channel import OPTIONS, AuthorizedChannel, Base
from sendout.client._tracing import traced_channel

R = TypeVar("R")
S = TypeVar("S")


class Driver(Base):
    """Runs calls, steps, listings and streams on a blocking channel, which is opened by the first of them."""

    _lock = threading.Lock()
    _opened: AuthorizedChannel | None = None

    @property
    def _channel(self) -> AuthorizedChannel:
        with self._lock:
            if self._opened is None:
                credentials = self._credentials()
                channel = (
                    grpc.insecure_channel(self.target, OPTIONS)
                    if credentials is None
                    else grpc.secure_channel(self.target, credentials, OPTIONS)
                )
                self._opened = self._authorized(traced_channel(channel))
            return self._opened

    def stub(self, kind: Callable[[Any], S]) -> S:
        """A generated stub over this connection, such as `TopicServiceStub`: with key and trace, else plain gRPC."""
        return kind(self._channel)

    def close(self) -> None:
        """Close the connection; calls under way end."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _perform(self, call: Call[Answer]) -> Answer:
        attempts, start = self._attempts(call), self._channel.starter(call)
        while True:
            try:
                answer: Answer = start(timeout=attempts.remaining())
                return answer
            except grpc.RpcError as error:
                pause = attempts.after(self._typed(error, call))
            time.sleep(pause)

    def _run(self, steps: Steps[R]) -> R:
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                result: R = stop.value
                return result
            answer = self._last(step.stream) if isinstance(step, Last) else self._perform(step)

    def _last(self, stream: Stream[Any, Item]) -> Item:
        for item in self._follow(stream):  # noqa: B007
            pass
        return item

    def _list(self, listing: Listing[Answer, Item]) -> Pager[Answer, Item]:
        return Pager(self, listing)

    def _follow(self, stream: Stream[Any, Item]) -> Iterator[Item]:
        attempts, start = self._stream_attempts(stream), self._channel.stream_starter(stream.call)
        resumable = stream.go_on is not None
        while True:
            ended = not resumable
            answers = start(timeout=attempts.remaining())
            try:
                for answer in answers:
                    attempts.answered(resumable)
                    ended = ended or stream.finished(answer)
                    if stream.go_on is not None:
                        stream.go_on(stream.call.request, answer)
                    yield from stream.items(answer)
                if ended:
                    return
                pause = attempts.next_pass()
            except grpc.RpcError as error:
                pause = attempts.after(self._typed(error, stream.call))
            finally:
                answers.cancel()
            time.sleep(pause)


class Pager(Generic[Answer, Item]):
    """A listing: iterate over its items, over its `pages()`, or take it as one answer with `whole()`."""

    def __init__(self, driver: Driver, listing: Listing[Answer, Item]) -> None:
        self._driver = driver
        self._listing = listing

    def __iter__(self) -> Iterator[Item]:
        for page in self.pages():
            yield from self._listing.items(page)

    def pages(self) -> Iterator[Answer]:
        """The answers as they come, one a page."""
        token = ""
        while True:
            page = self._driver._perform(self._listing.page(token))
            yield page
            token = page.next_page_token  # type: ignore[attr-defined]
            if not token:
                return

    def whole(self) -> Answer:
        """All pages as one answer."""
        return self._driver._run(merged(self._listing))
