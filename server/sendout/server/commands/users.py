"""Users, the people who sign in: create, get, list, change, set a password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, field_invalid, not_found
from sendout.domain.labels import check_label
from sendout.domain.permissions import EVERYONE, Caller, Permission
from sendout.domain.sign_in import check_external_id, check_password
from sendout.server.commands.api_keys import MAX_ROLES
from sendout.server.commands.refusals import id_taken, require_roles
from sendout.server.passwords import Passwords
from sendout.storage import audit, identity, sessions, users
from sendout.storage.engine import Database
from sendout.storage.users import User


class Users:
    """The use cases; all need ADMINISTER, but for one's own password. `changed` is called after a commit."""

    def __init__(self, database: Database, clock: Clock, passwords: Passwords, changed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._changed = changed

    async def create(
        self,
        caller: Caller,
        user_id: str,
        label: str,
        *,
        role_ids: Sequence[str] = (),
        external_id: str = "",
        disabled: bool = False,
        password: str = "",
    ) -> User:
        """Keep a new user; an empty id is made from the label, an empty password is none."""
        caller.require(Permission.ADMINISTER)
        label = check_label("user.label", label)
        made = ids.slug_or_made("user.user_id", user_id, label, lambda: self._clock.random_bytes(2).hex())
        kept_as = check_external_id("user.external_id", external_id)
        roles = _roles(role_ids)
        hashed = await self._passwords.hash(check_password("password", password)) if password else None
        now = self._clock.now_us()
        user = User(made, label, roles, disabled, now, kept_as)
        async with self._database.write() as connection:
            await require_roles(connection, [("user.role_ids", role_ids)])
            if not await users.insert_user(connection, user):
                raise id_taken("principal", made) if kept_as is None else _taken(made, kept_as)
            if hashed is not None:
                await users.set_password_hash(connection, user.id, hashed)
            await audit.record(connection, caller, "CreateUser", user.id, self._clock.now_us())
        return user

    async def get(self, caller: Caller, user_id: str) -> User:
        """One user."""
        caller.require(Permission.ADMINISTER)
        async with self._database.read() as connection:
            return _found(await users.get_user(connection, user_id), user_id)

    async def list_page(
        self, caller: Caller, limit: int, after: Sequence[Any] | None
    ) -> list[tuple[User, tuple[Any, ...]]]:
        """Users with their places, `limit` at most, by label."""
        caller.require(Permission.ADMINISTER)
        async with self._database.read() as connection:
            return await users.list_users(connection, limit, after)

    async def update(
        self,
        caller: Caller,
        user_id: str,
        *,
        label: str | None = None,
        role_ids: Sequence[str] | None = None,
        external_id: str | None = None,
        disabled: bool | None = None,
    ) -> User:
        """Change what is not None. Whom it disables is out at once: sessions and links end, keys are refused."""
        caller.require(Permission.ADMINISTER)
        async with self._database.write() as connection:
            user = _found(await users.get_user(connection, user_id, lock=True), user_id)
            if label is not None:
                user = replace(user, label=check_label("user.label", label))
            if external_id is not None:
                user = replace(user, external_id=check_external_id("user.external_id", external_id))
            if disabled is not None:
                user = replace(user, disabled=disabled)
            if role_ids is not None:
                user = replace(user, role_ids=_roles(role_ids))
                await require_roles(connection, [("user.role_ids", role_ids)])
                await identity.set_roles(connection, user.id, user.role_ids)
            if not await users.update_user(connection, user):
                raise _taken(user.id, user.external_id or "")
            if user.disabled:
                await _shut_out(connection, user.id)
            await audit.record(connection, caller, "UpdateUser", user.id, self._clock.now_us())
        self._changed()
        return user

    async def set_password(self, caller: Caller, user_id: str, password: str) -> None:
        """Set a password and end the user's sessions and links. For others than oneself it needs ADMINISTER."""
        if user_id != caller.principal_id:
            caller.require(Permission.ADMINISTER)
        hashed = await self._passwords.hash(check_password("password", password))
        async with self._database.write() as connection:
            user = _found(await users.get_user(connection, user_id, lock=True), user_id)
            await users.set_password_hash(connection, user.id, hashed)
            await _shut_out(connection, user.id)
            await audit.record(connection, caller, "SetUserPassword", user.id, self._clock.now_us())
        self._changed()


async def _shut_out(connection: AsyncConnection, user_id: str) -> None:
    await sessions.delete_sessions_of(connection, user_id)
    await sessions.delete_links_of(connection, user_id)


def _roles(role_ids: Sequence[str]) -> frozenset[str]:
    if len(role_ids) > MAX_ROLES:
        raise field_invalid("user.role_ids", f"{len(role_ids)} roles", f"Give at most {MAX_ROLES} roles.")
    return frozenset(role_ids) - {EVERYONE}


def _taken(user_id: str, external_id: str) -> SendoutError:
    return SendoutError(
        Reason.ID_TAKEN,
        f"There is a principal {user_id!r}, or a user with the external id {external_id[:80]!r}, already.",
        metadata={"id": user_id},
    )


def _found(user: User | None, user_id: str) -> User:
    if user is None:
        raise not_found(Reason.USER_NOT_FOUND, "user", user_id)
    return user
