"""What happens between gateway and server, seen from a server that notes what it gets and hangs when told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sendout.gateway.transcode.contract import services
from sendout.gateway.transcode.refusals import HTTP_STATUS
from sendout.gateway.transcode.streams import Streams
from sendout.server.rpc.unimplemented import add_service
from sendout.v1 import history_service_pb2, notification_service_pb2, topic_service_pb2, user_service_pb2
from tests.integration.gateway_site import Web, web

EVENTS = {"Accept": "text/event-stream"}
LINES = {"Content-Type": "application/x-ndjson"}


class Probe:
    """Servicer of all services: answers some calls, hangs in others, and notes what came."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.remaining: float | None = None
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.parts: list[Any] = []
        self.error: tuple[grpc.StatusCode, str, tuple[Any, ...]] | None = None
        self.quiet = False
        self.refuses = False

    async def WhoAmI(self, _request: Any, context: Any) -> Any:
        """Notes who calls; ends with `error` where there is one."""
        self.metadata = dict(context.invocation_metadata())
        self.remaining = context.time_remaining()
        if self.error is not None:
            code, sentence, details = self.error
            status = status_pb2.Status(code=code.value[0], message=sentence)
            for detail in details:
                packed = AnyMessage()
                packed.Pack(detail)
                status.details.append(packed)
            await context.abort(code, sentence, (("grpc-status-details-bin", status.SerializeToString()),))
        return user_service_pb2.WhoAmIResponse(label="Ä")

    async def ListTopics(self, _request: Any, _context: Any) -> Any:
        """Never answers."""
        await self._hang()
        return topic_service_pb2.ListTopicsResponse()

    async def ExportMessages(self, _request: Any, _context: Any) -> AsyncIterator[Any]:
        """One answer, then nothing; or nothing at all."""
        if not self.quiet:
            yield history_service_pb2.ExportMessagesResponse()
        await self._hang()

    async def SendNotificationStream(self, requests: AsyncIterator[Any], _context: Any) -> Any:
        """Notes every part as it comes, or refuses at once."""
        if self.refuses:
            await _context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too much.")
        try:
            async for part in requests:
                self.parts.append(part)
                self.begun.set()
            await asyncio.sleep(0)  # a cancelled stream looks like one that has ended until the next await
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return notification_service_pb2.SendNotificationStreamResponse(accepted_count=len(self.parts))

    async def _hang(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


@pytest.fixture
async def probe() -> Probe:
    return Probe()


@pytest.fixture
async def target(probe: Probe) -> AsyncIterator[str]:
    """The address of a server of the contract whose servicer is the probe."""
    built = grpc.aio.server()
    for service in services():
        add_service(built, service, probe)
    servicer = health.aio.HealthServicer()
    await servicer.set("readiness", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, built)
    port = built.add_insecure_port("127.0.0.1:0")
    await built.start()
    yield f"127.0.0.1:{port}"
    await built.stop(None)


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


async def test_an_early_refusal_keeps_its_status(site: Web, probe: Probe) -> None:
    """A server that refuses an upload while lines are on their way is heard, whichever comes first."""
    probe.refuses = True
    found = set()
    for _ in range(150):
        body = b'{"header": {"text": "' + b"x" * 1000 + b'"}}\n'
        answer = await site.call("POST", "/v1/notifications:sendStream", data=body * 5, headers=LINES)
        found.add((answer.status, answer.error["message"]))
    assert found == {(429, "The request, or its answer, is larger than the server or gateway takes.")}


async def test_a_whole_upload(site: Web, probe: Probe) -> None:
    """Every line is one part, in order; the answer comes after the end."""
    body = b'{"header": {"text": "a"}}\n' + b'{"chunk": {}}\n' * 500
    answer = await site.call("POST", "/v1/notifications:sendStream", data=body, headers=LINES)
    assert answer.json == {"acceptedCount": 501}


async def test_what_goes_on_to_the_server(site: Web, probe: Probe) -> None:
    """Credentials and trace go on as they are, and nothing else a client may send; a deadline is always there."""
    trace = f"00-{'5' * 32}-{'6' * 16}-01"
    headers = {"traceparent": trace, "Cookie": "a=b", "X-Forwarded-For": "10.0.0.1", "grpc-x": "1", "baggage": "a=b"}
    answer = await site.call("GET", "/v1/whoami", headers=headers)
    assert answer.json == {"label": "Ä"}
    assert probe.metadata["authorization"] == "Bearer so_key"
    assert probe.metadata["traceparent"] == trace
    assert not {"cookie", "x-forwarded-for", "grpc-x", "baggage"} & probe.metadata.keys()
    assert 25 < (probe.remaining or 0) <= 30


@pytest.mark.parametrize(("name", "value"), [("X-Request-Timeout", "2.5"), ("Grpc-Timeout", "2500m")])
async def test_deadlines(site: Web, probe: Probe, name: str, value: str) -> None:
    """The caller's deadline is the call's, in either form, and what does not answer in time is 504."""
    await site.call("GET", "/v1/whoami", headers={name: value})
    assert 1 < (probe.remaining or 0) <= 2.5
    answer = await site.call("GET", "/v1/topics", headers={"X-Request-Timeout": "0.1"})
    assert (answer.status, answer.error["status"]) == (504, "DEADLINE_EXCEEDED")
    assert "not known" in answer.error["message"]


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


@pytest.mark.parametrize("path", ["/", "/healthz", "/api", "/api/style.css", "/openapi.json", "/v1/whoami", "/v1/no"])
async def test_every_answer_is_protected(site: Web, path: str) -> None:
    """Pages, probes, answers and errors all forbid framing, sniffing and foreign content."""
    answer = await site.call("GET", path)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in answer.headers


def gateway_process(target: str, port: int) -> subprocess.Popen[str]:
    """`sendout gateway` as a process of its own."""
    environment = os.environ | {"SENDOUT_TARGET": target, "SENDOUT_GATEWAY_LISTEN": f"127.0.0.1:{port}"}
    command = [sys.executable, "-c", "from sendout.cli import main; main()", "gateway"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


async def test_the_process_ends_in_order(target: str, probe: Probe, unused_port: int) -> None:
    """SIGTERM ends streams with an error event and the process with status 0; no log has a query or a key."""
    process = gateway_process(target, unused_port)
    try:
        async with web(target) as site:  # for its session only
            site.base = f"http://127.0.0.1:{unused_port}"
            async with asyncio.timeout(20):
                while not await answers(unused_port):
                    await asyncio.sleep(0.05)
            path = f"{site.base}/v1/messages:export?topicId=canary-query"
            headers = EVENTS | {"Authorization": "Bearer canary-key"}
            async with site.session.request("GET", path, headers=headers) as response:
                await response.content.readuntil(b"\n\n")
                process.send_signal(signal.SIGTERM)
                rest = await asyncio.wait_for(response.content.read(), 10)
        assert json.loads(rest.partition(b"data: ")[2])["error"]["code"] == 503
        output, _ = await asyncio.to_thread(process.communicate, timeout=10)
        assert process.returncode == 0, output
        assert "canary" not in output
        assert "listening" in output
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


async def answers(port: int) -> bool:
    """Whether something listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def test_a_port_in_use_is_a_sentence(target: str) -> None:
    """Where it cannot listen the command says so, without a traceback, with status 1."""
    process = gateway_process(target, int(target.rpartition(":")[2]))
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Cannot listen on" in output
    assert "Traceback" not in output
