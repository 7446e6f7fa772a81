"""A Twilio for tests: its Messages API over a real socket, with scripted failures, and signed calls to our webhooks.

`fake_twilio` answers each create as `script` says, keeps what it took, tells the address of the status callback what
becomes of it, and repeats a call that was answered with 5xx where the address asks for that. `webhook_site` stands for
the gateway: it passes calls on to `HandleWebhook` as they came.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import aiohttp
from aiohttp import web
from yarl import URL

from sendout.domain.signatures import twilio_signature
from sendout.server.carriers.base import TakesWebhooks
from sendout.server.commands.webhooks import HandleWebhook

ACCOUNT, TOKEN = "AC00000000000000000000000000000001", "test-token-not-a-secret"
_REPEATS = 5


@dataclass(frozen=True)
class Answer:
    """What becomes of a create. The message is on record where `http` is 2xx, and where nothing is answered."""

    http: int = 201
    code: int | None = None  # of the error
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None  # instead of the JSON that there should be
    status: str = "queued"
    cut: bool = False  # the connection ends without an answer
    half: bool = False  # and in the middle of one
    never: bool = False  # it stays open without an answer
    early: tuple[str, ...] = ()  # told before the answer
    receipts: tuple[str, ...] = ("sent", "delivered")  # told after it
    error: int | None = None  # beside the last status

    @property
    def taken(self) -> bool:
        """Whether a phone will get it."""
        return self.http < 300 or self.cut or self.half or self.never


Script = Callable[[Mapping[str, str]], Answer]


def by_ending(endings: Mapping[str, Answer]) -> Script:
    """Answers by how the number ends; every other number is delivered."""
    return lambda form: next((a for end, a in endings.items() if form["To"].endswith(end)), Answer())


@dataclass
class Taken:
    """A message on record."""

    sid: str
    form: Mapping[str, str]
    created: datetime
    status: str = "queued"
    error: int | None = None
    direction: str = "outbound-api"

    def as_json(self) -> dict[str, Any]:
        """As creates and lists give it."""
        stamp = format_datetime(self.created)
        return {
            "sid": self.sid,
            "to": self.form["To"],
            "from": self.form["From"],
            "body": self.form["Body"],
            "status": self.status,
            "error_code": self.error,
            "direction": self.direction,
            "date_created": stamp,
            "date_updated": stamp,
            "date_sent": None,
        }


@dataclass
class FakeTwilio:
    """A running server at `url`."""

    url: str
    http: aiohttp.ClientSession
    script: Script = field(default=lambda form: Answer())
    token: str = TOKEN  # that requests must have, and that calls are signed with
    page_size: int = 50
    requests: list[Mapping[str, str]] = field(default_factory=list)  # every create, as its form
    taken: list[Taken] = field(default_factory=list)
    asked: list[Mapping[str, str]] = field(default_factory=list)  # every list, as its query
    answered: list[int] = field(default_factory=list)  # what our webhooks said, in order
    open: int = 0  # creates under way
    most_open: int = 0
    list_status: int = 200
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _hold: asyncio.Event = field(default_factory=asyncio.Event)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """POST …/Messages.json."""
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            form = {name: values[0] for name, values in parse_qs(await request.text(), True).items()}
            self.requests.append(form)
            if not self._credentials_are_right(request):
                return _refused(401, 20003)
            return await self._answer(request, form, self.script(form))
        finally:
            self.open -= 1

    async def _answer(self, request: web.Request, form: Mapping[str, str], answer: Answer) -> web.StreamResponse:
        message = self.record(form) if answer.taken else None
        if message is not None:
            message.status = answer.status
            for status in answer.early:
                await self.tell(message, status)
            self._later(self._tell_all(message, answer))
        if answer.never:
            await self._hold.wait()
        if answer.cut:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if message is None and answer.body is None:
            return _refused(answer.http, answer.code, answer.headers)
        if answer.body is not None:
            body = answer.body
        else:
            assert message is not None
            body = json.dumps(message.as_json() | {"error_code": answer.error}).encode()
        if answer.half:
            return await _half(request, answer.http, body)
        return web.Response(status=answer.http, body=body, headers=answer.headers, content_type="application/json")

    def record(self, form: Mapping[str, str], created: datetime | None = None) -> Taken:
        """Put a message on record."""
        message = Taken(f"SM{len(self.taken):032x}", form, created or datetime.now(UTC))
        self.taken.append(message)
        return message

    async def listed(self, request: web.Request) -> web.Response:
        """GET …/Messages.json."""
        self.asked.append(dict(request.query))
        if not self._credentials_are_right(request):
            return _refused(401, 20003)
        if self.list_status != 200:
            return _refused(self.list_status, None)
        since, page = request.query["DateSent>"], int(request.query.get("Page", "0"))
        matching = [
            one
            for one in reversed(self.taken)
            if one.form["To"] == request.query["To"] and one.created.date().isoformat() >= since
        ]
        start = page * self.page_size
        more = len(matching) > start + self.page_size
        following = str(request.rel_url.update_query(Page=page + 1)) if more else None
        entries = [one.as_json() for one in matching[start : start + self.page_size]]
        return web.json_response({"messages": entries, "next_page_uri": following})

    def _credentials_are_right(self, request: web.Request) -> bool:
        right = base64.b64encode(f"{ACCOUNT}:{self.token}".encode()).decode()
        return request.headers.get("Authorization") == f"Basic {right}" and request.match_info["account"] == ACCOUNT

    # --- calls to us -------------------------------------------------------------------------------------------------

    async def _tell_all(self, message: Taken, answer: Answer) -> None:
        for place, status in enumerate(answer.receipts, 1):
            await self.tell(message, status, answer.error if place == len(answer.receipts) else None)

    async def tell(self, message: Taken, status: str, error: int | None = None) -> int:
        """Tell a status to the message's address; answers with what we said to that."""
        message.status, message.error = status, error
        address = message.form.get("StatusCallback")
        if address is None:
            return 0
        fields = {
            "AccountSid": ACCOUNT,
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsStatus": status,
            "From": message.form["From"],
            "To": message.form["To"],
        }
        return await self.call(address, fields | ({"ErrorCode": str(error)} if error else {}))

    async def call(self, address: str, fields: Mapping[str, str]) -> int:
        """A signed call, repeated on 5xx where the address asks for it."""
        url, _, wishes = address.partition("#")
        for attempt in range(1 + (_REPEATS if "5xx" in wishes else 0)):
            await asyncio.sleep(0.02 * attempt)
            status = await self.post(url, fields, twilio_signature(self.token, url, fields.items()))
            if status < 500:
                break
        return status

    async def post(self, url: str, fields: Mapping[str, str], signature: str) -> int:
        """One call with this signature."""
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        async with self.http.post(URL(url, encoded=True), data=urlencode(fields), headers=headers) as response:
            self.answered.append(response.status)
            return response.status

    def _later(self, call: Any) -> None:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Answer what was held, and let calls end."""
        self._hold.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _refused(http: int, code: int | None, headers: Mapping[str, str] | None = None) -> web.Response:
    said = {"message": "refused", "status": http} | ({"code": code} if code is not None else {})
    return web.json_response(said, status=http, headers=headers)


async def _half(request: web.Request, http: int, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=http, headers={"Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


@asynccontextmanager
async def served(*routes: web.RouteDef) -> AsyncIterator[str]:
    """These routes on a loopback port."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def fake_twilio(script: Script | None = None) -> AsyncIterator[FakeTwilio]:
    """A Twilio of the test's own."""
    async with aiohttp.ClientSession() as http:
        fake = FakeTwilio("", http)
        if script is not None:
            fake.script = script
        path = "/2010-04-01/Accounts/{account}/Messages.json"
        async with served(web.post(path, fake.create), web.get(path, fake.listed)) as fake.url:
            yield fake
            await fake.close()


@asynccontextmanager
async def webhook_site(carriers: Mapping[str, TakesWebhooks]) -> AsyncIterator[str]:
    """What the gateway and the server do with a provider's call, in one; carriers may be added later."""
    handle = HandleWebhook(carriers)

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        carrier, kind = request.match_info["carrier"], request.match_info["kind"]
        answer = await handle(carrier, kind, request.rel_url.raw_query_string, headers, await request.read())
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)

    async with served(web.post("/webhooks/{carrier}/{kind}", take)) as url:
        yield url
