"""Phone numbers: from what a person typed to E.164, or to the reason why not.

Who comes in: the commands that accept recipients, the preview, the importers, and everything that must write a number
to a log. Parsing is libphonenumber's; this module decides what is let through to it, what a valid number must be for
an SMS to make sense, and offers the same answer much faster for numbers that already are E.164.
"""

import enum
import functools
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType, ValidationResult, shortnumberinfo


class NumberProblem(enum.StrEnum):
    """Why a recipient cannot be sent to. From DUPLICATE on callers find them; here so that there is one list."""

    EMPTY = "EMPTY"
    LETTERS = "LETTERS"
    EXTENSION = "EXTENSION"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    NO_COUNTRY_CODE = "NO_COUNTRY_CODE"
    UNKNOWN_COUNTRY = "UNKNOWN_COUNTRY"
    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    NOT_A_NUMBER_IN_PLAN = "NOT_A_NUMBER_IN_PLAN"
    TYPE_NOT_SMS = "TYPE_NOT_SMS"
    EMERGENCY_OR_SHORT_CODE = "EMERGENCY_OR_SHORT_CODE"
    DUPLICATE = "DUPLICATE"
    OPTED_OUT = "OPTED_OUT"
    COUNTRY_NOT_ALLOWED = "COUNTRY_NOT_ALLOWED"
    NOT_OPTED_IN = "NOT_OPTED_IN"
    TOO_MANY_MESSAGES = "TOO_MANY_MESSAGES"
    VARIABLE_MISSING = "VARIABLE_MISSING"
    TOO_MANY_SEGMENTS = "TOO_MANY_SEGMENTS"
    EMOJI_NOT_ENABLED = "EMOJI_NOT_ENABLED"
    TEXT_INVALID = "TEXT_INVALID"


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number an SMS can be sent to: its E.164 form, and its ISO country ("001" where it belongs to no country)."""

    e164: str
    region: str


E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
"""The shape of a number in E.164; whether there is such a number is another question."""

_NO_COUNTRY = "001"  # satellite and other networks

_SENTENCES = {
    NumberProblem.EMPTY: "There is no number here. Enter one or remove the empty entry.",
    NumberProblem.LETTERS: "The number contains letters. Write it with the digits 0 to 9 only.",
    NumberProblem.EXTENSION: "An SMS cannot be sent to an extension. Remove the extension or enter a mobile number.",
    NumberProblem.NOT_A_NUMBER: (
        "This is not a phone number. Use the digits 0 to 9, one + at the start, and only spaces, "
        "hyphens, dots, slashes or brackets between digits."
    ),
    NumberProblem.NO_COUNTRY_CODE: "The country code is missing. Start the number with + and the country code.",
    NumberProblem.UNKNOWN_COUNTRY: "No country has this country code. Check the digits after the +.",
    NumberProblem.TOO_SHORT: "The number is too short. Check for missing digits or a missing area code.",
    NumberProblem.TOO_LONG: "The number is too long. Check for extra digits or for two numbers run together.",
    NumberProblem.NOT_A_NUMBER_IN_PLAN: "This number is not in use in its country. Check the digits.",
    NumberProblem.TYPE_NOT_SMS: (
        "This kind of number cannot receive SMS (landline, premium rate, shared cost, company-wide or pager). "
        "Enter a mobile number."
    ),
    NumberProblem.EMERGENCY_OR_SHORT_CODE: (
        "This is an emergency number or a short code, which cannot receive notifications. Enter a full phone number."
    ),
    NumberProblem.DUPLICATE: "This number is in the list more than once; it gets one message. Remove the repeat.",
    NumberProblem.OPTED_OUT: "This person has asked not to receive messages. Remove the number.",
    NumberProblem.COUNTRY_NOT_ALLOWED: (
        "This contact point may not send to this country. Choose another contact point or remove the number."
    ),
    NumberProblem.NOT_OPTED_IN: (
        "This contact point sends only to people who have opted in, and this person has not. Record the consent first."
    ),
    NumberProblem.TOO_MANY_MESSAGES: (
        "This number has had as many messages in the last hour as this contact point allows. Try again later."
    ),
    NumberProblem.VARIABLE_MISSING: "The text names a variable that this recipient has no value for.",
    NumberProblem.TOO_MANY_SEGMENTS: "With this recipient's variables the text takes more segments than were accepted.",
    NumberProblem.EMOJI_NOT_ENABLED: "A variable of this recipient has emoji, which are not enabled here.",
    NumberProblem.TEXT_INVALID: "With this recipient's variables the text cannot be sent.",
}

# Longest item worth looking at: a number with generous punctuation. Keeps hostile input away from the regexes.
_LONGEST_TYPED = 100
_LONGEST_E164 = 16
_SHORTEST_E164 = 8

# What copying from address books and chats leaves around a number: bidi marks, zero-width characters, soft hyphens.
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
# Of what looks like ASCII only full-width forms and blanks count as such: NFKC would make a digit of a footnote mark.
_PLAIN = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_PLAIN |= dict.fromkeys((0x00A0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), 0x20)
_TEL_SCHEME = re.compile(r"tel:\s*", re.IGNORECASE)
_EXTENSION = re.compile(r"[0-9)][ ,;]*(?:extension|extn|ext|x|#)[ .:=]*[0-9]{1,9}#?", re.IGNORECASE | re.ASCII)
_ALLOWED = re.compile(r"[ (]*\+?[0-9 ().\-/]*")
_PUNCTUATION = str.maketrans("", "", " ().-/")
_SEPARATORS = re.compile(r"[,;\r\n]")

_REFUSED_TYPES = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.PAGER,
    }
)
_PARSE_PROBLEMS = {
    NumberParseException.INVALID_COUNTRY_CODE: NumberProblem.UNKNOWN_COUNTRY,
    NumberParseException.NOT_A_NUMBER: NumberProblem.TOO_SHORT,  # only digits get that far, so there were too few
    NumberParseException.TOO_SHORT_AFTER_IDD: NumberProblem.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: NumberProblem.TOO_SHORT,
    NumberParseException.TOO_LONG: NumberProblem.TOO_LONG,
}
# A number without its area code (possible locally only) is one that misses digits.
_LENGTH_PROBLEMS = {
    ValidationResult.INVALID_COUNTRY_CODE: NumberProblem.UNKNOWN_COUNTRY,
    ValidationResult.TOO_SHORT: NumberProblem.TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: NumberProblem.TOO_SHORT,
    ValidationResult.INVALID_LENGTH: NumberProblem.NOT_A_NUMBER_IN_PLAN,
    ValidationResult.TOO_LONG: NumberProblem.TOO_LONG,
}


def country_of(number: PhoneNumber) -> str:
    """Its ISO country, "" where it belongs to none."""
    return "" if number.region == _NO_COUNTRY else number.region


def describe(problem: NumberProblem) -> str:
    """Say in one or two plain sentences what is wrong and what to do about it."""
    return _SENTENCES[problem]


def split_list(text: str) -> list[str]:
    """Split what was entered as a list of numbers on commas, semicolons and line ends; blanks and empty items drop out.

    The items keep their spelling and order; nothing is checked or made unique here.
    """
    return [item for part in _SEPARATORS.split(text) if (item := part.strip())]


def parse(typed: str, default_region: str = "", *, allow_reserved: bool = False) -> PhoneNumber | NumberProblem:
    """Read one number as a person typed it; answer the number, or the problem that makes it unfit for SMS.

    `default_region` is the ISO country for numbers without a country code, empty for none. A leading 00 stands for +
    only when there is none, because with one the country's own dialling rules apply. A `tel:` scheme is dropped, since
    links are a common source of copied numbers; its parameters are refused as letters or an extension.
    `allow_reserved` also takes numbers whose length is right but which nobody holds (those set aside for films and
    tests), for contact points that reach no real phone.

    Raises ValueError when `default_region` is not a region with a numbering plan: a setting is wrong, not the number.
    """
    if default_region and default_region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"not a region with a numbering plan: {default_region!r}")
    number = _accept_fast(typed)
    if number is not None:
        return number
    compact = _compact(typed)
    if isinstance(compact, NumberProblem):
        return compact
    if not default_region and compact.startswith("00"):
        compact = "+" + compact[2:]
    return _accept_fast(compact) or _parse_fully(compact, default_region, allow_reserved)


def parse_many(
    typed: Sequence[str], default_region: str = "", *, allow_reserved: bool = False
) -> list[PhoneNumber | NumberProblem]:
    """Read each item as `parse` does; answers stand in the order of the items, so an index finds the spelling."""
    return [parse(item, default_region, allow_reserved=allow_reserved) for item in typed]


def number_key(e164: str, key: bytes) -> bytes:
    """Return 16 bytes that stand for a number where the number itself must not be kept: a truncated HMAC-SHA256."""
    return hmac.digest(key, e164.encode(), "sha256")[:16]


def masked(e164: str, key: bytes) -> str:
    """Return the form for logs, `+44…21 #a1b2c3d4e5`: country code, last two digits, first 10 hex digits of the key.

    Lines about one number can be found with the key at hand; the number cannot be read from it.
    """
    return f"+{_calling_code(e164[1:])}…{e164[-2:]} #{number_key(e164, key)[:5].hex()}"


def _compact(typed: str) -> str | NumberProblem:
    """Reduce to ASCII digits with at most one + before them; other digits, letters and symbols are refused."""
    text = typed.strip()
    if len(text) > _LONGEST_TYPED:
        return NumberProblem.TOO_LONG
    text = _INVISIBLE.sub("", text.translate(_PLAIN)).strip()
    if scheme := _TEL_SCHEME.match(text):
        text = text[scheme.end() :]
    if not text:
        return NumberProblem.EMPTY
    if not _ALLOWED.fullmatch(text):
        if _EXTENSION.search(text):
            return NumberProblem.EXTENSION
        return NumberProblem.LETTERS if any(map(str.isalpha, text)) else NumberProblem.NOT_A_NUMBER
    compact = text.translate(_PUNCTUATION)
    return compact if compact.strip("+") else NumberProblem.NOT_A_NUMBER


def _parse_fully(compact: str, default_region: str, allow_reserved: bool) -> PhoneNumber | NumberProblem:
    """Ask the library: parse, then possible, valid and of a kind that takes SMS."""
    national = not compact.startswith("+")
    if national and not default_region:
        return NumberProblem.NO_COUNTRY_CODE
    if national and shortnumberinfo.is_emergency_number(compact, default_region):
        return NumberProblem.EMERGENCY_OR_SHORT_CODE
    try:
        number = phonenumbers.parse(compact, default_region or None)
    except NumberParseException as error:
        return _PARSE_PROBLEMS[error.error_type]
    if phonenumbers.is_valid_number(number):
        length = phonenumbers.is_possible_number_with_reason(number)
        if length != ValidationResult.IS_POSSIBLE:
            return _LENGTH_PROBLEMS[length]
        if phonenumbers.number_type(number) in _REFUSED_TYPES:
            return NumberProblem.TYPE_NOT_SMS
        return _phone_number(number)
    if national and shortnumberinfo.is_valid_short_number_for_region(number, default_region):
        return NumberProblem.EMERGENCY_OR_SHORT_CODE
    length = phonenumbers.is_possible_number_with_reason(number)
    if length != ValidationResult.IS_POSSIBLE:
        return _LENGTH_PROBLEMS[length]
    return _reserved(number) if allow_reserved else NumberProblem.NOT_A_NUMBER_IN_PLAN


def _reserved(number: phonenumbers.PhoneNumber) -> PhoneNumber | NumberProblem:
    # With no pattern to hold it, what is left of a doubled national prefix (+44 00 7700…) would lose another digit each
    # time it is read; only a number that reads as itself can be a key.
    answer = _phone_number(number)
    if isinstance(answer, PhoneNumber) and phonenumbers.parse(answer.e164) != number:
        return NumberProblem.NOT_A_NUMBER_IN_PLAN
    return answer


def _phone_number(number: phonenumbers.PhoneNumber) -> PhoneNumber | NumberProblem:
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if len(e164) > _LONGEST_E164:  # some plans allow more digits than E.164 does
        return NumberProblem.TOO_LONG
    # A reserved number may fit no region of a shared country code; the code's main region then stands for it.
    main_region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return PhoneNumber(e164, phonenumbers.region_code_for_number(number) or main_region)


# --- the fast path -----------------------------------------------------------------------------------------------
#
# One regular expression per country calling code, made from the library's own metadata on first use, says yes only
# where the library is bound to say the same; anything else is left to the library. For a shared calling code (+1, +7,
# +44) the library walks the regions in a fixed order and the first that claims the number has it. The expression walks
# the same order: for each region first "claims it and it is a mobile number", a group named for the region, then
# "claims it otherwise", an unnamed group, which ends the walk without an answer.

_CALLING_CODES = frozenset(str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
_NEVER = "(?!)"
_REFUSED_KINDS = ("premium_rate", "shared_cost", "pager", "uan")
_KINDS = (*_REFUSED_KINDS, "toll_free", "voip", "personal_number", "voicemail", "fixed_line", "mobile")


def _accept_fast(typed: str) -> PhoneNumber | None:
    """Return the number if `typed` is E.164 already and certainly right; None means "ask the library"."""
    if not (_SHORTEST_E164 <= len(typed) <= _LONGEST_E164 and typed[0] == "+" and typed.isascii()):
        return None
    digits = typed[1:]
    if not digits.isdecimal():
        return None
    code = _calling_code(digits)
    found = _plan(code).match(digits[len(code) :]) if code else None
    return PhoneNumber(typed, found.lastgroup) if found and found.lastgroup else None


def _calling_code(digits: str) -> str:
    """Return the country calling code that begins `digits`, empty if none does; no code begins another."""
    for size in (2, 1, 3):
        if (code := digits[:size]) in _CALLING_CODES:
            return code
    return ""


@functools.cache
def _plan(code: str) -> re.Pattern[str]:
    """Build the expression over national numbers of one calling code. Some take milliseconds: hence on first use."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(code)]
    main = _metadata(regions[0])
    if main is None or main.general_desc is None:  # not a country: satellite and other networks
        return re.compile(_NEVER)
    # The library checks possible lengths against the main region, and strips what looks like a national prefix even
    # from international numbers: a number of another length, or that begins like that, is left to it.
    prefix = main.national_prefix_for_parsing
    guard = _lengths(main.general_desc.possible_length) + (rf"(?!(?:{prefix})(?<!\A))" if prefix else "")
    walk = "|".join(_region_steps(region, shared=len(regions) > 1) for region in regions)
    return re.compile(f"{guard}(?:{walk})", re.ASCII)


