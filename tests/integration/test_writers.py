"""How transactions end: events go with the commit, and writers that stand still or are cut off do no harm."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.states import ReasonCode, State
from sendout.storage.engine import Database
from sendout.storage.event_log import EventKind, append_events, told
from sendout.storage.notifications import NewMessage, Start, insert_messages
from sendout.storage.tables import event, event_head

OPTED_OUT = told(EventKind.OPTED_OUT, "main", None, 1)


async def test_who_stands_still_with_events_to_tell_holds_nobody_up(postgres_url: str) -> None:
    """A writer holds the event head in the database alone: one that stands still before its commit lets the others
    pass, and comes behind them."""
    database = Database(postgres_url)
    async with asyncio.timeout(3), database.write() as frozen:  # one who idles is ended after five
        await append_events(frozen, [told(EventKind.OPTED_OUT, "frozen", None, 1)])
        async with database.write() as other:
            await append_events(other, [told(EventKind.OPTED_OUT, "other", None, 1)])
    async with database.read() as connection:
        told_in_order = await connection.execute(select(event.c.position, event.c.contact_point_id))
        assert told_in_order.all() == [(1, "other"), (2, "frozen")]
    await database.close()


@pytest.mark.parametrize("first", ["nothing", "a statement"])
async def test_what_raises_leaves_no_events(database: Database, first: str) -> None:
    """Events of a transaction that raises are not told and take no position, also where they were all there was."""

    async def write(fail: bool) -> None:
        async with database.write() as connection:
            if first == "a statement":
                await connection.execute(select(event_head.c.position))
            await append_events(connection, [OPTED_OUT])
            await append_events(connection, [OPTED_OUT, OPTED_OUT])
            if fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        await write(fail=True)
    await write(fail=False)
    async with database.read() as connection:
        assert sorted((await connection.execute(select(event.c.position))).scalars()) == [1, 2, 3]
        assert (await connection.execute(select(event_head.c.position))).scalar_one() == 3


@pytest.mark.parametrize(
    "typed", ["'", '"', "\\", "{a,b}", "NULL", "", "$1", "'); DROP TABLE event; --", "\n\t%s :a", "€😀"]
)
async def test_every_text_of_an_event_is_kept_as_it_is(database: Database, typed: str) -> None:
    """No character of a text ends it, or means anything to the database."""
    async with database.write() as connection:
        await append_events(connection, [told(EventKind.REPLY_RECEIVED, typed, None, 1, typed), OPTED_OUT])
    async with database.read() as connection:
        rows = await connection.execute(select(event.c.contact_point_id, event.c.reference).order_by(event.c.position))
        assert rows.all() == [(typed, typed), ("main", "")]


async def copy(connection: AsyncConnection) -> None:
    """Accept's bulk insert."""
    start = Start(State.QUEUED, ReasonCode.NONE, None)
    await insert_messages(connection, uuid.uuid4(), [NewMessage(1, "+14155550101", b"k", "US", 1, None, None, start)])


async def tell(connection: AsyncConnection) -> None:
    await append_events(connection, [OPTED_OUT])


async def count(connection: AsyncConnection) -> None:
    await connection.execute(select(func.count()).select_from(event))


@pytest.mark.parametrize("write", [copy, tell, count])
async def test_who_is_cut_off_is_told_so(
    postgres_url: str, write: Callable[[AsyncConnection], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that ends in the middle is STORAGE_UNAVAILABLE to the caller, whatever was under way; the log has
    its kind; and the next writer gets a new one."""
    database = Database(postgres_url)

    async def cut_off() -> None:
        async with database.write() as connection:
            pid = (await connection.execute(select(func.pg_backend_pid()))).scalar_one()
            async with database.read() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            await write(connection)

    with pytest.raises(SendoutError) as caught:
        await cut_off()
    assert caught.value.reason is Reason.STORAGE_UNAVAILABLE
    assert "The database could not be used" in caplog.text
    async with database.write() as connection:
        await tell(connection)
    async with database.read() as connection:
        assert list((await connection.execute(select(event.c.position))).scalars()) == [1]
    await database.close()
