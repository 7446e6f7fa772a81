"""Signing in, the Welcome screen and the toolbar, in a real browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.person import Person, look


async def test_the_welcome_screen_offers_three_choices(agent: Person) -> None:
    """S17: send notifications, view history and manage topics."""
    choices = agent.page.get_by_role("list", name="What would you like to do?").get_by_role("link")
    await expect(choices).to_have_count(3)
    for name, path in (("Send Notifications", "/send"), ("View History", "/history"), ("Manage Topics", "/topics")):
        await expect(choices.filter(has_text=name)).to_have_attribute("href", path)
    await agent.look("welcome")


async def test_the_sign_in_page(page: Page) -> None:
    """Whoever is not signed in gets the sign-in page, which is as good to look at and to use as the others."""
    await page.goto("/")
    await expect(page).to_have_url("/sign-in")
    await look(page, SCREENSHOTS / "sign-in", "sign-in")
