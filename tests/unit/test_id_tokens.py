"""Id tokens, against a provider of our own on loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.sign_in import Person
from sendout.server.config_sections import SignInSettings
from sendout.server.id_tokens import IdTokens

ISSUER, AUDIENCE, NONCE = "https://id.example.org", "sendout-console", "n-0S6_WzA2Mj"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
CURVE = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
MINUTE = 60


def jwk(key: Any, kid: str, **members: Any) -> dict[str, Any]:
    """The public half as a provider publishes it."""
    kind: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    made: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    return made | {"kid": kid} | members


class Provider:
    """Publishes keys, counts who asks for them, and signs what a test wants."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.keys = [jwk(RSA, "rsa", use="sig", alg="RS256"), jwk(CURVE, "ec")]
        self.asked = 0
        self.status = 200
        self.body: bytes | None = None
        self.url = ""

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        body = json.dumps({"keys": self.keys}).encode() if self.body is None else self.body
        headers = {"Location": "/elsewhere"} if self.status == 302 else None
        return web.Response(body=body, status=self.status, headers=headers)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Those of a good token; None takes one away."""
        now = self.clock.now_us() // 1_000_000
        good = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "248289761001",
            "exp": now + 300,
            "iat": now,
            "nonce": NONCE,
            "email": "Ada@Example.org",
            "email_verified": True,
            "name": "Ada Lovelace",
        }
        return {name: value for name, value in (good | changed).items() if value is not None}

    def token(self, key: Any = RSA, kid: str | None = "rsa", algorithm: str = "RS256", **changed: Any) -> str:
        """A token signed with `key`."""
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(self.claims(**changed), key, algorithm=algorithm, headers=headers)


@pytest.fixture
async def provider(clock: Any) -> AsyncIterator[Provider]:
    """A provider that answers on loopback."""
    made = Provider(clock)
    application = web.Application()
    application.router.add_get("/keys", made.answer)
    application.router.add_get("/elsewhere", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    yield made
    await runner.cleanup()


def verifier(provider: Provider, **changed: Any) -> IdTokens:
    """Ours, which trusts that provider."""
    given = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_url": provider.url} | changed
    return IdTokens(SignInSettings(**given), provider.clock)


async def outcome(verify: IdTokens, token: str, nonce: str = NONCE) -> Person | Reason:
    """Who it is, or why not."""
    try:
        return await verify(token, nonce)
    except SendoutError as error:
        return error.reason


async def test_a_good_token_says_who_it_is(provider: Provider) -> None:
    """The person comes with the claim that names users, a label and the token's end; both algorithms are fine."""
    verify = verifier(provider)
    for token in (provider.token(), provider.token(CURVE, "ec", "ES256"), provider.token(aud=[AUDIENCE, "other"])):
        person = await verify(token, NONCE)
        assert (person.external_id, person.label) == ("ada@example.org", "Ada Lovelace")
        assert person.token_hash == hashlib.sha256(token.encode()).digest()
        assert person.expire_time == provider.clock.now_us() // 1_000_000 * 1_000_000 + 360_000_000
    assert provider.asked == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://id.example.com"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client", "third"]},
        {"aud": None},
        {"azp": "another-client"},
        {"sub": None},
        {"sub": 7},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 7},
        {"exp": None},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": "9999999999"},
        {"iat": None},
        {"iat": "now"},
        {"nbf": "soon"},
        {"email": None},
        {"email": ""},
        {"email": ["a@example.org"]},
        {"email": "a" * 256},
        {"email": "a\u202e@example.org"},
        {"email_verified": None},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": 1.5},
    ],
    ids=str,
)
async def test_a_wrong_claim_is_refused(provider: Provider, changed: dict[str, Any]) -> None:
    """A good signature helps nobody whose claims are not for us, not now, or name nobody."""
    assert await outcome(verifier(provider), provider.token(**changed)) is Reason.CREDENTIALS_INVALID


async def test_the_nonce_is_asked_for(provider: Provider) -> None:
    """An empty nonce fits no token, also none that holds an empty one."""
    assert await outcome(verifier(provider), provider.token(nonce=""), "") is Reason.CREDENTIALS_INVALID


