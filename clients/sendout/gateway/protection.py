"""What every answer of the gateway has and every request must keep to, whichever room it goes to."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sendout.gateway.health import PROBES
from sendout.gateway.transcode.refusals import Refusal, not_offered, unforeseen, unreadable
from sendout.gateway.transcode.routes import send_refusal

MOST_HEADERS = 16 << 10
"""Bytes of all headers."""

MOST_CREDENTIALS = 4 << 10
"""Bytes of the headers that go on to the server, which takes 8 KiB of metadata."""

MOST_ADDRESS = 8 << 10
"""Bytes of path and query."""

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_HTTPS_ONLY = "max-age=31536000; includeSubDomains"


class Protection:
    """The outermost layer. An answer's own headers win over the ones given here."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        """`secure`: everybody but this machine's own probes comes over https, by our TLS or a trusted proxy's."""
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def protected(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._secure:
                    headers.setdefault("strict-transport-security", _HTTPS_ONLY)
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, protected)
        except Exception as error:
            refusal = error if isinstance(error, Refusal) else unforeseen(error)
            if not started:
                await send_refusal(protected, refusal)

    def _check(self, scope: Scope) -> None:
        sizes = [(name, len(name) + len(value)) for name, value in scope["headers"]]
        if sum(size for _, size in sizes) > MOST_HEADERS:
            raise unreadable(f"The headers are larger than {MOST_HEADERS >> 10} KiB.", http=431)
        if sum(size for name, size in sizes if name == b"authorization") > MOST_CREDENTIALS:
            raise unreadable(f"The header Authorization is larger than {MOST_CREDENTIALS >> 10} KiB.", http=431)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_ADDRESS:
            raise unreadable(f"The address is longer than {MOST_ADDRESS >> 10} KiB.", http=414)
        if self._secure and scope["scheme"] != "https" and scope["path"] not in PROBES:
            raise not_offered("This gateway is reached over https only.", http=403)
