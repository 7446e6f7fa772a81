"""How often signing in may be tried: per user, so that a password cannot be guessed, and per peer.

Counted in the memory of each process, so several servers allow as many times more. A user that is under attack cannot
sign in with a password for as long; links and id tokens are not counted per user. A gateway is one peer for all whom it
serves, so the limit of peers is wide. Fails open: where more than 10,000 are counted at once, counting begins anew.
"""

from __future__ import annotations

from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError

USER_BURST, USER_EVERY_S = 10, 30.0
PEER_BURST, PEER_EVERY_S = 100, 1.0
_MOST_COUNTED = 10_000


class Attempts:
    """Counts attempts before they are looked at, and takes back those that succeed."""

    def __init__(self, clock: Clock) -> None:
        self._users = _Bucket(clock, USER_BURST, USER_EVERY_S)
        self._peers = _Bucket(clock, PEER_BURST, PEER_EVERY_S)

    def count(self, peer: str, user_id: str = "") -> None:
        """Count one attempt, with a password where a user is given. REQUEST_RATE_EXCEEDED where there were too many."""
        wait = self._peers.take(peer) or (self._users.take(user_id) if user_id else 0.0)
        if wait:
            raise SendoutError(
                Reason.REQUEST_RATE_EXCEEDED,
                f"There were too many attempts to sign in. Wait {wait:.0f} s, or use a sign-in link.",
                retry_after=wait,
                metadata={"subject": "sign-in"},
            )

    def succeeded(self, peer: str, user_id: str = "") -> None:
        """Somebody got in: the attempt was none, and neither were that user's before."""
        self._peers.give_back(peer)
        self._users.clear(user_id)


class _Bucket:
    """So many at once, and one more every so many seconds, per key."""

    def __init__(self, clock: Clock, burst: int, every_s: float) -> None:
        self._clock = clock
        self._burst_s, self._every_s = burst * every_s, every_s
        self._full_until: dict[str, float] = {}  # monotonic seconds

    def take(self, key: str) -> float:
        """0 where there was one left, otherwise the seconds until there is."""
        now = self._clock.monotonic()
        until = max(now, self._full_until.get(key, now)) + self._every_s
        if (wait := until - now - self._burst_s) > 0:
            return wait
        if len(self._full_until) >= _MOST_COUNTED:
            self._forget_old(now)
        self._full_until[key] = until
        return 0.0

    def give_back(self, key: str) -> None:
        if key in self._full_until:
            self._full_until[key] -= self._every_s

    def clear(self, key: str) -> None:
        self._full_until.pop(key, None)

    def _forget_old(self, now: float) -> None:
        self._full_until = {key: until for key, until in self._full_until.items() if until > now}
        if len(self._full_until) >= _MOST_COUNTED:
            self._full_until.clear()
