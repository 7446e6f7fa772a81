"""The audit trail: who changed what, one row per change, in the transaction of the change."""

from __future__ import annotations

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.tables import audit


async def record(
    connection: AsyncConnection,
    caller_principal_id: str,
    api_key_id: str,
    action: str,
    object_id: str,
    trace_id: str,
    now_us: int,
) -> None:
    """Keep one entry. `action` is the RPC's method name, `object_id` the id of what changed: never a number or text."""
    await connection.execute(
        insert(audit).values(
            time=now_us,
            principal_id=caller_principal_id,
            api_key_id=api_key_id,
            action=action,
            object_id=object_id[:200],
            trace_id=trace_id,
        )
    )
