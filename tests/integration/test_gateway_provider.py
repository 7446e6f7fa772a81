"""What the gateway asks of an identity provider, and what it does with answers that are none.

The provider here answers as each test says; signing in at a real one is a browser test.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web as http
from yarl import URL

from sendout.gateway.attempts import AT_ONCE
from tests.integration.gateway_site import Answer, Web, web

SECRET = "s:e/cret"


@dataclass
class Scripted:
    """A provider: what it says of itself and answers for a code, and what it was asked."""

    issuer: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    answer: str = "{}"
    asked: list[tuple[dict[str, str], str]] = field(default_factory=list)

    async def metadata(self, _request: http.Request) -> http.Response:
        endpoints = {"authorization_endpoint": f"{self.issuer}/go?a=b", "token_endpoint": f"{self.issuer}/token"}
        return http.json_response({"issuer": self.issuer} | endpoints | self.about)

    async def token(self, request: http.Request) -> http.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((form, request.headers.get("authorization", "")))
        return http.Response(text=self.answer, status=self.status, content_type="application/json")


@pytest.fixture
async def provider() -> AsyncIterator[Scripted]:
    made = Scripted()
    application = http.Application()
    application.add_routes(
        [http.get("/.well-known/openid-configuration", made.metadata), http.post("/token", made.token)]
    )
    runner = http.AppRunner(application)
    await runner.setup()
    await http.TCPSite(runner, "127.0.0.1", 0).start()
    made.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def gateway(provider: Scripted, tmp_path: Path) -> AsyncIterator[Web]:
    """A gateway without a server behind it: whatever passes the provider ends there."""
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(f"{SECRET}\n")
    settings = {"oidc_issuer": provider.issuer, "oidc_client_id": "us", "oidc_client_secret_file": secret}
    async with web(f"unix:{tmp_path}/nobody", **settings) as made:
        await made.session.close()
        made.session = aiohttp.ClientSession(made.base, cookie_jar=aiohttp.CookieJar(unsafe=True))  # of an address
        yield made


async def _leave(gateway: Web, then: str = "/topics") -> dict[str, str]:
    """Go to the provider; what it is asked with."""
    async with gateway.session.get("/sign-in/provider", params={"then": then}, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def _come_back(gateway: Web, **query: str) -> Answer:
    url = URL("/sign-in/provider/back").with_query(query)
    async with gateway.session.get(url, allow_redirects=False) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


async def test_the_question_is_bound_to_the_browser(gateway: Web) -> None:
    """The provider is asked with a state, a nonce and a challenge, all new each time; the browser keeps what makes them
    where no script and no other site's request finds it."""
    asked = await _leave(gateway)
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", "us", "openid email profile")
    assert (asked["code_challenge_method"], asked["a"]) == ("S256", "b")
    assert asked["redirect_uri"] == f"{gateway.base}/sign-in/provider/back"
    again = await _leave(gateway)
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))
    (cookie,) = gateway.session.cookie_jar
    assert (cookie.key, cookie["httponly"], cookie["samesite"]) == ("sendout-sign-in", True, "lax")


@pytest.mark.parametrize("methods", [None, ["client_secret_post"]])
async def test_the_code_is_redeemed_by_who_asked(gateway: Web, provider: Scripted, methods: list[str] | None) -> None:
    """The code goes to the provider with our secret, as it takes it, and the verifier of the challenge; the id token
    goes on to the server."""
    provider.about = {} if methods is None else {"token_endpoint_auth_methods_supported": methods}
    provider.answer = json.dumps({"id_token": "a.b.c"})
    asked = await _leave(gateway)
    answer = await _come_back(gateway, code="c0de", state=asked["state"])
    (form, authorization), *more = provider.asked
    assert not more
    challenge = hashlib.sha256(form.pop("code_verifier").encode()).digest()
    assert base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() == asked["code_challenge"]
    expected = {"grant_type": "authorization_code", "code": "c0de", "redirect_uri": asked["redirect_uri"]}
    if methods is None:
        assert form == expected
        assert authorization == f"Basic {base64.b64encode(b'us:s%3Ae%2Fcret').decode()}"
    else:
        assert (form, authorization) == (expected | {"client_id": "us", "client_secret": SECRET}, "")
    assert answer.status == 503
    assert b"The Sendout server cannot be reached" in answer.content
    assert b"then=%2Ftopics" in answer.content


@pytest.mark.parametrize("query", [{}, {"state": "other"}, {"error": "access_denied"}])
async def test_answers_to_no_question_of_ours(gateway: Web, provider: Scripted, query: dict[str, str]) -> None:
    """A state that is not this browser's, and a refusal, end at the sign-in page; the code goes nowhere."""
    asked = await _leave(gateway)
    answer = await _come_back(gateway, **{"code": "c0de", "state": asked["state"]} | query if query else {"code": "c"})
    assert (answer.status, provider.asked) == (401, [])
    assert b"did not confirm who you are" in answer.content
    assert not list(gateway.session.cookie_jar)
    assert (await _come_back(gateway, code="c0de", state=asked["state"])).status == 401  # the question was asked once
    assert provider.asked == []


@pytest.mark.parametrize(
    ("status", "said", "answered"),
    [(400, '{"error": "invalid_grant"}', 401), (200, "{}", 401), (200, '{"id_token": 1}', 401), (200, "[]", 401),
     (200, "<html>", 503), (200, "9" * 300_000, 503), (302, "", 503)],
)  # fmt: skip
async def test_answers_without_an_id_token(
    gateway: Web, provider: Scripted, status: int, said: str, answered: int
) -> None:
    """Whatever the provider answers instead of an id token ends at the sign-in page, which says what to do."""
    provider.status, provider.answer = status, said
    asked = await _leave(gateway)
    answer = await _come_back(gateway, code="c0de", state=asked["state"])
    assert (answer.status, len(provider.asked)) == (answered, 1)
    assert b"sign in another way" in answer.content
    assert said.encode() not in answer.content or said in ("{}", "[]", "")


@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://other.example"},
        {"authorization_endpoint": "http://id.example/go"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://id.example/token"},
        {"token_endpoint": None},
    ],
)
async def test_providers_that_cannot_be_trusted(gateway: Web, provider: Scripted, about: dict[str, Any]) -> None:
    """Another issuer's words, and endpoints that are not https, are not used; they are when they have been mended."""
    provider.about = about
    answer = await gateway.call("GET", "/sign-in/provider?then=%2F", allow_redirects=False)
    assert answer.status == 503
    assert b"sign in another way" in answer.content
    provider.about = {}
    await _leave(gateway)


async def test_without_a_provider_there_is_no_way(tmp_path: Path) -> None:
    """A gateway that knows no provider neither offers one nor has its addresses."""
    async with web(f"unix:{tmp_path}/nobody") as gateway:
        assert b"organisation" not in (await gateway.call("GET", "/sign-in")).content
        for path in ("/sign-in/provider", "/sign-in/provider/back"):
            assert (await gateway.call("GET", path)).status == 404


async def test_guessed_codes_use_up_the_attempts(gateway: Web) -> None:
    """An address that keeps coming back with wrong answers has as few attempts as one that guesses passwords."""
    found = [(await _come_back(gateway, code="c", state="s")).status for _ in range(AT_ONCE + 1)]
    assert found == [401] * AT_ONCE + [429]
