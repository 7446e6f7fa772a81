"""The interval that somebody picks in History: whole days in their own time zone, named in the address.

/history?interval=7d            today and the six days before
/history?interval=custom&from=2026-11-01&to=2026-11-07
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from urllib.parse import urlencode

from google.protobuf.timestamp_pb2 import Timestamp

PRESETS = {"today": ("Today", 1), "7d": ("7 days", 7), "30d": ("30 days", 30)}
"""Each preset with its label and how many days it has, today included."""

CUSTOM = "custom"
_EARLIEST, _LATEST = date(2000, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True, slots=True)
class Interval:
    """Days from `first` to `last`, both included, of the time zone `zone`."""

    name: str
    first: date
    last: date
    zone: tzinfo
    problem: str = ""  # why what was typed is no interval; the days are those of a preset then
    typed: tuple[str, str] = ("", "")

    @property
    def start(self) -> datetime:
        """When the first day begins."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """When the last day is over."""
        return _midnight(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def words(self) -> str:
        """The days in words."""
        return (
            day_in_words(self.first) if self.days == 1 else f"{day_in_words(self.first)} to {day_in_words(self.last)}"
        )

    @property
    def query(self) -> str:
        """What names it in an address."""
        if self.name != CUSTOM:
            return urlencode({"interval": self.name})
        return urlencode({"interval": CUSTOM, "from": self.first.isoformat(), "to": self.last.isoformat()})

    @property
    def start_time(self) -> Timestamp:
        """`start` as requests take it."""
        return _timestamp(self.start)

    @property
    def end_time(self) -> Timestamp:
        """`end` as requests take it."""
        return _timestamp(self.end)


def read(query: Mapping[str, str], now: datetime, zone: tzinfo) -> Interval:
    """The interval that an address names; 7 days where it names none."""
    today = now.astimezone(zone).date()
    name = query.get("interval", "7d")
    if name in PRESETS:
        return _preset(name, today, zone)
    usual = _preset("7d", today, zone)
    typed = query.get("from", ""), query.get("to", "")
    if typed == ("", ""):
        return Interval(CUSTOM, usual.first, usual.last, zone, typed=(usual.first.isoformat(), usual.last.isoformat()))
    try:
        first, last = (date.fromisoformat(part) for part in typed)
    except ValueError:
        return Interval(CUSTOM, usual.first, usual.last, zone, "Give both days, such as 2026-11-01.", typed)
    if first > last:
        problem = f"{day_in_words(first)} is after {day_in_words(last)}. Give the earlier day first."
        return Interval(CUSTOM, usual.first, usual.last, zone, problem, typed)
    if first < _EARLIEST or last > _LATEST:
        problem = f"Give days from {_EARLIEST.year} to {_LATEST.year - 1}."
        return Interval(CUSTOM, usual.first, usual.last, zone, problem, typed)
    return Interval(CUSTOM, first, last, zone, typed=typed)


def day_in_words(day: date) -> str:
    """ "Nov 24, 2026"."""
    return f"{day:%b} {day.day}, {day.year}"


def _preset(name: str, today: date, zone: tzinfo) -> Interval:
    return Interval(name, today - timedelta(days=PRESETS[name][1] - 1), today, zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _timestamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment.astimezone(UTC).replace(tzinfo=None))
    return made
