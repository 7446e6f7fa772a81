"""What keeps a recipient or a whole send from going out: consent, how often a number was written to, quotas of keys.

Read at accept and by the preview; consent is looked at once more in the claim (`claims`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

from sqlalchemy import Uuid, bindparam, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.rows import insert_once
from sendout.storage.tables import api_key, consent, message, notification, quota_use

_CHUNK = 10_000

_HERE = consent.c.contact_point_id.in_(["", bindparam("contact_point_id")])
_ANY_WORD = select(consent.c.number_key).where(_HERE).limit(1)
_WORDS = (
    select(consent.c.number_key, func.max(case((consent.c.opted_out, 1), else_=0)).label("out"))
    .where(_HERE, consent.c.number_key.in_(bindparam("keys", expanding=True)))
    .group_by(consent.c.number_key)
)


async def standing_words(
    connection: AsyncConnection, contact_point_id: str, keys: Sequence[bytes]
) -> dict[bytes, bool]:
    """By number key, whether its owner has opted out (True) or in; numbers without a word are left out.

    A word for the contact point counts beside one for the whole organisation, and an opt-out beats an opt-in.
    """
    parameters = {"contact_point_id": contact_point_id}
    if (await connection.execute(_ANY_WORD, parameters)).first() is None:
        return {}
    found: dict[bytes, bool] = {}
    for chunk in _chunks(keys):
        rows = await connection.execute(_WORDS, parameters | {"keys": chunk})
        found.update((key, bool(out)) for key, out in rows)
    return found


_RECENT = (
    select(message.c.number_key, func.count())
    .join(notification, notification.c.id == message.c.notification_id)
    .where(
        message.c.number_key.in_(bindparam("keys", expanding=True)),
        message.c.notification_id >= bindparam("since", type_=Uuid),
        notification.c.contact_point_id == bindparam("contact_point_id"),
    )
    .group_by(message.c.number_key)
)


async def recent_messages(
    connection: AsyncConnection, contact_point_id: str, keys: Sequence[bytes], since: uuid.UUID
) -> dict[bytes, int]:
    """By number key, how many messages it got from this contact point in notifications from `since` on."""
    found: dict[bytes, int] = {}
    for chunk in _chunks(keys):
        parameters = {"contact_point_id": contact_point_id, "since": since, "keys": chunk}
        found.update((key, count) for key, count in await connection.execute(_RECENT, parameters))
    return found


def _chunks(keys: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), _CHUNK):
        yield list(keys[start : start + _CHUNK])


_QUOTA = select(
    api_key.c.daily_segment_quota,
    select(quota_use.c.segments)
    .where(quota_use.c.api_key_id == api_key.c.id, quota_use.c.day == bindparam("day"))
    .scalar_subquery(),
).where(api_key.c.id == bindparam("api_key_id"))


async def quota_left(connection: AsyncConnection, api_key_id: str, day_us: int) -> int | None:
    """Segments that may still be sent with a key on the UTC day that begins at `day_us`; None: it has no quota."""
    row = (await connection.execute(_QUOTA, {"api_key_id": api_key_id, "day": day_us})).first()
    if row is None or not row[0]:
        return None
    return max(0, int(row[0]) - int(row[1] or 0))


async def charge_quota(connection: AsyncConnection, api_key_id: str, day_us: int, segments: int) -> bool:
    """Charge a key that has a quota; False, and nothing charged, where it has too little left. Exact at any number of
    callers: the row is held until the commit."""
    await insert_once(connection, quota_use, api_key_id=api_key_id, day=day_us, segments=0)
    quota = select(api_key.c.daily_segment_quota).where(api_key.c.id == api_key_id).scalar_subquery()
    charged = await connection.execute(
        update(quota_use)
        .where(
            quota_use.c.api_key_id == api_key_id,
            quota_use.c.day == day_us,
            quota_use.c.segments + segments <= quota,
        )
        .values(segments=quota_use.c.segments + segments)
    )
    return charged.rowcount == 1
