"""Contact points and the lists of roles that may use them.

A list is the rows of one permission in `role_grant` (S3: each permission has its own). Whoever changes a contact point
or its lists updates its row, so a send that holds the row shared sees the lists as they are at its commit (S5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, null, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.contact_points import ConsentPolicy, ContactPoint, QuietHours
from sendout.domain.permissions import EVERYONE, Grant
from sendout.storage.rows import insert_once
from sendout.storage.tables import contact_point, principal, principal_role, role_grant

_LISTS = {
    Grant.SEND_NOTIFICATIONS: "send_notification_roles",
    Grant.START_CONVERSATIONS: "start_conversation_roles",
}
_ORDER = (func.lower(contact_point.c.label), contact_point.c.id)


async def may(connection: AsyncConnection, contact_point_id: str, grant: Grant, principal_id: str) -> bool:
    """Whether a role of the principal, as it is now, is on the contact point's list (S2); never for a disabled one."""
    statement = select(granted(contact_point_id, (grant,), principal_id))
    return bool((await connection.execute(statement)).scalar_one())


async def get(connection: AsyncConnection, contact_point_id: str) -> ContactPoint | None:
    """One contact point with its lists."""
    return await _one(connection, select(contact_point).where(contact_point.c.id == contact_point_id))


async def lock(connection: AsyncConnection, contact_point_id: str) -> ContactPoint | None:
    """The same, held against changes to it and to its lists until the commit; others may hold it too."""
    statement = select(contact_point).where(contact_point.c.id == contact_point_id)
    return await _one(connection, statement.with_for_update(read=True))


async def lock_to_change(connection: AsyncConnection, contact_point_id: str) -> ContactPoint | None:
    """The same, held by this transaction alone."""
    return await _one(connection, select(contact_point).where(contact_point.c.id == contact_point_id).with_for_update())


async def get_visible(connection: AsyncConnection, contact_point_id: str, principal_id: str) -> ContactPoint | None:
    """One contact point if the principal may use it for anything; a missing and a forbidden one look the same."""
    statement = select(contact_point).where(
        contact_point.c.id == contact_point_id, granted(contact_point.c.id, tuple(Grant), principal_id)
    )
    return await _one(connection, statement)


async def list_all(
    connection: AsyncConnection,
    limit: int,
    after: Sequence[Any] | None,
    *,
    visible_to: str = "",
    sendable_by: str = "",
) -> list[tuple[ContactPoint, tuple[Any, ...]]]:
    """Contact points by label, with their places; `after` is the last place of the page before.

    `visible_to`: only those the principal may use for anything. `sendable_by`: only enabled ones that the principal may
    send notifications from. Empty: no such limit.
    """
    statement = select(contact_point, _ORDER[0].label("place")).order_by(*_ORDER).limit(limit)
    if visible_to:
        statement = statement.where(granted(contact_point.c.id, tuple(Grant), visible_to))
    if sendable_by:
        statement = statement.where(*_sendable(sendable_by))
    if after is not None:
        statement = statement.where(tuple_(*_ORDER) > tuple_(*after))
    rows = (await connection.execute(statement)).all()
    places = [(row.place, row.id) for row in rows]
    return list(zip(await _with_lists(connection, rows), places, strict=True))


async def sending_as(connection: AsyncConnection, senders: Collection[str]) -> list[ContactPoint]:
    """Those with one of these senders, enabled ones first, then the oldest."""
    statement = select(contact_point).where(contact_point.c.sender.in_(senders))
    statement = statement.order_by(contact_point.c.enabled.desc(), contact_point.c.create_time, contact_point.c.id)
    return await _with_lists(connection, (await connection.execute(statement)).all())


async def sendable_ids(connection: AsyncConnection, principal_id: str) -> list[str]:
    """Ids of the enabled contact points that the principal may send notifications from (S19)."""
    statement = select(contact_point.c.id).where(*_sendable(principal_id)).order_by(contact_point.c.id)
    return list((await connection.execute(statement)).scalars())


