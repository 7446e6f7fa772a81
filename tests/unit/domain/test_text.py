"""Encoding, segmentation, smart encoding, septets, refused characters and emoji.

Longer than 400 lines because its tables are the vectors of every rule of a text, each a case.
"""

import operator
import random
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segmentation_vectors import SEGMENTATION, E, G

from sendout.domain.text import (
    MAX_PARTS,
    Encoding,
    contains_emoji,
    emoji_in,
    forcing_characters,
    gsm_decode,
    gsm_encode,
    normalise,
    pack,
    problems,
    segment,
    segments_of,
    segments_without_forcing,
    smart_encode,
    units_left,
)

CAPACITY = {
    (Encoding.GSM_7, 8): 153,
    (Encoding.UCS_2, 8): 67,
    (Encoding.GSM_7, 16): 152,
    (Encoding.UCS_2, 16): 66,
}
GSM_CHARACTERS = gsm_decode(bytes(code for code in range(128) if code != 0x1B)) + "\f^{}\\[~]|€"

gsm_texts = st.text(st.sampled_from("abc é\nΩ€[]|"), max_size=600)
long_texts = st.builds(operator.mul, st.text(st.sampled_from("ab€]Я😀"), min_size=1, max_size=9), st.integers(1, 90))
texts = gsm_texts | long_texts | st.text(st.sampled_from("ab]€Я😀🌈\u200d"), max_size=300) | st.text(max_size=200)


def cost(text: str) -> int:
    """Units of a text by the slow and obvious road: encode it."""
    if all(char in GSM_CHARACTERS for char in text):
        return len(gsm_encode(text))
    return len(text.encode("utf-16-be")) // 2


@pytest.mark.parametrize(("name", "text", "encoding", "units", "count", "parts", "count_16", "_"), SEGMENTATION)
def test_vector(
    name: str, text: str, encoding: str, units: int, count: int, parts: list[int], count_16: int, _: int
) -> None:
    """Each published vector gives the encoding, units, parts and counts worked out for it elsewhere."""
    got = segment(text)
    in_force = CAPACITY[got.encoding, 8]
    assert (got.encoding.name, got.units, got.count) == (encoding, units, count), name
    assert [units if count == 1 else part_cost(part, got.encoding) for part in got.parts] == parts
    assert segment(text, reference_bits=16).count == count_16
    assert segments_of(text) == (got.encoding, units, count)
    assert all(part <= in_force for part in parts) or count == 1


def part_cost(part: str, encoding: Encoding) -> int:
    """Units of one part in the encoding of the whole text."""
    return len(gsm_encode(part)) if encoding is Encoding.GSM_7 else len(part.encode("utf-16-be")) // 2


def test_all_vectors_are_here() -> None:
    """The table holds 82 vectors, V01 to V82, and the plain ceiling fails exactly the five marked ones."""
    assert [row[0] for row in SEGMENTATION] == [f"V{number:02}" for number in range(1, 83)]
    wrong = {row[0] for row in SEGMENTATION if row[3] > (160 if row[2] == "GSM_7" else 70) and row[4] != row[7]}
    assert wrong == {"V21", "V22", "V28", "V46", "V51"}


def test_the_most_parts_a_message_can_have() -> None:
    """39,015 septets fill the last part that can be numbered; one more does not fit any message."""
    assert segment("a" * 39_015).count == MAX_PARTS
    assert segment("a" * 39_016).count > MAX_PARTS


