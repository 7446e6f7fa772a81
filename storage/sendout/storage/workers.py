"""Incarnations of dispatchers: who is alive by the database's clock, who was declared dead, what they left behind."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, false, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from sendout.domain.states import State
from sendout.storage.tables import is_open, message, progress, worker


class database_now(FunctionElement[int]):
    """The database's own clock in microseconds since 1970: leases never depend on a worker's clock."""

    type = BigInteger()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _postgres_now(*_: Any, **__: Any) -> str:
    return "(extract(epoch from clock_timestamp()) * 1000000)::bigint"


@compiles(database_now, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


async def register(connection: AsyncConnection, name: str, redis_epoch: str) -> int:
    """A fresh incarnation number: the fencing token of everything this worker will claim."""
    row = await connection.execute(
        insert(worker)
        .values(name=name, redis_epoch=redis_epoch, start_time=database_now(), heartbeat_time=database_now())
        .returning(worker.c.id)
    )
    return int(row.scalar_one())


async def heartbeat(connection: AsyncConnection, incarnation: int) -> bool:
    """Say that this incarnation lives; False where it was declared dead."""
    done = await connection.execute(
        update(worker).where(worker.c.id == incarnation, worker.c.dead == false()).values(heartbeat_time=database_now())
    )
    return bool(done.rowcount)


async def end(connection: AsyncConnection, incarnation: int) -> None:
    """A worker that stopped in order: dead from now on. Others see to it that it left nothing behind."""
    await connection.execute(update(worker).where(worker.c.id == incarnation).values(dead=True))


async def declare_dead(connection: AsyncConnection, silence_us: int) -> None:
    """Mark every incarnation dead whose last heartbeat is older than `silence_us`."""
    await connection.execute(
        update(worker)
        .where(worker.c.dead == false(), worker.c.heartbeat_time < database_now() - silence_us)
        .values(dead=True)
    )


@dataclass(frozen=True, slots=True)
class DeadWorker:
    """A dead incarnation that is still to be recovered."""

    id: int
    name: str
    redis_epoch: str


async def to_recover(connection: AsyncConnection, account: str) -> list[DeadWorker]:
    """Dead incarnations of one carrier account whose messages nobody has taken care of."""
    rows = await connection.execute(
        select(worker.c.id, worker.c.name, worker.c.redis_epoch).where(
            worker.c.dead, worker.c.recovered == false(), worker.c.name.startswith(f"{account}/", autoescape=True)
        )
    )
    return [DeadWorker(*row) for row in rows]


async def mark_recovered(connection: AsyncConnection, incarnation: int) -> None:
    """Nothing of this incarnation is left to look at."""
    await connection.execute(update(worker).where(worker.c.id == incarnation).values(recovered=true()))


@dataclass(frozen=True, slots=True)
class Left:
    """A message that a dead incarnation left in SENDING."""

    notification_id: uuid.UUID
    index: int
    attempt: int
    segments: int
    refusals: int


async def left_by(connection: AsyncConnection, incarnation: int) -> Sequence[Left]:
    """Every message that is SENDING and owned by this incarnation, found through its open notification."""
    rows = await connection.execute(
        select(message.c.notification_id, message.c.index, message.c.attempt, message.c.segments, message.c.refusals)
        .join(progress, progress.c.notification_id == message.c.notification_id)
        .where(
            is_open,
            progress.c.sending > 0,
            message.c.state == int(State.SENDING),
            message.c.owner == incarnation,
        )
        .order_by(message.c.notification_id, message.c.index)
    )
    return [Left(*row) for row in rows]


async def any_alive(connection: AsyncConnection, silence_us: int = 5_000_000) -> bool:
    """Whether a dispatcher was heard of lately."""
    found = await connection.execute(
        select(worker.c.id)
        .where(worker.c.dead == false(), worker.c.heartbeat_time >= database_now() - silence_us)
        .limit(1)
    )
    return found.first() is not None
