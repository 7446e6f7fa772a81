"""The sections of the settings, one class per part; `config` puts them together and reads them."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from sendout.domain.clock import Clock


class ConfigError(Exception):
    """The configuration cannot be used; the text has one sentence a line, each naming the setting."""


class Secret(str):
    """A string whose repr is `***`, so that it does not show where settings are printed; otherwise a plain string."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(repr),
        )


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(typed: object) -> object:
    """`72h`, `50ms` or a bare number of seconds; anything else is left for pydantic to refuse."""
    if not isinstance(typed, str):
        return typed
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(us|ms|s|m|h|d)?\s*", typed, re.ASCII)
    return float(match[1]) * _UNITS[match[2] or "s"] if match else typed


def _expanded(typed: object) -> object:
    return Path(typed).expanduser() if isinstance(typed, str | Path) else typed


Duration = Annotated[float, BeforeValidator(_seconds), Field(gt=0, allow_inf_nan=False)]
LocalPath = Annotated[Path, BeforeValidator(_expanded)]


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "sendout"


def variable(name: str) -> dict[str, Any]:
    """Marks a field whose variable is not `SENDOUT_` and its name."""
    return {"env": name}


def shown_default(default: str) -> dict[str, Any]:
    """Marks a field whose default is worked out; `default` is what the table says."""
    return {"default": default}


class Section(BaseModel):
    """Settings of one part: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class StorageSettings(Section):
    """Where records and the queue are kept."""

    data_dir: LocalPath = Field(
        default_factory=_default_data_dir,
        description="Folder of everything kept on this machine.",
        json_schema_extra=shown_default("`$XDG_DATA_HOME/sendout` or `~/.local/share/sendout`"),
    )
    database_url: Secret = Field(
        default_factory=lambda data: Secret(f"sqlite+aiosqlite:///{data['data_dir']}/sendout.db"),
        description="SQL database: `postgresql+asyncpg://…` or `sqlite+aiosqlite:///…`.",
        json_schema_extra=shown_default("SQLite in the data folder"),
    )
    redis_url: Secret = Field(
        default_factory=lambda data: Secret(f"unix://{data['data_dir']}/valkey.sock"),
        description="Redis or Valkey, 7.2 or newer: `redis://…`, `rediss://…` or `unix://…`.",
        json_schema_extra=shown_default("Valkey's socket in the data folder"),
    )
    database_pool: int = Field(default=8, ge=1, le=200, description="SQL connections per process.")
    accept_loss: bool = Field(
        default=False,
        description="Start on a database that may lose what it confirmed. Trials only.",
    )


class ServerSettings(Section):
    """The gRPC server."""

    listen: str = Field(default="127.0.0.1:50051", description="Address and port of the gRPC server.", pattern=r"^\S+$")
    tls_cert: LocalPath | None = Field(default=None, description="PEM file with the server's certificate chain.")
    tls_key: LocalPath | None = Field(default=None, description="PEM file with the certificate's private key.")
    allow_plaintext: bool = Field(default=False, description="Allow an address other than loopback without TLS.")
    reflection: bool = Field(default=False, description="Offer gRPC server reflection.")


class SecretSettings(Section):
    """The root secret, from which the keys for number hashes and tokens are derived."""

    secret_key: Secret | None = Field(default=None, description="Root secret, at least 32 characters. Better: a file.")
    secret_key_file: LocalPath | None = Field(
        default=None, description="File with the root secret, readable by its owner alone."
    )

    def derive(self, label: str) -> bytes:
        """A 32-byte key for one purpose. The same root and label give the same key in every process.

        Raises ConfigError where the root secret is missing, unreadable or too short.
        """
        # One block of HKDF-Expand (RFC 5869); the root is uniformly random, so there is nothing to extract.
        return hmac.digest(self._root(), f"sendout/{label}".encode() + b"\x01", hashlib.sha256)

    def _root(self) -> bytes:
        if self.secret_key_file is not None:
            try:
                root = self.secret_key_file.read_bytes().strip()
            except OSError as error:
                raise ConfigError(f"SENDOUT_SECRET_KEY_FILE cannot be read: {error.strerror}.") from error
        elif self.secret_key is not None:
            root = self.secret_key.encode()
        else:
            raise ConfigError(
                "There is no root secret. Set SENDOUT_SECRET_KEY_FILE to a file with 32 or more random bytes."
            )
        if len(root) < 32:
            raise ConfigError("The root secret is shorter than 32 characters. Make one with `openssl rand -hex 32`.")
        return root


def _pairs(typed: object) -> object:
    """`group=role, other=role` as a table; anything else is left for pydantic to judge."""
    if not isinstance(typed, str):
        return typed
    pairs = [pair.rpartition("=") for pair in typed.split(",") if pair.strip()]
    if not all(equals and group.strip() and role.strip() for group, equals, role in pairs):
        raise ValueError("write group=role, separated by commas")
    return {group.strip(): role.strip() for group, _, role in pairs}


class SignInSettings(Section):
    """Signing in with an identity provider (OpenID Connect). Passwords and links need no settings."""

    oidc_issuer: str | None = Field(
        default=None, description="Identity provider that people sign in with: the `iss` of its id tokens."
    )
    oidc_audience: str | None = Field(default=None, description="Our client id at the provider: the `aud`.")
    oidc_jwks_url: str | None = Field(default=None, description="Where the provider publishes its keys (JWKS).")
    oidc_jwks_file: LocalPath | None = Field(default=None, description="File with the keys instead.")
    oidc_user_claim: str = Field(
        default="email", min_length=1, description="Claim that names the user: `email` (verified ones only), `sub`, …"
    )
    oidc_groups_claim: str | None = Field(default=None, description="Claim with the person's groups.")
    oidc_roles: Annotated[dict[str, str], BeforeValidator(_pairs)] = Field(
        default_factory=dict,
        description="Roles that groups give: `group=role, …`. Nobody holds these roles without the group.",
        json_schema_extra=shown_default("none"),
    )
    oidc_create_users: bool = Field(default=False, description="Create a user at the first sign-in with the provider.")


class CarrierSettings(BaseModel):
    """One carrier: its type (an entry point of `sendout.carriers`) and the settings that type asks for."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)
    type: str

    def resolved(self) -> dict[str, Any]:
        """The carrier's own settings; a value `file:PATH` or `env:NAME` becomes the Secret found there.

        Raises ConfigError where a reference leads nowhere.
        """
        return {key: _resolve(key, value) for key, value in (self.model_extra or {}).items()}

    def __repr__(self) -> str:
        return f"CarrierSettings(type={self.type!r}, …)"

    __str__ = __repr__


