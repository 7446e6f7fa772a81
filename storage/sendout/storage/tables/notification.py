"""One notification is one row with its text, plus one narrow row per recipient and one row of counts."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    false,
    text,
)

from sendout.storage.tables.base import Micros, metadata

notification = Table(
    "notification",
    metadata,
    Column("id", Uuid, primary_key=True),  # UUIDv7: rows append, newest first is the key backwards
    Column("contact_point_id", ForeignKey("contact_point.id", ondelete="RESTRICT"), nullable=False),
    Column("topic_id", ForeignKey("topic.id", ondelete="RESTRICT"), nullable=False),
    Column("principal_id", ForeignKey("principal.id", ondelete="RESTRICT"), nullable=False),
    Column("carrier", String(63), nullable=False),
    Column("sender", String(16), nullable=False),  # what recipients saw, whatever the contact point says later
    Column("text", Text, nullable=True),  # as sent, variables not filled in; NULL once purged
    Column("given_text", Text, nullable=True),  # as given, only where smart encoding changed it
    Column("replacement_count", SmallInteger, nullable=False, server_default=text("0")),
    Column("encoding", SmallInteger, nullable=False),
    Column("segments", SmallInteger, nullable=False),  # of the longest message
    Column("message_count", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("create_time", Micros, nullable=False),
    Column("send_time", Micros, nullable=True),
    Column("expire_time", Micros, nullable=False),
    Column("canceled", Boolean, nullable=False, server_default=false()),
    Column("labels", JSON, nullable=False),
    Column("trace_id", String(32), nullable=False),
    Column("span_id", String(16), nullable=False),
    Column("purged", SmallInteger, nullable=False, server_default=text("0")),  # bits of storage.retention.Kind
    Column("purpose", SmallInteger, nullable=False, server_default=text("0")),  # domain.replies.Purpose
    Column("conversation_id", BigInteger, nullable=True),  # only where it is one text of a conversation
)
Index("ix_notification_topic", notification.c.topic_id, notification.c.id)
Index("ix_notification_contact_point", notification.c.contact_point_id, notification.c.id)
Index("ix_notification_purged", notification.c.purged, notification.c.id)  # finds what retention has left to do

Index(
    "ix_notification_conversation",
    notification.c.conversation_id,
    notification.c.id,
    postgresql_where=text("conversation_id IS NOT NULL"),
    sqlite_where=text("conversation_id IS NOT NULL"),
)

# No index on a column that changes per message, and free room on every page: PostgreSQL then keeps state changes
# heap-only (measured three times faster). What is still open is found through `progress`.
message = Table(
    "message",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("number", String(16), nullable=True),  # E.164; NULL once erased
    Column("number_key", LargeBinary(16), nullable=False),  # keyed hash, matched against consent
    Column("country", String(3), nullable=False, server_default=""),  # ISO 3166-1; "" where the number has none
    Column("state", SmallInteger, nullable=False),
    Column("previous", SmallInteger, nullable=False),  # the state before: lets an UPDATE return what it changed from
    Column("reason", String(32), nullable=False),
    Column("segments", SmallInteger, nullable=False),
    Column("attempt", SmallInteger, nullable=False),  # claims so far; with owner it names one try
    Column("refusals", SmallInteger, nullable=False),  # tries that count against the retry limit
    Column("owner", Integer, nullable=True),  # incarnation of the worker that claimed it last
    Column("due_time", Micros, nullable=True),  # HELD until then; QUEUED: not to be claimed before (retry)
    Column("sent_time", Micros, nullable=True),
    Column("final_time", Micros, nullable=True),
    Column("text", Text, nullable=True),  # only where personalised
    Column("crm_record", JSON(none_as_null=True), nullable=True),
    Column("carrier", String(63), nullable=True),  # that it waits for or went to; NULL: the notification's
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),  # of that carrier, that came to nothing
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 70},
)
# What a number got and what waits for it, newest first. Neither column ever changes, so updates stay heap-only.
Index("ix_message_number", message.c.number_key, message.c.notification_id)

# Kept apart from the notification because it changes with every batch and the text need not be copied each time.
progress = Table(
    "progress",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("contact_point_id", String(63), nullable=False),
    Column("done", Boolean, nullable=False, server_default=false()),
    Column("update_time", Micros, nullable=False),
    Column("release_time", Micros, nullable=True),  # when the first of the held messages is due, or earlier
    *(
        Column(name, Integer, nullable=False, server_default=text("0"))
        for name in (
            "held",
            "queued",
            "sending",
            "unconfirmed",
            "sent",
            "delivered",
            "partially_delivered",
            "undelivered",
            "expired",
            "rejected",
            "failed",
            "suppressed",
            "canceled",
            "unknown",
        )
    ),
    postgresql_with={"fillfactor": 50},
)
Index(
    "ix_progress_open",
    progress.c.notification_id,
    postgresql_where=text("NOT done"),
    sqlite_where=text("NOT done"),
)
is_open = text("NOT progress.done")
"""The index's own spelling: SQLite takes no other for it."""

# Of the queued messages that a notification's `progress` counts, how many wait for a carrier of their own.
rerouted = Table(
    "rerouted",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("carrier", String(63), primary_key=True),
    Column("queued", Integer, nullable=False),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 50},
)

# The answer to "have I seen this request": written first in the accept transaction.
request = Table(
    "request",
    metadata,
    Column("principal_id", String(63), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("notification_id", Uuid, nullable=False),
    Column("skipped", JSON, nullable=False),
    Column("create_time", Micros, nullable=False),
)
Index("ix_request_notification_id", request.c.notification_id)
