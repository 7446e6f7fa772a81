"""The gateway's settings: flags, then the environment (`SENDOUT_GATEWAY_…`), then defaults; frozen, and refused where
they are not safe. The server and its TLS come from SENDOUT_TARGET, as for every client.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import stat
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "SENDOUT_GATEWAY_"
_ORIGIN = re.compile(
    r"https://[a-z0-9.-]+(:[0-9]{1,5})?|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.ASCII
)
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s]+):([0-9]{1,5})", re.ASCII)


class ConfigError(Exception):
    """The settings cannot be used; the text has one sentence a line, each naming the setting."""


def _listed(typed: object) -> object:
    return tuple(part.strip() for part in typed.split(",") if part.strip()) if isinstance(typed, str) else typed


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
LocalFile = Annotated[Path, BeforeValidator(lambda typed: Path(typed).expanduser())]


class GatewaySettings(BaseSettings):
    """All settings. Made by `load_settings`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    listen: str = Field("127.0.0.1:8080", description="Address and port to listen on.")
    tls_cert: LocalFile | None = Field(None, description="PEM file with the certificate chain; turns TLS on.")
    tls_key: LocalFile | None = Field(None, description="PEM file with its key, readable by its owner alone.")
    trusted_proxies: Listed = Field(
        (),
        description="Addresses or networks of the proxies that end TLS before the gateway, with commas between. Their "
        "`X-Forwarded-*` headers are believed, and only what came to them over https is answered.",
    )
    cors_origins: Listed = Field(
        (),
        description="Origins whose pages may call from a browser, such as `https://crm.example`, with commas between.",
    )
    server_ca_file: LocalFile | None = Field(
        None, description="PEM file of authorities to trust for the server instead of the usual ones."
    )
    oidc_issuer: str = Field(
        "",
        description="Identity provider that people may sign in with: its issuer, as in `SENDOUT_OIDC_ISSUER`.",
    )
    oidc_client_id: str = Field("", description="Our client id there: the server's `SENDOUT_OIDC_AUDIENCE`.")
    oidc_client_secret_file: LocalFile | None = Field(
        None, description="File with the client's secret, readable by its owner alone; a public client has none."
    )
    oidc_scopes: str = Field(
        "openid email profile", description="What is asked for; some providers have one for groups."
    )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return _is_loopback(self.address[0])

    @property
    def secure(self) -> bool:
        """Whether callers come over https, by our TLS or a trusted proxy's."""
        return self.tls_cert is not None or bool(self.trusted_proxies)


def load_settings(**flags: Any) -> GatewaySettings:
    """Read all settings; flags that are None were not given. Raises ConfigError, with one line per problem."""
    known = {PREFIX + name.upper() for name in GatewaySettings.model_fields}
    strangers = [name for name in os.environ if name.startswith(PREFIX) and name not in known]
    if strangers:
        raise ConfigError("\n".join(_unknown(name, known) for name in sorted(strangers)))
    try:
        settings = GatewaySettings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        lines = [f"{PREFIX}{str(one['loc'][0]).upper()}: {one['msg']}." for one in error.errors()]
        raise ConfigError("\n".join(lines)) from None
    if refused := _refusals(settings):
        raise ConfigError("\n".join(PREFIX + line for line in refused))
    return settings


def _unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"{name} is not a setting of the gateway." + (f" Did you mean {near[0]}?" if near else " Remove it.")


def _refusals(settings: GatewaySettings) -> list[str]:
    """What is not safe or cannot work, one line each."""
    found = []
    matched = _ADDRESS.fullmatch(settings.listen)
    if matched is None or int(matched[2]) > 65535:
        return [f"LISTEN: {settings.listen!r} is no address with a port. Example: 127.0.0.1:8080."]
    if (settings.tls_cert is None) != (settings.tls_key is None):
        found.append("TLS_CERT: Give the certificate and its key (TLS_KEY) together.")
    for name, path, private in (
        ("TLS_CERT", settings.tls_cert, False),
        ("TLS_KEY", settings.tls_key, True),
        ("SERVER_CA_FILE", settings.server_ca_file, False),
        ("OIDC_CLIENT_SECRET_FILE", settings.oidc_client_secret_file, True),
    ):
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            found.append(f"{name}: {path} is not a readable file.")
        elif path is not None and private and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            found.append(f"{name}: Other users can read {path}. Run chmod 600 on it.")
    if not settings.local and not settings.secure:
        found.append(
            f"LISTEN: {settings.listen} is no loopback address, and keys would cross the network in clear. Set "
            f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY, or name the proxies that end TLS in {PREFIX}TRUSTED_PROXIES."
        )
    found += [
        f"TRUSTED_PROXIES: {proxy!r} is no address or network. Example: 10.0.0.5, 10.1.0.0/16."
        for proxy in settings.trusted_proxies
        if not _is_network(proxy)
    ]
    found += [
        f"CORS_ORIGINS: {origin!r} is no origin. Name each one, such as https://crm.example; a star is not taken."
        for origin in settings.cors_origins
        if not _ORIGIN.fullmatch(origin)
    ]
    if settings.oidc_issuer and not is_safe_url(settings.oidc_issuer):
        found.append(f"OIDC_ISSUER: {settings.oidc_issuer!r} is no https address. Example: https://id.example.")
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        found.append("OIDC_CLIENT_ID: Give the issuer (OIDC_ISSUER) and our client id there together.")
    return found


def is_safe_url(url: object) -> bool:
    """Whether an address may be given credentials: https, or http that stays on this machine."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_network(text: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).prefixlen > 0  # not the whole Internet
    except ValueError:
        return False


def settings_table() -> str:
    """The Markdown table of all settings."""
    rows = ["| Environment | Default | Meaning |", "|---|---|---|"]
    for name, field in GatewaySettings.model_fields.items():
        default = f"`{field.default}`" if field.default else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"
