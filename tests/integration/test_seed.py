"""What `sendout up` puts into an empty database."""

from __future__ import annotations

from typing import Any

from sendout.server.seed import seed, sign_in_links
from sendout.storage.engine import Database
from tests.integration.signing_in import HERE, ROOT, House


async def test_the_seeded_users_sign_in_by_links(database: Database, clock: Any) -> None:
    """The administrator and the agent get in by their links, once, each with the role of its name."""
    assert await seed(database, clock, "simulator") is not None
    house = House(database, clock)
    links = await sign_in_links(database, clock, "http://127.0.0.1:8080")
    assert [who for who, _ in links] == ["Administrator", "Agent"]
    roles = []
    for _, link in links:
        address, _, token = link.partition("#")
        assert address == "http://127.0.0.1:8080/sign-in"
        begun = await house.sign_in.with_link(token, HERE)
        roles.append((begun.user.id, sorted((await house.caller(begun.token)).role_ids)))
    assert roles == [("admin", ["admin", "everyone"]), ("agent", ["agents", "everyone"])]


async def test_a_later_start_has_links_again(database: Database, clock: Any) -> None:
    """Data that is there already is left as it is; a disabled user gets no link, and without users there are none."""
    assert await sign_in_links(database, clock, "http://127.0.0.1:8080") == []
    await seed(database, clock, "simulator")
    await House(database, clock).users.update(ROOT, "agent", disabled=True)
    assert await seed(database, clock, "simulator") is None
    assert [who for who, _ in await sign_in_links(database, clock, "http://127.0.0.1:8080")] == ["Administrator"]
