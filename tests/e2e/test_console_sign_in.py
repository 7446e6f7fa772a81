"""People sign in to a whole `sendout up`, with an identity provider, and call with what they get."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from sendout.client import Client, Unauthenticated
from sendout.v1 import session_service_pb2 as sessions_pb
from tests.e2e.running import Running, environment, up

ISSUER, AUDIENCE = "https://id.example.org", "sendout-console"


def link_of(running: Running, user_id: str) -> str:
    """The token of a link that the command line makes."""
    made = subprocess.run(
        [sys.executable, "-c", "from sendout.cli import main; main()", "users", "sign-in-link", user_id],
        env=environment(running.home),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    address, _, token = made.stdout.strip().partition("#")
    assert address == "http://127.0.0.1:8080/sign-in"
    return token


def signed_in(running: Running, request: sessions_pb.CreateSessionRequest) -> str:
    """The token of a new session; nobody's key is needed for it."""
    with Client(running.target, api_key="") as nobody:
        return str(nobody.sign_in(request).session_token)


def test_people_sign_in_and_send(tmp_path: Path) -> None:
    """By a link and by an id token somebody gets in, sends like a key's holder, signs out and is out; no token is in
    any log."""
    key = ec.generate_private_key(ec.SECP256R1())
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "one"}]}))
    provider = {
        "SENDOUT_OIDC_ISSUER": ISSUER,
        "SENDOUT_OIDC_AUDIENCE": AUDIENCE,
        "SENDOUT_OIDC_JWKS_FILE": str(keys),
        "SENDOUT_OIDC_USER_CLAIM": "sub",
        "SENDOUT_OIDC_CREATE_USERS": "true",
        "SENDOUT_OIDC_GROUPS_CLAIM": "groups",
        "SENDOUT_OIDC_ROLES": "staff=agents",
    }
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "iat": now, "exp": now + 600, "nonce": "n", "name": "Ada"}
    id_token = jwt.encode(claims | {"groups": ["staff"]}, key, algorithm="ES256", headers={"kid": "one"})
    with up(tmp_path, **provider) as running:
        link = link_of(running, "agent")
        by_provider = sessions_pb.IdTokenCredential(id_token=id_token, nonce="n")
        tokens = [
            signed_in(running, sessions_pb.CreateSessionRequest(sign_in_token=link)),
            signed_in(running, sessions_pb.CreateSessionRequest(id_token=by_provider)),
        ]
        for token, label in zip(tokens, ("Agent", "Ada"), strict=True):
            with Client(running.target, api_key=token) as client:
                who = client.whoami()
                assert (who.label, list(who.role_ids), who.api_key_id) == (label, ["agents", "everyone"], "")
                sent = client.send(["+14155550101"], "Hello", contact_point="main")
                assert client.wait(sent.notification.notification_id).done
                client.sign_out()
                with pytest.raises(Unauthenticated):
                    client.whoami()
        assert running.interrupt() == 0
        assert running.process.stdout is not None
        logged = running.printed + running.process.stdout.read()
    for secret in (id_token, *(text.split("_")[1] for text in (link, *tokens))):
        assert secret not in logged
