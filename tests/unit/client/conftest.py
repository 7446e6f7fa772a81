"""A fake server, and both clients behind one face, so that each test holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sendout.client import AsyncClient, Client, RetryPolicy
from sendout.v1.contact_point_pb2 import ContactPoint
from sendout.v1.contact_point_service_pb2 import ListContactPointsResponse
from tests.unit.client.fake_server import FakeServer

QUICK = RetryPolicy(first_wait=0.002, longest_wait=0.01)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server with one contact point that the caller may use."""
    fake = FakeServer()
    point = ContactPoint(contact_point_id="main", label="Main line")
    fake.on("ListContactPoints", ListContactPointsResponse(contact_points=[point]))
    yield fake
    fake.stop()


class Either:
    """The blocking client in a thread, or the asyncio client: the same methods, awaited."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self.client = client

    async def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        method = getattr(self.client, name)
        if isinstance(self.client, AsyncClient):
            return await method(*args, **kwargs)
        return await asyncio.to_thread(method, *args, **kwargs)

    async def items(self, name: str, *args: Any, into: list[Any] | None = None, most: int = 100, **kwargs: Any) -> Any:
        """Everything a listing or a stream gives, up to `most`; `into` has it where the end is an error."""
        found: list[Any] = [] if into is None else into
        result = getattr(self.client, name)(*args, **kwargs)
        if isinstance(self.client, AsyncClient):
            iterator = aiter(result)
            while len(found) < most:
                try:
                    found.append(await anext(iterator))
                except StopAsyncIteration:
                    break
            await iterator.aclose()
        else:
            await asyncio.to_thread(self._collect, result, found, most)
        return found

    @staticmethod
    def _collect(result: Any, found: list[Any], most: int) -> None:
        iterator = iter(result)
        while len(found) < most:
            try:
                found.append(next(iterator))
            except StopIteration:
                return
        iterator.close()

    async def close(self) -> None:
        if isinstance(self.client, AsyncClient):
            await self.client.close()
        else:
            self.client.close()


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
async def either(request: pytest.FixtureRequest, server: FakeServer) -> AsyncIterator[Either]:
    """A client of `server`, of either kind."""
    made = Either(request.param(server.target, api_key="so_key", retry=QUICK, timeout=10))
    yield made
    await made.close()
