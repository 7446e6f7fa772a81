"""Sign in: by a password, by a link, or by what an identity provider says. Each way ends in a new session.

What takes time (hashes, the provider's keys) is done first and holds no lock. Then one transaction locks the user,
looks again at everything that may have changed, and keeps the session. A session's token is always made here, never
taken from outside.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids, keys, limits
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, field_invalid
from sendout.domain.sign_in import ABSOLUTE_US, Person, normal_password, refused
from sendout.server.commands.attempts import Attempts
from sendout.server.passwords import Passwords
from sendout.storage import audit, identity, sessions, users
from sendout.storage.engine import Database
from sendout.storage.sessions import Session
from sendout.storage.users import User

Verify = Callable[[str, str], Awaitable[Person]]
"""`server.id_tokens.IdTokens`: who a token is about, given the nonce it was asked for with."""

MAX_SIGN_IN_TOKEN = 200
MAX_ID_TOKEN = 16_384
MAX_NONCE = 255
_MAX_USER_ID = 63

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session just begun. `token` is shown once and never kept."""

    token: str = field(repr=False)
    session: Session
    user: User


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attempt comes from: the peer's address without its port, and the trace."""

    peer: str
    trace_id: str = ""


class SignIn:
    """The use case. `changed` is called after a commit that changes roles; `verify` is None without a provider."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        changed: Callable[[], None],
        verify: Verify | None = None,
        *,
        create_users: bool = False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._changed = changed
        self._verify = verify
        self._create_users = create_users
        self._attempts = Attempts(clock)

    async def with_password(self, user_id: str, password: str, origin: Origin) -> SignedIn:
        """By name and password. An unknown name costs as much time as a wrong password."""
        _check_length("password.user_id", user_id, _MAX_USER_ID)
        _check_length("password.password", password, limits.MAX_PASSWORD)
        self._attempts.count(origin.peer, user_id)
        async with self._database.read() as connection:
            kept = await users.get_password_hash(connection, user_id)
        if not await self._passwords.matches(kept, normal_password(password)):
            raise refused()
        async with self._database.write() as connection:
            user = _usable(await users.get_user(connection, user_id, lock=True))
            if await users.get_password_hash(connection, user_id) != kept:
                raise refused()
            begun = await self._begin(connection, user, origin)
        self._attempts.succeeded(origin.peer, user_id)
        return begun

    async def with_link(self, token: str, origin: Origin) -> SignedIn:
        """By a link that was not used yet: of many who come with it at once, one gets in."""
        _check_length("sign_in_token", token, MAX_SIGN_IN_TOKEN)
        self._attempts.count(origin.peer)
        token_hash = keys.token_hash(keys.SIGN_IN_LINK, token)
        if token_hash is None:
            raise refused()
        async with self._database.write() as connection:
            holder = await sessions.find_link(connection, token_hash)
            user = _usable(await users.get_user(connection, holder, lock=True))
            if not await sessions.use_link(connection, token_hash, self._clock.now_us()):
                raise refused()
            begun = await self._begin(connection, user, origin)
        self._attempts.succeeded(origin.peer)
        return begun

    async def with_id_token(self, id_token: str, nonce: str, origin: Origin) -> SignedIn:
        """By an id token, once. The provider's groups decide about the roles that are mapped."""
        if self._verify is None:
            raise SendoutError(
                Reason.NOT_IMPLEMENTED,
                "This server has no identity provider. Set SENDOUT_OIDC_ISSUER, SENDOUT_OIDC_AUDIENCE and "
                "SENDOUT_OIDC_JWKS_URL or SENDOUT_OIDC_JWKS_FILE, or sign in another way.",
            )
        _check_length("id_token.id_token", id_token, MAX_ID_TOKEN)
        _check_length("id_token.nonce", nonce, MAX_NONCE)
        self._attempts.count(origin.peer)
        person = await self._verify(id_token, nonce)
        async with self._database.write() as connection:
            user = _usable(await self._user_of(connection, person, origin))
            synced = await self._with_mapped_roles(connection, user, person, origin)
            now = self._clock.now_us()
            if not await sessions.use_id_token(connection, person.token_hash, user.id, person.expire_time, now):
                raise refused()
            begun = await self._begin(connection, synced, origin)
        if synced != user:
            self._changed()
        self._attempts.succeeded(origin.peer)
        return begun

    async def _begin(self, connection: AsyncConnection, user: User, origin: Origin) -> SignedIn:
        now = self._clock.now_us()
        token = keys.make_token(keys.SESSION, self._clock.random_bytes)
        session = Session(user.id, create_time=now, last_used_time=now, expire_time=now + ABSOLUTE_US)
        await sessions.insert_session(connection, token.secret_hash, session)
        await audit.record_sign_in(connection, user.id, "CreateSession", origin.trace_id, now)
        return SignedIn(token.text, session, user)

    async def _user_of(self, connection: AsyncConnection, person: Person, origin: Origin) -> User | None:
        found = await users.find_user(connection, person.external_id)
        if found is not None or not self._create_users:
            return found
        now = self._clock.now_us()
        made = ids.slug_or_made("user_id", "", person.label, lambda: self._clock.random_bytes(2).hex())
        new = User(made, person.label, frozenset(), False, now, person.external_id)
        if not await users.insert_user(connection, new):
            return None  # somebody was faster; the next attempt finds the user
        await audit.record_sign_in(connection, made, "CreateUser", origin.trace_id, now)
        return new

    async def _with_mapped_roles(self, connection: AsyncConnection, user: User, person: Person, origin: Origin) -> User:
        existing = await identity.existing_roles(connection, person.role_ids)
        if existing != person.role_ids:
            _log.warning("SENDOUT_OIDC_ROLES names roles that do not exist: %s", sorted(person.role_ids - existing))
        wanted = (user.role_ids - person.mapped_role_ids) | existing
        if wanted == user.role_ids:
            return user
        await identity.set_roles(connection, user.id, wanted)
        await audit.record_sign_in(connection, user.id, "UpdateUser", origin.trace_id, self._clock.now_us())
        return replace(user, role_ids=wanted)


def _usable(user: User | None) -> User:
    if user is None or user.disabled:
        raise refused()
    return user


def _check_length(name: str, typed: str, most: int) -> None:
    # What was typed may be a secret: only its length is quoted.
    if not 0 < len(typed) <= most:
        raise field_invalid(name, f"{len(typed)} characters", f"Give 1 to {most:,} characters.")
