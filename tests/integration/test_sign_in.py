"""Signing in and out, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import event, select

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.server.commands.attempts import PEER_BURST, USER_BURST, USER_EVERY_S
from sendout.server.commands.sign_in import Origin
from sendout.server.config_sections import RetentionSettings
from sendout.server.retention import Retention
from sendout.storage import identity
from sendout.storage.engine import Database
from sendout.storage.tables import audit, session, sign_in_token
from tests.integration.signing_in import HERE, NOBODY, PASSWORD, ROOT, House, reason_of

INVALID = Reason.CREDENTIALS_INVALID
MINUTE = 60


@pytest.fixture
async def house(database: Database, clock: Any) -> House:
    """People, with one user."""
    made = House(database, clock)
    await made.ada()
    return made


async def test_a_session_makes_its_caller(house: House) -> None:
    """A session's token is accepted like a key; its caller is the user, with the user's roles and no key."""
    await house.roles.create(ROOT, "ops", "Operations", [Permission.ADMINISTER])
    await house.users.update(ROOT, "ada", role_ids=["ops"])
    begun = await house.sign_in.with_password("ada", PASSWORD, HERE)
    caller = await house.caller(begun.token)
    assert (caller.principal_id, caller.label, caller.api_key_id) == ("ada", "Ada", "")
    assert caller.role_ids == {"everyone", "ops"}
    assert Permission.ADMINISTER in caller.permissions
    kept, user = await house.sessions.get(caller)
    assert (kept, user) == (begun.session, begun.user)
    assert kept.expire_time - kept.create_time == 12 * 3600 * 1_000_000


async def test_a_token_is_never_adopted_and_never_kept(house: House) -> None:
    """Fixation: each sign-in makes a token of its own, which the database holds only as a hash."""
    first, second = await house.token(), await house.token()
    assert first != second
    async with house.database.read() as connection:
        rows = (await connection.execute(select(session))).all()
    assert len(rows) == 2
    assert first.split("_")[1] not in repr(rows)
    assert first not in repr(await house.sign_in.with_password("ada", PASSWORD, HERE))


async def test_signing_out_kills_the_token(house: House) -> None:
    """A token is refused at once here after it signed out, by another process within a second; others live on."""
    mine, other = await house.token(), await house.token()
    elsewhere = House(house.database, house.clock)
    assert await elsewhere.reason(mine) is None
    await house.sessions.end(await house.caller(mine))
    assert await house.reason(mine) is INVALID
    house.clock.advance(1)
    assert await elsewhere.reason(mine) is INVALID
    assert await house.reason(other) is None


async def test_signing_out_everywhere(house: House) -> None:
    """Every session of the caller ends, and nobody else's."""
    await house.users.create(ROOT, "bob", "Bob", password=PASSWORD)
    bobs = (await house.sign_in.with_password("bob", PASSWORD, HERE)).token
    mine = [await house.token() for _ in range(3)]
    assert await house.sessions.end_all(await house.caller(mine[0])) == 3
    assert [await house.reason(token) for token in (*mine, bobs)] == [INVALID, INVALID, INVALID, None]


async def test_an_idle_session_ends(house: House) -> None:
    """Thirty minutes without use end a session; use, noted once a minute, keeps it."""
    token = await house.token()
    for _ in range(3):
        house.clock.advance(29 * MINUTE)
        assert await house.reason(token) is None
    kept, _ = await house.sessions.get(await house.caller(token))
    assert 0 <= house.clock.now_us() - kept.last_used_time < MINUTE * 1_000_000
    house.clock.advance(30 * MINUTE)
    assert await house.reason(token) is INVALID


async def test_a_session_ends_after_twelve_hours(house: House) -> None:
    """However much it is used, a session lives for twelve hours."""
    token = await house.token()
    for _ in range(12 * 3 - 1):
        house.clock.advance(20 * MINUTE)
        assert await house.reason(token) is None
    house.clock.advance(20 * MINUTE)
    assert await house.reason(token) is INVALID


