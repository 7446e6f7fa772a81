"""What every answer has, also where a room of the gateway fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sendout.gateway.protection import Protection

WORDS = "+14155550101 in /somewhere"


async def ask(app: ASGIApp, secure: bool = False, **scope: Any) -> list[Any]:
    """The ASGI messages with which an application answers."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "query_string": b"", "headers": []}
    await Protection(app, secure=secure)(given | scope, receive, send)
    return sent


def headers_of(sent: list[Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError(WORDS)


async def failing_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await failing(scope, receive, send)


async def test_a_room_that_fails_says_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    """An exception becomes 500 with an id that stands in the log; its words stand nowhere."""
    sent = await ask(failing)
    assert sent[0]["status"] == 500
    error = json.loads(sent[1]["body"])["error"]
    identifier = error["details"][0]["metadata"]["error_id"]
    assert identifier in caplog.text
    for said in (sent[1]["body"].decode(), caplog.text):
        assert WORDS not in said
    assert headers_of(sent)["x-content-type-options"] == "nosniff"


async def test_a_room_that_fails_late_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    """Once an answer has begun nothing can be added to it: it ends there, and the log has the id."""
    sent = await ask(failing_late)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert "RuntimeError" in caplog.text


async def test_a_rooms_own_headers_win() -> None:
    """A page may have a policy of its own; what it does not say is said for it."""
    sent = await ask(PlainTextResponse("x", headers={"content-security-policy": "default-src 'self'"}))
    assert headers_of(sent)["content-security-policy"] == "default-src 'self'"
    assert headers_of(sent)["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in headers_of(sent)


@pytest.mark.parametrize(
    ("scheme", "path", "status"), [("http", "/", 403), ("https", "/", 200), ("http", "/readyz", 200)]
)
async def test_https_only(scheme: str, path: str, status: int) -> None:
    """A gateway off this machine answers https alone, but for probes, and says so to browsers."""
    sent = await ask(PlainTextResponse("x"), secure=True, scheme=scheme, path=path)
    assert sent[0]["status"] == status
    assert "strict-transport-security" in headers_of(sent)
