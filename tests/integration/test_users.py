"""Users: create, get, list, change, set a password, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import SERVER, Caller
from sendout.storage.engine import Database
from sendout.storage.tables import audit, principal
from tests.integration.signing_in import HERE, NOBODY, PASSWORD, ROOT, House, reason_of

OTHERS = principal.c.id != SERVER  # than the one that stands from the start
ADA = Caller("ada", "", "Ada", frozenset({"everyone"}), frozenset())


@pytest.fixture
async def house(database: Database, clock: Any) -> House:
    """People, with a role."""
    made = House(database, clock)
    await made.roles.create(ROOT, "agents", "Agents", [])
    return made


async def test_a_user_is_kept_as_it_was_created(house: House) -> None:
    """What was given comes back, `everyone` not among the roles, the e-mail address in lower case."""
    made = await house.users.create(
        ROOT, "ada", " Ada ", role_ids=["agents", "everyone", "agents"], external_id="Ada@Example.org"
    )
    assert made == await house.users.get(ROOT, "ada")
    assert (made.label, made.role_ids, made.disabled) == ("Ada", {"agents"}, False)
    assert (made.external_id, made.create_time) == ("ada@example.org", house.clock.now_us())
    named = await house.users.create(ROOT, "", "Grace Hopper")
    assert named.id.startswith("grace-hopper-")
    async with house.database.read() as connection:
        kinds = (await connection.execute(select(principal.c.kind).where(OTHERS))).scalars().all()
    assert set(kinds) == {"user"}


async def test_the_password_is_kept_as_an_argon2_hash(house: House) -> None:
    """The database and the audit trail hold neither the password nor anything it could be read from."""
    await house.ada()
    async with house.database.read() as connection:
        kept = (await connection.execute(select(principal.c.password_hash).where(OTHERS))).scalar_one()
        trail = (await connection.execute(select(audit))).all()
    assert kept.startswith("$argon2id$v=19$")
    assert PASSWORD not in kept + repr(trail)


async def test_the_same_letters_are_the_same_password(house: House) -> None:
    """A letter with its accent is one, whether the keyboard composes it or not."""
    await house.users.create(ROOT, "ada", "Ada", password="caf\u00e9 au lait!")
    await house.sign_in.with_password("ada", "cafe\u0301 au lait!", HERE)


@pytest.mark.parametrize(
    ("arguments", "reason", "field"),
    [
        ({"label": ""}, Reason.FIELD_INVALID, "user.label"),
        ({"user_id": "Ada"}, Reason.FIELD_INVALID, "user.user_id"),
        ({"role_ids": ["agents", "nobody"]}, Reason.ROLE_NOT_FOUND, "user.role_ids[1]"),
        ({"role_ids": ["agents"] * 101}, Reason.FIELD_INVALID, "user.role_ids"),
        ({"external_id": "x" * 256}, Reason.FIELD_INVALID, "user.external_id"),
        ({"password": "x" * 11}, Reason.FIELD_INVALID, "password"),
        ({"password": "x" * 129}, Reason.FIELD_INVALID, "password"),
        ({"user_id": "taken"}, Reason.ID_TAKEN, None),
        ({"external_id": "T@example.org"}, Reason.ID_TAKEN, None),
    ],
)
async def test_what_is_refused(house: House, arguments: dict[str, Any], reason: Reason, field: str | None) -> None:
    """Each mistake is named, no password is quoted, and nothing is left behind."""
    await house.users.create(ROOT, "taken", "Taken", external_id="t@example.org")
    with pytest.raises(SendoutError) as caught:
        await house.users.create(ROOT, **{"user_id": "ada", "label": "Ada"} | arguments)
    assert caught.value.reason is reason
    assert [problem.field for problem in caught.value.violations] == ([field] if field else [])
    assert arguments.get("password", "no password") not in caught.value.message
    async with house.database.read() as connection:
        assert (await connection.execute(select(principal.c.id).where(OTHERS))).scalars().all() == ["taken"]


async def test_a_program_is_no_user(house: House) -> None:
    """Principals of keys are neither given nor listed nor changed as users, and their ids are taken."""
    key, _ = await house.api_keys.create(ROOT, "program")
    for attempt in (
        house.users.get(ROOT, key.principal_id),
        house.users.update(ROOT, key.principal_id, disabled=True),
        house.users.set_password(ROOT, key.principal_id, PASSWORD),
    ):
        assert await reason_of(attempt) is Reason.USER_NOT_FOUND
    assert await house.users.list_page(ROOT, 10, None) == []
    assert await reason_of(house.users.create(ROOT, key.principal_id, "Thief")) is Reason.ID_TAKEN


async def test_users_are_listed_by_label(house: House) -> None:
    """Pages follow one another without gap or repeat, whatever the case of the labels."""
    for user_id, label in (("a", "zoe"), ("b", "Ada"), ("c", "bob"), ("d", "Bob"), ("e", "Eve")):
        await house.users.create(ROOT, user_id, label, role_ids=["agents"])
    first = await house.users.list_page(ROOT, 2, None)
    rest = await house.users.list_page(ROOT, 10, first[-1][1])
    assert [user.id for user, _ in first + rest] == ["b", "c", "d", "e", "a"]
    assert all(user.role_ids == {"agents"} for user, _ in first + rest)


async def test_only_what_is_given_changes(house: House) -> None:
    """An update leaves what it does not name; what it names is there at once, also what is emptied."""
    await house.ada(role_ids=["agents"], external_id="1234")
    assert (await house.users.update(ROOT, "ada", label="Ada L.")).role_ids == {"agents"}
    changed = await house.users.update(ROOT, "ada", role_ids=[], external_id="", disabled=True)
    assert changed == await house.users.get(ROOT, "ada")
    assert (changed.label, changed.role_ids, changed.external_id, changed.disabled) == ("Ada L.", set(), None, True)


async def test_two_users_cannot_be_the_same_person(house: House) -> None:
    """An external id that another user has is refused, and nothing of the change is kept."""
    await house.users.create(ROOT, "ada", "Ada", external_id="1")
    await house.users.create(ROOT, "bob", "Bob", external_id="2")
    assert await reason_of(house.users.update(ROOT, "bob", label="B", external_id="1")) is Reason.ID_TAKEN
    assert (await house.users.get(ROOT, "bob")).label == "Bob"


async def test_everyone_sets_their_own_password(house: House) -> None:
    """One's own password needs no permission, another's needs ADMINISTER."""
    await house.ada()
    await house.users.create(ROOT, "bob", "Bob")
    await house.users.set_password(ADA, "ada", "a new password")
    assert await reason_of(house.users.set_password(ADA, "bob", PASSWORD)) is Reason.ROLE_REQUIRED
    await house.users.set_password(ROOT, "bob", PASSWORD)
    await house.sign_in.with_password("ada", "a new password", HERE)
    await house.sign_in.with_password("bob", PASSWORD, HERE)


async def test_only_administrators_manage_users(house: House) -> None:
    """Without ADMINISTER every other use case is refused before anything is looked at."""
    for attempt in (
        house.users.create(NOBODY, "me", "Me"),
        house.users.get(NOBODY, "any"),
        house.users.list_page(NOBODY, 10, None),
        house.users.update(NOBODY, "any", disabled=False),
    ):
        assert await reason_of(attempt) is Reason.ROLE_REQUIRED


async def test_every_change_is_on_record(house: House) -> None:
    """Each change leaves one entry, named like its call."""
    await house.users.create(ROOT, "ada", "Ada")
    await house.users.update(ROOT, "ada", label="Ada L.")
    await house.users.set_password(ROOT, "ada", PASSWORD)
    async with house.database.read() as connection:
        rows = (await connection.execute(select(audit).order_by(audit.c.id))).all()
    assert [(row.action, row.object_id, row.principal_id) for row in rows[1:]] == [
        ("CreateUser", "ada", "root"),
        ("UpdateUser", "ada", "root"),
        ("SetUserPassword", "ada", "root"),
    ]
