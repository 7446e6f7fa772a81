"""Who may do what, and who did: roles, principals, their keys and sessions, the audit trail."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, String, Table, false, text

from sendout.storage.tables.base import Micros, Serial, metadata

role = Table(
    "role",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("label", String(100), nullable=False),
    Column("permissions", JSON, nullable=False),  # names of domain.permissions.Permission
    Column("built_in", Boolean, nullable=False, server_default=false()),
)

principal = Table(
    "principal",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("kind", String(16), nullable=False),  # "service", "user" or "server"
    Column("label", String(100), nullable=False),
    Column("password_hash", String(200), nullable=True),
    Column("external_id", String(255), nullable=True),  # what the identity provider calls the person
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("create_time", Micros, nullable=False),
)

Index("uq_principal_external_id", principal.c.external_id, unique=True)

principal_role = Table(
    "principal_role",
    metadata,
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", ForeignKey("role.id", ondelete="RESTRICT"), primary_key=True),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("principal_id", ForeignKey("principal.id", ondelete="RESTRICT"), nullable=False, index=True),
    Column("label", String(100), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False),  # SHA-256 of 256 random bits: a slow hash would add nothing
    Column("create_time", Micros, nullable=False),
    Column("expire_time", Micros, nullable=True),
    Column("last_used_time", Micros, nullable=True),  # to the minute
    Column("revoke_time", Micros, nullable=True),
    Column("daily_segment_quota", BigInteger, nullable=False, server_default=text("0")),  # 0: none
)

# What was sent with a key on one UTC day, of those that have a quota.
quota_use = Table(
    "quota_use",
    metadata,
    Column("api_key_id", String(32), primary_key=True),
    Column("day", Micros, primary_key=True),
    Column("segments", BigInteger, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("id_hash", LargeBinary(32), primary_key=True),  # SHA-256 of 256 random bits, as of keys
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("create_time", Micros, nullable=False),
    Column("last_used_time", Micros, nullable=False),  # to the minute
    Column("expire_time", Micros, nullable=False),
)

# What signs somebody in once: links, and id tokens that were used.
sign_in_token = Table(
    "sign_in_token",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expire_time", Micros, nullable=False),
    Column("use_time", Micros, nullable=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("time", Micros, nullable=False),
    Column("principal_id", String(63), nullable=False),
    Column("api_key_id", String(32), nullable=False),
    Column("action", String(64), nullable=False),  # the RPC's method name
    Column("object_id", String(200), nullable=False),
    Column("trace_id", String(32), nullable=False),
)
