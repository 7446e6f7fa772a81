"""The cursor on disk."""

from __future__ import annotations

from pathlib import Path

from sendout.client import CursorFile


def test_a_cursor_is_kept(tmp_path: Path) -> None:
    """What was written last is read by the next process; before that there is nothing; no other file is left."""
    cursor = CursorFile(tmp_path / "orders.cursor")
    assert cursor.read() == ""
    cursor.write("first")
    cursor.write("second")
    assert CursorFile(tmp_path / "orders.cursor").read() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["orders.cursor"]
