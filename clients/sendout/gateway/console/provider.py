"""Asks an identity provider who somebody is: OpenID Connect's authorization code flow, with PKCE.

The gateway gets an id token and believes nothing of it: it goes to the server, which verifies it and knows the people.
Source: OpenID Connect Core 1.0 (3.1) and Discovery 1.0 (4), RFC 7636 (PKCE), RFC 6749 (2.3.1: client authentication).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import grpc

from sendout.gateway.settings import GatewaySettings, is_safe_url
from sendout.gateway.transcode.refusals import Refusal, later, reason

_ANSWER_S = 5.0
_KNOWN_S = 3600.0  # how long what the provider said of itself holds
_MOST_BYTES = 256 << 10
_LONGEST_THEN = 1000
_BASIC, _POST = "client_secret_basic", "client_secret_post"
_log = logging.getLogger("sendout.gateway")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to sign in, as the browser keeps it. What nobody else can know is all made of its seed."""

    seed: str
    then: str
    """The page to go to afterwards."""

    @classmethod
    def new(cls, then: str) -> Attempt:
        """One that nobody has seen."""
        return cls(secrets.token_urlsafe(32), then if len(then) <= _LONGEST_THEN else "/")

    @classmethod
    def kept(cls, token: str) -> Attempt:
        """The one of a browser's cookie. ValueError where there is none."""
        seed, _, then = token.partition(".")
        if not seed:
            raise ValueError
        return cls(seed, base64.urlsafe_b64decode(then + "==").decode())

    @property
    def token(self) -> str:
        """What the browser keeps."""
        return f"{self.seed}.{_base64(self.then.encode())}"

    @property
    def state(self) -> str:
        """Comes back with the answer: it is the answer to this browser's question."""
        return self._made("state")

    @property
    def nonce(self) -> str:
        """Stands in the id token: it was made for this browser."""
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """Proves that the code is redeemed by whoever asked for it; the provider has seen its hash."""
        return self._made("verifier")

    @property
    def challenge(self) -> str:
        """The hash of the verifier."""
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def _made(self, use: str) -> str:
        return _base64(hmac.digest(self.seed.encode(), f"sendout sign-in: {use}".encode(), "sha256"))


class Provider:
    """The identity provider of the settings, which must name one."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._scopes = settings.oidc_scopes
        path = settings.oidc_client_secret_file
        self._secret = path.read_text().strip() if path is not None else ""
        self._said: dict[str, Any] = {}
        self._old = 0.0  # monotonic seconds

    async def address(self, attempt: Attempt, back: str) -> str:
        """Where the browser goes to sign in; `back` is our address that it comes back to. Raises Refusal."""
        said = await self._metadata()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back,
            "scope": self._scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        endpoint = said["authorization_endpoint"]
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def id_token(self, code: str, attempt: Attempt, back: str) -> str:
        """The id token for a code that came back. Raises Refusal."""
        said = await self._metadata()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        form["code_verifier"] = attempt.verifier
        headers = {"accept": "application/json"}
        if self._secret and _BASIC not in said.get("token_endpoint_auth_methods_supported", [_BASIC]):
            form |= {"client_id": self._client_id, "client_secret": self._secret}
        elif self._secret:
            pair = f"{quote(self._client_id, safe='')}:{quote(self._secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self._client_id
        status, answer = await _asked("POST", said["token_endpoint"], data=form, headers=headers)
        token = answer.get("id_token")
        if status == 200 and isinstance(token, str):
            return token
        # The code of an error is one of a short list (RFC 6749, 5.2); what else is in the answer may be a secret.
        _log.warning("the identity provider gave no id token: status %d, %.40r", status, answer.get("error"))
        raise not_signed_in()

    async def _metadata(self) -> dict[str, Any]:
        if time.monotonic() >= self._old:
            status, said = await _asked("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            endpoints = [said.get(f"{name}_endpoint") for name in ("authorization", "token")]
            if status != 200 or said.get("issuer") != self._issuer or not all(map(is_safe_url, endpoints)):
                _log.error(
                    "what the identity provider %s says of itself cannot be used: status %d", self._issuer, status
                )
                raise _away()
            self._said, self._old = said, time.monotonic() + _KNOWN_S
        return self._said


async def _asked(method: str, url: str, **request: Any) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer of the provider; raises Refusal where there is none."""
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.request(method, url, allow_redirects=False, **request) as answer,
        ):
            body = bytearray()
            async for chunk in answer.content.iter_chunked(16 << 10):
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError
            said = json.loads(body)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        _log.warning("the identity provider gave no answer: %s", type(error).__name__)
        raise _away() from None
    return answer.status, said if isinstance(said, dict) else {}


def not_signed_in() -> Refusal:
    """The provider, or its answer, did not say who somebody is."""
    sentence = "Your organisation did not confirm who you are. Try again, or sign in another way."
    return Refusal(grpc.StatusCode.UNAUTHENTICATED, sentence, [reason("CREDENTIALS_INVALID")])


def _away() -> Refusal:
    sentence = "Your organisation's sign-in cannot be reached right now. Try again in a moment, or sign in another way."
    return later(sentence, "IDENTITY_PROVIDER_UNAVAILABLE", seconds=5)


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
