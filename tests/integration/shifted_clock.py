"""A clock that runs as the system's does and can be set forward, for what must happen at other hours of the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sendout.domain.clock import SystemClock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ShiftedClock(SystemClock):
    """The system's clock, shifted. Monotonic time is the system's own."""

    def __init__(self) -> None:
        super().__init__()
        self._shift_us = 0

    def now_us(self) -> int:
        return super().now_us() + self._shift_us

    def set(self, hour: int, minute: int = 0) -> int:
        """Go forward to this time of day in UTC; answers with it, in microseconds since 1970."""
        now = _EPOCH + timedelta(microseconds=self.now_us())
        wanted = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if wanted <= now:
            wanted += timedelta(days=1)
        self._shift_us += round((wanted - now).total_seconds() * 1_000_000)
        return round((wanted - _EPOCH).total_seconds() * 1_000_000)
