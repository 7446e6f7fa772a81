"""Contact points and who may use them, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from sendout.domain.contact_points import ContactPoint, QuietHours
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Caller, Grant, Permission
from sendout.server.commands.contact_points import ContactPoints
from sendout.server.commands.roles import Roles
from sendout.storage import contact_points, identity
from sendout.storage.engine import Database
from sendout.storage.tables import audit, principal

ADMIN = Caller("root", "", "Root", frozenset({"everyone", "admin"}), frozenset(Permission))
POINT = ContactPoint(id="garage", label="Garage", sender="+14155550100", carrier="simulator")


@pytest.fixture
async def points(database: Database, clock: Any) -> ContactPoints:
    roles = Roles(database, clock, lambda: None)
    for role_id in ("agents", "nurses"):
        await roles.create(ADMIN, role_id, role_id.title(), [])
    async with database.write() as connection:
        await identity.insert_principal(connection, "ann", "user", "Ann", 0, ["agents"])
        await identity.insert_principal(connection, "nick", "user", "Nick", 0, ["nurses"])
    return ContactPoints(database, clock, frozenset({"simulator"}))


def caller(principal_id: str) -> Caller:
    return Caller(principal_id, "", principal_id, frozenset({"everyone"}), frozenset())


async def may(database: Database, principal_id: str, grant: Grant = Grant.SEND_NOTIFICATIONS) -> bool:
    async with database.read() as connection:
        return await contact_points.may(connection, "garage", grant, principal_id)


async def test_a_role_on_the_list_decides(database: Database, points: ContactPoints) -> None:
    """S2: who holds a role on the contact point's list may send, who holds none may not, administrators included."""
    await points.create(ADMIN, replace(POINT, send_notification_roles=("agents",)))
    assert await may(database, "ann")
    assert not await may(database, "nick")
    assert not await may(database, "root")
    async with database.read() as connection:
        assert not await contact_points.may(connection, "elsewhere", Grant.SEND_NOTIFICATIONS, "ann")


async def test_the_lists_are_separate(database: Database, points: ContactPoints) -> None:
    """S3: changing who may send notifications changes nothing about who may start conversations, nor the reverse."""
    await points.create(ADMIN, POINT)
    await points.update(ADMIN, "garage", {"send_notification_roles": ("agents",)})
    assert (await may(database, "nick"), await may(database, "nick", Grant.START_CONVERSATIONS)) == (False, True)
    changed = await points.update(ADMIN, "garage", {"start_conversation_roles": ("nurses",)})
    assert (await may(database, "ann"), await may(database, "ann", Grant.START_CONVERSATIONS)) == (True, False)
    assert changed.send_notification_roles == ("agents",)
    assert changed.start_conversation_roles == ("nurses",)


async def test_a_new_one_is_open_to_everyone(database: Database, points: ContactPoints) -> None:
    """S4: a new contact point holds `everyone` on its lists, so every known principal may use it."""
    made = await points.create(ADMIN, POINT)
    assert made.send_notification_roles == made.start_conversation_roles == ("everyone",)
    assert await may(database, "ann")
    assert await may(database, "nick")
    assert not await may(database, "nobody")


async def test_a_grant_taken_away_is_gone_at_once(database: Database, points: ContactPoints) -> None:
    """S5: the first look after the change refuses; likewise after a role is taken from the person."""
    await points.create(ADMIN, POINT)
    assert await may(database, "nick")
    await points.update(ADMIN, "garage", {"send_notification_roles": ("agents",)})
    assert not await may(database, "nick")
    async with database.write() as connection:
        await identity.set_roles(connection, "ann", [])
    assert not await may(database, "ann")
    await points.update(ADMIN, "garage", {"send_notification_roles": ()})
    assert (await points.get(ADMIN, "garage")).send_notification_roles == ()


async def test_a_disabled_principal_may_nothing(database: Database, points: ContactPoints) -> None:
    """I8: not even what everyone may."""
    await points.create(ADMIN, POINT)
    async with database.write() as connection:
        await connection.execute(update(principal).where(principal.c.id == "ann").values(disabled=True))
    assert not await may(database, "ann")


async def test_a_send_holds_the_lists_still(database: Database, points: ContactPoints) -> None:
    """S5: a change waits for the sends that looked at the lists before it, so none commits on a stale grant."""
    await points.create(ADMIN, POINT)
    async with database.write() as connection:
        assert await contact_points.lock(connection, "garage") is not None
        change = asyncio.create_task(points.update(ADMIN, "garage", {"send_notification_roles": ("agents",)}))
        done, _ = await asyncio.wait({change}, timeout=0.2)
        assert not done
        assert await contact_points.may(connection, "garage", Grant.SEND_NOTIFICATIONS, "nick")
    await change
    assert not await may(database, "nick")


