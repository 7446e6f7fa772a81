"""Signs people in and out: by name and password, or by a link whose token stands in the fragment (`/sign-in#TOKEN`)."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import quote

import grpc
import grpc.aio
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sendout.gateway.console import rendering
from sendout.gateway.console.sessions import require_csrf, require_own_page
from sendout.gateway.console.visits import SIGN_IN, Console, ask
from sendout.gateway.transcode.incoming import Incoming
from sendout.gateway.transcode.reading import Problems, decoded, fill
from sendout.gateway.transcode.refusals import Refusal
from sendout.gateway.transcode.routes import explained, refused
from sendout.v1 import session_service_pb2

SIGN_OUT = "/sign-out"
PROVIDER = f"{SIGN_IN}/provider"
"""Leads to the identity provider, where there is one."""


def routes(console: Console) -> list[Route]:
    """The page, and where its modules post."""

    async def show(request: Request) -> Response:
        then = local_path(request.query_params.get("then", ""))
        if console.cookie.read(request.headers) and await _signed_in(request):
            return RedirectResponse(then, 303)
        return page(console, then)

    async def _signed_in(request: Request) -> bool:
        """Whether the browser's session still holds."""
        try:
            await ask(
                console.upstream,
                session_service_pb2.GetSessionRequest(),
                console.cookie.read(request.headers),
                request,
            )
        except grpc.aio.AioRpcError:
            return False
        return True

    async def sign_in(request: Request) -> Response:
        require_own_page(request.scope, request.headers)
        return await let_in(console, await _posted(request), request, JSONResponse({}))

    async def sign_out(request: Request) -> Response:
        token = console.cookie.read(request.headers)
        require_own_page(request.scope, request.headers)
        require_csrf(request.headers, token)
        await _end(console, request)
        response = JSONResponse({})
        console.cookie.forget(response)
        return response

    return [
        Route(SIGN_IN, show, methods=["GET"]),
        Route(SIGN_IN, _answering(sign_in), methods=["POST"]),
        Route(SIGN_OUT, _answering(sign_out), methods=["POST"]),
    ]


def page(console: Console, then: str, refusal: Refusal | None = None) -> Response:
    """The sign-in page, and why one is there again."""
    status, problem = (refusal.http, refusal.message) if refusal is not None else (200, "")
    provider = f"{PROVIDER}?then={quote(then, safe='')}" if console.provider is not None else ""
    return rendering.page("sign_in.html", status, then=then, provider=provider, problem=problem)


async def let_in(console: Console, credential: Message, request: Request, response: Response) -> Response:
    """The response with a new session; the one that the browser brings is ended, never adopted. Raises AioRpcError."""
    answer = await ask(console.upstream, credential, "", request)
    await _end(console, request)
    console.cookie.keep(response, answer.session_token)
    return response


async def _end(console: Console, request: Request) -> None:
    """End the browser's session; one that has ended already is well."""
    token = console.cookie.read(request.headers)
    if token:
        with contextlib.suppress(grpc.aio.AioRpcError):
            await ask(console.upstream, session_service_pb2.DeleteSessionRequest(), token, request)


def _answering(endpoint: Any) -> Any:
    """An endpoint whose refusals go out as JSON, like those of every call."""

    async def answer(request: Request) -> Response:
        try:
            response: Response = await endpoint(request)
            return response
        except (Refusal, grpc.aio.AioRpcError) as error:
            return refused(explained(error))

    return answer


async def _posted(request: Request) -> session_service_pb2.CreateSessionRequest:
    """The credential in the body, which is that of the call, in JSON. Raises Refusal."""
    body = await Incoming(request.scope, request.receive).body()
    credential = session_service_pb2.CreateSessionRequest()
    problems = Problems()
    fill(credential, decoded(body, "The body"), "", problems)
    problems.refuse()
    return credential


def local_path(typed: str) -> str:
    """Where to go after signing in: a page of ours, never another site."""
    ours = typed.startswith("/") and not typed.startswith("//") and "\\" not in typed and typed.isprintable()
    return typed if ours and not typed.startswith(SIGN_IN) else "/"
