"""Wake-ups between processes: "there are new events", over Redis pub/sub. Hints only: who waits also looks by itself.

A process tells at most once per round trip, however many transactions it commits, and never waits for Redis.
"""

from __future__ import annotations

import asyncio
import contextlib

import redis.asyncio as redis

from sendout.storage.ring import RedisError

_CHANNEL = "so:events"
_ANSWER_S = 0.25
_AGAIN_S = 1.0


class Wakeups:
    """Tells and hears. Give `tell` to `Database.on_events`; `start` begins to listen; one waiter per process."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._heard = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None
        self._again = False
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen to the other processes."""
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stop listening and close the connections."""
        tasks = [task for task in (self._listening, self._telling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def tell(self) -> None:
        """Say that there are new events: here at once, elsewhere as soon as Redis takes it."""
        self._heard.set()
        self._again = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    def expect(self) -> None:
        """Forget what was heard. Call it before looking; what comes after it ends the next `wait`."""
        self._heard.clear()

    async def wait(self, seconds: float) -> None:
        """Until something was heard since `expect`, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()

    async def _tell(self) -> None:
        while self._again:
            self._again = False
            with contextlib.suppress(*RedisError):
                async with asyncio.timeout(_ANSWER_S):
                    await self._client.publish(_CHANNEL, "")

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(*RedisError):
                async with self._client.pubsub() as channel:
                    await channel.subscribe(_CHANNEL)
                    while True:
                        # The subscription's own message counts, too: something may have been told just before it.
                        if await channel.get_message(timeout=1.0) is not None:
                            self._heard.set()
            await asyncio.sleep(_AGAIN_S)
