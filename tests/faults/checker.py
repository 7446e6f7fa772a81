"""The judge: one pure function over what clients were told, what the stores hold and what the far side saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sendout.domain.states import State
from sendout.storage.handsets import Submit

SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Row:
    """A message as the store holds it at the end; `unsure` where it was UNCONFIRMED at any time."""

    notification_id: str
    index: int
    number: str
    state: State
    reason: str
    owner: int | None
    unsure: bool


@dataclass(frozen=True)
class History:
    """All there is to judge by. `accepted`: notification id → the recipients that a client was told are kept."""

    accepted: Mapping[str, Sequence[str]]
    notifications: Iterable[str]
    rows: Sequence[Row]
    submits: Sequence[Submit]


@dataclass
class Verdict:
    """What was found; every list is empty where all is well, but `unconfirmed`."""

    messages: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)  # neither delivered nor UNCONFIRMED
    unconfirmed: int = 0
    reached: int = 0  # of the unconfirmed, those whose submit had reached the far side
    most_per_owner: int = 0
    states: Counter[str] = field(default_factory=Counter)

    @property
    def wrong(self) -> bool:
        return bool(self.lost or self.twice or self.extra or self.undelivered)

    def __str__(self) -> str:
        return (
            f"messages {self.messages}, lost {len(self.lost)}, sent twice {len(self.twice)}, "
            f"extra notifications {len(self.extra)}, UNCONFIRMED {self.unconfirmed} (had reached the phone: "
            f"{self.reached}), most UNCONFIRMED of one dispatcher {self.most_per_owner}, "
            f"neither delivered nor UNCONFIRMED {len(self.undelivered)}; ended as {dict(self.states)}"
        )


def judge(history: History) -> Verdict:
    """Judge a history that has come to rest: no fault any more, nothing queued or under way."""
    kept: dict[str, list[Row]] = {}
    for row in history.rows:
        kept.setdefault(row.notification_id, []).append(row)
    sent = Counter(submit.message_id for submit in history.submits if not submit.refused)
    verdict = Verdict(messages=sum(map(len, history.accepted.values())))
    verdict.extra = sorted(set(history.notifications) - history.accepted.keys())
    verdict.twice = sorted(message for message, count in sent.items() if count > 1)
    for identifier, recipients in history.accepted.items():
        missing = Counter(recipients) - Counter(row.number for row in kept.get(identifier, ()))
        repeated = Counter(row.number for row in kept.get(identifier, ())) - Counter(recipients)
        verdict.lost += [f"{identifier} {number}" for number in missing]
        verdict.extra += [f"{identifier} {number}" for number in repeated]
    owners: Counter[int | None] = Counter()
    for row in history.rows:
        _judge_row(row, sent, verdict, owners)
    verdict.most_per_owner = max(owners.values(), default=0)
    return verdict


def _judge_row(row: Row, sent: Mapping[str, int], verdict: Verdict, owners: Counter[int | None]) -> None:
    name = f"{row.notification_id}.{row.index}"
    verdict.states[row.state.name + (f"/{row.reason}" if row.reason else "")] += 1
    if row.unsure:
        owners[row.owner] += 1
        verdict.unconfirmed += 1
        verdict.reached += name in sent
    if row.state is State.DELIVERED:
        # The far side confirms nothing it has not seen.
        verdict.lost += [f"{name} delivered but never sent"] if name not in sent else []
    elif row.state is not State.UNCONFIRMED:
        verdict.undelivered.append(f"{name} {row.state.name} {row.reason}")


def fullest_second(submits: Sequence[Submit]) -> int:
    """Most segments in any half-open second [t, t + 1 s)."""
    ordered = sorted(submits, key=lambda submit: submit.submit_ns)
    most = inside = start = 0
    for submit in ordered:
        inside += submit.segments
        while ordered[start].submit_ns <= submit.submit_ns - SECOND_NS:
            inside -= ordered[start].segments
            start += 1
        most = max(most, inside)
    return most


def longest_pause(submits: Sequence[Submit]) -> float:
    """Seconds between two neighbouring submits, at most."""
    times = sorted(submit.submit_ns for submit in submits)
    return max((later - earlier for earlier, later in pairwise(times)), default=0) / SECOND_NS


def per_second(submits: Sequence[Submit], from_ns: int, to_ns: int) -> float:
    """Segments a second, on average, between two moments."""
    segments = sum(submit.segments for submit in submits if from_ns <= submit.submit_ns < to_ns)
    return segments / ((to_ns - from_ns) / SECOND_NS)
