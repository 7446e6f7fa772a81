"""Users: the principals of kind "user", who are people. Their roles are kept as any principal's (`identity`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.permissions import EVERYONE
from sendout.storage import identity
from sendout.storage.tables import principal

USER = "user"

_ORDER = (func.lower(principal.c.label), principal.c.id)


@dataclass(frozen=True, slots=True)
class User:
    """A user as it is kept. `create_time` in microseconds since 1970."""

    id: str
    label: str
    role_ids: frozenset[str]  # without `everyone`, which all hold
    disabled: bool
    create_time: int
    external_id: str | None


async def insert_user(connection: AsyncConnection, new: User) -> bool:
    """Keep a user without a password; False where the id is taken."""
    if not await identity.insert_principal(connection, new.id, USER, new.label, new.create_time, new.role_ids):
        return False
    return await update_user(connection, new)


async def update_user(connection: AsyncConnection, changed: User) -> bool:
    """Replace label, external id and whether it is disabled; False where another user has the external id."""
    try:
        await connection.execute(
            update(principal)
            .where(principal.c.id == changed.id)
            .values(label=changed.label, external_id=changed.external_id, disabled=changed.disabled)
        )
    except IntegrityError:
        return False
    return True


async def get_user(connection: AsyncConnection, user_id: str, *, lock: bool = False) -> User | None:
    """One user; with `lock`, nobody else may change it or sign in as it before the commit."""
    statement = select(principal).where(principal.c.id == user_id, principal.c.kind == USER)
    rows = (await connection.execute(statement.with_for_update() if lock else statement)).all()
    return next(iter(await _users(connection, rows)), None)


async def find_user(connection: AsyncConnection, external_id: str) -> User | None:
    """The user whom the identity provider calls so; locked as in `get_user`."""
    statement = select(principal).where(principal.c.external_id == external_id, principal.c.kind == USER)
    rows = (await connection.execute(statement.with_for_update())).all()
    return next(iter(await _users(connection, rows)), None)


async def list_users(
    connection: AsyncConnection, limit: int, after: Sequence[Any] | None
) -> list[tuple[User, tuple[Any, ...]]]:
    """Users with their places, by label. `after` is the last place of the page before."""
    places = [column.label(f"place_{number}") for number, column in enumerate(_ORDER)]
    statement = select(principal, *places).where(principal.c.kind == USER).order_by(*_ORDER).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*_ORDER) > tuple_(*after))
    rows = (await connection.execute(statement)).all()
    users = await _users(connection, rows)
    return [(user, (row.place_0, row.place_1)) for user, row in zip(users, rows, strict=True)]


async def get_password_hash(connection: AsyncConnection, user_id: str) -> str | None:
    """The hash of a user's password, None where there is no such user or no password."""
    statement = select(principal.c.password_hash).where(principal.c.id == user_id, principal.c.kind == USER)
    return (await connection.execute(statement)).scalar_one_or_none()


async def set_password_hash(connection: AsyncConnection, user_id: str, password_hash: str) -> None:
    """Replace the hash of a user's password."""
    await connection.execute(update(principal).where(principal.c.id == user_id).values(password_hash=password_hash))


async def _users(connection: AsyncConnection, rows: Sequence[Any]) -> list[User]:
    roles = await identity.roles_of(connection, {row.id for row in rows})
    return [
        User(row.id, row.label, roles[row.id] - {EVERYONE}, row.disabled, row.create_time, row.external_id)
        for row in rows
    ]
