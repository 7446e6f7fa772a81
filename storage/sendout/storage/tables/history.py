"""What is counted and told: tallies with their deltas, usage for the bill, events with the row that numbers them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Uuid, text

from sendout.storage.tables.base import Micros, Serial, metadata

COUNTS = ("accepted", "sent", "delivered", "undelivered", "failed", "other", "segments")
"""What a tally counts; `segments` are those of the messages sent, everything else is messages."""


def _counts() -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False, server_default=text("0")) for name in COUNTS]


# Written in the transaction that changed the states, one row per batch, so a tally is exact at every commit and no
# row is hot; folded into `tally` by a sweeper.
tally_delta = Table(
    "tally_delta",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("topic_id", String(63), nullable=False),
    Column("contact_point_id", String(63), nullable=False),
    Column("bucket", Micros, nullable=False),  # start of the quarter hour in which the notification was created
    *_counts(),
)

tally = Table(
    "tally",
    metadata,
    Column("grain", Integer, primary_key=True),  # seconds: 900, 3600 or 86400
    Column("bucket", Micros, primary_key=True),
    Column("topic_id", String(63), primary_key=True),
    Column("contact_point_id", String(63), primary_key=True),
    *_counts(),
)

# What retention deleted, so that the auditor can still compare rows with tallies. No count that people see reads it.
archived = Table(
    "archived",
    metadata,
    Column("day", Micros, primary_key=True),  # start of the UTC day in which the notification was created
    Column("topic_id", String(63), primary_key=True),
    *_counts(),
)

usage = Table(
    "usage",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("contact_point_id", String(63), nullable=False),
    Column("topic_id", String(63), nullable=False),
    Column("country", String(3), nullable=False, server_default=""),
    Column("segments", SmallInteger, nullable=False),
    Column("nanos", BigInteger, nullable=True),  # what all segments together cost; NULL: no price was known
    Column("currency", String(3), nullable=False, server_default=""),
    Column("time", Micros, nullable=False),  # when the carrier took it
    sqlite_with_rowid=False,
)
Index("ix_usage_time", usage.c.time)
Index("ix_usage_contact_point", usage.c.contact_point_id, usage.c.time)

# A run of neighbouring messages of one notification that changed alike in one transaction: first..last inclusive.
event = Table(
    "event",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("notification_id", Uuid, nullable=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("from_state", SmallInteger, nullable=False),  # 0 where they were just accepted
    Column("state", SmallInteger, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("time", Micros, nullable=False),
    # What else may be told than a change of state: storage.event_log.Kind. `reference` is then the reply, if one
    # caused it, and the contact point is named here, as there may be no notification (the nil UUID).
    Column("kind", SmallInteger, nullable=False, server_default=text("0")),
    Column("reference", String(32), nullable=False, server_default=""),
    Column("contact_point_id", String(63), nullable=False, server_default=""),
)
Index("ix_event_message", event.c.notification_id, event.c.first)

event_head = Table(
    "event_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("epoch", String(32), nullable=False),  # changes when positions can no longer be trusted (restore)
    Column("floor", BigInteger, nullable=False, server_default=text("0")),  # events up to here are no longer kept
    postgresql_with={"fillfactor": 10},
)