async def test_a_key_has_no_session(house: House) -> None:
    """What is about one's own session is refused to a key, and a key of a user can end all of them."""
    token = await house.token()
    _, key = await house.api_keys.create(ROOT, "script", principal_id="ada")
    caller = await house.caller(key)
    assert await reason_of(house.sessions.get(caller)) is INVALID
    assert await reason_of(house.sessions.end(caller)) is INVALID
    assert await house.sessions.end_all(caller) == 1
    assert await house.reason(token) is INVALID


async def test_who_is_refused_learns_nothing(house: House) -> None:
    """An unknown user, a wrong password, one without a password, a disabled one, a principal that is a program and
    a wrong link get the same answer."""
    await house.users.create(ROOT, "new", "New")
    await house.users.create(ROOT, "gone", "Gone", password=PASSWORD, disabled=True)
    key, _ = await house.api_keys.create(ROOT, "program")
    answers = set()
    attempts = [
        house.sign_in.with_password("ada", PASSWORD + "!", HERE),
        *(house.sign_in.with_password(name, PASSWORD, HERE) for name in ("nobody", "new", "gone", key.principal_id)),
        house.sign_in.with_link("sol_wrong", HERE),
        house.sign_in.with_link(await house.token(), HERE),
        house.sign_in.with_id_token(house.provider.token(), "nonce", HERE),
    ]
    for attempt in attempts:
        with pytest.raises(SendoutError) as caught:
            await attempt
        answers.add((caught.value.reason, caught.value.message))
    assert len(answers) == 1


