"""Topics: what notifications are counted under, and when two labels are the same to a reader."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sendout.domain.errors import field_invalid
from sendout.domain.labels import check_label

MAX_LABEL_KEY = 200


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. Times in microseconds since 1970 (UTC); `disable_time` is None while it is active."""

    id: str
    label: str
    label_key: str
    is_default: bool
    disabled: bool
    create_time: int
    disable_time: int | None


def label_key(label: str) -> str:
    """Equal for labels that differ only in letter case or in how the same characters are written (NFKC)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())


def check_topic_label(typed: str) -> str:
    """The label without blanks around it; FIELD_INVALID where it is none."""
    label = check_label("topic.label", typed)
    if len(label_key(label)) > MAX_LABEL_KEY:  # a few characters stand for as many as eighteen
        raise field_invalid("topic.label", typed, "It is too long once its characters are written out. Shorten it.")
    return label
