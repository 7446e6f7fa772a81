"""Roles, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from sendout.domain.contact_points import ContactPoint
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Caller, Grant, Permission
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.contact_points import ContactPoints
from sendout.server.commands.roles import Roles
from sendout.storage import contact_points
from sendout.storage.engine import Database
from sendout.storage.tables import audit

ADMIN = Caller("root", "", "Root", frozenset({"everyone", "admin"}), frozenset(Permission))
AGENT = Caller("agent", "", "Agent", frozenset({"everyone"}), frozenset())
POINT = ContactPoint(id="garage", label="Garage", sender="+14155550100", carrier="simulator")


def roles_of(database: Database, clock: Any) -> Roles:
    return Roles(database, clock, lambda: None)


async def refusal(attempt: Any) -> Reason:
    with pytest.raises(SendoutError) as caught:
        await attempt
    return caught.value.reason


async def test_a_role_without_any_duty_lets_send(database: Database, clock: Any) -> None:
    """S6: a role without a permission can be on the list, and whoever holds only that role may send."""
    role = await roles_of(database, clock).create(ADMIN, "senders", "Senders", [])
    points = ContactPoints(database, clock, frozenset({"simulator"}))
    await points.create(ADMIN, POINT)
    await points.update(ADMIN, "garage", {"send_notification_roles": ("senders",)})
    holder, _ = await ApiKeys(database, clock, lambda: None).create(ADMIN, "holder", role_ids=["senders"])
    other, _ = await ApiKeys(database, clock, lambda: None).create(ADMIN, "other")
    assert role.permissions == frozenset()
    async with database.read() as connection:
        assert await contact_points.may(connection, "garage", Grant.SEND_NOTIFICATIONS, holder.principal_id)
        assert not await contact_points.may(connection, "garage", Grant.SEND_NOTIFICATIONS, other.principal_id)


async def test_a_deleted_role_is_on_no_list(database: Database, clock: Any) -> None:
    """S5: deleting a role takes it off every list and from everybody who held it, at once."""
    roles = roles_of(database, clock)
    await roles.create(ADMIN, "senders", "Senders", [])
    points = ContactPoints(database, clock, frozenset({"simulator"}))
    await points.create(ADMIN, POINT)
    await points.update(ADMIN, "garage", {"send_notification_roles": ("senders",)})
    api_keys = ApiKeys(database, clock, lambda: None)
    key, _ = await api_keys.create(ADMIN, "holder", role_ids=["senders"])
    await roles.delete(ADMIN, "senders")
    assert (await points.get(ADMIN, "garage")).send_notification_roles == ()
    assert (await api_keys.get(ADMIN, key.id)).role_ids == {"everyone"}
    async with database.read() as connection:
        assert not await contact_points.may(connection, "garage", Grant.SEND_NOTIFICATIONS, key.principal_id)
    assert await refusal(roles.delete(ADMIN, "senders")) is Reason.ROLE_NOT_FOUND


async def test_roles_are_listed_built_in_first(database: Database, clock: Any) -> None:
    """The built-in roles come first, then the others by label, page by page without gap or repeat."""
    roles = roles_of(database, clock)
    for label in ("zebra", "Apple", "mango"):
        await roles.create(ADMIN, "", label, [])
    seen: list[str] = []
    after = None
    while page := await roles.list_page(ADMIN, 2, after):
        seen += [role.label for role, _ in page]
        after = page[-1][1]
    assert seen == ["Administrators", "Everyone", "Apple", "mango", "zebra"]


async def test_a_role_changes(database: Database, clock: Any) -> None:
    """Label and permissions change apart; each change leaves one audit entry and is told to the process."""
    told: list[bool] = []
    roles = Roles(database, clock, lambda: told.append(True))
    made = await roles.create(ADMIN, "", "Côte d'Azur", [Permission.VIEW_HISTORY])
    assert made.id.startswith("cote-d-azur-")
    await roles.update(ADMIN, made.id, label=" Riviera ")
    changed = await roles.update(ADMIN, made.id, permissions=[])
    assert (changed.label, changed.permissions) == ("Riviera", frozenset())
    assert await roles.get(ADMIN, made.id) == changed
    await roles.delete(ADMIN, made.id)
    assert len(told) == 3
    async with database.read() as connection:
        actions = (await connection.execute(select(audit.c.action).order_by(audit.c.id))).scalars().all()
    assert actions == ["CreateRole", "UpdateRole", "UpdateRole", "DeleteRole"]


async def test_built_in_roles_stay(database: Database, clock: Any) -> None:
    """Built-in roles are neither renamed nor deleted; only what `everyone` may do can be changed."""
    roles = roles_of(database, clock)
    assert await refusal(roles.delete(ADMIN, "everyone")) is Reason.ROLE_BUILT_IN
    assert await refusal(roles.delete(ADMIN, "admin")) is Reason.ROLE_BUILT_IN
    assert await refusal(roles.update(ADMIN, "everyone", label="All")) is Reason.ROLE_BUILT_IN
    assert await refusal(roles.update(ADMIN, "admin", permissions=[])) is Reason.ROLE_BUILT_IN
    changed = await roles.update(ADMIN, "everyone", permissions=[Permission.VIEW_HISTORY])
    assert changed.permissions == {Permission.VIEW_HISTORY}


async def test_what_is_refused(database: Database, clock: Any) -> None:
    """Bad ids, bad labels, taken ids and unknown roles are refused by name."""
    roles = roles_of(database, clock)
    assert await refusal(roles.create(ADMIN, "Not A Slug", "x", [])) is Reason.FIELD_INVALID
    assert await refusal(roles.create(ADMIN, "fine", "", [])) is Reason.FIELD_INVALID
    assert await refusal(roles.create(ADMIN, "admin", "x", [])) is Reason.ID_TAKEN
    assert await refusal(roles.get(ADMIN, "nobody")) is Reason.ROLE_NOT_FOUND
    assert await refusal(roles.update(ADMIN, "nobody", label="x")) is Reason.ROLE_NOT_FOUND
    for attempt in (
        roles.create(AGENT, "x", "x", []),
        roles.get(AGENT, "admin"),
        roles.list_page(AGENT, 10, None),
        roles.update(AGENT, "everyone", permissions=[Permission.ADMINISTER]),
        roles.delete(AGENT, "admin"),
    ):
        assert await refusal(attempt) is Reason.ROLE_REQUIRED
