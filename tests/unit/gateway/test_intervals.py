"""The interval that somebody picks in History."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from sendout.gateway.console import intervals

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("name", "first"), [("today", date(2026, 11, 23)), ("7d", date(2026, 11, 17)), ("30d", date(2026, 10, 25))]
)
def test_presets_end_with_the_readers_today(name: str, first: date) -> None:
    """Today is the reader's day, which may be yesterday in UTC, and counts as one of the days."""
    found = intervals.read({"interval": name}, NOW, NEW_YORK)
    assert (found.first, found.last) == (first, date(2026, 11, 23))


def test_days_begin_at_midnight_also_where_clocks_change() -> None:
    """The start and the end are midnights of the zone, with the offset that holds on that day."""
    typed = {"interval": "custom", "from": "2026-10-31", "to": "2026-11-01"}
    found = intervals.read(typed, NOW, NEW_YORK)
    assert found.start_time.ToJsonString() == "2026-10-31T04:00:00Z"
    assert found.end_time.ToJsonString() == "2026-11-02T05:00:00Z"
    assert found.days == 2


@pytest.mark.parametrize("name", ["today", "7d", "30d", "custom"])
def test_an_interval_is_found_again_by_its_query(name: str) -> None:
    """The query that names an interval reads back as the same days."""
    found = intervals.read({"interval": name, "from": "2026-01-02", "to": "2026-03-04"}, NOW, NEW_YORK)
    again = intervals.read(dict(part.split("=") for part in found.query.split("&")), NOW, NEW_YORK)
    assert (again.name, again.first, again.last) == (found.name, found.first, found.last)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11-02", "2026-11-01", "earlier day first"),
        ("2026-11-31", "2026-12-01", "Give both days"),
        ("", "2026-12-01", "Give both days"),
        ("0001-01-01", "2026-12-01", "from 2000"),
        ("2026-11-01", "9999-12-31", "to 2199"),
        ("<b>", "'", "Give both days"),
    ],
)
def test_what_is_no_interval_is_said(first: str, last: str, words: str) -> None:
    """Days that cannot be used come back as typed, with a sentence, and never as an error."""
    found = intervals.read({"interval": "custom", "from": first, "to": last}, NOW, NEW_YORK)
    assert words in found.problem
    assert found.typed == (first, last)


@pytest.mark.parametrize("query", [{}, {"interval": "for ever"}])
def test_seven_days_where_none_is_named(query: dict[str, str]) -> None:
    """An address without an interval shows 7 days; one that names none of ours asks for days."""
    found = intervals.read(query, NOW, NEW_YORK)
    assert found.days == 7
    assert found.name == ("custom" if query else "7d")
