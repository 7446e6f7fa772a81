"""`sendout up` as a newcomer runs it: its own empty home, its own data, found by what it prints."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 60


@dataclass
class Running:
    """A started `sendout up`."""

    process: subprocess.Popen[str]
    target: str
    console: str
    home: Path
    printed: str

    @property
    def admin_key(self) -> str:
        found = re.search(r"Administrator\s+(so_\S+)", self.printed)
        assert found, self.printed
        return found[1]

    @property
    def agent_key(self) -> str:
        found = re.search(r"Agent\s+(so_\S+)", self.printed)
        assert found, self.printed
        return found[1]

    def link(self, who: str) -> str:
        """The single-use sign-in link of "Administrator" or "Agent"."""
        found = re.search(rf"{who}\s+(http\S+#sol_\S+)", self.printed)
        assert found, self.printed
        return found[1]

    def interrupt(self) -> int:
        """Ctrl-C; answers the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def free_port() -> int:
    """A port on loopback that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, **more: str) -> dict[str, str]:
    """A newcomer's environment: a home and a path, nothing else; and a port of its own for the gateway."""
    listen = f"127.0.0.1:{free_port()}"
    base = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SENDOUT_GATEWAY_LISTEN": listen}
    return base | more


@contextmanager
def up(home: Path, *, port: int | None = None, **more: str) -> Iterator[Running]:
    """Start it in `home` and wait until it says that it runs."""
    target = f"127.0.0.1:{port or free_port()}"
    command = [sys.executable, "-m", "sendout.server", "up", "--listen", target]
    settings = environment(home, **more)
    process = subprocess.Popen(
        command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home
    )
    try:
        yield Running(process, target, f"http://{settings['SENDOUT_GATEWAY_LISTEN']}", home, _until_running(process))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


def _until_running(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C stops everything" in line:
            return "".join(lines)
    raise AssertionError(f"sendout up ended with {process.wait()}:\n{''.join(lines)}")
