"""Fixtures of the fault tests: the process that all others are forks of, and a PostgreSQL to be broken."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.faults.fleet import Zygote


@pytest.fixture(scope="session")
async def zygote() -> AsyncIterator[Zygote]:
    """Forks servers and dispatchers in milliseconds."""
    async with Zygote().running() as running:
        yield running
