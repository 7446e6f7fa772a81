"""Roles, principals, their API keys, and who a key's or session's holder is.

A principal holds the roles of its rows and `everyone` besides, which is never stored. Locks: a role that is about to be
put on a list is locked shared, one that is about to go exclusively, so that no list keeps a role that is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, and_, case, delete, exists, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.permissions import ADMIN, EVERYONE, Permission
from sendout.domain.sign_in import idle_expire_time
from sendout.storage.rows import insert_once
from sendout.storage.tables import api_key, principal, principal_role, role, role_grant, session


@dataclass(frozen=True, slots=True)
class Role:
    """A role as it is kept."""

    id: str
    label: str
    permissions: frozenset[Permission]
    built_in: bool


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept, with its principal's roles (`everyone` included). Times in microseconds since 1970."""

    id: str
    principal_id: str
    label: str
    role_ids: frozenset[str]
    create_time: int
    expire_time: int | None
    last_used_time: int | None
    revoke_time: int | None
    daily_segment_quota: int  # 0: none


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What authentication needs to know about one key or session, its principal and its roles."""

    secret_hash: bytes
    principal_id: str
    label: str
    disabled: bool
    role_ids: frozenset[str]
    permissions: frozenset[Permission]
    expire_time: int | None
    last_used_time: int | None
    revoke_time: int | None


# --- roles -------------------------------------------------------------------------------------------------------

_ROLE_RANK = case((role.c.built_in, 0), else_=1)
_ROLE_ORDER = (_ROLE_RANK, func.lower(role.c.label), role.c.id)


async def insert_role(connection: AsyncConnection, new: Role) -> bool:
    """Keep a role of an administrator's; False where the id is taken."""
    return await insert_once(
        connection, role, id=new.id, label=new.label, permissions=sorted(new.permissions), built_in=False
    )


async def get_role(connection: AsyncConnection, role_id: str, *, lock: bool = False) -> Role | None:
    """One role; with `lock`, nobody else may change it, delete it or put it on a list before the commit."""
    statement = select(role).where(role.c.id == role_id)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else _role(row)


async def list_roles(
    connection: AsyncConnection, limit: int, after: Sequence[Any] | None
) -> list[tuple[Role, tuple[Any, ...]]]:
    """Roles with their places: built-in ones first, then by label. `after` is the last place of the page before."""
    places = [column.label(f"place_{number}") for number, column in enumerate(_ROLE_ORDER)]
    statement = select(role, *places).order_by(*_ROLE_ORDER).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*_ROLE_ORDER) > tuple_(*after))
    rows = await connection.execute(statement)
    return [(_role(row), (row.place_0, row.place_1, row.place_2)) for row in rows]


async def update_role(connection: AsyncConnection, changed: Role) -> None:
    """Replace the label and the permissions."""
    await connection.execute(
        update(role).where(role.c.id == changed.id).values(label=changed.label, permissions=sorted(changed.permissions))
    )


async def delete_role(connection: AsyncConnection, role_id: str) -> None:
    """Delete a role that is locked, and take it off every list and from every holder."""
    await connection.execute(delete(role_grant).where(role_grant.c.role_id == role_id))
    await connection.execute(delete(principal_role).where(principal_role.c.role_id == role_id))
    await connection.execute(delete(role).where(role.c.id == role_id))


async def existing_roles(connection: AsyncConnection, role_ids: Collection[str]) -> frozenset[str]:
    """Those of `role_ids` that exist, locked against being deleted before the commit."""
    # In the order of their ids: two transactions that lock several never wait in a circle.
    statement = select(role.c.id).where(role.c.id.in_(role_ids)).order_by(role.c.id).with_for_update(read=True)
    return frozenset((await connection.execute(statement)).scalars())


def _role(row: Any) -> Role:
    return Role(row.id, row.label, _permissions(row.permissions), row.built_in)


def _permissions(names: Collection[str]) -> frozenset[Permission]:
    # A name this version does not know comes from a newer one; it allows nothing here.
    return frozenset(permission for permission in Permission if permission.value in names)


# --- principals --------------------------------------------------------------------------------------------------


async def insert_principal(
    connection: AsyncConnection, principal_id: str, kind: str, label: str, now_us: int, role_ids: Collection[str]
) -> bool:
    """Keep a principal ("service" or "user") and its roles besides `everyone`; False where the id is taken."""
    if not await insert_once(connection, principal, id=principal_id, kind=kind, label=label, create_time=now_us):
        return False
    await set_roles(connection, principal_id, role_ids)
    return True


async def lock_principal(connection: AsyncConnection, principal_id: str) -> bool:
    """Whether there is such a principal that is not disabled; held against changing until the commit."""
    statement = select(principal.c.id).where(principal.c.id == principal_id, ~principal.c.disabled)
    return (await connection.execute(statement.with_for_update(read=True))).first() is not None


async def set_roles(connection: AsyncConnection, principal_id: str, role_ids: Collection[str]) -> None:
    """Make these the roles of a principal; `everyone` is held anyway and not stored."""
    await connection.execute(delete(principal_role).where(principal_role.c.principal_id == principal_id))
    stored = sorted(set(role_ids) - {EVERYONE})
    if stored:
        await connection.execute(
            insert(principal_role), [{"principal_id": principal_id, "role_id": role_id} for role_id in stored]
        )