@pytest.mark.parametrize(
    ("claim", "fits", "does_not"), [("exp", -59, -60), ("nbf", 60, 61), ("iat", 60, 61)], ids=lambda case: str(case)
)
async def test_clocks_may_differ_by_a_minute(provider: Provider, claim: str, fits: int, does_not: int) -> None:
    """Sixty seconds of skew, not one more, in either direction."""
    now = provider.clock.now_us() // 1_000_000
    verify = verifier(provider)
    assert isinstance(await outcome(verify, provider.token(**{claim: now + fits})), Person)
    assert await outcome(verify, provider.token(**{claim: now + does_not})) is Reason.CREDENTIALS_INVALID


def _forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes = b"") -> str:
    """A token put together by hand: what no honest library signs."""

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    body = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
    signature = hmac.digest(secret, body, "sha256") if secret else b""
    return (body + b"." + part(signature)).decode()


async def test_the_token_does_not_choose_its_algorithm(provider: Provider) -> None:
    """`none`, and HS256 with the public key as the secret in every form an attacker has it, are refused."""
    verify, claims = verifier(provider), provider.claims()
    public = RSA.public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(provider.keys[0]).encode(),
    ]
    forged = [_forged({"alg": "HS256", "kid": "rsa"}, claims, secret) for secret in secrets]
    forged += [_forged({"alg": alg, "kid": "rsa"}, claims) for alg in ("none", "None", "NONE", "", "RS256")]
    forged += [_forged({"kid": "rsa"}, claims), _forged({"alg": "none"}, claims)]
    forged += [provider.token(algorithm="PS256"), provider.token(algorithm="RS512")]
    for token in forged:
        assert await outcome(verify, token) is Reason.CREDENTIALS_INVALID


async def test_only_the_providers_keys_count(provider: Provider) -> None:
    """Unknown ids, no id, another's signature under a known id, and keys that the token brings along are refused."""
    verify = verifier(provider)
    own = {"kid": "rsa", "jwk": jwk(STRANGER, "rsa"), "jku": provider.url}
    for token in (
        provider.token(kid="unknown"),
        provider.token(kid=None),
        provider.token(STRANGER),
        provider.token(CURVE, "rsa", "ES256"),
        provider.token(RSA, "ec"),
        jwt.encode(provider.claims(), STRANGER, algorithm="RS256", headers=own),
    ):
        assert await outcome(verify, token) is Reason.CREDENTIALS_INVALID


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_unfit_keys_of_the_provider_are_passed_over(provider: Provider) -> None:
    """Short RSA keys, keys for encryption or another algorithm, secrets and rubbish sign nobody in; the rest do."""
    secret = base64.urlsafe_b64encode(b"s" * 32).decode()
    provider.keys = [
        jwk(WEAK, "weak"),
        jwk(STRANGER, "enc", use="enc"),
        jwk(STRANGER, "other", alg="RS512"),
        {"kty": "oct", "k": secret, "kid": "oct"},
        {"kty": "RSA", "kid": "rubbish", "n": "!", "e": 7},
        {"kty": "EC", "crv": "P-256", "kid": "off", "x": secret, "y": secret},
        "no object",  # type: ignore[list-item]
        jwk(RSA, "rsa"),
    ]
    verify = verifier(provider)
    for token in (
        provider.token(WEAK, "weak"),
        provider.token(STRANGER, "enc"),
        provider.token(STRANGER, "other"),
        _forged({"alg": "HS256", "kid": "oct"}, provider.claims(), b"s" * 32),
        provider.token(kid="rubbish"),
        provider.token(kid="off"),
    ):
        assert await outcome(verify, token) is Reason.CREDENTIALS_INVALID
    assert isinstance(await outcome(verify, provider.token()), Person)


async def test_a_new_key_is_found_and_the_provider_is_left_in_peace(provider: Provider) -> None:
    """An unknown id has the keys read again, at most once a minute, and by one of many at once."""
    verify = verifier(provider)
    await asyncio.gather(*(outcome(verify, provider.token()) for _ in range(20)))
    assert provider.asked == 1
    provider.keys.append(jwk(STRANGER, "new"))
    token = provider.token(STRANGER, "new")
    for _ in range(20):
        assert await outcome(verify, token) is Reason.CREDENTIALS_INVALID
    assert provider.asked == 1
    provider.clock.advance(MINUTE)
    found = await asyncio.gather(*(outcome(verify, token) for _ in range(20)))
    assert all(isinstance(one, Person) for one in found)
    assert provider.asked == 2


