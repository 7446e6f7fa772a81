"""Comparing the tallies with the messages they count: whatever was purged, the two must agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sendout.domain.tallies import Counts


@dataclass(frozen=True, slots=True)
class Difference:
    """One topic on one UTC day (microseconds since 1970) whose tallies are not what its messages give."""

    day_us: int
    topic_id: str
    tallied: Counts
    kept: Counts

    def columns(self) -> dict[str, int]:
        """By how much each column that differs is too high in the tallies."""
        kept = asdict(self.kept)
        return {name: count - kept[name] for name, count in asdict(self.tallied).items() if count != kept[name]}


def differences(day_us: int, tallied: Mapping[str, Counts], kept: Mapping[str, Counts]) -> list[Difference]:
    """Every topic for which the two sides differ; a topic that one side lacks counts nothing there."""
    found = []
    for topic_id in sorted({*tallied, *kept}):
        one, other = tallied.get(topic_id, Counts()), kept.get(topic_id, Counts())
        if one != other:
            found.append(Difference(day_us, topic_id, one, other))
    return found
