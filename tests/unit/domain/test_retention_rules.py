"""How the work of retention is cut, and how tallies are compared with messages."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.auditing import differences
from sendout.domain.retention import MOST_NOTIFICATIONS, parts
from sendout.domain.tallies import Counts

sizes = st.lists(st.integers(1, 40), max_size=30)


@given(sizes, st.integers(1, 15))
def test_parts_hold_every_message_once(counts: list[int], most: int) -> None:
    """Every message lies in exactly one part, no part holds more than allowed, each notification is completed once."""
    notifications = [(uuid.UUID(int=n), count) for n, count in enumerate(counts)]
    known = dict(notifications)
    seen: list[tuple[uuid.UUID, int]] = []
    completed: list[uuid.UUID] = []
    for part in parts(notifications, most):
        held = [(of, index) for of in part.ids for index in range(part.first, min(part.last + 1, known[of]))]
        assert len(held) == part.messages <= most
        assert len(part.ids) <= MOST_NOTIFICATIONS
        seen += held
        completed += part.ids if part.complete else ()
    assert seen == [(of, index) for of, count in notifications for index in range(count)]
    assert completed == [of for of, _ in notifications]


def test_many_small_notifications() -> None:
    """One transaction takes no more than so many notifications, however small they are."""
    found = list(parts((uuid.UUID(int=n), 1) for n in range(600)))
    assert [len(part.ids) for part in found] == [250, 250, 100]


def test_differences_name_topic_and_columns() -> None:
    """I4: a difference says which topic and by how much each column is too high; equal sides have none."""
    tallied = {"a": Counts(accepted=3, sent=2), "b": Counts(accepted=1)}
    assert differences(0, tallied, tallied | {"c": Counts()}) == []
    one, other = differences(7, tallied, {"a": Counts(accepted=3, sent=1), "c": Counts(failed=1)} | {"b": tallied["b"]})
    assert (one.day_us, one.topic_id, one.columns()) == (7, "a", {"sent": 1})
    assert (other.topic_id, other.columns()) == ("c", {"failed": -1})
