"""What is told to people about where a message stands: whether it arrived, why, and whether that may still change."""

from __future__ import annotations

from collections.abc import Iterable

from sendout.domain.states import FINAL, REASON_TEXT, STATE_TEXT, TRANSITIONS, ReasonCode, State


def arrived(state: State) -> bool | None:
    """Whether the phone got all of it: a handset receipt says yes, never the carrier's word; None where not known."""
    if state is State.DELIVERED:
        return True
    return False if state in FINAL and state is not State.UNKNOWN else None


def may_still_change(state: State) -> bool:
    """Whether another state may follow."""
    return state in TRANSITIONS


def state_text(state: State) -> str:
    """What the state means, in plain words."""
    return STATE_TEXT[state]


def reason_text(reason: str) -> str:
    """Why, in plain words; empty where the reason is empty or of a version that is not known here."""
    return REASON_TEXT[ReasonCode(reason)] if reason in REASON_TEXT else ""


def finish_time(now_us: int, own_segments: int, others: Iterable[int], segments_per_second: float) -> int | None:
    """When the last of `own_segments` is expected to leave (microseconds since 1970); None where none is waiting.

    `others` are the waiting segments of each other notification of the contact point. They take turns with ours, so
    each delays it by no more than it has, and by no more than we have.
    """
    if own_segments <= 0:
        return None
    ahead = sum(min(waiting, own_segments) for waiting in others)
    return now_us + round((own_segments + ahead) / segments_per_second * 1_000_000)
