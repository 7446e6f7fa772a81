"""Counts over time as bars that a template draws: `templates/plot.html` makes the SVG and the table beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from sendout.gateway.console.intervals import day_in_words
from sendout.v1 import tally_pb2

WIDTH, HEIGHT = 1000.0, 100.0
"""Size of the drawing in its own units; it is stretched to the page."""

_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket: how high its parts are, and what it says."""

    x: float
    width: float
    delivered: float
    open: float
    problems: float
    label: str
    tally: tally_pb2.Tally


@dataclass(frozen=True, slots=True)
class Plot:
    """All buckets, oldest first; `top` is the count at the upper edge."""

    bars: Sequence[Bar]
    top: int
    ticks: Sequence[str]
    total: tally_pb2.Tally

    @property
    def busy(self) -> list[Bar]:
        """The bars with something in them."""
        return [bar for bar in self.bars if bar.tally.accepted]


def plot(points: Sequence[Any], total: tally_pb2.Tally, zone: tzinfo, *, hours: bool) -> Plot:
    """A plot of a series' points; labels are in the reader's time zone."""
    top = round_top(max((point.tally.accepted for point in points), default=0))
    step = WIDTH / max(len(points), 1)
    labels = [_label(point.start_time.seconds, zone, hours=hours) for point in points]
    bars = [
        _bar(index * step, step, point.tally, top, label)
        for index, (point, label) in enumerate(zip(points, labels, strict=True))
    ]
    return Plot(bars, top, _ticks(labels), total)


def _bar(x: float, step: float, tally: tally_pb2.Tally, top: int, label: str) -> Bar:
    gap = min(step * 0.25, 6.0)
    heights = (HEIGHT * count / top for count in parts(tally))
    delivered, still_open, problems = (round(height, 3) for height in heights)
    return Bar(round(x + gap / 2, 3), round(step - gap, 3), delivered, still_open, problems, label, tally)


def parts(tally: tally_pb2.Tally) -> tuple[int, int, int]:
    """Delivered, not settled, and not delivered; together what was accepted."""
    problems = tally.undelivered + tally.failed + tally.other
    return tally.delivered, max(tally.accepted - tally.delivered - problems, 0), problems


def round_top(highest: int) -> int:
    """A round number that is at least `highest`: 1, 2 or 5 times a power of ten."""
    scale = 1
    while True:
        for step in _STEPS:
            if step * scale >= highest:
                return step * scale
        scale *= 10


def _label(seconds: int, zone: tzinfo, *, hours: bool) -> str:
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    day = day_in_words(moment.date())
    return f"{day}, {moment:%H:%M}" if hours else day


def _ticks(labels: Sequence[str]) -> list[str]:
    """First, middle and last label."""
    places: Iterable[int] = sorted({0, len(labels) // 2, len(labels) - 1}) if labels else ()
    return [labels[place] for place in places]