def _region_steps(region: str, *, shared: bool) -> str:
    """Return the alternatives for one region: takes SMS (a group with its name), and claimed by it (an unnamed one)."""
    metadata = _metadata(region)
    if metadata is None:
        return _NEVER
    general = f"(?={_kind(metadata, 'general_desc')})"
    refused = "|".join(_kind(metadata, kind) for kind in _REFUSED_KINDS)
    leading = f"(?={metadata.leading_digits})" if metadata.leading_digits else ""
    accepted = f"(?P<{region}>{leading}{general}(?!{refused}){_kind(metadata, 'mobile')})"
    if not shared:
        return accepted
    anything = "|".join(_kind(metadata, kind) for kind in _KINDS)
    return f"{accepted}|({leading or f'{general}(?:{anything})'})"


def _metadata(region: str) -> PhoneMetadata | None:
    return PhoneMetadata.metadata_for_region(region, None)


def _kind(metadata: PhoneMetadata, kind: str) -> str:
    """Return an expression for whole numbers of one kind: its pattern, and its lengths where they are narrower."""
    description = getattr(metadata, kind)
    if description is None or not description.national_number_pattern:
        return _NEVER
    return f"(?:{_lengths(description.possible_length)}(?:{description.national_number_pattern})\\Z)"


def _lengths(possible: Iterable[int]) -> str:
    wanted = "|".join(rf"[0-9]{{{length}}}\Z" for length in possible if length > 0)
    return f"(?={wanted})" if wanted else ""
