"""Topic Settings, as somebody uses it (S45-S53)."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from sendout.client import AsyncClient
from sendout.v1 import role_pb2, topic_pb2
from tests.browser.arranging import label, new_topic, permit
from tests.browser.person import Person, forgive


def row(person: Person, name: str) -> Locator:
    """The row of a topic."""
    return person.page.get_by_role("listitem").filter(has=person.page.get_by_text(name, exact=True))


async def test_a_topic_is_created_with_the_green_button(agent: Person, administrator: AsyncClient) -> None:
    """S45: the green plus asks for a label and makes the topic; a label that is taken is said in place."""
    taken, fresh = await new_topic(administrator), label("Invoices")
    await agent.page.goto("/topics")
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


async def test_a_topic_is_disabled_with_the_bin(agent: Person, administrator: AsyncClient) -> None:
    """S46, S51: the bin disables, which can be undone at once; nothing on the page deletes."""
    topic = await new_topic(administrator)
    await agent.page.goto("/topics")
    await agent.page.get_by_role("button", name=f"Disable {topic.label}").click()
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


async def test_a_disabled_topic_is_reactivated(agent: Person, administrator: AsyncClient) -> None:
    """S50, S53: the toggle shows disabled topics, and the recycle symbol makes one active again."""
    topic = await new_topic(administrator)
    await administrator.disable_topic(topic.topic_id)
    await agent.page.goto("/topics")
    await expect(agent.page.get_by_role("listitem").first).to_be_visible()
    await expect(row(agent, topic.label)).to_have_count(0)
    await agent.page.get_by_role("link", name="Disabled").click()
    await expect(row(agent, topic.label)).to_be_visible()
    await expect(agent.page.get_by_role("button", name="New topic")).to_have_count(0)
    await agent.look("disabled-topics")
    await agent.page.get_by_role("button", name=f"Re-activate {topic.label}").click()
    await expect(row(agent, topic.label)).to_have_count(0)
    await agent.page.get_by_role("link", name="Active", exact=True).click()
    await expect(row(agent, topic.label)).to_be_visible()


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
