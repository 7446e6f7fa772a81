"""Puts the rooms of the gateway together as one ASGI application.

A room is a list of routes: probes, documents, carriers' webhooks and the transcoder are here; the console's pages
are a room like them, each made from the settings and the `Upstream`, and are added to `_rooms`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from sendout.gateway import health, webhooks
from sendout.gateway.attempts import SignInLimit
from sendout.gateway.console import rooms
from sendout.gateway.console.sessions import SecretCookie, SessionCredentials
from sendout.gateway.documents import page
from sendout.gateway.protection import Protection
from sendout.gateway.settings import GatewaySettings
from sendout.gateway.transcode.refusals import not_offered, unforeseen
from sendout.gateway.transcode.routes import Transcoder, refused
from sendout.gateway.transcode.streams import Streams
from sendout.gateway.upstream import Upstream

_CORS_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "traceparent",
    "x-request-timeout",
)


def build(settings: GatewaySettings, upstream: Upstream, streams: Streams) -> ASGIApp:
    """The application. `streams` is told when the process stops."""
    cookie = SecretCookie("session", settings.secure)
    middleware = []
    if settings.cors_origins:
        origins, methods = list(settings.cors_origins), ["GET", "POST", "PATCH", "DELETE"]
        middleware.append(
            Middleware(CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=_CORS_HEADERS)
        )
    middleware.append(Middleware(SignInLimit, time.monotonic))
    middleware.append(Middleware(SessionCredentials, cookie))
    application = Starlette(
        routes=list(_rooms(settings, upstream, streams, cookie)),
        middleware=middleware,
        exception_handlers={HTTPException: _unserved, Exception: _failed},
    )
    application.router.redirect_slashes = False
    return Protection(application, secure=settings.secure)


def _rooms(
    settings: GatewaySettings, upstream: Upstream, streams: Streams, cookie: SecretCookie
) -> Iterator[BaseRoute]:
    yield from health.routes(upstream, streams)
    yield from page.routes()
    yield from webhooks.routes(upstream)
    yield from rooms.routes(upstream, cookie, settings)
    yield Transcoder(upstream, streams)


async def _unserved(request: Request, error: Exception) -> Response:
    """A path of no room, or a method its room does not take."""
    assert isinstance(error, HTTPException)
    allow = (error.headers or {}).get("Allow")
    if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
        return rooms.missing()
    if error.status_code == 404:
        refusal = not_offered("There is nothing at this path. /openapi.json lists what there is.", http=404)
    else:
        headers = [("Allow", allow)] if allow else []
        refusal = not_offered("This path does not take such a request.", http=error.status_code, headers=headers)
    return refused(refusal)


async def _failed(_request: Request, error: Exception) -> Response:
    return refused(unforeseen(error))
