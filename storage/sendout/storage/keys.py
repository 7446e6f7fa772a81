"""What many rows are found by: the keys of messages, and of numbers. For `rows`, with the conditions that join them."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Integer, LargeBinary, Uuid, and_

from sendout.storage.rows import Columns

Key = tuple[uuid.UUID, int]
"""Notification and index: one message."""

KEYS: Columns = {"notification_id": Uuid(), "index": Integer()}
NUMBER_KEYS: Columns = {"number_key": LargeBinary()}


def same_message(one: Any, other: Any) -> ColumnElement[bool]:
    """Whether the rows of two tables with a `notification_id` and an `index` are of one message."""
    return and_(one.c.notification_id == other.c.notification_id, one.c.index == other.c.index)
