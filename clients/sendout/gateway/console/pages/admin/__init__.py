"""Admin: the settings of the organisation. Each module here is one or a few of its pages.

The pages ask the server for what they show, so whoever may not administer is refused by the server itself.
"""

from __future__ import annotations

from starlette.routing import Route

from sendout.gateway.console.pages.admin import billing, consents, contact_points, keys, people, snippets, trail
from sendout.gateway.console.visits import Console

_MODULES = (contact_points, people, keys, snippets, consents, billing, trail)


def routes(console: Console) -> list[Route]:
    """All of them."""
    return [route for module in _MODULES for route in module.routes(console)]
