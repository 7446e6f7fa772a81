"""What a page sees of its visitor: who it is, what the server answers them, and how to answer.

    async def view(visit: Visit) -> Response:
        answer = await visit.ask(topic_service_pb2.ListTopicsRequest())
        return visit.page("topics.html", topics=answer.topics)

A page need not look at errors. Whoever is not signed in is led to the sign-in page; what the server refuses becomes a
page that says why and what to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sendout.gateway.console import rendering
from sendout.gateway.console.navigation import NAVIGATION, OUTBOUND, Entry
from sendout.gateway.console.provider import Provider
from sendout.gateway.console.sessions import SecretCookie, csrf_token
from sendout.gateway.console.simulator import Simulator
from sendout.gateway.transcode.contract import services
from sendout.gateway.transcode.refusals import Refusal
from sendout.gateway.transcode.routes import explained
from sendout.gateway.upstream import Upstream, metadata_of
from sendout.v1 import role_pb2, user_service_pb2

SIGN_IN = "/sign-in"
_ANSWER_S = 10.0
_ZONE_COOKIE = "sendout-zone"


@cache
def _methods() -> dict[str, MethodDescriptor]:
    """Every call by the name of its request; no two calls share one."""
    return {str(method.input_type.full_name): method for service in services() for method in service.methods}


class Visit:
    """One page for one signed-in person."""

    def __init__(self, request: Request, upstream: Upstream, token: str) -> None:
        self.request = request
        self.me = user_service_pb2.WhoAmIResponse()
        """Who it is, as the server says."""
        self.handsets = False
        """Whether the server has the simulator's phones."""
        self._upstream = upstream
        self._token = token

    async def ask(self, request: Message) -> Any:
        """The server's answer to a call, named by its request. Raises AioRpcError."""
        return await ask(self._upstream, request, self._token, self.request)

    def follow(self, request: Message) -> Any:
        """A stream of the server's answers, to be read with `async for` and ended with `cancel`. Raises AioRpcError."""
        return start(self._upstream, request, self._token, self.request, None)

    def may(self, permission: role_pb2.Permission) -> bool:
        """Whether one of the visitor's roles has a permission; the server is asked all the same."""
        return permission in self.me.permissions

    @property
    def administrator(self) -> bool:
        """Whether the visitor may change settings; the server is asked all the same."""
        return self.may(role_pb2.PERMISSION_ADMINISTER)

    @property
    def time_zone(self) -> ZoneInfo:
        """The time zone of the visitor's browser; UTC until a page has said."""
        try:
            return ZoneInfo(unquote(self.request.cookies.get(_ZONE_COOKIE, "UTC")))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page of the console, with its frame."""
        return rendering.page(
            template,
            status,
            me=self.me,
            csrf=csrf_token(self._token),
            navigation=[entry for entry in NAVIGATION if self._offered(entry)],
            outbound=OUTBOUND,
            path=self.request.url.path,
            handsets=self.handsets,
            **values,
        )

    def _offered(self, entry: Entry) -> bool:
        return (self.administrator or not entry.administrators_only) and (self.handsets or not entry.simulator_only)


async def ask(upstream: Upstream, message: Message, token: str, request: Request) -> Any:
    """The answer to a call with a session token, "" for none, which is enough for signing in. Raises AioRpcError."""
    return await start(upstream, message, token, request, _ANSWER_S)


def start(upstream: Upstream, message: Message, token: str, request: Request, timeout: float | None) -> Any:
    """The grpc.aio call that a request names; `timeout` in seconds."""
    bearer = (("authorization", f"Bearer {token}"),) if token else ()
    trace = tuple(pair for pair in metadata_of(request.headers) if pair[0] == "traceparent")
    method = _methods()[str(message.DESCRIPTOR.full_name)]
    return upstream.start(method, message, (*bearer, *trace), timeout)


@dataclass(frozen=True, slots=True)
class Console:
    """Makes routes for the modules in `pages`."""

    upstream: Upstream
    cookie: SecretCookie
    """The session."""
    attempt: SecretCookie
    """An attempt to sign in at the identity provider."""
    provider: Provider | None
    simulator: Simulator = field(default_factory=Simulator)

    def page(self, path: str, view: Callable[[Visit], Awaitable[Response]]) -> Route:
        """The route of one page for people who are signed in."""

        async def endpoint(request: Request) -> Response:
            token = self.cookie.read(request.headers)
            if not token:
                return _to_sign_in(request)
            visit = Visit(request, self.upstream, token)
            try:
                visit.me = await visit.ask(user_service_pb2.WhoAmIRequest())
                visit.handsets = await self.simulator.offered(visit.ask)
                return await view(visit)
            except (Refusal, grpc.aio.AioRpcError) as error:
                return self._refused(visit, explained(error))

        return Route(path, endpoint, methods=["GET"])

    def _refused(self, visit: Visit, refusal: Refusal) -> Response:
        if refusal.status is grpc.StatusCode.UNAUTHENTICATED:
            answer = _to_sign_in(visit.request)
            self.cookie.forget(answer)
            return answer
        return visit.page("refused.html", refusal.http, refusal=refusal)


def _to_sign_in(request: Request) -> Response:
    """The sign-in page, which leads back here."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(SIGN_IN if path == "/" else f"{SIGN_IN}?then={quote(path, safe='')}", 303)
