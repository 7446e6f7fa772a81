"""Sessions, and what signs somebody in once. Tokens are kept as hashes; what has ended is purged by retention."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.rows import insert_once
from sendout.storage.tables import session, sign_in_token


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is kept. Times in microseconds since 1970."""

    principal_id: str
    create_time: int
    last_used_time: int  # to the minute
    expire_time: int


async def insert_session(connection: AsyncConnection, id_hash: bytes, kept: Session) -> None:
    """Keep a new session of a principal that is locked."""
    await connection.execute(
        insert(session).values(
            id_hash=id_hash,
            principal_id=kept.principal_id,
            create_time=kept.create_time,
            last_used_time=kept.last_used_time,
            expire_time=kept.expire_time,
        )
    )


async def get_session(connection: AsyncConnection, id_hash: bytes) -> Session | None:
    """One session, also one that has ended by time."""
    row = (await connection.execute(select(session).where(session.c.id_hash == id_hash))).one_or_none()
    return None if row is None else Session(row.principal_id, row.create_time, row.last_used_time, row.expire_time)


async def touch_session(connection: AsyncConnection, id_hash: bytes, now_us: int) -> None:
    """Note a use; never back in time."""
    await connection.execute(
        update(session)
        .where(session.c.id_hash == id_hash, session.c.last_used_time < now_us)
        .values(last_used_time=now_us)
    )


async def delete_session(connection: AsyncConnection, id_hash: bytes) -> None:
    """End one session."""
    await connection.execute(delete(session).where(session.c.id_hash == id_hash))


async def delete_sessions_of(connection: AsyncConnection, principal_id: str) -> int:
    """End every session of a principal; says how many."""
    done = await connection.execute(delete(session).where(session.c.principal_id == principal_id))
    return int(done.rowcount)


async def delete_links_of(connection: AsyncConnection, principal_id: str) -> None:
    """Make a principal's links useless. What was used stays until it ends, so that it is not used again."""
    await connection.execute(
        delete(sign_in_token).where(sign_in_token.c.principal_id == principal_id, sign_in_token.c.use_time.is_(None))
    )


async def insert_link(connection: AsyncConnection, token_hash: bytes, principal_id: str, expire_time: int) -> None:
    """Keep a new sign-in link of a principal that is locked."""
    await connection.execute(
        insert(sign_in_token).values(hash=token_hash, principal_id=principal_id, expire_time=expire_time)
    )


async def find_link(connection: AsyncConnection, token_hash: bytes) -> str:
    """Whose link this is, used or not; empty where there is none."""
    found = await connection.execute(select(sign_in_token.c.principal_id).where(sign_in_token.c.hash == token_hash))
    return found.scalar_one_or_none() or ""


async def use_link(connection: AsyncConnection, token_hash: bytes, now_us: int) -> bool:
    """Use a link up; False where it is unknown, used or has ended. Of many at once one gets True."""
    done = await connection.execute(
        update(sign_in_token)
        .where(
            sign_in_token.c.hash == token_hash,
            sign_in_token.c.use_time.is_(None),
            sign_in_token.c.expire_time > now_us,
        )
        .values(use_time=now_us)
    )
    return done.rowcount == 1


async def use_id_token(
    connection: AsyncConnection, token_hash: bytes, principal_id: str, expire_time: int, now_us: int
) -> bool:
    """Note that an id token was used; False where it was used before."""
    return await insert_once(
        connection,
        sign_in_token,
        hash=token_hash,
        principal_id=principal_id,
        expire_time=expire_time,
        use_time=now_us,
    )
