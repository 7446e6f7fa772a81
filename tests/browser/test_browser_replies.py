"""Replies in a real browser: from the phones to the console and back."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from sendout.client import AsyncClient
from sendout.v1 import simulator_service_pb2
from tests.browser.arranging import NOTICE, notified, written
from tests.browser.person import Person, forgive


async def hiding(route: Route) -> None:
    """What a handset of the simulator cannot send and a real one can: a text that ends in invisible characters."""
    answer = await route.fetch()
    content = await answer.json()
    for entry in content.get("entries", ())[:1]:
        entry["text"] += "\u202e\u200b"
    await route.fulfill(response=answer, json=content)


@pytest.mark.security("console", "inbound SMS with script renders inert")
async def test_a_reply_opens_a_conversation_and_is_answered(administrator: AsyncClient, agent: Person) -> None:
    """S10: nothing stands here until a recipient replies; then the thread stands beside the notification, is answered,
    and the answer reaches the phone. What the recipient wrote stays text, and what it hides is shown."""
    number = "+14155550181"
    point = await notified(administrator, number)
    page = agent.page
    await page.route("**/v1/conversations/*page_size=1000*", hiding)
    await page.goto(f"/replies?contact_point={point.contact_point_id}")
    await expect(page.get_by_role("heading", name="No replies here")).to_be_visible()
    await written(administrator, number, point.sender, "<img src=x onerror=alert(1)>Until when?")
    await page.get_by_role("link", name=number).click()
    await expect(page.get_by_role("article", name="The notification it answers")).to_contain_text(NOTICE)
    entries = page.get_by_role("list", name="Texts, oldest first").get_by_role("listitem")
    await expect(entries.first).to_contain_text("<img src=x onerror=alert(1)>Until when?⟨U+202E⟩⟨U+200B⟩")
    await page.get_by_label("Your answer").fill("Until noon.")
    await page.get_by_role("button", name="Send answer").click()
    await expect(entries.nth(1)).to_contain_text("Until noon.")
    await expect(entries.nth(1)).to_contain_text("Delivered")
    await expect(page.get_by_label("Your answer")).to_have_value("")
    await agent.look("thread")
    phone = await administrator.rpc(simulator_service_pb2.ListHandsetMessagesRequest(phone_number=number))
    assert phone.messages[0].text == "Until noon."
    await written(administrator, number, point.sender, "Thank you")
    await expect(entries.nth(2)).to_contain_text("Thank you")


async def test_a_long_answer_is_acknowledged_and_a_conversation_closed(
    administrator: AsyncClient, agent: Person
) -> None:
    """S28 holds for answers too; a closed conversation takes no more of them."""
    number = "+14155550182"
    point = await notified(administrator, number)
    await written(administrator, number, point.sender, "please take me off this list")
    page = agent.page
    await page.goto(f"/replies?contact_point={point.contact_point_id}")
    await expect(page.get_by_text("To be looked at", exact=True).last).to_be_visible()
    await page.get_by_role("link", name=number).click()
    await expect(page.get_by_text("This may be a wish to get no more messages")).to_be_visible()
    await page.get_by_label("Your answer").fill("We will. " * 20)
    await page.get_by_role("button", name="Send answer").click()
    await expect(page.get_by_role("alert").filter(has_text="too long for a single message")).to_be_visible()
    forgive(page, "400")
    await page.get_by_label("Send it split into 2 messages").check()
    await page.get_by_role("button", name="Send answer").click()
    entries = page.get_by_role("list", name="Texts, oldest first").get_by_role("listitem")
    await expect(entries.nth(1)).to_contain_text("We will.")
    await page.get_by_role("button", name="Close conversation").click()
    await page.get_by_role("button", name="Close it").click()
    await expect(page.get_by_text("This conversation is closed.")).to_be_visible()
    await expect(page.get_by_label("Your answer")).to_be_hidden()
    await expect(page.get_by_text("This may be a wish to get no more messages")).to_be_hidden()


async def test_whoever_may_not_converse_is_refused(administrator: AsyncClient, agent: Person) -> None:
    """S3: who may read and answer replies is decided by the contact point's own list for conversations."""
    number = "+14155550183"
    point = await notified(administrator, number, "admin")
    await written(administrator, number, point.sender, "Until when?")
    (only,) = (await administrator.conversations(contact_point=point.contact_point_id).whole()).conversations
    page = agent.page
    await page.goto(f"/replies/{only.conversation_id}")
    await expect(page.get_by_role("heading", name="You may not see this")).to_be_visible()
    forgive(page, "403")
    await page.goto("/replies")
    await expect(page.get_by_label("Contact point").get_by_role("option", name=point.label)).to_have_count(0)


async def test_a_broken_connection_is_told_until_it_is_back(agent: Person) -> None:
    """The page says that Sendout cannot be reached, and stops saying so once it can."""
    page = agent.page
    await page.route("**/v1/conversations?*", lambda route: route.abort())
    await page.goto("/replies")
    problem = page.get_by_role("alert").filter(has_text="Sendout cannot be reached")
    await expect(problem).to_be_visible()
    await page.unroute("**/v1/conversations?*")
    await expect(problem).to_be_hidden()
    forgive(page, "ERR_FAILED")
