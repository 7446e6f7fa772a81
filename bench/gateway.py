"""What REST costs: the same calls over gRPC and through the gateway, in one run, as ratios.

    .venv/bin/python bench/gateway.py [--repetitions 5] [--calls 200]

A server on PostgreSQL and a gateway, each a process of its own. Calls go one after another for the time, and eight at
once for the rate. CPU is that of the gateway, beside that of the server for the same calls over gRPC.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import grpc.aio
from common import cpu_seconds, numbers, postgres, prepared, show, start, stop, valkey
from google.protobuf import json_format

from sendout.v1 import (
    notification_service_pb2,
    notification_service_pb2_grpc,
    user_service_pb2,
    user_service_pb2_grpc,
)

TARGET, WEB = "127.0.0.1:50999", "127.0.0.1:8999"
AT_ONCE = 8

Once = Callable[[], Awaitable[object]]


async def one_by_one(call: Once, count: int) -> float:
    """Milliseconds of a call."""
    began = time.perf_counter()
    for _ in range(count):
        await call()
    return 1000 * (time.perf_counter() - began) / count


async def at_once(call: Once, count: int) -> float:
    """Calls a second."""

    async def some() -> None:
        for _ in range(count // AT_ONCE):
            await call()

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - began)


def rest(session: aiohttp.ClientSession, verb: str, path: str, body: bytes | None) -> Once:
    """A call through the gateway."""

    async def call() -> bytes:
        async with session.request(verb, path, data=body) as response:
            assert response.status == 200, await response.text()
            return await response.read()

    return call


def pairs(channel: grpc.aio.Channel, session: aiohttp.ClientSession, metadata: tuple) -> dict[str, tuple[Once, Once]]:
    """By name: a call over gRPC and the same through the gateway."""
    users = user_service_pb2_grpc.UserServiceStub(channel)
    notifications = notification_service_pb2_grpc.NotificationServiceStub(channel)
    found: dict[str, tuple[Once, Once]] = {
        "WhoAmI": (
            lambda: users.WhoAmI(user_service_pb2.WhoAmIRequest(), metadata=metadata),
            rest(session, "GET", "/v1/whoami", None),
        )
    }
    for count in (1, 1000):
        recipients = [{"phone_number": number} for number in numbers(count)]
        request = notification_service_pb2.SendNotificationRequest(
            contact_point_id="main", text="The bridge is closed.", recipients=recipients
        )
        body = json.dumps(json_format.MessageToDict(request)).encode()
        found[f"SendNotification, {count} recipients"] = (
            lambda request=request: notifications.SendNotification(request, metadata=metadata),
            rest(session, "POST", "/v1/notifications", body),
        )
    return found


async def measure(name: str, both: tuple[Once, Once], pids: tuple[int, int], calls: int, repetitions: int) -> None:
    """Print one call's figures."""
    server, gateway = pids
    times: tuple[list[float], list[float]] = ([], [])
    rates: tuple[list[float], list[float]] = ([], [])
    server_cpu, gateway_cpu = [], []
    for repetition in range(repetitions + 1):
        for way, call in enumerate(both):
            before = cpu_seconds(server), cpu_seconds(gateway)
            took = await one_by_one(call, calls)
            rate = await at_once(call, calls)
            after = cpu_seconds(server), cpu_seconds(gateway)
            if repetition == 0:  # the first warms caches and compiled plans
                continue
            times[way].append(took)
            rates[way].append(rate)
            if way == 0:
                server_cpu.append(1e6 * (after[0] - before[0]) / (2 * calls))
            else:
                gateway_cpu.append(1e6 * (after[1] - before[1]) / (2 * calls))
    print(name)
    over_grpc, over_rest = (
        show("  gRPC: time of a call", times[0], "ms"),
        show("  REST: time of a call", times[1], "ms"),
    )
    fast, slow = show("  gRPC: eight at once", rates[0], "calls/s"), show("  REST: eight at once", rates[1], "calls/s")
    served = show("  gRPC: CPU of the server", server_cpu, "µs/call")
    added = show("  REST: CPU of the gateway", gateway_cpu, "µs/call")
    print(
        f"  REST beside gRPC: {over_rest / over_grpc:.2f} times the time, {slow / fast:.2f} times the rate, "
        f"gateway CPU {added / max(served, 1.0):.2f} times the server's"
    )


async def main(repetitions: int, calls: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sob") as name, postgres(Path(name)) as url, valkey(Path(name)) as redis:
        async with prepared(url) as key:
            server = start("serve", url, redis, Path(name), SENDOUT_LISTEN=TARGET)
            environment = os.environ | {"SENDOUT_TARGET": TARGET, "SENDOUT_GATEWAY_LISTEN": WEB}
            gateway = subprocess.Popen([sys.executable, "-m", "sendout.gateway"], env=environment)
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            async with (
                grpc.aio.insecure_channel(TARGET) as channel,
                aiohttp.ClientSession(f"http://{WEB}", headers=headers) as session,
            ):
                await until_ready(session)
                metadata = (("authorization", f"Bearer {key}"),)
                for call, both in pairs(channel, session, metadata).items():
                    count = calls if "1000" not in call else max(AT_ONCE, calls // 10)
                    await measure(call, both, (server.pid, gateway.pid), count, repetitions)
            stop(gateway)
            stop(server)


async def until_ready(session: aiohttp.ClientSession) -> None:
    """Until the gateway says that the server takes calls."""
    while True:
        try:
            async with session.get("/readyz") as response:
                if response.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200)
    given = parser.parse_args()
    asyncio.run(main(given.repetitions, given.calls))
