"""From what a caller gave to what may be sent: one text with its cost, and the recipients with their problems.

The preview and the send use these same functions, so that what was shown is what happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sendout.domain import numbers, text
from sendout.domain.errors import Reason, SendoutError, Violation
from sendout.domain.numbers import NumberProblem, PhoneNumber
from sendout.domain.text import Encoding


@dataclass(frozen=True, slots=True)
class Composed:
    """A text that may be sent: normalised, with its encoding, its units and its segments (≥ 1)."""

    text: str
    encoding: Encoding
    units: int
    segments: int


@dataclass(frozen=True, slots=True)
class TextRules:
    """What a contact point and the caller allow a text to be."""

    emoji_enabled: bool
    ceiling: int  # most segments the contact point sends
    accepted_segments: int  # most segments the caller accepted to send (the tick box)
    smart_encoding: bool = False
    longest: int = 4_000  # characters


def compose(typed: str, rules: TextRules) -> Composed:
    """Check a text and count it. Raises TEXT_EMPTY, TEXT_INVALID, EMOJI_NOT_ENABLED or SEGMENTS_NOT_ACCEPTED."""
    if len(typed) > rules.longest:
        raise _text_invalid(f"The text has {len(typed)} characters; at most {rules.longest} can be sent.")
    body = text.normalise(typed)
    if rules.smart_encoding:
        body = text.smart_encode(body).text
    if not body.strip():
        raise SendoutError(
            Reason.TEXT_EMPTY,
            "The text is empty. Write what is to be sent.",
            violations=[Violation("text", "The text is empty.")],
        )
    problems = text.problems(body)
    if problems:
        raise _text_invalid(*(f"{p.sentence} ({p.code_point} at character {p.index})" for p in problems[:20]))
    emoji = [] if rules.emoji_enabled else text.emoji_in(body)
    if emoji:
        listed = " ".join(dict.fromkeys(emoji))
        raise SendoutError(
            Reason.EMOJI_NOT_ENABLED,
            f"Emoji are not enabled for this contact point. Remove {listed}.",
            violations=[Violation("text", f"Emoji are not enabled for this contact point: {listed}")],
        )
    encoding, units, segments = text.segments_of(body)
    _check_segments(encoding, segments, rules)
    return Composed(body, encoding, units, segments)


def _text_invalid(*sentences: str) -> SendoutError:
    return SendoutError(
        Reason.TEXT_INVALID,
        "The text cannot be sent as it is: " + " ".join(sentences),
        violations=[Violation("text", sentence) for sentence in sentences],
    )


def _check_segments(encoding: Encoding, segments: int, rules: TextRules) -> None:
    allowed = min(rules.accepted_segments, rules.ceiling)
    if segments <= allowed:
        return
    advice = (
        f"Accept {segments} segments (max_segments) or shorten the text."
        if segments <= rules.ceiling
        else f"This contact point sends at most {rules.ceiling}. Shorten the text."
    )
    raise SendoutError(
        Reason.SEGMENTS_NOT_ACCEPTED,
        f"The text needs {segments} segments in {encoding.name}; {allowed} accepted. {advice}",
        violations=[Violation("text", f"The text needs {segments} segments in {encoding.name}; {allowed} accepted.")],
        metadata={"encoding": encoding.name, "segments": str(segments), "max_segments": str(allowed)},
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One recipient that will get no message of its own: its place in the request and the number as it was typed."""

    index: int
    typed: str
    problem: NumberProblem

    @property
    def is_notice(self) -> bool:
        """Whether it refuses nothing: a duplicate collapses, an opted-out recipient is skipped."""
        return self.problem in (NumberProblem.DUPLICATE, NumberProblem.OPTED_OUT)

    @property
    def sentence(self) -> str:
        return numbers.describe(self.problem)


@dataclass(frozen=True, slots=True)
class NumberRules:
    """What a contact point makes of numbers."""

    default_region: str
    allow_reserved: bool  # numbers that reach nobody, for carriers that reach no real phone
    allowed_countries: frozenset[str]  # empty: all


class Recipients:
    """Numbers as they come in, in chunks: valid ones once each in their order, and every problem."""

    def __init__(self, rules: NumberRules) -> None:
        self._rules = rules
        self._seen: set[int] = set()
        self._next = 0
        self.problems: list[Problem] = []

    def add(self, typed: Sequence[str]) -> list[tuple[int, PhoneNumber]]:
        """The new valid numbers of this chunk with their places in the request."""
        fresh: list[tuple[int, PhoneNumber]] = []
        parsed = numbers.parse_many(typed, self._rules.default_region, allow_reserved=self._rules.allow_reserved)
        for index, number in enumerate(parsed, self._next):
            problem = number if isinstance(number, NumberProblem) else self._judge(number)
            if problem is not None:
                self.problems.append(Problem(index, typed[index - self._next], problem))
            elif isinstance(number, PhoneNumber):
                fresh.append((index, number))
        self._next += len(typed)
        return fresh

    def _judge(self, number: PhoneNumber) -> NumberProblem | None:
        if self._rules.allowed_countries and number.region not in self._rules.allowed_countries:
            return NumberProblem.COUNTRY_NOT_ALLOWED
        digits = int(number.e164[1:])  # an int takes half the room of the text: a million of them are kept
        if digits in self._seen:
            return NumberProblem.DUPLICATE
        self._seen.add(digits)
        return None


def refuse_invalid(problems: Sequence[Problem]) -> None:
    """Raise RECIPIENT_INVALID naming every problem number, or COUNTRY_NOT_ALLOWED where that is the only kind."""
    bad = [p for p in problems if not p.is_notice]
    if not bad:
        return
    only_country = all(p.problem is NumberProblem.COUNTRY_NOT_ALLOWED for p in bad)
    named = ", ".join(repr(p.typed[:40]) for p in bad[:10]) + (f" and {len(bad) - 10} more" if len(bad) > 10 else "")
    raise SendoutError(
        Reason.COUNTRY_NOT_ALLOWED if only_country else Reason.RECIPIENT_INVALID,
        f"{len(bad)} of the recipients cannot be sent to: {named}. Correct them, or send to the others only "
        "(invalid_recipients: SKIP).",
        violations=[
            Violation(f"recipients[{p.index}].phone_number", f"{p.typed[:40]!r}: {p.sentence} ({p.problem.value})")
            for p in bad
        ],
    )
