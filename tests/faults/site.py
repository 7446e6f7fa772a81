"""The stores of one fault test, a fleet on them, clients that never give up, and what SQL says in the end."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from sqlalchemy import func, select

from sendout.domain.clock import SystemClock
from sendout.domain.errors import SendoutError
from sendout.domain.states import State
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.drafting import Drafts
from sendout.server.commands.headers import Header, NewRecipient
from sendout.server.commands.send_notification import SendNotification
from sendout.storage.engine import Database
from sendout.storage.handsets import Submit, read_submits
from sendout.storage.ring import Rings, connect
from sendout.storage.tables import event, message, notification, progress, worker
from sendout.v1 import notification_service_pb2 as service_pb2
from sendout.v1 import notification_service_pb2_grpc, recipient_pb2
from tests.faults.checker import History, Row, Verdict, judge
from tests.faults.fleet import Fleet, Zygote
from tests.integration.pipeline import CALLER, NUMBER_SECRET, add_contact_point, add_principal, plain_numbers

NUMBERS = plain_numbers(20_000)
WAITING = (State.HELD, State.QUEUED, State.SENDING)
SECRET = "for-the-fault-tests-only-0123456789"


@dataclass
class Site:
    """Handles to the stores and the fleet; `accepted` is what clients were told is kept."""

    database: Database
    fleet: Fleet
    send: SendNotification
    api_key: str
    accepted: dict[str, list[str]] = field(default_factory=dict)
    stop_load: bool = False
    sent: int = 0  # submits when last waited for

    async def accept(self, count: int, text: str = "Hello", start: int = 0, **header: Any) -> str:
        """Accept a notification without a server."""
        numbers = NUMBERS[start : start + count]
        fields: dict[str, Any] = {"contact_point_id": "main", "max_segments": 10} | header
        kept = await self.send(CALLER, Header(text=text, **fields), [NewRecipient(number) for number in numbers])
        identifier = str(kept.notification["id"])
        self.accepted[identifier] = numbers
        return identifier

    async def submits(self) -> list[Submit]:
        """The far side's log."""
        while True:
            try:
                async with self.database.read() as connection:
                    return await read_submits(connection)
            except SendoutError:  # PostgreSQL was restarted
                await asyncio.sleep(0.05)

    async def until_sent(self, count: int, seconds: float = 60.0) -> None:
        """Wait until the far side has seen so many submits."""
        deadline = time.monotonic() + seconds
        while (seen := len(await self.submits())) < count:
            assert time.monotonic() < deadline, f"only {seen} of {count} have left: {await self.states()}"
            await asyncio.sleep(0.05)
        self.sent = seen

    async def states(self) -> Counter[State]:
        """Messages by state."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(message.c.state, func.count()).group_by(message.c.state))
            return Counter({State(state): count for state, count in rows})

    async def waiting(self) -> int:
        """Messages that have not left, by the counts of their notifications."""
        columns = [progress.c[state.name.lower()] for state in WAITING]
        async with self.database.read() as connection:
            return int(
                (
                    await connection.execute(select(func.coalesce(func.sum(sum(columns[1:], columns[0])), 0)))
                ).scalar_one()
            )

    async def until_settled(self, seconds: float = 60.0) -> None:
        """Wait until nothing is queued, under way or without its receipt."""
        deadline = time.monotonic() + seconds
        open_states = {*WAITING, State.SENT}
        while open_states & (seen := await self.states()).keys():
            assert time.monotonic() < deadline, f"still { {s.name: n for s, n in seen.items()} }"
            await asyncio.sleep(0.1)

    async def verdict(self, submits: Sequence[Submit] | None = None) -> Verdict:
        """Judge everything that happened here; `submits` where the far side is not the simulator."""
        async with self.database.read() as connection:
            unsure = await connection.execute(
                select(event.c.notification_id, event.c.first, event.c.last).where(
                    event.c.state == int(State.UNCONFIRMED)
                )
            )
            doubted = {(i, index) for i, first, last in unsure for index in range(first, last + 1)}
            rows = await connection.execute(
                select(
                    message.c.notification_id,
                    message.c.index,
                    message.c.number,
                    message.c.state,
                    message.c.reason,
                    message.c.owner,
                )
            )
            found = [
                Row(str(i), index, number, State(state), reason, owner, (i, index) in doubted)
                for i, index, number, state, reason, owner in rows
            ]
            identifiers = [str(i) for i in (await connection.execute(select(notification.c.id))).scalars()]
            submits = await read_submits(connection) if submits is None else submits
        return judge(History(self.accepted, identifiers, found, submits))

    async def count_differences(self) -> int:
        """Notifications whose counts differ from their rows, plus holes in the event positions: always 0."""
        async with self.database.read() as connection:
            counted = (await connection.execute(select(progress))).mappings().all()
            rows = await connection.execute(
                select(message.c.notification_id, message.c.state, func.count()).group_by(
                    message.c.notification_id, message.c.state
                )
            )
            real: dict[tuple[uuid.UUID, str], int] = {(i, State(s).name.lower()): n for i, s, n in rows}
            last, events = (await connection.execute(select(func.max(event.c.position), func.count()))).one()
        wrong = sum(
            any(row[s.name.lower()] != real.get((row["notification_id"], s.name.lower()), 0) for s in State)
            for row in counted
        )
        return int(wrong + (last or 0) - events)

    async def recovered(self, pid: int) -> bool:
        """Whether somebody has taken care of what this process left."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(worker.c.recovered).where(worker.c.name.like(f"%:{pid}")))
            return all(rows.scalars())