@given(texts, st.sampled_from([8, 16]))
def test_parts_are_the_text_and_fit(text: str, bits: int) -> None:
    """Parts joined are the text, none is above its capacity, and their number is within the bounds of arithmetic."""
    got = segment(text, reference_bits=bits)
    assert "".join(got.parts) == text
    assert got.count == len(got.parts)
    assert got.units == cost(text) == sum(part_cost(part, got.encoding) for part in got.parts)
    if got.count > 1:
        capacity = CAPACITY[got.encoding, bits]
        assert max(part_cost(part, got.encoding) for part in got.parts) <= capacity
        assert -(-got.units // capacity) <= got.count <= -(-got.units // (capacity - 1))


@given(texts, st.sampled_from([8, 16]))
def test_parts_are_filled_greedily_and_pairs_stay_whole(text: str, bits: int) -> None:
    """No part could take the next character as well, and none ends in an escape or a high surrogate."""
    got = segment(text, reference_bits=bits)
    capacity = CAPACITY[got.encoding, bits]
    for part, following in pairwise(got.parts):
        assert part_cost(part, got.encoding) + part_cost(following[0], got.encoding) > capacity
    for part in got.parts:
        if got.encoding is Encoding.GSM_7:
            assert gsm_encode(part)[-1] != 0x1B
        else:
            assert part.encode("utf-16-be")[-2] & 0xFC != 0xD8


# A character of one unit that changes no encoding, and one of two.
FILLERS = {Encoding.GSM_7: ("x", "€"), Encoding.UCS_2: ("я", E)}


@given(texts, st.sampled_from([8, 16]))
def test_units_left_is_what_still_fits(text: str, bits: int) -> None:
    """S27: so many more characters of one unit keep the number of SMS, and one more raises it by one."""
    before, left = segment(text, reference_bits=bits), units_left(text, reference_bits=bits)
    one, two = FILLERS[before.encoding]
    assert left >= 0
    assert segment(text + one * left, reference_bits=bits).count == max(1, before.count)
    assert segment(text + one * (left + 1), reference_bits=bits).count == max(1, before.count) + 1
    assert units_left(text + one * left, reference_bits=bits) == 0
    assert segment(text + two * (left // 2 + 1), reference_bits=bits).count > max(1, before.count)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", 160),
        ("a" * 160, 0),
        ("a" * 161, 145),  # 153 and 8
        ("a" * 306, 0),
        ("€" * 81, 143),  # 152 and 10: one unit was left over in the first part
        ("a" * 159, 1),
        ("a" * 159 + "€", 145),
        ("Я", 69),
        ("Я" * 71, 63),
        (E * 36, 61),  # 66 and 6
        (E * 66, 1),  # 66 and 66: one unit left, into which no emoji fits
    ],
)
def test_units_left(text: str, left: int) -> None:
    """What is left is counted in the last part, whatever pairs left over in the parts before it."""
    assert units_left(text) == left


@given(texts)
def test_segments_without_forcing(text: str) -> None:
    """Without what forces 16-bit units a text takes the SMS of what remains, which is GSM."""
    rest = "".join(char for char in text if char in GSM_CHARACTERS)
    assert segments_without_forcing(text) == segment(rest).count
    assert segment(rest).encoding is Encoding.GSM_7


@given(texts, st.characters(exclude_categories=["Cs"]))
def test_a_longer_text_never_takes_fewer_sms(text: str, more: str) -> None:
    """Appending a character never lowers the count while the encoding stays the same."""
    before, after = segment(text), segment(text + more)
    if before.encoding == after.encoding:
        assert after.count >= before.count


@given(st.text(st.characters(), max_size=150))
def test_lone_surrogates_are_counted_not_choked_on(text: str) -> None:
    """Texts that will be refused for half characters can still be segmented, for the preview."""
    assert "".join(segment(text).parts) == text


def test_reference_of_another_size_is_refused() -> None:
    """Only references of 8 and 16 bits exist."""
    with pytest.raises(ValueError, match="8 or 16 bits"):
        segment("a", reference_bits=7)


def test_one_emoji_triples_a_full_text() -> None:
    """Encoding is chosen for the whole text: one emoji in 160 characters turns one SMS into three."""
    assert segment("a" * 160).count == 1
    assert segment("a" * 159 + E).count == 3


SMART = [
    (
        "SE1",
        "\u201cHello\u201d \u2013 it\u2019s 5 o\u2019clock\u2026",
        "\"Hello\" - it's 5 o'clock...",
        (Encoding.UCS_2, 25, 1),
        (Encoding.GSM_7, 27, 1),
    ),
    ("SE2", "\u2019" + "a" * 159, "'" + "a" * 159, (Encoding.UCS_2, 160, 3), (Encoding.GSM_7, 160, 1)),
    ("SE3", "\u041f\u0440\u0438\u0432\u0435\u0442 \u201cx\u201d", None, (Encoding.UCS_2, 10, 1), None),
    ("SE4", "e\u0301", "\u00e9", (Encoding.UCS_2, 2, 1), (Encoding.GSM_7, 1, 1)),
    ("SE5", "\u2026" * 54, None, (Encoding.UCS_2, 54, 1), None),
    ("SE6", "\u2026" * 53, "..." * 53, (Encoding.UCS_2, 53, 1), (Encoding.GSM_7, 159, 1)),
    ("SE7", "\u201c" * 71, '"' * 71, (Encoding.UCS_2, 71, 2), (Encoding.GSM_7, 71, 1)),
    ("SE8", "a\u200bb", "ab", (Encoding.UCS_2, 3, 1), (Encoding.GSM_7, 2, 1)),
    ("SE9", "\U0001f600\u2019", None, (Encoding.UCS_2, 3, 1), None),
    ("SE10", "5\u2126", "5\u03a9", (Encoding.UCS_2, 2, 1), (Encoding.GSM_7, 2, 1)),
    ("SE11", "\uff21\uff11", "A1", (Encoding.UCS_2, 2, 1), (Encoding.GSM_7, 2, 1)),
    ("SE12", "a\tb", "a b", (Encoding.UCS_2, 3, 1), (Encoding.GSM_7, 3, 1)),
    ("SE13", f"\u201c{G}\u201d", f'"{G}"', (Encoding.UCS_2, 121, 2), (Encoding.GSM_7, 121, 1)),
]
Measure = tuple[Encoding, int, int]


@pytest.mark.parametrize(("name", "text", "sent", "before", "after"), SMART)
def test_smart_encoding_vector(name: str, text: str, sent: str | None, before: Measure, after: Measure | None) -> None:
    """Each smart-encoding vector is applied, or left untouched, with the segments worked out for it."""
    got = smart_encode(text)
    assert got.applied is (sent is not None), name
    assert got.text == (text if sent is None else sent)
    assert (got.before.encoding, got.before.units, got.before.count) == before
    assert (got.after.encoding, got.after.units, got.after.count) == (after or before)
    assert bool(got.replacements) is got.applied


def test_smart_encoding_tells_each_change() -> None:
    """Changes are told by index in the original, composed letters with their marks as one."""
    assert smart_encode("e\u0301 \u201cx\u201d\u200b\uff40").replacements == (
        (0, "e\u0301", "é"),
        (3, "\u201c", '"'),
        (5, "\u201d", '"'),
        (6, "\u200b", ""),
        (7, "\uff40", "'"),
    )


def test_smart_encoding_never_makes_an_empty_text() -> None:
    """A text of nothing but invisible characters is left as it is: an empty one could not be sent."""
    assert not smart_encode("\u200e\u200f").applied


smart_texts = st.text(
    st.sampled_from("ae \n€~\u0301\u030a\u2019\u201c\u2026\u2014\u00a0\u200b\u2126\uff21\uff40\u2028")
) | st.text(max_size=120)


@given(smart_texts)
def test_smart_encoding_never_costs_more(text: str) -> None:
    """The text sent never takes more SMS than the original; applied means wholly GSM, else nothing changed at all."""
    got = smart_encode(text)
    assert got.after == segment(got.text)
    assert got.after.count <= got.before.count
    assert got.after.encoding is Encoding.GSM_7 if got.applied else got.text == text


@given(smart_texts)
def test_replacements_rebuild_the_text_sent(text: str) -> None:
    """Making the listed changes in the original gives exactly the text sent."""
    got = smart_encode(text)
    rebuilt, position = "", 0
    for index, old, new in got.replacements:
        assert text[index : index + len(old)] == old
        rebuilt += text[position:index] + new
        position = index + len(old)
    assert rebuilt + text[position:] == got.text


PACKING = [
    ("hello", "68656c6c6f", "e8329bfd06", "d06536fb0d"),
    ("hellohello", "68656c6c6f68656c6c6f", "e8329bfd4697d9ec37", "d06536fb8d2eb3d96f"),
    ("€", "1b65", "9b32", "3665"),
    ("a]b", "611b3e62", "e18d4f0c", "c21b9f18"),
    ("Ωé", "1505", "9502", "2a05"),
]


@pytest.mark.parametrize(("text", "septets", "packed", "filled"), PACKING)
def test_packing_vector(text: str, septets: str, packed: str, filled: str) -> None:
    """Septets and their packed forms, plain and after one fill bit, are the published octets."""
    assert gsm_encode(text).hex() == septets
    assert pack(gsm_encode(text)).hex() == packed
    assert pack(gsm_encode(text), 1).hex() == filled


def test_a_part_of_16_bit_units_is_its_utf_16() -> None:
    """A part in 16-bit units goes out as big-endian UTF-16, two octets a unit."""
    (part,) = segment("A\U0001f600").parts
    assert part.encode("utf-16-be").hex() == "0041d83dde00"


def test_full_parts_pack_into_what_an_sms_holds() -> None:
    """160 septets pack into 140 octets; 153 after one fill bit into 134; 152 into 133."""
    assert (len(pack(bytes(160))), len(pack(bytes(153), 1)), len(pack(bytes(152)))) == (140, 134, 133)


@given(gsm_texts)
def test_septets_decode_to_the_text(text: str) -> None:
    """Decoding what was encoded gives the text back."""
    assert gsm_decode(gsm_encode(text)) == text


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        (b"\x1b\x65", "€"),
        (b"a\x1b\x61b", "aab"),  # no extension: the basic character
        (b"a\x1b\x1bb", "a b"),  # reserved: a space
        (b"a\x1b", "a "),
        (b"\x1b\x1b\x65", " e"),
        (b"\x1b\x0a", "\f"),
        (b"\x09\x00", "Ç@"),
    ],
)
def test_decoding_escapes(septets: bytes, text: str) -> None:
    """Escapes that mean nothing show what a phone shows."""
    assert gsm_decode(septets) == text


