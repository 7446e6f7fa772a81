"""What a contact point has sent on one day, for its daily cap: counted from SQL where Redis does not know."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import State
from sendout.storage.tables import is_open, message, progress, usage


async def sent_since(connection: AsyncConnection, contact_point_id: str, start_us: int, incarnation: int) -> int:
    """Segments that carriers took since then, and those that may be on their way; never too few.

    What `incarnation`, the one who asks, has in hand is left out: it asks for permits with this count.
    """
    taken = select(func.coalesce(func.sum(usage.c.segments), 0)).where(
        usage.c.contact_point_id == contact_point_id, usage.c.time >= start_us
    )
    in_doubt = (
        select(func.coalesce(func.sum(message.c.segments), 0))
        .join(progress, progress.c.notification_id == message.c.notification_id)
        .where(
            is_open,
            progress.c.contact_point_id == contact_point_id,
            progress.c.sending + progress.c.unconfirmed > 0,
            message.c.state.in_([int(State.SENDING), int(State.UNCONFIRMED)]),
            message.c.owner != incarnation,
        )
    )
    sums = await connection.execute(select(taken.scalar_subquery(), in_doubt.scalar_subquery()))
    return sum(int(part) for part in sums.one())
