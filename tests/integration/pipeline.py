"""The whole pipeline in one process, for tests: accept, ring, dispatcher and simulator over real stores."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert, select

from sendout.domain.clock import SystemClock
from sendout.domain.permissions import Caller, Permission
from sendout.domain.states import State
from sendout.server.carriers.base import Carrier, CarrierContext
from sendout.server.carriers.simulator import SimulatorCarrier
from sendout.server.commands.drafting import Drafts
from sendout.server.commands.headers import Header, NewRecipient
from sendout.server.commands.send_notification import Accepted, SendNotification
from sendout.server.config import load_settings
from sendout.server.config_sections import DispatchSettings
from sendout.server.dispatch.dispatcher import Dispatcher
from sendout.server.dispatch.intake import Matching, StoredIntake
from sendout.server.dispatch.measures import Measures
from sendout.server.dispatch.replies import Replies
from sendout.server.dispatch.work import Work
from sendout.server.telemetry import setup
from sendout.storage import tallies
from sendout.storage.engine import Database
from sendout.storage.handsets import HandsetStore
from sendout.storage.ring import Rings, connect
from sendout.storage.tables import (
    contact_point,
    message,
    principal,
    progress,
    role_grant,
    simulator_message,
)
from sendout.storage.tables.history import COUNTS

NUMBER_SECRET = b"n" * 32
CALLER = Caller("tester", "key", "Tester", frozenset({"everyone"}), frozenset(Permission))


def plain_numbers(count: int, start: int = 0) -> list[str]:
    """So many valid numbers, in order, without the simulator's magic endings."""
    found, n = [], start
    while len(found) < count:
        if not 150 <= n % 1000 < 180:
            found.append(f"+4474{n:08d}")
        n += 1
    return found


GOOD = plain_numbers(100)


async def add_principal(database: Database, principal_id: str = "tester") -> None:
    """A principal without roles of its own."""
    async with database.write() as connection:
        await connection.execute(
            insert(principal).values(id=principal_id, kind="service", label=principal_id, create_time=0)
        )


async def add_contact_point(database: Database, identifier: str = "main", **settings: Any) -> None:
    """A contact point on the simulator that everyone may send from."""
    values = {
        "id": identifier,
        "label": identifier.title(),
        "sender": "+14155550001",
        "carrier": "simulator",
        "default_region": "US",
        "emoji_enabled": True,
        "max_segments": 10,
        "segments_per_second": 10_000.0,
        "burst_segments": 1,
        "daily_segment_cap": 0,
        "cap_time_zone": "UTC",
        "allowed_countries": [],
        "quiet_hours": None,
        "smart_encoding": False,
        "enabled": True,
        "create_time": 0,
        "update_time": 0,
    } | settings
    async with database.write() as connection:
        await connection.execute(insert(contact_point).values(**values))
        await connection.execute(
            insert(role_grant).values(contact_point_id=identifier, permission="send_notifications", role_id="everyone")
        )


@dataclass
class Pipeline:
    """Handles to the parts."""

    database: Database
    rings: Rings
    redis_url: str
    clock: SystemClock
    simulator: dict[str, Any] = field(default_factory=dict)
    settings: DispatchSettings = field(default_factory=DispatchSettings)
    matching: Matching = field(default_factory=lambda: Matching(NUMBER_SECRET, frozenset(), 900.0))
    carrier: Callable[[CarrierContext], Carrier] = SimulatorCarrier

    def send_command(self) -> SendNotification:
        return SendNotification(self.drafts(), self.database, self.clock, self.rings)

    def drafts(self) -> Drafts:
        return Drafts(self.database, self.clock, NUMBER_SECRET, frozenset({"simulator"}), {})

    async def send(self, numbers: Sequence[str], text: str = "Hello", **header: Any) -> Accepted:
        """Accept a notification to these numbers."""
        fields = {"contact_point_id": "main", "max_segments": 10} | header
        return await self.send_command()(
            CALLER, Header(text=text, **fields), [NewRecipient(number) for number in numbers]
        )

    async def stopped(self, account: str = "simulator") -> list[str]:
        """Who gets no permit under claims that were made before: contact point and number key."""
        client = connect(self.redis_url)
        try:
            return sorted(await client.zrange(f"so:{{{account}}}:stop", 0, -1))
        finally:
            await client.aclose()

    @asynccontextmanager
    async def dispatcher(self, name: str = "d1") -> AsyncIterator[Dispatcher]:
        """A running dispatcher, drained at the end."""
        telemetry = setup("test", load_settings())
        measures = Measures(telemetry, "simulator")
        replies = Replies(self.database, self.clock, self.rings, NUMBER_SECRET, measures)
        intake = StoredIntake(self.database, self.clock, telemetry, measures, self.matching, replies)
        context = CarrierContext(
            "simulator", self.simulator, self.clock, intake, {"handsets": HandsetStore(self.database)}
        )
        carrier = self.carrier(context)
        work = Work(
            "simulator",
            self.database,
            self.rings.of("simulator"),
            carrier,
            self.clock,
            self.settings,
            telemetry,
            measures,
        )
        dispatcher = Dispatcher(work, intake, replies, name)
        await dispatcher.start()
        try:
            yield dispatcher
        finally:
            await dispatcher.stop()
            telemetry.shutdown()

    async def states(self, notification_id: Any) -> Counter[str]:
        """Messages by state."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(message.c.state, func.count())
                .where(message.c.notification_id == notification_id)
                .group_by(message.c.state)
            )
            return Counter({State(state).name: count for state, count in rows})

    async def states_by_index(self, notification_id: Any) -> list[str]:
        """The state of each message."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(message.c.state).where(message.c.notification_id == notification_id).order_by(message.c.index)
            )
            return [State(state).name for state in rows.scalars()]

    async def tally(self, topic_id: str) -> dict[str, int]:
        """The counts of a topic over all time, without the zeros."""
        async with self.database.read() as connection:
            counts = (await tallies.read(connection, 0, 4_000_000 * 900_000_000, None))[topic_id]
        return {name: getattr(counts, name) for name in COUNTS if getattr(counts, name)}

    async def until(self, notification_id: Any, wanted: dict[str, int], seconds: float = 20.0) -> None:
        """Wait until the states are exactly these."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (seen := await self.states(notification_id)) != Counter(wanted):
            assert asyncio.get_running_loop().time() < deadline, f"still {dict(seen)}, wanted {wanted}"
            await asyncio.sleep(0.02)

    async def counts(self, notification_id: Any) -> dict[str, int]:
        """The notification's row of counts, without the zeros."""
        async with self.database.read() as connection:
            row = (
                (await connection.execute(select(progress).where(progress.c.notification_id == notification_id)))
                .mappings()
                .one()
            )
        return {s.name: row[s.name.lower()] for s in State if row[s.name.lower()]} | {"done": row["done"]}

    async def log(self) -> list[Any]:
        """The simulator's log: what left, in the order it was written."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(simulator_message)
                .where(~simulator_message.c.from_handset)
                .order_by(simulator_message.c.submit_ns, simulator_message.c.id)
            )
            return list(rows)


@asynccontextmanager
async def pipeline(database: Database, redis_url: str, **simulator: Any) -> AsyncIterator[Pipeline]:
    """A pipeline with one principal and the contact point `main`."""
    await add_principal(database)
    await add_contact_point(database)
    rings = Rings(connect(redis_url))
    yield Pipeline(database, rings, redis_url, SystemClock(), {"delivery_delay_s": 0.1} | simulator)
    await rings.close()
