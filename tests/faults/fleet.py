"""Servers and dispatchers as processes of their own, which a test kills, freezes, stops and finds restarted."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_ZYGOTE = Path(__file__).with_name("zygote.py")
NAIVE = "SENDOUT_TEST_NAIVE"
"""Set to 1: dispatchers requeue whatever a dead one left, as if claims were leases that simply run out."""
WRITES = "SENDOUT_TEST_WRITES"
"""Set to a folder: dispatchers note there, one file each, when they wrote how many segments to an SMSC."""

READY = {"serve": '"serving"', "dispatch": '"incarnation"'}


@dataclass(eq=False)
class Member:
    """One process; `log` is what it wrote."""

    role: str
    pid: int
    log: Path
    begun: bool = False
    exited: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def runs(self) -> bool:
        return not self.exited.done()

    @property
    def ready(self) -> bool:
        """Whether it has begun to work."""
        self.begun = self.begun or self.says(READY[self.role])
        return self.runs and self.begun

    def says(self, words: str) -> bool:
        """Whether its log holds these words."""
        return self.log.exists() and words in self.log.read_text()

    async def until_says(self, words: str, seconds: float = 30.0) -> None:
        """Wait for words in its log."""
        await until(lambda: self.says(words) or not self.runs, seconds, f"{self.role} does not say {words}")
        assert self.says(words), f"{self.role} ended: {self.log.read_text()[-2000:]}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal where it still runs."""
        if self.runs:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)


class Zygote:
    """The process that all others are forks of."""

    def __init__(self) -> None:
        self._orders = asyncio.Lock()
        self._pids: asyncio.Queue[int] = asyncio.Queue()
        self._members: dict[int, Member] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Zygote]:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(_ZYGOTE), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        listening = asyncio.create_task(self._listen())
        yield self
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await listening

    async def spawn(self, role: str, environment: Mapping[str, str], log: Path) -> Member:
        """A new process of this role."""
        order = {"role": role, "environment": dict(environment), "log": str(log)}
        assert self._process.stdin is not None
        async with self._orders:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
            return self._members[await self._pids.get()]

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "pid" in said:
                self._members[said["pid"]] = Member("", said["pid"], Path())
                self._pids.put_nowait(said["pid"])
            else:
                self._members.pop(said["exited"]).exited.set_result(said["code"])


class Fleet:
    """The processes of one test, all on the same stores. A supervised one that ends is started again at once."""

    def __init__(self, zygote: Zygote, environment: Mapping[str, str], folder: Path) -> None:
        self._zygote = zygote
        self._environment = dict(environment)
        self._folder = folder
        self._numbers = itertools.count()
        self._places = itertools.count()
        self._keepers: list[asyncio.Task[None]] = []
        self.members: list[Member] = []
        self.supervised = True

    def set(self, name: str, value: str) -> None:
        """An environment variable of every process started from now on."""
        self._environment[name] = value

    async def start(self, role: str, **settings: str) -> Member:
        """One process that nobody starts again; settings are `SENDOUT_` variables in lower case."""
        environment = self._environment | {f"SENDOUT_{name.upper()}": value for name, value in settings.items()}
        log = self._folder / f"{role}-{next(self._numbers)}.log"
        member = await self._zygote.spawn(role, environment, log)
        member.role, member.log = role, log
        self.members.append(member)
        return member

    async def dispatchers(self, count: int, **settings: str) -> list[Member]:
        """So many dispatchers, ready."""
        started = [await self.start("dispatch", **settings) for _ in range(count)]
        await self.ready(started)
        return started

    async def server(self, **settings: str) -> tuple[Member, str]:
        """A ready server and its address."""
        address = self.address()
        member = await self.start("serve", listen=address, **settings)
        await self.ready([member])
        return member, address

    def address(self) -> str:
        """A fresh address to listen on."""
        return f"unix:{self._folder}/s{next(self._places)}"

    async def supervise(self, role: str, **settings: str) -> None:
        """Keep one process of this role running."""
        self._keepers.append(asyncio.create_task(self._keep(role, settings)))

    async def _keep(self, role: str, settings: dict[str, str]) -> None:
        while self.supervised:
            await asyncio.shield((await self.start(role, **settings)).exited)

    async def ready(self, members: list[Member]) -> None:
        """Wait until each of these has begun to work."""
        for member in members:
            await member.until_says(READY[member.role])

    @property
    def running(self) -> list[Member]:
        return [member for member in self.members if member.runs]

    def said(self, words: str) -> int:
        """How many processes, gone ones too, have these words in their log."""
        return sum(member.says(words) for member in self.members)

    async def close(self) -> None:
        """Kill what runs."""
        self.supervised = False
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for member in self.running:
            member.kill()
        await asyncio.gather(*(member.exited for member in self.members))


async def until(true: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait until something is true."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():
        assert asyncio.get_running_loop().time() < deadline, otherwise
        await asyncio.sleep(0.02)
