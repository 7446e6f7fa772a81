"""The audit trail: who changed what, one row per change, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.permissions import Caller
from sendout.storage.tables import audit

_MIXED_US = 600 * 1_000_000
"""Entries are numbered in the order of time, but for what writers at work and their clocks mix up: less than this."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `api_key_id` is empty where it came from a console session, `time` microseconds since 1970."""

    id: int
    time: int
    principal_id: str
    api_key_id: str
    action: str
    object_id: str
    trace_id: str


async def record(connection: AsyncConnection, caller: Caller, action: str, object_id: str, now_us: int) -> None:
    """Keep one entry. `action` is the RPC's method name, `object_id` the id of what changed: never a number or text."""
    await _keep(connection, caller.principal_id, caller.api_key_id, action, object_id, caller.trace_id, now_us)


async def record_sign_in(connection: AsyncConnection, user_id: str, action: str, trace_id: str, now_us: int) -> None:
    """The same of somebody who is only signing in and so is no caller yet: what changes is the user."""
    await _keep(connection, user_id, "", action, user_id, trace_id, now_us)


async def _keep(
    connection: AsyncConnection,
    principal_id: str,
    api_key_id: str,
    action: str,
    object_id: str,
    trace_id: str,
    now_us: int,
) -> None:
    await connection.execute(
        insert(audit).values(
            time=now_us,
            principal_id=principal_id,
            api_key_id=api_key_id,
            action=action,
            object_id=object_id[:200],
            trace_id=trace_id,
        )
    )


async def list_page(
    connection: AsyncConnection,
    limit: int,
    before: int | None,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    only: Mapping[str, str] | None = None,
) -> list[AuditEntry]:
    """Entries of [start, end), newest first; `before` is the id of the last one of the page before.

    `only` is what columns must hold. The times have no index: the borders are found by bisecting the ids.
    """
    statement = (
        select(
            audit.c.id,
            audit.c.time,
            audit.c.principal_id,
            audit.c.api_key_id,
            audit.c.action,
            audit.c.object_id,
            audit.c.trace_id,
        )
        .where(*(audit.c[name] == value for name, value in (only or {}).items()))
        .order_by(audit.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(audit.c.id < before)
    if start_us is not None:
        first = await _first_id(connection, start_us - _MIXED_US)
        statement = statement.where(audit.c.id >= first, audit.c.time >= start_us)
    if end_us is not None:
        beyond = await _first_id(connection, end_us + _MIXED_US)
        statement = statement.where(audit.c.id < beyond, audit.c.time < end_us)
    return [AuditEntry(*row) for row in await connection.execute(statement)]


async def _first_id(connection: AsyncConnection, moment_us: int) -> int:
    """The least id from which on entries are of this time or later: about thirty look-ups by key."""
    low, high = (await connection.execute(select(func.min(audit.c.id), func.max(audit.c.id) + 1))).one()
    if low is None:
        return 0
    while low < high:
        middle = (low + high) // 2
        statement = select(audit.c.id, audit.c.time).where(audit.c.id >= middle).order_by(audit.c.id).limit(1)
        found = (await connection.execute(statement)).one_or_none()
        low, high = (low, middle) if found is None or found.time >= moment_us else (found.id + 1, high)
    return int(low)
