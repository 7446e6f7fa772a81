"""Signs people in and out: by name and password, or by a link whose token stands in the fragment (`/sign-in#TOKEN`)."""

from __future__ import annotations

import contextlib
from typing import Any

import grpc
import grpc.aio
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sendout.gateway.console import rendering
from sendout.gateway.console.sessions import require_csrf, require_own_page
from sendout.gateway.console.visits import SIGN_IN, Console, ask
from sendout.gateway.transcode.incoming import Incoming
from sendout.gateway.transcode.reading import Problems, decoded, fill
from sendout.gateway.transcode.refusals import Refusal
from sendout.gateway.transcode.routes import explained
from sendout.v1 import session_service_pb2

SIGN_OUT = "/sign-out"


def routes(console: Console) -> list[Route]:
    """The page, and where its modules post."""

    async def show(request: Request) -> Response:
        then = local_path(request.query_params.get("then", ""))
        if console.cookie.read(request.headers) and await _signed_in(request):
            return RedirectResponse(then, 303)
        return rendering.page("sign_in.html", then=then)

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
        """A new session in every case: the one that the browser brings is ended, never adopted."""
        require_own_page(request.scope, request.headers)
        credential = await _posted(request)
        answer = await ask(console.upstream, credential, "", request)
        await _end(console.cookie.read(request.headers), request)
        response = JSONResponse({"user": answer.session.user.label})
        console.cookie.keep(response, answer.session_token)
        return response

    async def sign_out(request: Request) -> Response:
        token = console.cookie.read(request.headers)
        require_own_page(request.scope, request.headers)
        require_csrf(request.headers, token)
        await _end(token, request)
        response = JSONResponse({})
        console.cookie.forget(response)
        return response

    async def _end(token: str, request: Request) -> None:
        """End a session; one that has ended already is well."""
        if token:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await ask(console.upstream, session_service_pb2.DeleteSessionRequest(), token, request)

    return [
        Route(SIGN_IN, show, methods=["GET"]),
        Route(SIGN_IN, _answering(sign_in), methods=["POST"]),
        Route(SIGN_OUT, _answering(sign_out), methods=["POST"]),
    ]


def _answering(endpoint: Any) -> Any:
    """An endpoint whose refusals go out as JSON, like those of every call."""

    async def answer(request: Request) -> Response:
        try:
            response: Response = await endpoint(request)
            return response
        except (Refusal, grpc.aio.AioRpcError) as error:
            refusal = explained(error)
            return Response(refusal.content(), refusal.http, dict(refusal.headers), "application/json")

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
