"""The simulator's phones, as somebody who tries Sendout out uses them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from playwright.async_api import Locator, Route, expect

from sendout.client import AsyncClient
from tests.browser.arranging import new_topic, sent
from tests.browser.person import Person, forgive

HOSTILE = "<img src=x onerror=alert(1)> <script>alert(2)</script> javascript:alert(3)"


def texts(person: Person) -> Locator:
    """The texts on the phone that is shown."""
    return person.page.get_by_role("list", name="Texts").get_by_role("listitem")


async def test_a_text_arrives_while_one_looks(agent: Person, administrator: AsyncClient) -> None:
    """A phone shows what arrives on it without anybody loading the page again, and nothing in a text is markup."""
    topic = await new_topic(administrator)
    await sent(administrator, topic, ["+14155550111"], "The first one.")
    await sent(administrator, topic, ["+14155550112"], "Another phone.")
    await agent.page.goto("/")
    await agent.page.get_by_role("link", name="Handsets").click()
    await agent.page.get_by_role("button", name="+14155550111").click()
    await expect(texts(agent)).to_contain_text(["The first one."])
    await sent(administrator, topic, ["+14155550111"], HOSTILE)
    await expect(texts(agent)).to_contain_text(["The first one.", HOSTILE])
    await expect(agent.page.get_by_role("status").filter(has_text="New text from +14155550001")).to_have_count(1)
    await expect(agent.page.locator("main img, main script")).to_have_count(0)
    await agent.look("arrived")


async def test_a_phone_answers_back(agent: Person, administrator: AsyncClient) -> None:
    """What somebody writes on a phone stands on it at once; what cannot be sent is said on it."""
    number = "+14155550113"
    await sent(administrator, await new_topic(administrator), [number], "Reply if you need more.")
    await agent.page.goto(f"/handsets#{number}")
    await expect(texts(agent)).to_have_count(1)
    field = agent.page.get_by_role("textbox", name="Answer")
    await field.fill("Back\u202ewards")
    await field.press("Enter")
    await expect(agent.page.get_by_role("alert")).to_be_visible()
    await expect(field).to_have_value("Back\u202ewards")
    await agent.look("refused")
    forgive(agent.page, "400")
    await field.fill("Yes, please.")
    await field.press("Enter")
    await expect(texts(agent)).to_contain_text(["Reply if you need more.", "Yes, please."])
    await expect(field).to_have_value("")
    await agent.look("answered")


async def test_the_toolbar_is_skipped_and_the_phone_stays(agent: Person, administrator: AsyncClient) -> None:
    """The link past the toolbar changes the page's address and not the phone that is shown."""
    number = "+14155550115"
    await sent(administrator, await new_topic(administrator), [number], "The first one.")
    await agent.page.goto(f"/handsets#{number}")
    await expect(texts(agent)).to_contain_text(["The first one."])
    await agent.page.get_by_role("link", name="Skip to the content").press("Enter")
    await sent(administrator, await new_topic(administrator), [number], "The second one.")
    await expect(texts(agent)).to_contain_text(["The first one.", "The second one."])


async def test_what_would_be_invisible_is_marked(agent: Person) -> None:
    """Characters that turn the direction around or are not seen are shown by their code points, set apart."""
    number = "+14155550114"
    message = {"sender": "+14155550001", "text": "pay\u202eevil\u200b.example", "receiveTime": "2026-11-24T08:00:00Z"}
    handset = {"phoneNumber": number, "messageCount": 1, "lastTime": "2026-11-24T08:00:00Z"}
    await answer(agent, "**/v1/simulator/handsets?*", {"handsets": [handset]})
    await answer(agent, "**/v1/simulator/handsets/*/messages?*", {"messages": [message]})
    await agent.page.goto("/handsets")
    await expect(texts(agent).locator("mark")).to_have_text(["⟨U+202E⟩", "⟨U+200B⟩"])
    assert "\u202e" not in await agent.page.locator("main").inner_text()
    await agent.look("marked")


async def test_phones_that_have_nothing_or_do_not_answer(agent: Person) -> None:
    """Without any text the page says how to get one; without an answer it says so and goes on trying."""
    await answer(agent, "**/v1/simulator/handsets?*", {})
    await agent.page.goto("/handsets")
    await expect(agent.page.get_by_role("heading", name="No phone has received anything yet")).to_be_visible()
    await agent.look("nothing")
    await agent.page.unroute_all()
    await agent.page.route("**/v1/simulator/**", lambda route: route.abort())
    await agent.page.reload()
    await expect(agent.page.get_by_role("alert")).to_contain_text("Trying again by itself.")
    await agent.look("no-answer")
    await agent.page.unroute_all()
    await expect(agent.page.get_by_role("alert")).to_have_count(0)
    forgive(agent.page, "ERR_FAILED")  # one for each time it tried again


async def answer(person: Person, pattern: str, content: dict[str, Sequence[object]]) -> None:
    """Let calls be answered with this."""

    async def fulfil(route: Route) -> None:
        await route.fulfill(content_type="application/json", body=json.dumps(content))

    await person.page.route(pattern, fulfil)
