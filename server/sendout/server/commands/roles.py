"""Roles: create, get, list, change, delete. A role may have no permission and no other duty at all (S6)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, not_found
from sendout.domain.labels import check_label
from sendout.domain.permissions import EVERYONE, Caller, Permission
from sendout.server.commands.refusals import id_taken
from sendout.storage import audit, identity
from sendout.storage.engine import Database
from sendout.storage.identity import Role


class Roles:
    """The use cases; all need ADMINISTER. `changed` is called after a commit that changes what somebody may do."""

    def __init__(self, database: Database, clock: Clock, changed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    async def create(self, caller: Caller, role_id: str, label: str, permissions: Collection[Permission]) -> Role:
        """Keep a new role; an empty id is made from the label."""
        caller.require(Permission.ADMINISTER)
        label = check_label("role.label", label)
        made_id = ids.slug_or_made("role.role_id", role_id, label, lambda: self._clock.random_bytes(2).hex())
        role = Role(made_id, label, frozenset(permissions), built_in=False)
        async with self._database.write() as connection:
            if not await identity.insert_role(connection, role):
                raise id_taken("role", role.id)
            await audit.record(connection, caller, "CreateRole", role.id, self._clock.now_us())
        return role

    async def get(self, caller: Caller, role_id: str) -> Role:
        """One role."""
        caller.require(Permission.ADMINISTER)
        async with self._database.read() as connection:
            return _found(await identity.get_role(connection, role_id), role_id)

    async def list_page(
        self, caller: Caller, limit: int, after: Sequence[Any] | None
    ) -> list[tuple[Role, tuple[Any, ...]]]:
        """Roles with their places, `limit` at most: built-in ones first, then by label."""
        caller.require(Permission.ADMINISTER)
        async with self._database.read() as connection:
            return await identity.list_roles(connection, limit, after)

    async def update(
        self,
        caller: Caller,
        role_id: str,
        *,
        label: str | None = None,
        permissions: Collection[Permission] | None = None,
    ) -> Role:
        """Change what is not None. Of the built-in roles only what `everyone` may do can be changed."""
        caller.require(Permission.ADMINISTER)
        async with self._database.write() as connection:
            role = _found(await identity.get_role(connection, role_id, lock=True), role_id)
            if role.built_in and (role.id != EVERYONE or label not in (None, role.label)):
                raise _built_in(role)
            if label is not None:
                role = replace(role, label=check_label("role.label", label))
            if permissions is not None:
                role = replace(role, permissions=frozenset(permissions))
            await identity.update_role(connection, role)
            await audit.record(connection, caller, "UpdateRole", role.id, self._clock.now_us())
        self._changed()
        return role

    async def delete(self, caller: Caller, role_id: str) -> None:
        """Delete a role and take it off every list it is on and from everybody who holds it."""
        caller.require(Permission.ADMINISTER)
        async with self._database.write() as connection:
            role = _found(await identity.get_role(connection, role_id, lock=True), role_id)
            if role.built_in:
                raise _built_in(role)
            await identity.delete_role(connection, role.id)
            await audit.record(connection, caller, "DeleteRole", role.id, self._clock.now_us())
        self._changed()


def _found(role: Role | None, role_id: str) -> Role:
    if role is None:
        raise not_found(Reason.ROLE_NOT_FOUND, "role", role_id)
    return role


def _built_in(role: Role) -> SendoutError:
    return SendoutError(
        Reason.ROLE_BUILT_IN,
        f"The role {role.id!r} is built in: it can be neither changed nor deleted, "
        f"but for the permissions of {EVERYONE!r}. Create a role of your own.",
        metadata={"id": role.id},
    )
