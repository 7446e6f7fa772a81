"""A gateway on a socket before a real server with real stores, for tests that call it as the world does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from sendout.domain.clock import SystemClock
from sendout.gateway.serving import Gateway, listening
from sendout.gateway.settings import GatewaySettings
from sendout.gateway.upstream import Upstream
from sendout.server.carriers.registry import capabilities_of
from sendout.server.config import load_settings
from sendout.server.dispatch.intake import Matching, StoredIntake
from sendout.server.dispatch.measures import Measures
from sendout.server.dispatch.replies import Replies
from sendout.server.rpc.server import Parts, RpcServer
from sendout.server.seed import seed
from sendout.server.telemetry import setup
from sendout.storage.engine import Database
from sendout.storage.ring import Rings, connect
from sendout.storage.wakeups import Wakeups


@dataclass
class Answer:
    """A whole answer."""

    status: int
    headers: Any
    content: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.content)

    @property
    def error(self) -> dict[str, Any]:
        """The error in the body, whose code must be the status."""
        error: dict[str, Any] = self.json["error"]
        assert error["code"] == self.status
        return error

    def detail(self, kind: str) -> dict[str, Any]:
        """The detail of a `google.rpc` type; empty where there is none."""
        return next((one for one in self.error["details"] if one["@type"].endswith(f"google.rpc.{kind}")), {})

    @property
    def reason(self) -> str:
        """The reason in ErrorInfo."""
        return str(self.detail("ErrorInfo").get("reason", ""))

    @property
    def fields(self) -> list[str]:
        """The fields at fault."""
        return [one.get("field", "") for one in self.detail("BadRequest").get("fieldViolations", [])]


class Web:
    """Calls a gateway with a key."""

    def __init__(self, base: str, key: str, gateway: Gateway, target: str) -> None:
        self.base = base
        self.key = key
        self.gateway = gateway
        self.target = target
        self.session = aiohttp.ClientSession(base, timeout=aiohttp.ClientTimeout(30))

    async def call(self, verb: str, path: str, *, key: str | None = None, **given: Any) -> Answer:
        """One request; `key=""` sends none."""
        async with self.open(verb, path, key=key, **given) as response:
            return Answer(response.status, response.headers, await response.read())

    def open(self, verb: str, path: str, *, key: str | None = None, **given: Any) -> Any:
        """A request whose answer is read by the caller."""
        chosen = self.key if key is None else key
        headers = {"Authorization": f"Bearer {chosen}"} if chosen else {}
        given["headers"] = headers | given.pop("headers", {})
        return self.session.request(verb, URL(path, encoded=True), **given)


@contextlib.asynccontextmanager
async def web(target: str, key: str = "", **settings: Any) -> AsyncIterator[Web]:
    """A gateway before the server at `target`."""
    chosen = GatewaySettings(**{"listen": "127.0.0.1:0"} | settings)
    upstream = Upstream(target)
    gateway = Gateway(chosen, upstream)
    with listening(chosen) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(gateway.serve(sockets=[listener]))
        while not gateway.started:
            await asyncio.sleep(0.01)
        made = Web(f"http://127.0.0.1:{port}", key, gateway, target)
        try:
            yield made
        finally:
            await made.session.close()
            await gateway.stop()
            await serving
            await upstream.close()


@contextlib.asynccontextmanager
async def server(database: Database, redis_url: str, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """The server as `sendout serve` builds it, on a seeded database: (its address, an administrator's key)."""
    target = f"unix:{folder}/grpc.sock"
    settings = load_settings(listen=target, secret_key="gateway-tests-0123456789abcdefghij")
    telemetry, clock = setup("test-server", settings), SystemClock()
    rings, wakeups = Rings(connect(redis_url)), Wakeups(connect(redis_url))
    seeded = await seed(database, clock, "simulator")
    assert seeded is not None
    simulators = frozenset({"simulator"})
    carriers = capabilities_of({"simulator": ("simulator", {})})
    measures = Measures(telemetry, "server")
    replies = Replies(database, clock, rings, settings.secrets.derive("numbers"), measures)
    matching = Matching(b"n" * 32, frozenset(), 900.0)
    intake = StoredIntake(database, clock, telemetry, measures, matching, replies)
    built = RpcServer(Parts(settings, clock, telemetry, database, rings, wakeups, carriers, simulators, {}, intake))
    await built.start()
    try:
        yield target, seeded.admin_key
    finally:
        await built.stop()
        await wakeups.close()
        await rings.close()
        await asyncio.to_thread(telemetry.shutdown, 1.0)


@contextlib.asynccontextmanager
async def gateway_before_server(database: Database, redis_url: str) -> AsyncIterator[Web]:
    """Both of them; the gateway calls with the administrator's key."""
    with tempfile.TemporaryDirectory(prefix="sog") as folder:  # short: a socket's path must fit in 108 bytes
        async with server(database, redis_url, Path(folder)) as (target, key), web(target, key) as made:
            yield made
