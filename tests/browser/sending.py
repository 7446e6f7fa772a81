"""The Send page in the words of whoever fills it in."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

GARAGE = (
    "Our Garage had a power outage today and some trucks may be delayed. "
    "Please reply if you require additional information."
)


@dataclass
class SendPage:
    """The form, and the confirmation that takes its place."""

    page: Page

    async def open(self, point: str = "main") -> None:
        """From the address; chooses a contact point."""
        await self.page.goto("/send")
        await self.page.get_by_label("Contact point").select_option(point)

    @property
    def recipients(self) -> Locator:
        return self.page.get_by_role("textbox", name="Recipients")

    @property
    def chips(self) -> Locator:
        return self.page.get_by_role("list", name="Recipients so far").get_by_role("listitem")

    @property
    def text(self) -> Locator:
        return self.page.get_by_role("textbox", name="Text", exact=True)

    @property
    def send(self) -> Locator:
        return self.page.get_by_role("button", name="Send", exact=True)

    @property
    def warning(self) -> Locator:
        return self.page.get_by_text("too long for a single message")

    @property
    def confirmation(self) -> Locator:
        return self.page.get_by_role("heading", name="Notification sent")

    def fact(self, name: str) -> Locator:
        """What stands beside a word of the preview."""
        return self.page.locator("dl.facts > div").filter(has_text=name).locator("dd")

    async def paste(self, text: str) -> None:
        """Paste into the field of recipients, as a browser does."""
        await self.recipients.evaluate(
            """(field, text) => {
              const data = new DataTransfer();
              data.setData("text", text);
              const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
              if (field.dispatchEvent(event)) field.setRangeText(text, 0, field.value.length, "end");
            }""",
            text,
        )

    async def drop(self, name: str, content: str) -> None:
        """Drop a file on the field of recipients."""
        await self.page.locator("so-recipients").evaluate(
            """(field, [name, content]) => {
              const data = new DataTransfer();
              data.items.add(new File([content], name, { type: "text/csv" }));
              field.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
            }""",
            [name, content],
        )

    async def fill(self, numbers: str = "+14155550101, +14155550102", text: str = GARAGE) -> None:
        """Recipients and a text; waits until it may be sent."""
        await self.recipients.fill(numbers)
        await self.text.fill(text)
        await expect(self.send).to_be_enabled()
