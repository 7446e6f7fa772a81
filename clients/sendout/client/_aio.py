"""The asyncio driver: does what builders say on the running loop. It differs from `_sync` in its awaits alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Self, TypeVar

import grpc
import grpc.aio

from sendout.client._calls import Answer, Call, Item, Last, Listing, Steps, Stream, merged
from sendout.client._channel import OPTIONS, AuthorizedChannel, Base
from sendout.client._tracing import aio_interceptors
from sendout.client.statuses import FirstStatus

R = TypeVar("R")
S = TypeVar("S")


class AsyncDriver(Base):
    """Runs calls, steps, listings and streams on an asyncio channel, which is opened by the first of them."""

    _opened: AuthorizedChannel | None = None

    @property
    def _channel(self) -> AuthorizedChannel:
        if self._opened is None:
            credentials = self._credentials()
            channel = (
                grpc.aio.insecure_channel(self.target, OPTIONS, interceptors=aio_interceptors())
                if credentials is None
                else grpc.aio.secure_channel(self.target, credentials, OPTIONS, interceptors=aio_interceptors())
            )
            self._opened = self._authorized(channel)
        return self._opened

    def stub(self, kind: Callable[[Any], S]) -> S:
        """A generated stub over this connection, such as `TopicServiceStub`: with key and trace, else plain gRPC."""
        return kind(self._channel)

    async def close(self) -> None:
        """Close the connection; calls under way end."""
        if self._opened is not None:
            await self._opened.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _perform(self, call: Call[Answer]) -> Answer:
        attempts, start = self._attempts(call), self._channel.starter(call)
        while True:
            begun = start(timeout=attempts.remaining())
            first = FirstStatus(begun)
            try:
                answer: Answer = await begun
                return answer
            except grpc.RpcError as error:
                pause = attempts.after(self._typed(first.behind(error), call))
            await asyncio.sleep(pause)

    async def _run(self, steps: Steps[R]) -> R:
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                result: R = stop.value
                return result
            answer = await (self._last(step.stream) if isinstance(step, Last) else self._perform(step))

    async def _last(self, stream: Stream[Any, Item]) -> Item:
        async for item in self._follow(stream):  # noqa: B007
            pass
        return item

    def _list(self, listing: Listing[Answer, Item]) -> AsyncPager[Answer, Item]:
        return AsyncPager(self, listing)

    async def _follow(self, stream: Stream[Any, Item]) -> AsyncIterator[Item]:
        attempts, start = self._stream_attempts(stream), self._channel.stream_starter(stream.call)
        resumable = stream.go_on is not None
        while True:
            ended = not resumable
            answers = start(timeout=attempts.remaining())
            try:
                async for answer in answers:
                    attempts.answered(resumable)
                    ended = ended or stream.finished(answer)
                    if stream.go_on is not None:
                        stream.go_on(stream.call.request, answer)
                    for item in stream.items(answer):
                        yield item
                if ended:
                    return
                pause = attempts.next_pass()
            except grpc.RpcError as error:
                pause = attempts.after(self._typed(error, stream.call))
            finally:
                answers.cancel()
            await asyncio.sleep(pause)


class AsyncPager(Generic[Answer, Item]):
    """A listing: iterate over its items, over its `pages()`, or take it as one answer with `whole()`."""

    def __init__(self, driver: AsyncDriver, listing: Listing[Answer, Item]) -> None:
        self._driver = driver
        self._listing = listing

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.pages():
            for item in self._listing.items(page):
                yield item

    async def pages(self) -> AsyncIterator[Answer]:
        """The answers as they come, one a page."""
        token = ""
        while True:
            page = await self._driver._perform(self._listing.page(token))
            yield page
            token = page.next_page_token  # type: ignore[attr-defined]
            if not token:
                return

    async def whole(self) -> Answer:
        """All pages as one answer."""
        return await self._driver._run(merged(self._listing))
