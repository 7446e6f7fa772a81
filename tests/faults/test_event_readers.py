"""I5: readers that reconnect at random, under concurrent writers and killed servers, beside naive readers on the same
load."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from sqlalchemy import text

from sendout.domain.cursors import EARLIEST
from sendout.domain.errors import SendoutError
from sendout.domain.states import State
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.stream_events import Delivery
from sendout.storage.changes import Change, apply
from sendout.storage.engine import Database
from sendout.v1 import history_service_pb2, history_service_pb2_grpc, message_pb2
from tests.conftest import Valkey
from tests.faults import naive_readers
from tests.faults.fleet import Member, Zygote
from tests.faults.site import site
from tests.integration.event_writing import EventWriter, Step, Streams, recorded, step_of
from tests.integration.pipeline import CALLER

WRITERS = 8
READERS = 20
LOAD_S = 8.0
COMMITS = 200
"""The load lasts at least so long, and until there are so many."""

NOTIFICATIONS = 2
MESSAGES = 16
_PAIR = (State.QUEUED, State.SENDING)
"""A message may go to and fro between these for ever."""


@pytest.fixture(autouse=True)
def _seed() -> None:
    seed = random.randrange(10**6)
    print(f"\nseed {seed}")
    random.seed(seed)


class Load:
    """Writers that change the same messages at the same time; some roll back."""

    def __init__(self, database: Database) -> None:
        self.writer = EventWriter(database)
        self.database = database
        self.identifiers: list[uuid.UUID] = []
        self.stop = False
        self.commits = self.rollbacks = self.deadlocks = 0

    async def prepare(self) -> None:
        await self.writer.basics()
        self.identifiers = [await self.writer.accept(MESSAGES) for _ in range(NOTIFICATIONS)]

    async def write(self) -> None:
        """One writer, until told to stop."""
        while not self.stop:
            try:
                async with self.database.write() as connection:
                    if self.database.is_postgres and random.random() < 0.5:
                        await connection.execute(text("SELECT pg_current_xact_id()"))  # an early xid
                        await asyncio.sleep(random.uniform(0, 0.02))
                    await apply(connection, self.writer.facts, self._changes(), self.writer.clock.now_us())
                    await asyncio.sleep(random.uniform(0, 0.003))
                    if random.random() < 0.1:
                        raise _RolledBack
                self.commits += 1
            except _RolledBack:
                self.rollbacks += 1
            except SendoutError:  # two writers waited for one another's rows
                self.deadlocks += 1
            await asyncio.sleep(random.uniform(0, 0.01))

    def _changes(self) -> list[Change]:
        identifier = random.choice(self.identifiers)
        first = random.randrange(MESSAGES - 8)
        return [
            Change(identifier, index, random.choice(_PAIR), refusal=1)
            for index in range(first, first + random.randrange(1, 9))
        ]


class _RolledBack(Exception):
    """This writer changes its mind."""


class Servers:
    """Two stream commands that die and are built anew; readers do not notice more than a broken stream."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._running: list[tuple[Database, Streams]] = []
        self.kills = 0

    async def start(self) -> None:
        self._running = [self._fresh() for _ in range(2)]

    def _fresh(self) -> tuple[Database, Streams]:
        database = Database(self._url, pool_size=4)
        return database, Streams(database, poll_s=0.1, heartbeat=0.5)

    def any(self) -> Streams:
        return random.choice(self._running)[1]

    async def kill_one(self) -> None:
        """End all its streams without a word, and put a new one in its place."""
        place = random.randrange(len(self._running))
        gone, self._running[place] = self._running[place], self._fresh()
        await self._end(*gone)
        self.kills += 1

    async def close(self) -> None:
        for gone in self._running:
            await self._end(*gone)

    async def _end(self, database: Database, streams: Streams) -> None:
        await streams.close()
        await database.close()


