"""How often one address may fail to sign in, by the console or by REST.

To the server everybody behind the gateway is one peer with one budget of attempts; who guesses passwords must not use
up everybody's. Each process counts in its own memory.
"""

from __future__ import annotations

from collections.abc import Callable

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sendout.gateway.transcode.refusals import Refusal, reason
from sendout.gateway.transcode.routes import send_refusal

AT_ONCE = 30
"""Failures in a row that an address may have at once."""

EVERY_S = 10.0
"""Seconds after which an address that has used them up has one more."""

_ATTEMPTS = frozenset({("POST", "/sign-in"), ("POST", "/v1/sessions"), ("GET", "/sign-in/provider/back")})
_MOST_ADDRESSES = 10_000


class SignInLimit:
    """Refuses attempts from addresses that have failed too often. Getting in does not count."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that never go back."""
        self._app = app
        self._clock = clock
        self._full_at: dict[str, float] = {}  # by address: when it will have all its attempts again

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or (scope["method"], scope["path"]) not in _ATTEMPTS:
            return await self._app(scope, receive, send)
        address = (scope.get("client") or ("",))[0]
        wait = self._take(address)
        if wait > 0:
            return await send_refusal(send, _too_many(wait))

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._give_back(address)
            await send(message)

        await self._app(scope, receive, noting)

    def _take(self, address: str) -> float:
        """Take one attempt; the seconds to wait where there is none."""
        now = self._clock()
        if len(self._full_at) >= _MOST_ADDRESSES:
            self._full_at = {one: full for one, full in self._full_at.items() if full > now}
        full_at = max(self._full_at.get(address, now), now) + EVERY_S
        wait = full_at - now - AT_ONCE * EVERY_S
        if wait <= 0:
            self._full_at[address] = full_at
        return wait

    def _give_back(self, address: str) -> None:
        if address in self._full_at:
            self._full_at[address] -= EVERY_S


def _too_many(wait: float) -> Refusal:
    seconds = max(1, round(wait))
    sentence = f"Too many attempts to sign in came from your address. Try again in {seconds} seconds."
    details = [reason("REQUEST_RATE_EXCEEDED"), error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))]
    return Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, sentence, details)
