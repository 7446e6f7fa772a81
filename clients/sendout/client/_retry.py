"""What to do after a failure, decided without I/O so that both clients share it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from sendout.client._errors import DeadlineExceeded, ResourceExhausted, SendoutError, Unavailable


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently to try again. Waits grow by doubling, each drawn from 0 up to its bound."""

    max_attempts: int = 4
    first_wait: float = 0.5
    """Bound of the first wait, in seconds."""
    longest_wait: float = 10.0
    """Bound of every wait, in seconds."""
    stream_patience: float = 300.0
    """For how many seconds a stream that once answered is taken up again without getting anything."""


class Attempts:
    """One call over its tries: the deadline is for all of them together."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        timeout: float | None,
        retry_safe: bool,
        now: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._policy = policy
        self._retry_safe = retry_safe
        self._now = now
        self._draw = draw
        self._deadline = None if timeout is None else now() + timeout
        self._failures = 0
        self._answered_at: float | None = None
        self._over = False

    def remaining(self) -> float | None:
        """Seconds left for the next try; None without a deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - self._now())

    def answered(self, resumable: bool) -> None:
        """Something came over the stream: begin counting anew, or never try again."""
        self._failures = 0
        self._answered_at = self._now()
        self._over = not resumable

    def after(self, error: SendoutError) -> float:
        """Seconds to wait before the next try. Raises `error` where there is to be none."""
        self._failures += 1
        if self._over or not self._worth_another(error):
            raise error from None
        wait = (error.retry_after or 0.0) + self._backoff()
        remaining = self.remaining()
        if remaining is not None and wait >= remaining:
            raise error from None
        return wait

    def next_pass(self) -> float:
        """Seconds to wait before a stream that ended early, but cleanly, is opened again."""
        self._failures += 1
        if self.remaining() == 0.0:
            raise DeadlineExceeded("The stream did not come to its end in time.")
        return self._backoff()

    def _backoff(self) -> float:
        bound = self._policy.first_wait * 2 ** min(self._failures - 1, 30)
        return self._draw(0.0, min(self._policy.longest_wait, bound))

    def _worth_another(self, error: SendoutError) -> bool:
        if isinstance(error, Unavailable):
            # The request may have been carried out: only what cannot happen twice is tried again.
            return self._retry_safe and self._patient()
        # Refused before anything was done. Without a delay it may be a message that is too large, which stays so.
        return isinstance(error, ResourceExhausted) and error.retry_after is not None and self._patient()

    def _patient(self) -> bool:
        if self._answered_at is not None:
            return self._now() - self._answered_at < self._policy.stream_patience
        return self._failures < self._policy.max_attempts
