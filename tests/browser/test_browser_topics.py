"""Topic Settings, as somebody uses it (S45-S53)."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from sendout.client import AsyncClient
from sendout.v1 import role_pb2, topic_pb2
from tests.browser.arranging import label, new_topic, permit
from tests.browser.person import Person, forgive
from tests.browser.sending import SendPage


def row(person: Person, name: str) -> Locator:
    """The row of a topic."""
    return person.page.get_by_role("listitem").filter(has=person.page.get_by_text(name, exact=True))


async def symbol(button: Locator) -> str:
    """Which symbol a button has."""
    address = await button.locator("use").get_attribute("href")
    return (address or "").rpartition("#")[2]


async def send_under(person: Person, topic: topic_pb2.Topic) -> None:
    """Send a notification to two recipients by the form."""
    form = SendPage(person.page)
    await form.open()
    await person.page.get_by_label("Topic", exact=True).select_option(topic.topic_id)
    await form.fill()
    await form.send.click()
    await expect(form.confirmation).to_be_visible()


async def accepted_today(person: Person, name: str, state: str = "active") -> str:
    """What History counts for a topic."""
    await person.page.goto(f"/history?interval=today&state={state}")
    link = person.page.get_by_role("link", name=name, exact=True)
    return await person.page.get_by_role("row").filter(has=link).get_by_role("cell").first.inner_text()


async def test_a_topic_is_created_with_the_green_button(agent: Person, administrator: AsyncClient) -> None:
    """S45: the green plus asks for a label and makes the topic; a label that is taken is said in place."""
    taken, fresh = await new_topic(administrator), label("Invoices")
    await agent.page.goto("/topics")
    plus = agent.page.get_by_role("button", name="New topic")
    assert await symbol(plus) == "plus"
    red, green, blue = await plus.evaluate("one => getComputedStyle(one).backgroundColor.match(/\\d+/g).map(Number)")
    assert green > max(red, blue)
    await agent.page.get_by_role("button", name="New topic").click()
    field = agent.page.get_by_label("Label of the new topic")
    await expect(field).to_be_focused()
    await field.fill(taken.label.upper())
    await field.press("Enter")
    await expect(agent.page.get_by_role("alert")).to_contain_text(taken.label)
    await expect(field).to_have_attribute("aria-invalid", "true")
    await agent.look("taken")
    forgive(agent.page, "409")
    await field.fill(fresh)
    await agent.page.get_by_role("button", name="Create").click()
    await expect(row(agent, fresh)).to_be_visible()
    await expect(agent.page.get_by_role("button", name="New topic")).to_be_focused()
    assert fresh in [topic.label async for topic in administrator.topics()]


async def test_a_topic_is_renamed_with_the_pencil(agent: Person, administrator: AsyncClient) -> None:
    """S47: the pencil changes the label, with the keyboard alone; Escape leaves it as it was."""
    topic, new = await new_topic(administrator), label("Renamed")
    await agent.page.goto("/topics")
    pencil = agent.page.get_by_role("button", name=f"Rename {topic.label}")
    assert await symbol(pencil) == "pencil"
    await pencil.press("Enter")
    field = agent.page.get_by_label(f"New label for {topic.label}")
    await expect(field).to_have_value(topic.label)
    await field.press("Escape")
    await expect(pencil).to_be_focused()
    await pencil.press("Enter")
    await agent.look("renaming")
    await field.fill(new)
    await field.press("Enter")
    await expect(row(agent, new)).to_be_visible()
    assert (await administrator.get_topic(topic.topic_id)).topic.label == new


async def test_what_was_sent_stays_with_its_topic(agent: Person, administrator: AsyncClient) -> None:
    """S21, S47: a notification counts under its topic and no other, also once that has a new label."""
    topic, other, new = await new_topic(administrator), await new_topic(administrator), label("Renamed")
    await send_under(agent, topic)
    await agent.page.goto("/topics")
    await agent.page.get_by_role("button", name=f"Rename {topic.label}").click()
    await agent.page.get_by_label(f"New label for {topic.label}").fill(new)
    await agent.page.get_by_role("button", name="Save").click()
    await expect(row(agent, new)).to_be_visible()
    assert await accepted_today(agent, new) == "2"
    assert await accepted_today(agent, other.label) == "0"


async def test_a_topic_is_disabled_with_the_bin(agent: Person, administrator: AsyncClient) -> None:
    """S46, S51: the bin disables, which can be undone at once; nothing on the page deletes."""
    topic = await new_topic(administrator)
    await agent.page.goto("/topics")
    bin_ = agent.page.get_by_role("button", name=f"Disable {topic.label}")
    assert await symbol(bin_) == "bin"
    await bin_.click()
    await expect(row(agent, topic.label)).to_have_count(0)
    await expect(agent.page.get_by_text("cannot be chosen for sending any more")).to_be_visible()
    assert (await administrator.get_topic(topic.topic_id)).topic.state == topic_pb2.TOPIC_STATE_DISABLED
    await expect(agent.page.get_by_text("delete")).to_have_count(0)
    await agent.look("disabled")
    await agent.page.get_by_role("button", name="Undo").click()
    await expect(row(agent, topic.label)).to_be_visible()
    assert (await administrator.get_topic(topic.topic_id)).topic.state == topic_pb2.TOPIC_STATE_ACTIVE


async def test_the_default_topic_is_locked(agent: Person) -> None:
    """S35, S48, S49: the default topic has no pencil and no bin, and says why."""
    await agent.page.goto("/topics")
    default = agent.page.get_by_role("listitem").filter(has_text="Default topic: cannot be edited or disabled")
    await expect(default).to_have_count(1)
    await expect(default.get_by_role("button")).to_have_count(0)


async def test_a_disabled_topic_is_not_sent_under(agent: Person, administrator: AsyncClient) -> None:
    """S52: a send under a topic that was disabled in another tab is refused, and the next form does not offer it."""
    topic = await new_topic(administrator)
    form = SendPage(agent.page)
    await form.open()
    chosen = agent.page.get_by_label("Topic", exact=True)
    await chosen.select_option(topic.topic_id)
    await form.fill()
    other = await agent.page.context.new_page()
    await other.goto("/topics")
    await other.get_by_role("button", name=f"Disable {topic.label}").click()
    await expect(other.get_by_text("cannot be chosen for sending any more")).to_be_visible()
    await form.send.click()
    await expect(agent.page.locator("#problem")).to_contain_text("is disabled")
    forgive(agent.page, "400")
    await agent.page.goto("/send")
    await expect(chosen.locator("option")).not_to_have_count(0)
    await expect(chosen.locator("option", has_text=topic.label)).to_have_count(0)
    assert await accepted_today(agent, topic.label, "disabled") == "0"


async def test_a_disabled_topic_is_reactivated(agent: Person, administrator: AsyncClient) -> None:
    """S50, S53: the toggle shows disabled topics, the recycle symbol makes one active again, and its counts go on."""
    topic = await new_topic(administrator)
    await send_under(agent, topic)
    await administrator.disable_topic(topic.topic_id)
    await agent.page.goto("/topics")
    await expect(agent.page.get_by_role("listitem").first).to_be_visible()
    await expect(row(agent, topic.label)).to_have_count(0)
    await agent.page.get_by_role("link", name="Disabled").click()
    await expect(row(agent, topic.label)).to_be_visible()
    await expect(agent.page.get_by_role("button", name="New topic")).to_have_count(0)
    await agent.look("disabled-topics")
    recycle = agent.page.get_by_role("button", name=f"Re-activate {topic.label}")
    assert await symbol(recycle) == "recycle"
    await recycle.click()
    await expect(row(agent, topic.label)).to_have_count(0)
    await agent.page.get_by_role("link", name="Active", exact=True).click()
    await expect(row(agent, topic.label)).to_be_visible()
    await send_under(agent, topic)
    assert await accepted_today(agent, topic.label) == "4"


async def test_who_may_not_manage_topics(agent: Person, administrator: AsyncClient) -> None:
    """Whoever has no such role sees topics and no way to change them; one taken meanwhile is refused in the row."""
    topic = await new_topic(administrator)
    await agent.page.goto("/topics")
    disable = agent.page.get_by_role("button", name=f"Disable {topic.label}")
    await expect(disable).to_be_visible()
    roles = {role.role_id: role async for role in administrator.roles()}
    everyone = list(roles["everyone"].permissions)
    try:
        await permit(administrator, [one for one in everyone if one != role_pb2.PERMISSION_MANAGE_TOPICS])
        await disable.click()
        await expect(row(agent, topic.label).get_by_role("alert")).to_be_visible()
        forgive(agent.page, "403")
        await agent.page.reload()
        await expect(agent.page.get_by_text("needs a role that manages topics")).to_be_visible()
        await expect(row(agent, topic.label)).to_be_visible()
        await expect(disable).to_have_count(0)
        await agent.look("not-allowed")
    finally:
        await permit(administrator, everyone)


async def test_topics_that_cannot_be_loaded(agent: Person, administrator: AsyncClient) -> None:
    """Where the server does not answer the list says so, and tries again when asked."""
    topic = await new_topic(administrator)
    await agent.page.route("**/v1/topics?*", lambda route: route.abort())
    await agent.page.goto("/topics")
    await expect(agent.page.get_by_role("heading", name="The topics could not be loaded")).to_be_visible()
    await agent.look("not-loaded")
    forgive(agent.page, "net::ERR_FAILED")
    await agent.page.unroute("**/v1/topics?*")
    await agent.page.get_by_role("button", name="Try again").click()
    await expect(row(agent, topic.label)).to_be_visible()
