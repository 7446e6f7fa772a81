"""Signs people in at their organisation's identity provider: there, and back with a code for an id token."""

from __future__ import annotations

import hmac

import grpc.aio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sendout.gateway.console.pages.sign_in import PROVIDER, let_in, local_path, page
from sendout.gateway.console.provider import Attempt, not_signed_in
from sendout.gateway.console.visits import Console
from sendout.gateway.transcode.refusals import Refusal
from sendout.gateway.transcode.routes import explained
from sendout.v1 import session_service_pb2

BACK = f"{PROVIDER}/back"
"""The address that the provider must know as the one to come back to."""


def routes(console: Console) -> list[Route]:
    """The way there and the way back; none without a provider."""
    if console.provider is None:
        return []
    provider = console.provider

    async def leave(request: Request) -> Response:
        attempt = Attempt.new(local_path(request.query_params.get("then", "")))
        try:
            response = RedirectResponse(await provider.address(attempt, _back(request)), 303)
        except Refusal as refusal:
            return page(console, attempt.then, refusal)
        console.attempt.keep(response, attempt.token)
        return response

    async def come_back(request: Request) -> Response:
        then = "/"
        try:
            attempt = _attempt(console.attempt.read(request.headers), request)
            then = local_path(attempt.then)
            token = await provider.id_token(request.query_params.get("code", ""), attempt, _back(request))
            by_provider = session_service_pb2.IdTokenCredential(id_token=token, nonce=attempt.nonce)
            credential = session_service_pb2.CreateSessionRequest(id_token=by_provider)
            response = await let_in(console, credential, request, RedirectResponse(then, 303))
        except (Refusal, grpc.aio.AioRpcError) as error:
            response = page(console, then, explained(error))
        console.attempt.forget(response)
        return response

    return [Route(PROVIDER, leave, methods=["GET"]), Route(BACK, come_back, methods=["GET"])]


def _back(request: Request) -> str:
    return str(request.url.replace(path=BACK, query=""))


def _attempt(kept: str, request: Request) -> Attempt:
    """The attempt that the provider answers. Raises Refusal where it is not this browser's, or did not succeed."""
    try:
        attempt = Attempt.kept(kept)
    except ValueError:
        raise not_signed_in() from None
    ours = hmac.compare_digest(attempt.state.encode(), request.query_params.get("state", "").encode())
    if not ours or "error" in request.query_params:
        raise not_signed_in()
    return attempt
