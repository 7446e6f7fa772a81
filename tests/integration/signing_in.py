"""What tests of signing in share: users, the commands around them, and a provider that says what a test wants."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from argon2.profiles import CHEAPEST

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Caller, Permission
from sendout.domain.sign_in import Person
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.authenticate import Authenticate
from sendout.server.commands.roles import Roles
from sendout.server.commands.sessions import Sessions
from sendout.server.commands.sign_in import Origin, SignIn
from sendout.server.commands.users import Users
from sendout.server.passwords import Passwords
from sendout.storage.engine import Database

ROOT = Caller("root", "", "Root", frozenset({"everyone", "admin"}), frozenset(Permission), trace_id="ab" * 16)
NOBODY = Caller("nobody", "", "Nobody", frozenset({"everyone"}), frozenset())
HERE = Origin("ipv4:192.0.2.1", "cd" * 16)
PASSWORD = "correct horse battery"


async def reason_of(attempt: Any) -> Reason | None:
    """The reason of the refusal, None where there is none."""
    try:
        await attempt
    except SendoutError as error:
        return error.reason
    return None


class Provider:
    """An identity provider: any token is about this person, and each is another token."""

    def __init__(self, clock: Any) -> None:
        self.person = Person(
            external_id="ada@example.org",
            label="Ada Lovelace",
            role_ids=frozenset(),
            mapped_role_ids=frozenset(),
            token_hash=b"",
            expire_time=clock.now_us() + 300_000_000,
        )

    async def __call__(self, token: str, nonce: str) -> Person:
        """As the verifier does."""
        return replace(self.person, token_hash=token.encode().ljust(32, b"\0"))

    def token(self) -> str:
        """One that was not used yet."""
        return os.urandom(16).hex()


class House:
    """The commands around people, of one process."""

    def __init__(self, database: Database, clock: Any, *, create_users: bool = False) -> None:
        self.database, self.clock = database, clock
        self.passwords = Passwords(CHEAPEST)
        self.authenticate = Authenticate(database, clock)
        forget = self.authenticate.forget
        self.provider = Provider(clock)
        self.users = Users(database, clock, self.passwords, forget)
        self.sessions = Sessions(database, clock, forget)
        self.roles = Roles(database, clock, forget)
        self.api_keys = ApiKeys(database, clock, forget)
        self.sign_in = SignIn(database, clock, self.passwords, forget, verify=self.provider, create_users=create_users)

    async def ada(self, **settings: Any) -> None:
        """A user with a password."""
        await self.users.create(ROOT, "ada", "Ada", **{"password": PASSWORD} | settings)

    async def token(self) -> str:
        """The token of a new session of hers."""
        return (await self.sign_in.with_password("ada", PASSWORD, HERE)).token

    async def caller(self, token: str) -> Caller:
        """Who calls with this token; what is noted about it is written by then."""
        found = await self.authenticate(token)
        await self.authenticate.close()
        return found

    async def reason(self, token: str) -> Reason | None:
        """Why the token is refused; None where it is not."""
        return await reason_of(self.caller(token))
