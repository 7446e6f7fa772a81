"""Uploads and server streams over REST, before a real server with real stores."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sendout.storage.engine import Database
from tests.integration.gateway_site import Answer, Web, gateway_before_server

SMS = {"contactPointId": "main", "text": "The bridge is closed.", "recipients": [{"phoneNumber": "+14155550101"}]}
LINES = {"Content-Type": "application/x-ndjson"}
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
async def site(database: Database, valkey_url: str) -> AsyncIterator[Web]:
    async with gateway_before_server(database, valkey_url) as made:
        yield made


def header_line(**fields: Any) -> bytes:
    """The first line of an upload."""
    return json.dumps({"header": {"contactPointId": "main", "text": "Hi"} | fields}).encode() + b"\n"


def chunk_line(*numbers: str) -> bytes:
    """A line with recipients."""
    return json.dumps({"chunk": {"recipients": [{"phoneNumber": number} for number in numbers]}}).encode() + b"\n"


async def notifications(site: Web) -> int:
    """How many there are."""
    return len((await site.call("GET", "/v1/notifications")).json.get("notifications", []))


async def test_upload(site: Web) -> None:
    """A send of many lines is one notification, whatever pieces they come in; its header may take the key."""
    body = header_line() + b"\n" + chunk_line("+14155550101", "+14155550102") + chunk_line("+14155550103")[:-1]

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(body), 7):
            yield body[place : place + 7]

    headers = LINES | {"Idempotency-Key": "bulk"}
    first = await site.call("POST", "/v1/notifications:sendStream", data=pieces(), headers=headers)
    assert (first.status, first.json["acceptedCount"]) == (200, 3), first.content
    again = await site.call("POST", "/v1/notifications:sendStream", data=body, headers=headers)
    assert again.json["replayed"] is True
    other = body.replace(b'"text"', b'"requestId": "x", "text"')
    assert (await site.call("POST", "/v1/notifications:sendStream", data=other, headers=headers)).status == 400
    assert await notifications(site) == 1


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (header_line() + b'{"chunk": {"recipients": [{"number": "1"}]}}\n', 400, "chunk.recipients[0].number"),
        (header_line() + b"{\n", 400, "Line 2"),
        (header_line() + b'{"header": {}, "chunk": {}}', 400, "cannot stand beside"),
        (header_line() + b"x" * (5 << 20), 413, "A line"),
        (chunk_line("+14155550101"), 400, "header"),
        (header_line() + chunk_line("12"), 400, "12"),
    ],
    ids=["field", "json", "oneof", "long", "order", "server"],
)
async def test_uploads_that_are_refused(site: Web, body: bytes, status: int, said: str) -> None:
    """A fault in a line, found here or by the server, is named, and nothing is stored."""
    answer = await site.call("POST", "/v1/notifications:sendStream", data=io.BytesIO(body), headers=LINES)
    assert answer.status == status, answer.content
    assert said in answer.content.decode()
    assert await notifications(site) == 0


async def test_an_upload_that_breaks_off_stores_nothing(site: Web) -> None:
    """I1: a body that does not end is no end of the stream: the call is cancelled."""
    reached = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield header_line() + chunk_line("+14155550101")
        reached.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(
        site.call("POST", "/v1/notifications:sendStream", data=pieces(), headers=LINES)
    )  # fmt: skip
    await reached.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    async with asyncio.timeout(5):
        while site.gateway.server_state.tasks:
            await asyncio.sleep(0.01)
    assert await notifications(site) == 0


class EventReader:
    """Reads server-sent events as a browser does: (id, name, data) each."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.last_id = ""
        self._response = response

    async def block(self) -> tuple[str, str, str]:
        """The next block; data is empty where it is no event."""
        text = (await asyncio.wait_for(self._response.content.readuntil(b"\n\n"), 10)).decode()
        lines = [line.partition(": ") for line in text.splitlines()]
        found = {name: value for name, _, value in lines}
        self.last_id = found.get("id", self.last_id)
        return self.last_id, found.get("event", "message"), found.get("data", "")

    async def events(self, count: int) -> list[tuple[str, str]]:
        """(state, message id) of the next so many delivery events."""
        seen: list[tuple[str, str]] = []
        while len(seen) < count:
            _, name, data = await self.block()
            if data:
                assert name == "message", data
                events = json.loads(data)["events"]
                seen += [
                    (one["newState"].removeprefix("MESSAGE_STATE_"), one["message"]["messageId"]) for one in events
                ]
        return seen


