"""Python's times as protobuf's."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A time without a zone is local, as everywhere in Python."""
    if moment is None:
        return None
    result = Timestamp()
    result.FromDatetime(moment.astimezone())
    return result
