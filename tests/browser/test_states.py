"""What pages say where there is nothing yet, while they load, where the server is away, and to whom they are closed."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from sendout.client import AsyncClient
from sendout.v1 import contact_point_pb2
from tests.browser.conftest import SCREENSHOTS
from tests.browser.everywhere import PAGES, Things, loaded
from tests.browser.person import Person, forgive, look
from tests.browser.sending import GARAGE, SendPage
from tests.e2e.running import Running, environment, free_port, up

EMPTY = {
    "/": ("Nothing sent yet today", "Send Notifications"),
    "/history": ("Nothing was sent in this interval", "Send Notifications"),
    "/history?state=disabled": ("No disabled topics", "Manage Topics"),
    "/history/topics/default": ("Nothing was sent in this interval", "30 days"),
    "/history/topics/default/recent": ("No messages yet", "Send Notifications"),
    "/topics?state=disabled": ("No disabled topics", "Active topics"),
    "/replies": ("No replies here", "Show"),
    "/handsets": ("No phone has received anything yet", "Send Notifications"),
    "/admin/snippets": ("No snippets here", "New snippet of your own"),
    "/admin/consent": ("Nothing on record here", "Record what somebody said"),
    "/admin/prices": ("No prices yet", "New price"),
    "/admin/usage": ("Nothing was sent in this interval", "Show"),
    "/admin/audit?who=nobody": ("No such changes", "Show all"),
}
"""By address: what is not there, and what one can use next."""

CLOSED = ("contact-points", "contact-points/new", "roles", "users", "api-keys", "consent", "audit")
LOADING = {
    "/topics": ("**/v1/topics?*", "Loading topics…"),
    "/handsets": ("**/v1/simulator/**", "Loading phones…"),
    "/replies": ("**/v1/conversations?*", "Loading …"),
    "/send": ("**/v1/notifications:preview", "Checking…"),
}
"""By address: the call that fills the page, and what stands there until it is answered."""


@pytest.fixture(scope="module")
def site() -> Iterator[Running]:
    """A new `sendout up` that nobody has used."""
    with tempfile.TemporaryDirectory(prefix="son") as home, up(Path(home)) as running:
        yield running


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a gateway whose server is away."""
    settings = environment(tmp_path_factory.mktemp("alone"), SENDOUT_TARGET=f"127.0.0.1:{free_port()}")
    process = subprocess.Popen(
        [sys.executable, "-m", "sendout.gateway"], env=settings, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        assert any("listening" in line for line in process.stderr), "The gateway did not start."
        yield f"http://{settings['SENDOUT_GATEWAY_LISTEN']}"
    finally:
        process.terminate()
        process.communicate()


async def sign_in(page: Page, site: Running, who: str) -> None:
    """As one of the two that a new site has, "Administrator" or "Agent"."""
    async with AsyncClient(site.target, site.admin_key) as client:
        (user,) = [one.user_id async for one in client.users() if one.label == who]
        token = (await client.create_sign_in_link(user)).sign_in_token
    await page.goto(f"/sign-in#{token}")
    await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


async def test_nothing_there(page: Page, site: Running) -> None:
    """Each page of a new site says what would be there, and has what one needs to get it."""
    await sign_in(page, site, "Administrator")
    for address, (heading, action) in EMPTY.items():
        await page.goto(address)
        await loaded(page)
        await expect(page.locator("main").get_by_role("heading", name=heading).first).to_be_visible()
        main = page.locator("main")
        way = (
            main.get_by_role("link", name=action)
            .or_(main.get_by_role("button", name=action))
            .or_(main.locator("summary", has_text=action))
        )
        await expect(way.first).to_be_visible()
        await look(page, SCREENSHOTS / "nothing-there", re.sub(r"\W", "-", address))


@asynccontextmanager
async def held_back(page: Page, addresses: str) -> AsyncIterator[None]:
    """What the page asks for at these addresses comes only after the block."""
    over = asyncio.Event()

    async def later(route: Route) -> None:
        await over.wait()
        await route.continue_()

    await page.route(addresses, later)
    yield
    over.set()


@pytest.mark.parametrize("address", LOADING)
async def test_not_loaded_yet(page: Page, site: Running, address: str) -> None:
    """Live pages say that they load until the server has answered, and then no more."""
    calls, words = LOADING[address]
    await sign_in(page, site, "Administrator")
    waiting = page.locator("main").get_by_text(words)
    async with held_back(page, calls):
        await page.goto(address)
        await expect(waiting.first).to_be_visible()
    await expect(waiting).to_have_count(0)


async def test_the_server_is_away(context: BrowserContext, page: Page, alone: str) -> None:
    """Every page says that the server cannot be reached, and the way to try again is the page as it was asked for."""
    await context.add_cookies([{"name": "sendout-session", "value": "a", "url": alone}])
    nothing = Things("a", "a", "a", "a")
    for address in PAGES.values():
        await page.goto(f"{alone}{address(nothing)}")
        await expect(page.get_by_role("heading", name="This did not work")).to_be_visible()
        await expect(page.get_by_text("cannot be reached. Try again in a moment.")).to_be_visible()
        await page.get_by_role("link", name="Try again").click()
        await expect(page).to_have_url(f"{alone}{address(nothing)}")
    forgive(page, "503")
    await look(page, SCREENSHOTS / "server-away", "page")


async def test_what_a_live_page_cannot_get(page: Page, site: Running) -> None:
    """Snippets that cannot be loaded are said where they would stand, and come once they can."""
    await sign_in(page, site, "Administrator")
    await page.route("**/v1/snippets?*", lambda route: route.abort())
    await page.goto("/send")
    text = page.get_by_role("textbox", name="Text", exact=True)
    await text.press_sequentially("/")
    option = page.get_by_role("listbox", name="Snippets").get_by_role("option")
    await expect(option).to_contain_text("Sendout cannot be reached")
    forgive(page, "ERR_FAILED")
    await page.unroute("**/v1/snippets?*")
    await text.press_sequentially("a")
    await expect(option).to_contain_text("No snippet has such a tag.")


async def test_closed_to_somebody(page: Page, site: Running) -> None:
    """Whoever may not see a page is told so, and who can change that; who may do nothing finds the same on Send and
    Replies."""
    await sign_in(page, site, "Agent")
    for name in CLOSED:
        await page.goto(f"/admin/{name}")
        await expect(page.get_by_role("heading", name="You may not see this")).to_be_visible()
        await expect(page.get_by_text("An administrator can give you a role that allows it")).to_be_visible()
        await expect(page.get_by_role("link", name="Welcome", exact=True).last).to_be_visible()
        forgive(page, "403")
    lists = ["send_notification_roles", "start_conversation_roles"]
    taken = contact_point_pb2.ContactPoint(contact_point_id="main", **{name: ["admin"] for name in lists})
    async with AsyncClient(site.target, site.admin_key) as client:
        before = (await client.get_contact_point("main")).contact_point
        await client.update_contact_point(taken, lists)
        try:
            await page.goto("/send")
            await expect(page.get_by_role("heading", name="No contact point to send from")).to_be_visible()
            await page.goto("/replies")
            await expect(page.get_by_role("heading", name="No contact point to answer from")).to_be_visible()
            await expect(page.get_by_text("Ask an administrator")).to_be_visible()
            await look(page, SCREENSHOTS / "closed", "replies")
        finally:
            await client.update_contact_point(before, lists)


@pytest.mark.parametrize("how", ["pressed twice", "by Enter"])
async def test_whoever_is_quicker_than_the_scripts_waits_for_them(page: Page, agent: Person, how: str) -> None:
    """What is pressed before a page's scripts have come is done once they have, and once; no address has what was
    typed."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    await page.context.clear_cookies()
    async with held_back(page, "**/js/sign-in.js"):
        await page.goto("/sign-in", wait_until="commit")
        await page.get_by_label("User name").fill(agent.user)
        await page.get_by_label("Password").fill(agent.PASSWORD)
        if how == "by Enter":
            await page.get_by_label("Password").press("Enter")
        else:
            await page.get_by_role("button", name="Sign in").dblclick()
    await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    assert len([one for one in asked if one.startswith("POST")]) == 1, asked
    assert not [one for one in asked if "password" in one.lower()], asked


async def test_what_was_typed_before_the_scripts_came_counts(agent: Person) -> None:
    """Numbers and a text that were typed while the page was loading are taken as if they were typed later."""
    form = SendPage(agent.page)
    async with held_back(agent.page, "**/js/send.js"):
        await agent.page.goto("/send", wait_until="commit")
        await form.recipients.fill("+14155550101, +14155550102")
        await form.text.fill(GARAGE)
    await expect(form.chips).to_have_count(2)
    await expect(form.send).to_be_enabled()
