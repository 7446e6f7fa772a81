"""What every process of ours does alike: run until told to stop, drain once, and leave at once when told twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

import uvloop

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Set by the first SIGTERM or SIGINT; the second ends the process without ceremony."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._ask)

    def _ask(self) -> None:
        if self._asked.is_set():
            os._exit(1)
        self._asked.set()

    async def wait(self) -> None:
        """Until somebody asks this process to stop."""
        await self._asked.wait()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's one event loop."""
    uvloop.run(main)


async def wait_for_any(*waits: Coroutine[Any, Any, None]) -> None:
    """Until the first of these ends; raises its error, and ends the others."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
