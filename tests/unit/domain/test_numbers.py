"""Phone numbers: what is accepted and refused, the fast path's agreement with the library, lists and log forms."""

import hashlib
import hmac
import random
import re
from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain import numbers
from sendout.domain.numbers import (
    NumberProblem,
    PhoneNumber,
    describe,
    masked,
    number_key,
    parse,
    parse_many,
    split_list,
)

US = PhoneNumber("+14155552671", "US")
GB = PhoneNumber("+447400123456", "GB")
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(
    ("typed", "region", "result"),
    [
        ("+14155552671", "", US),
        ("(415) 555-2671", "US", US),
        ("4155552671", "", NumberProblem.NO_COUNTRY_CODE),
        ("1-800-FLOWERS", "US", NumberProblem.LETTERS),
        ("+1 415 555 2671 ext 5", "", NumberProblem.EXTENSION),
        ("+1 415 555 26711", "", NumberProblem.TOO_LONG),
        ("+1415555267", "", NumberProblem.TOO_SHORT),
        ("911", "US", NumberProblem.EMERGENCY_OR_SHORT_CODE),
        ("+0 123", "", NumberProblem.UNKNOWN_COUNTRY),
        ("＋１４１５５５５２６７１", "", US),
        ("tel:+1-415-555-2671", "", US),
        ("07400 123456", "GB", GB),
        ("00447400123456", "GB", GB),
        ("+44 7700 900123", "", NumberProblem.NOT_A_NUMBER_IN_PLAN),
    ],
)
def test_table(typed: str, region: str, result: PhoneNumber | NumberProblem) -> None:
    """Each row of the table of typed numbers gives its number or its reason."""
    assert parse(typed, region) == result


@pytest.mark.security("inputs", "Arabic-Indic and superscript digits in numbers")
@pytest.mark.parametrize(
    ("typed", "region", "result"),
    [
        ("", "", NumberProblem.EMPTY),
        (" \u202a\u202c ", "US", NumberProblem.EMPTY),
        ("tel:", "", NumberProblem.EMPTY),
        ("\u202a+44 7400 123456\u202c", "", GB),
        ("+44\u00a07400\u200b123456\n", "", GB),
        ("00447400123456", "", GB),
        ("(+44) 07400/123.456", "", GB),
        ("+44 (0)7400 123456", "", GB),
        ("TEL: +44-7400-123456", "", GB),
        ("447400123456", "GB", GB),
        ("14155552671", "US", US),
        ("011 44 7400 123456", "US", GB),
        ("+٤٤٧٤٠٠١٢٣٤٥٦", "", NumberProblem.NOT_A_NUMBER),
        ("+44740012345٦", "", NumberProblem.NOT_A_NUMBER),
        ("+44740012345⁶", "", NumberProblem.NOT_A_NUMBER),
        ("+447400123456¹", "", NumberProblem.NOT_A_NUMBER),
        ("⁺447400123456", "", NumberProblem.NOT_A_NUMBER),
        ("+44740012345₆", "", NumberProblem.NOT_A_NUMBER),
        ("+44740012345⑥", "", NumberProblem.NOT_A_NUMBER),
        ("+44740012345𝟔", "", NumberProblem.NOT_A_NUMBER),
        ("+44740012345६", "", NumberProblem.NOT_A_NUMBER),
        ("＋４４　（０）７４００－１２３４５６", "", GB),
        ("++447400123456", "", NumberProblem.NOT_A_NUMBER),
        ("+44+7400123456", "", NumberProblem.NOT_A_NUMBER),
        ("447400+123456", "GB", NumberProblem.NOT_A_NUMBER),
        ("+44 7400 123456!", "", NumberProblem.NOT_A_NUMBER),
        ("+44_7400_123456", "", NumberProblem.NOT_A_NUMBER),
        ("+", "", NumberProblem.NOT_A_NUMBER),
        ("()", "US", NumberProblem.NOT_A_NUMBER),
        ("Jane Doe", "US", NumberProblem.LETTERS),
        ("mobile +447400123456", "", NumberProblem.LETTERS),
        ("+1 415 555 2671x5", "", NumberProblem.EXTENSION),
        ("+1 415 555 2671 #5", "", NumberProblem.EXTENSION),
        ("tel:+1-415-555-2671;ext=5", "", NumberProblem.EXTENSION),
        ("tel:5552671;phone-context=+1415", "", NumberProblem.LETTERS),
        ("5", "US", NumberProblem.TOO_SHORT),
        ("+1", "", NumberProblem.TOO_SHORT),
        ("555-2671", "US", NumberProblem.TOO_SHORT),
        ("+999 123456789", "", NumberProblem.UNKNOWN_COUNTRY),
        ("+44 7400 123456 +44 7400 123457", "", NumberProblem.NOT_A_NUMBER),
        ("+44 7400 123456 / 7400 123457", "", NumberProblem.TOO_LONG),
        ("9" * 101, "US", NumberProblem.TOO_LONG),
        ("a" * 100_000, "US", NumberProblem.TOO_LONG),
        ("999", "GB", NumberProblem.EMERGENCY_OR_SHORT_CODE),
        ("112", "DE", NumberProblem.EMERGENCY_OR_SHORT_CODE),
        ("611", "US", NumberProblem.EMERGENCY_OR_SHORT_CODE),
        ("+44 20 7946 0018", "", NumberProblem.TYPE_NOT_SMS),
        ("+44 909 8790000", "", NumberProblem.TYPE_NOT_SMS),
        ("+44 84 3410 0000", "", NumberProblem.TYPE_NOT_SMS),
        ("+44 76 4012 3456", "", NumberProblem.TYPE_NOT_SMS),
        ("+39 02 1234 5678", "", NumberProblem.TYPE_NOT_SMS),
        ("+39 312 345 6789", "", PhoneNumber("+393123456789", "IT")),
        ("+7 701 000 0000", "", PhoneNumber("+77010000000", "KZ")),
        ("+1 416 555 2671", "", PhoneNumber("+14165552671", "CA")),
        ("+44 7781 123456", "", PhoneNumber("+447781123456", "GG")),
        ("07781 123456", "GG", PhoneNumber("+447781123456", "GG")),
        ("011 15 2345-6789", "AR", PhoneNumber("+5491123456789", "AR")),
    ],
)
def test_more_spellings(typed: str, region: str, result: PhoneNumber | NumberProblem) -> None:
    """Spellings people paste are read as meant, or refused for the reason a person would give."""
    assert parse(typed, region) == result


