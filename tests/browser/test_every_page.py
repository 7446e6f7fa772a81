"""What holds on every page of the console."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from sendout.client import AsyncClient
from sendout.v1.consent_pb2 import CONSENT_STATE_OPTED_OUT
from tests.browser.arranging import new_topic, notified, sent, written
from tests.browser.everywhere import PAGES, Things, loaded, routes, walk
from tests.browser.person import Person, forgive


@pytest.fixture(scope="module")
async def things(administrator: AsyncClient) -> Things:
    """A topic, a message, a conversation and a user to look at; beside what a new site has, no list is empty."""
    number = "+14155550184"
    topic = await new_topic(administrator)
    notification = await sent(administrator, topic, [number])
    messages = [one async for one in administrator.messages(notification)]
    point = await notified(administrator, number)
    await written(administrator, number, point.sender, "Until when?")
    (only,) = (await administrator.conversations(contact_point=point.contact_point_id).whole()).conversations
    user = (await administrator.create_user("Alex Doe")).user
    await administrator.record_consent("+14155550119", CONSENT_STATE_OPTED_OUT, evidence="asked by phone")
    await administrator.create_snippet("everywhere", "The garage is open.", shared=True)
    return Things(topic.topic_id, messages[0].message_id, only.conversation_id, user.user_id)


def test_no_page_is_left_out() -> None:
    """Each page of the console is among those that are looked at and walked here."""
    assert routes() == set(PAGES)


@pytest.mark.security("console", "CSP violations 0 in a browser run")
@pytest.mark.parametrize("route", PAGES)
async def test_every_page_can_be_looked_at(supervisor: Person, things: Things, route: str) -> None:
    """axe finds nothing on any page, wide and light or narrow and dark, and none is wider than a phone."""
    await supervisor.page.goto(PAGES[route](things))
    await expect(supervisor.page.get_by_role("heading", level=1)).to_be_visible()
    await loaded(supervisor.page)
    await supervisor.look("page")


async def test_an_address_that_leads_nowhere_can_be_looked_at(supervisor: Person) -> None:
    """axe finds nothing there either."""
    await supervisor.page.goto("/no-such-page")
    forgive(supervisor.page, "404")
    await supervisor.look("page")


@pytest.mark.timeout(300)  # the page is long
async def test_the_description_of_the_calls_can_be_looked_at(page: Page) -> None:
    """axe finds nothing on the page that describes the REST API, and in the dark nothing in its first part."""
    await page.goto("/api")
    for scheme, part in (("light", None), ("dark", "header, section:first-of-type")):
        await page.emulate_media(color_scheme=scheme)
        found = await Axe().run(page, context=part)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.timeout(300)
async def test_every_page_can_be_walked_by_keyboard(supervisor: Person, things: Things) -> None:
    """Tab reaches every control of every page, each shows that it has the focus, and none keeps it."""
    wrong: list[str] = []
    for route, address in PAGES.items():
        await supervisor.page.goto(address(things))
        await loaded(supervisor.page)
        wrong += [f"{route}: {found}" for found in await walk(supervisor.page)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(300)
async def test_every_page_lets_one_skip_the_toolbar(supervisor: Person, things: Things) -> None:
    """The first Tab is at the link that leads past the toolbar; the next control is one of the content."""
    page = supervisor.page
    for address in PAGES.values():
        await page.goto(address(things))
        await loaded(page)
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.locator("main :focus")).to_have_count(1)
