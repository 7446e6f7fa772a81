"""Contact points: create, get, list, change. The rules for their settings are `domain.contact_points`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.contact_points import MAX_ROLES, ContactPoint, problems, settled
from sendout.domain.errors import Violation
from sendout.domain.permissions import EVERYONE, Caller, Permission
from sendout.server.commands.refusals import (
    id_taken,
    known_contact_point,
    refuse_fields,
    require_roles,
    visible_contact_point,
)
from sendout.storage import audit, contact_points
from sendout.storage.engine import Database

_ROLE_LISTS = ("send_notification_roles", "start_conversation_roles")


class ContactPoints:
    """The use cases. Changing needs ADMINISTER; others see the contact points they may use (S19)."""

    def __init__(self, database: Database, clock: Clock, carriers: frozenset[str]) -> None:
        self._database = database
        self._clock = clock
        self._carriers = carriers

    async def create(self, caller: Caller, wanted: ContactPoint) -> ContactPoint:
        """Keep a new contact point. An empty list of roles becomes `everyone` (S4), an empty id a made one."""
        caller.require(Permission.ADMINISTER)
        now = self._clock.now_us()
        point = settled(replace(wanted, create_time=now, update_time=now))
        point = replace(
            point,
            send_notification_roles=point.send_notification_roles or (EVERYONE,),
            start_conversation_roles=point.start_conversation_roles or (EVERYONE,),
        )
        self._check(point)
        field = "contact_point.contact_point_id"
        point = replace(point, id=ids.slug_or_made(field, wanted.id, point.label, self._suffix))
        async with self._database.write() as connection:
            await _require_listed_roles(connection, point)
            if not await contact_points.insert_new(connection, point):
                raise id_taken("contact point", point.id)
            await audit.record(connection, caller, "CreateContactPoint", point.id, now)
        return _sorted_lists(point)

    async def get(self, caller: Caller, contact_point_id: str) -> ContactPoint:
        """One contact point; one the caller may not use looks like one that is not there."""
        async with self._database.read() as connection:
            return await visible_contact_point(connection, caller, contact_point_id)

    async def list_page(
        self, caller: Caller, limit: int, after: Sequence[Any] | None, *, sendable_only: bool = False
    ) -> list[tuple[ContactPoint, tuple[Any, ...]]]:
        """Contact points by label with their places, `limit` at most; administrators see all, others theirs (S19)."""
        administrator = Permission.ADMINISTER in caller.permissions
        async with self._database.read() as connection:
            return await contact_points.list_all(
                connection,
                limit,
                after,
                visible_to="" if administrator else caller.principal_id,
                sendable_by=caller.principal_id if sendable_only else "",
            )

    async def sendable_ids(self, caller: Caller) -> list[str]:
        """Ids of the enabled contact points the caller may send notifications from."""
        async with self._database.read() as connection:
            return await contact_points.sendable_ids(connection, caller.principal_id)

    async def update(self, caller: Caller, contact_point_id: str, changes: Mapping[str, Any]) -> ContactPoint:
        """Change the fields of `changes` (names of `domain.contact_points.MUTABLE`); a list left empty means nobody."""
        caller.require(Permission.ADMINISTER)
        now = self._clock.now_us()
        async with self._database.write() as connection:
            found = await contact_points.lock_to_change(connection, contact_point_id)
            before = known_contact_point(found, contact_point_id)
            point = settled(replace(before, **changes, update_time=now))
            self._check(point)
            await _require_listed_roles(connection, point)
            await contact_points.replace(connection, point)
            await audit.record(connection, caller, "UpdateContactPoint", point.id, now)
        return _sorted_lists(point)

    def _check(self, point: ContactPoint) -> None:
        too_many = [
            Violation(f"contact_point.{name}", f"Give at most {MAX_ROLES} roles. You gave {len(getattr(point, name))}.")
            for name in _ROLE_LISTS
            if len(getattr(point, name)) > MAX_ROLES
        ]
        refuse_fields([*problems(point, self._carriers), *too_many])

    @property
    def _suffix(self) -> Callable[[], str]:
        return lambda: self._clock.random_bytes(2).hex()


async def _require_listed_roles(connection: AsyncConnection, point: ContactPoint) -> None:
    await require_roles(connection, [(f"contact_point.{name}", getattr(point, name)) for name in _ROLE_LISTS])


def _sorted_lists(point: ContactPoint) -> ContactPoint:
    """As it will be read back."""
    return replace(
        point,
        send_notification_roles=tuple(sorted(point.send_notification_roles)),
        start_conversation_roles=tuple(sorted(point.start_conversation_roles)),
    )
