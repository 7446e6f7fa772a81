"""What is safe in the settings: one finding a line, for `sendout check-config` and for every start.

Only what can be seen in the settings and on this machine's disk; the database and Redis are asked at the start.
"""

from __future__ import annotations

import importlib.metadata
import math
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sendout.domain.addresses import is_here
from sendout.server.config import CarrierSettings, ConfigError, Settings

_REQUEST_ID_DAYS = 30
"""A request id is known for so long at the least (reliability.md I3)."""

SECRET_NAME = re.compile(r"password|secret|token|api_key", re.IGNORECASE)
"""Settings of carriers that hold a credential."""


class Level(StrEnum):
    """How bad a finding is: `refuse` keeps the server from starting."""

    OK = "ok"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `sendout check-config`."""

    level: Level
    subject: str  # the setting's variable
    text: str

    def __str__(self) -> str:
        return f"{self.level:<6}  {self.subject}: {self.text}"


def check_config(settings: Settings) -> list[Finding]:
    """Everything worth saying about these settings, good and bad."""
    checks = (_storage, _transport, _secret, _sign_in, _carriers, _dispatch, check_retention, _webhooks, _telemetry)
    return [finding for check in checks for finding in check(settings)]


def refuse_unsafe(settings: Settings) -> list[Finding]:
    """The findings, where none refuses; otherwise raises ConfigError with those that do."""
    findings = check_config(settings)
    refusals = [f"{finding.subject}: {finding.text}" for finding in findings if finding.level is Level.REFUSE]
    if refusals:
        raise ConfigError("\n".join(refusals))
    return findings


def is_loopback(address: str) -> bool:
    """True where `address` (`host:port`, `[v6]:port` or `unix:path`) can be reached from this machine alone."""
    if address.startswith("unix:"):
        return True
    return is_here(address.rpartition(":")[0].strip("[]"))


def _storage(settings: Settings) -> Iterator[Finding]:
    storage = settings.storage
    engine = storage.database_url.partition(":")[0]
    if engine == "postgresql+asyncpg":
        yield Finding(Level.OK, "SENDOUT_DATABASE_URL", "PostgreSQL.")
    elif engine == "sqlite+aiosqlite":
        yield Finding(Level.OK, "SENDOUT_DATABASE_URL", "SQLite: one machine, all processes on it.")
    else:
        text = f"{engine!r} is not supported. Use postgresql+asyncpg://… or sqlite+aiosqlite:///…."
        yield Finding(Level.REFUSE, "SENDOUT_DATABASE_URL", text)
    if not re.match(r"(redis|rediss|unix)://", storage.redis_url):
        text = "Begin it with redis://, rediss:// or unix://."
        yield Finding(Level.REFUSE, "SENDOUT_REDIS_URL", text)
    if storage.accept_loss:
        yield Finding(Level.WARN, "SENDOUT_ACCEPT_LOSS", "The database may lose accepted notifications.")
    if settings.config is not None and _readable_by_others(settings.config):
        yield Finding(
            Level.WARN, "SENDOUT_CONFIG", "Other users can read the file. Keep credentials out of it, or chmod 600."
        )


def _transport(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    if (server.tls_cert is None) != (server.tls_key is None):
        yield Finding(Level.REFUSE, "SENDOUT_TLS_CERT", "Give SENDOUT_TLS_CERT and SENDOUT_TLS_KEY together.")
    elif server.tls_cert is not None and server.tls_key is not None:
        yield from _file("SENDOUT_TLS_CERT", server.tls_cert, private=False)
        yield from _file("SENDOUT_TLS_KEY", server.tls_key, private=True)
    elif is_loopback(server.listen):
        yield Finding(Level.OK, "SENDOUT_LISTEN", f"{server.listen} without TLS, reachable from this machine alone.")
    elif server.allow_plaintext:
        text = f"{server.listen} without TLS: API keys and phone numbers cross the network in clear."
        yield Finding(Level.WARN, "SENDOUT_LISTEN", text)
    else:
        text = f"{server.listen} is no loopback address. Set SENDOUT_TLS_CERT and SENDOUT_TLS_KEY."
        yield Finding(Level.REFUSE, "SENDOUT_LISTEN", text)
    if server.reflection and not is_loopback(server.listen):
        yield Finding(Level.WARN, "SENDOUT_REFLECTION", "Anyone who can connect can list the services.")


def _secret(settings: Settings) -> Iterator[Finding]:
    secrets = settings.secrets
    name = "SENDOUT_SECRET_KEY" if secrets.secret_key_file is None else "SENDOUT_SECRET_KEY_FILE"
    if secrets.secret_key is not None and secrets.secret_key_file is not None:
        yield Finding(Level.REFUSE, name, "SENDOUT_SECRET_KEY is set as well. Keep one of them.")
        return
    try:
        secrets.derive("check")
    except ConfigError as error:
        yield Finding(Level.REFUSE, name, str(error))
        return
    if secrets.secret_key_file is not None:
        yield from _file(name, secrets.secret_key_file, private=True)
    elif secrets.secret_key is not None and len(set(secrets.secret_key)) < 10:
        yield Finding(Level.REFUSE, name, "It is too regular to be a secret. Make one with `openssl rand -hex 32`.")
    else:
        yield Finding(Level.OK, name, "Present.")


def _sign_in(settings: Settings) -> Iterator[Finding]:
    provider = settings.sign_in
    if provider.oidc_issuer is None:
        yield Finding(Level.OK, "SENDOUT_OIDC_ISSUER", "Not set: people sign in with passwords and links.")
        return
    if not provider.oidc_audience:
        yield Finding(Level.REFUSE, "SENDOUT_OIDC_AUDIENCE", "Give our client id at the identity provider.")
    if (provider.oidc_jwks_url is None) == (provider.oidc_jwks_file is None):
        text = "Give SENDOUT_OIDC_JWKS_URL or SENDOUT_OIDC_JWKS_FILE, one of them."
        yield Finding(Level.REFUSE, "SENDOUT_OIDC_JWKS_URL", text)
    elif provider.oidc_jwks_file is not None:
        yield from _file("SENDOUT_OIDC_JWKS_FILE", provider.oidc_jwks_file, private=False)
    elif not _safe_url(provider.oidc_jwks_url or ""):
        yield Finding(Level.REFUSE, "SENDOUT_OIDC_JWKS_URL", "Begin it with https://: whoever writes it signs in.")
    else:
        yield Finding(Level.OK, "SENDOUT_OIDC_ISSUER", f"People sign in with {provider.oidc_issuer}, too.")
    if bool(provider.oidc_roles) != bool(provider.oidc_groups_claim):
        text = "SENDOUT_OIDC_GROUPS_CLAIM and SENDOUT_OIDC_ROLES do nothing without each other."
        yield Finding(Level.WARN, "SENDOUT_OIDC_ROLES", text)


def _safe_url(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(f"{parts.hostname}:0"))
    )


def _carriers(settings: Settings) -> Iterator[Finding]:
    known = {entry.name for entry in importlib.metadata.entry_points(group="sendout.carriers")}
    if not settings.carriers:
        yield Finding(Level.WARN, "SENDOUT_CARRIERS", "There is no carrier, so nothing can be sent.")
    for name, carrier in settings.carriers.items():
        if carrier.type not in known:
            text = f"{name} is of the unknown type {carrier.type!r}. Installed: {', '.join(sorted(known)) or 'none'}."
            yield Finding(Level.REFUSE, "SENDOUT_CARRIERS", text)
            continue
        yield from _carrier(name, carrier)


def _carrier(name: str, carrier: CarrierSettings) -> Iterator[Finding]:
    try:
        carrier.resolved()
    except ConfigError as error:
        yield Finding(Level.REFUSE, "SENDOUT_CARRIERS", f"{name}: {error}")
        return
    for key, value in (carrier.model_extra or {}).items():
        if SECRET_NAME.search(key) and isinstance(value, str) and not value.startswith(("file:", "env:")):
            text = f"{name}: {key} is written out. Give it as file:PATH or env:NAME."
            yield Finding(Level.WARN, "SENDOUT_CARRIERS", text)
    yield Finding(Level.OK, "SENDOUT_CARRIERS", f"{name} ({carrier.type}).")


def _dispatch(settings: Settings) -> Iterator[Finding]:
    dispatch = settings.dispatch
    if dispatch.permit_horizon < dispatch.permit_grace:
        text = "It is shorter than SENDOUT_PERMIT_GRACE, so permits would run out before they can be used."
        yield Finding(Level.REFUSE, "SENDOUT_PERMIT_HORIZON", text)
    if dispatch.receipt_deadline < 3600:
        yield Finding(Level.WARN, "SENDOUT_RECEIPT_DEADLINE", "Many receipts arrive later than within an hour.")


def check_retention(settings: Settings) -> Iterator[Finding]:
    """Whether the periods of retention go together."""
    keep = settings.retention
    waiting = math.ceil(settings.dispatch.receipt_deadline / 86_400)  # once more: how late a receipt may still come
    if 0 < keep.receipt_days < waiting:
        text = f"Receipts may come for {waiting} days (SENDOUT_RECEIPT_DEADLINE). Keep what they need as long."
        yield Finding(Level.REFUSE, "SENDOUT_RECEIPT_DAYS", text)
    if not keep.message_days:
        yield Finding(Level.WARN, "SENDOUT_MESSAGE_DAYS", "Messages are kept for ever.")
        return
    if keep.message_days < max(_REQUEST_ID_DAYS, waiting):
        text = f"Keep them {max(_REQUEST_ID_DAYS, waiting)} days or more: for late receipts and repeated requests."
        yield Finding(Level.REFUSE, "SENDOUT_MESSAGE_DAYS", text)
    for name, days in (("EVENT", keep.event_days), ("RECEIPT", keep.receipt_days)):
        if not 0 < days <= keep.message_days:
            text = f"Longer than SENDOUT_MESSAGE_DAYS ({keep.message_days}): they are about messages, which go first."
            yield Finding(Level.REFUSE, f"SENDOUT_{name}_DAYS", text)
    for name, days in (("TEXT", keep.text_days), ("NUMBER", keep.number_days)):
        if not 0 < days <= keep.message_days:
            text = f"They go with their messages, after {keep.message_days} days."
            yield Finding(Level.WARN, f"SENDOUT_{name}_DAYS", text)


def _webhooks(settings: Settings) -> Iterator[Finding]:
    if settings.webhooks.allow_loopback:
        text = "Webhook subscriptions may call services of this machine that expect no strangers."
        yield Finding(Level.WARN, "SENDOUT_WEBHOOKS_ALLOW_LOOPBACK", text)


def _telemetry(settings: Settings) -> Iterator[Finding]:
    endpoint = settings.telemetry.otlp_endpoint
    if endpoint is None:
        yield Finding(Level.OK, "OTEL_EXPORTER_OTLP_ENDPOINT", "Not set: traces stay in the process.")
    elif endpoint.startswith("http://") and not is_loopback(endpoint.removeprefix("http://").rstrip("/")):
        yield Finding(Level.WARN, "OTEL_EXPORTER_OTLP_ENDPOINT", "Spans leave this machine without TLS.")
    else:
        yield Finding(Level.OK, "OTEL_EXPORTER_OTLP_ENDPOINT", "Traces and metrics are exported.")


def _file(subject: str, path: Path, *, private: bool) -> Iterator[Finding]:
    if not os.access(path, os.R_OK) or not path.is_file():
        yield Finding(Level.REFUSE, subject, f"{path} is not a readable file.")
    elif private and _readable_by_others(path):
        yield Finding(Level.REFUSE, subject, f"Other users can read {path}. Run chmod 600 on it.")
    else:
        yield Finding(Level.OK, subject, "Readable" + (", by its owner alone." if private else "."))


def _readable_by_others(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
