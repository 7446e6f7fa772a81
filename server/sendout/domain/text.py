"""Message texts: how they are encoded, how many SMS they take, and what may not be in them.

Who comes in: the preview and its live counter, the long-message warning, acceptance, rates, billing and the carriers.
All of them count with `segment`, so that what was shown is what is charged and sent. Facts: 3GPP TS 23.038 (alphabet)
and 23.040 (parts). Texts are Unicode strings; callers normalise first (`normalise`), counting takes them as given.
"""

import enum
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sendout.domain import limits


class Encoding(enum.IntEnum):
    """How a whole text travels: 7-bit septets if the GSM alphabet has every character, else 16-bit units."""

    GSM_7 = 1
    UCS_2 = 2


@dataclass(frozen=True, slots=True)
class Segments:
    """A text cut into SMS: cost in units (septets or 16-bit units), number of SMS, and the piece of text in each."""

    encoding: Encoding
    units: int
    count: int
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextProblem:
    """A character that may not be sent: its index in the text, its code point as U+XXXX, and why, in plain words."""

    index: int
    code_point: str
    sentence: str

    @property
    def said(self) -> str:
        """The sentence with the character and its place."""
        return f"{self.sentence} ({self.code_point} at character {self.index})"


@dataclass(frozen=True, slots=True)
class SmartEncoding:
    """What replacing look-alikes came to: the text to send, and each change as (index in the original, from, to).

    When not applied, `text` is the original untouched, there are no replacements, and `after` equals `before`.
    """

    applied: bool
    text: str
    replacements: tuple[tuple[int, str, str], ...]
    before: Segments
    after: Segments


MAX_PARTS = 255
"""No message can have more parts: their number travels in one octet. Callers refuse what needs more."""

_ESCAPE = "\x1b"
# 3GPP TS 23.038 section 6.2.1; the place of a character is its code. 0x09 is the capital C with cedilla, whatever the
# old Unicode mapping file says: phones follow the standard.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip

_SEPTETS = {ord(char): chr(code) for code, char in enumerate(_BASIC)}
_SEPTETS |= {ord(char): _ESCAPE + chr(code) for char, code in _EXTENSION.items()}
_EXTENSION_BY_BASIC = {_BASIC[code]: char for char, code in _EXTENSION.items()}

_SENDABLE = re.escape(_BASIC.replace(_ESCAPE, ""))  # the escape is not a character anyone can send
_EXTENDED_CLASS = re.escape("".join(_EXTENSION))
_ALL_BASIC = re.compile(f"[{_SENDABLE}]*")
_ALL_GSM = re.compile(f"[{_SENDABLE}{_EXTENDED_CLASS}]*")
_NOT_GSM = re.compile(f"[^{_SENDABLE}{_EXTENDED_CLASS}]")
# What costs two units: an escape pair, or a surrogate pair.
_COSTLY = {
    Encoding.GSM_7: re.compile(f"[{_EXTENDED_CLASS}]"),
    Encoding.UCS_2: re.compile("[\U00010000-\U0010ffff]"),
}

_SINGLE = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
# Every part of several spends 6 octets (8-bit reference) or 7 (16-bit) of its 140 on the concatenation header.
_PER_PART = {
    8: {Encoding.GSM_7: 153, Encoding.UCS_2: 67},
    16: {Encoding.GSM_7: 152, Encoding.UCS_2: 66},
}


def segment(text: str, *, reference_bits: int = 8) -> Segments:
    """Cut a text into the SMS it takes. An empty text takes none.

    `reference_bits` (8 or 16) is the size of the reference that joins the parts; 16 leaves one unit less in each.
    Neither an escape pair nor a surrogate pair is ever split, so a part may be one unit short of full.
    Raises ValueError for another number of bits.
    """
    encoding, units, ends = _layout(text, reference_bits)
    pieces = (text[start:end] for start, end in pairwise([0, *ends]))
    return Segments(encoding, units, len(ends), tuple(pieces))


