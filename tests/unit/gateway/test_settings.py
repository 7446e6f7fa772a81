"""What the gateway's settings take and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sendout.gateway.settings import ConfigError, load_settings


def test_defaults_are_for_this_machine() -> None:
    """Without settings the gateway listens on loopback and lets no foreign page call."""
    found = load_settings()
    assert (found.address, found.local, found.secure, found.cors_origins) == (("127.0.0.1", 8080), True, False, ())
    with pytest.raises(ValidationError):
        found.listen = "0.0.0.0:80"


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting comes from its flag, then its variable; lists have commas."""
    monkeypatch.setenv("SENDOUT_GATEWAY_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("SENDOUT_GATEWAY_CORS_ORIGINS", "https://a.example, http://localhost:3000")
    assert load_settings().listen == "127.0.0.1:1"
    found = load_settings(listen="[::1]:2", tls_cert=None)
    assert found.address == ("::1", 2)
    assert found.cors_origins == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"LISTEN": "0.0.0.0:8080"}, "SENDOUT_GATEWAY_LISTEN: 0.0.0.0:8080 is no loopback address"),
        ({"LISTEN": "gateway.example:443"}, "is no loopback address"),
        ({"LISTEN": "127.0.0.1"}, "is no address with a port"),
        ({"LISTEN": "127.0.0.1:99999"}, "is no address with a port"),
        ({"TLS_CERT": "/nowhere"}, "Give the certificate and its key"),
        ({"TLS_CERT": "/nowhere", "TLS_KEY": "/nowhere"}, "is not a readable file"),
        ({"TRUSTED_PROXIES": "*"}, "is no address or network"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "is no address or network"),
        ({"CORS_ORIGINS": "*"}, "a star is not taken"),
        ({"CORS_ORIGINS": "http://crm.example"}, "is no origin"),
        ({"CORS_ORIGINS": "https://crm.example/path"}, "is no origin"),
        ({"OIDC_ISSUER": "http://id.example", "OIDC_CLIENT_ID": "us"}, "is no https address"),
        ({"OIDC_ISSUER": "https://id.example"}, "Give the issuer (OIDC_ISSUER) and our client id there together"),
        ({"OIDC_CLIENT_ID": "us"}, "Give the issuer"),
        ({"OIDC_CLIENT_SECRET_FILE": "/nowhere"}, "is not a readable file"),
        ({"CORS_ORIGIN": "https://crm.example"}, "Did you mean SENDOUT_GATEWAY_CORS_ORIGINS?"),
    ],
)
def test_unsafe_values_are_refused(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str) -> None:
    """What is not safe, cannot work or is misspelt ends the start with a sentence that names the setting."""
    for name, value in given.items():
        monkeypatch.setenv(f"SENDOUT_GATEWAY_{name}", value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "SENDOUT_GATEWAY_" in str(caught.value)


def test_a_network_needs_tls_or_a_proxy(tmp_path: Path) -> None:
    """Off loopback there is TLS, with a key that is its owner's alone, or a named proxy that ends it."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for path in (cert, key):
        path.write_text("x")
        path.chmod(0o644)
    with pytest.raises(ConfigError, match="Other users can read"):
        load_settings(listen="0.0.0.0:443", tls_cert=cert, tls_key=key)
    key.chmod(0o600)
    assert load_settings(listen="0.0.0.0:443", tls_cert=cert, tls_key=key).secure
    assert load_settings(listen="0.0.0.0:8080", trusted_proxies="10.0.0.0/8").secure