async def test_everyone_sees_what_they_may_use(database: Database, points: ContactPoints) -> None:
    """S19: different people see different lists, or none; administrators see all; others' look like missing ones."""
    nurses = ("nurses",)
    await points.create(ADMIN, replace(POINT, id="ward", label="Ward", send_notification_roles=nurses))
    await points.update(ADMIN, "ward", {"start_conversation_roles": nurses})
    await points.create(ADMIN, replace(POINT, id="desk", label="desk", send_notification_roles=("agents",)))
    await points.create(ADMIN, replace(POINT, id="old", label="Archive", enabled=False))

    async def seen(who: Caller, sendable_only: bool = False) -> list[str]:
        return [point.id for point, _ in await points.list_page(who, 50, None, sendable_only=sendable_only)]

    assert await seen(ADMIN) == ["old", "desk", "ward"]
    assert await seen(caller("ann")) == ["old", "desk"]  # conversations at the desk are everyone's
    assert await seen(caller("nick")) == ["old", "desk", "ward"]
    assert await seen(caller("ann"), True) == await points.sendable_ids(caller("ann")) == ["desk"]
    assert await seen(caller("nick"), True) == await points.sendable_ids(caller("nick")) == ["ward"]
    assert await seen(ADMIN, True) == []
    assert await seen(caller("nobody")) == []
    assert (await points.get(caller("nick"), "ward")).id == "ward"
    answers = set()
    for contact_point_id in ("ward", "none"):
        with pytest.raises(SendoutError) as caught:
            await points.get(caller("ann"), contact_point_id)
        answers.add((caught.value.reason, caught.value.message.replace(contact_point_id, "")))
    assert len(answers) == 1


async def test_pages(points: ContactPoints) -> None:
    """Pages follow one another by label without gap or repeat, also where labels are the same."""
    for number in range(5):
        label = "Same" if number < 3 else f"same {number}"
        await points.create(ADMIN, replace(POINT, id=f"p{number}", label=label))
    seen: list[str] = []
    after = None
    while page := await points.list_page(ADMIN, 2, after):
        seen += [point.id for point, _ in page]
        after = page[-1][1]
    assert seen == ["p0", "p1", "p2", "p3", "p4"]


async def test_everything_is_kept(points: ContactPoints, clock: Any) -> None:
    """Every setting reads back as it was given, and a change touches only what it names."""
    full = ContactPoint(
        id="ward",
        label="Ward",
        sender="Ward 7",
        carrier="simulator",
        default_region="GB",
        emoji_enabled=False,
        max_segments=3,
        segments_per_second=2.5,
        burst_segments=10,
        daily_segment_cap=1000,
        cap_time_zone="Europe/London",
        allowed_countries=("GB", "IE"),
        quiet_hours=QuietHours("21:00", "08:00", "Europe/London"),
        smart_encoding=True,
        enabled=False,
        create_time=clock.now_us(),
        update_time=clock.now_us(),
        send_notification_roles=("agents", "nurses"),
        start_conversation_roles=("nurses",),
    )
    assert await points.create(ADMIN, full) == full
    assert await points.get(ADMIN, "ward") == full
    clock.advance(1)
    changed = await points.update(ADMIN, "ward", {"quiet_hours": None, "max_segments": 0})
    assert changed == replace(full, quiet_hours=None, max_segments=10, update_time=clock.now_us())
    assert await points.get(ADMIN, "ward") == changed


async def test_what_is_refused(database: Database, points: ContactPoints) -> None:
    """Taken ids, bad settings, unknown roles and missing rights are refused by name and leave nothing behind."""
    await points.create(ADMIN, POINT)
    refusals = [
        (points.create(ADMIN, POINT), Reason.ID_TAKEN, []),
        (points.create(ADMIN, replace(POINT, id="A")), Reason.FIELD_INVALID, ["contact_point.contact_point_id"]),
        (points.create(ADMIN, replace(POINT, id="x", label="")), Reason.FIELD_INVALID, ["contact_point.label"]),
        (
            points.update(ADMIN, "garage", {"send_notification_roles": ("agents", "gone")}),
            Reason.ROLE_NOT_FOUND,
            ["contact_point.send_notification_roles[1]"],
        ),
        (
            points.update(ADMIN, "garage", {"start_conversation_roles": tuple(f"r{n}" for n in range(101))}),
            Reason.FIELD_INVALID,
            ["contact_point.start_conversation_roles"],
        ),
        (points.update(ADMIN, "none", {"label": "x"}), Reason.CONTACT_POINT_NOT_FOUND, []),
        (points.update(caller("ann"), "garage", {"label": "x"}), Reason.ROLE_REQUIRED, []),
        (points.create(caller("ann"), POINT), Reason.ROLE_REQUIRED, []),
    ]
    for attempt, reason, fields in refusals:
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert caught.value.reason is reason
        assert [problem.field for problem in caught.value.violations] == fields
    async with database.read() as connection:
        actions = (await connection.execute(select(audit.c.action))).scalars().all()
    assert actions == ["CreateRole", "CreateRole", "CreateContactPoint"]