def segments_of(text: str, *, reference_bits: int = 8) -> tuple[Encoding, int, int]:
    """Return (encoding, units, count) as `segment` does, without making the pieces."""
    encoding, units, ends = _layout(text, reference_bits)
    return encoding, units, len(ends)


def units_left(text: str, *, reference_bits: int = 8) -> int:
    """Units left in the last segment before one more is needed; in the first for an empty text.

    So many more characters of one unit fit, as long as the encoding stays. One of two units never fits into one left.
    """
    encoding, units, ends = _layout(text, reference_bits)
    if len(ends) <= 1:
        return _SINGLE[encoding] - units
    last = text[ends[-2] :]
    return _PER_PART[reference_bits][encoding] - len(last) - len(_COSTLY[encoding].findall(last))


def normalise(text: str) -> str:
    """Return the text in NFC: a decomposed é would cost double and force the 16-bit encoding.

    A text that is too long to be sent stays as it is: long runs of combining marks take quadratic time to put in order.
    """
    return unicodedata.normalize("NFC", text) if len(text) <= limits.MAX_TEXT else text


def forcing_characters(text: str) -> list[tuple[int, str, str]]:
    """List what keeps a text out of GSM 7-bit as (index, character, Unicode name), every occurrence in order."""
    found = ((match.start(), match[0]) for match in _NOT_GSM.finditer(text))
    return [(index, char, unicodedata.name(char, _code_point(char))) for index, char in found]


def segments_without_forcing(text: str) -> int:
    """Segments the text would take if it had none of its `forcing_characters`."""
    return segments_of(_NOT_GSM.sub("", text))[2]


def _layout(text: str, reference_bits: int) -> tuple[Encoding, int, list[int]]:
    """Return the encoding, the units, and the index at which each part ends."""
    if reference_bits not in _PER_PART:
        raise ValueError(f"a reference has 8 or 16 bits, not {reference_bits}")
    encoding, double = Encoding.GSM_7, []
    if not _ALL_BASIC.fullmatch(text):
        encoding = Encoding.GSM_7 if _ALL_GSM.fullmatch(text) else Encoding.UCS_2
        double = [match.start() for match in _COSTLY[encoding].finditer(text)]
    units = len(text) + len(double)
    if units <= _SINGLE[encoding]:
        return encoding, units, [len(text)] if text else []
    return encoding, units, _cut(len(text), double, _PER_PART[reference_bits][encoding])


def _cut(length: int, double: list[int], capacity: int) -> list[int]:
    """Fill parts greedily; `double` holds the indexes of the characters that cost two units, all others cost one.

    A part ends where the units run out, or before the character whose two units would not both fit.
    """
    ends: list[int] = []
    units_through = [index + order + 2 for order, index in enumerate(double)]
    start = units_before = 0
    while start < length:
        limit = units_before + capacity
        doubles_before = bisect_right(units_through, limit)
        first_left_out = double[doubles_before] if doubles_before < len(double) else length
        start = min(limit - doubles_before, first_left_out)
        units_before = start + doubles_before
        ends.append(start)
    return ends


# --- GSM 7-bit septets -------------------------------------------------------------------------------------------


def gsm_encode(text: str) -> bytes:
    """Encode to unpacked septets, one per octet. Raises ValueError if a character is not in the GSM alphabet."""
    if stranger := _NOT_GSM.search(text):
        raise ValueError(f"{_code_point(stranger[0])} at index {stranger.start()} is not in the GSM 7-bit alphabet")
    return text.translate(_SEPTETS).encode("latin-1")


def gsm_decode(septets: bytes) -> str:
    """Decode unpacked septets as a phone does: an escape before a code that has no extension shows that code's basic
    character; a doubled escape, and one at the very end, show a space. Raises ValueError for an octet above 0x7F.
    """
    if not septets.isascii():
        raise ValueError("a septet is at most 0x7F")
    basic = septets.decode("ascii").translate(_BASIC)
    return re.sub(_ESCAPE + "(.?)", lambda pair: _escaped(pair[1]), basic, flags=re.DOTALL)


