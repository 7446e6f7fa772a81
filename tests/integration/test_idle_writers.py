"""Writers that stand still in the middle of a transaction on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from sendout.domain.errors import Reason, SendoutError
from sendout.storage.engine import Database
from sendout.storage.event_log import EventKind, append_events, told
from sendout.storage.tables import event


async def test_who_idles_with_the_head_is_ended(postgres_url: str) -> None:
    """A writer that stands still with the event head row holds up another for a moment only, and writes nothing."""
    database = Database(postgres_url)

    async def standing_still() -> None:
        async with database.write() as frozen:
            await append_events(frozen, [told(EventKind.OPTED_OUT, "frozen", None, 1)])
            async with database.write() as other:  # comes through when the first is ended
                await append_events(other, [told(EventKind.OPTED_OUT, "other", None, 1)])

    with pytest.raises(SendoutError) as caught:
        await standing_still()
    assert caught.value.reason is Reason.STORAGE_UNAVAILABLE
    async with database.read() as connection:
        assert (await connection.execute(select(event.c.position, event.c.contact_point_id))).all() == [(1, "other")]
    await database.close()
