"""One call of a webhook: signed, to public addresses alone, and what became of it.

A host is resolved when a connection is opened, every address found must be public, and the connection goes to one of
those very addresses, with the name kept for TLS and the Host header: a name that leads elsewhere at the second look
gains nothing. Redirects are not followed, no proxy is used, and of an answer little is read and nothing is kept.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from sendout.domain import webhooks
from sendout.domain.addresses import literal
from sendout.domain.clock import Clock
from sendout.domain.errors import SendoutError, field_invalid
from sendout.domain.signatures import webhook_signature
from sendout.domain.webhooks import WebhookSubscription

ANSWER_S = 10.0
MOST_ANSWER = 64 * 1024
"""Bytes read of an answer, so that its connection can serve the next call."""

_GONE = 410

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host (with a port); raises OSError where it has none."""


async def system_addresses(host: str, port: int) -> Sequence[str]:
    """As this machine resolves names."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class NotPublic(OSError):
    """A host has an address that is not to be called."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a call; `failure` says it in plain words where the event was not taken."""

    failure: str = ""
    gone: bool = False  # never call again

    @property
    def taken(self) -> bool:
        """Whether the receiver has the event."""
        return not self.failure


class WebhookCalls:
    """The connections of one process. Close it where it was used."""

    def __init__(
        self,
        root: bytes,
        clock: Clock,
        *,
        allow_loopback: bool = False,
        resolve: Resolve = system_addresses,
        answer_s: float = ANSWER_S,
    ) -> None:
        self.root = root
        self.allow_loopback = allow_loopback
        self._clock = clock
        self._resolve = resolve
        self._answer_s = answer_s
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()

    async def check(self, field: str, typed: str) -> str:
        """The URL where it may be called now; FIELD_INVALID otherwise."""
        url = webhooks.check_url(field, typed, allow_loopback=self.allow_loopback)
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(self._answer_s):
                await self.public_addresses(parts.hostname or "", parts.port or 443)
        except NotPublic:
            raise webhooks.not_public(field, typed) from None
        except (OSError, UnicodeError):  # TimeoutError is one, and a label longer than names may have is the other
            raise field_invalid(field, typed, "The host cannot be found.") from None
        return url

    async def public_addresses(self, host: str, port: int) -> Sequence[str]:
        """Every address of a host. NotPublic where one of them is not to be called, OSError where there is none."""
        addresses = [host] if literal(host) else list(await self._resolve(host, port))
        if not addresses:
            raise OSError("no address")
        if not all(webhooks.may_connect(one, allow_loopback=self.allow_loopback) for one in addresses):
            raise NotPublic
        return addresses

    async def post(self, subscription: WebhookSubscription, event_id: str, body: bytes) -> Answered:
        """Call a subscription's URL once. What goes wrong is told and not raised."""
        now_us = self._clock.now_us()
        try:
            # aiohttp asks no resolver about a literal address, so the URL is looked at anew here.
            webhooks.check_url("url", subscription.url, allow_loopback=self.allow_loopback)
            secrets = webhooks.secrets_of(self.root, subscription, now_us)
            async with self._session().post(
                subscription.url,
                data=body,
                headers=_headers(secrets, event_id, now_us // 1_000_000, body),
                allow_redirects=False,
            ) as response:
                await _drain(response)
                return _answered(response.status)
        except SendoutError:
            return Answered("The URL may no longer be called from here.")
        except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
            return Answered(_in_words(error, self._answer_s))

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=_PublicOnly(self), use_dns_cache=False, limit=0),
                timeout=aiohttp.ClientTimeout(total=self._answer_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # 64 KiB read are 64 KiB in memory
            )
        return self._opened


class _PublicOnly(AbstractResolver):
    """What the connector asks for addresses: it gets those that were checked, and no other."""

    def __init__(self, calls: WebhookCalls) -> None:
        self._calls = calls

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host, all of them public."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._calls.public_addresses(host, port)
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _headers(secrets: Sequence[str], event_id: str, now_s: int, body: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "Sendout",
        "webhook-id": event_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": webhook_signature(secrets, event_id, now_s, body),
    }


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read a short answer to its end; a longer one costs its connection."""
    left = MOST_ANSWER
    while left > 0 and (part := await response.content.read(left)):
        left -= len(part)
    if not response.content.at_eof():
        response.close()


def _answered(status: int) -> Answered:
    if 200 <= status < 300:
        return Answered()
    if status == _GONE:
        return Answered("The receiver answered 410 Gone.", gone=True)
    if 300 <= status < 400:
        return Answered(f"The receiver answered {status}; redirects are not followed.")
    return Answered(f"The receiver answered {status}.")


def _in_words(error: Exception, answer_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"No answer within {answer_s:g} s."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        if isinstance(error.os_error, NotPublic):
            return "The host has an address that is not public, so it was not called."
        return "The host cannot be found."
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "The receiver's certificate does not hold."
    if isinstance(error, aiohttp.ClientConnectorError):
        return "No connection to the receiver."
    return "The connection broke before there was an answer."
