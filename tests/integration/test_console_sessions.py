"""The console's session: its cookie, its CSRF token, who may make a request, and how it ends."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import grpc
import pytest

from sendout.gateway.console.sessions import csrf_token
from sendout.gateway.transcode.refusals import reason
from sendout.storage.engine import Database
from tests.integration.gateway_probe import Probe, probed
from tests.integration.gateway_site import Answer, Web, gateway_before_server, web

PASSWORD = "correct horse battery"
COOKIE = "sendout-session"
SEND = {"contactPointId": "main", "text": "Hello", "recipients": [{"phoneNumber": "+14155550101"}]}
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://elsewhere.example"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
]


@pytest.fixture
async def site(database: Database, valkey_url: str) -> AsyncIterator[Web]:
    async with gateway_before_server(database, valkey_url) as made:
        user = {"user": {"userId": "robin", "label": "Robin Doe"}, "password": PASSWORD}
        assert (await made.call("POST", "/v1/users", json=user)).status == 200
        yield made


def own(site: Web, **more: str) -> dict[str, str]:
    """What a browser says of a request from one of our own pages."""
    return {"Origin": site.base, "Sec-Fetch-Site": "same-origin"} | more


def cookie_of(answer: Answer) -> Morsel[str]:
    """The session's cookie in an answer."""
    return SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]


async def sign_in(site: Web, password: str = PASSWORD, **headers: str) -> Answer:
    """By name and password."""
    body = {"password": {"userId": "robin", "password": password}}
    return await site.call("POST", "/sign-in", key="", json=body, headers=own(site) | headers)


async def with_session(site: Web, verb: str, path: str, token: str, headers: dict[str, str], **given: Any) -> Answer:
    """A request of a browser that has a session."""
    return await site.call(verb, path, key="", headers={"Cookie": f"{COOKIE}={token}"} | headers, **given)


@pytest.mark.security("console", "cookies flagged")
async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Web) -> None:
    """It is HttpOnly, SameSite=Lax, for this host alone and ends with the browser; the token stands nowhere else."""
    answer = await sign_in(site)
    morsel = cookie_of(answer)
    assert (bool(morsel["httponly"]), morsel["samesite"], morsel["path"]) == (True, "lax", "/")
    assert (morsel["domain"], morsel["max-age"], morsel["secure"]) == ("", "", "")
    assert morsel.value not in answer.content.decode()
    page = await with_session(site, "GET", "/", morsel.value, {})
    assert page.status == 200
    assert morsel.value not in page.content.decode()


