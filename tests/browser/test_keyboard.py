"""The main jobs, done by keyboard alone."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from sendout.client import AsyncClient
from tests.browser.arranging import label, notified, written
from tests.browser.everywhere import tab_to
from tests.browser.person import Person
from tests.browser.sending import GARAGE

_INSIDE = """(dialog) => document.activeElement === document.body || dialog.contains(document.activeElement)"""


async def press(page: Page, control: Locator, key: str = "Enter") -> None:
    """Go to a control with Tab and press a key there."""
    await tab_to(page, control)
    await page.keyboard.press(key)


async def write(page: Page, field: Locator, text: str) -> None:
    """Go to a field with Tab and type."""
    await tab_to(page, field)
    await page.keyboard.type(text)


async def stays_within(page: Page, dialog: Locator) -> None:
    """The focus is in the dialog, and Tab does not leave it either way."""
    await expect(dialog.locator(":focus")).to_have_count(1)
    for key in ("Tab", "Shift+Tab"):
        for _ in range(6):
            await page.keyboard.press(key)
            assert await dialog.evaluate(_INSIDE)


async def test_a_notification_is_sent(agent: Person) -> None:
    """From the toolbar over a new topic, recipients, a long text and its tick to the confirmation."""
    page, topic = agent.page, label("By keyboard")
    await press(page, page.locator("summary", has_text="Outbound"))
    await press(page, page.locator(".menu").get_by_role("link", name="Send Notifications"))
    await press(page, page.get_by_role("button", name="Add a topic"))
    await page.keyboard.type(topic)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Topic", exact=True)).to_be_focused()
    await write(page, page.get_by_role("textbox", name="Recipients"), "+14155550101, +14155550102, 12345")
    await write(page, page.get_by_role("textbox", name="Text", exact=True), f"{GARAGE} {GARAGE}")
    await expect(page.get_by_text("1 number cannot be sent to")).to_be_visible()
    await press(page, page.get_by_role("button", name="Remove 12345"))
    await expect(page.get_by_role("textbox", name="Recipients")).to_be_focused()
    await press(page, page.get_by_label("Send it as 2 messages to each recipient"), "Space")
    send = page.get_by_role("button", name="Send", exact=True)
    await expect(send).to_be_enabled()
    await press(page, send)
    await expect(page.get_by_role("heading", name="Notification sent")).to_be_focused()
    await expect(page.get_by_text(f"2 messages accepted from Main line (+14155550001), topic {topic}.")).to_be_visible()


async def test_a_topic_is_managed(agent: Person, administrator: AsyncClient) -> None:
    """A topic is created, renamed, disabled, brought back by Undo and by its list; the focus is never lost."""
    page, old, new = agent.page, label("Old"), label("New")
    await page.goto("/topics")
    await press(page, page.get_by_role("button", name="New topic"))
    await page.keyboard.type(old)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="New topic")).to_be_focused()
    await press(page, page.get_by_role("button", name=f"Rename {old}"))
    await page.keyboard.type(new)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name=f"Rename {new}")).to_be_focused()
    disable = page.get_by_role("button", name=f"Disable {new}")
    await press(page, disable)
    await expect(disable).to_have_count(0)
    await expect(page.locator(".topics :focus")).to_have_count(1)
    await press(page, page.get_by_role("button", name="Undo"))
    await expect(page.get_by_role("link", name=f"History of {new}")).to_be_focused()
    await press(page, disable)
    await expect(disable).to_have_count(0)
    await press(page, page.get_by_role("link", name="Disabled"))
    recycle = page.get_by_role("button", name=f"Re-activate {new}")
    await press(page, recycle)
    await expect(recycle).to_have_count(0)
    await expect(page.locator("so-topics :focus")).to_have_count(1)
    assert new in [topic.label async for topic in administrator.topics()]


async def test_a_reply_is_answered_and_its_conversation_closed(agent: Person, administrator: AsyncClient) -> None:
    """The answer goes out and the field keeps the focus; the question before closing keeps it within, Escape gives it
    back, and closing leads to what is said about it."""
    number, page = "+14155550185", agent.page
    point = await notified(administrator, number)
    await written(administrator, number, point.sender, "Until when?")
    await page.goto(f"/replies?contact_point={point.contact_point_id}")
    await press(page, page.get_by_role("link", name=number))
    await write(page, page.get_by_label("Your answer"), "Until noon.")
    await press(page, page.get_by_role("button", name="Send answer"))
    entries = page.get_by_role("list", name="Texts, oldest first").get_by_role("listitem")
    await expect(entries.nth(1)).to_contain_text("Until noon.")
    await expect(page.get_by_label("Your answer")).to_be_focused()
    close = page.get_by_role("button", name="Close conversation")
    await press(page, close)
    await stays_within(page, page.get_by_role("dialog"))
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(close).to_be_focused()
    await page.keyboard.press("Enter")
    await press(page, page.get_by_role("button", name="Close it"))
    await expect(page.get_by_text("This conversation is closed.")).to_be_focused()


async def test_a_question_of_admin_gives_the_focus_back(supervisor: Person, administrator: AsyncClient) -> None:
    """The question before something is deleted keeps the focus within; Escape means no, and is back where one was."""
    page, tag = supervisor.page, label("keyboard").replace(" ", "-")
    await administrator.create_snippet(tag, "By keyboard.", shared=True)
    await page.goto("/admin/snippets")
    delete = page.get_by_role("button", name=f"Delete {tag}")
    await press(page, delete)
    await stays_within(page, page.get_by_role("dialog"))
    await page.keyboard.press("Escape")
    await expect(delete).to_be_focused()
    await page.keyboard.press("Enter")
    await press(page, page.get_by_role("button", name="Delete the snippet"))
    await expect(page.locator("#said")).to_contain_text("The snippet is deleted.")


async def test_a_secret_is_kept_in_sight(supervisor: Person) -> None:
    """The dialog with a secret keeps the focus within, and closes by its own button alone: nobody can show it again."""
    page = supervisor.page
    await page.goto("/admin/api-keys")
    await press(page, page.locator("summary", has_text="New API key"))
    await write(page, page.get_by_label("Label"), label("Key"))
    await press(page, page.get_by_role("button", name="Create API key"))
    dialog = page.get_by_role("dialog", name="The new key's secret")
    await stays_within(page, dialog)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    await press(page, dialog.get_by_role("button", name="I have kept it"))
    await expect(dialog).to_have_count(0)
