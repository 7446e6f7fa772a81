"""From what a caller gave to what may be sent: one text with its cost, and the recipients with their problems.

The preview and the send use these same functions, so that what was shown is what happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sendout.domain import numbers, text
from sendout.domain.errors import Reason, SendoutError, Violation
from sendout.domain.numbers import NumberProblem, PhoneNumber
from sendout.domain.templates import Template
from sendout.domain.text import Encoding, SmartEncoding

_MOST_CHARACTERS = 20  # named in one refusal


@dataclass(frozen=True, slots=True)
class Composed:
    """A text as it would go out: normalised, with its encoding, its units and its segments (0 where it is empty).

    `smart` is what smart encoding came to, None where it was not asked for.
    """

    text: str
    encoding: Encoding
    units: int
    segments: int
    smart: SmartEncoding | None = None

    @property
    def given(self) -> str | None:
        """The text before smart encoding, where that changed it."""
        return _before(self.smart) if self.smart and self.smart.applied else None


def _before(smart: SmartEncoding) -> str:
    return "".join(smart.before.parts)


@dataclass(frozen=True, slots=True)
class TextRules:
    """What a contact point and the caller allow a text to be."""

    emoji_enabled: bool
    ceiling: int  # most segments the contact point sends
    accepted_segments: int  # most segments the caller accepted to send (the tick box)
    smart_encoding: bool = False
    longest: int = 4_000  # characters
    reference_bits: int = 8  # of the carrier's concatenation header
    variables: bool = True  # whether {{name}} stands for a value

    @property
    def allowed_segments(self) -> int:
        return min(self.accepted_segments, self.ceiling)


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a recipient gets no message of a personalised text; `refusal` is that of the text alone."""

    problem: NumberProblem
    detail: str  # says more than the problem's own sentence
    refusal: SendoutError | None = None


