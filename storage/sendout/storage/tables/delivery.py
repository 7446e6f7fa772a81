"""What passes between us and the carriers: workers, references, raw receipts, replies, the simulator's phones."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
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

from sendout.storage.tables.base import Micros, RawText, Serial, metadata

# One row per incarnation: a process under one Redis epoch. The id is the fencing number and is never used twice.
worker = Table(
    "worker",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("redis_epoch", String(100), nullable=False),
    Column("start_time", Micros, nullable=False),
    Column("heartbeat_time", Micros, nullable=False),
    Column("dead", Boolean, nullable=False, server_default=false()),
    Column("recovered", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,
)

carrier_ref = Table(
    "carrier_ref",
    metadata,
    Column("carrier", String(63), primary_key=True),
    Column("ref", String(128), primary_key=True),
    Column("part", SmallInteger, nullable=False),
    Column("notification_id", Uuid, nullable=False),
    Column("index", Integer, nullable=False),
    Column("parts", SmallInteger, nullable=False, server_default=text("1")),  # of the message, in all
    Column("refused", SmallInteger, nullable=False, server_default=text("0")),  # of them, those the carrier never took
    # What receipts said of this part; only kept where there are others, as otherwise the message itself says it.
    Column("state", SmallInteger, nullable=True),
    Column("reason", String(32), nullable=True),
    sqlite_with_rowid=False,
)
Index("ix_carrier_ref_message", carrier_ref.c.notification_id, carrier_ref.c.index)

receipt = Table(
    "receipt",
    metadata,
    Column("id", String(32), primary_key=True),  # hash of carrier, ref, part, status and the carrier's time
    Column("carrier", String(63), nullable=False),
    Column("ref", String(128), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("code", String(32), nullable=False),  # as the carrier gave it
    Column("carrier_time", Micros, nullable=True),
    Column("receive_time", Micros, nullable=False),
    Column("parked", Boolean, nullable=False),  # no such reference on record yet
    Column("number_key", LargeBinary(16), nullable=True),  # only while parked: by whom and when the message is sought
    Column("submit_time", Micros, nullable=True),  # when the carrier says it took the message
    Column("raw", Text, nullable=False),  # JSON, as the carrier gave it; never the text of a message
)
Index("ix_receipt_receive_time", receipt.c.receive_time)
Index(
    "ix_receipt_parked",
    receipt.c.receive_time,
    postgresql_where=text("parked"),
    sqlite_where=text("parked"),
)
is_parked = text("receipt.parked")
"""The index's own spelling: SQLite takes no other for it."""

# What people wrote, as it came: one row for each part of a text. Handling it names the row that stands for the whole
# reply in `reply_id`, and fills in what the reply turned out to be on that row alone.
inbound = Table(
    "inbound",
    metadata,
    Column("id", String(32), primary_key=True),  # hash of carrier and the carrier's id
    Column("carrier", String(63), nullable=False),
    Column("number", String(32), nullable=False),  # who wrote, E.164 where it is a number; "" once erased
    Column("sender", String(32), nullable=False),  # the address it was sent to
    Column("text", RawText, nullable=False),  # "" once purged
    Column("reference", Integer, nullable=True),  # joins the parts
    Column("part", SmallInteger, nullable=False, server_default=text("1")),
    Column("parts", SmallInteger, nullable=False, server_default=text("1")),
    Column("receive_time", Micros, nullable=False),
    Column("handled", Boolean, nullable=False, server_default=false()),
    Column("reply_id", String(32), nullable=True),
    Column("keyword", String(16), nullable=False, server_default=""),  # domain.keywords.Keyword
    Column("contact_point_id", String(63), nullable=False, server_default=""),  # "" where none has this sender
    Column("conversation_id", BigInteger, nullable=True),
)
Index("ix_inbound_reply_id", inbound.c.reply_id)
Index("ix_inbound_receive_time", inbound.c.receive_time)
Index(
    "ix_inbound_open",
    inbound.c.receive_time,
    postgresql_where=text("NOT handled"),
    sqlite_where=text("NOT handled"),
)
is_unhandled = text("NOT inbound.handled")
"""As `is_parked`."""
Index(
    "ix_inbound_conversation",
    inbound.c.conversation_id,
    inbound.c.receive_time,
    postgresql_where=text("conversation_id IS NOT NULL"),
    sqlite_where=text("conversation_id IS NOT NULL"),
)

# When a number last got an answer to a keyword from a contact point: what keeps two machines from talking for ever.
keyword_answer = Table(
    "keyword_answer",
    metadata,
    Column("contact_point_id", String(63), primary_key=True),
    Column("number_key", LargeBinary(16), primary_key=True),
    Column("keyword", String(16), nullable=False),
    Column("time", Micros, nullable=False),
)

# The simulator's own memory, on the far side of the carrier interface: what its phones got and which receipts are due.
simulator_message = Table(
    "simulator_message",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ref", String(64), nullable=False, unique=True),
    Column("message_id", String(64), nullable=False),  # ours, or "" where a phone wrote
    Column("attempt", SmallInteger, nullable=False),
    Column("number", String(16), nullable=False),
    Column("sender", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("segments", SmallInteger, nullable=False),
    Column("submit_ns", BigInteger, nullable=False),  # the machine's monotonic clock, one for all processes
    Column("receive_time", Micros, nullable=False),
    Column("from_handset", Boolean, nullable=False),
    Column("refused", Boolean, nullable=False),  # answered with a definite refusal: the phone never gets it
    Column("receipt_due", Micros, nullable=True),  # NULL where no (further) receipt will come
    Column("receipts", JSON, nullable=False),  # those still to be sent, in order
)
Index("ix_simulator_message_number", simulator_message.c.number, simulator_message.c.id)
Index(
    "ix_simulator_message_due",
    simulator_message.c.receipt_due,
    postgresql_where=text("receipt_due IS NOT NULL"),
    sqlite_where=text("receipt_due IS NOT NULL"),
)
