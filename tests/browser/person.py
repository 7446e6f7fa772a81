"""What tests do in the browser, in the words of whoever uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

LOOKS = ((1280, 900, "light"), (375, 740, "dark"))


@dataclass
class Person:
    """Somebody with a browser."""

    PASSWORD: ClassVar[str] = "correct horse battery"

    page: Page
    user: str
    screenshots: Path

    async def sign_in(self, password: str = PASSWORD) -> None:
        """By name and password; ends on the Welcome screen."""
        await self.page.goto("/sign-in")
        await self.page.get_by_label("User name").fill(self.user)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("heading", name="Welcome")).to_be_visible()

    async def look(self, name: str) -> None:
        """Photograph the page as it is, wide and light, narrow and dark; axe finds nothing in either."""
        await look(self.page, self.screenshots, name)


async def look(page: Page, folder: Path, name: str) -> None:
    """The same for a page of nobody."""
    for width, height, scheme in LOOKS:
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        folder.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{name} is {overflow} px wider than {width} px"
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{name} {width} {scheme}\n{found.generate_report()}"
    width, height, scheme = LOOKS[0]
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme=scheme)


def forgive(page: Page, words: str) -> None:
    """Take away the browser's complaints of what a test provoked; there must be some, and none of anything else."""
    complaints: list[str] = page.context.complaints  # type: ignore[attr-defined]
    assert {words in line for line in complaints} == {True}, complaints
    complaints.clear()