async def test_an_unknown_user_costs_as_much_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown and known users alike cost one look-up and one hash under the same parameters: time tells nothing."""
    hashed: list[str] = []
    verify = house.passwords._verify

    def counting(kept: str, password: str) -> bool:
        hashed.append(kept.rpartition("$")[0].rpartition("$")[0])  # without salt and hash
        return verify(kept, password)

    monkeypatch.setattr(house.passwords, "_verify", counting)
    statements: list[str] = []
    event.listen(house.database.engine.sync_engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    costs = []
    for name in ("ada", "nobody"):
        statements.clear()
        assert await reason_of(house.sign_in.with_password(name, "wrong password", HERE)) is INVALID
        costs.append(len(statements))
    assert costs[0] == costs[1]
    assert len(hashed) == 2
    assert hashed[0] == hashed[1]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("", PASSWORD), "password.user_id"),
        (("a" * 64, PASSWORD), "password.user_id"),
        (("ada", ""), "password.password"),
        (("ada", "x" * 129), "password.password"),
    ],
)
async def test_what_no_user_has_is_named(house: House, arguments: tuple[str, str], field: str) -> None:
    """Empty and overlong fields are refused before anything is hashed, and not quoted."""
    with pytest.raises(SendoutError) as caught:
        await house.sign_in.with_password(*arguments, HERE)
    assert caught.value.reason is Reason.FIELD_INVALID
    assert [problem.field for problem in caught.value.violations] == [field]
    assert "xxx" not in caught.value.message


async def test_guessing_is_limited_per_user(house: House) -> None:
    """After ten wrong passwords even the right one waits, from everywhere; the answer says for how long. Others and
    links go on."""
    await house.users.create(ROOT, "bob", "Bob", password=PASSWORD)
    for n in range(USER_BURST):
        attempt = house.sign_in.with_password("ada", "wrong password", Origin(f"ipv4:192.0.2.{n}"))
        assert await reason_of(attempt) is INVALID
    with pytest.raises(SendoutError) as caught:
        await house.sign_in.with_password("ada", PASSWORD, HERE)
    assert (caught.value.reason, caught.value.retry_after) == (Reason.REQUEST_RATE_EXCEEDED, USER_EVERY_S)
    await house.sign_in.with_password("bob", PASSWORD, HERE)
    link, _ = await house.sessions.make_link(ROOT, "ada")
    await house.sign_in.with_link(link, HERE)
    house.clock.advance(USER_EVERY_S)
    await house.sign_in.with_password("ada", PASSWORD, HERE)
    for _ in range(USER_BURST):  # getting in wiped the slate
        assert await reason_of(house.sign_in.with_password("ada", "wrong password", HERE)) is INVALID


async def test_guessing_at_once_is_no_way_around(house: House) -> None:
    """Of many attempts at the same time no more are looked at than one after another."""
    wrong = (house.sign_in.with_password("ada", "wrong password", HERE) for _ in range(5 * USER_BURST))
    reasons = await asyncio.gather(*map(reason_of, wrong))
    assert reasons.count(INVALID) == USER_BURST
    assert reasons.count(Reason.REQUEST_RATE_EXCEEDED) == 4 * USER_BURST


async def test_guessing_is_limited_per_peer(house: House) -> None:
    """A peer that tries many users, links and tokens is slowed down; another is not."""
    for n in range(PEER_BURST):
        assert await reason_of(house.sign_in.with_link(f"sol_{n}", HERE)) is INVALID
    assert await reason_of(house.sign_in.with_link("sol_x", HERE)) is Reason.REQUEST_RATE_EXCEEDED
    assert await reason_of(house.sign_in.with_password("ada", PASSWORD, HERE)) is Reason.REQUEST_RATE_EXCEEDED
    await house.sign_in.with_password("ada", PASSWORD, Origin("ipv4:192.0.2.2"))
    house.clock.advance(1)
    for _ in range(3):  # who gets in is not counted
        await house.sign_in.with_password("ada", PASSWORD, HERE)


async def test_a_link_signs_in_once(house: House) -> None:
    """A link works one time, also of many who come with it at once."""
    link, expire_time = await house.sessions.make_link(ROOT, "ada")
    assert expire_time - house.clock.now_us() == 15 * MINUTE * 1_000_000
    attempts = await asyncio.gather(
        *(House(house.database, house.clock).sign_in.with_link(link, HERE) for _ in range(8)), return_exceptions=True
    )
    begun = [attempt for attempt in attempts if not isinstance(attempt, BaseException)]
    refusals = [attempt for attempt in attempts if isinstance(attempt, SendoutError)]
    assert (len(begun), {refusal.reason for refusal in refusals}, len(refusals)) == (1, {INVALID}, 7)
    assert (await house.caller(begun[0].token)).principal_id == "ada"
    assert await reason_of(house.sign_in.with_link(link, HERE)) is INVALID


async def test_a_link_ends(house: House) -> None:
    """A link is refused after its time, and is no session by itself."""
    link, _ = await house.sessions.make_link(ROOT, "ada", 60)
    assert await house.reason(link) is INVALID
    house.clock.advance(60)
    assert await reason_of(house.sign_in.with_link(link, HERE)) is INVALID


async def test_only_administrators_make_links(house: House) -> None:
    """A link needs ADMINISTER, a user that is not disabled, and a lifetime of at most a day."""
    await house.users.create(ROOT, "gone", "Gone", disabled=True)
    assert await reason_of(house.sessions.make_link(NOBODY, "ada")) is Reason.ROLE_REQUIRED
    for name in ("nobody", "gone"):
        assert await reason_of(house.sessions.make_link(ROOT, name)) is Reason.USER_NOT_FOUND
    for lifetime in (0, -1, 24 * 3600 + 1, float("inf")):
        assert await reason_of(house.sessions.make_link(ROOT, "ada", lifetime)) is Reason.FIELD_INVALID


async def test_a_new_password_ends_sessions_and_links(house: House) -> None:
    """Whoever got in with the old password, or holds a link, is out; the new password gets in."""
    token = await house.token()
    link, _ = await house.sessions.make_link(ROOT, "ada")
    await house.users.set_password(await house.caller(token), "ada", "a new password")
    assert await house.reason(token) is INVALID
    assert await reason_of(house.sign_in.with_link(link, HERE)) is INVALID
    assert await reason_of(house.sign_in.with_password("ada", PASSWORD, HERE)) is INVALID
    await house.sign_in.with_password("ada", "a new password", HERE)


async def test_a_password_changed_while_it_is_checked_does_not_get_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign-in that was hashing when the password changed makes no session that outlives the change."""
    matches = house.passwords.matches

    async def slowly(kept: str | None, password: str) -> bool:
        found = await matches(kept, password)
        await house.users.set_password(ROOT, "ada", "a new password")
        return found

    monkeypatch.setattr(house.passwords, "matches", slowly)
    assert await reason_of(house.sign_in.with_password("ada", PASSWORD, HERE)) is INVALID