def test_the_alphabet_has_each_character_once() -> None:
    """127 basic and 10 extension characters, all different; capital Ç is in, small ç is not."""
    assert len(GSM_CHARACTERS) == len(set(GSM_CHARACTERS)) == 137
    assert "Ç" in GSM_CHARACTERS
    assert "ç" not in GSM_CHARACTERS
    assert segment(GSM_CHARACTERS).encoding is Encoding.GSM_7


def test_septets_out_of_range_are_refused() -> None:
    """What is not GSM cannot be encoded, and octets above 0x7F cannot be decoded."""
    with pytest.raises(ValueError, match=r"U\+00E7 at index 1"):
        gsm_encode("aç")
    with pytest.raises(ValueError, match="0x7F"):
        gsm_decode(b"\x80")


@pytest.mark.parametrize("char", [*"`\táâãíóõúÁÍÓÚêôç\u00a0\u200b“”‘’–—…•·µºª½°™®©\x1b", *"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"])
def test_common_characters_that_are_not_gsm(char: str) -> None:
    """The usual traps, Greek look-alikes included, each force 16-bit units."""
    assert segment(char).encoding is Encoding.UCS_2
    assert [found[:2] for found in forcing_characters(f"ab{char}c")] == [(2, char)]


def test_forcing_characters_have_names() -> None:
    """What forces 16-bit units is told by index and Unicode name; what has no name, by its code point."""
    assert forcing_characters("it\u2019s\t€") == [
        (2, "\u2019", "RIGHT SINGLE QUOTATION MARK"),
        (4, "\t", "U+0009"),
    ]


