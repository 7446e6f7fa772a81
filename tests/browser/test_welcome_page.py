"""Signing in, the Welcome screen and the toolbar, in a real browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from sendout.client import AsyncClient
from tests.browser.conftest import SCREENSHOTS
from tests.browser.person import Person, forgive, look
from tests.e2e.running import Running


async def test_the_welcome_screen_offers_three_choices(agent: Person) -> None:
    """S17: send notifications, view history and manage topics, and each of them leads there."""
    choices = agent.page.get_by_role("list", name="What would you like to do?").get_by_role("link")
    await expect(choices).to_have_count(3)
    await agent.look("welcome")
    for name, heading in (
        ("Send Notifications", "Send Notifications"),
        ("View History", "History"),
        ("Manage Topics", "Topic Settings"),
    ):
        await choices.filter(has_text=name).click()
        await expect(agent.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        await agent.page.go_back()


async def test_the_sign_in_page(page: Page) -> None:
    """Whoever is not signed in gets the sign-in page, which is as good to look at and to use as the others."""
    await page.goto("/")
    await expect(page).to_have_url("/sign-in")
    await look(page, SCREENSHOTS / "sign-in", "sign-in")


async def test_a_link_signs_in_once(page: Page, administrator: AsyncClient, site: Running) -> None:
    """The token in the fragment signs in and leaves the address; the same link does nothing a second time."""
    await administrator.create_user("Kim Doe", user_id="kim")
    token = (await administrator.create_sign_in_link("kim")).sign_in_token
    await page.goto(f"{site.console}/sign-in#{token}")
    await expect(page.get_by_role("heading", name="Welcome, Kim Doe")).to_be_visible()
    await expect(page).to_have_url("/")
    await page.context.clear_cookies()
    await page.goto(f"{site.console}/sign-in#{token}")
    await expect(page.get_by_role("alert")).not_to_be_empty()
    await expect(page).to_have_url("/sign-in")
    forgive(page, "401")


async def test_a_wrong_password_is_said(agent: Person) -> None:
    """The form stays, says that it did not work, and takes the right one next, and leads to the page one wanted."""
    page = agent.page
    await page.context.clear_cookies()
    await page.goto("/send")
    await page.get_by_label("User name").fill(agent.user)
    await page.get_by_label("Password").fill("not the password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).not_to_be_empty()
    await look(page, SCREENSHOTS / "sign-in", "refused")
    forgive(page, "401")
    await page.get_by_label("Password").fill(Person.PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Send Notifications")).to_be_visible()


async def test_signing_out(agent: Person) -> None:
    """Signing out is in the menu beside one's name; afterwards every page asks to sign in."""
    page = agent.page
    await page.locator("summary", has_text="Robin Doe").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url("/sign-in")
    await page.goto("/send")
    await expect(page.get_by_role("heading", name="Sign in to Sendout")).to_be_visible()


async def test_a_server_out_of_reach_is_said(agent: Person) -> None:
    """Where a live call cannot be made the form says so and what to do; nothing can be sent meanwhile."""
    page = agent.page
    await page.route("**/v1/notifications:preview", lambda route: route.abort())
    await page.goto("/send")
    await expect(page.locator("#problem")).to_contain_text("Sendout cannot be reached")
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    forgive(page, "ERR_FAILED")


async def test_markup_from_outside_stays_text(agent: Person, administrator: AsyncClient) -> None:
    """A topic, a snippet and a text that are scripts are shown as they were typed and run nothing."""
    script = "<img src=x onerror=alert(1)>"
    await administrator.create_topic(script)
    await administrator.create_snippet("script", f"{script}<script>alert(2)</script>", shared=True)
    page = agent.page
    await page.goto("/send")
    await expect(page.get_by_label("Topic", exact=True).locator("option", has_text=script)).to_have_count(1)
    await page.get_by_role("textbox", name="Text", exact=True).press_sequentially("/script")
    await expect(page.get_by_role("option", name="/script")).to_contain_text(script)
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-sample]")).to_contain_text(f"{script}<script>")
    assert await page.locator("main img").count() == 0
