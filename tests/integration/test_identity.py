"""Authentication and API keys, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import event, select, update

from sendout.domain import keys
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Caller, Permission
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.authenticate import Authenticate
from sendout.server.commands.roles import Roles
from sendout.storage.engine import Database
from sendout.storage.tables import audit, principal
from tests.integration.signing_in import reason_of

ADMIN = Caller("root", "", "Root", frozenset({"everyone", "admin"}), frozenset(Permission), trace_id="ab" * 16)
AGENT = Caller("agent", "", "Agent", frozenset({"everyone"}), frozenset())


def nothing() -> None:
    """What the commands call after a change, where a test does not care."""


class Statements:
    """Counts the statements of a database that name the table of keys."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._seen)

    def _seen(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.count += statement.startswith("SELECT") and "api_key" in statement


async def test_a_key_makes_its_caller(database: Database, clock: Any) -> None:
    """S4: a caller holds the roles of its principal and `everyone`, with the permissions of all of them."""
    await Roles(database, clock, nothing).create(ADMIN, "ops", "Operations", [Permission.ADMINISTER])
    key, text = await ApiKeys(database, clock, nothing).create(ADMIN, "CRM connector", role_ids=["ops"])
    authenticate = Authenticate(database, clock)
    caller = await authenticate(text, "a" * 32, "b" * 16)
    await authenticate.close()
    assert caller.principal_id.startswith("crm-connector-")
    assert (caller.api_key_id, caller.label) == (key.id, "CRM connector")
    assert caller.role_ids == {"everyone", "ops"}
    assert caller.permissions == frozenset(Permission)
    assert (caller.trace_id, caller.span_id) == ("a" * 32, "b" * 16)


async def test_a_burst_costs_one_look_up(database: Database, clock: Any) -> None:
    """A hundred calls at once and those of the next half second share one query; then it is asked again."""
    _, text = await ApiKeys(database, clock, nothing).create(ADMIN, "burst")
    authenticate = Authenticate(database, clock)
    statements = Statements(database)
    await asyncio.gather(*(authenticate(text) for _ in range(100)))
    clock.advance(0.4)
    await authenticate(text)
    assert statements.count == 1
    clock.advance(0.2)
    await authenticate(text)
    await authenticate.close()
    assert statements.count == 2


async def test_a_revoked_key_is_refused_within_a_second(database: Database, clock: Any) -> None:
    """I8: another process believes a revoked key for half a second at the most, this one not at all."""
    here, elsewhere = Authenticate(database, clock), Authenticate(database, clock)
    api_keys = ApiKeys(database, clock, here.forget)
    key, text = await api_keys.create(ADMIN, "short-lived")
    await here(text)
    await elsewhere(text)
    await here.close()
    await elsewhere.close()
    revoked = await api_keys.revoke(ADMIN, key.id)
    assert revoked.revoke_time == clock.now_us()
    assert await reason_of(here(text)) is Reason.CREDENTIALS_INVALID
    clock.advance(0.5)
    assert await reason_of(elsewhere(text)) is Reason.CREDENTIALS_INVALID


async def test_an_expired_key_is_refused_at_once(database: Database, clock: Any) -> None:
    """A key ends at its time, also where it was just looked up."""
    expire_time = clock.now_us() + 100_000
    _, text = await ApiKeys(database, clock, nothing).create(ADMIN, "guest", expire_time=expire_time)
    authenticate = Authenticate(database, clock)
    await authenticate(text)
    await authenticate.close()
    clock.advance(0.1)
    assert await reason_of(authenticate(text)) is Reason.CREDENTIALS_INVALID


async def test_a_disabled_principal_is_refused(database: Database, clock: Any) -> None:
    """I8: every key of a disabled principal is dead."""
    key, text = await ApiKeys(database, clock, nothing).create(ADMIN, "gone")
    async with database.write() as connection:
        await connection.execute(update(principal).where(principal.c.id == key.principal_id).values(disabled=True))
    assert await reason_of(Authenticate(database, clock)(text)) is Reason.CREDENTIALS_INVALID


async def test_wrong_keys_look_alike(database: Database, clock: Any) -> None:
    """An unknown id, a wrong secret and a typo get the same answer."""
    _, text = await ApiKeys(database, clock, nothing).create(ADMIN, "real")
    other = keys.make(clock.random_bytes)
    forged = _with_checksum(text.split("_")[1], other.text.split("_")[2])
    authenticate = Authenticate(database, clock)
    answers = set()
    for wrong in (other.text, forged, text[:-1], ""):
        with pytest.raises(SendoutError) as caught:
            await authenticate(wrong)
        answers.add((caught.value.reason, caught.value.message))
    assert len(answers) == 1


def _with_checksum(key_id: str, secret: str) -> str:
    body = f"so_{key_id}_{secret}"
    return f"{body}_{keys._checksum(body)}"


async def test_last_use_is_kept_to_the_minute(database: Database, clock: Any) -> None:
    """The minute of the last use is kept, once a minute."""
    api_keys = ApiKeys(database, clock, nothing)
    key, text = await api_keys.create(ADMIN, "used")
    assert key.last_used_time is None
    authenticate = Authenticate(database, clock)
    clock.advance(90)
    minute = clock.now_us() // 60_000_000 * 60_000_000
    for _ in range(2):
        await authenticate(text)
        await authenticate.close()
        assert (await api_keys.get(ADMIN, key.id)).last_used_time == minute
        clock.advance(5)


async def test_two_keys_of_one_principal(database: Database, clock: Any) -> None:
    """Keys are changed without a break: a second key of the same principal works beside the first."""
    api_keys = ApiKeys(database, clock, nothing)
    first, text = await api_keys.create(ADMIN, "old", role_ids=["admin"])
    second, new_text = await api_keys.create(ADMIN, "new", principal_id=first.principal_id)
    assert second.role_ids == {"admin", "everyone"}
    await api_keys.revoke(ADMIN, first.id)
    authenticate = Authenticate(database, clock)
    assert await reason_of(authenticate(text)) is Reason.CREDENTIALS_INVALID
    assert (await authenticate(new_text)).principal_id == first.principal_id
    await authenticate.close()


async def test_keys_are_listed_newest_first(database: Database, clock: Any) -> None:
    """Pages follow one another without gap or repeat; revoked keys come only when asked for."""
    api_keys = ApiKeys(database, clock, nothing)
    made = []
    for number in range(5):
        made.append((await api_keys.create(ADMIN, f"key {number}"))[0].id)
        clock.advance(1)
    await api_keys.revoke(ADMIN, made[2])
    first = await api_keys.list_page(ADMIN, 3, None)
    rest = await api_keys.list_page(ADMIN, 3, (first[-1].create_time, first[-1].id))
    assert [key.id for key in first + rest] == [made[4], made[3], made[1], made[0]]
    everything = await api_keys.list_page(ADMIN, 10, None, include_revoked=True)
    assert [key.id for key in everything] == made[::-1]
    assert await api_keys.list_page(ADMIN, 10, None, principal_id="nobody") == []


async def test_the_secret_is_not_kept(database: Database, clock: Any) -> None:
    """The database holds a hash only, and revoking twice is revoking once."""
    api_keys = ApiKeys(database, clock, nothing)
    key, text = await api_keys.create(ADMIN, "hidden")
    first = await api_keys.revoke(ADMIN, key.id)
    clock.advance(10)
    assert await api_keys.revoke(ADMIN, key.id) == first
    async with database.read() as connection:
        rows = (await connection.execute(select(audit).order_by(audit.c.id))).all()
    assert [(row.action, row.object_id) for row in rows] == [("CreateApiKey", key.id), ("RevokeApiKey", key.id)]
    assert (rows[0].principal_id, rows[0].trace_id, rows[0].time) == ("root", "ab" * 16, key.create_time)
    assert text.split("_")[2] not in str(rows)


@pytest.mark.parametrize(
    ("arguments", "reason", "field"),
    [
        ({"label": ""}, Reason.FIELD_INVALID, "label"),
        ({"label": "x", "role_ids": ["nobody"]}, Reason.ROLE_NOT_FOUND, "role_ids[0]"),
        ({"label": "x", "role_ids": ["admin"], "principal_id": "p"}, Reason.FIELD_INVALID, "role_ids"),
        ({"label": "x", "principal_id": "nobody"}, Reason.USER_NOT_FOUND, None),
        ({"label": "x", "expire_time": 1}, Reason.FIELD_INVALID, "expire_time"),
    ],
)
async def test_what_is_refused(
    database: Database, clock: Any, arguments: dict[str, Any], reason: Reason, field: str | None
) -> None:
    """Each mistake is named, and none leaves a key, a principal or an audit entry behind."""
    with pytest.raises(SendoutError) as caught:
        await ApiKeys(database, clock, nothing).create(ADMIN, **arguments)
    assert caught.value.reason is reason
    assert [problem.field for problem in caught.value.violations] == ([field] if field else [])
    async with database.read() as connection:
        assert (await connection.execute(select(audit))).all() == []
        assert (await connection.execute(select(principal).where(principal.c.kind != "server"))).all() == []


async def test_only_administrators_manage_keys(database: Database, clock: Any) -> None:
    """Without ADMINISTER every use case is refused before anything is looked at."""
    api_keys = ApiKeys(database, clock, nothing)
    for attempt in (
        api_keys.create(AGENT, "mine"),
        api_keys.get(AGENT, "any"),
        api_keys.list_page(AGENT, 10, None),
        api_keys.revoke(AGENT, "any"),
    ):
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert caught.value.reason is Reason.ROLE_REQUIRED