class Chain:
    """One reader: a chain of streams, each begun with a token of the one before; `seen` is what it dealt with."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._token = EARLIEST
        self.seen: list[Delivery] = []
        self.streams = 0

    async def run(self, enough: Callable[[int], bool]) -> None:
        """Read, break off, go on, until there is enough."""
        while not enough(len(self.seen)):
            self.streams += 1
            reader = self._servers.any().begin(token=self._token)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(0.05, 1.5)):
                    await asyncio.gather(reader.task, return_exceptions=True)
            await reader.stop()
            self._deal_with(reader.deliveries, reader.batches[-1].resume_token if reader.batches else "")

    def _deal_with(self, deliveries: list[Delivery], last: str) -> None:
        if deliveries and random.random() < 0.5:  # broken off in the middle of a batch
            deliveries = deliveries[: random.randrange(1, len(deliveries) + 1)]
            last = deliveries[-1].resume_token
        self.seen += deliveries
        self._token = last or self._token


async def test_readers_miss_nothing_and_naive_ones_are_caught(database_url: str) -> None:
    """I5: 8 writers with rollbacks, 20 readers reconnecting at random, servers killed: missed 0, repeated 0, inversions
    0. On PostgreSQL, on the same load, each naive reader misses changes or swaps those of one message."""
    database = Database(database_url, pool_size=WRITERS + len(naive_readers.NAIVE) + 2)
    load, servers = Load(database), Servers(database_url)
    await load.prepare()
    controls = naive_readers.NAIVE if database.is_postgres else ()
    if controls:
        await naive_readers.copy_events(database)
    await servers.start()
    chains = [Chain(servers) for _ in range(READERS)]
    final: list[int] = []
    async with asyncio.TaskGroup() as together:
        for chain in chains:
            together.create_task(chain.run(lambda count: bool(final) and count >= final[0]))
        naive = [together.create_task(_read_naively(load, each)) for each in controls]
        writers = [together.create_task(load.write()) for _ in range(WRITERS)]
        for _ in range(8):
            await asyncio.sleep(LOAD_S / 8)
            await servers.kill_one()
        async with asyncio.timeout(20):
            while load.commits < COMMITS:
                await asyncio.sleep(0.1)
        load.stop = True
        await asyncio.wait(writers)
        expected = await recorded(database)
        final.append(len(expected))
    await servers.close()
    changes = await naive_readers.committed(database) if controls else []
    await database.close()
    findings = [naive_readers.judge(task.result(), changes) for task in naive]
    print(
        f"{load.commits} commits, {load.rollbacks} rollbacks, {load.deadlocks} deadlocks, {len(expected)} changes, "
        f"{servers.kills} kills, "
        f"{sum(chain.streams for chain in chains)} streams"
    )
    for reader, found in zip(controls, findings, strict=True):
        print(f"{reader.__name__}: {found}")
    assert not controls or len(expected) == NOTIFICATIONS * MESSAGES + len(changes)
    _assert_follows(expected)
    for chain in chains:
        assert [step_of(delivery) for delivery in chain.seen] == expected
        ids = [delivery.change.event_id for delivery in chain.seen]
        assert len(set(ids)) == len(ids)
    assert [found.caught for found in findings] == [True] * len(controls)


def _assert_follows(steps: list[Step]) -> None:
    """Each message's changes follow one another: each begins where the one before ended."""
    last: defaultdict[tuple[str, int], str] = defaultdict(str)
    for identifier, index, before, after in steps:
        assert last[identifier, index] == before
        last[identifier, index] = after


async def _read_naively(
    load: Load, reader: Callable[[Any], AsyncIterator[list[naive_readers.Change]]]
) -> list[naive_readers.Change]:
    """Everything a naive reader sees while the load lasts, and a second longer."""
    seen: list[naive_readers.Change] = []
    loop = asyncio.get_running_loop()
    until = float("inf")
    async with load.database.read() as connection:
        async for changes in reader(connection):
            seen += changes
            if load.stop:
                until = min(until, loop.time() + 1.0)
            if loop.time() > until and not changes:
                return seen
            await asyncio.sleep(0.01)
    return seen


async def test_killed_servers_leave_no_gap(zygote: Zygote, postgres_url: str, own_valkey: Valkey) -> None:
    """I5: real servers killed or stopped under clients that resume with the last token they dealt with: every client
    gets exactly what is on record, and a server that is told to stop is gone in a moment."""
    async with site(zygote, postgres_url, own_valkey.url, 100) as here:
        writer = EventWriter(here.database)
        _, key = await ApiKeys(here.database, writer.clock, lambda: None).create(CALLER, "Events", role_ids=["admin"])
        members: list[Member] = []
        addresses = []
        for _ in range(2):
            member, address = await here.fleet.server()
            members.append(member)
            addresses.append(address)
        identifiers = [await writer.accept(20) for _ in range(3)]
        final: list[int] = []
        clients = [asyncio.create_task(_follow(addresses, str(key), final)) for _ in range(4)]
        for step in range(12):
            identifier = identifiers[step % 3]
            await writer.change(identifier, range(0, 20, 1 + step % 4), _PAIR[(step // 3 + 1) % 2])
            if step % 3 == 1:
                place = random.randrange(2)
                end = members[place].terminate if step % 2 else members[place].kill
                end()
                async with asyncio.timeout(10):  # open streams do not hold a server back
                    await members[place].exited
                members[place] = await here.fleet.start("serve", listen=addresses[place])
            await asyncio.sleep(0.3)
        expected = await recorded(here.database)
        final.append(len(expected))
        for seen in await asyncio.gather(*clients):
            assert seen == expected


async def _follow(addresses: list[str], key: str, final: list[int]) -> list[Step]:
    """A client that keeps the token of each event with what it did about it."""
    seen: list[Step] = []
    token = EARLIEST
    while not final or len(seen) < final[0]:
        async with grpc.aio.insecure_channel(random.choice(addresses)) as channel:
            stub = history_service_pb2_grpc.HistoryServiceStub(channel)
            stream = stub.StreamDeliveryEvents(
                history_service_pb2.StreamDeliveryEventsRequest(resume_token=token),
                metadata=(("authorization", f"Bearer {key}"),),
            )
            with contextlib.suppress(grpc.aio.AioRpcError, TimeoutError):
                while not final or len(seen) < final[0]:
                    answer = await asyncio.wait_for(stream.read(), 2.0)
                    if answer is grpc.aio.EOF:
                        break
                    for event in answer.events:
                        seen.append(_step(event))
                        token = event.resume_token
                    token = answer.resume_token
        await asyncio.sleep(0.05)
    return seen


def _step(event: Any) -> Step:
    def name(state: int) -> str:
        return message_pb2.MessageState.Name(state).removeprefix("MESSAGE_STATE_") if state else ""

    identifier, index = event.message.message_id.split(".")
    return (identifier, int(index), name(event.old_state), name(event.new_state))
