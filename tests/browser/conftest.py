"""A whole site for each worker, a browser before it, and pages that fail their test for what they complain about."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from sendout.client import AsyncClient
from tests.browser.chromium import browser as found_browser
from tests.browser.chromium import obtainable
from tests.browser.person import Person
from tests.e2e.running import Running, up

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
_REPORTS_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""
_IDS = itertools.count(1)

expect.set_options(timeout=15_000)  # machines that run all tests at once are slow


@pytest.fixture(scope="module")
def site() -> Iterator[Running]:
    """`sendout up`: stores, server, dispatcher with the simulator, and gateway; each module has its own."""
    with tempfile.TemporaryDirectory(prefix="sob") as home, up(Path(home)) as running:
        yield running


@pytest.fixture(scope="module")
async def administrator(site: Running) -> AsyncIterator[AsyncClient]:
    """The client with which tests arrange things."""
    async with AsyncClient(site.target, site.admin_key) as client:
        await client.create_price(Decimal("0.0075"), "USD")
        yield client


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests of a worker."""
    found = found_browser()
    if found is None and not obtainable():
        pytest.skip("There is no Chrome or Chromium here; name one in SENDOUT_TEST_CHROMIUM.")
    assert found is not None, "No browser: run `make test`, or `python -m tests.browser.chromium` once."
    environment = {name: value for name, value in os.environ.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=found.path, args=found.arguments, env=environment | found.environment
        )
        yield started
        await started.close()


@pytest.fixture
async def context(chromium: Browser, site: Running) -> AsyncIterator[BrowserContext]:
    """A browser that has never been here. What its pages complain about fails the test."""
    made = await chromium.new_context(base_url=site.console, locale="en-US", viewport={"width": 1280, "height": 900})
    made.set_default_timeout(30_000)
    await made.add_init_script(_REPORTS_VIOLATIONS)
    complaints: list[str] = []
    made.on("weberror", lambda error: complaints.append(str(error.error)))
    made.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    made.complaints = complaints  # type: ignore[attr-defined]  # a test that provokes some takes them away
    yield made
    await made.close()
    assert complaints == []


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """A page of nobody in particular."""
    return await context.new_page()


@pytest.fixture
async def agent(administrator: AsyncClient, page: Page, request: pytest.FixtureRequest) -> Person:
    """Somebody new, signed in, who may send notifications, view history and manage topics like everyone."""
    return await _somebody(administrator, page, request)


@pytest.fixture
async def supervisor(administrator: AsyncClient, page: Page, request: pytest.FixtureRequest) -> Person:
    """Somebody new, signed in, who may administer."""
    return await _somebody(administrator, page, request, "admin")


async def _somebody(client: AsyncClient, page: Page, request: pytest.FixtureRequest, *roles: str) -> Person:
    user = f"u{os.getpid()}-{next(_IDS)}"
    await client.create_user("Robin Doe", user_id=user, role_ids=roles, password=Person.PASSWORD)
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    person = Person(page, user, SCREENSHOTS / name)
    await person.sign_in()
    return person
