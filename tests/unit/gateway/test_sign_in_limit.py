"""How often one address may fail to sign in."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sendout.gateway.attempts import AT_ONCE, EVERY_S, SignInLimit
from tests.conftest import FakeClock


class Door:
    """An application that lets in who says so, behind the limit."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.limit = SignInLimit(self._answer, self.clock.monotonic)
        self.body = b""

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = int(Request(scope).headers["x-status"])
        await Response("", status)(scope, receive, send)

    async def knock(self, address: str = "192.0.2.1", *, status: int = 401, path: str = "/sign-in") -> int:
        """The status of one attempt that the server would answer with `status`."""
        answered: list[Any] = []

        async def send(message: Any) -> None:
            answered.append(message)

        async def receive() -> Any:
            return {"type": "http.request"}

        headers = [(b"x-status", str(status).encode())]
        scope = {"type": "http", "method": "POST", "path": path, "client": (address, 1), "headers": headers}
        await self.limit(scope, receive, send)
        self.body = answered[1]["body"]
        return int(answered[0]["status"])


async def test_who_fails_too_often_waits() -> None:
    """After so many failures the next is refused with when to try again; others go on; later there is one more."""
    door = Door()
    assert {await door.knock() for _ in range(AT_ONCE)} == {401}
    assert await door.knock() == 429
    details = json.loads(door.body)["error"]["details"]
    assert details[0]["reason"] == "REQUEST_RATE_EXCEEDED"
    assert details[1]["retryDelay"] == f"{EVERY_S:.0f}s"
    assert await door.knock(path="/v1/sessions") == 429
    assert await door.knock("192.0.2.2") == 401
    door.clock.advance(EVERY_S)
    assert await door.knock() == 401
    assert await door.knock() == 429


async def test_getting_in_does_not_count() -> None:
    """Any number of people may sign in from one address."""
    door = Door()
    assert {await door.knock(status=200) for _ in range(5 * AT_ONCE)} == {200}


async def test_other_requests_are_not_counted() -> None:
    """Only attempts to sign in are."""
    door = Door()
    assert {await door.knock(path="/v1/notifications") for _ in range(2 * AT_ONCE)} == {401}
