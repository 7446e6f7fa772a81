"""All pages of the console as routes of the gateway."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console import rendering
from sendout.gateway.console.pages import (
    admin,
    export,
    handsets,
    history,
    messages,
    replies,
    send,
    sign_in,
    single_sign_on,
    topics,
    welcome,
)
from sendout.gateway.console.provider import Provider
from sendout.gateway.console.sessions import SecretCookie
from sendout.gateway.console.visits import Console
from sendout.gateway.settings import GatewaySettings
from sendout.gateway.upstream import Upstream

_PAGES = (sign_in, single_sign_on, welcome, send, history, messages, export, topics, replies, admin, handsets)
"""The modules with the pages; each has `routes(console)`."""


def missing() -> Response:
    """For people at an address that leads nowhere."""
    return rendering.page("missing.html", 404)


def routes(upstream: Upstream, cookie: SecretCookie, settings: GatewaySettings) -> Iterator[Route]:
    """The pages and the static files."""
    provider = Provider(settings) if settings.oidc_issuer else None
    console = Console(upstream, cookie, SecretCookie("sign-in", cookie.secure), provider)
    yield rendering.static_route()
    for module in _PAGES:
        yield from module.routes(console)
