"""From the receipts of parts to the state of their message."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.aggregation import after, combined
from sendout.domain.states import FINAL, TRANSITIONS, State

SENT, UNKNOWN, DELIVERED, PARTIALLY_DELIVERED = State.SENT, State.UNKNOWN, State.DELIVERED, State.PARTIALLY_DELIVERED
UNDELIVERED, EXPIRED, REJECTED, FAILED = State.UNDELIVERED, State.EXPIRED, State.REJECTED, State.FAILED
DEADLINE = (0, None)
Receipts = list[tuple[int, State | None]]


def states_after(receipts: Receipts, expected: int) -> list[State]:
    """The state of the message after each receipt (part, state), or the deadline."""
    parts: dict[int, State] = {}
    deadline_passed, states = False, []
    for part, said in receipts:
        if said is None:
            deadline_passed = True
        else:
            parts[part] = after(parts.get(part), said)
        states.append(combined(parts.values(), expected, deadline_passed=deadline_passed))
    return states


@pytest.mark.parametrize(
    ("receipts", "expected", "states"),
    [
        ([(1, DELIVERED), (2, DELIVERED), (3, DELIVERED)], 3, [SENT, SENT, DELIVERED]),
        ([(1, UNDELIVERED), (2, DELIVERED), (3, DELIVERED)], 3, [SENT, SENT, PARTIALLY_DELIVERED]),
        ([(3, DELIVERED), (1, DELIVERED), (2, SENT), DEADLINE], 3, [SENT, SENT, SENT, UNKNOWN]),
        ([(1, UNDELIVERED), (2, UNDELIVERED), (3, UNDELIVERED)], 3, [SENT, SENT, UNDELIVERED]),
        ([(1, FAILED), (2, FAILED), (3, FAILED)], 3, [SENT, SENT, UNDELIVERED]),
        ([(1, DELIVERED), (1, SENT)], 1, [DELIVERED, DELIVERED]),
        ([(1, DELIVERED), (1, UNDELIVERED)], 1, [DELIVERED, DELIVERED]),
        ([DEADLINE, (1, DELIVERED)], 1, [UNKNOWN, DELIVERED]),
    ],
)
def test_vector(receipts: Receipts, expected: int, states: list[State]) -> None:
    """Each published row of receipts gives the state worked out for it after every one of them."""
    assert states_after(receipts, expected) == states


@pytest.mark.parametrize(
    ("receipts", "expected", "states"),
    [
        ([(1, UNDELIVERED), (1, DELIVERED), (2, DELIVERED)], 2, [SENT, SENT, PARTIALLY_DELIVERED]),
        ([(2, DELIVERED), (2, DELIVERED), (1, DELIVERED)], 2, [SENT, SENT, DELIVERED]),  # one part told twice is one
        ([(1, EXPIRED), (2, EXPIRED)], 2, [SENT, EXPIRED]),
        ([(1, REJECTED), (2, REJECTED)], 2, [SENT, REJECTED]),
        ([(1, REJECTED), (2, EXPIRED)], 2, [SENT, UNDELIVERED]),
        ([(1, EXPIRED), (2, DELIVERED)], 2, [SENT, PARTIALLY_DELIVERED]),
        ([(1, PARTIALLY_DELIVERED)], 1, [PARTIALLY_DELIVERED]),
        ([(1, DELIVERED), (2, UNKNOWN), (2, SENT), (2, DELIVERED)], 2, [SENT, UNKNOWN, UNKNOWN, DELIVERED]),
        ([(1, DELIVERED), DEADLINE, (2, SENT), (2, DELIVERED)], 2, [SENT, UNKNOWN, UNKNOWN, DELIVERED]),
    ],
)
def test_more_receipts(receipts: Receipts, expected: int, states: list[State]) -> None:
    """A failed part stays failed, a repeated receipt counts once, UNKNOWN gives way to a final word alone."""
    assert states_after(receipts, expected) == states


def test_parts_of_which_nothing_is_known() -> None:
    """A part without any receipt may be passed as None or left out, and keeps the message open."""
    assert combined([DELIVERED, None], 2) is combined([DELIVERED], 2) is SENT
    assert combined([], 1) is SENT
    assert combined([None], 1, deadline_passed=True) is UNKNOWN


final_words = st.sampled_from([DELIVERED, UNDELIVERED, EXPIRED, REJECTED, FAILED])


@st.composite
def orders(draw: st.DrawFn) -> tuple[Receipts, Receipts, int]:
    """Receipts of 1 to 4 parts, each with at most one final word and any notes and repeats, in two orders."""
    expected = draw(st.integers(1, 4))
    receipts: Receipts = []
    for part in range(1, expected + 1):
        said = draw(st.lists(st.sampled_from([SENT, UNKNOWN]), max_size=3))
        said += draw(
            st.one_of(st.just([]), final_words.map(lambda word: [word]), final_words.map(lambda word: [word] * 2))
        )
        receipts += [(part, state) for state in said]
    receipts += draw(st.sampled_from([[], [DEADLINE]]))
    return draw(st.permutations(receipts)), draw(st.permutations(receipts)), expected


@given(orders())
def test_the_order_of_receipts_does_not_matter(given_orders: tuple[Receipts, Receipts, int]) -> None:
    """Receipts in another order come to the same state in the end."""
    one, other, expected = given_orders
    assert states_after(one, expected)[-1:] == states_after(other, expected)[-1:]


any_word = st.one_of(st.none(), st.just(SENT), st.just(UNKNOWN), final_words)
any_receipts = st.integers(1, 3).flatmap(
    lambda expected: st.tuples(st.lists(st.tuples(st.integers(1, expected), any_word)), st.just(expected))
)


@given(any_receipts)
def test_a_message_never_moves_backwards(given_receipts: tuple[Receipts, int]) -> None:
    """Whatever the receipts, contradictions included, each state follows the one before by an allowed transition."""
    receipts, expected = given_receipts
    states = [SENT, *states_after(receipts, expected)]
    assert all(new is old or new in TRANSITIONS.get(old, ()) for old, new in pairwise(states))


@given(any_receipts)
def test_delivered_means_every_part_was(given_receipts: tuple[Receipts, int]) -> None:
    """A message is DELIVERED exactly when the first final word on every one of its parts was that."""
    receipts, expected = given_receipts
    first: dict[int, State] = {}
    for part, said in receipts:
        if said in FINAL - {UNKNOWN}:
            first.setdefault(part, said)
    every_part = len(first) == expected and set(first.values()) == {DELIVERED}
    assert (states_after(receipts, expected)[-1:] == [DELIVERED]) is every_part