@pytest.mark.security("console", "cookies flagged")
async def test_over_https_the_cookie_goes_nowhere_else(site: Web) -> None:
    """Where people come over https it is Secure and bound to the host by its name; without https nobody signs in."""
    body = {"password": {"userId": "robin", "password": PASSWORD}}
    async with web(site.target, trusted_proxies=("127.0.0.1",)) as secure:
        headers = own(secure, Origin=secure.base.replace("http:", "https:"))
        over_https = headers | {"X-Forwarded-Proto": "https"}
        answer = await secure.call("POST", "/sign-in", key="", json=body, headers=over_https)
        (morsel,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
        assert (morsel.key, morsel["secure"], morsel["httponly"]) == (f"__Host-{COOKIE}", True, True)
        assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("lax", "/", "")
        plain = await secure.call("POST", "/sign-in", key="", json=body, headers=headers)
        assert (plain.status, "Set-Cookie" in plain.headers) == (403, False)


@pytest.mark.security("console", "CSRF with and without token")
async def test_a_change_needs_the_token_of_its_session(site: Web) -> None:
    """A send with no, a wrong or another session's CSRF token is refused; with that of its session it goes."""
    token = cookie_of(await sign_in(site)).value
    other = cookie_of(await sign_in(site)).value
    for wrong in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": csrf_token(other)}):
        answer = await with_session(site, "POST", "/v1/notifications", token, own(site) | wrong, json=SEND)
        assert (answer.status, answer.reason) == (403, "CREDENTIALS_INVALID")
    page = (await with_session(site, "GET", "/send", token, {})).content.decode()
    found = re.search(r'<meta name="csrf-token" content="([^"]+)"', page)
    assert found is not None
    right = own(site) | {"X-CSRF-Token": found[1]}
    assert (await with_session(site, "POST", "/v1/notifications", token, right, json=SEND)).status == 200
    listed = await site.call("GET", "/v1/notifications")
    assert len(listed.json["notifications"]) == 1


@pytest.mark.security("console", "cross-site fetch metadata")
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_other_sites_can_do_nothing(site: Web, headers: dict[str, str]) -> None:
    """What the browser says to come from elsewhere is refused, though it brings cookie and token; so is signing in."""
    token = cookie_of(await sign_in(site)).value
    given = headers | {"X-CSRF-Token": csrf_token(token)}
    assert (await with_session(site, "POST", "/v1/notifications", token, given, json=SEND)).status == 403
    assert (await with_session(site, "GET", "/v1/notifications", token, given)).status == 403
    assert (await with_session(site, "POST", "/sign-out", token, given, json={})).status == 403
    body = {"password": {"userId": "robin", "password": PASSWORD}}
    assert (await site.call("POST", "/sign-in", key="", json=body, headers=headers)).status == 403
    assert "notifications" not in (await site.call("GET", "/v1/notifications")).json


@pytest.mark.security("console", "cross-site fetch metadata")
async def test_a_change_that_does_not_say_where_it_comes_from_is_refused(site: Web) -> None:
    """Neither Origin nor Sec-Fetch-Site: no browser of today posts so."""
    token = cookie_of(await sign_in(site)).value
    given = {"X-CSRF-Token": csrf_token(token)}
    assert (await with_session(site, "POST", "/v1/notifications", token, given, json=SEND)).status == 403


async def test_forms_cannot_post(site: Web) -> None:
    """Bodies are JSON and say so; what a form of a page can send is refused."""
    text = '{"password": {"userId": "robin", "password": "' + PASSWORD + '"}}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await site.call("POST", "/sign-in", key="", data=text, headers=own(site) | {"Content-Type": kind})
        assert answer.status == 415


@pytest.mark.security("console", "session fixation")
async def test_a_session_cannot_be_fixed(site: Web) -> None:
    """Signing in never adopts the session that a browser brings, and ends it where it was one."""
    planted = cookie_of(await sign_in(site)).value
    fresh = cookie_of(await sign_in(site, Cookie=f"{COOKIE}={planted}")).value
    assert fresh != planted
    assert (await with_session(site, "GET", "/v1/session", planted, own(site))).status == 401
    assert (await with_session(site, "GET", "/v1/session", fresh, own(site))).status == 200


@pytest.mark.security("console", "logout kills the session")
async def test_signing_out_ends_the_session(site: Web) -> None:
    """The cookie goes, and whoever kept a copy of it has nothing: pages lead to signing in, calls are refused."""
    token = cookie_of(await sign_in(site)).value
    given = own(site) | {"X-CSRF-Token": csrf_token(token)}
    answer = await with_session(site, "POST", "/sign-out", token, given, json={})
    assert answer.status == 200
    assert (cookie_of(answer).value, cookie_of(answer)["max-age"]) == ("", "0")
    again = await with_session(site, "GET", "/send?x=1", token, {}, allow_redirects=False)
    assert (again.status, again.headers["Location"]) == (303, "/sign-in?then=%2Fsend%3Fx%3D1")
    assert (await with_session(site, "POST", "/v1/notifications", token, given, json=SEND)).status == 401


async def test_a_wrong_password_signs_nobody_in(site: Web) -> None:
    """The answer is the server's, and there is no cookie."""
    answer = await sign_in(site, "wrong password 12")
    assert (answer.status, answer.reason) == (401, "CREDENTIALS_INVALID")
    assert "Set-Cookie" not in answer.headers


async def test_after_signing_in_one_stays_here(site: Web) -> None:
    """The page to go to after signing in is one of ours, whatever the address says."""
    for wanted in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"):
        page = await site.call("GET", "/sign-in", key="", params={"then": wanted})
        assert 'data-then="/"' in page.content.decode()


@pytest.mark.security("console", "frame denied")
async def test_pages_run_nothing_foreign_and_show_in_no_frame(site: Web) -> None:
    """The policy lets in our own files and nothing inline, and no page shows itself in a frame."""
    token = cookie_of(await sign_in(site)).value
    for path in ("/", "/send", "/sign-in"):
        answer = await with_session(site, "GET", path, token if path != "/sign-in" else "", {})
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", answer.content.decode())


async def test_an_address_that_leads_nowhere(site: Web) -> None:
    """People get a page that leads on, programs an error they can read."""
    people = await site.call("GET", "/nowhere", key="", headers={"Accept": "text/html,*/*"})
    assert people.status == 404
    assert 'href="/"' in people.content.decode()
    assert (await site.call("GET", "/nowhere", key="")).reason == "NOT_IMPLEMENTED"


async def test_a_server_that_is_away_is_said_on_a_page(site: Web) -> None:
    """A page that cannot be made says why and has the status of its cause; the session's cookie stays."""
    token = cookie_of(await sign_in(site)).value
    async with web("127.0.0.1:1") as lonely:
        answer = await with_session(lonely, "GET", "/send", token, {})
    assert answer.status == 503
    assert "cannot be reached" in answer.content.decode()
    assert "Set-Cookie" not in answer.headers


async def test_a_refused_page_says_what_to_do(site: Web) -> None:
    """What a visitor may not see becomes a page with the server's reason and whom to ask."""
    token = cookie_of(await sign_in(site)).value
    probe = Probe()
    probe.error = (grpc.StatusCode.PERMISSION_DENIED, "You may not view history.", (reason("ROLE_REQUIRED"),))
    async with probed(probe) as target, web(target) as asking:
        answer = await with_session(asking, "GET", "/", token, {})
    assert answer.status == 403
    assert "You may not view history." in answer.content.decode()
    assert "An administrator can give you a role" in answer.content.decode()


async def test_a_key_of_a_program_needs_no_token_of_a_page(site: Web) -> None:
    """Calls with their own credentials go as before, whatever cookie comes along."""
    token = cookie_of(await sign_in(site)).value
    answer = await site.call("POST", "/v1/notifications", json=SEND, headers={"Cookie": f"{COOKIE}={token}"})
    assert answer.status == 200