async def roles_of(connection: AsyncConnection, principal_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """The roles of each of these principals, `everyone` included."""
    held: dict[str, set[str]] = {principal_id: {EVERYONE} for principal_id in principal_ids}
    statement = select(principal_role).where(principal_role.c.principal_id.in_(principal_ids))
    for holder in await connection.execute(statement):
        held[holder.principal_id].add(holder.role_id)
    return {principal_id: frozenset(role_ids) for principal_id, role_ids in held.items()}


# --- who is calling ----------------------------------------------------------------------------------------------


def _with_holder(credential: Table) -> Select[Any]:
    held = or_(
        role.c.id == EVERYONE,
        exists().where(principal_role.c.principal_id == principal.c.id, principal_role.c.role_id == role.c.id),
    )
    holder = (principal.c.label.label("holder"), principal.c.disabled, role.c.id.label("role_id"), role.c.permissions)
    joined = credential.join(principal, principal.c.id == credential.c.principal_id).join(role, held)
    return select(credential, *holder).select_from(joined)


_KEY_HOLDER = _with_holder(api_key)
_SESSION_HOLDER = _with_holder(session)


async def load_caller(connection: AsyncConnection, api_key_id: str) -> KeyHolder | None:
    """Everything about the holder of a key, in one statement; None where there is no such key."""
    rows = (await connection.execute(_KEY_HOLDER.where(api_key.c.id == api_key_id))).all()
    return _holder(rows, rows[0].secret_hash, rows[0].expire_time, rows[0].revoke_time) if rows else None


async def load_session_caller(connection: AsyncConnection, id_hash: bytes) -> KeyHolder | None:
    """The same of a session, which expires when it is idle for too long or too old."""
    rows = (await connection.execute(_SESSION_HOLDER.where(session.c.id_hash == id_hash))).all()
    if not rows:
        return None
    return _holder(rows, id_hash, idle_expire_time(rows[0].last_used_time, rows[0].expire_time), None)


def _holder(rows: Sequence[Any], secret_hash: bytes, expire_time: int | None, revoke_time: int | None) -> KeyHolder:
    first = rows[0]
    role_ids = frozenset(row.role_id for row in rows)
    held = frozenset[Permission]().union(*(_permissions(row.permissions) for row in rows))
    return KeyHolder(
        secret_hash=secret_hash,
        principal_id=first.principal_id,
        label=first.holder,
        disabled=first.disabled,
        role_ids=role_ids,
        permissions=frozenset(Permission) if ADMIN in role_ids else held,
        expire_time=expire_time,
        last_used_time=first.last_used_time,
        revoke_time=revoke_time,
    )


# --- API keys ----------------------------------------------------------------------------------------------------


async def insert_api_key(
    connection: AsyncConnection,
    *,
    key_id: str,
    principal_id: str,
    label: str,
    secret_hash: bytes,
    create_time: int,
    expire_time: int | None,
    daily_segment_quota: int,
) -> None:
    """Keep a new key of an existing principal."""
    await connection.execute(
        insert(api_key).values(
            id=key_id,
            principal_id=principal_id,
            label=label,
            secret_hash=secret_hash,
            create_time=create_time,
            expire_time=expire_time,
            daily_segment_quota=daily_segment_quota,
        )
    )


async def get_api_key(connection: AsyncConnection, key_id: str) -> ApiKey | None:
    """One key, without its secret."""
    found = await _api_keys(connection, select(api_key).where(api_key.c.id == key_id))
    return found[0] if found else None


async def list_api_keys(
    connection: AsyncConnection,
    limit: int,
    after: Sequence[Any] | None,
    *,
    principal_id: str = "",
    include_revoked: bool = False,
) -> list[ApiKey]:
    """Keys, newest first; `after` is (create_time, id) of the last one of the page before."""
    statement = select(api_key).order_by(api_key.c.create_time.desc(), api_key.c.id.desc()).limit(limit)
    if principal_id:
        statement = statement.where(api_key.c.principal_id == principal_id)
    if not include_revoked:
        statement = statement.where(api_key.c.revoke_time.is_(None))
    if after is not None:
        statement = statement.where(tuple_(api_key.c.create_time, api_key.c.id) < tuple_(*after))
    return await _api_keys(connection, statement)


async def revoke_api_key(connection: AsyncConnection, key_id: str, now_us: int) -> None:
    """Revoke a key; one that is revoked keeps its time."""
    await connection.execute(
        update(api_key).where(api_key.c.id == key_id, api_key.c.revoke_time.is_(None)).values(revoke_time=now_us)
    )


async def touch_api_key(connection: AsyncConnection, key_id: str, minute_us: int) -> None:
    """Note the minute of the last use; never back in time."""
    earlier = or_(api_key.c.last_used_time.is_(None), api_key.c.last_used_time < minute_us)
    await connection.execute(
        update(api_key).where(and_(api_key.c.id == key_id, earlier)).values(last_used_time=minute_us)
    )


async def _api_keys(connection: AsyncConnection, statement: Select[Any]) -> list[ApiKey]:
    rows = (await connection.execute(statement)).all()
    roles = await roles_of(connection, {row.principal_id for row in rows})
    return [
        ApiKey(
            id=row.id,
            principal_id=row.principal_id,
            label=row.label,
            role_ids=roles[row.principal_id],
            create_time=row.create_time,
            expire_time=row.expire_time,
            last_used_time=row.last_used_time,
            revoke_time=row.revoke_time,
            daily_segment_quota=row.daily_segment_quota,
        )
        for row in rows
    ]
