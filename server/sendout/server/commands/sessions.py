"""Sessions that were begun (`sign_in` begins them): look at one, end one or all. And links that begin one."""

from __future__ import annotations

from collections.abc import Callable

from sendout.domain import keys
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, field_invalid, not_found
from sendout.domain.permissions import Caller, Permission
from sendout.domain.sign_in import LINK_S, LONGEST_LINK_S
from sendout.storage import audit, sessions, users
from sendout.storage.engine import Database
from sendout.storage.sessions import Session
from sendout.storage.users import User


class Sessions:
    """The use cases. `changed` is called after a commit that ends sessions."""

    def __init__(self, database: Database, clock: Clock, changed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    async def get(self, caller: Caller) -> tuple[Session, User]:
        """The caller's own session, and the user it is of. CREDENTIALS_INVALID for a key."""
        _require_session(caller)
        async with self._database.read() as connection:
            found = await sessions.get_session(connection, caller.session_hash)
            user = await users.get_user(connection, caller.principal_id)
        if found is None or user is None:
            raise _no_session()
        return found, user

    async def end(self, caller: Caller) -> None:
        """End the caller's own session. CREDENTIALS_INVALID for a key."""
        _require_session(caller)
        async with self._database.write() as connection:
            await sessions.delete_session(connection, caller.session_hash)
            await audit.record(connection, caller, "DeleteSession", caller.principal_id, self._clock.now_us())
        self._changed()

    async def end_all(self, caller: Caller) -> int:
        """End every session of the caller; says how many."""
        async with self._database.write() as connection:
            ended = await sessions.delete_sessions_of(connection, caller.principal_id)
            await audit.record(connection, caller, "DeleteAllSessions", caller.principal_id, self._clock.now_us())
        self._changed()
        return ended

    async def make_link(self, caller: Caller, user_id: str, lifetime_s: float = LINK_S) -> tuple[str, int]:
        """A token that signs a user in once, and when it ends. Needs ADMINISTER."""
        caller.require(Permission.ADMINISTER)
        if not 0 < lifetime_s <= LONGEST_LINK_S:
            raise field_invalid("lifetime", f"{lifetime_s} s", f"Give more than 0 s and at most {LONGEST_LINK_S} s.")
        now = self._clock.now_us()
        expire_time = now + round(lifetime_s * 1_000_000)
        token = keys.make_token(keys.SIGN_IN_LINK, self._clock.random_bytes)
        async with self._database.write() as connection:
            user = await users.get_user(connection, user_id, lock=True)
            if user is None or user.disabled:
                raise not_found(Reason.USER_NOT_FOUND, "user that is not disabled", user_id)
            await sessions.insert_link(connection, token.secret_hash, user.id, expire_time)
            await audit.record(connection, caller, "CreateSignInLink", user.id, self._clock.now_us())
        return token.text, expire_time


def _require_session(caller: Caller) -> None:
    if not caller.session_hash:
        raise _no_session()


def _no_session() -> SendoutError:
    return SendoutError(
        Reason.CREDENTIALS_INVALID,
        "This call is about the session it is made with, and an API key has none. Sign in first.",
    )
