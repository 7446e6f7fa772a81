"""Cancel what has not left the queue."""

from __future__ import annotations

import uuid
from typing import Any

from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, not_found
from sendout.domain.ids import parse_uuid
from sendout.domain.permissions import Caller, Grant, Permission
from sendout.domain.states import ReasonCode, State
from sendout.server.commands.read_notifications import Followed
from sendout.storage import audit, contact_points, notifications, reading
from sendout.storage.changes import FactsCache
from sendout.storage.engine import Database
from sendout.storage.open_work import change_all

_WAITING = frozenset({State.HELD, State.QUEUED})


class CancelNotification:
    """The use case: whoever sent it, may send from its contact point, or administers, may cancel it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._facts = FactsCache()

    async def __call__(self, caller: Caller, notification_id: str) -> tuple[int, Followed]:
        """Messages canceled by this call, and how the notification stands.

        Raises NOTIFICATION_NOT_FOUND, SEND_NOT_PERMITTED, ALREADY_FINISHED.
        """
        identifier = parse_uuid(notification_id)
        if identifier is None:
            raise not_found(Reason.NOTIFICATION_NOT_FOUND, "notification", notification_id)
        count = await self._mark(caller, identifier)
        canceled = 0
        async for changed in change_all(
            self._database,
            self._facts,
            identifier,
            count,
            from_states=_WAITING,
            state=State.CANCELED,
            reason=ReasonCode.CANCELED_BY_CALLER,
            now_us=self._clock.now_us(),
        ):
            canceled += len(changed)
        async with self._database.read() as connection:
            left = await reading.get_notification(connection, identifier)
        if left is None:
            raise not_found(Reason.NOTIFICATION_NOT_FOUND, "notification", notification_id)
        return canceled, Followed(left, None, self._clock.now_us())

    async def _mark(self, caller: Caller, identifier: uuid.UUID) -> int:
        """Forbid every later claim; answers the number of messages."""
        async with self._database.write() as connection:
            row = await notifications.forbid_claims(connection, identifier)
            if row is None:
                raise not_found(Reason.NOTIFICATION_NOT_FOUND, "notification", str(identifier))
            if not await self._permitted(connection, caller, row):
                raise SendoutError(
                    Reason.SEND_NOT_PERMITTED,
                    "Only its sender, or someone who may send from its contact point, can cancel a notification.",
                )
            if row.done:
                raise SendoutError(
                    Reason.ALREADY_FINISHED, "Every message of this notification is final; nothing is left to cancel."
                )
            await audit.record(connection, caller, "CancelNotification", str(identifier), self._clock.now_us())
            return int(row.message_count)

    async def _permitted(self, connection: Any, caller: Caller, row: Any) -> bool:
        if caller.principal_id == row.principal_id or Permission.ADMINISTER in caller.permissions:
            return True
        return await contact_points.may(connection, row.contact_point_id, Grant.SEND_NOTIFICATIONS, caller.principal_id)
