"""A cursor on disk, for consumers of the event stream that have no store of their own.

    cursor = CursorFile(Path("orders.cursor"))
    for event in client.events(cursor.read() or EARLIEST):
        deal_with(event)
        cursor.write(event.resume_token)

After a crash between the two lines the event comes again: whoever must not repeat an effect keeps the token in the
same transaction as the effect instead.
"""

from __future__ import annotations

import os
from pathlib import Path


class CursorFile:
    """One resume token in one file, replaced whole: a reader finds the old one or the new one, never a part."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def read(self) -> str:
        """The token kept last, "" where none was."""
        try:
            return self._path.read_text().strip()
        except FileNotFoundError:
            return ""

    def write(self, resume_token: str) -> None:
        """Keep this token from now on, also through a power cut."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with fresh.open("w") as file:
            file.write(resume_token + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
