"""Accept and end to end on PostgreSQL and Valkey, each step beside the bare work it cannot do without.

    .venv/bin/python bench/pipeline.py [--repetitions 5] [--messages 20000]

accept      SendNotification with 1,000 recipients a call, 4 calls in flight, beside a raw COPY of the same rows
end to end  one notification after another until every row is DELIVERED by the simulator; CPU per message by process
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import asyncpg
import grpc
from common import cpu_seconds, numbers, postgres, prepared, show, start, stop, until_ready, valkey
from sqlalchemy import make_url

from sendout.v1 import notification_pb2, notification_service_pb2, notification_service_pb2_grpc, recipient_pb2

TARGET = "127.0.0.1:50871"
PER_CALL = 1_000


def request(offset: int) -> notification_service_pb2.SendNotificationRequest:
    return notification_service_pb2.SendNotificationRequest(
        request_id=f"bench-{offset}-{time.monotonic_ns()}",
        contact_point_id="main",
        text="The bridge is closed until 18:00.",
        recipients=[recipient_pb2.Recipient(phone_number=n) for n in numbers(PER_CALL, offset)],
        priority=notification_pb2.PRIORITY_NORMAL,
    )


async def accept(stub, metadata, messages: int, in_flight: int = 4) -> tuple[float, list[str]]:
    """Recipients accepted per second, and the notifications."""
    requests = [request(n * 1_100) for n in range(messages // PER_CALL)]
    pending = iter(requests)
    identifiers: list[str] = []

    async def one() -> None:
        for each in pending:
            answer = await stub.SendNotification(each, metadata=metadata, timeout=60)
            identifiers.append(answer.notification.notification_id)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(in_flight)))
    return messages / (time.perf_counter() - began), identifiers


async def raw_copy(connection: asyncpg.Connection, messages: int) -> float:
    """Rows per second of a bare COPY into a table like `message`, 1,000 a transaction."""
    await connection.execute("DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE message INCLUDING ALL)")
    import uuid

    began = time.perf_counter()
    for batch in range(messages // PER_CALL):
        identifier = uuid.uuid4()
        rows = [
            (identifier, index, number, b"0" * 16, 2, 2, "", 1, 0, 0)
            for index, number in enumerate(numbers(PER_CALL, batch * 1_100))
        ]
        async with connection.transaction():
            await connection.copy_records_to_table(
                "bare",
                records=rows,
                columns=[
                    *("notification_id", "index", "number", "number_key", "state", "previous"),
                    *("reason", "segments", "attempt", "refusals"),
                ],
            )
    return messages / (time.perf_counter() - began)


async def all_delivered(connection: asyncpg.Connection) -> float:
    """Wait until every notification is done; answers when (perf_counter)."""
    while await connection.fetchval("SELECT count(*) FROM progress WHERE NOT done"):
        await asyncio.sleep(0.05)
    return time.perf_counter()


async def main(repetitions: int, messages: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sob") as name:
        folder = Path(name)
        with postgres(folder) as database_url, valkey(folder) as redis_url:
            async with prepared(database_url) as key:
                await measure(repetitions, messages, folder, database_url, redis_url, key)


async def measure(repetitions, messages, folder, database_url, redis_url, key) -> None:
    metadata = (("authorization", f"Bearer {key}"),)
    server = start("serve", database_url, redis_url, folder, SENDOUT_LISTEN=TARGET)
    await until_ready(TARGET)
    url = make_url(database_url)
    connection = await asyncpg.connect(host=url.query.get("host") or url.host, user=url.username, database=url.database)
    accepts, copies, server_cpu, delivered, dispatch_cpu, connection_cpu = [], [], [], [], [], []
    async with grpc.aio.insecure_channel(TARGET) as channel:
        stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
        for repetition in range(repetitions + 1):
            copies.append(await raw_copy(connection, messages))
            before = cpu_seconds(server.pid)
            rate, _ = await accept(stub, metadata, messages)
            accepts.append(rate)
            server_cpu.append(1e6 * (cpu_seconds(server.pid) - before) / messages)
            dispatcher = start(
                "dispatch",
                database_url,
                redis_url,
                folder,
                SENDOUT_CARRIERS='{"simulator": {"type": "simulator", "delivery_delay_s": 0.001}}',
            )
            while not await connection.fetchval(
                "SELECT coalesce(sum(sent + delivered), 0) FROM progress WHERE NOT done"
            ):
                await asyncio.sleep(0.01)
            began, before = time.perf_counter(), cpu_seconds(dispatcher.pid)
            ended = await all_delivered(connection)
            delivered.append(messages / (ended - began))
            dispatch_cpu.append(1e6 * (cpu_seconds(dispatcher.pid) - before) / messages)
            stop(dispatcher)
            if repetition == 0:  # the first warms caches and compiled plans
                for values in (accepts, copies, server_cpu, delivered, dispatch_cpu, connection_cpu):
                    values.clear()
    copy = show("raw COPY of the same rows", copies, "rows/s")
    accepted = show(f"accept, {PER_CALL} recipients a call", accepts, "recipients/s")
    show("  server CPU", server_cpu, "µs/recipient")
    print(f"{'  accept as a share of the raw COPY':<58} {accepted / copy:>12.2f}")
    show("dispatch: queued to DELIVERED on the simulator", delivered, "messages/s")
    show("  dispatcher CPU (simulator included)", dispatch_cpu, "µs/message")
    await connection.close()
    stop(server)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20_000)
    given = parser.parse_args()
    asyncio.run(main(given.repetitions, given.messages))
