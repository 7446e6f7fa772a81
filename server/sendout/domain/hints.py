"""Hints on a text: what may keep it from being trusted, or makes it dearer than it need be. None of them refuses it.

Who comes in: the preview. Mixed alphabets after Unicode UTS 39, the rest after what carriers filter and CTIA asks for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from sendout.domain import keywords
from sendout.domain.text import forcing_characters, segments_of, segments_without_forcing


class HintKind(StrEnum):
    """What a hint is about."""

    URL_SHORTENER = "URL_SHORTENER"
    MIXED_SCRIPT = "MIXED_SCRIPT"
    COSTLY_CHARACTER = "COSTLY_CHARACTER"
    NO_BRAND = "NO_BRAND"
    NO_WAY_TO_STOP = "NO_WAY_TO_STOP"


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint: what to do in plain words, and the index in the text it is about; None where about the whole."""

    kind: HintKind
    sentence: str
    index: int | None = None


# Free link shorteners that anybody can use, as of November 2026. Carriers filter texts with links on these.
_SHORTENERS = (
    *("adf.ly", "bit.do", "bit.ly", "bitly.com", "bl.ink", "buff.ly", "clck.ru", "cutt.ly", "dlvr.it", "goo.gl"),
    *("goo.su", "is.gd", "j.mp", "lnkd.in", "mcaf.ee", "ow.ly", "qr.ae", "rb.gy", "rebrand.ly", "s.id", "shorte.st"),
    *("short.io", "shorturl.at", "shrtco.de", "snip.ly", "soo.gd", "t.co", "t.ly", "t2m.io", "tiny.cc", "tiny.one"),
    *("tinyurl.com", "tr.im", "trib.al", "u.to", "urlz.fr", "v.gd", "x.co", "x.gd"),
)
_SHORTENER = re.compile(
    rf"(?<![\w.@/-])(?:https?://)?(?:www\.)?({'|'.join(map(re.escape, _SHORTENERS))})(?![\w-]|\.\w)", re.IGNORECASE
)

# Letters of other alphabets that look like Latin ones: UTS 39, single letters of its list of confusables.
_CYRILLIC = ("АВЕЅІӀЈКМНОРСТУХҮԚԜаеѕіӏјорсухһԁԛԝѵ", "ABESIIJKMHOPCTYXYQWaesiljopcyxhdqwv")
_GREEK = ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιϳνορσυγϲ", "ABEZHIKMNOPTYXaijvopouyc")
_LOOK_ALIKES = frozenset(_CYRILLIC[0] + _GREEK[0])
_LATIN_TWINS = frozenset(_CYRILLIC[1] + _GREEK[1])
_WORD = re.compile(r"[^\W\d_]{2,}")
_LATIN = re.compile("[A-Za-zÀ-ÖØ-öø-ɏ]")
_CYRILLIC_OR_GREEK = re.compile("[\u0370-\u052f]")
_MOST_LOOK_ALIKES = 10

_MOST_COSTLY = 5  # different characters; with more of them the text is in another script and has to cost what it costs

_WAYS_TO_STOP = frozenset(
    {"stop", "stopall", "stop2end", "stop2quit", "unsubscribe", "opt out", "optout", "arret", "alto"}
)


def hints(text: str, names: Sequence[str] = ()) -> list[Hint]:
    """What is worth a second look in a text as it would be sent; a blank one has no hints.

    `names` are those by which recipients know who writes (the contact point's label, a sender name); any will do.
    """
    if not text.strip():
        return []
    said = keywords.words(text)
    return [
        *_shorteners(text),
        *islice(_look_alikes(text), _MOST_LOOK_ALIKES),
        *_costly(text),
        *_no_brand(said, names),
        *_no_way_to_stop(said),
    ]


def _shorteners(text: str) -> Iterator[Hint]:
    for found in _SHORTENER.finditer(text):
        yield Hint(
            HintKind.URL_SHORTENER,
            f"Carriers often filter links on {found[1].lower()}, which anybody can make. Link to your own domain.",
            found.start(),
        )


def _look_alikes(text: str) -> Iterator[Hint]:
    """The letters of a word that are of another alphabet than most of it and look as if they were not."""
    for found in _WORD.finditer(text):
        word = found[0]
        latin, others = len(_LATIN.findall(word)), len(_CYRILLIC_OR_GREEK.findall(word))
        odd = _LOOK_ALIKES if latin >= others else _LATIN_TWINS
        for place, char in enumerate(word):
            if char in odd:
                yield Hint(
                    HintKind.MIXED_SCRIPT,
                    f"Letter {place + 1} of \u201c{word[:40]}\u201d is {_named(char)}, of another alphabet than the "
                    "rest. Type the word again.",
                    found.start() + place,
                )


def _costly(text: str) -> Iterator[Hint]:
    forcing = forcing_characters(text)
    different = list(dict.fromkeys(char for _, char, _ in forcing))
    if not 0 < len(different) <= _MOST_COSTLY:
        return
    now, without = segments_of(text)[2], segments_without_forcing(text)
    if without < now:
        yield Hint(
            HintKind.COSTLY_CHARACTER,
            f"The text takes {_segments(now)} because of {', '.join(map(_named, different))}; without, it would take "
            f"{_segments(without)}. Remove or replace {'it' if len(forcing) == 1 else 'them'}.",
            forcing[0][0],
        )


def _no_brand(said: Sequence[str], names: Sequence[str]) -> Iterator[Hint]:
    known = [phrase for name in names if (phrase := " ".join(keywords.words(name)))]
    if known and not keywords.contains(said, known):
        yield Hint(HintKind.NO_BRAND, f"The text does not say who writes. Put {names[0]!r:.80} into it.")


def _no_way_to_stop(said: Sequence[str]) -> Iterator[Hint]:
    if not keywords.contains(said, _WAYS_TO_STOP):
        yield Hint(
            HintKind.NO_WAY_TO_STOP,
            "The text does not say how to stop such messages. Add a line such as: Reply STOP to opt out.",
        )


def _segments(count: int) -> str:
    return f"{count} segment{'' if count == 1 else 's'}"


def _named(char: str) -> str:
    name = unicodedata.name(char, f"U+{ord(char):04X}")
    return f"\u201c{char}\u201d ({name})" if char.isprintable() else name
