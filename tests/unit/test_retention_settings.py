"""Periods of retention: the defaults go together, and what does not is refused with the setting's name."""

from __future__ import annotations

import pytest

from sendout.server.config import ConfigError, load_settings
from sendout.server.config_check import Level, check_retention


def found(level: Level) -> list[str]:
    return [finding.subject for finding in check_retention(load_settings()) if finding.level is level]


def test_the_defaults_go_together() -> None:
    """Nothing is refused or warned of without settings; everything but the counts has an end."""
    assert list(check_retention(load_settings())) == []
    assert all(days > 0 for days in load_settings().retention.model_dump().values())


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"RECEIPT_DAYS": "2"}, ["RECEIPT"]),  # receipts may come for 72 hours
        ({"RECEIPT_DAYS": "3"}, []),
        ({"RECEIPT_DAYS": "8", "RECEIPT_DEADLINE": "9d"}, ["RECEIPT"]),
        ({"MESSAGE_DAYS": "29", "EVENT_DAYS": "10", "RECEIPT_DAYS": "10"}, ["MESSAGE"]),  # request ids
        ({"MESSAGE_DAYS": "60"}, ["EVENT"]),
        ({"MESSAGE_DAYS": "60", "EVENT_DAYS": "60"}, []),
        ({"EVENT_DAYS": "0"}, ["EVENT"]),
        ({"EVENT_DAYS": "0", "MESSAGE_DAYS": "0"}, []),
        ({"TEXT_DAYS": "0", "NUMBER_DAYS": "0"}, []),
    ],
)
def test_periods_that_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], refused: list[str]
) -> None:
    """Nothing is purged while receipts or repeated requests may need it, and events never outlive their messages."""
    for name, value in given.items():
        monkeypatch.setenv(f"SENDOUT_{name}", value)
    assert found(Level.REFUSE) == [f"SENDOUT_{name}_DAYS" for name in refused]


def test_texts_that_go_with_their_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts "for ever" last as long as their messages: a warning says so."""
    monkeypatch.setenv("SENDOUT_TEXT_DAYS", "0")
    assert found(Level.WARN) == ["SENDOUT_TEXT_DAYS"]


def test_days_are_whole_and_not_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """A period is a number of days, 0 for ever."""
    monkeypatch.setenv("SENDOUT_TEXT_DAYS", "-1")
    with pytest.raises(ConfigError, match=r"SENDOUT_TEXT_DAYS \(\[retention\] text_days\)"):
        load_settings()
