"""How an interval is cut into buckets of three grains, and what a count is."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.tallies import GRAINS, QUARTER_HOUR_S, SECOND_US, Counts, Piece, pieces, rounded_outward
from sendout.storage.changes import QUARTER_HOUR_US
from sendout.storage.tables.history import COUNTS

HOUR = 3_600 * SECOND_US
DAY = 24 * HOUR
quarters = st.integers(-200_000, 4_000_000).map(lambda n: n * QUARTER_HOUR_US)
times = st.integers(-(10**15), 10**16)


@given(quarters, quarters)
def test_pieces_cover_the_interval_exactly(start: int, end: int) -> None:
    """The pieces follow one another from start to end without gap or overlap, and none covers an empty interval."""
    cut = pieces(start, end)
    if start >= end:
        assert cut == []
        return
    assert [cut[0].start, *(p.end for p in cut)] == [*(p.start for p in cut), end]
    assert cut[0].start == start


@given(quarters, quarters)
def test_pieces_are_whole_buckets(start: int, end: int) -> None:
    """Both ends of every piece lie on borders of its grain, and every piece holds at least one bucket."""
    for piece in pieces(start, end):
        width = piece.grain * SECOND_US
        assert piece.grain in GRAINS
        assert piece.start % width == piece.end % width == 0
        assert piece.start < piece.end


@given(quarters, quarters)
def test_pieces_are_few_and_finer_ones_short(start: int, end: int) -> None:
    """There are five pieces at most, and a finer piece never holds a whole bucket of the next coarser grain."""
    cut = pieces(start, end)
    assert len(cut) <= 5
    for piece in cut:
        if piece.grain != GRAINS[0]:
            coarser = GRAINS[GRAINS.index(piece.grain) - 1] * SECOND_US
            assert -(-piece.start // coarser) * coarser + coarser > piece.end


def test_a_year_in_a_half_hour_zone() -> None:
    """A year in a zone of +05:30 reads days, hours and quarter hours at its ends and nothing else."""
    start = 20_000 * DAY - 11 * HOUR // 2
    assert pieces(start, start + 365 * DAY) == [
        Piece(900, start, start + HOUR // 2),
        Piece(3_600, start + HOUR // 2, 20_000 * DAY),
        Piece(86_400, 20_000 * DAY, 20_364 * DAY),
        Piece(3_600, 20_364 * DAY, 20_364 * DAY + 18 * HOUR),
        Piece(900, 20_364 * DAY + 18 * HOUR, 20_364 * DAY + 18 * HOUR + HOUR // 2),
    ]


@given(times, times)
def test_rounding_outward_is_tight(a: int, b: int) -> None:
    """The rounded interval holds the given one and exceeds it by less than a quarter hour at each end."""
    start, end = min(a, b), max(a, b)
    rounded_start, rounded_end = rounded_outward(start, end)
    assert 0 <= start - rounded_start < QUARTER_HOUR_US
    assert 0 <= rounded_end - end < QUARTER_HOUR_US
    assert rounded_start % QUARTER_HOUR_US == rounded_end % QUARTER_HOUR_US == 0


def test_ends_between_quarter_hours_are_a_mistake() -> None:
    """An interval that no bucket border meets cannot be cut."""
    with pytest.raises(ValueError, match="quarter hours"):
        pieces(1, DAY)


def test_counts_are_those_of_the_tables() -> None:
    """The domain, the tables and the writers agree on what is counted and how wide the finest bucket is."""
    assert tuple(field.name for field in fields(Counts)) == COUNTS
    assert QUARTER_HOUR_S * SECOND_US == QUARTER_HOUR_US


def test_counts_add_up_field_by_field() -> None:
    """A sum of counts is the sum of each of them."""
    assert Counts(1, 2, 3, 4, 5, 6, 7) + Counts(delivered=10, segments=20) == Counts(1, 2, 13, 4, 5, 6, 27)
