"""What people write back: a text put together from its parts, who may be answered by a machine, and with which words.

Who comes in: the handling of replies, the claim (what a message is for decides what may stop it), and whatever shows
what was written. Sources: sms-domain.md sections 8.2 and 8.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from sendout.domain import numbers
from sendout.domain.keywords import Keyword
from sendout.domain.numbers import NumberProblem, PhoneNumber

ANSWER_EVERY_S = 60
"""The shortest time between two answers to keywords of one number at one contact point."""

SAME_ANSWER_EVERY_S = 600
"""The shortest time until the same keyword is answered again: who repeats it sooner looks like a machine."""

ANSWER_WITHIN_S = 300
"""A confirmation is allowed for so long after the word, and never later."""

LONGEST_ANSWER = 160
_LONGEST_ADDRESS = 32
_SHORTEST_NUMBER = 8  # digits with the country code; short codes have fewer


class Purpose(IntEnum):
    """What a message is for. Stored as a small integer with the notification that it is kept under."""

    NOTIFICATION = 0
    CONVERSATION = 1  # what a person of ours answers in a conversation
    ANSWER = 2  # what the server answers to a keyword by itself; any opt-out stops it
    LAST_WORD = 3  # the same, to who has opted out: the one confirmation, or help. No opt-out stops it.


_BUILT_IN = {
    Keyword.OPT_OUT: "You have opted out and will get no more messages. Reply START to get them again.",
    Keyword.OPT_IN: "You will get messages again. Reply STOP to get no more, HELP for help.",
    Keyword.HELP: "Reply STOP to get no more messages, START to get them again. Message and data rates may apply.",
}


def answer_text(keyword: Keyword, label: str, own: str) -> str:
    """What is answered to a keyword: the contact point's own words, or a built-in sentence that begins with its label.

    At most 160 characters.
    """
    sentence = _BUILT_IN[keyword]
    return own or f"{label[: LONGEST_ANSWER - len(sentence) - 2].rstrip()}: {sentence}"


def whole_text(parts: Sequence[str]) -> str:
    """The text of a reply from its parts in order. A character that was cut in two is whole again; a half that has lost
    its other half becomes U+FFFD."""
    return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def phone_of(address: str) -> PhoneNumber | None:
    """The phone behind the address that a reply came from; None for short codes and names, which nobody answers."""
    digits = address.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) >= _SHORTEST_NUMBER):
        return None
    number = numbers.parse(f"+{digits}", allow_reserved=True)
    return None if isinstance(number, NumberProblem) else number


def kept_address(address: str) -> str:
    """An address as it is kept: E.164 where it is a phone's, else as it came, cut to what fits."""
    phone = phone_of(address)
    return phone.e164 if phone else address.replace("\x00", "")[:_LONGEST_ADDRESS]
