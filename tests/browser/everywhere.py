"""Every page of the console, by its route, for what holds on all of them; and how to walk one by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from playwright.async_api import Locator, Page, expect

from sendout.gateway.console import rooms
from sendout.gateway.console.sessions import SecretCookie
from sendout.gateway.settings import GatewaySettings
from sendout.gateway.upstream import Upstream


@dataclass(frozen=True)
class Things:
    """What the pages of one thing are about, by id."""

    topic: str
    message: str
    conversation: str
    user: str


PAGES: dict[str, Callable[[Things], str]] = {
    "/": lambda _: "/",
    "/send": lambda _: "/send",
    "/history": lambda _: "/history?interval=custom&from=2026-01-01&to=2026-01-31",
    "/history/topics/{topic_id}": lambda things: f"/history/topics/{things.topic}",
    "/history/topics/{topic_id}/recent": lambda things: f"/history/topics/{things.topic}/recent",
    "/history/messages/{message_id}": lambda things: f"/history/messages/{things.message}",
    "/topics": lambda _: "/topics",
    "/replies": lambda _: "/replies",
    "/replies/{conversation_id}": lambda things: f"/replies/{things.conversation}",
    "/admin": lambda _: "/admin",
    "/admin/contact-points": lambda _: "/admin/contact-points",
    "/admin/contact-points/new": lambda _: "/admin/contact-points/new",
    "/admin/contact-points/{contact_point_id}": lambda _: "/admin/contact-points/main",
    "/admin/roles": lambda _: "/admin/roles",
    "/admin/roles/{role_id}": lambda _: "/admin/roles/agents",
    "/admin/users": lambda _: "/admin/users",
    "/admin/users/{user_id}": lambda things: f"/admin/users/{things.user}",
    "/admin/api-keys": lambda _: "/admin/api-keys",
    "/admin/snippets": lambda _: "/admin/snippets",
    "/admin/consent": lambda _: "/admin/consent",
    "/admin/prices": lambda _: "/admin/prices",
    "/admin/usage": lambda _: "/admin/usage",
    "/admin/audit": lambda _: "/admin/audit",
    "/handsets": lambda _: "/handsets",
}
"""The pages for people who are signed in, each with an address."""

_NO_PAGES = {"/static/{version}/{path:path}", "/history/export", "/admin/usage.csv"}
_CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex='-1'])"
_MOST_STOPS = 200
_STEP = """() => {
  const at = document.activeElement;
  if (at === document.body || (reached.has(at) && at !== last)) return null;
  if (at === last && !at.matches("[type^=date], [type=time]")) return { name: at.outerHTML.slice(0, 120), kept: true };
  last = at;
  reached.add(at);
  const drawn = (one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  };
  const ring = [at, at.parentElement, at.parentElement.parentElement].findLast(drawn);
  const box = (ring || at).getBoundingClientRect();
  const middle = (from, to, most) => (Math.max(from, 0) + Math.min(to, most)) / 2;
  const [x, y] = [middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight)];
  const top = document.elementFromPoint(x, y);
  const seen = Boolean(ring && top) && (ring.contains(top) || top.contains(ring));
  return { name: at.outerHTML.slice(0, 120), seen, closed: at.matches("summary") && !at.parentElement.open };
}"""
_MISSED = """(controls) => [...document.querySelectorAll(controls)]
  .filter((one) => !one.matches(":disabled") && (one.checkVisibility() || one.closest("so-menu")) && !reached.has(one))
  .map((one) => one.outerHTML.slice(0, 120))"""


def routes() -> set[str]:
    """The routes of all pages for people who are signed in."""
    made = rooms.routes(cast(Upstream, None), SecretCookie("session", secure=False), GatewaySettings())
    return {route.path for route in made if route.path not in _NO_PAGES and not route.path.startswith("/sign-")}


async def loaded(page: Page) -> None:
    """Until nothing on the page is still being loaded."""
    await expect(page.locator("[aria-busy=true], .loading")).to_have_count(0)


async def walk(page: Page) -> list[str]:
    """Go from control to control with Tab, opening what is closed; answers what cannot be reached or is not seen."""
    wrong: list[str] = []
    await page.evaluate("window.reached = new Set(); window.last = null")
    while True:
        await page.keyboard.press("Tab")
        step = await page.evaluate(_STEP)
        if step is None:
            break
        if step.get("kept"):
            return [f"focus is kept: {step['name']}"]
        if not step["seen"]:
            wrong.append(f"focus is not seen: {step['name']}")
        if step["closed"]:
            await page.keyboard.press("Enter")
    return wrong + [f"not reached: {name}" for name in await page.evaluate(_MISSED, _CONTROLS)]


async def tab_to(page: Page, control: Locator) -> None:
    """Press Tab until the control has the focus."""
    for _ in range(_MOST_STOPS):
        if await control.evaluate("one => one === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {control}")