def _escaped(basic: str) -> str:
    return " " if basic in ("", _ESCAPE) else _EXTENSION_BY_BASIC.get(basic, basic)


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack septets into octets, low bits first, after `fill_bits` zero bits (0 to 6) that align them after a header."""
    bits = 0
    for septet in reversed(septets):
        bits = bits << 7 | septet
    return (bits << fill_bits).to_bytes((7 * len(septets) + fill_bits + 7) // 8, "little")


# --- what may not be sent ----------------------------------------------------------------------------------------

_REFUSED_CLASSES = {
    "\x00-\x09\x0b\x0e-\x1f\x7f-\x9f": "Control characters other than line breaks show as boxes on phones; remove it.",
    "\ud800-\udfff": "Half of a character is missing here; type the character again.",
    "\u202a-\u202e\u2066-\u2069": "This invisible character changes the order in which the text is read; remove it.",
    "\u200b\u2060\ufeff": "This character is invisible, costs more to send and can hide words; remove it.",
    "\U000e0000-\U000e007f": "This invisible tag character can carry hidden text; remove it.",
}
_REFUSED = re.compile(f"[{''.join(_REFUSED_CLASSES)}]")


def problems(text: str) -> list[TextProblem]:
    """List the characters that may not be sent, in order; empty when there are none.

    Look at the text that is to be sent: smart encoding turns some of these (tab, U+200B) into harmless ones.
    Joiners (U+200C, U+200D) pass, as emoji and several scripts need them.
    """
    return [
        TextProblem(match.start(), _code_point(match[0]), _why_refused(match[0])) for match in _REFUSED.finditer(text)
    ]


def _why_refused(char: str) -> str:
    return next(sentence for chars, sentence in _REFUSED_CLASSES.items() if re.match(f"[{chars}]", char))


def _code_point(char: str) -> str:
    return f"U+{ord(char):04X}"


# --- smart encoding ----------------------------------------------------------------------------------------------

_LOOK_ALIKES = {
    "\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\u0060\u00b4\uff40": "'",  # a full-width ` is no more GSM than ` is
    "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb": '"',
    "\u2039": "<",
    "\u203a": ">",
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58": "-",
    "\u2026": "...",
    "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000": " ",
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f": "",
    "\u2028\u2029\u0085": "\n",
}
_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_SMART = _FULL_WIDTH | {ord(char): plain for chars, plain in _LOOK_ALIKES.items() for char in chars}


def smart_encode(text: str) -> SmartEncoding:
    """Replace typographic look-alikes by GSM characters, all or nothing.

    Applied only if the result is wholly GSM 7-bit, not empty, and takes no more SMS than the original: half a repair
    would change the text and still cost the same. Accents are never stripped and nothing becomes a question mark.
    """
    before = segment(text)
    if before.encoding is Encoding.UCS_2:
        plain = normalise(text).translate(_SMART)
        after = segment(plain)
        if after.encoding is Encoding.GSM_7 and 0 < after.count <= before.count:
            return SmartEncoding(True, plain, tuple(_replacements(text)), before, after)
    return SmartEncoding(False, text, (), before, before)


def _replacements(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (index, from, to) for each base character, with its combining marks, that comes out different.

    Composing cluster by cluster gives the NFC of the whole here: what composes across base characters (Hangul, some
    Indic vowels) is never GSM, and then nothing is applied.
    """
    bases = [index for index, char in enumerate(text) if index == 0 or not unicodedata.combining(char)]
    for start, end in pairwise([*bases, len(text)]):
        cluster = text[start:end]
        if cluster not in _BASIC and (plain := normalise(cluster).translate(_SMART)) != cluster:
            yield start, cluster, plain


# --- emoji -------------------------------------------------------------------------------------------------------

