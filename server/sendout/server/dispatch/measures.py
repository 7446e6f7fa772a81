"""What operations see of the dispatch: counters and times, fed from the state changes that were committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sendout.domain.breakers import Gate
from sendout.domain.states import State
from sendout.server.carriers.base import Outcome
from sendout.server.telemetry import Attribute, Backlog, Telemetry
from sendout.storage.changes import Changed, FactsCache
from sendout.storage.open_work import Open


class Measures:
    """The metrics of one carrier account. Never given a text or a number."""

    def __init__(self, telemetry: Telemetry, account: str) -> None:
        self._telemetry = telemetry
        self._labels: dict[str, str] = {Attribute.CARRIER: account}
        self._backlog: list[Backlog] = []
        self._gate: Gate | None = None
        telemetry.observe_backlog(lambda: self._backlog)

    def permits(self, *, granted: int = 0, wasted: int = 0) -> None:
        """Segments that got a permit, and those whose permit ran out unused."""
        if granted:
            self._telemetry.permits_granted.add(granted, self._labels)
        if wasted:
            self._telemetry.permits_wasted.add(wasted, self._labels)

    def outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Answers of the carrier, and how many had a code that its table does not know."""
        for (kind, unmapped), count in Counter((one.kind, one.unmapped) for one in outcomes).items():
            self._telemetry.outcomes.add(count, self._labels | {Attribute.OUTCOME: kind.value})
            if unmapped:
                self._telemetry.unmapped.add(count, self._labels)

    def changes(self, changed: Sequence[Changed], facts: FactsCache, now_us: int) -> None:
        """State changes that were committed."""
        for change in changed:
            if not (change.first_sent or change.state in (State.DELIVERED, State.UNCONFIRMED)):
                continue
            of = facts.known(change.notification_id)
            labels = self._labels | {Attribute.CONTACT_POINT: of.contact_point_id}
            if change.first_sent:
                self._telemetry.sent.add(1, labels)
                self._telemetry.accept_to_sent.record(_seconds(of.create_time, now_us), labels)
            if change.state is State.DELIVERED:
                self._telemetry.delivered.add(1, labels)
                if change.sent_time is not None:
                    self._telemetry.sent_to_delivered.record(_seconds(change.sent_time, now_us), labels)
            elif change.state is State.UNCONFIRMED:
                self._telemetry.unconfirmed.add(1, labels)

    def breaker(self, gate: Gate) -> None:
        """Whether the carrier is left alone."""
        if gate is not self._gate:
            self._gate = gate
            self._telemetry.breaker.set(int(gate), self._labels)

    def receipts(self, carrier: str, counts: Mapping[str, int]) -> None:
        """Receipts of a carrier account by what became of them."""
        for what, count in counts.items():
            if count:
                labels: dict[str, str] = {Attribute.CARRIER: carrier, Attribute.OUTCOME: what}
                self._telemetry.receipts.add(count, labels)

    def reply(self, taken_for: str) -> None:
        """A reply was handled; `taken_for` is its keyword or "no_contact_point"."""
        self._telemetry.replies.add(1, self._labels | {Attribute.OUTCOME: taken_for.lower()})

    def backlog(self, waiting: Sequence[Open], now_us: int) -> None:
        """What waits, as the last round found it."""
        segments: Counter[str] = Counter()
        oldest: dict[str, int] = {}
        for one in waiting:
            segments[one.contact_point_id] += one.queued * one.segments
            oldest[one.contact_point_id] = min(one.due_since, oldest.get(one.contact_point_id, one.due_since))
        self._backlog = [Backlog(point, n, max(0.0, (now_us - oldest[point]) / 1e6)) for point, n in segments.items()]


def _seconds(start_us: int, end_us: int) -> float:
    """Never negative: the two moments may be of different clocks, and what comes later may have looked earlier."""
    return max(0.0, (end_us - start_us) / 1e6)