async def sent(site: Web) -> str:
    """Send one message and cancel it; its id."""
    answer = await site.call("POST", "/v1/notifications", json=SMS)
    identifier: str = answer.json["notification"]["notificationId"]
    await site.call("POST", f"/v1/notifications/{identifier}:cancel")
    return f"{identifier}.0"


async def test_events_resume(site: Web) -> None:
    """I5: with Last-Event-ID a stream goes on after the last event, whatever token its address still holds."""
    first = await sent(site)
    path = "/v1/events:stream?resumeToken=EARLIEST"
    async with site.open("GET", path, headers=EVENTS) as response:
        assert response.content_type == "text/event-stream"
        reader = EventReader(response)
        heartbeat = await reader.block()
        assert heartbeat[0]
        assert heartbeat[2] == ""
        assert await reader.events(2) == [("QUEUED", first), ("CANCELED", first)]
    second = await sent(site)
    async with site.open("GET", path, headers=EVENTS | {"Last-Event-ID": reader.last_id}) as response:
        again = EventReader(response)
        assert await again.events(2) == [("QUEUED", second), ("CANCELED", second)]


async def test_events_as_lines(site: Web) -> None:
    """Without the wish for events a stream is a line of JSON for each answer, heartbeats included."""
    message = await sent(site)
    async with site.open("GET", "/v1/events:stream?resume_token=EARLIEST&topicIds=default") as response:
        assert response.content_type == "application/x-ndjson"
        answers = [json.loads(await response.content.readline()) for _ in range(2)]
    assert "events" not in answers[0]
    assert answers[0]["resumeToken"]
    assert {one["message"]["messageId"] for one in answers[1]["events"]} == {message}


async def test_a_revoked_key_ends_a_stream_with_an_error_event(site: Web) -> None:
    """I8: what ends a stream in midstream is its last event, in the form of every error."""
    made = await site.call("POST", "/v1/api-keys", json={"label": "Reader", "roleIds": ["admin"]})
    async with site.open("GET", "/v1/events:stream", headers=EVENTS, key=made.json["secret"]) as response:
        reader = EventReader(response)
        await reader.block()
        await site.call("POST", f"/v1/api-keys/{made.json['apiKey']['apiKeyId']}:revoke")
        name = ""
        while name != "error":
            _, name, data = await reader.block()
        assert Answer(401, {}, data.encode()).reason == "CREDENTIALS_INVALID"
        assert await response.content.read() == b""


async def test_a_gateway_that_stops_hands_out_tokens(site: Web) -> None:
    """5.7: a stopping gateway ends its streams with where to go on and when; lines end with a line."""
    async with (
        site.open("GET", "/v1/events:stream", headers=EVENTS) as events,
        site.open("GET", "/v1/events:stream") as lines,
    ):
        reader = EventReader(events)
        token, _, _ = await reader.block()
        await lines.content.readline()
        site.gateway.streams.stopping.set()
        resume, name, data = await reader.block()
        while name != "error":
            resume, name, data = await reader.block()
        answer = Answer(503, {}, data.encode())
        assert (answer.reason, resume) == ("STREAM_ENDED", answer.detail("ErrorInfo")["metadata"]["resume_token"])
        assert resume
        assert token
        rest = (await lines.content.read()).splitlines()
        assert Answer(503, {}, rest[-1]).reason == "STREAM_ENDED"
