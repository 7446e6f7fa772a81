"""Who changed what: the audit trail, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sendout.domain.permissions import Caller, Permission
from sendout.server.commands.history import exact_interval
from sendout.storage import audit
from sendout.storage.audit import AuditEntry
from sendout.storage.engine import Database


class AuditTrail:
    """The use case of AuditService. Needs ADMINISTER."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_page(
        self,
        caller: Caller,
        limit: int,
        after: Sequence[Any] | None,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        principal_id: str = "",
        action: str = "",
        object_id: str = "",
    ) -> list[AuditEntry]:
        """Entries of [start, end), newest first; filters left empty do not filter."""
        caller.require(Permission.ADMINISTER)
        if start_us is not None and end_us is not None:
            exact_interval(start_us, end_us)
        only = {"principal_id": principal_id, "action": action, "object_id": object_id}
        async with self._database.read() as connection:
            return await audit.list_page(
                connection,
                limit,
                after[0] if after else None,
                start_us=start_us,
                end_us=end_us,
                only={name: value for name, value in only.items() if value},
            )
