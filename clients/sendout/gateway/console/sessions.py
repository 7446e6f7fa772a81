"""The console's cookies, and the proof that a request was made by one of our own pages.

A session's cookie holds the server's session token and nothing else; the gateway keeps nothing. The CSRF token is
derived from it, so it is bound to the session, and ends with it.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass

import grpc
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sendout.gateway.transcode.refusals import Refusal, reason
from sendout.gateway.transcode.routes import send_refusal

CSRF_HEADER = "x-csrf-token"

_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,2000}", re.ASCII)
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_CALLS = "/v1/"


@dataclass(frozen=True, slots=True)
class SecretCookie:
    """A cookie with a token in it. Where people come over https it is bound to this host and to https by its name."""

    use: str
    secure: bool

    @property
    def name(self) -> str:
        """Browsers take a `__Host-` cookie only with Secure, from the host itself, for all its paths."""
        return f"__Host-sendout-{self.use}" if self.secure else f"sendout-{self.use}"

    def read(self, headers: Headers) -> str:
        """The token that a browser brings; empty where there is none."""
        token = cookie_parser(headers.get("cookie", "")).get(self.name, "")
        return token if _TOKEN.fullmatch(token) else ""

    def keep(self, response: Response, token: str) -> None:
        """Let the browser keep it until it is closed; what it is good for ends earlier."""
        response.set_cookie(self.name, token, secure=self.secure, httponly=True, samesite="lax", path="/")

    def forget(self, response: Response) -> None:
        """Take it from the browser."""
        response.delete_cookie(self.name, secure=self.secure, httponly=True, samesite="lax", path="/")


def csrf_token(session_token: str) -> str:
    """What our pages send along with every change; nobody else can know it, and it says nothing about the session."""
    digest = hmac.digest(session_token.encode(), b"sendout console: csrf", "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def require_own_page(scope: Scope, headers: Headers) -> None:
    """Raises Refusal where the browser says that another site is behind a request, or a change does not say."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise _foreign()
    elif scope["method"] not in _READING and "origin" not in headers:
        raise _foreign()
    origin = headers.get("origin")
    if origin is not None and origin != f"{scope['scheme']}://{headers.get('host', '')}":
        raise _foreign()


def require_csrf(headers: Headers, session_token: str) -> None:
    """Raises Refusal where a change does not bring the token of its session."""
    given = headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(session_token).encode()):
        sentence = "This page belongs to a session that has ended. Load it again."
        raise Refusal(grpc.StatusCode.PERMISSION_DENIED, sentence, [reason("CREDENTIALS_INVALID")])


def _foreign() -> Refusal:
    sentence = "Another site made this request. Open the console itself and do it there."
    return Refusal(grpc.StatusCode.PERMISSION_DENIED, sentence, [reason("CREDENTIALS_INVALID")])


class SessionCredentials:
    """Lets our pages make every call of the contract: the cookie of a signed-in browser becomes the call's bearer.

    A request that brings credentials of its own passes untouched, cookie or not.
    """

    def __init__(self, app: ASGIApp, cookie: SecretCookie) -> None:
        self._app = app
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"].startswith(_CALLS):
            headers = Headers(scope=scope)
            token = "" if "authorization" in headers else self._cookie.read(headers)
            if token:
                try:
                    require_own_page(scope, headers)
                    if scope["method"] not in _READING:
                        require_csrf(headers, token)
                except Refusal as refusal:
                    return await send_refusal(send, refusal)
                bearer = (b"authorization", f"Bearer {token}".encode())
                scope = {**scope, "headers": [*scope["headers"], bearer]}
        await self._app(scope, receive, send)
