"""`sendout up`: everything on one machine. Embedded Valkey, SQLite, server, dispatcher and web gateway, each its own
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sendout.domain.clock import SystemClock
from sendout.server.config import ConfigError, Settings, create_secret_file
from sendout.server.processes import StopRequest, wait_for_any
from sendout.server.seed import CONTACT_POINT, Seeded, profile_path, seed, sign_in_links, write_profile
from sendout.storage.engine import Database
from sendout.storage.migrate import migrate
from sendout.storage.ring import RedisError, connect
from sendout.storage.valkey import server_command, socket_path

_START_S = 30.0
_STOP_S = 45.0
_MOST_RESTARTS = 5
_RESTART_WINDOW_S = 60.0


@dataclass
class Child:
    """One of our processes."""

    name: str
    command: list[str]
    environment: dict[str, str] | None
    process: asyncio.subprocess.Process

    async def keep_running(self) -> None:
        """Start it again whenever it ends by itself; raises where it does so again and again."""
        clock = asyncio.get_running_loop().time
        recent: list[float] = []
        while True:
            code = await self.process.wait()
            recent = [*(moment for moment in recent if moment > clock() - _RESTART_WINDOW_S), clock()]
            if len(recent) > _MOST_RESTARTS:
                raise RuntimeError(f"{self.name} keeps ending, last with status {code}; its last lines above say why.")
            print(f"{self.name} ended with status {code}; starting it again.", flush=True)
            await asyncio.sleep(0.5 * len(recent))
            self.process = await _process(self.command, self.environment)

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL where it does not end in time."""
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_S)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def up(settings: Settings) -> None:
    """Run everything until Ctrl-C; a second start finds its data."""
    folder = settings.storage.data_dir
    secret = create_secret_file(folder, SystemClock())
    async with _only_one(folder), contextlib.AsyncExitStack() as running:
        _require_gateway()
        stop = StopRequest()
        valkey = await _start(running, "valkey", server_command(folder, socket_path(folder), append_only=True))
        await _answers(settings, valkey)
        seeded, links = await _prepare(settings)
        environment = _environment(settings, secret)
        children = [valkey]
        for part in ("serve", "dispatch"):
            command = [sys.executable, "-m", "sendout.server", part]
            children.append(await _start(running, part, command, environment))
        await _ready(settings.server.listen, children)
        command = [sys.executable, "-m", "sendout.gateway"]
        children.append(await _start(running, "gateway", command, _gateway_environment(settings)))
        await _reachable(children)
        _welcome(settings, seeded, links)
        await wait_for_any(stop.wait(), *(child.keep_running() for child in children))
        print("\nStopping: accepted messages that have not left stay in the queue.", flush=True)


@contextlib.asynccontextmanager
async def _only_one(folder: Path) -> AsyncIterator[None]:
    """Refuse a second `up` on the same data; the lock ends with the process, however it ends."""
    import fcntl

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"Sendout is already running on {folder}. Stop it, or give another --data-dir.") from None
        yield


async def _start(
    running: contextlib.AsyncExitStack, name: str, command: list[str], environment: dict[str, str] | None = None
) -> Child:
    child = Child(name, command, environment, await _process(command, environment))
    running.push_async_callback(child.stop)
    return child


async def _process(command: list[str], environment: dict[str, str] | None) -> asyncio.subprocess.Process:
    # A session of its own, so that Ctrl-C reaches `up` alone and the parts stop in order.
    return await asyncio.create_subprocess_exec(
        *command, env=environment, start_new_session=True, stdin=asyncio.subprocess.DEVNULL
    )


def _environment(settings: Settings, secret: Path) -> dict[str, str]:
    """The parts read the same settings, with what `up` decided in their place."""
    decided = {
        "SENDOUT_DATA_DIR": str(settings.storage.data_dir),
        "SENDOUT_DATABASE_URL": str(settings.storage.database_url),
        "SENDOUT_REDIS_URL": f"unix://{socket_path(settings.storage.data_dir)}",
        "SENDOUT_LISTEN": settings.server.listen,
        "SENDOUT_REFLECTION": "true",
        "SENDOUT_LOG_FORMAT": settings.log.log_format,
        "SENDOUT_LOG_LEVEL": settings.log.log_level,
    }
    if settings.secrets.secret_key is None and settings.secrets.secret_key_file is None:
        decided["SENDOUT_SECRET_KEY_FILE"] = str(secret)
    if settings.config is not None:
        decided["SENDOUT_CONFIG"] = str(settings.config)
    return os.environ | decided


def _gateway_environment(settings: Settings) -> dict[str, str]:
    """The gateway's own settings, and the server of this `up` behind it."""
    provider = {
        "SENDOUT_GATEWAY_OIDC_ISSUER": settings.sign_in.oidc_issuer or "",
        "SENDOUT_GATEWAY_OIDC_CLIENT_ID": settings.sign_in.oidc_audience or "",
    }
    ours = {"SENDOUT_TARGET": settings.server.listen, "SENDOUT_GATEWAY_LISTEN": _gateway_address()}
    return provider | os.environ | ours


