"""Who is called with events, and how far each has been told. Secrets are derived and stand nowhere."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Integer, String, Table, Uuid, text

from sendout.storage.tables.base import Micros, metadata

webhook_subscription = Table(
    "webhook_subscription",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("url", String(2000), nullable=False),
    Column("event_kinds", JSON, nullable=False),
    Column("contact_point_ids", JSON, nullable=False),
    Column("topic_ids", JSON, nullable=False),
    Column("crm_system", String(63), nullable=False),
    Column("generation", Integer, nullable=False),  # of the secret
    Column("previous_until", Micros, nullable=True),
    Column("position", BigInteger, nullable=False),  # the place in the event log
    Column("index", Integer, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0")),  # in a row
    Column("success_time", Micros, nullable=True),
    Column("failure_time", Micros, nullable=True),
    Column("failure", String(200), nullable=False, server_default=""),
    Column("disabled", String(200), nullable=False, server_default=""),  # why; "" where it is not
    Column("owner", String(64), nullable=False, server_default=""),
    Column("lease_until", Micros, nullable=False, server_default=text("0")),
    Column("create_time", Micros, nullable=False),
)
