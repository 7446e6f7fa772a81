"""What administrators and agents set up: contact points with their grants, topics, snippets, consent, conversations."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    Uuid,
    false,
    text,
)

from sendout.storage.tables.base import Micros, Serial, metadata

contact_point = Table(
    "contact_point",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("label", String(100), nullable=False),
    Column("sender", String(16), nullable=False),
    Column("carrier", String(63), nullable=False),
    Column("default_region", String(2), nullable=False),
    Column("emoji_enabled", Boolean, nullable=False),
    Column("max_segments", Integer, nullable=False),
    Column("segments_per_second", Float, nullable=False),
    Column("burst_segments", Integer, nullable=False),
    Column("daily_segment_cap", Integer, nullable=False),
    Column("cap_time_zone", String(64), nullable=False),
    Column("allowed_countries", JSON, nullable=False),
    Column("quiet_hours", JSON, nullable=True),
    Column("smart_encoding", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("consent_policy", String(32), nullable=False, server_default="BLOCK_OPTED_OUT"),
    Column("number_messages_per_hour", Integer, nullable=False, server_default=text("0")),
    Column("max_backlog_hours", Integer, nullable=False, server_default=text("72")),
    Column("fallback_carriers", JSON, nullable=False, server_default=text("'[]'")),
    Column("opt_out_reply", String(160), nullable=False, server_default=""),
    Column("opt_in_reply", String(160), nullable=False, server_default=""),
    Column("help_reply", String(160), nullable=False, server_default=""),
    Column("create_time", Micros, nullable=False),
    Column("update_time", Micros, nullable=False),
)

# permission: "send_notifications" or "start_conversations"; each list is kept for itself (S3).
role_grant = Table(
    "role_grant",
    metadata,
    Column("contact_point_id", ForeignKey("contact_point.id", ondelete="CASCADE"), primary_key=True),
    Column("permission", String(32), primary_key=True),
    Column("role_id", ForeignKey("role.id", ondelete="RESTRICT"), primary_key=True),
)

# Never deleted: a trigger of the first migration refuses it, so that no tally loses its topic (S51).
topic = Table(
    "topic",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("label", String(100), nullable=False),
    Column("label_key", String(200), nullable=False),  # the label case-folded, for uniqueness
    Column("is_default", Boolean, nullable=False, server_default=false()),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("create_time", Micros, nullable=False),
    Column("disable_time", Micros, nullable=True),
    CheckConstraint("NOT (is_default AND disabled)", name="default_is_active"),
)
Index(
    "uq_topic_active_label",
    topic.c.label_key,
    unique=True,
    postgresql_where=text("NOT disabled"),
    sqlite_where=text("NOT disabled"),
)
Index(
    "uq_topic_default",
    topic.c.is_default,
    unique=True,
    postgresql_where=text("is_default"),
    sqlite_where=text("is_default"),
)

snippet = Table(
    "snippet",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner_id", String(63), nullable=False),  # a principal's id, or "" where shared
    Column("tag", String(63), nullable=False),
    Column("text", Text, nullable=False),
    Column("create_time", Micros, nullable=False),
    Column("update_time", Micros, nullable=False),
    Index("uq_snippet_owner_tag", "owner_id", "tag", unique=True),
)

# The latest word of one number for one contact point ("" = the whole organisation). The number itself is not kept:
# number_key is its keyed hash, so an opt-out outlives the erasure of the number.
consent = Table(
    "consent",
    metadata,
    Column("number_key", LargeBinary(16), primary_key=True),
    Column("contact_point_id", String(63), primary_key=True),
    Column("opted_out", Boolean, nullable=False),
    Column("source", String(32), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("principal_id", String(63), nullable=False),
    Column("consent_time", Micros, nullable=False),  # when the person said so
    Column("update_time", Micros, nullable=False),  # when it was recorded
    Index("ix_consent_update_time", "update_time", "number_key"),
)

# What one segment costs from a time on; "" stands for all contact points, or all countries. Never changed.
price = Table(
    "price",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("contact_point_id", String(63), nullable=False),
    Column("country", String(3), nullable=False),
    Column("start_time", Micros, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("nanos", BigInteger, nullable=False),  # of the currency's unit, per segment
    Column("create_time", Micros, nullable=False),
    Index("uq_price_from", "contact_point_id", "country", "start_time", unique=True),
)

# An exchange with one number. At most one of a contact point and a number is open at a time.
conversation = Table(
    "conversation",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("contact_point_id", ForeignKey("contact_point.id", ondelete="RESTRICT"), nullable=False),
    Column("number", String(32), nullable=False),  # "" once erased
    Column("number_key", LargeBinary(16), nullable=False),
    Column("notification_id", Uuid, nullable=True),  # what was replied to
    Column("message_index", Integer, nullable=True),
    Column("open", Boolean, nullable=False),
    Column("review", Boolean, nullable=False, server_default=false()),  # a text sounded like a wish to stop
    Column("entry_count", Integer, nullable=False, server_default=text("0")),
    Column("create_time", Micros, nullable=False),
    Column("update_time", Micros, nullable=False),
    Index("ix_conversation_update_time", "update_time", "id"),
)
Index(
    "uq_conversation_open",
    conversation.c.contact_point_id,
    conversation.c.number_key,
    unique=True,
    postgresql_where=text("open"),
    sqlite_where=text("open"),
)
