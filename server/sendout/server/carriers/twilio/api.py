"""The two calls of the Messages API: create one message, list those of a number.

What a failure means turns on one fact, whether a connection was in our hands: before that no byte can have left us.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from sendout.domain.clock import Clock
from sendout.server.carriers.twilio.codes import Answer, error_code
from sendout.server.carriers.twilio.settings import TwilioSettings

_MOST_ANSWER = 1 << 20
"""Bytes read of an answer; a page of the list is far smaller."""

_PAGE = 100
_MOST_PAGES = 10
_LONGEST_PAUSE_S = 3600.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FAILURES = (aiohttp.ClientError, TimeoutError, OSError)
"""What a request may raise."""


class NotSent(Exception):
    """No byte of a submit left us; the text is the name of what failed."""


class NoAnswer(Exception):
    """A submit may have left us, and no answer came; the text is the name of what failed."""


class NotListed(Exception):
    """The list could not be had; the text says what was answered."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One message on the provider's list; times are microseconds since 1970."""

    sid: str
    number: str
    sender: str
    text: str
    status: str
    code: int
    create_time: int
    update_time: int | None


class MessagesApi:
    """One account's connections, at most `window` of them. Make it inside the event loop."""

    def __init__(self, settings: TwilioSettings, clock: Clock) -> None:
        self._clock = clock
        self._url = URL(f"{settings.base_url}/2010-04-01/Accounts/{settings.account_sid}/Messages.json")
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_connected)
        trace.on_connection_reuseconn.append(_connected)
        self._session = aiohttp.ClientSession(
            headers={
                "Authorization": _basic(settings.account_sid, settings.auth_token.get_secret_value()),
                "User-Agent": "Sendout",
                "Accept": "application/json",
            },
            connector=aiohttp.TCPConnector(limit=settings.window),
            timeout=aiohttp.ClientTimeout(total=settings.answer_timeout_s, sock_connect=settings.connect_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def create(self, form: Mapping[str, str]) -> Answer:
        """Submit one message. Raises NotSent or NoAnswer; an answer cut short has no fields."""
        progress = _Progress()
        try:
            async with self._session.post(
                self._url, data=form, allow_redirects=False, trace_request_ctx=progress
            ) as response:
                wait = _retry_after(response.headers.get("Retry-After", ""), self._clock.now_us())
                return Answer(response.status, await _fields(response), wait)
        except FAILURES as error:
            raise (NoAnswer if progress.connected else NotSent)(type(error).__name__) from None

    async def listed(self, number: str, not_before: int) -> Sequence[Listed]:
        """Messages to a number, from the UTC day of `not_before` on, newest first. Raises NotListed."""
        day = (_EPOCH + timedelta(microseconds=not_before)).date().isoformat()
        url = self._url.with_query({"To": number, "DateSent>": day, "PageSize": str(_PAGE)})
        found: list[Listed] = []
        for _ in range(_MOST_PAGES):
            page = await self._page(url)
            entries = page.get("messages")
            found += [one for entry in entries if (one := _listed(entry))] if isinstance(entries, list) else []
            following = page.get("next_page_uri")
            if not isinstance(following, str) or not following.startswith("/"):
                return found
            url = self._url.join(URL(following, encoded=True))  # a path: of the same server
        raise NotListed("too many pages")

    async def _page(self, url: URL) -> Mapping[str, Any]:
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                fields = await _fields(response)
        except FAILURES as error:
            raise NotListed(type(error).__name__) from None
        if response.status != 200 or fields is None:
            raise NotListed(f"HTTP {response.status}")
        return fields


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class _Progress:
    """How far a request came."""

    def __init__(self) -> None:
        self.connected = False


async def _connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: object) -> None:
    if isinstance(context.trace_request_ctx, _Progress):
        context.trace_request_ctx.connected = True


async def _fields(response: aiohttp.ClientResponse) -> dict[str, Any] | None:
    """The body as a JSON object, or None where it is none, is cut short or is too long."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > _MOST_ANSWER:
                return None
        parsed = json.loads(body)
    except (aiohttp.ClientError, ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _retry_after(header: str, now_us: int) -> float | None:
    """Seconds, of a header that gives them or a date; None where it says nothing usable."""
    if header.isascii() and header.isdecimal():
        return min(float(header), _LONGEST_PAUSE_S)
    until = _time(header)
    return None if until is None else min(max((until - now_us) / 1_000_000, 0.0), _LONGEST_PAUSE_S)


def _listed(entry: Any) -> Listed | None:
    """An entry of the list; None for what came in, and for what has not the fields to be compared."""
    if not isinstance(entry, dict) or not str(entry.get("direction", "")).startswith("outbound"):
        return None
    texts = [entry.get(name) for name in ("sid", "to", "from", "body", "status")]
    created = _time(entry.get("date_created"))
    if created is None or not all(isinstance(text, str) for text in texts):
        return None
    sid, number, sender, text, status = map(str, texts)
    code = error_code(entry.get("error_code"))
    return Listed(sid, number, sender, text, status, code, created, _time(entry.get("date_updated")))


def _time(given: object) -> int | None:
    """Microseconds since 1970 of a date of e-mail (RFC 2822), which all dates of this API are."""
    try:
        moment = parsedate_to_datetime(given) if isinstance(given, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None:
        return None
    return round((moment - _EPOCH) / timedelta(microseconds=1))
