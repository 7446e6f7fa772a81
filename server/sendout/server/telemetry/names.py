"""The one table of span, attribute and metric names. Nothing else in the tree spells one out.

No name here may carry a text, a phone number or anything a caller wrote freely: ids, counts and enum names only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SpanName(StrEnum):
    """Spans of the life of a message. Spans of RPCs are called after the method, those of SQL after the verb."""

    CLAIM = "sendout.claim"
    SUBMIT = "sendout.submit"
    SETTLE = "sendout.settle"
    RECEIPT = "sendout.receipt"
    RECONCILE = "sendout.reconcile"


class Attribute(StrEnum):
    """Attributes of spans and metrics. Those of metrics have few values: never an id of a message or notification."""

    CONTACT_POINT = "sendout.contact_point.id"
    CARRIER = "sendout.carrier"
    TOPIC = "sendout.topic.id"
    NOTIFICATION = "sendout.notification.id"  # spans only
    MESSAGES = "sendout.messages"
    SEGMENTS = "sendout.segments"
    OUTCOME = "sendout.outcome"
    STATE = "sendout.state"
    PRIORITY = "sendout.priority"
    RPC_SYSTEM = "rpc.system"
    RPC_SERVICE = "rpc.service"
    RPC_METHOD = "rpc.method"
    RPC_STATUS = "rpc.grpc.status_code"
    DB_SYSTEM = "db.system"
    DB_OPERATION = "db.operation"
    DB_STATEMENT = "db.statement"
    DB_ROWS = "db.rowcount"
    ERROR = "error.type"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, its unit (UCUM) and what it means."""

    name: str
    unit: str
    description: str


ACCEPTED = Metric("sendout.messages.accepted", "{message}", "Messages committed for sending.")
SENT = Metric("sendout.messages.sent", "{message}", "Messages a carrier took.")
DELIVERED = Metric("sendout.messages.delivered", "{message}", "Messages whose delivery a receipt confirmed.")
ACCEPT_TO_SENT = Metric("sendout.accept_to_sent", "s", "Time from accept (or due time) to the carrier's yes.")
SENT_TO_DELIVERED = Metric("sendout.sent_to_delivered", "s", "Time from the carrier's yes to the delivery receipt.")
BACKLOG_SEGMENTS = Metric("sendout.backlog.segments", "{segment}", "Segments due and not yet claimed.")
BACKLOG_AGE = Metric("sendout.backlog.age", "s", "Age of the oldest message due and not yet claimed.")
PERMITS_GRANTED = Metric("sendout.permits.granted", "{segment}", "Segments for which a permit was given.")
PERMITS_WASTED = Metric("sendout.permits.wasted", "{segment}", "Segments whose permit ran out before it was used.")
OUTCOMES = Metric("sendout.carrier.outcomes", "{message}", "Answers of carriers, by kind.")
UNMAPPED = Metric("sendout.carrier.unmapped", "{code}", "Codes of carriers that no table knows.")
BREAKER = Metric("sendout.carrier.breaker", "1", "Whether a carrier is left alone: 0 no, 1 it is being tried, 2 yes.")
RECEIPTS = Metric("sendout.carrier.receipts", "{receipt}", "Receipts of carriers, by what became of them.")
UNCONFIRMED = Metric("sendout.messages.unconfirmed", "{message}", "Messages whose outcome is not on record.")
REPLIES = Metric("sendout.replies", "{reply}", "Replies of recipients, by what they were taken for.")
STREAM_LAG = Metric("sendout.events.lag", "s", "Age of an event when it is handed to a subscriber.")
TALLY_DIFFERENCES = Metric("sendout.tallies.differences", "{message}", "Counts by which tallies and messages differ.")
RPC_DURATION = Metric("rpc.server.duration", "s", "Time from the start of an RPC to its end.")
RPC_ACTIVE = Metric("rpc.server.active", "{call}", "RPCs running now.")
SQL_DURATION = Metric("db.client.operation.duration", "s", "Time of one SQL statement.")

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

# Edges of the histograms, in seconds: RPCs and SQL are fast, messages may wait for hours.
FAST_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SLOW_EDGES = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0, 259200.0)
