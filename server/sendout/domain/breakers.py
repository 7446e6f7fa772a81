"""When a carrier is left alone because it fails: a breaker per carrier account and process.

Who comes in: the dispatcher, with every outcome and before every claim. Times are monotonic seconds, so no clock that
is set can open or close one. Source: reliability.md 5.5.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum

LOOKED_AT = 20
"""Outcomes that are judged, the latest ones."""
WITHIN_S = 30.0
"""How old they may be."""
MOST_BAD = LOOKED_AT // 2
"""So many bad ones among them open it."""
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
PROBE_PATIENCE_S = 60.0
"""How long one message that tries the carrier is waited for before another may."""
UNBOUND_PATIENCE_S = 5.0
"""How long a carrier without a session is waited for before messages are sent another way."""


class Gate(IntEnum):
    """What may be claimed; the metric shows the number."""

    CLOSED = 0  # all
    HALF_OPEN = 1  # one message, to see
    OPEN = 2  # none


class Breaker:
    """Opens where half of the latest outcomes were bad, or where the carrier has no session; one message closes it."""

    __slots__ = ("_latest", "_pause", "_probe_until", "_reopen", "_unbound_since", "gate")

    def __init__(self) -> None:
        self.gate = Gate.CLOSED
        self._latest: deque[tuple[float, bool]] = deque(maxlen=LOOKED_AT)
        self._pause = FIRST_PAUSE_S
        self._reopen = 0.0  # when an open one may be tried
        self._probe_until = 0.0
        self._unbound_since: float | None = None

    def outcome(self, bad: bool, now: float) -> None:
        """What came of a message; bad where it was not sent, or nobody knows."""
        if self.gate is Gate.CLOSED:
            self._latest.append((now, bad))
            if bad and sum(was_bad for time, was_bad in self._latest if time > now - WITHIN_S) >= MOST_BAD:
                self._open(now)
        elif self.gate is Gate.HALF_OPEN:
            # While it is open, answers to what was under way before say nothing about now.
            if not bad:
                self._close()
            else:
                self._pause = min(2 * self._pause, LONGEST_PAUSE_S)
                self._open(now)

    def session(self, bound: bool, now: float) -> None:
        """Whether the carrier has a session, where it works with sessions. With a new one it is tried at once."""
        if bound and self._unbound_since is not None:
            self._unbound_since = None
            self._half_open()
        elif not bound and self._unbound_since is None:
            self._unbound_since = now
            self.gate = Gate.OPEN

    def look(self, now: float) -> Gate:
        """What may be claimed now. At HALF_OPEN whoever claims the one message calls `probing`."""
        if self._unbound_since is not None:
            return Gate.OPEN
        if self.gate is Gate.OPEN and now >= self._reopen:
            self._half_open()
        if self.gate is Gate.HALF_OPEN and now < self._probe_until:
            return Gate.OPEN
        return self.gate

    def probing(self, now: float) -> None:
        """A message was claimed to try the carrier."""
        self._probe_until = now + PROBE_PATIENCE_S

    def diverts(self, now: float) -> bool:
        """Whether messages that have another way should take it: a session just lost may be back in a moment."""
        if self._unbound_since is not None:
            return now >= self._unbound_since + UNBOUND_PATIENCE_S
        return self.gate is not Gate.CLOSED

    def _open(self, now: float) -> None:
        self.gate = Gate.OPEN
        self._reopen = now + self._pause

    def _half_open(self) -> None:
        self.gate = Gate.HALF_OPEN
        self._probe_until = 0.0

    def _close(self) -> None:
        self.gate = Gate.CLOSED
        self._latest.clear()
        self._pause = FIRST_PAUSE_S