def _resolve(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    kind, _, target = value.partition(":")
    try:
        if kind == "file":
            return Secret(Path(target).expanduser().read_text().strip())
        if kind == "env":
            return Secret(os.environ[target])
    except (OSError, KeyError) as error:
        raise ConfigError(
            f"The carrier setting {key} refers to {value!r}, which is not there or not readable."
        ) from error
    return value


class DispatchSettings(Section):
    """How messages are taken from the queue and handed to carriers."""

    claim_batch: int = Field(default=500, ge=1, le=5000, description="Most messages claimed by one statement.")
    permit_batch: int = Field(default=200, ge=1, le=1000, description="Most messages asking for permits in one script.")
    settle_batch: int = Field(default=500, ge=1, le=5000, description="Most outcomes or receipts per transaction.")
    settle_delay: Duration = Field(default=0.02, description="Longest wait for a batch of outcomes to fill (s).")
    permit_grace: Duration = Field(default=0.05, le=1, description="How long a permit may be used after its slot (s).")
    permit_horizon: Duration = Field(default=0.2, le=5, description="How far ahead permits are reserved (s).")
    window: int = Field(default=2000, ge=1, le=10_000, description="Most messages in flight per process.")
    adoption_window: Duration = Field(
        default=900.0,
        description="How far from a submit a receipt may say it was that is matched by its number alone.",
        json_schema_extra=shown_default("`15m`"),
    )
    receipt_deadline: Duration = Field(
        default=72 * 3600.0,
        description="Wait for a receipt after a message's validity before its state becomes UNKNOWN.",
        json_schema_extra=shown_default("`72h`"),
    )


def _days(default: int, description: str) -> Any:
    return Field(default=default, ge=0, le=36_500, description=f"{description} 0 = for ever.")


class RetentionSettings(Section):
    """How long what is kept. Counts are kept for ever. Days of messages begin when all of a notification are final."""

    text_days: int = _days(365, "Days texts are kept after the end of a notification.")
    number_days: int = _days(365, "Days phone numbers are kept; their keyed hashes stay, for opt-outs.")
    message_days: int = _days(730, "Days messages and notifications are kept, and with them request ids.")
    event_days: int = _days(90, "Days delivery events are kept for streams to resume, and for timelines.")
    receipt_days: int = _days(30, "Days raw receipts and carriers' ids are kept: how late a receipt may come.")
    audit_days: int = _days(730, "Days the audit trail is kept.")


class WebhookSettings(Section):
    """Calls to other systems with delivery events."""

    allow_loopback: bool = Field(
        default=False,
        description="Webhook subscriptions may call this machine, also without TLS. Development and tests only.",
        json_schema_extra=variable("SENDOUT_WEBHOOKS_ALLOW_LOOPBACK"),
    )


class TelemetrySettings(Section):
    """Traces and metrics."""

    otlp_endpoint: str | None = Field(
        default=None,
        description="OTLP gRPC collector for traces and metrics; other `OTEL_…` variables hold as well.",
        json_schema_extra=variable("OTEL_EXPORTER_OTLP_ENDPOINT"),
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Prometheus port on loopback, per process; 0 = off."
    )


class LogSettings(Section):
    """Logs, which go to standard error."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["json", "console"] = Field(default="json", description="`json`, or `console` for people.")


def create_secret_file(data_dir: Path, clock: Clock) -> Path:
    """The path of the data folder's root secret, made (mode 0600) where there is none. For `sendout up`."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / "secret.key"
    fresh = data_dir / f".secret.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(clock.random_bytes(32).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)  # whole or not at all, and the first of two starters wins
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path
