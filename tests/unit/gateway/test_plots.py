"""Counts over time as bars."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from sendout.gateway.console.plots import HEIGHT, parts, plot, round_top
from sendout.v1 import tally_pb2


def point(hour: int, tally: tally_pb2.Tally) -> tally_pb2.TallyPoint:
    """A bucket that starts at an hour of a day."""
    start = Timestamp()
    start.FromDatetime(datetime(2026, 11, 24, hour, tzinfo=UTC))
    return tally_pb2.TallyPoint(start_time=start, tally=tally)


@given(st.integers(min_value=0, max_value=10**12))
def test_the_top_is_round_and_high_enough(highest: int) -> None:
    """No bar is higher than the plot, and the highest takes more than a third of it."""
    top = round_top(highest)
    assert top >= highest
    assert top < 3 * max(highest, 1)
    assert str(top).rstrip("0") in {"1", "2", "5"}


@given(st.lists(st.integers(min_value=0, max_value=10**6), min_size=6, max_size=6))
def test_parts_together_are_what_was_accepted(counts: list[int]) -> None:
    """Delivered, not settled and not delivered are never negative, and nothing accepted is left out."""
    delivered, still_open, undelivered, failed, other, _ = counts
    tally = tally_pb2.Tally(
        accepted=delivered + still_open + undelivered + failed + other,
        delivered=delivered,
        undelivered=undelivered,
        failed=failed,
        other=other,
    )
    assert parts(tally) == (delivered, still_open, undelivered + failed + other)


def test_bars_are_as_high_as_their_counts() -> None:
    """Heights are shares of the top, empty buckets have no bar, and labels are in the reader's time zone."""
    points = [point(0, tally_pb2.Tally()), point(1, tally_pb2.Tally(accepted=4, delivered=2, failed=1))]
    made = plot(points, tally_pb2.Tally(accepted=4), ZoneInfo("Asia/Kolkata"), hours=True)
    (bar,) = made.busy
    assert made.top == 5
    assert (bar.delivered, bar.open, bar.problems) == (HEIGHT * 2 / 5, HEIGHT / 5, HEIGHT / 5)
    assert bar.label == "Nov 24, 2026, 06:30"
    assert list(made.ticks) == ["Nov 24, 2026, 05:30", "Nov 24, 2026, 06:30"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_plot_of_nothing(count: int) -> None:
    """Without messages, or without buckets, there is nothing to draw and nothing breaks."""
    made = plot([point(0, tally_pb2.Tally())] * count, tally_pb2.Tally(), UTC, hours=False)
    assert made.busy == []
    assert len(made.ticks) == count
