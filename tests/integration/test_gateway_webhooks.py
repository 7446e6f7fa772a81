"""A provider's calls by way of a real gateway and a real server: what is verified, stored and answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import grpc.aio
import pytest
from sqlalchemy import select
from yarl import URL

from sendout.domain.clock import SystemClock
from sendout.domain.signatures import twilio_signature
from sendout.gateway import webhooks
from sendout.server.carriers.base import CarrierContext
from sendout.server.carriers.twilio import TwilioCarrier
from sendout.server.commands.authenticate import Authenticate
from sendout.server.commands.webhooks import HandleWebhook
from sendout.server.config import load_settings
from sendout.server.dispatch.intake import Matching, StoredIntake
from sendout.server.dispatch.measures import Measures
from sendout.server.dispatch.replies import Replies
from sendout.server.rpc.interceptors import GateInterceptor
from sendout.server.rpc.unimplemented import add_service
from sendout.server.rpc.webhooks import WebhookServicer
from sendout.server.telemetry import TracingInterceptor, setup
from sendout.storage.engine import Database
from sendout.storage.ring import Rings, connect
from sendout.storage.tables import inbound, receipt
from sendout.v1 import webhook_service_pb2
from tests.integration.gateway_site import Answer, Web, web

TOKEN, OTHER, PUBLIC = "test-token-not-a-secret", "that-of-another-account", "https://gw.example.test"
DELIVERED = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+14155550123"}
REPLY = {"MessageSid": "SM2", "From": "+14155550123", "To": "+14155550100", "Body": "Grüße & mehr"}


@asynccontextmanager
async def site(database: Database) -> AsyncIterator[Web]:
    """A gateway before a server with two Twilio accounts that are never started."""
    telemetry = setup("test-server", load_settings())
    authenticate = Authenticate(database, SystemClock())
    measures, rings = Measures(telemetry, "server"), Rings(connect("redis://127.0.0.1:1"))  # nothing is sent
    replies = Replies(database, SystemClock(), rings, b"n" * 32, measures)
    intake = StoredIntake(
        database, SystemClock(), telemetry, measures, Matching(b"n" * 32, frozenset(), 900.0), replies
    )
    carriers = {
        name: TwilioCarrier(
            CarrierContext(
                name, {"account_sid": "AC1", "auth_token": token, "public_url": PUBLIC}, SystemClock(), intake
            )
        )
        for name, token in (("twilio", TOKEN), ("twilio-2", OTHER))
    }
    server = grpc.aio.server(interceptors=[TracingInterceptor(telemetry), GateInterceptor(authenticate)])
    service = webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"]
    add_service(server, service, WebhookServicer(HandleWebhook(carriers)))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with web(f"127.0.0.1:{port}") as made:
            yield made
    finally:
        await server.stop(None)
        await authenticate.close()
        await asyncio.to_thread(telemetry.shutdown, 1.0)


async def tell(gateway: Web, path: str, fields: dict[str, str], token: str = TOKEN) -> Answer:
    """A signed call; `path` is signed as under the public address."""
    signature = twilio_signature(token, PUBLIC + path, fields.items())
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return await gateway.call("POST", path, data=urlencode(fields), headers=headers)


async def kept(database: Database) -> list[tuple[str, str]]:
    """Receipts by reference and code, then replies by number and text."""
    async with database.read() as connection:
        receipts = await connection.execute(select(receipt.c.ref, receipt.c.code))
        replies = await connection.execute(select(inbound.c.number, inbound.c.text))
        return [tuple(row) for row in (*receipts, *replies)]


@pytest.mark.security("webhooks in", "replay")
async def test_what_is_signed_is_stored_once(database: Database) -> None:
    """Receipts and replies come through without credentials of ours; a call that is repeated is stored once."""
    async with site(database) as gateway:
        for _ in range(2):
            assert (await tell(gateway, "/webhooks/twilio/status?message=a%2Bb", DELIVERED)).status == 204
            answer = await tell(gateway, "/webhooks/twilio/inbound", REPLY)
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
            assert answer.content.endswith(b"<Response/>")
    assert await kept(database) == [("SM1", "delivered"), ("+14155550123", "Grüße & mehr")]


FORGED: dict[str, dict[str, Any]] = {
    "no signature": {"signature": None},
    "an empty signature": {"signature": ""},
    "another token": {"token": "another"},
    "half of the signature": {"cut": 14},
}
ALTERED: dict[str, dict[str, Any]] = {
    "a field changed": {"body": urlencode(DELIVERED | {"MessageStatus": "failed"})},
    "a field added": {"body": urlencode(DELIVERED | {"ErrorCode": "30003"})},
    "a field twice": {"body": urlencode(DELIVERED) + "&MessageStatus=failed"},
    "a field missing": {"body": urlencode({name: DELIVERED[name] for name in ("MessageSid", "MessageStatus")})},
    "another message": {"path": "/webhooks/twilio/status?message=b"},
    "a query added": {"path": "/webhooks/twilio/status?message=a&more=1"},
    "no query": {"path": "/webhooks/twilio/status"},
    "another webhook": {"path": "/webhooks/twilio/inbound?message=a"},
    "an encoded path": {"path": "/webhooks/twilio/%73tatus%3fmessage=a"},
}
ASTRAY: dict[str, dict[str, Any]] = {
    "to another account": {"path": "/webhooks/twilio-2/status?message=a"},
    "from another account": {"token": OTHER},
    "to nobody": {"path": "/webhooks/nobody/status?message=a"},
}


@pytest.mark.parametrize(
    "forged",
    [
        *(
            pytest.param(one, marks=pytest.mark.security("webhooks in", "no/wrong signature"))
            for one in FORGED.values()
        ),
        *(
            pytest.param(one, marks=pytest.mark.security("webhooks in", "altered body or URL"))
            for one in ALTERED.values()
        ),
        *(pytest.param(one, marks=pytest.mark.security("webhooks in", "wrong carrier")) for one in ASTRAY.values()),
    ],
    ids=[*FORGED, *ALTERED, *ASTRAY],
)
async def test_what_is_not_signed_as_it_came_is_refused(database: Database, forged: dict[str, Any]) -> None:
    """A call without the signature of its own account, address and content is refused and stores nothing; the same
    call as it was signed is stored."""
    path = "/webhooks/twilio/status?message=a"
    async with site(database) as gateway:
        signature = twilio_signature(forged.get("token", TOKEN), PUBLIC + path, DELIVERED.items())[: forged.get("cut")]
        given = forged.get("signature", signature)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers |= {} if given is None else {"X-Twilio-Signature": given}
        content = forged.get("body", urlencode(DELIVERED))
        answer = await gateway.call("POST", forged.get("path", path), data=content, headers=headers)
        assert answer.status in (403, 404)
        assert await kept(database) == []
        assert (await tell(gateway, path, DELIVERED)).status == 204
    assert await kept(database) == [("SM1", "delivered")]


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/webhooks/twilio/status", "another", 403),
        ("/webhooks/nobody/status", TOKEN, 404),
        ("/webhooks/twilio/voice", TOKEN, 404),
    ],
)
async def test_what_is_not_for_us_is_refused(database: Database, path: str, token: str, status: int) -> None:
    """A wrong signature, an unknown carrier or webhook is refused by its status, and nothing is stored."""
    async with site(database) as gateway:
        assert (await tell(gateway, path, DELIVERED, token)).status == status
    assert await kept(database) == []


@pytest.mark.security("webhooks in", "oversize")
async def test_a_long_body_is_refused(database: Database) -> None:
    """More than 64 KiB are answered 413, declared or not, and another verb than POST is not taken."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b"x" * 1024

    async with site(database) as gateway:
        assert (await tell(gateway, "/webhooks/twilio/inbound", REPLY | {"Body": "x" * 65_536})).status == 413
        assert (await gateway.call("POST", "/webhooks/twilio/inbound", data=pieces())).status == 413
        assert (await gateway.call("GET", "/webhooks/twilio/inbound")).status == 405
    assert await kept(database) == []


