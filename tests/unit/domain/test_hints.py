"""Hints on a text before it is sent."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segmentation_vectors import G

from sendout.domain import hints as module
from sendout.domain.hints import Hint, HintKind, hints
from sendout.domain.text import segment

GOOD = "ABC Garage: your car is ready. Reply STOP to opt out."


def found(kind: HintKind, text: str, *names: str) -> list[Hint]:
    return [hint for hint in hints(text, names) if hint.kind is kind]


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_blank_text_has_no_hints(text: str) -> None:
    """Before anything is typed there is nothing to hint at."""
    assert hints(text, ["ABC Garage"]) == []


def test_a_good_text_has_no_hints() -> None:
    """A text that says who writes and how to stop, in plain characters, needs none."""
    assert hints(GOOD, ["ABC Garage"]) == []


@pytest.mark.parametrize(
    ("text", "index", "host"),
    [
        ("See https://bit.ly/3xYz", 4, "bit.ly"),
        ("See BIT.LY/3xYz", 4, "bit.ly"),
        ("(http://www.tinyurl.com/abc)", 1, "tinyurl.com"),
        ("Go to t.co.", 6, "t.co"),
        ("x http://goo.gl?a", 2, "goo.gl"),
    ],
)
def test_public_shortener(text: str, index: int, host: str) -> None:
    """A link on a public shortener is found, with its place and host."""
    (hint,) = found(HintKind.URL_SHORTENER, text)
    assert hint.index == index
    assert f" {host}," in hint.sentence


@pytest.mark.parametrize(
    "text", ["https://abc-garage.example/t.co/x", "at.co", "ann@bit.ly", "bit.lyrics", "t.co.uk", "https://rabbit.ly/x"]
)
def test_other_links_are_no_shorteners(text: str) -> None:
    """Hosts that merely contain the name of one, paths and addresses are left alone."""
    assert found(HintKind.URL_SHORTENER, text) == []


@pytest.mark.parametrize(
    ("text", "index", "says"),
    [
        ("your pаypal account", 6, "Letter 2 of “pаypal” is “а” (CYRILLIC SMALL LETTER A)"),
        ("Αpple", 0, "Letter 1 of “Αpple” is “Α” (GREEK CAPITAL LETTER ALPHA)"),
        ("Приveт".replace("v", "в"), 4, "Letter 5 of “Привeт” is “e” (LATIN SMALL LETTER E)"),
        ("https://gοogle.example", 9, "“ο” (GREEK SMALL LETTER OMICRON)"),
    ],
)
def test_look_alike(text: str, index: int, says: str) -> None:
    """A look-alike of another alphabet inside a word is named with its place, from either alphabet."""
    (hint,) = found(HintKind.MIXED_SCRIPT, text)
    assert hint.index == index
    assert says in hint.sentence


@pytest.mark.parametrize(
    "text", ["plain", "Привет, Bob", "Ωmega 5kΩ", "naïve Œuvre", "Αθήνα", "Wi-Fi-сеть", "ΔT 日本x"]
)
def test_words_of_one_alphabet(text: str) -> None:
    """Words wholly of one alphabet, and letters that look like no other, are left alone."""
    assert found(HintKind.MIXED_SCRIPT, text) == []


def test_look_alikes_are_told_up_to_ten() -> None:
    """A text full of look-alikes does not bury the other hints."""
    assert len(found(HintKind.MIXED_SCRIPT, "pаypal " * 50)) == 10


def test_the_look_alikes_are_what_they_say() -> None:
    """Each look-alike stands beside one Latin letter, and is of the alphabet it is listed under."""
    for alphabet, (others, latin) in (("CYRILLIC", module._CYRILLIC), ("GREEK", module._GREEK)):
        assert len(others) == len(latin) == len(set(others))
        assert all(unicodedata.name(char).startswith(alphabet) for char in others)
        assert latin.isascii()


def test_a_costly_character() -> None:
    """One curly quote that makes one segment two is named, with both counts, its place, and what to do."""
    (hint,) = found(HintKind.COSTLY_CHARACTER, G + "\u2019")
    assert hint == Hint(
        HintKind.COSTLY_CHARACTER,
        "The text takes 2 segments because of “’” (RIGHT SINGLE QUOTATION MARK); without, it would take 1 segment. "
        "Remove or replace it.",
        119,
    )


def test_several_costly_characters() -> None:
    """A few costly ones are named once each, invisible ones by name only."""
    (hint,) = found(HintKind.COSTLY_CHARACTER, "\u201c" + G + "\u201d\u00a0\u201d")
    curly = "“\u201c” (LEFT DOUBLE QUOTATION MARK), “\u201d” (RIGHT DOUBLE QUOTATION MARK)"
    assert f"because of {curly}, NO-BREAK SPACE;" in hint.sentence
    assert hint.sentence.endswith("Remove or replace them.")
    assert hint.index == 0


@pytest.mark.parametrize("text", [G, "it\u2019s", "Привет, как дела? " * 5, "a" * 158 + "€€", "áâãíóõ" * 20])
def test_characters_that_are_worth_their_price(text: str) -> None:
    """No hint where leaving them out saves no segment, or where there are too many of them to be a slip."""
    assert found(HintKind.COSTLY_CHARACTER, text) == []


@given(st.text(st.sampled_from("ab [€\u2019\u2026\u00a0Я\U0001f600"), min_size=40, max_size=400))
def test_the_claimed_saving_is_true(text: str) -> None:
    """Without the characters that are no GSM it really takes the segments told, fewer than now; else no hint."""
    plain = "".join(char for char in text if char in "ab [€")
    now, without = segment(text).count, segment(plain).count
    told = found(HintKind.COSTLY_CHARACTER, text)
    assert bool(told) is (without < now)
    for hint in told:
        assert f"takes {now} segments" in hint.sentence
        assert f"would take {without} segment" in hint.sentence
        assert hint.index == next(place for place, char in enumerate(text) if char not in "ab [€")


@pytest.mark.parametrize("text", ["ABC Garage: hi", "hi from the abc  garage!", "“ABC-Garage”", "ＡＢＣ Garage"])
def test_a_text_that_says_who_writes(text: str) -> None:
    """Any of the names in the text will do, whatever its case, punctuation and blanks."""
    assert found(HintKind.NO_BRAND, text, "Support", "ABC Garage") == []


def test_a_text_that_does_not_say_who_writes() -> None:
    """A text without any of the names gets the first proposed; part of a word is no name."""
    (hint,) = found(HintKind.NO_BRAND, "Your car is ready, supporter.", "Support", "ABC")
    assert "'Support'" in hint.sentence
    assert hint.index is None


@pytest.mark.parametrize("names", [(), ("",), ("!?",)])
def test_without_names_there_is_nothing_to_miss(names: tuple[str, ...]) -> None:
    """Where no name is known none is missed."""
    assert found(HintKind.NO_BRAND, "Hello", *names) == []


@pytest.mark.parametrize(
    "text", ["Reply STOP to end", "opt-out: reply X", "to unsubscribe, call", "ARRÊT pour", "STOP2END"]
)
def test_a_way_to_stop(text: str) -> None:
    """Opt-out wording of any usual kind will do."""
    assert found(HintKind.NO_WAY_TO_STOP, text) == []


def test_no_way_to_stop() -> None:
    """A text that does not say how to stop gets a line proposed."""
    (hint,) = found(HintKind.NO_WAY_TO_STOP, "It will not be stopped, nor opted.")
    assert "Reply STOP to opt out." in hint.sentence


@given(st.text(st.characters(), max_size=300), st.lists(st.text(st.characters(), max_size=20), max_size=3))
def test_any_text_gets_hints(text: str, names: list[str]) -> None:
    """Whatever is typed, lone surrogates included, hints are whole sentences and their places lie in the text."""
    for hint in hints(text, names):
        assert hint.sentence.endswith(".")
        assert hint.index is None or 0 <= hint.index < len(text)
