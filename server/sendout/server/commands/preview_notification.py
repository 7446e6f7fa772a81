"""Look before sending: what SendNotification would do with the same request, and what it would cost.

It goes through the same draft and the same plan as a send, so that what is shown is what happens. Nothing is kept, and
what a send would refuse is told, not raised, so that a form can show all of it at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sendout.domain import numbers, text
from sendout.domain.clock import Clock
from sendout.domain.composing import Composed, Problem
from sendout.domain.errors import SendoutError
from sendout.domain.hints import Hint, hints
from sendout.domain.numbers import NumberProblem, PhoneNumber, country_of
from sendout.domain.permissions import Caller
from sendout.domain.reports import finish_time
from sendout.domain.text import SmartEncoding
from sendout.server.commands.drafting import Addressee, Draft, Drafts, Plan
from sendout.server.commands.headers import Header, NewRecipient
from sendout.storage.engine import Database
from sendout.storage.prices import PriceBook


@dataclass(frozen=True, slots=True)
class RecipientPreview:
    """What would become of one recipient. Times in microseconds since 1970; `opted_out` is None without a word."""

    place: int
    typed: str
    e164: str = ""
    country: str = ""
    problem: Problem | None = None
    opted_out: bool | None = None
    segments: int = 0
    held_until: int | None = None


@dataclass(frozen=True, slots=True)
class TextPreview:
    """The text of the largest message, or as typed where there is none, and how it would go out."""

    composed: Composed
    characters_left: int
    forcing: Sequence[str]  # the characters that force UCS_2, each once
    segments_without: int  # if it had none of these
    smart: SmartEncoding
    smart_enabled: bool
    hints: Sequence[Hint]


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything a sender wants to know before sending. `refusals`: the first is the one that a send raises."""

    draft: Draft
    refusals: Sequence[SendoutError]
    text: TextPreview
    recipients: Sequence[RecipientPreview]
    message_count: int
    held_count: int
    billable_segments: int
    cost: tuple[int, str] | None  # nanos of the currency, and its code; None where a price is not known
    finish_us: int | None
    sample_text: str


class PreviewNotification:
    """The use case."""

    def __init__(self, drafts: Drafts, database: Database, clock: Clock, prices: PriceBook) -> None:
        self._drafts = drafts
        self._database = database
        self._clock = clock
        self._prices = prices

    async def __call__(self, caller: Caller, header: Header, recipients: Sequence[NewRecipient]) -> Preview:
        """Raises FIELD_INVALID, CONTACT_POINT_NOT_FOUND and SEND_NOT_PERMITTED; all else is in the answer."""
        draft = await self._drafts.begin(caller, header)
        await draft.add(recipients)
        now = self._clock.now_us()
        await draft.hold(now)
        start = max(now, header.send_time or now)
        async with self._database.read() as connection:
            plan = await draft.plan(connection, now)
            going = [addressee for chunk in draft.addressees(plan) for addressee in chunk]
            by_country = Counter[str]()
            for addressee in going:
                by_country[addressee.country] += addressee.segments
            cost = await self._prices.estimate(connection, draft.point.id, by_country, start) if going else None
        await asyncio.sleep(0)
        due = {} if header.urgent else draft.due
        return Preview(
            draft,
            [*draft.refusals(), *plan.refusals],
            _text_preview(draft),
            _rows(draft, plan, recipients, going, due),
            len(going),
            sum(addressee.position in due for addressee in going),
            sum(by_country.values()),
            cost,
            _finish(draft, plan, going, due, start),
            _sample(draft, going),
        )


def _text_preview(draft: Draft) -> TextPreview:
    composed, given = draft.largest, draft.header.text
    forcing = list(dict.fromkeys(char for _, char, _ in text.forcing_characters(composed.text)))
    return TextPreview(
        composed,
        text.units_left(composed.text, reference_bits=draft.reference_bits),
        forcing,
        text.segments_without_forcing(composed.text),
        composed.smart or text.smart_encode(text.normalise(given)),
        composed.smart is not None,
        hints(composed.text, (draft.point.label, draft.point.sender)),
    )


def _rows(
    draft: Draft, plan: Plan, recipients: Sequence[NewRecipient], going: Sequence[Addressee], due: dict[int, int]
) -> list[RecipientPreview]:
    """One entry for each recipient of the request, in its order."""
    found = {problem.index: _wrong(draft, problem) for problem in draft.problems}
    for position, problem in plan.left_out.items():
        place, typed = draft.places[position], draft.typed(position)
        found[place] = RecipientPreview(
            *(place, typed, f"+{draft.digits[position]}", draft.country(position)),
            Problem(place, typed, problem),
            plan.words.get(position),
        )
    for one in going:
        found[one.place] = RecipientPreview(
            *(one.place, recipients[one.place].phone_number, one.number, one.country, None),
            plan.words.get(one.position),
            one.segments,
            due.get(one.position),
        )
    return [found[place] for place in range(draft.given)]


_WRONG_ELSEWHERE = frozenset({NumberProblem.DUPLICATE, NumberProblem.COUNTRY_NOT_ALLOWED})


def _wrong(draft: Draft, problem: Problem) -> RecipientPreview:
    if problem.problem in _WRONG_ELSEWHERE:  # the number itself is right
        number = numbers.parse(problem.typed, draft.point.default_region, allow_reserved=True)
        if isinstance(number, PhoneNumber):
            return RecipientPreview(problem.index, problem.typed, number.e164, country_of(number), problem)
    return RecipientPreview(problem.index, problem.typed, problem=problem)


def _finish(draft: Draft, plan: Plan, going: Sequence[Addressee], due: dict[int, int], start: int) -> int | None:
    """When the last message leaves; what is held leaves after its release, one behind the other."""
    rate = draft.point.segments_per_second
    held = [one for one in going if one.position in due]
    now = [one for one in going if one.position not in due]
    finish = finish_time(start, sum(one.segments for one in now), plan.waiting, rate)
    if not held:
        return finish
    last = max(due[one.position] for one in held)
    after = last + round(sum(one.segments for one in held) / rate * 1_000_000)
    return max(after, finish or after)


def _sample(draft: Draft, going: Sequence[Addressee]) -> str:
    if not going:
        return ""
    own = going[0].text
    return draft.whole.text if own is None else own