def _gateway_address() -> str:
    """Where the gateway listens."""
    return os.environ.get("SENDOUT_GATEWAY_LISTEN") or "127.0.0.1:8080"


def _require_gateway() -> None:
    """Before anything starts: what the gateway is made of is here, and nobody else listens where it will."""
    if find_spec("starlette") is None:
        raise ConfigError("sendout up starts the web gateway too. Install it: pip install 'sendout[gateway]'.")
    host, _, port = _gateway_address().rpartition(":")
    try:
        socket.create_server((host.strip("[]"), int(port))).close()
    except OSError as error:
        raise ConfigError(
            f"The console cannot listen on {_gateway_address()}: {error.strerror}. "
            "Stop what does, or give another address in SENDOUT_GATEWAY_LISTEN."
        ) from None
    except (ValueError, OverflowError):
        raise ConfigError(f"SENDOUT_GATEWAY_LISTEN: {_gateway_address()!r} is no address with a port.") from None


async def _answers(settings: Settings, valkey: Child) -> None:
    client = connect(f"unix://{socket_path(settings.storage.data_dir)}")
    async with asyncio.timeout(_START_S):
        while valkey.process.returncode is None:
            try:
                await client.ping()
                break
            except RedisError:
                await asyncio.sleep(0.02)
    await client.aclose()
    if valkey.process.returncode is not None:
        raise ConfigError(f"The embedded Valkey did not start; {settings.storage.data_dir}/valkey.log says why.")


async def _prepare(settings: Settings) -> tuple[Seeded | None, list[tuple[str, str]]]:
    """The database as it must be; what was put into an empty one; and who may sign in by which link, for this once."""
    database = Database(settings.storage.database_url)
    try:
        clock = SystemClock()
        await migrate(database, clock)
        seeded = await seed(database, clock, next(iter(settings.carriers)))
        return seeded, await sign_in_links(database, clock, f"http://{_gateway_address()}")
    finally:
        await database.close()


async def _ready(address: str, children: list[Child]) -> None:
    """Until the server says that it is ready, or a part has ended."""
    async with grpc.aio.insecure_channel(address) as channel, asyncio.timeout(_START_S):
        health = health_pb2_grpc.HealthStub(channel)
        while all(child.process.returncode is None for child in children):
            try:
                answer = await health.Check(health_pb2.HealthCheckRequest(service="dispatch"))
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.aio.AioRpcError:
                pass
            await asyncio.sleep(0.05)
    _refuse_ended(children)


async def _reachable(children: list[Child]) -> None:
    """Until the gateway takes connections, or a part has ended."""
    host, _, port = _gateway_address().rpartition(":")
    async with asyncio.timeout(_START_S):
        while all(child.process.returncode is None for child in children):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                writer.close()
                return
            await asyncio.sleep(0.05)
    _refuse_ended(children)


def _refuse_ended(children: list[Child]) -> None:
    failed = next(child for child in children if child.process.returncode is not None)
    raise ConfigError(f"{failed.name} did not start; its last lines above say why.")


def _welcome(settings: Settings, seeded: Seeded | None, links: list[tuple[str, str]]) -> None:
    target = settings.server.listen
    lines = ["", f"Sendout is running. gRPC at {target}, data in {settings.storage.data_dir}.", ""]
    if seeded is not None:
        if write_profile(profile_path(), target, seeded.admin_key):
            lines.append(f"The command line is set up ({profile_path()}).")
        else:
            lines.append(f"{profile_path()} leads to another server; it was left alone. Use these keys:")
            lines.append(f"  SENDOUT_TARGET={target} SENDOUT_API_KEY={seeded.admin_key}")
        lines += [
            "These keys are shown this once:",
            f"  Administrator  {seeded.admin_key}",
            f"  Agent          {seeded.agent_key}",
            "",
        ]
    lines += [f"The console is at http://{_gateway_address()}. Sign in by a link; each works once, within 15 minutes:"]
    lines += [f"  {who:<13}  {link}" for who, link in links]
    lines += [
        "",
        "Try this in a second terminal (the simulator's phones answer; 0151 is unreachable, 12345 is no number):",
        "",
        f"  {_sendout()} send --contact-point {CONTACT_POINT} --wait --invalid-recipients skip \\",
        '    --to "+14155550101, +14155550102, +14155550151, 12345" --text "Our garage had a power outage today."',
        "",
        f"then  {_sendout()} history     Ctrl-C stops everything; the next start finds its data.",
        "",
    ]
    print("\n".join(lines), flush=True)


def _sendout() -> str:
    """How this machine's `sendout` is called, in a form that a newcomer can paste: relative where it is below here."""
    script = Path(sys.executable).parent / "sendout"
    with contextlib.suppress(ValueError):
        return str(script.relative_to(Path.cwd()))
    return str(script) if script.exists() else "sendout"