@pytest.mark.security("webhooks in", "slow body")
@pytest.mark.parametrize("pause", [0.13, 60.0], ids=["drop by drop", "half of it"])
async def test_a_slow_body_is_given_up(database: Database, pause: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is not whole in time is answered 408, its connection is closed and nothing of it is kept, however it
    drips; another call comes through meanwhile."""
    monkeypatch.setattr(webhooks, "_BODY_S", 0.3)
    path, content = "/webhooks/twilio/status", urlencode(DELIVERED)
    signature = twilio_signature(TOKEN, PUBLIC + path, DELIVERED.items())
    async with site(database) as gateway:
        address = URL(gateway.base)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Twilio-Signature: {signature}\r\n"
        writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n{content[:20]}".encode())

        async def drip() -> None:
            for letter in content[20:-1]:
                await asyncio.sleep(pause)
                writer.write(letter.encode())

        dripping = asyncio.create_task(drip())
        answering = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        answering.add_done_callback(lambda _: dripping.cancel())  # a later drop would reset the connection
        assert (await tell(gateway, "/webhooks/twilio/inbound", REPLY)).status == 200
        answer = await asyncio.wait_for(answering, 5)
        with contextlib.suppress(ConnectionResetError):  # which is an end, too
            await asyncio.wait_for(reader.read(), 5)  # to the end of the connection
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
    assert await kept(database) == [(REPLY["From"], REPLY["Body"])]


async def test_without_a_server_it_is_to_be_told_again() -> None:
    """A gateway whose server is away answers 503."""
    async with web("127.0.0.1:1") as gateway:
        assert (await tell(gateway, "/webhooks/twilio/status", DELIVERED)).status == 503
