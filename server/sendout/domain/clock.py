"""The only module that reads a clock or makes randomness; everything else is handed a `Clock`."""

from __future__ import annotations

import os
import time
from typing import Protocol


class Clock(Protocol):
    """What the product asks of time. Wall time is for records, monotonic time for waiting and pacing."""

    def now_us(self) -> int:
        """Microseconds since 1970 (UTC), may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; comparable between processes of one machine."""
        ...

    def random_bytes(self, count: int) -> bytes:
        """Bytes nobody can guess."""
        ...


# Linux's BOOTTIME also counts while the machine is suspended, so a permit does not outlive a suspend.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's own clock and randomness."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.clock_gettime(_STEADY)

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)