async def test_a_disabled_user_is_out_at_once(house: House) -> None:
    """Disabling ends sessions and links, refuses keys here at once and elsewhere within a second, and enabling again
    brings no session back."""
    token = await house.token()
    link, _ = await house.sessions.make_link(ROOT, "ada")
    _, key = await house.api_keys.create(ROOT, "script", principal_id="ada")
    elsewhere = House(house.database, house.clock)
    assert [await elsewhere.reason(one) for one in (token, key)] == [None, None]
    assert [await house.reason(one) for one in (token, key)] == [None, None]
    await house.users.update(ROOT, "ada", disabled=True)
    assert [await house.reason(one) for one in (token, key)] == [INVALID, INVALID]
    house.clock.advance(1)
    assert [await elsewhere.reason(one) for one in (token, key)] == [INVALID, INVALID]
    assert await reason_of(house.sign_in.with_link(link, HERE)) is INVALID
    assert await reason_of(house.sign_in.with_password("ada", PASSWORD, HERE)) is INVALID
    await house.users.update(ROOT, "ada", disabled=False)
    assert [await house.reason(one) for one in (token, key)] == [INVALID, None]


async def test_a_deleted_role_leaves_a_session_at_once(house: House) -> None:
    """What a session may do is what the user may do now."""
    await house.roles.create(ROOT, "ops", "Operations", [Permission.ADMINISTER])
    await house.users.update(ROOT, "ada", role_ids=["ops"])
    token = await house.token()
    assert Permission.ADMINISTER in (await house.caller(token)).permissions
    await house.users.update(ROOT, "ada", role_ids=[])
    assert Permission.ADMINISTER not in (await house.caller(token)).permissions


async def test_what_happened_is_on_record(house: House) -> None:
    """Signing in and out and making links leave one entry each, by whom they were done, without any secret."""
    link, _ = await house.sessions.make_link(ROOT, "ada")
    token = (await house.sign_in.with_link(link, HERE)).token
    await house.sessions.end(await house.caller(token))
    await reason_of(house.sign_in.with_link(link, HERE))
    async with house.database.read() as connection:
        rows = (await connection.execute(select(audit).order_by(audit.c.id))).all()
    assert [(row.principal_id, row.action, row.object_id) for row in rows[1:]] == [
        ("root", "CreateSignInLink", "ada"),
        ("ada", "CreateSession", "ada"),
        ("ada", "DeleteSession", "ada"),
    ]
    assert rows[2].trace_id == HERE.trace_id
    assert not any(secret.split("_")[1] in repr(rows) for secret in (link, token))


async def test_what_has_ended_is_purged(house: House) -> None:
    """Housekeeping deletes sessions, links and used id tokens after their time, and nothing before; a preview counts
    the same."""
    await house.users.update(ROOT, "ada", external_id="ada@example.org")
    await house.token()
    await house.sessions.make_link(ROOT, "ada")
    await house.sign_in.with_id_token(house.provider.token(), "n", HERE)
    retention = Retention(house.database, house.clock, RetentionSettings())

    async def purge() -> dict[str, int]:
        preview = {found.what: found.rows for found in await retention.preview() if found.rows}
        done = {purged.what: purged.rows async for purged in retention.run()}
        assert preview == done
        return done

    assert await purge() == {}
    house.clock.advance(3600)
    assert await purge() == {"sign_in_tokens": 2}
    house.clock.advance(12 * 3600)
    assert await purge() == {"sessions": 2}
    async with house.database.read() as connection:
        assert (await connection.execute(select(session))).all() == []
        assert (await connection.execute(select(sign_in_token))).all() == []


async def test_a_burst_of_calls_costs_one_look_up(house: House) -> None:
    """A hundred calls of a session at once share one query."""
    token = await house.token()
    looked: list[bytes] = []
    load = identity.load_session_caller

    async def counting(connection: Any, id_hash: bytes) -> Any:
        looked.append(id_hash)
        return await load(connection, id_hash)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "load_session_caller", counting)
        await asyncio.gather(*(house.authenticate(token) for _ in range(100)))
    await house.authenticate.close()
    assert len(looked) == 1
