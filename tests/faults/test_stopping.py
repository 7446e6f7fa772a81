"""SIGTERM: a process finishes what it has begun, hands back what it has not, and ends; the others go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sendout.server.dispatch import claiming
from sendout.storage.claims import claim
from sendout.storage.engine import Database
from sendout.v1 import notification_service_pb2 as service_pb2
from sendout.v1 import recipient_pb2
from tests.conftest import Valkey
from tests.faults.fleet import Zygote
from tests.faults.site import NUMBERS, Clients, site
from tests.integration.pipeline import pipeline

LIMIT_S = 45.0


async def test_a_stopped_dispatcher_leaves_nothing_behind(
    zygote: Zygote, postgres_url: str, own_valkey: Valkey
) -> None:
    """SIGTERM of dispatchers under load: each ends with 0 in time, nothing is UNCONFIRMED, others send the rest."""
    async with site(zygote, postgres_url, own_valkey.url, 400, answer_delay_s=0.2) as here:
        await here.accept(2400)
        slowest = 0.0
        for sent in (100, 500, 900, 1300):
            stopped, _ = here.fleet.running or await here.fleet.dispatchers(2)
            await here.until_sent(sent)
            stopped.terminate()
            began = time.monotonic()
            await here.fleet.dispatchers(1)
            assert await asyncio.wait_for(stopped.exited, LIMIT_S) == 0, stopped.log.read_text()
            slowest = max(slowest, time.monotonic() - began)
        await here.until_settled()
        verdict = await here.verdict()
    print(f"\n4 dispatchers stopped under load, slowest {slowest:.1f} s; {verdict}")
    assert not verdict.wrong, verdict
    assert verdict.states == {"DELIVERED": 2400}
    assert verdict.unconfirmed == 0


async def test_a_stopped_server_finishes_the_running_call(
    zygote: Zygote, postgres_url: str, own_valkey: Valkey
) -> None:
    """SIGTERM of a server in the middle of a call: the call is answered and kept, and the server ends with 0."""
    async with site(zygote, postgres_url, own_valkey.url, 400) as here:
        server, address = await here.fleet.server()
        asked = asyncio.Event()

        async def parts() -> AsyncIterator[service_pb2.SendNotificationStreamRequest]:
            header = service_pb2.SendNotificationHeader(contact_point_id="main", text="Hello", request_id="r1")
            yield service_pb2.SendNotificationStreamRequest(header=header)
            await asked.wait()
            chunk = service_pb2.RecipientChunk(
                recipients=[recipient_pb2.Recipient(phone_number=number) for number in NUMBERS[:10]]
            )
            yield service_pb2.SendNotificationStreamRequest(chunk=chunk)

        async with Clients(here, [address]) as clients:
            await clients.send(NUMBERS[:1])
            call = clients.stub.SendNotificationStream(parts(), metadata=clients.credentials)
            await call.wait_for_connection()
            server.terminate()
            await server.until_says('"draining"')
            asked.set()
            answer = await call
        here.accepted[answer.notification.notification_id] = NUMBERS[:10]
        assert await asyncio.wait_for(server.exited, LIMIT_S) == 0, server.log.read_text()
        assert answer.accepted_count == 10
        found = await here.verdict()
    assert (found.lost, found.extra) == ([], [])


async def test_a_claim_cut_off_by_the_stop_is_not_stranded(
    postgres_url: str, own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1: a dispatcher stopped between the commit of a claim and the moment it knows of it leaves messages SENDING;
    the next dispatcher takes care of them."""
    database = Database(postgres_url)
    claimed, write = asyncio.Event(), Database.write

    async def claim_and_tell(*arguments: Any) -> Any:
        made = await claim(*arguments)
        claimed.set()
        return made

    @asynccontextmanager
    async def slow_to_answer(self: Database) -> AsyncIterator[Any]:
        async with write(self) as connection:
            yield connection
        if claimed.is_set():
            await asyncio.sleep(1)  # committed, but the answer is still on its way

    async with pipeline(database, own_valkey.url) as pipe:
        accepted = await pipe.send(NUMBERS[:20])
        monkeypatch.setattr(claiming, "claim", claim_and_tell)
        monkeypatch.setattr(Database, "write", slow_to_answer)
        async with pipe.dispatcher("stopped"):
            await claimed.wait()
            await asyncio.sleep(0.1)
        monkeypatch.undo()
        assert await pipe.states(accepted.notification["id"]) == {"SENDING": 20}
        async with pipe.dispatcher("next"):
            await pipe.until(accepted.notification["id"], {"DELIVERED": 20})
    await database.close()
