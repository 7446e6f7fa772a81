"""The transcoder as one route of the application: every path of the contract, and nothing else."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import grpc.aio
from starlette.datastructures import URLPath
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from sendout.gateway.transcode.calls import unary, upload
from sendout.gateway.transcode.contract import Binding, bindings
from sendout.gateway.transcode.incoming import ClientGone, Incoming
from sendout.gateway.transcode.refusals import Refusal, from_rpc, not_offered, unforeseen, unreadable
from sendout.gateway.transcode.streams import Streams, stream
from sendout.gateway.upstream import Upstream

_FOUND = "sendout.transcode"


class Transcoder(BaseRoute):
    """Answers the paths of the contract's annotations with what the server answers."""

    def __init__(self, upstream: Upstream, streams: Streams) -> None:
        self._upstream = upstream
        self._streams = streams
        self._bindings = bindings()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Full where path and method are of the contract, partial where the path alone is."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path = raw_path(scope)
        allowed = []
        for binding in self._bindings:
            try:
                values = binding.template.match(path)
            except UnicodeDecodeError:
                return Match.FULL, {_FOUND: unreadable("The path is not UTF-8.")}
            if values is not None and binding.verb == scope["method"]:
                return Match.FULL, {_FOUND: (binding, values)}
            if values is not None:
                allowed.append(binding.verb)
        if not allowed:
            return Match.NONE, {}
        methods = ", ".join(sorted(set(allowed)))
        refusal = not_offered(f"This path takes {methods} only.", http=405, headers=[("Allow", methods)])
        return Match.PARTIAL, {_FOUND: refusal}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Paths of the contract have no names here."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = scope[_FOUND]
        try:
            if isinstance(found, Refusal):
                raise found
            binding, values = found
            await self._answer(binding, values, Incoming(scope, receive), send)
        except ClientGone:
            return
        except Exception as error:
            await send_refusal(send, explained(error))

    async def _answer(self, binding: Binding, values: dict[str, str], incoming: Incoming, send: Send) -> None:
        if binding.method.server_streaming:
            await stream(self._upstream, self._streams, binding, values, incoming, send, explained)
        elif binding.method.client_streaming:
            await send_content(send, 200, await upload(self._upstream, binding, incoming))
        else:
            await send_content(send, 200, await unary(self._upstream, binding, values, incoming))


def raw_path(scope: Scope) -> str:
    """The path as it was sent."""
    raw: bytes | None = scope.get("raw_path")
    return quote(scope["path"]) if raw is None else raw.decode("latin-1")


def explained(error: Exception) -> Refusal:
    """Any error as a refusal."""
    if isinstance(error, Refusal):
        return error
    return from_rpc(error) if isinstance(error, grpc.aio.AioRpcError) else unforeseen(error)


async def send_refusal(send: Send, refusal: Refusal) -> None:
    """Answer with a refusal."""
    await send_content(send, refusal.http, refusal.content(), refusal.headers)


def refused(refusal: Refusal) -> Response:
    """A refusal as the response of a room that is made of Starlette's routes."""
    return Response(refusal.content(), refusal.http, dict(refusal.headers), "application/json")


async def send_content(send: Send, status: int, content: bytes, headers: list[tuple[str, str]] | None = None) -> None:
    """Answer with JSON."""
    pairs = [("content-type", "application/json"), ("content-length", str(len(content))), *(headers or [])]
    raw = [(name.lower().encode(), value.encode()) for name, value in pairs]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})
