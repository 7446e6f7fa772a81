"""A receiver of webhooks on loopback that a test lets answer as it likes, and deliveries to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sendout.domain.clock import SystemClock
from sendout.domain.cursors import ResumeTokens
from sendout.domain.permissions import Caller, Permission
from sendout.domain.signatures import webhook_signed
from sendout.server.commands.event_feed import EventFeed
from sendout.server.commands.stream_events import StreamEvents, StreamLimits
from sendout.server.commands.webhook_subscriptions import Wanted, WebhookSubscriptions
from sendout.server.rpc.delivery_events import event_json, sample_event_json
from sendout.server.webhook_calls import WebhookCalls
from sendout.server.webhook_delivery import ENDLESS_S, WebhookDelivery, WebhookTimes
from sendout.storage.engine import Database
from tests.integration.event_writing import SECRET

ADMIN = Caller("admin", "key", "Admin", frozenset({"everyone"}), frozenset({Permission.ADMINISTER}))
ROOT = b"w" * 32
QUICK = WebhookTimes(look=0.02, lease=0.5, first_retry=0.02, longest_retry=0.05)


@dataclass(frozen=True)
class Call:
    """One call as it came."""

    path: str
    id: str
    timestamp: str
    signature: str
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The body, read as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def signed_with(self, *secrets: str) -> bool:
        """Whether it bears the signature of one of these secrets, and not an old one."""
        now = SystemClock().now_us() // 1_000_000
        return webhook_signed(secrets, self.id, self.timestamp, self.signature, self.body, now)


class Receiver:
    """Answers with the next of `answers`, and with 204 where there is none left; None: never within its patience."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[int | None] = []
        self.headers: dict[str, str] = {}
        self.endless = False  # whether answers never end
        self.port = 0
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def until(self, count: int, seconds: float = 10.0) -> list[Call]:
        """The calls, once there are so many."""
        async with asyncio.timeout(seconds):
            while len(self.calls) < count:
                self._news.clear()
                await self._news.wait()
        return self.calls

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers, body = request.headers, await request.read()
        signed = [headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")]
        self.calls.append(Call(request.path, *signed, body))
        self._news.set()
        status = self.answers.pop(0) if self.answers else 204
        if status is None:
            await asyncio.sleep(60)
        if self.endless:
            await _answer_without_end(request)
        return web.Response(status=status or 500, headers=self.headers)


async def _answer_without_end(request: web.Request) -> None:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


@asynccontextmanager
async def receiver(port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver on a socket."""
    made = Receiver()
    application = web.Application()
    application.router.add_post("/{any:.*}", made.handle)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()


def calls(**settings: Any) -> WebhookCalls:
    """Calls that may reach loopback."""
    return WebhookCalls(ROOT, SystemClock(), **{"allow_loopback": True, "answer_s": 5.0} | settings)


@asynccontextmanager
async def delivering(
    database: Database, times: WebhookTimes = QUICK, **settings: Any
) -> AsyncIterator[WebhookDelivery]:
    """The deliveries of one process, running."""
    feed = EventFeed(database, poll_s=0.02)
    limits = StreamLimits(write=ENDLESS_S, heartbeat=0.1, poll=0.02)
    stream = StreamEvents(database, SystemClock(), ResumeTokens(SECRET), feed, limits)
    made = WebhookDelivery(database, SystemClock(), stream, calls(**settings), event_json, times)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await feed.close()


@asynccontextmanager
async def commands(database: Database) -> AsyncIterator[WebhookSubscriptions]:
    """The use cases."""
    made = calls()
    yield WebhookSubscriptions(database, SystemClock(), made, sample_event_json)
    await made.close()


async def subscribe(database: Database, url: str, **filters: Any) -> tuple[str, str]:
    """(id, secret) of a new subscription."""
    async with commands(database) as made:
        seen, secret = await made.create(ADMIN, Wanted(url, **filters))
    return str(seen.subscription.id), secret


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Ask until it holds, for what tells nobody that it happened."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
