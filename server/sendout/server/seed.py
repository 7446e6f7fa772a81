"""What `sendout up` puts into an empty database: a contact point, two roles, an administrator and an agent.

Each of the two is there twice: as a key, for programs and the command line, and as a user, who signs in to the console.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from sendout.domain.clock import Clock
from sendout.domain.contact_points import ContactPoint
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import ADMIN, EVERYONE, Caller, Permission
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.contact_points import ContactPoints
from sendout.server.commands.roles import Roles
from sendout.server.commands.sessions import Sessions
from sendout.server.commands.users import Users
from sendout.server.passwords import Passwords
from sendout.storage.engine import Database
from sendout.storage.tables import contact_point

CONTACT_POINT = "main"
_RATE = 50.0
_USERS = (("admin", "Administrator", ADMIN), ("agent", "Agent", "agents"))
_SEEDER = Caller("sendout", "", "Sendout", frozenset({EVERYONE, ADMIN}), frozenset(Permission))


@dataclass(frozen=True, slots=True)
class Seeded:
    """The keys that were made; they are shown once."""

    admin_key: str
    agent_key: str


async def seed(database: Database, clock: Clock, carrier: str) -> Seeded | None:
    """Fill an empty database; None where it has contact points already."""
    async with database.read() as connection:
        if (await connection.execute(select(func.count()).select_from(contact_point))).scalar_one():
            return None
    roles = Roles(database, clock, lambda: None)
    for role_id, label in (("supervisors", "Supervisors"), ("agents", "Agents")):
        await roles.create(_SEEDER, role_id, label, ())
    keys = ApiKeys(database, clock, lambda: None)
    _, admin_key = await keys.create(_SEEDER, "Administrator", role_ids=[ADMIN])
    _, agent_key = await keys.create(_SEEDER, "Agent", role_ids=["agents"])
    users = Users(database, clock, Passwords(), lambda: None)
    for user_id, label, role_id in _USERS:
        await users.create(_SEEDER, user_id, label, role_ids=[role_id])
    points = ContactPoints(database, clock, frozenset({carrier}))
    await points.create(
        _SEEDER,
        ContactPoint(
            id=CONTACT_POINT,
            label="Main line",
            sender="+14155550001",
            carrier=carrier,
            default_region="US",
            segments_per_second=_RATE,
        ),
    )
    return Seeded(admin_key, agent_key)


async def sign_in_links(database: Database, clock: Clock, gateway: str) -> list[tuple[str, str]]:
    """(who, link) for each seeded user who is still there and not disabled; a link works once, within 15 minutes.

    `gateway` is the console's address, such as "http://127.0.0.1:8080". The token is in the fragment, which browsers
    keep to themselves, so no log has it.
    """
    sessions = Sessions(database, clock, lambda: None)
    links = []
    for user_id, label, _ in _USERS:
        try:
            token, _ = await sessions.make_link(_SEEDER, user_id)
        except SendoutError as error:
            if error.reason is not Reason.USER_NOT_FOUND:
                raise
        else:
            links.append((label, f"{gateway}/sign-in#{token}"))
    return links


def profile_path() -> Path:
    """Where the command line looks for a server and a key."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "sendout" / "profile.toml"


def write_profile(path: Path, target: str, api_key: str) -> bool:
    """Write the newcomer's profile; False where one stands that leads elsewhere, which is left alone."""
    if path.exists() and tomllib.loads(path.read_text()).get("default", {}).get("target") not in (None, target):
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f'[default]\ntarget = "{target}"\napi_key = "{api_key}"\n')
    return True
