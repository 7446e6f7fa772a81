"""Admin in a real browser, as somebody with the Administrator role uses it."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.person import Person

ROOMS = ("contact-points", "roles", "users", "api-keys", "snippets", "consent", "prices", "usage", "audit")


async def test_every_room_is_good_to_look_at(supervisor: Person) -> None:
    """Each page of Admin shows itself without complaints, wide and narrow, light and dark."""
    for name in (*ROOMS, "contact-points/new", "contact-points/main", "roles/admin", f"users/{supervisor.user}"):
        await supervisor.page.goto(f"/admin/{name}")
        await expect(supervisor.page.get_by_role("heading", level=1)).to_be_visible()
        await supervisor.look(name.replace("/", "-").replace(supervisor.user, "one"))
