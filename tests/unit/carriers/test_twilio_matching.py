"""Which entry of the list is the lost message: all must agree, and nothing else may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import Lost, Receipt
from sendout.server.carriers.twilio.api import Listed
from sendout.server.carriers.twilio.matching import SKEW_US, settle

S = 1_000_000
TIMEOUT = 10 * S
LOST = Lost("n.0", "+14155550101", "+14155550100", "Hello", 1_000 * S, 1_010 * S)
ENTRY = Listed("SM1", "+14155550101", "+14155550100", "Hello", "sent", 0, 1_005 * S, 1_006 * S)


def found(lost: list[Lost], listed: list[Listed]) -> dict[str, str]:
    return {receipt.message_id: receipt.ref for receipt in settle(lost, listed, TIMEOUT)}


def test_the_only_entry_that_agrees_is_the_message() -> None:
    """The receipt has the entry's id, state and times, and echoes our id, so that the intake settles the message."""
    assert settle([LOST], [ENTRY], TIMEOUT) == [
        Receipt(
            "SM1",
            State.SENT,
            code="sent",
            carrier_time=1_006 * S,
            message_id="n.0",
            number="+14155550101",
            submit_time=1_005 * S,
            raw={"MessageStatus": "sent"},
        )
    ]
    [ended] = settle([LOST], [replace(ENTRY, status="undelivered", code=30005)], TIMEOUT)
    assert (ended.state, ended.reason, ended.code) == (State.UNDELIVERED, ReasonCode.NUMBER_REFUSED, "30005")


@pytest.mark.parametrize(
    "other",
    [
        {"number": "+14155550102"},
        {"sender": "+14155550199"},
        {"text": "hello"},
        {"text": "Hello!"},
        {"create_time": LOST.not_before - SKEW_US - 1},
        {"create_time": LOST.not_after + TIMEOUT + SKEW_US + 1},
    ],
    ids=repr,
)
def test_one_that_differs_is_another(other: dict[str, object]) -> None:
    """Number, sender, text and time must all agree."""
    assert found([LOST], [replace(ENTRY, **other)]) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize("moment", [LOST.not_before - SKEW_US, LOST.not_after + TIMEOUT + SKEW_US])
def test_clocks_may_differ(moment: int) -> None:
    """The provider's clock may be half a minute off, and the submit may have waited as long as we do."""
    assert found([LOST], [replace(ENTRY, create_time=moment)]) == {"n.0": "SM1"}


def test_blanks_at_the_ends_are_no_difference() -> None:
    """A provider may cut blanks at the ends of a text."""
    assert found([replace(LOST, text="Hello \n")], [ENTRY]) == {"n.0": "SM1"}


def test_two_that_agree_are_none() -> None:
    """I2: of two entries neither is taken; of two lost messages neither gets the one entry, nor two of two."""
    twin = replace(ENTRY, sid="SM2")
    second = replace(LOST, message_id="n.1")
    assert found([LOST], [ENTRY, twin]) == {}
    assert found([LOST, second], [ENTRY]) == {}
    assert found([LOST, second], [ENTRY, twin]) == {}


def test_equal_texts_are_told_apart_by_their_time() -> None:
    """Two lost messages whose times do not touch are each found."""
    later = replace(LOST, message_id="n.1", not_before=9_000 * S, not_after=9_010 * S)
    assert found([LOST, later], [ENTRY, replace(ENTRY, sid="SM2", create_time=9_001 * S)]) == {
        "n.0": "SM1",
        "n.1": "SM2",
    }
