"""What happens between gateway and server, seen from a server that notes what it gets and hangs when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2
from yarl import URL

from sendout.gateway.transcode import incoming
from sendout.gateway.transcode.calls import upload
from sendout.gateway.transcode.contract import bindings
from sendout.gateway.transcode.incoming import Incoming
from sendout.gateway.transcode.refusals import HTTP_STATUS
from sendout.gateway.transcode.streams import Streams
from sendout.gateway.upstream import Upstream
from tests.integration.gateway_probe import Probe, probed
from tests.integration.gateway_site import Web, web

EVENTS = {"Accept": "text/event-stream"}
LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
async def probe() -> Probe:
    return Probe()


@pytest.fixture
async def target(probe: Probe) -> AsyncIterator[str]:
    async with probed(probe) as address:
        yield address


@pytest.fixture
async def site(target: str) -> AsyncIterator[Web]:
    async with web(target, "so_key") as made:
        yield made


async def leave(site: Web, verb: str, path: str, probe: Probe, **given: Any) -> None:
    """Call, and go away once the server has the call."""
    calling = asyncio.create_task(site.call(verb, path, **given))
    await asyncio.wait_for(probe.begun.wait(), 5)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/v1/topics", {}), ("/v1/messages:export", {}), ("/v1/messages:export", EVENTS)],
    ids=["unary", "lines", "events"],
)
async def test_a_client_that_leaves_ends_its_call(site: Web, probe: Probe, path: str, headers: dict[str, str]) -> None:
    """The server's work stops when the client closes its connection, with an answer begun or not."""
    await leave(site, "GET", path, probe, headers=headers)
    await asyncio.wait_for(probe.cancelled.wait(), 5)


async def test_an_upload_is_passed_on_as_it_comes(site: Web, probe: Probe) -> None:
    """A line reaches the server while the body still goes on; a body that breaks off cancels the call."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"header": {"text": "a"}}\n{"chunk"'
        await probe.begun.wait()
        yield b": {}}\n"
        await asyncio.Event().wait()

    await leave(site, "POST", "/v1/notifications:sendStream", probe, data=pieces(), headers=LINES)
    await asyncio.wait_for(probe.cancelled.wait(), 5)
    assert probe.parts[0].header.text == "a"


async def test_an_upload_with_a_bad_line_is_cancelled(site: Web, probe: Probe) -> None:
    """A fault in a line ends the server's call without an end of its stream."""
    body = b'{"header": {}}\n' + b"{}\n" * 3 + b"nonsense\n"
    answer = await site.call("POST", "/v1/notifications:sendStream", data=body, headers=LINES)
    assert (answer.status, "Line 5" in answer.error["message"]) == (400, True)
    await asyncio.wait_for(probe.cancelled.wait(), 5)