class Composer:
    """One text for many: composed once where it has no variables, and for each recipient where it has.

    `whole` is the text with its variables standing as typed. `refusals` are what is wrong with the text itself, the
    first of which a send raises: TEXT_EMPTY, TEXT_INVALID, EMOJI_NOT_ENABLED, SEGMENTS_NOT_ACCEPTED.
    """

    def __init__(self, typed: str, rules: TextRules) -> None:
        self._rules = rules
        self._template = Template(typed if rules.variables else "")
        self.whole, self.refusals = _examine(typed, rules)
        if self.personalised:  # each recipient's own text is counted
            self.refusals = [error for error in self.refusals if error.reason is not Reason.SEGMENTS_NOT_ACCEPTED]

    @property
    def personalised(self) -> bool:
        """Whether the text has variables."""
        return bool(self._template.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables in the text."""
        return self._template.names

    def compose(self, variables: Mapping[str, str]) -> Composed | Unfit:
        """The text of one recipient of a personalised text that has no refusals."""
        missing = self._template.missing(variables)
        if missing:
            listed = ", ".join(repr(name) for name in missing)
            return Unfit(NumberProblem.VARIABLE_MISSING, f"There is no value for {listed}.")
        composed, refusals = _examine(self._template.fill(variables), self._rules)
        if refusals:
            return Unfit(_UNFIT[refusals[0].reason], refusals[0].message, refusals[0])
        return composed


_UNFIT = {
    Reason.TEXT_EMPTY: NumberProblem.TEXT_INVALID,
    Reason.TEXT_INVALID: NumberProblem.TEXT_INVALID,
    Reason.EMOJI_NOT_ENABLED: NumberProblem.EMOJI_NOT_ENABLED,
    Reason.SEGMENTS_NOT_ACCEPTED: NumberProblem.TOO_MANY_SEGMENTS,
}


def _examine(typed: str, rules: TextRules) -> tuple[Composed, list[SendoutError]]:
    """Compose a text and list everything that keeps it from being sent."""
    if len(typed) > rules.longest:
        too_long = f"The text has {len(typed)} characters; at most {rules.longest} can be sent."
        return Composed("", Encoding.GSM_7, 0, 0), [_text_invalid(too_long)]
    body = text.normalise(typed)
    smart = text.smart_encode(body) if rules.smart_encoding else None
    if smart:
        body = smart.text
    encoding, units, segments = text.segments_of(body, reference_bits=rules.reference_bits)
    refusals = []
    if not body.strip():
        refusals.append(_text_empty())
    if problems := text.problems(body):
        refusals.append(_text_invalid(*(problem.said for problem in problems[:_MOST_CHARACTERS])))
    if emoji := [] if rules.emoji_enabled else text.emoji_in(body):
        refusals.append(_emoji_not_enabled(emoji))
    if segments > rules.allowed_segments:
        refusals.append(_segments_not_accepted(encoding, segments, rules))
    return Composed(body, encoding, units, segments, smart), refusals


def _text_empty() -> SendoutError:
    return SendoutError(
        Reason.TEXT_EMPTY,
        "The text is empty. Write what is to be sent.",
        violations=[Violation("text", "The text is empty.")],
    )


def _text_invalid(*sentences: str) -> SendoutError:
    return SendoutError(
        Reason.TEXT_INVALID,
        "The text cannot be sent as it is: " + " ".join(sentences),
        violations=[Violation("text", sentence) for sentence in sentences],
    )


def _emoji_not_enabled(emoji: Sequence[str]) -> SendoutError:
    listed = " ".join(dict.fromkeys(emoji))
    return SendoutError(
        Reason.EMOJI_NOT_ENABLED,
        f"Emoji are not enabled for this contact point. Remove {listed}.",
        violations=[Violation("text", f"Emoji are not enabled for this contact point: {listed}")],
    )


def _segments_not_accepted(encoding: Encoding, segments: int, rules: TextRules) -> SendoutError:
    allowed = rules.allowed_segments
    advice = (
        f"Accept {segments} segments (max_segments) or shorten the text."
        if segments <= rules.ceiling
        else f"This contact point sends at most {rules.ceiling}. Shorten the text."
    )
    return SendoutError(
        Reason.SEGMENTS_NOT_ACCEPTED,
        f"The text needs {segments} segments in {encoding.name}; {allowed} accepted. {advice}",
        violations=[Violation("text", f"The text needs {segments} segments in {encoding.name}; {allowed} accepted.")],
        metadata={"encoding": encoding.name, "segments": str(segments), "max_segments": str(allowed)},
    )


_NOTICES = frozenset(
    {
        NumberProblem.DUPLICATE,
        NumberProblem.OPTED_OUT,
        NumberProblem.NOT_OPTED_IN,
        NumberProblem.TOO_MANY_MESSAGES,
    }
)
_REFUSED_AS = {
    NumberProblem.COUNTRY_NOT_ALLOWED: Reason.COUNTRY_NOT_ALLOWED,
    NumberProblem.VARIABLE_MISSING: Reason.VARIABLE_MISSING,
    NumberProblem.TOO_MANY_SEGMENTS: Reason.SEGMENTS_NOT_ACCEPTED,
    NumberProblem.EMOJI_NOT_ENABLED: Reason.EMOJI_NOT_ENABLED,
    NumberProblem.TEXT_INVALID: Reason.TEXT_INVALID,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One recipient that will get no message of its own: its place in the request and the number as it was typed."""

    index: int
    typed: str
    problem: NumberProblem
    detail: str = ""

    @property
    def is_notice(self) -> bool:
        """Whether it refuses nothing: a duplicate collapses, who may not be sent to is left out."""
        return self.problem in _NOTICES

    @property
    def sentence(self) -> str:
        return self.detail or numbers.describe(self.problem)

    @property
    def violation(self) -> Violation:
        field = "variables" if self.problem is NumberProblem.VARIABLE_MISSING else "phone_number"
        return Violation(
            f"recipients[{self.index}].{field}", f"{self.typed[:40]!r}: {self.sentence} ({self.problem.value})"
        )


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


def invalid(problems: Sequence[Problem], largest: SendoutError | None) -> SendoutError | None:
    """The refusal that names every problem recipient; None where there is none.

    Its reason is that of the problems where all are of one kind that has its own, else RECIPIENT_INVALID. `largest` is
    the refusal of the longest text, where some take too many segments.
    """
    bad = [p for p in problems if not p.is_notice]
    if not bad:
        return None
    reasons = {_REFUSED_AS.get(p.problem, Reason.RECIPIENT_INVALID) for p in bad}
    named = ", ".join(repr(p.typed[:40]) for p in bad[:10]) + (f" and {len(bad) - 10} more" if len(bad) > 10 else "")
    reason = reasons.pop() if len(reasons) == 1 else Reason.RECIPIENT_INVALID
    return SendoutError(
        reason,
        f"{len(bad)} of the recipients cannot be sent to: {named}. Correct them, or send to the others only "
        "(invalid_recipients: SKIP).",
        violations=[p.violation for p in bad],
        metadata=largest.metadata if largest and reason is Reason.SEGMENTS_NOT_ACCEPTED else None,
    )
