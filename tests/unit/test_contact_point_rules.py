"""The rules for the settings of a contact point."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sendout.domain.contact_points import ContactPoint, QuietHours, SenderKind, problems, sender_kind, settled

GOOD = ContactPoint(id="garage", label="Garage", sender="+14155550100", carrier="simulator", default_region="US")
CARRIERS = frozenset({"simulator"})
ANSWERS = ("opt_out_reply", "opt_in_reply", "help_reply")


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("+14155550100", SenderKind.NUMBER),
        ("+4915112345678", SenderKind.NUMBER),
        ("123", SenderKind.SHORT_CODE),
        ("12345678", SenderKind.SHORT_CODE),
        ("ACME", SenderKind.NAME),
        ("Garage 24", SenderKind.NAME),
        ("Müller AG", SenderKind.NAME),
        ("Elevenchars", SenderKind.NAME),
    ],
)
def test_sender_kinds(sender: str, kind: SenderKind) -> None:
    """Numbers in E.164, short codes of 3 to 8 digits and names of 1 to 11 GSM letters are told apart."""
    assert sender_kind(sender) is kind


@pytest.mark.parametrize(
    "sender",
    [
        *("", "12", "123456789", "１２３４", "+", "+123456", "+1 415 555 0100", "+0123456789", "+1234567890123456"),
        *("Twelve chars", "A-B", "Ünïcode", "Кафе", " ACME", "ACME ", "A\n", "   "),
    ],
)
def test_other_senders_are_refused(sender: str) -> None:
    """What is none of the three kinds is refused, and the refusal quotes it."""
    (problem,) = problems(replace(GOOD, sender=sender), CARRIERS)
    assert problem.field == "contact_point.sender"
    assert repr(sender) in problem.description


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("label", " ", "label"),
        ("label", "x" * 101, "label"),
        ("label", "a\nb", "label"),
        ("carrier", "nobody", "carrier"),
        ("default_region", "XX", "default_region"),
        ("default_region", "USA", "default_region"),
        ("max_segments", 11, "max_segments"),
        ("max_segments", -1, "max_segments"),
        ("segments_per_second", -0.5, "segments_per_second"),
        ("segments_per_second", float("nan"), "segments_per_second"),
        ("segments_per_second", float("inf"), "segments_per_second"),
        ("burst_segments", -1, "burst_segments"),
        ("burst_segments", 10_001, "burst_segments"),
        ("daily_segment_cap", -1, "daily_segment_cap"),
        ("daily_segment_cap", 1 << 40, "daily_segment_cap"),
        ("cap_time_zone", "Mars/Olympus", "cap_time_zone"),
        ("cap_time_zone", "America", "cap_time_zone"),
        ("cap_time_zone", "../etc/passwd", "cap_time_zone"),
        ("allowed_countries", ("US", "ZZ"), "allowed_countries[1]"),
        ("number_messages_per_hour", -1, "number_messages_per_hour"),
        ("number_messages_per_hour", 1_001, "number_messages_per_hour"),
        ("max_backlog_hours", -1, "max_backlog_hours"),
        ("max_backlog_hours", 2_161, "max_backlog_hours"),
        ("fallback_carriers", ("elsewhere",), "fallback_carriers[0]"),
        ("fallback_carriers", ("simulator",), "fallback_carriers[0]"),
        ("fallback_carriers", tuple("abcdef"), "fallback_carriers"),
        ("opt_out_reply", "x" * 161, "opt_out_reply"),
        ("opt_in_reply", "left\u202eright", "opt_in_reply"),
        ("help_reply", "half \ud83d", "help_reply"),
        *((name, word, name) for name in ANSWERS for word in ("STOP", " start ", "Help")),
        ("quiet_hours", QuietHours("24:00", "08:00", "UTC"), "quiet_hours.start"),
        ("quiet_hours", QuietHours("21:00", "8:00", "UTC"), "quiet_hours.end"),
        ("quiet_hours", QuietHours("21:00", "21:00", "UTC"), "quiet_hours.end"),
        ("quiet_hours", QuietHours("21:00", "08:00", ""), "quiet_hours.fallback_time_zone"),
    ],
)
def test_each_field_has_its_limit(field: str, value: Any, at: str) -> None:
    """A setting out of its limits is refused by the name of its field."""
    changed: dict[str, Any] = {field: value}
    (problem,) = problems(settled(replace(GOOD, **changed)), CARRIERS)
    assert problem.field == f"contact_point.{at}"


def test_all_problems_come_at_once() -> None:
    """A form can show every problem of a contact point at the same time."""
    found = problems(ContactPoint(id="", label="", sender="", carrier=""), CARRIERS)
    assert [problem.field for problem in found] == [
        "contact_point.label",
        "contact_point.sender",
        "contact_point.carrier",
    ]


def test_zeros_become_defaults() -> None:
    """Zero and blank stand for the documented defaults: 10 segments, 1 a second, burst of 1, UTC."""
    point = settled(replace(GOOD, max_segments=0, segments_per_second=0.0, burst_segments=0, cap_time_zone=""))
    assert (point.max_segments, point.segments_per_second, point.burst_segments) == (10, 1.0, 1)
    assert (point.cap_time_zone, point.daily_segment_cap) == ("UTC", 0)
    assert problems(point, CARRIERS) == []


def test_the_largest_values_are_taken() -> None:
    """What stands at a limit is within it; zero hours of backlog stand for 72, zero messages an hour for no limit."""
    point = settled(
        replace(
            GOOD,
            number_messages_per_hour=1_000,
            max_backlog_hours=2_160,
            fallback_carriers=tuple("abcde"),
            opt_out_reply="x" * 160,
        )
    )
    assert problems(point, CARRIERS | set("abcde")) == []
    assert (settled(GOOD).max_backlog_hours, settled(GOOD).number_messages_per_hour) == (72, 0)
    assert settled(replace(GOOD, max_backlog_hours=0)).max_backlog_hours == 72


def test_answers_and_fallbacks_are_tidied() -> None:
    """Blanks around an answer go, it is composed as texts are, and a carrier named twice is tried once."""
    point = settled(
        replace(GOOD, opt_out_reply="  You are out. ", help_reply="Cafe\u0301", fallback_carriers=("b", "a", "b"))
    )
    assert (point.opt_out_reply, point.help_reply, point.opt_in_reply) == ("You are out.", "Caf\u00e9", "")
    assert point.fallback_carriers == ("b", "a")


def test_codes_are_kept_in_upper_case_once() -> None:
    """Countries may be typed in lower case and twice."""
    point = settled(replace(GOOD, default_region="us", allowed_countries=("us", "CA", "US")))
    assert (point.default_region, point.allowed_countries) == ("US", ("US", "CA"))