@asynccontextmanager
async def site(zygote: Zygote, database_url: str, redis_url: str, rate: float, **carrier: Any) -> AsyncIterator[Site]:
    """A site with the contact point `main` at `rate` segments a second, and an API key. `carrier` is settings of the
    simulator, or of another `type`."""
    database = Database(database_url)
    if "type" not in carrier:
        carrier = {"type": "simulator", "delivery_delay_s": 0.2} | carrier
    with tempfile.TemporaryDirectory(prefix="sof") as folder:
        environment = {
            "SENDOUT_DATABASE_URL": database_url,
            "SENDOUT_REDIS_URL": redis_url,
            "SENDOUT_SECRET_KEY": SECRET,
            "SENDOUT_DATA_DIR": folder,
            "SENDOUT_CARRIERS": json.dumps({carrier["type"]: carrier}),
        }
        fleet = Fleet(zygote, environment, Path(folder))
        rings = Rings(connect(redis_url))
        await add_principal(database)
        await add_contact_point(database, segments_per_second=rate, carrier=carrier["type"])
        _, key = await ApiKeys(database, SystemClock(), lambda: None).create(CALLER, "Load")
        try:
            send = _send_command(database, rings)
            yield Site(database, fleet, send, key)
        finally:
            await fleet.close()
            await rings.close()
            await database.close()


class Clients:
    """Callers that repeat a call under the same request id, at any server, until one answers; and sometimes after."""

    def __init__(self, of: Site, addresses: Sequence[str]) -> None:
        self._site = of
        self._addresses = addresses
        self.repeated = 0  # calls that had no answer and were repeated
        self.replayed = 0  # answers that named a notification kept earlier
        self.slowest = 0.0  # seconds from the first call to the answer

    async def __aenter__(self) -> Clients:
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        options.append(("grpc.min_reconnect_backoff_ms", 50))
        self._channels = [grpc.aio.insecure_channel(address, options) for address in self._addresses]
        self._stubs = [notification_service_pb2_grpc.NotificationServiceStub(channel) for channel in self._channels]
        self.credentials = (("authorization", f"Bearer {self._site.api_key}"),)
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels:
            await channel.close()

    @property
    def stub(self) -> Any:
        """Any server."""
        return random.choice(self._stubs)

    async def send(self, numbers: Sequence[str], text: str = "Hello", seconds: float = 40.0) -> str:
        """Send until an answer comes; one answer in ten is asked for again and must be the same."""
        request = service_pb2.SendNotificationRequest(
            contact_point_id="main",
            text=text,
            max_segments=10,
            request_id=str(uuid.uuid4()),
            recipients=[recipient_pb2.Recipient(phone_number=number) for number in numbers],
        )
        began = time.monotonic()
        answer = await self._until_answered(request, began + seconds)
        self.slowest = max(self.slowest, time.monotonic() - began)
        identifier = str(answer.notification.notification_id)
        self._site.accepted[identifier] = list(numbers)
        if random.random() < 0.1:
            again = await self._until_answered(request, time.monotonic() + seconds)
            assert str(again.notification.notification_id) == identifier, "one request id, two notifications"
            assert again.replayed
        return identifier

    async def _until_answered(self, request: Any, deadline: float) -> Any:
        while True:
            try:
                answer = await self.stub.SendNotification(request, timeout=5.0, metadata=self.credentials)
                self.replayed += answer.replayed
                return answer
            except grpc.aio.AioRpcError as error:
                if error.code() not in _TRY_AGAIN or time.monotonic() > deadline:
                    raise
                self.repeated += 1
                await asyncio.sleep(0.05)


_TRY_AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


def _send_command(database: Database, rings: Rings) -> SendNotification:
    clock = SystemClock()
    return SendNotification(
        Drafts(database, clock, NUMBER_SECRET, frozenset({"simulator"}), {}), database, clock, rings
    )
