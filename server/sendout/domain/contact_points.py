"""Contact points: what their settings are, what they default to, and what is wrong with them.

Who comes in: the commands that create and change contact points. Sender kinds: sms-domain.md section 6.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import phonenumbers

from sendout.domain import limits
from sendout.domain.errors import SendoutError, Violation
from sendout.domain.keywords import Keyword, classify
from sendout.domain.labels import label_problem
from sendout.domain.numbers import E164
from sendout.domain.replies import LONGEST_ANSWER
from sendout.domain.text import Encoding, normalise, segment
from sendout.domain.text import problems as text_problems
from sendout.domain.time_zones import check_time_zone

DEFAULT_MAX_SEGMENTS = limits.MAX_SEGMENTS
DEFAULT_SEGMENTS_PER_SECOND = 1.0
DEFAULT_BURST_SEGMENTS = 1
DEFAULT_TIME_ZONE = "UTC"
DEFAULT_BACKLOG_HOURS = 72

MAX_SEGMENTS_PER_SECOND = 10_000
MAX_BURST_SEGMENTS = 10_000
MAX_DAILY_SEGMENTS = 2_147_483_647
MAX_BACKLOG_HOURS = 2_160
MAX_NUMBER_MESSAGES_PER_HOUR = 1_000
MAX_ROLES = 100
MAX_COUNTRIES = 300
MAX_FALLBACK_CARRIERS = 5
MAX_SENDER_NAME = 11

_SHORT_CODE = re.compile(r"[0-9]{3,8}", re.ASCII)
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


class SenderKind(enum.Enum):
    """What recipients see as the sender; nobody can answer a name."""

    NUMBER = "number"
    SHORT_CODE = "short_code"
    NAME = "name"


class ConsentPolicy(enum.StrEnum):
    """Whose word is needed before a message may go out."""

    BLOCK_OPTED_OUT = "BLOCK_OPTED_OUT"
    REQUIRE_OPT_IN = "REQUIRE_OPT_IN"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nothing is sent: "HH:MM" in the recipient's time zone, the fallback where that is not known."""

    start: str
    end: str
    fallback_time_zone: str


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """A sending identity and its rules. Rates and caps are in segments, times in microseconds since 1970."""

    id: str
    label: str
    sender: str
    carrier: str
    default_region: str = ""
    emoji_enabled: bool = True
    max_segments: int = DEFAULT_MAX_SEGMENTS
    segments_per_second: float = DEFAULT_SEGMENTS_PER_SECOND
    burst_segments: int = DEFAULT_BURST_SEGMENTS
    daily_segment_cap: int = 0  # 0: none
    cap_time_zone: str = DEFAULT_TIME_ZONE
    allowed_countries: tuple[str, ...] = ()  # none: all
    quiet_hours: QuietHours | None = None
    smart_encoding: bool = False
    enabled: bool = True
    consent_policy: ConsentPolicy = ConsentPolicy.BLOCK_OPTED_OUT
    number_messages_per_hour: int = 0  # 0: no limit
    max_backlog_hours: int = DEFAULT_BACKLOG_HOURS
    fallback_carriers: tuple[str, ...] = ()  # tried in this order where the one before certainly took nothing
    opt_out_reply: str = ""  # what STOP, START and HELP are answered with; empty: built-in sentences
    opt_in_reply: str = ""
    help_reply: str = ""
    create_time: int = 0
    update_time: int = 0
    send_notification_roles: tuple[str, ...] = ()
    start_conversation_roles: tuple[str, ...] = ()


MUTABLE = frozenset(field.name for field in fields(ContactPoint)) - {"id", "create_time", "update_time"}
"""What may be changed after creation."""


