"""Cutting the work of retention into transactions that hold nobody up."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_ROWS = 1_000
MOST_NOTIFICATIONS = 250
"""In one transaction, so that the many sends to a single number do not make a statement without end."""

DAY_US = 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """Messages first..last (inclusive) of each of these notifications, `messages` in all.

    `complete`: no notification has any after them.
    """

    ids: tuple[uuid.UUID, ...]
    first: int
    last: int
    messages: int
    complete: bool


def parts(notifications: Iterable[tuple[uuid.UUID, int]], most: int = MOST_ROWS) -> Iterator[Part]:
    """(id, message count) pairs cut into parts of at most `most` messages, every message in exactly one.

    Small notifications share a part, a large one has several to itself, the last of them complete.
    """
    ids: list[uuid.UUID] = []
    room = most
    for identifier, count in notifications:
        if ids and (count > room or len(ids) == MOST_NOTIFICATIONS):
            yield Part(tuple(ids), 0, most - 1, most - room, True)
            ids, room = [], most
        if count > most:
            for first in range(0, count, most):
                last = min(first + most, count) - 1
                yield Part((identifier,), first, last, last - first + 1, last == count - 1)
            continue
        ids.append(identifier)
        room -= count
    if ids:
        yield Part(tuple(ids), 0, most - 1, most - room, True)
