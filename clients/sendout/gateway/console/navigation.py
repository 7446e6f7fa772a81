"""What stands in the toolbar of every page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One place to go. `icon` is a symbol of `static/icons.svg`."""

    path: str
    label: str
    icon: str
    administrators_only: bool = False
    simulator_only: bool = False


OUTBOUND = (
    Entry("/send", "Send Notifications", "send"),
    Entry("/history", "History", "history"),
    Entry("/topics", "Topics", "topic"),
)
"""The options of the Outbound button (S18), which itself leads to the Welcome screen."""

NAVIGATION: tuple[Entry, ...] = (
    Entry("/replies", "Replies", "replies"),
    Entry("/admin", "Admin", "admin", administrators_only=True),
    Entry("/handsets", "Handsets", "phone", simulator_only=True),
)
"""The entries beside it; a page adds its own."""
