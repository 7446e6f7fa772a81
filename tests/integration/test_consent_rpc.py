"""ConsentService over a real socket, in the server as it is built: S11, broken streams, who is let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import func, select

from sendout.client import AsyncClient, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, consent
from sendout.domain.clock import SystemClock
from sendout.server.carriers.registry import capabilities_of
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.config import load_settings
from sendout.server.dispatch.intake import Matching, StoredIntake
from sendout.server.dispatch.measures import Measures
from sendout.server.dispatch.replies import Replies
from sendout.server.rpc.server import Parts, RpcServer
from sendout.server.telemetry import setup
from sendout.storage.engine import Database
from sendout.storage.ring import Rings, connect
from sendout.storage.tables import consent as consent_table
from sendout.storage.wakeups import Wakeups
from sendout.v1 import consent_pb2, consent_service_pb2, consent_service_pb2_grpc, recipient_pb2
from tests.e2e.running import free_port
from tests.integration.pipeline import CALLER, GOOD, add_contact_point, add_principal, plain_numbers

OUT, IN = consent_pb2.CONSENT_STATE_OPTED_OUT, consent_pb2.CONSENT_STATE_OPTED_IN


class Running:
    """A server, an administrator and an agent of it."""

    def __init__(self, target: str, database: Database, admin_key: str, agent_key: str) -> None:
        self.target, self.database, self.admin_key = target, database, admin_key
        self.admin, self.agent = AsyncClient(target, admin_key), AsyncClient(target, agent_key)

    async def words(self) -> int:
        """How many are on record."""
        async with self.database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(consent_table))).scalar_one())


@pytest.fixture
async def running(database: Database, valkey_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    target = f"127.0.0.1:{free_port()}"
    settings = load_settings(listen=target, secret_key="s" * 32)
    clock, telemetry = SystemClock(), setup("test-server", settings)
    rings, wakeups = Rings(connect(valkey_url)), Wakeups(connect(valkey_url))
    carriers = capabilities_of({name: ("simulator", {}) for name in ("simulator", "spare")})
    measures = Measures(telemetry, "server")
    replies = Replies(database, clock, rings, settings.secrets.derive("numbers"), measures)
    matching = Matching(b"n" * 32, frozenset(), 900.0)
    intake = StoredIntake(database, clock, telemetry, measures, matching, replies)
    server = RpcServer(
        Parts(settings, clock, telemetry, database, rings, wakeups, carriers, frozenset({"simulator"}), {}, intake)
    )
    await add_principal(database)
    await add_contact_point(database)
    keys = ApiKeys(database, clock, lambda: None)
    _, admin_key = await keys.create(CALLER, "Administrator", role_ids=["admin"])
    _, agent_key = await keys.create(CALLER, "Agent")
    await server.start()
    made = Running(target, database, admin_key, agent_key)
    yield made
    await made.admin.close()
    await made.agent.close()
    await server.stop()
    await wakeups.close()
    await rings.close()
    await asyncio.to_thread(telemetry.shutdown)


async def test_who_opted_out_is_left_out(running: Running) -> None:
    """S11: an opted-out recipient is left out of a send and reported; where none is left the send is refused."""
    await running.admin.record_consent(GOOD[0], OUT, contact_point="main", evidence="By telephone")
    sent = await running.agent.send([GOOD[0], GOOD[1]], "Hello", contact_point="main")
    assert sent.accepted_count == 1
    (skipped,) = sent.skipped
    assert (skipped.phone_number, skipped.reason) == (*(GOOD[0], recipient_pb2.RECIPIENT_PROBLEM_REASON_OPTED_OUT),)
    with pytest.raises(FailedPrecondition) as caught:
        await running.agent.send([GOOD[0]], "Hello", contact_point="main")
    assert caught.value.reason == "NO_SENDABLE_RECIPIENTS"
    await running.admin.record_consent(GOOD[0], IN, contact_point="main")
    assert (await running.agent.send([GOOD[0]], "Hello", contact_point="main")).accepted_count == 1


async def test_words_as_they_go_out(running: Running) -> None:
    """A word comes back with everything that is known of it; lists have no numbers, lookups do."""
    said = Timestamp(seconds=1_767_225_600)
    answer = await running.admin.record_consent(
        "(415) 555-0101", OUT, contact_point="main", evidence="Letter", consent_time=said.ToDatetime()
    )
    assert answer.consent == consent_pb2.Consent(
        phone_number="+14155550101",
        scope=consent_pb2.CONSENT_SCOPE_CONTACT_POINT,
        contact_point_id="main",
        state=OUT,
        evidence="Letter",
        consent_time=said,
        source=consent_pb2.CONSENT_SOURCE_RECORDED,
        principal_id=answer.consent.principal_id,
    )
    assert answer.consent.principal_id == (await running.admin.whoami()).principal_id
    looked = await running.agent.get_consent("+14155550101", contact_point="main")
    assert (list(looked.consents), looked.sendable) == ([answer.consent], False)
    (listed,) = (await running.admin.consents().whole()).consents
    assert (listed.phone_number, listed.evidence) == ("", "Letter")


async def test_pages_over_the_wire(running: Running) -> None:
    """Page tokens lead through everything once; one of another query is refused."""
    words = [consent(number, OUT if n % 2 else IN, contact_point="main") for n, number in enumerate(GOOD[:9])]
    assert (await running.admin.import_consents(words)).recorded_count == 9
    pages = [page async for page in running.admin.consents(page_size=4).pages()]
    assert [len(page.consents) for page in pages] == [4, 4, 1]
    assert len((await running.admin.consents(state=OUT, page_size=2).whole()).consents) == 4
    request = consent_service_pb2.ListConsentsRequest(state=OUT, page_token=pages[0].next_page_token)
    with pytest.raises(InvalidArgument) as caught:
        await running.admin.rpc(request)
    assert caught.value.reason == "PAGE_TOKEN_INVALID"


async def test_refusals_name_the_field(running: Running) -> None:
    """What is wrong is named as the caller wrote it, with what was typed."""
    with pytest.raises(InvalidArgument) as caught:
        await running.admin.record_consent("12", OUT, contact_point="main")
    (violation,) = caught.value.violations
    assert (caught.value.reason, violation.field) == ("RECIPIENT_INVALID", "consent.phone_number")
    assert "'12'" in violation.description
    bad = consent_pb2.Consent(phone_number=GOOD[0], state=9, consent_time=Timestamp(seconds=10**12))  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument) as caught:
        await running.admin.rpc(consent_service_pb2.RecordConsentRequest(consent=bad))
    assert [one.field for one in caught.value.violations] == ["consent.state", "consent.scope", "consent.consent_time"]
    assert "'9'" in caught.value.violations[0].description
    with pytest.raises(NotFound) as missing:
        await running.agent.get_consent(GOOD[0], contact_point="main")
    assert missing.value.reason == "CONSENT_NOT_FOUND"


async def test_problem_rows_over_the_wire(running: Running) -> None:
    """A bad row, also one with a time out of range, is reported by its place in the stream with its reason."""
    late = consent(GOOD[2], OUT)
    late.consent_time.seconds = 10**12
    answer = await running.admin.import_consents(
        [consent(GOOD[0], OUT), consent("12", OUT, contact_point="main"), late]
    )
    assert (answer.recorded_count, answer.unchanged_count) == (1, 0)
    short, timeless = answer.problems
    assert (short.index, short.phone_number, short.reason) == (
        *(1, "12", recipient_pb2.RECIPIENT_PROBLEM_REASON_TOO_SHORT),
    )
    assert (timeless.index, timeless.reason) == (2, recipient_pb2.RECIPIENT_PROBLEM_REASON_UNSPECIFIED)
    assert "consent_time" in timeless.description


async def test_agents_record_nothing(running: Running) -> None:
    """Recording, listing and importing need ADMINISTER; looking a number up does not."""
    for call in (
        running.agent.record_consent(GOOD[0], OUT),
        running.agent.consents().whole(),
        running.agent.import_consents([consent(GOOD[0], OUT)]),
    ):
        with pytest.raises(PermissionDenied) as caught:
            await call
        assert caught.value.reason == "ROLE_REQUIRED"
    assert await running.words() == 0
    await running.admin.record_consent(GOOD[0], IN)
    assert (await running.agent.get_consent(GOOD[0])).sendable


async def _broken(running: Running, way: str, part: consent_service_pb2.ImportConsentsRequest) -> None:
    """One import that does not come to its end."""
    async with grpc.aio.insecure_channel(running.target, (("grpc.use_local_subchannel_pool", 1),)) as channel:
        stub: Any = consent_service_pb2_grpc.ConsentServiceStub(channel)
        metadata = (("authorization", f"Bearer {running.admin_key}"),)
        call = stub.ImportConsents(metadata=metadata, timeout=0.3 if way == "deadline" else 30)
        await call.write(part)
        await call.write(part)
        if way == "cancel":
            call.cancel()
        elif way == "disconnect":
            await channel.close()
        await call


@pytest.mark.parametrize("way", ["cancel", "deadline", "disconnect"])
async def test_a_broken_stream_records_nothing(running: Running, way: str) -> None:
    """An import whose client gives up, runs out of time or goes away has recorded nothing, however often."""
    part = consent_service_pb2.ImportConsentsRequest(consents=[consent(number, OUT) for number in plain_numbers(500)])
    for _ in range(5 if way == "deadline" else 25):
        with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError, grpc.aio.UsageError)):
            await _broken(running, way, part)
    # Whatever the server still had in hand is behind a call that it takes later.
    await running.admin.import_consents([consent(plain_numbers(1, 900)[0], OUT)])
    assert await running.words() == 1


@pytest.fixture
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither evidence nor a number has got into a log."""
    caplog.set_level("DEBUG")
    yield
    for number in GOOD[:3]:
        assert number not in caplog.text
    assert "secret evidence" not in caplog.text


@pytest.mark.usefixtures("nothing_logged")
async def test_evidence_stays_out_of_logs(running: Running) -> None:
    """Evidence and numbers reach neither logs nor refusals, whatever comes of the call."""
    await running.admin.record_consent(GOOD[0], OUT, evidence="secret evidence")
    await running.admin.import_consents([consent(GOOD[1], OUT, evidence="secret evidence")])
    with pytest.raises(InvalidArgument) as caught:
        await running.admin.record_consent(GOOD[2], OUT, evidence="secret evidence" * 100)
    assert "secret evidence" not in str(caught.value) + str(caught.value.violations)
