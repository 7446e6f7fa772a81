"""Verifies id tokens of OpenID Connect: who the configured identity provider says somebody is.

The provider's keys are read from its JWKS and cached. Which algorithm a key may be used with follows from the key,
never from the token. Every failure is the same refusal, but for a provider whose keys cannot be read.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from sendout.domain import limits
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.labels import label_problem
from sendout.domain.sign_in import Person, external_id, refused
from sendout.server.config_sections import SignInSettings

SKEW_S = 60
"""How far the provider's clock may be from ours."""

SHORTEST_REFRESH_S = 60.0
"""The keys are read at most so often, however many unknown key ids come."""

_LONGEST_REFRESH_S = 3600.0  # so that a key the provider took back goes
_AFTER_FAILURE_S = 5.0
_FETCH_S = 5.0
_MOST_BYTES = 256 * 1024
_LEAST_RSA_BITS = 2048

_Key = tuple[str, RSAPublicKey | EllipticCurvePublicKey]


class IdTokens:
    """The verifier of one provider. `settings` must name an issuer."""

    def __init__(self, settings: SignInSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keys = _Keys(settings, clock)

    async def __call__(self, token: str, nonce: str) -> Person:
        """Who the token is about. CREDENTIALS_INVALID where it does not hold; IDENTITY_PROVIDER_UNAVAILABLE."""
        try:
            claims = self._decoded(token, await self._keys.find(_key_id(token)))
        except (jwt.PyJWTError, RecursionError):
            raise refused() from None
        if not self._timely(claims) or not nonce or claims.get("nonce") != nonce:
            raise refused()
        # A token for several audiences says which of them asked for it.
        if claims.get("azp", self._settings.oidc_audience) != self._settings.oidc_audience:
            raise refused()
        return self._person(claims, token)

    def _decoded(self, token: str, key: _Key | None) -> dict[str, Any]:
        if key is None:
            raise refused()
        algorithm, public = key
        return jwt.decode(
            token,
            public,
            algorithms=[algorithm],
            audience=self._settings.oidc_audience,
            issuer=self._settings.oidc_issuer,
            # Times are compared with our own clock, below.
            options={
                "require": ["iss", "aud", "sub", "exp", "iat"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )

    def _timely(self, claims: Mapping[str, Any]) -> bool:
        now = self._clock.now_us() / 1e6
        expires, *begins = claims["exp"], claims["iat"], claims.get("nbf", 0)
        if any(isinstance(time, bool) or not isinstance(time, int | float) for time in (expires, *begins)):
            return False
        return bool(now - SKEW_S < expires < _LATEST_S and all(time <= now + SKEW_S for time in begins))

    def _person(self, claims: Mapping[str, Any], token: str) -> Person:
        name = claims.get(self._settings.oidc_user_claim)
        if (
            not isinstance(name, str)
            or not name.strip()
            or len(name) > limits.MAX_EXTERNAL_ID
            or not name.isprintable()
        ):
            raise refused()
        # Whoever may type any address at the provider must not become its owner here.
        if self._settings.oidc_user_claim == "email" and claims.get("email_verified") not in (True, "true"):
            raise refused()
        label = claims.get("name")
        if not isinstance(label, str) or label_problem(label.strip()):
            label = name[: limits.MAX_LABEL]
        roles, groups = self._settings.oidc_roles, claims.get(self._settings.oidc_groups_claim or "")
        groups = groups if isinstance(groups, list) else [groups]
        return Person(
            external_id=external_id(name),
            label=label.strip(),
            role_ids=frozenset(role for group, role in roles.items() if group in groups),
            mapped_role_ids=frozenset(roles.values()),
            token_hash=hashlib.sha256(token.encode()).digest(),
            expire_time=round((claims["exp"] + SKEW_S) * 1_000_000),
        )


_LATEST_S = 253_402_300_800 - SKEW_S  # the year 10000, in seconds since 1970


def _key_id(token: str) -> str:
    key_id = jwt.get_unverified_header(token).get("kid")
    if not isinstance(key_id, str):
        raise refused()
    return key_id


class _Keys:
    """The provider's keys by their ids, read again where an id is unknown or what is known is old."""

    def __init__(self, settings: SignInSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._known: dict[str, _Key] = {}
        self._next = self._old = -1.0  # monotonic seconds: may be read again, has to be
        self._one_at_a_time = asyncio.Lock()

    async def find(self, key_id: str) -> _Key | None:
        """A key; None where the provider has none of this id. Without any keys IDENTITY_PROVIDER_UNAVAILABLE."""
        if self._due(key_id):
            async with self._one_at_a_time:
                if self._due(key_id):
                    await self._refresh()
        if not self._known:
            raise _unavailable(max(1.0, self._next - self._clock.monotonic()))
        return self._known.get(key_id)

    def _due(self, key_id: str) -> bool:
        now = self._clock.monotonic()
        return now >= self._next and (key_id not in self._known or now >= self._old)

    async def _refresh(self) -> None:
        try:
            known = _public_keys(await self._read())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            # What is known goes on to hold: a provider that is away for a while signs nobody out.
            self._next = self._clock.monotonic() + _AFTER_FAILURE_S
            return
        self._known = known
        self._next = self._clock.monotonic() + SHORTEST_REFRESH_S
        self._old = self._clock.monotonic() + _LONGEST_REFRESH_S

    async def _read(self) -> bytes:
        if self._settings.oidc_jwks_file is not None:
            return await asyncio.to_thread(self._settings.oidc_jwks_file.read_bytes)
        timeout = aiohttp.ClientTimeout(total=_FETCH_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(str(self._settings.oidc_jwks_url), allow_redirects=False) as answer,
        ):
            body = b""
            async for chunk in answer.content.iter_chunked(_MOST_BYTES):
                body += chunk
                if answer.status != 200 or len(body) > _MOST_BYTES:
                    raise ValueError
            return body


def _public_keys(body: bytes) -> dict[str, _Key]:
    """The usable keys of a JWKS. ValueError where it is none; keys of other kinds are passed over."""
    listed = json.loads(body)
    if not isinstance(listed, dict) or not isinstance(listed.get("keys"), list):
        raise ValueError
    found = {}
    for jwk in listed["keys"]:
        key = _public_key(jwk) if isinstance(jwk, dict) and jwk.get("use", "sig") == "sig" else None
        if key is not None and isinstance(jwk.get("kid"), str) and jwk.get("alg", key[0]) == key[0]:
            found[jwk["kid"]] = key
    return found


def _public_key(jwk: dict[str, Any]) -> _Key | None:
    try:
        if jwk.get("kty") == "RSA":
            rsa = RSAAlgorithm.from_jwk({name: jwk[name] for name in ("kty", "n", "e")})
            strong = isinstance(rsa, RSAPublicKey) and rsa.key_size >= _LEAST_RSA_BITS
            return ("RS256", rsa) if strong and isinstance(rsa, RSAPublicKey) else None
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
            curve = ECAlgorithm.from_jwk({name: jwk[name] for name in ("kty", "crv", "x", "y")})
            return ("ES256", curve) if isinstance(curve, EllipticCurvePublicKey) else None
    except (KeyError, ValueError, TypeError, jwt.PyJWTError):
        pass
    return None


def _unavailable(retry_after: float) -> SendoutError:
    return SendoutError(
        Reason.IDENTITY_PROVIDER_UNAVAILABLE,
        "The identity provider's keys cannot be read right now. Try again, or sign in another way.",
        retry_after=retry_after,
    )