@given(texts)
def test_forcing_characters_and_encoding_agree(text: str) -> None:
    """A text goes in 16-bit units exactly when something forces it to."""
    assert bool(forcing_characters(text)) is (segment(text).encoding is Encoding.UCS_2)


def test_normalising_composes() -> None:
    """NFC turns a decomposed é into the GSM one, and the ohm sign into the GSM omega."""
    assert normalise("e\u0301\u2126") == "éΩ"


def test_what_is_too_long_to_send_is_not_composed() -> None:
    """The longest text that can be sent is composed, one character more is not: its marks could take minutes."""
    assert normalise("e\u0301" * 2_000) == "é" * 2_000
    assert normalise("e\u0301" * 2_000 + "e") == "e\u0301" * 2_000 + "e"


@pytest.mark.security("inputs", "NUL")
@pytest.mark.security("inputs", "C0/C1")
@pytest.mark.security("inputs", "bidi overrides and isolates")
@pytest.mark.security("inputs", "zero-width")
@pytest.mark.security("inputs", "tag characters")
@pytest.mark.security("inputs", "lone surrogates")
@pytest.mark.parametrize(
    "char",
    [
        *map(chr, [*range(0x0A), 0x0B, *range(0x0E, 0x20), *range(0x7F, 0xA0)]),
        *"\ud800\udbff\udc00\udfff",
        *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
        *"\u200b\u2060\ufeff",
        *"\U000e0001\U000e0020\U000e007f",
    ],
)
def test_refused_character(char: str) -> None:
    """Controls, lone surrogates, direction controls, invisible and tag characters are refused, with their place."""
    (problem,) = problems(f"ab{char}cd")
    assert (problem.index, problem.code_point) == (2, f"U+{ord(char):04X}")
    assert problem.sentence.endswith(".")


