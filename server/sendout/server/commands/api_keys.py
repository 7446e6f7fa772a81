"""API keys: create, get, list, revoke. A key belongs to a principal, whose roles it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids, keys
from sendout.domain.clock import Clock
from sendout.domain.contact_points import MAX_DAILY_SEGMENTS
from sendout.domain.errors import Reason, field_invalid, not_found
from sendout.domain.labels import check_label
from sendout.domain.permissions import EVERYONE, Caller, Permission
from sendout.server.commands.refusals import id_taken, require_roles
from sendout.storage import audit, identity
from sendout.storage.engine import Database
from sendout.storage.identity import ApiKey

MAX_ROLES = 100


class ApiKeys:
    """The use cases; all need ADMINISTER. `changed` is called after a commit that takes a key away."""

    def __init__(self, database: Database, clock: Clock, changed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    async def create(
        self,
        caller: Caller,
        label: str,
        *,
        role_ids: Sequence[str] = (),
        principal_id: str = "",
        expire_time: int | None = None,
        daily_segment_quota: int = 0,
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is given here and never again; of a new principal unless one is named."""
        caller.require(Permission.ADMINISTER)
        now = self._clock.now_us()
        label = check_label("label", label)
        role_ids = list(dict.fromkeys(role_ids))
        _check_holder(principal_id, role_ids)
        if expire_time is not None and expire_time <= now:
            raise field_invalid("expire_time", expire_time, "It must lie in the future (microseconds since 1970).")
        if not 0 <= daily_segment_quota <= MAX_DAILY_SEGMENTS:
            raise field_invalid(
                "daily_segment_quota",
                daily_segment_quota,
                f"Choose at most {MAX_DAILY_SEGMENTS:,} segments a day, or 0 for no quota.",
            )
        key = keys.make(self._clock.random_bytes)
        async with self._database.write() as connection:
            holder = await self._holder(connection, principal_id, label, role_ids, now)
            await identity.insert_api_key(
                connection,
                key_id=key.key_id,
                principal_id=holder,
                label=label,
                secret_hash=key.secret_hash,
                create_time=now,
                expire_time=expire_time,
                daily_segment_quota=daily_segment_quota,
            )
            await audit.record(connection, caller, "CreateApiKey", key.key_id, now)
            kept = await identity.get_api_key(connection, key.key_id)
        return _found(kept, key.key_id), key.text

    async def get(self, caller: Caller, api_key_id: str) -> ApiKey:
        """One key, without its secret."""
        caller.require(Permission.ADMINISTER)
        async with self._database.read() as connection:
            return _found(await identity.get_api_key(connection, api_key_id), api_key_id)

    async def list_page(
        self,
        caller: Caller,
        limit: int,
        after: Sequence[Any] | None,
        *,
        principal_id: str = "",
        include_revoked: bool = False,
    ) -> list[ApiKey]:
        """Keys, newest first, `limit` at most; `after` is (create_time, id) of the last one of the page before."""
        caller.require(Permission.ADMINISTER)
        async with self._database.read() as connection:
            return await identity.list_api_keys(
                connection, limit, after, principal_id=principal_id, include_revoked=include_revoked
            )

    async def revoke(self, caller: Caller, api_key_id: str) -> ApiKey:
        """Revoke a key; one that is revoked already stays as it is."""
        caller.require(Permission.ADMINISTER)
        now = self._clock.now_us()
        async with self._database.write() as connection:
            before = _found(await identity.get_api_key(connection, api_key_id), api_key_id)
            if before.revoke_time is None:
                await identity.revoke_api_key(connection, api_key_id, now)
                await audit.record(connection, caller, "RevokeApiKey", api_key_id, now)
            after = await identity.get_api_key(connection, api_key_id)
        self._changed()
        return _found(after, api_key_id)

    async def _holder(
        self, connection: AsyncConnection, principal_id: str, label: str, role_ids: Sequence[str], now: int
    ) -> str:
        if principal_id:
            if not await identity.lock_principal(connection, principal_id):
                raise not_found(Reason.USER_NOT_FOUND, "principal that is not disabled", principal_id)
            return principal_id
        await require_roles(connection, [("role_ids", role_ids)])
        made = f"{ids.slug_from_label(label)}-{self._clock.random_bytes(3).hex()}"
        if not await identity.insert_principal(connection, made, "service", label, now, role_ids):
            raise id_taken("principal", made)
        return made


def _check_holder(principal_id: str, role_ids: Sequence[str]) -> None:
    if principal_id and set(role_ids) - {EVERYONE}:
        raise field_invalid(
            "role_ids", list(role_ids), "A key of an existing principal has that principal's roles; leave this empty."
        )
    if len(role_ids) > MAX_ROLES:
        raise field_invalid("role_ids", f"{len(role_ids)} roles", f"Give at most {MAX_ROLES} roles.")


def _found(key: ApiKey | None, api_key_id: str) -> ApiKey:
    if key is None:
        raise not_found(Reason.API_KEY_NOT_FOUND, "API key", api_key_id)
    return key
