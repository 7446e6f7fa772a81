"""What a client method does, told without I/O, and how the two clients come to have it.

A builder says what to ask of the server: one `Call`, several in turn (`steps`), a listing page by page (`Listing`) or a
server stream (`Stream`). It is written once; `unary`, `steps`, `listing` and `stream` make it a method that the
blocking client answers at once and the asyncio client answers with something to await or to iterate over. Only `_sync`
and `_aio` know how.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from google.protobuf.message import Message

if TYPE_CHECKING:
    from sendout.client._aio import AsyncDriver, AsyncPager
    from sendout.client._sync import Driver, Pager

P = ParamSpec("P")
R = TypeVar("R")
Answer = TypeVar("Answer", bound=Message)
Item = TypeVar("Item")

_PACKAGE = "/sendout.v1."


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One RPC with one answer."""

    name: str
    """`TopicService/CreateTopic`."""
    request: Message | list[bytes]
    """The message, or the serialised parts of a client stream."""
    answer: type[Answer]
    retry_safe: bool = True
    """Whether a second call changes nothing, so that it may follow a lost answer."""
    timeout: float | None = None
    """Seconds; None means the client's own."""
    request_id: str = ""

    @property
    def path(self) -> str:
        """The method as gRPC names it."""
        return _PACKAGE + self.name


@dataclass(frozen=True)
class Listing(Generic[Answer, Item]):
    """A listing: pages that are asked for one by one while someone reads on."""

    call: Call[Answer]
    items: Callable[[Answer], Iterable[Item]]

    def page(self, token: str) -> Call[Answer]:
        """The call for the page that begins at `token`."""
        request: Any = copy.deepcopy(self.call.request)
        request.page_token = token
        return Call(self.call.name, request, self.call.answer)


@dataclass(frozen=True)
class Stream(Generic[Answer, Item]):
    """A server stream, taken up again after a break."""

    call: Call[Answer]
    items: Callable[[Answer], Iterable[Item]]
    go_on: Callable[[Any, Answer], None] | None = None
    """Changes the request so that a new stream follows this answer; None: what was broken off stays so."""
    finished: Callable[[Answer], bool] = lambda _: False
    """Whether the stream is at its end after this answer, and not merely cut off by a server that stops."""
    timeout: float | None = None
    """Seconds for the whole of it; None means for ever."""


@dataclass(frozen=True)
class Last(Generic[Item]):
    """The last item of a stream, once it has ended."""

    stream: Stream[Any, Item]


Steps = Generator[Any, Any, R]
"""Calls in turn: yields a `Call` or `Last`, is sent what came of it, returns the result."""


def ask(call: Call[Answer]) -> Steps[Answer]:
    """One step: `answer = yield from ask(call)`."""
    answer: Answer = yield call
    return answer


def last(stream: Stream[Any, Item]) -> Steps[Item]:
    """One step: read a stream to its end."""
    item: Item = yield Last(stream)
    return item


def merged(listing: Listing[Answer, Any]) -> Steps[Answer]:
    """All pages as one answer."""
    whole = listing.call.answer()
    token = ""
    while True:
        page = yield from ask(listing.page(token) if token else listing.call)
        token = page.next_page_token  # type: ignore[attr-defined]
        whole.MergeFrom(page)
        if not token:
            whole.ClearField("next_page_token")
            return whole


class _Method(Generic[P, R]):
    """A method of both clients; its signature and docstring are those of the builder."""

    def __init__(self, builder: Callable[P, R]) -> None:
        self.builder = builder
        self.__doc__ = builder.__doc__

    def _bound(self, run: Callable[[R], Any]) -> Any:
        @functools.wraps(self.builder)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return run(self.builder(*args, **kwargs))

        return method


class unary(_Method[P, "Call[Answer]"], Generic[P, Answer]):
    """`Client` answers; `AsyncClient` is awaited."""

    @overload
    def __get__(self, client: None, owner: Any) -> Callable[P, Call[Answer]]: ...
    @overload
    def __get__(self, client: Driver, owner: Any) -> Callable[P, Answer]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: Any) -> Callable[P, Awaitable[Answer]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        return self.builder if client is None else self._bound(client._perform)


class steps(_Method[P, "Steps[R]"], Generic[P, R]):
    """Several calls in turn; otherwise as `unary`."""

    @overload
    def __get__(self, client: None, owner: Any) -> Callable[P, Steps[R]]: ...
    @overload
    def __get__(self, client: Driver, owner: Any) -> Callable[P, R]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: Any) -> Callable[P, Awaitable[R]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        return self.builder if client is None else self._bound(client._run)


class listing(_Method[P, "Listing[Answer, Item]"], Generic[P, Answer, Item]):
    """Iterate over the result; further pages come as they are needed."""

    @overload
    def __get__(self, client: None, owner: Any) -> Callable[P, Listing[Answer, Item]]: ...
    @overload
    def __get__(self, client: Driver, owner: Any) -> Callable[P, Pager[Answer, Item]]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: Any) -> Callable[P, AsyncPager[Answer, Item]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        return self.builder if client is None else self._bound(client._list)


class stream(_Method[P, "Stream[Answer, Item]"], Generic[P, Answer, Item]):
    """Iterate over the result; a broken stream is taken up again."""

    @overload
    def __get__(self, client: None, owner: Any) -> Callable[P, Stream[Answer, Item]]: ...
    @overload
    def __get__(self, client: Driver, owner: Any) -> Callable[P, Iterator[Item]]: ...
    @overload
    def __get__(self, client: AsyncDriver, owner: Any) -> Callable[P, AsyncIterator[Item]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        return self.builder if client is None else self._bound(client._follow)