@pytest.mark.parametrize(
    ("typed", "region", "result"),
    [
        ("+44 7700 900123", "", PhoneNumber("+447700900123", "GB")),
        ("07700 900123", "GB", PhoneNumber("+447700900123", "GB")),
        ("+1 415 555 0123", "", PhoneNumber("+14155550123", "US")),
        ("(415) 555-0199", "US", PhoneNumber("+14155550199", "US")),
        ("+1 555 555 0123", "", PhoneNumber("+15555550123", "US")),
        ("+14155552671", "", US),
        ("+44 7700 9001", "", NumberProblem.TOO_SHORT),
        ("+44 00 7700 90012", "", NumberProblem.NOT_A_NUMBER_IN_PLAN),
        ("555-0123", "US", NumberProblem.TOO_SHORT),
        ("911", "US", NumberProblem.EMERGENCY_OR_SHORT_CODE),
        ("+44 20 7946 0018", "", NumberProblem.TYPE_NOT_SMS),
    ],
)
def test_reserved_numbers(typed: str, region: str, result: PhoneNumber | NumberProblem) -> None:
    """Where no real phone is reached, numbers of the right length that nobody holds are taken; all else is as ever."""
    assert parse(typed, region, allow_reserved=True) == result


@pytest.mark.parametrize("region", ["XX", "us", "001", "44"])
def test_a_wrong_default_region_is_the_settings_fault(region: str) -> None:
    """A default region without a numbering plan raises instead of blaming the number."""
    with pytest.raises(ValueError, match="not a region"):
        parse("+14155552671", region)


@given(st.text(max_size=40) | st.text(st.sampled_from("+0123456789 ()-./x,;#tel:"), max_size=30))
def test_anything_typed_gets_an_answer(typed: str) -> None:
    """Whatever is typed gets a number or a problem, with and without region; a number is proper E.164."""
    for region in ("", "GB", "AR"):
        answer = parse(typed, region, allow_reserved=True)
        assert isinstance(answer, NumberProblem) or re.fullmatch(r"\+[1-9][0-9]{3,14}", answer.e164)


def near_valid(seed: int, copies: int) -> Iterator[str]:
    """Example numbers of every region and kind, each with copies that differ in a digit, a tail, or the length."""
    chance = random.Random(seed)
    for region in REGIONS:
        for kind in range(phonenumbers.PhoneNumberType.VOICEMAIL + 1):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            yield number
            for _ in range(copies):
                place = chance.randrange(2, len(number))
                digits = [str(chance.randrange(10)) for _ in number]
                yield number[:place] + digits[0] + number[place + 1 :]
                yield number[:place] + "".join(digits[place:])
                yield number[:place] + digits[0] + number[place:]