# Unicode 17, emoji-data: pictographs above the BMP, code points reserved for future ones included, count as emoji
# wherever they stand; those in the BMP either show as emoji by default, or are text symbols (U+2764, U+2122) that
# become emoji by U+FE0F or a skin tone.
_PICTOGRAPH = (
    "\U0001f004\U0001f02c-\U0001f02f\U0001f094-\U0001f09f\U0001f0af\U0001f0b0\U0001f0c0\U0001f0cf\U0001f0d0"
    "\U0001f0f6-\U0001f0ff\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f1af-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a\U0001f23c-\U0001f23f"
    "\U0001f249-\U0001f25f\U0001f266-\U0001f321\U0001f324-\U0001f393\U0001f396\U0001f397\U0001f399-\U0001f39b"
    "\U0001f39e-\U0001f3f0\U0001f3f3-\U0001f3f5\U0001f3f7-\U0001f4fd\U0001f4ff-\U0001f53d\U0001f549-\U0001f54e"
    "\U0001f550-\U0001f567\U0001f56f\U0001f570\U0001f573-\U0001f57a\U0001f587\U0001f58a-\U0001f58d\U0001f590"
    "\U0001f595\U0001f596\U0001f5a4\U0001f5a5\U0001f5a8\U0001f5b1\U0001f5b2\U0001f5bc\U0001f5c2-\U0001f5c4"
    "\U0001f5d1-\U0001f5d3\U0001f5dc-\U0001f5de\U0001f5e1\U0001f5e3\U0001f5e8\U0001f5ef\U0001f5f3"
    "\U0001f5fa-\U0001f64f\U0001f680-\U0001f6c5\U0001f6cb-\U0001f6d2\U0001f6d5-\U0001f6e5\U0001f6e9"
    "\U0001f6eb-\U0001f6f0\U0001f6f3-\U0001f6ff\U0001f7dc-\U0001f7f0\U0001f80c-\U0001f80f\U0001f848-\U0001f84f"
    "\U0001f85a-\U0001f85f\U0001f888-\U0001f88f\U0001f8ae\U0001f8af\U0001f8bc-\U0001f8bf\U0001f8c2-\U0001f8cf"
    "\U0001f8d9-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001f9ff\U0001fa58-\U0001fa5f"
    "\U0001fa6e-\U0001faff\U0001fc00-\U0001fffd"
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd"
    "\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e"
    "\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
)
_TEXT_SYMBOL = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u2300-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299"
)
_SKIN_TONE = "[\U0001f3fb-\U0001f3ff]"
_ONE_EMOJI = (
    "(?:[\U0001f1e6-\U0001f1ff]{1,2}"  # a flag is two regional indicators
    "|[#*0-9]\ufe0f?\u20e3"  # a keycap
    f"|[{_PICTOGRAPH}](?!\ufe0e)\ufe0f?{_SKIN_TONE}?(?:[\U000e0020-\U000e007e]+\U000e007f)?"
    f"|[{_TEXT_SYMBOL}](?:\ufe0f{_SKIN_TONE}?|{_SKIN_TONE}))"
)
# No emoji is without one of these, and most texts have none: asking first saves trying every alternative everywhere.
_EMOJI_SIGN = re.compile("[\u20e3\u231a-\u2b55\ufe0f\U0001f000-\U0001ffff]")
_EMOJI = re.compile(f"{_ONE_EMOJI}(?:\u200d(?:{_ONE_EMOJI}|[{_TEXT_SYMBOL}]))*")


def emoji_in(text: str) -> list[str]:
    """List the emoji of a text in order, each whole: flags, keycaps, skin tones and joined families count as one."""
    return _EMOJI.findall(text) if _EMOJI_SIGN.search(text) else []


def contains_emoji(text: str) -> bool:
    """Say whether a text has any emoji. Symbols such as ©, ™ and ✓ count only when styled as emoji by U+FE0F."""
    return bool(_EMOJI_SIGN.search(text) and _EMOJI.search(text))