def settled(typed: ContactPoint) -> ContactPoint:
    """The settings as they are kept: zeros and blanks become defaults, codes upper case, lists without repeats."""
    return replace(
        typed,
        label=typed.label.strip(),
        default_region=typed.default_region.upper(),
        max_segments=typed.max_segments or DEFAULT_MAX_SEGMENTS,
        segments_per_second=typed.segments_per_second or DEFAULT_SEGMENTS_PER_SECOND,
        burst_segments=typed.burst_segments or DEFAULT_BURST_SEGMENTS,
        cap_time_zone=typed.cap_time_zone or DEFAULT_TIME_ZONE,
        max_backlog_hours=typed.max_backlog_hours or DEFAULT_BACKLOG_HOURS,
        opt_out_reply=normalise(typed.opt_out_reply.strip()),
        opt_in_reply=normalise(typed.opt_in_reply.strip()),
        help_reply=normalise(typed.help_reply.strip()),
        allowed_countries=tuple(dict.fromkeys(code.upper() for code in typed.allowed_countries)),
        fallback_carriers=tuple(dict.fromkeys(typed.fallback_carriers)),
        send_notification_roles=tuple(dict.fromkeys(typed.send_notification_roles)),
        start_conversation_roles=tuple(dict.fromkeys(typed.start_conversation_roles)),
    )


def sender_kind(sender: str) -> SenderKind | None:
    """The kind of a well-formed sender, else None."""
    if E164.fullmatch(sender):
        return SenderKind.NUMBER
    if _SHORT_CODE.fullmatch(sender):
        return SenderKind.SHORT_CODE
    characters_fit = all(char == " " or char.isalpha() or char in "0123456789" for char in sender)
    named = 0 < len(sender) <= MAX_SENDER_NAME and characters_fit and any(char.isalpha() for char in sender)
    if named and sender == sender.strip() and segment(sender).encoding is Encoding.GSM_7:
        return SenderKind.NAME
    return None


def problems(point: ContactPoint, carriers: frozenset[str]) -> list[Violation]:
    """Everything wrong with `settled` settings; `carriers` are the configured ones. Roles are looked up later."""
    return [
        Violation(f"contact_point.{field}", f"{problem} You gave {typed!r:.80}.")
        for field, typed, problem in (
            *_identity_problems(point, carriers),
            *_limit_problems(point),
            *_place_problems(point),
            *_quiet_problems(point.quiet_hours),
            *_answer_problems(point),
        )
    ]


_Problems = Iterator[tuple[str, object, str]]


def _identity_problems(point: ContactPoint, carriers: frozenset[str]) -> _Problems:
    if problem := label_problem(point.label):
        yield "label", point.label, problem
    if sender_kind(point.sender) is None:
        yield "sender", point.sender, _sender_problem(point.sender)
    no_carrier = f"This is no carrier that is set up on this server (set up: {', '.join(sorted(carriers)) or 'none'})."
    if point.carrier not in carriers:
        yield "carrier", point.carrier, no_carrier
    if len(point.fallback_carriers) > MAX_FALLBACK_CARRIERS:
        listed = f"{len(point.fallback_carriers)} carriers"
        yield "fallback_carriers", listed, f"Give at most {MAX_FALLBACK_CARRIERS} carriers to fall back to."
        return
    for place, carrier in enumerate(point.fallback_carriers):
        if carrier == point.carrier:
            yield f"fallback_carriers[{place}]", carrier, "This is the contact point's own carrier; name others."
        elif carrier not in carriers:
            yield f"fallback_carriers[{place}]", carrier, no_carrier


def _sender_problem(sender: str) -> str:
    if not sender:
        return "Give a number with + and country code, a short code of 3 to 8 digits, or a name."
    if sender.startswith("+"):
        return "A number is +, the country code and the rest: 7 to 15 digits in all, nothing between them."
    if sender.isdigit():
        return "A short code has 3 to 8 digits. For a full number, put + and the country code first."
    return (
        f"A name has at most {MAX_SENDER_NAME} letters of the GSM alphabet, digits and spaces, at least one letter, "
        "and no space at its ends."
    )


