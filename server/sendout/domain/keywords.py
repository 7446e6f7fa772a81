"""What a reply asks for: out, in, help, perhaps out, or nothing in particular.

Who comes in: the handling of replies. Only a text that is a keyword and nothing else acts by itself; a short one that
merely sounds like a wish to stop is for a person to look at. Source: sms-domain.md sections 8.1 and 8.2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from enum import StrEnum


class Keyword(StrEnum):
    """What a reply is taken for. OPT_IN is also told of those who are not opted out: it then changes nothing."""

    OPT_OUT = "OPT_OUT"
    OPT_IN = "OPT_IN"
    HELP = "HELP"
    SOFT_MATCH = "SOFT_MATCH"
    ORDINARY = "ORDINARY"


_STOP = frozenset(
    {
        *("stop", "stopall", "stop all", "end", "quit", "cancel", "unsubscribe", "revoke", "optout", "opt out"),
        *("remove", "arret", "alto"),
    }
)
_STOP_CANADIAN_FRENCH = "td"  # elsewhere a bank, a touchdown
_START = frozenset({"start", "unstop", "join"})
_START_IF_OPTED_OUT = "yes"  # everybody else says yes to something else
_HELP = frozenset({"help", "info", "aide", "ayuda"})
_SOUNDS_LIKE_STOP = _STOP | {
    *("stop texting", "leave me alone", "no more", "remove me", "wrong number"),
    *("do not text", "don't text", "do not contact", "don't contact", "take me off"),
}
_MOST_WORDS_OF_A_SOFT_MATCH = 6

LONGEST = 1_600
"""Characters of the longest text that is looked at; who writes more is not writing a keyword."""

# A run of letters and digits, apostrophes inside included. What stands between (blanks, dashes, quotes, emoji) only
# separates, so that "opt-out" and "opt out" are the same.
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc\u00b4`", "'" * 5)
_NOT_SEEN = frozenset({"Mn", "Me", "Cf"})  # accents, enclosing marks, zero-width and other format characters


def classify(text: str, opted_out: bool, *, canadian_french: bool = False) -> Keyword:
    """Say what a reply asks for. `opted_out`: whether its sender is, at the contact point it came to.

    Takes any text whatever, in time proportional to its length and bounded.
    """
    said = words(text) if len(text := text.strip()) <= LONGEST else []
    whole = " ".join(said)
    if whole in _STOP or (canadian_french and whole == _STOP_CANADIAN_FRENCH):
        return Keyword.OPT_OUT
    if whole in _START or (opted_out and whole == _START_IF_OPTED_OUT):
        return Keyword.OPT_IN
    if whole in _HELP:
        return Keyword.HELP
    if len(said) <= _MOST_WORDS_OF_A_SOFT_MATCH and contains(said, _SOUNDS_LIKE_STOP):
        return Keyword.SOFT_MATCH
    return Keyword.ORDINARY


def words(text: str) -> list[str]:
    """The words of a text as they are compared: without case, accents, punctuation, emoji and what is not seen.

    Full-width, circled and ligature letters count as the plain ones.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
    return _WORD.findall("".join(char for char in plain if unicodedata.category(char) not in _NOT_SEEN))


def contains(said: Sequence[str], phrases: Collection[str]) -> bool:
    """Whether one of these phrases, words separated by single blanks, is among the `words` of a text."""
    whole = f" {' '.join(said)} "
    return any(f" {phrase} " in whole for phrase in phrases)