async def test_an_early_refusal_keeps_its_status(target: str, probe: Probe) -> None:
    """A server that refuses an upload while lines are on their way is heard: grpc.aio hides some of its answers."""
    probe.refuses = True
    upstream = Upstream(target)
    (binding,) = [one for one in bindings() if one.method.name == "SendNotificationStream"]
    line = b'{"header": {"text": "' + b"x" * 1000 + b'"}}\n'
    scope = {"type": "http", "query_string": b"", "headers": [(b"content-type", b"application/x-ndjson")]}
    found = set()
    for _ in range(500):
        left = iter([line] * 5)

        async def receive() -> Any:
            await asyncio.sleep(0)  # lets the refusal come between two lines
            body = next(left, None)  # noqa: B023
            if body is None:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": body, "more_body": True}

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await upload(upstream, binding, Incoming(scope, receive))
        found.add((caught.value.code(), caught.value.details()))
    await upstream.close()
    assert found == {(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too much.")}


async def test_a_whole_upload(site: Web, probe: Probe) -> None:
    """Every line is one part, in order; the answer comes after the end."""
    body = b'{"header": {"text": "a"}}\n' + b'{"chunk": {}}\n' * 500
    answer = await site.call("POST", "/v1/notifications:sendStream", data=body, headers=LINES)
    assert answer.json == {"acceptedCount": 501}


@pytest.mark.security("limits", "missing deadline")
async def test_what_goes_on_to_the_server(site: Web, probe: Probe) -> None:
    """Credentials and trace go on as they are, and nothing else a client may send; a deadline is always there."""
    trace = f"00-{'5' * 32}-{'6' * 16}-01"
    headers = {"traceparent": trace, "Cookie": "a=b", "X-Forwarded-For": "10.0.0.1", "grpc-x": "1", "baggage": "a=b"}
    answer = await site.call("GET", "/v1/whoami", headers=headers)
    assert answer.json == {"label": "Ä"}
    assert probe.metadata["authorization"] == "Bearer so_key"
    assert probe.metadata["traceparent"] == trace
    assert not {"cookie", "x-forwarded-for", "grpc-x", "baggage"} & probe.metadata.keys()
    assert 25 < (probe.remaining or 0) < 31


@pytest.mark.parametrize(("name", "value"), [("X-Request-Timeout", "2.5"), ("Grpc-Timeout", "2500m")])
async def test_deadlines(site: Web, probe: Probe, name: str, value: str) -> None:
    """The caller's deadline is the call's, in either form, and what does not answer in time is 504."""
    await site.call("GET", "/v1/whoami", headers={name: value})
    assert 1 < (probe.remaining or 0) < 3
    answer = await site.call("GET", "/v1/topics", headers={"X-Request-Timeout": "0.1"})
    assert (answer.status, answer.error["status"]) == (504, "DEADLINE_EXCEEDED")
    assert "not known" in answer.error["message"]


@pytest.mark.parametrize("path", ["/v1/notifications", "/sign-in"])
async def test_a_body_has_to_come_in_time(site: Web, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that comes drop by drop is given up as a whole: 408, and the connection is closed."""
    monkeypatch.setattr(incoming, "_BODY_S", 0.2)
    address = URL(site.base)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: {address.authority}\r\nOrigin: {site.base}\r\n".encode())
    writer.write(b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")

    async def drip() -> None:
        while True:
            writer.write(b"1\r\n{\r\n")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    answer = await asyncio.wait_for(reader.read(), 5)  # to the end of the connection
    dripping.cancel()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"FIELD_INVALID" in answer


@pytest.mark.parametrize("code", HTTP_STATUS)
async def test_every_status_of_the_server(site: Web, probe: Probe, code: grpc.StatusCode) -> None:
    """Each status comes out with its number, the server's sentence and its details."""
    info = error_details_pb2.ErrorInfo(domain="sendout", reason="ANY", metadata={"a": "b"})
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1_200)
    precondition = error_details_pb2.PreconditionFailure(violations=[{"type": "T", "description": "d"}])
    probe.error = (code, "Said so.", (info, retry, precondition))
    answer = await site.call("GET", "/v1/whoami")
    assert answer.status == HTTP_STATUS[code]
    assert (answer.error["status"], answer.error["message"], answer.reason) == (code.name, "Said so.", "ANY")
    assert answer.headers["Retry-After"] == "2"
    assert answer.detail("PreconditionFailure")["violations"] == [{"type": "T", "description": "d"}]
    assert answer.detail("ErrorInfo")["metadata"] == {"a": "b"}


@pytest.mark.parametrize("code", [c for c in HTTP_STATUS if c is not grpc.StatusCode.UNAUTHENTICATED])
async def test_what_is_not_the_servers_own_is_not_repeated(
    site: Web, probe: Probe, code: grpc.StatusCode, caplog: pytest.LogCaptureFixture
) -> None:
    """A status without our details, such as a proxy's or gRPC's own, gets fixed words: its sentence stays inside."""
    odd = AnyMessage(type_url="type.googleapis.com/secret.Thing", value=b"\x01")
    probe.error = (code, "+14155550101 at 10.0.0.1", (odd,))
    answer = await site.call("GET", "/v1/whoami")
    assert answer.status >= 400
    assert b"4155550101" not in answer.content
    assert b"10.0.0.1" not in answer.content
    assert b"secret" not in answer.content
    assert "4155550101" not in caplog.text


async def test_a_server_that_is_away() -> None:
    """Without a server a call is 503 with a time to try again, readiness is no, liveness is yes."""
    async with web("127.0.0.1:1", "so_key") as site:
        answer = await site.call("GET", "/v1/whoami")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert b"127.0.0.1" not in answer.content
        async with site.open("GET", "/v1/events:stream", headers=EVENTS) as response:
            assert response.status == 503
        assert (await site.call("GET", "/readyz")).status == 503
        assert (await site.call("GET", "/healthz")).status == 200


async def test_probes(site: Web) -> None:
    """Readiness is the server's; a gateway that is leaving is not ready and still alive."""
    assert (await site.call("GET", "/readyz", key="")).status == 200
    site.gateway.streams.draining = True
    assert (await site.call("GET", "/readyz", key="")).status == 503
    assert (await site.call("GET", "/healthz", key="")).status == 200


async def test_a_silent_stream_is_kept_open(site: Web, probe: Probe) -> None:
    """A stream that has nothing to say says so now and then, from before its first answer on."""
    probe.quiet = True
    site.gateway.streams.quiet_s = 0.05
    async with site.open("GET", "/v1/messages:export", headers=EVENTS) as response:
        assert await response.content.readuntil(b"\n\n") == b": heartbeat\n\n"
        assert await response.content.readuntil(b"\n\n") == b": heartbeat\n\n"
    async with site.open("GET", "/v1/messages:export") as response:
        assert response.status == 200


async def test_streams_have_a_limit(site: Web, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """One stream too many is 503 with a time to try again; other calls and a freed place go on."""
    monkeypatch.setattr(site.gateway.streams, "_most", 1)
    async with site.open("GET", "/v1/messages:export") as first:
        assert first.status == 200
        refused = await site.call("GET", "/v1/messages:export")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert (await site.call("GET", "/v1/whoami")).status == 200
    async with asyncio.timeout(5):
        while site.gateway.streams.open:
            await asyncio.sleep(0.01)
    async with site.open("GET", "/v1/messages:export") as again:
        assert again.status == 200


def test_the_limit_leaves_room_for_calls() -> None:
    """The server takes 256 calls over one connection: streams leave some of them to others."""
    assert Streams()._most <= 200


async def test_no_foreign_page_may_call(site: Web) -> None:
    """Without a setting there is no CORS answer to anybody."""
    origin = {"Origin": "https://crm.example", "Access-Control-Request-Method": "POST"}
    for verb in ("OPTIONS", "GET"):
        answer = await site.call(verb, "/v1/whoami", headers=origin)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_named_origins_may_call(target: str) -> None:
    """With origins named, those and no others are let in, without cookies."""
    async with web(target, "so_key", cors_origins=("https://crm.example",)) as site:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        allowed = await site.call("OPTIONS", "/v1/topics", headers=asked | {"Origin": "https://crm.example"})
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://crm.example"
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        other = await site.call("OPTIONS", "/v1/topics", headers=asked | {"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in other.headers


async def test_only_https_off_this_machine(target: str) -> None:
    """Behind a named proxy only what came to the proxy over https is answered, but for probes."""
    async with web(target, "so_key", trusted_proxies=("127.0.0.1",)) as site:
        assert (await site.call("GET", "/v1/whoami")).status == 403
        assert (await site.call("GET", "/healthz")).status == 200
        answer = await site.call("GET", "/v1/whoami", headers={"X-Forwarded-Proto": "https"})
        assert answer.status == 200
        assert "max-age" in answer.headers["Strict-Transport-Security"]


@pytest.mark.security("console", "frame denied")
@pytest.mark.parametrize("path", ["/", "/healthz", "/api", "/api/style.css", "/openapi.json", "/v1/whoami", "/v1/no"])
async def test_every_answer_is_protected(site: Web, path: str) -> None:
    """Pages, probes, answers and errors all forbid framing, sniffing and foreign content."""
    answer = await site.call("GET", path)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in answer.headers
