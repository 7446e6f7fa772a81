"""Streams live long: their caller is looked at again and again, so that a revoked key ends them within seconds (I8)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from sendout.domain.errors import Category, SendoutError

RECHECK_S = 3.0
"""Together with what authentication believes for a moment, well below the five seconds promised."""

_REFUSALS = frozenset({Category.UNAUTHENTICATED, Category.PERMISSION_DENIED})


class Recheck:
    """Calls `admit` every so often while a stream runs; what it refuses ends `run`, also one that is waiting.

    Only `run` is interrupted, never the caller's own code: a generator must not be cancelled while it is suspended.
    A database that is away ends no stream.
    """

    def __init__(self, admit: Callable[[], Awaitable[Any]], every_s: float) -> None:
        self._admit = admit
        self._every_s = every_s
        self._refusal: SendoutError | None = None
        self._waiting: asyncio.Timeout | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(self._watching())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.cancel()

    async def run(self, step: Awaitable[Any]) -> Any:
        """The step's answer. Raises the refusal where there is one by then."""
        try:
            async with asyncio.timeout(None) as self._waiting:
                if self._refusal is not None:
                    self._waiting.reschedule(0)  # ends `step` at its first wait, instead of leaving it unawaited
                answer = await step
        except TimeoutError:
            if self._refusal is None:
                raise
            raise self._refusal from None
        finally:
            self._waiting = None
        if self._refusal is not None:
            raise self._refusal
        return answer

    async def _watching(self) -> None:
        while self._refusal is None:
            await asyncio.sleep(self._every_s)
            try:
                await self._admit()
            except SendoutError as error:
                if error.category in _REFUSALS:
                    self._refusal = error
        if self._waiting is not None:
            self._waiting.reschedule(0)