def agree(number: str) -> bool:
    """Hold the fast path's answer, if it has one, to the library's; say whether it had one."""
    fast = numbers._accept_fast(number)
    if fast is not None:
        for region in ("", "US", "AR", "GG"):
            assert numbers._parse_fully(number, region, False) == fast
    return fast is not None


def test_fast_path_agrees_on_near_valid_numbers() -> None:
    """What the fast path accepts near every region's example numbers, the library answers alike, region and all."""
    accepted = sum(map(agree, near_valid(seed=1, copies=12)))
    assert accepted > 3_000


@given(
    st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
    st.text(st.sampled_from("0123456789"), min_size=3, max_size=13),
)
def test_fast_path_agrees_on_random_numbers(code: int, national: str) -> None:
    """What the fast path accepts among random numbers of every calling code, the library answers alike."""
    agree(f"+{code}{national}")


def test_fast_path_takes_nearly_every_mobile_number() -> None:
    """The fast path is no dead letter: it takes the example mobile number of nearly every region that has one."""
    examples = [phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE) for region in REGIONS]
    mobiles = [phonenumbers.format_number(e, phonenumbers.PhoneNumberFormat.E164) for e in examples if e is not None]
    taken = [number for number in mobiles if numbers._accept_fast(number)]
    assert len(mobiles) > 200
    assert len(taken) >= 0.97 * len(mobiles)


@pytest.mark.parametrize(
    "typed", ["", "+", "+1415555267١", "14155552671", "+1 4155552671", "+0123456789", "+14155552671\n"]
)
def test_fast_path_leaves_what_is_not_e164(typed: str) -> None:
    """Only a bare E.164 string in ASCII digits is the fast path's business."""
    assert numbers._accept_fast(typed) is None


def test_a_number_reads_as_itself() -> None:
    """The E.164 form of an accepted number, reserved ones included, is read again as the same number."""
    for typed in near_valid(seed=2, copies=2):
        answer = parse(typed, allow_reserved=True)
        if isinstance(answer, PhoneNumber):
            assert parse(answer.e164, allow_reserved=True) == answer


def test_many_keep_their_places() -> None:
    """Answers stand in the order of the items, so an index finds what was typed."""
    assert parse_many(["+14155552671", "x", "07400 123456"], "GB") == [US, NumberProblem.LETTERS, GB]
    assert parse_many(["+447700900123"], allow_reserved=True) == [PhoneNumber("+447700900123", "GB")]


@pytest.mark.parametrize("problem", list(NumberProblem))
def test_every_problem_has_a_sentence(problem: NumberProblem) -> None:
    """Each problem is described in whole sentences, and its value is its name."""
    assert problem.value == problem.name
    assert re.fullmatch(r"[A-Z].*\.", describe(problem))


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        (" , ,, ;\n", []),
        ("+14155550101, +14155550102", ["+14155550101", "+14155550102"]),
        (" (415) 555-0101 ,\r\n+44 7700 900123;07400 123456,", ["(415) 555-0101", "+44 7700 900123", "07400 123456"]),
    ],
)
def test_list(text: str, items: list[str]) -> None:
    """S22: commas, semicolons and line ends separate; blanks, empty items and a trailing comma are tolerated."""
    assert split_list(text) == items


@given(
    st.lists(st.text(st.sampled_from("+0123456789 ()-."), min_size=1).map(str.strip).filter(bool)),
    st.lists(st.sampled_from([",", " , ", ";", "\n", "\r\n", ",,", " ,\n, ;"]), min_size=1),
)
def test_any_separators_give_the_items_back(items: list[str], separators: list[str]) -> None:
    """However items are separated, they come back with their spelling and order."""
    text = "".join(item + separators[index % len(separators)] for index, item in enumerate(items))
    assert split_list(text) == items
    assert split_list(f", {text} ,") == items


@pytest.mark.parametrize(
    ("e164", "shown"),
    [("+447400123421", "+44…21"), ("+14155552671", "+1…71"), ("+353861234567", "+353…67")],
)
def test_log_form(e164: str, shown: str) -> None:
    """The log form shows country code, last two digits and ten hex digits of a keyed hash, and nothing else."""
    digest = hmac.new(b"secret", e164.encode(), hashlib.sha256).digest()
    assert masked(e164, b"secret") == f"{shown} #{digest.hex()[:10]}"
    assert number_key(e164, b"secret") == digest[:16]
    assert masked(e164, b"other") != masked(e164, b"secret")