def test_several_problems_are_all_told() -> None:
    """Every refused character is listed, in order."""
    assert [(p.index, p.code_point) for p in problems("a\x00b\u202ec\t")] == [
        (1, "U+0000"),
        (3, "U+202E"),
        (5, "U+0009"),
    ]


@pytest.mark.parametrize(
    "text", ["", "line\nline\r\n\fpage", "क्\u200dष می\u200cخواهم", "👨\u200d👩\u200d👧", "\u200eשלום", "€ é ™"]
)
def test_allowed_text(text: str) -> None:
    """Line breaks, page breaks, joiners in scripts and emoji, and any visible character may be sent."""
    assert problems(text) == []


@given(st.text(max_size=100))
def test_problems_match_the_categories(text: str) -> None:
    """Every control character but line and page breaks is refused, and nothing visible is."""
    refused = {problem.index for problem in problems(text)}
    for index, char in enumerate(text):
        category = unicodedata.category(char)
        if category == "Cc":
            assert (index in refused) is (char not in "\n\r\f")
        if category[0] in "LMNPSZ":
            assert index not in refused


EMOJI = [
    "😀",
    "\u2764\ufe0f",  # heart, a text symbol styled as emoji
    "⭐",  # emoji by default although in the BMP
    "👍🏽",
    "\u261d🏽",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳\ufe0f\u200d🌈",
    "\u2764\ufe0f\u200d🔥",
    "🧔🏻\u200d\u2642\ufe0f",
    "🇮🇹",
    "1\ufe0f\u20e3",
    "#\u20e3",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\u00a9\ufe0f",
    "🀄",
    "🫨",
]


@pytest.mark.parametrize("emoji", EMOJI)
def test_emoji_is_found_whole(emoji: str) -> None:
    """Each kind of emoji sequence is found as one emoji."""
    assert contains_emoji(f"a {emoji}")
    assert emoji_in(f"1{emoji}b") == [emoji]


@given(st.lists(st.sampled_from(EMOJI)), st.randoms(use_true_random=False))
def test_all_emoji_are_found_in_order(emoji: list[str], order: random.Random) -> None:
    """Emoji between ordinary words come out as they went in."""
    text = "".join(f"{order.choice(['ab ', '5 ', 'é, '])}{one}" for one in emoji)
    assert emoji_in(text + ".") == emoji


@pytest.mark.parametrize(
    "text", ["", "plain 123 #*", "© ® ™ ✓ ✔ → ★ ☎", "\u2b50\ufe0e", "Привет", "한국어", "数", "𝒳 𐍈", "a\u200db", "🂡 ♞"]
)
def test_text_without_emoji(text: str) -> None:
    """Digits, letters of any script and symbols shown as text are not emoji."""
    assert not contains_emoji(text)
    assert emoji_in(text) == []
