"""A provider's calls by way of a real gateway and a real server: what is verified, stored and answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import grpc.aio
import pytest
from sqlalchemy import select

from sendout.domain.clock import SystemClock
from sendout.domain.signatures import twilio_signature
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

TOKEN, PUBLIC = "test-token-not-a-secret", "https://gw.example.test"
DELIVERED = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+14155550123"}
REPLY = {"MessageSid": "SM2", "From": "+14155550123", "To": "+14155550100", "Body": "Grüße & mehr"}


@asynccontextmanager
async def site(database: Database) -> AsyncIterator[Web]:
    """A gateway before a server with one Twilio account that is never started."""
    telemetry = setup("test-server", load_settings())
    authenticate = Authenticate(database, SystemClock())
    measures, rings = Measures(telemetry, "server"), Rings(connect("redis://127.0.0.1:1"))  # nothing is sent
    replies = Replies(database, SystemClock(), rings, b"n" * 32, measures)
    intake = StoredIntake(
        database, SystemClock(), telemetry, measures, Matching(b"n" * 32, frozenset(), 900.0), replies
    )
    settings = {"account_sid": "AC1", "auth_token": TOKEN, "public_url": PUBLIC}
    carrier = TwilioCarrier(CarrierContext("twilio", settings, SystemClock(), intake))
    server = grpc.aio.server(interceptors=[TracingInterceptor(telemetry), GateInterceptor(authenticate)])
    service = webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"]
    add_service(server, service, WebhookServicer(HandleWebhook({"twilio": carrier})))
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


async def test_what_is_signed_is_stored_once(database: Database) -> None:
    """Receipts and replies come through without credentials of ours; a call that is repeated is stored once."""
    async with site(database) as gateway:
        for _ in range(2):
            assert (await tell(gateway, "/webhooks/twilio/status?message=a%2Bb", DELIVERED)).status == 204
            answer = await tell(gateway, "/webhooks/twilio/inbound", REPLY)
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
            assert answer.content.endswith(b"<Response/>")
    assert await kept(database) == [("SM1", "delivered"), ("+14155550123", "Grüße & mehr")]


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


async def test_a_long_body_is_refused(database: Database) -> None:
    """More than 64 KiB are answered 413, and another verb than POST is not taken."""
    async with site(database) as gateway:
        assert (await tell(gateway, "/webhooks/twilio/inbound", REPLY | {"Body": "x" * 65_536})).status == 413
        assert (await gateway.call("GET", "/webhooks/twilio/inbound")).status == 405
    assert await kept(database) == []


async def test_without_a_server_it_is_to_be_told_again() -> None:
    """A gateway whose server is away answers 503."""
    async with web("127.0.0.1:1") as gateway:
        assert (await tell(gateway, "/webhooks/twilio/status", DELIVERED)).status == 503