async def test_a_key_that_was_taken_back_goes(provider: Provider) -> None:
    """What the provider no longer publishes is refused after an hour."""
    verify = verifier(provider)
    assert isinstance(await outcome(verify, provider.token()), Person)
    provider.keys = [jwk(CURVE, "ec")]
    provider.clock.advance(60 * MINUTE)
    assert await outcome(verify, provider.token()) is Reason.CREDENTIALS_INVALID


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (302, None),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"keys": 7}'),
        (200, b" " * 300_000),
        (200, b'{"keys": []}'),
    ],
    ids=lambda case: str(case)[:12],
)
async def test_a_provider_that_gives_no_keys(provider: Provider, status: int, body: bytes | None) -> None:
    """Without keys the answer says to try again; with keys from before, people go on signing in."""
    verify = verifier(provider)
    usual, provider.status, provider.body = provider.status, status, body
    assert await outcome(verify, provider.token()) is Reason.IDENTITY_PROVIDER_UNAVAILABLE
    provider.status, provider.body = usual, None
    provider.clock.advance(MINUTE)
    assert isinstance(await outcome(verify, provider.token()), Person)


async def test_a_provider_that_is_away_signs_nobody_out(provider: Provider) -> None:
    """The keys that are known hold on while new ones cannot be read; a first start without any says when to retry."""
    verify = verifier(provider)
    assert isinstance(await outcome(verify, provider.token()), Person)
    provider.status = 503
    provider.clock.advance(61 * MINUTE)
    assert isinstance(await outcome(verify, provider.token()), Person)
    closed = verifier(provider, oidc_jwks_url="http://127.0.0.1:9/keys")
    with pytest.raises(SendoutError) as caught:
        await closed(provider.token(), NONCE)
    assert caught.value.reason is Reason.IDENTITY_PROVIDER_UNAVAILABLE
    assert caught.value.retry_after == pytest.approx(5)


async def test_keys_from_a_file(provider: Provider, tmp_path: Path) -> None:
    """A file with the keys does instead of an address, and is read again like one."""
    file = tmp_path / "keys.json"
    verify = verifier(provider, oidc_jwks_url=None, oidc_jwks_file=file)
    assert await outcome(verify, provider.token()) is Reason.IDENTITY_PROVIDER_UNAVAILABLE
    file.write_text(json.dumps({"keys": provider.keys}))
    provider.clock.advance(5)
    assert isinstance(await outcome(verify, provider.token()), Person)
    assert provider.asked == 0


async def test_another_claim_may_name_the_user(provider: Provider) -> None:
    """With `sub` nobody needs an address; its case is kept, and a missing name is filled in."""
    verify = verifier(provider, oidc_user_claim="sub")
    person = await verify(provider.token(sub="aB-7", email=None, name="x\ny"), NONCE)
    assert (person.external_id, person.label) == ("aB-7", "aB-7")


@pytest.mark.parametrize(
    ("groups", "roles"),
    [
        (["staff", "bosses", "unmapped"], ["admin", "agents"]),
        ("staff", ["agents"]),
        ([], []),
        (None, []),
        (7, []),
        ([["staff"], {"bosses": 1}, 7], []),
        ({"staff": True}, []),
    ],
    ids=repr,
)
async def test_groups_give_roles(provider: Provider, groups: Any, roles: list[str]) -> None:
    """Mapped groups give their roles, whatever else the claim holds; the mapped ones are told too."""
    verify = verifier(provider, oidc_groups_claim="groups", oidc_roles="staff=agents, bosses=admin")
    person = await verify(provider.token(groups=groups), NONCE)
    assert sorted(person.role_ids) == roles
    assert person.mapped_role_ids == {"agents", "admin"}


@given(st.one_of(st.text(max_size=300), st.lists(st.binary(max_size=60), min_size=3, max_size=3)))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_nonsense_gets_in_or_breaks_it(clock: Any, nonsense: Any) -> None:
    """Any text, and any three parts, are refused like a forged token."""
    token = (
        nonsense
        if isinstance(nonsense, str)
        else ".".join(base64.urlsafe_b64encode(part).decode() for part in nonsense)
    )
    made = Provider(clock)
    verify = verifier(made)
    verify._keys._known = {"rsa": ("RS256", RSA.public_key())}
    assert asyncio.run(outcome(verify, token)) is Reason.CREDENTIALS_INVALID


async def test_deep_nesting_is_refused(provider: Provider) -> None:
    """A header that no parser follows to its end is refused like any other."""
    deep = base64.urlsafe_b64encode(b"[" * 12_000).decode()
    assert await outcome(verifier(provider), f"{deep}.e30.") is Reason.CREDENTIALS_INVALID