async def insert_new(connection: AsyncConnection, new: ContactPoint) -> bool:
    """Keep a contact point and its lists; False where the id is taken."""
    if not await insert_once(connection, contact_point, **_columns(new)):
        return False
    await _set_lists(connection, new)
    return True


async def replace(connection: AsyncConnection, changed: ContactPoint) -> None:
    """Replace the settings and the lists of a contact point that this transaction locked to change."""
    await connection.execute(update(contact_point).where(contact_point.c.id == changed.id).values(**_columns(changed)))
    await _set_lists(connection, changed)


def granted(
    contact_point_id: str | ColumnElement[str], grants: Iterable[Grant], principal_id: str
) -> ColumnElement[bool]:
    """Whether a role of the principal is on one of these lists of the contact point."""
    held = or_(
        role_grant.c.role_id == EVERYONE,
        exists().where(principal_role.c.principal_id == principal_id, principal_role.c.role_id == role_grant.c.role_id),
    )
    return exists().where(
        role_grant.c.contact_point_id == contact_point_id,
        role_grant.c.permission.in_([grant.value for grant in grants]),
        held,
        exists().where(principal.c.id == principal_id, ~principal.c.disabled),
    )


def _sendable(principal_id: str) -> tuple[ColumnElement[bool], ...]:
    return contact_point.c.enabled.is_(True), granted(contact_point.c.id, (Grant.SEND_NOTIFICATIONS,), principal_id)


async def conversing(connection: AsyncConnection, principal_id: str) -> frozenset[str]:
    """Ids of the contact points whose conversations the principal may read and answer."""
    statement = select(contact_point.c.id).where(
        granted(contact_point.c.id, (Grant.START_CONVERSATIONS,), principal_id)
    )
    return frozenset((await connection.execute(statement)).scalars())


async def _set_lists(connection: AsyncConnection, point: ContactPoint) -> None:
    await connection.execute(delete(role_grant).where(role_grant.c.contact_point_id == point.id))
    rows = [
        {"contact_point_id": point.id, "permission": grant.value, "role_id": role_id}
        for grant, name in _LISTS.items()
        for role_id in getattr(point, name)
    ]
    if rows:
        await connection.execute(insert(role_grant), rows)


def _columns(point: ContactPoint) -> dict[str, Any]:
    values = asdict(point)
    for name in _LISTS.values():
        del values[name]
    quiet = values["quiet_hours"]
    return values | {
        "allowed_countries": list(point.allowed_countries),
        "fallback_carriers": list(point.fallback_carriers),
        "quiet_hours": null() if quiet is None else quiet,  # not the JSON text "null"
    }


async def _one(connection: AsyncConnection, statement: Select[Any]) -> ContactPoint | None:
    found = await _with_lists(connection, (await connection.execute(statement)).all())
    return found[0] if found else None


async def _with_lists(connection: AsyncConnection, rows: Sequence[Any]) -> list[ContactPoint]:
    ids = [row.id for row in rows]
    lists: dict[tuple[str, str], list[str]] = {}
    if ids:
        held = select(role_grant).where(role_grant.c.contact_point_id.in_(ids)).order_by(role_grant.c.role_id)
        for grant in await connection.execute(held):
            lists.setdefault((grant.contact_point_id, grant.permission), []).append(grant.role_id)
    return [_contact_point(row, lists) for row in rows]


def _contact_point(row: Any, lists: dict[tuple[str, str], list[str]]) -> ContactPoint:
    values = {column.name: getattr(row, column.name) for column in contact_point.c}
    quiet = values["quiet_hours"]
    return ContactPoint(
        **values
        | {
            "allowed_countries": tuple(values["allowed_countries"]),
            "fallback_carriers": tuple(values["fallback_carriers"]),
            "quiet_hours": QuietHours(**quiet) if quiet else None,
            "consent_policy": ConsentPolicy(values["consent_policy"]),
        }
        | {name: tuple(lists.get((row.id, grant.value), ())) for grant, name in _LISTS.items()}
    )
