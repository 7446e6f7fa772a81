"""Ranges of neighbouring messages: what the ring holds, and what is claimed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Neighbouring messages first..last (inclusive) of one notification.

    `segments` is what one of them costs in the mean: enough to take no more from the ring than may soon leave. Permits
    charge each message by itself.
    """

    notification_id: uuid.UUID
    first: int
    last: int
    segments: float


def mean_segments(segments: int, messages: int) -> float:
    """What one of these messages costs in the mean, rounded up to a hundredth."""
    return -(-segments * 100 // messages) / 100


def joined(messages: Iterable[tuple[uuid.UUID, int, int]]) -> list[Range]:
    """Ranges that cover messages given as (notification, index, segments): neighbours join."""
    found: list[tuple[uuid.UUID, int, int, int]] = []
    for identifier, index, segments in sorted(messages, key=lambda m: (m[0].int, m[1])):
        if found and found[-1][0] == identifier and found[-1][2] + 1 == index:
            _, first, _, total = found[-1]
            found[-1] = (identifier, first, index, total + segments)
        else:
            found.append((identifier, index, index, segments))
    return [
        Range(identifier, first, last, mean_segments(total, last - first + 1))
        for identifier, first, last, total in found
    ]
