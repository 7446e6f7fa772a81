"""The session's cookie where people come over https."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from starlette.datastructures import Headers
from starlette.responses import Response

from sendout.gateway.console.sessions import SecretCookie, csrf_token


@pytest.mark.security("console", "cookies flagged")
def test_over_https_it_is_bound_to_the_host() -> None:
    """Its name begins with __Host-, and it has Secure, HttpOnly, SameSite, the root path and no domain."""
    response = Response()
    SecretCookie("session", secure=True).keep(response, "sos_x")
    morsel = SimpleCookie(response.headers["set-cookie"])["__Host-sendout-session"]
    assert (morsel.value, bool(morsel["secure"]), bool(morsel["httponly"])) == ("sos_x", True, True)
    assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("lax", "/", "")


def test_another_name_is_not_read() -> None:
    """Where people come over https a cookie without the prefix, which another host could set, is nothing."""
    headers = Headers({"cookie": "sendout-session=sos_x"})
    assert SecretCookie("session", secure=True).read(headers) == ""
    assert SecretCookie("session", secure=False).read(headers) == "sos_x"


def test_what_is_no_token_is_not_passed_on() -> None:
    """A cookie with other characters than a token has, or too many of them, is nothing."""
    cookie = SecretCookie("session", secure=False)
    for value in ("a b", "a\x01b", "é", "x" * 2001):
        assert cookie.read(Headers(raw=[(b"cookie", f"sendout-session={value}".encode())])) == ""


def test_the_csrf_token_says_nothing_about_its_session() -> None:
    """It differs from session to session, and does not hold the session's token."""
    assert csrf_token("sos_one") != csrf_token("sos_two")
    assert "sos_one" not in csrf_token("sos_one")
