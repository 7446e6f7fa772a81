"""Fan-out of delivery events to 1, 10 and 100 subscribers of one process on PostgreSQL, with the SQL reads counted.

    .venv/bin/python bench/events.py [--repetitions 5] [--batches 20]

Each batch is one transaction that changes 200 messages; every subscriber gets every event as a serialised response.
What counts is how reads, time and CPU grow with the subscribers: reads should not, CPU much less than they.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from common import numbers, postgres, prepared, show
from sqlalchemy import select

from sendout.domain.clock import SystemClock
from sendout.domain.cursors import ResumeTokens
from sendout.domain.permissions import Caller, Permission
from sendout.domain.states import State
from sendout.server.commands.drafting import Drafts
from sendout.server.commands.event_feed import EventFeed
from sendout.server.commands.event_filters import EventQuery
from sendout.server.commands.headers import Header, NewRecipient
from sendout.server.commands.send_notification import SendNotification
from sendout.server.commands.stream_events import Batch, StreamEvents
from sendout.server.rpc.delivery_events import response_of
from sendout.storage.changes import Change, FactsCache, apply
from sendout.storage.engine import Database
from sendout.storage.ring import Rings, connect
from sendout.storage.tables import principal

SUBSCRIBERS = (1, 10, 100)
PER_BATCH = 200


class Waker:
    """Hears of commits in this process at once, as a subscriber elsewhere would over Redis."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def expect(self) -> None:
        self.heard.clear()

    async def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.heard.wait(), seconds)


async def fan_out(database: Database, subscribers: int, batches: int, identifier: uuid.UUID, state: State) -> tuple:
    """(SQL reads, seconds, CPU seconds, bytes) to bring `batches` transactions to so many subscribers."""
    waker, clock = Waker(), SystemClock()
    database.on_events = waker.heard.set
    feed = EventFeed(database, waker)
    stream = StreamEvents(database, clock, ResumeTokens(b"b" * 32), feed)
    caller = Caller("bench", "", "Bench", frozenset({"everyone"}), frozenset({Permission.VIEW_HISTORY}))
    seen, size = [0] * subscribers, 0
    opened = [asyncio.Event() for _ in range(subscribers)]

    def write_to(place: int):
        async def write(batch: Batch) -> None:
            nonlocal size
            size += len(response_of(batch).SerializeToString())
            seen[place] += len(batch.deliveries)
            opened[place].set()

        return write

    tasks = [asyncio.create_task(stream(caller, EventQuery(), write_to(n))) for n in range(subscribers)]
    await asyncio.gather(*(each.wait() for each in opened))
    before, facts = feed.reads.pages + feed.reads.messages, FactsCache()
    began, cpu = time.perf_counter(), time.process_time()
    for batch in range(batches):
        async with database.write() as connection:
            changes = [Change(identifier, batch * PER_BATCH + n, state) for n in range(PER_BATCH)]
            await apply(connection, facts, changes, clock.now_us())
    while min(seen) < batches * PER_BATCH:
        await asyncio.sleep(0.002)
    result = (
        feed.reads.pages + feed.reads.messages - before,
        time.perf_counter() - began,
        time.process_time() - cpu,
        size,
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await feed.close()
    return result


async def accepted(database: Database, count: int) -> uuid.UUID:
    """One notification with so many messages."""
    async with database.read() as connection:
        sender = (await connection.execute(select(principal.c.id).limit(1))).scalar_one()
    rings = Rings(connect("unix:///nowhere"))
    drafts = Drafts(database, SystemClock(), b"n" * 32, frozenset({"simulator"}), {})
    send = SendNotification(drafts, database, SystemClock(), rings)
    caller = Caller(sender, "", "Bench", frozenset({"everyone", "admin"}), frozenset(Permission))
    header = Header(text="The bridge is closed.", contact_point_id="main")
    kept = await send(caller, header, [NewRecipient(number) for number in numbers(count)])
    await rings.close()
    return kept.notification["id"]


async def main(repetitions: int, batches: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sob") as name, postgres(Path(name)) as url:
        async with prepared(url):
            database = Database(url)
            identifier = await accepted(database, batches * PER_BATCH)
            found: dict[int, list[tuple]] = {count: [] for count in SUBSCRIBERS}
            states = (State.SENDING, State.QUEUED)
            runs = 0
            for repetition in range(repetitions + 1):
                for count in SUBSCRIBERS:
                    result = await fan_out(database, count, batches, identifier, states[runs % 2])
                    runs += 1
                    if repetition:  # the first warms caches and compiled plans
                        found[count].append(result)
            report(found, batches)
            await database.close()


def report(found: dict[int, list[tuple]], batches: int) -> None:
    """Medians, and how they grow with the subscribers."""
    events = batches * PER_BATCH
    print(f"{events} events in {batches} transactions")
    for count, results in found.items():
        show(f"{count} subscribers: SQL reads", [r[0] for r in results], "reads")
        show("  until everyone has everything (writing included)", [1000 * r[1] for r in results], "ms")
        show("  CPU per event and subscriber", [1e6 * r[2] / events / count for r in results], "µs")
        show("  bytes per event on the wire", [r[3] / events / count for r in results], "bytes")
    base = found[SUBSCRIBERS[0]]
    for count in SUBSCRIBERS[1:]:
        reads, cpu = (
            statistics.median(r[place] / b[place] for r, b in zip(found[count], base, strict=True)) for place in (0, 2)
        )
        print(f"{count} subscribers beside 1: {reads:.2f} times the SQL reads, {cpu:.2f} times the CPU")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20)
    given = parser.parse_args()
    asyncio.run(main(given.repetitions, given.batches))
