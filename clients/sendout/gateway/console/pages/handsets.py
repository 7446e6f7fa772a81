"""Handsets: the simulator's phones, what arrived on them, and answers from them. `static/js/handsets.js` does it."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.visits import Console, Visit


def routes(console: Console) -> list[Route]:
    """The page."""
    return [console.page("/handsets", view)]


async def view(visit: Visit) -> Response:
    """The phones; a page that says why there are none where the server has no simulator."""
    return visit.page("handsets.html", 200 if visit.handsets else 404)