def _limit_problems(point: ContactPoint) -> _Problems:
    # Written so that NaN, for which every comparison is false, is refused too.
    if not 1 <= point.max_segments <= limits.MAX_SEGMENTS:
        yield "max_segments", point.max_segments, f"Choose 1 to {limits.MAX_SEGMENTS}, or 0 for {DEFAULT_MAX_SEGMENTS}."
    if not 0 < point.segments_per_second <= MAX_SEGMENTS_PER_SECOND:
        yield (
            "segments_per_second",
            point.segments_per_second,
            f"Choose more than 0 and at most {MAX_SEGMENTS_PER_SECOND:,} segments per second, or 0 for 1.",
        )
    if not 1 <= point.burst_segments <= MAX_BURST_SEGMENTS:
        yield "burst_segments", point.burst_segments, f"Choose 1 to {MAX_BURST_SEGMENTS:,} segments, or 0 for 1."
    if not 0 <= point.daily_segment_cap <= MAX_DAILY_SEGMENTS:
        yield (
            "daily_segment_cap",
            point.daily_segment_cap,
            f"Choose at most {MAX_DAILY_SEGMENTS:,} segments a day, or 0 for no cap.",
        )
    if not 0 <= point.number_messages_per_hour <= MAX_NUMBER_MESSAGES_PER_HOUR:
        yield (
            "number_messages_per_hour",
            point.number_messages_per_hour,
            f"Choose at most {MAX_NUMBER_MESSAGES_PER_HOUR:,} messages an hour, or 0 for no limit.",
        )
    if not 1 <= point.max_backlog_hours <= MAX_BACKLOG_HOURS:
        yield (
            "max_backlog_hours",
            point.max_backlog_hours,
            f"Choose 1 to {MAX_BACKLOG_HOURS:,} hours, or 0 for {DEFAULT_BACKLOG_HOURS}.",
        )


def _place_problems(point: ContactPoint) -> _Problems:
    if point.default_region and not _is_region(point.default_region):
        yield "default_region", point.default_region, "Give a country as a two-letter ISO code, such as US."
    if len(point.allowed_countries) > MAX_COUNTRIES:
        listed = f"{len(point.allowed_countries)} countries"
        yield "allowed_countries", listed, f"Give at most {MAX_COUNTRIES} countries."
        return
    for place, code in enumerate(point.allowed_countries):
        if not _is_region(code):
            yield f"allowed_countries[{place}]", code, "Give a country as a two-letter ISO code, such as US."
    if not _is_time_zone(point.cap_time_zone):
        yield "cap_time_zone", point.cap_time_zone, "Give a time zone by its IANA name, such as America/Denver."


def _quiet_problems(quiet: QuietHours | None) -> _Problems:
    if quiet is None:
        return
    for name, typed in (("start", quiet.start), ("end", quiet.end)):
        if not _TIME_OF_DAY.fullmatch(typed):
            yield f"quiet_hours.{name}", typed, "Give a time of day as HH:MM, from 00:00 to 23:59."
    if quiet.start == quiet.end:
        yield "quiet_hours.end", quiet.end, "Quiet hours must end at another time than they begin."
    if not _is_time_zone(quiet.fallback_time_zone):
        yield (
            "quiet_hours.fallback_time_zone",
            quiet.fallback_time_zone,
            "Give a time zone by its IANA name, such as America/Denver.",
        )


def _answer_problems(point: ContactPoint) -> _Problems:
    for name in ("opt_out_reply", "opt_in_reply", "help_reply"):
        text: str = getattr(point, name)
        if len(text) > LONGEST_ANSWER:
            yield name, f"{len(text)} characters", f"An answer has at most {LONGEST_ANSWER} characters."
        elif found := text_problems(text):
            yield name, found[0].code_point, found[0].sentence
        elif classify(text, opted_out=True) in _ACTING:
            # Another machine would take it for a keyword and answer, and so on.
            yield name, text, "An answer cannot be a keyword itself. Write a sentence."


_ACTING = frozenset({Keyword.OPT_OUT, Keyword.OPT_IN, Keyword.HELP})


def _is_region(code: str) -> bool:
    return code in phonenumbers.SUPPORTED_REGIONS


def _is_time_zone(name: str) -> bool:
    try:
        return check_time_zone("", name) == name  # which an empty name is not
    except SendoutError:
        return False
