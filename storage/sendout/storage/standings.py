"""How notifications stand at the moment of a claim: whether they may still be sent, and by which rules."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, case, exists, false, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.contact_points import ConsentPolicy, QuietHours
from sendout.domain.permissions import EVERYONE, Grant
from sendout.domain.replies import Purpose
from sendout.domain.states import ReasonCode, State
from sendout.storage.tables import contact_point, notification, principal, principal_role, role_grant


@dataclass(frozen=True, slots=True)
class Standing:
    """How a notification stands at the moment of the claim."""

    notification_id: uuid.UUID
    text: str
    encoding: int
    sender: str
    contact_point_id: str
    carriers: tuple[str, ...]  # the notification's own first, then those its contact point falls back to
    segments_per_second: float
    burst_segments: int
    daily_segment_cap: int
    cap_time_zone: str
    require_opt_in: bool
    heeds_opt_out: bool  # False only for the last word that the server itself says to who has just opted out
    quiet_hours: QuietHours | None  # None also where it does not wait for them
    expire_time: int
    verdict: State | None  # None: may be sent; a final state: may not any more; QUEUED: not now
    reason: ReasonCode


async def standings(connection: AsyncConnection, ids: Sequence[uuid.UUID], now_us: int) -> dict[uuid.UUID, Standing]:
    """How these notifications stand now; those that are gone are left out."""
    rows = await connection.execute(_STANDINGS, {"ids": list(set(ids))})
    return {row.id: _standing(row, now_us) for row in rows}


def _standing(row: Any, now_us: int) -> Standing:
    verdict: State | None = None
    reason = ReasonCode.NONE
    if row.canceled:
        verdict, reason = State.CANCELED, ReasonCode.CANCELED_BY_CALLER
    elif row.expire_time <= now_us:
        verdict, reason = State.EXPIRED, ReasonCode.EXPIRED_IN_QUEUE
    elif not row.permitted:
        verdict, reason = State.SUPPRESSED, ReasonCode.PERMISSION_REVOKED
    elif not row.enabled:
        verdict = State.QUEUED  # a switched-off contact point pauses, it does not throw away
    return Standing(
        row.id,
        row.text or "",
        row.encoding,
        row.sender,
        row.contact_point_id,
        tuple(dict.fromkeys((row.carrier, *row.fallback_carriers))),
        row.segments_per_second,
        row.burst_segments,
        row.daily_segment_cap,
        row.cap_time_zone,
        row.consent_policy == ConsentPolicy.REQUIRE_OPT_IN.value,
        row.purpose != Purpose.LAST_WORD,
        QuietHours(**row.quiet_hours) if row.quiet_hours and not row.urgent else None,
        row.expire_time,
        verdict,
        reason,
    )


_HOLDS_ROLE = or_(
    role_grant.c.role_id == EVERYONE,
    exists().where(
        principal_role.c.principal_id == notification.c.principal_id,
        principal_role.c.role_id == role_grant.c.role_id,
    ),
)
# Whoever answers in a conversation is on another list than who sends notifications; what the server answers to a
# keyword by itself needs nobody's leave.
_NEEDED = case(
    (notification.c.purpose == Purpose.CONVERSATION, Grant.START_CONVERSATIONS.value),
    else_=Grant.SEND_NOTIFICATIONS.value,
)
_PERMITTED = and_(
    or_(
        notification.c.purpose.in_([Purpose.ANSWER, Purpose.LAST_WORD]),
        exists().where(
            role_grant.c.contact_point_id == notification.c.contact_point_id,
            role_grant.c.permission == _NEEDED,
            _HOLDS_ROLE,
        ),
    ),
    exists().where(principal.c.id == notification.c.principal_id, principal.c.disabled == false()),
)
_STANDINGS = (
    select(
        notification.c.id,
        notification.c.text,
        notification.c.encoding,
        notification.c.contact_point_id,
        notification.c.carrier,
        notification.c.expire_time,
        notification.c.canceled,
        notification.c.sender,
        notification.c.urgent,
        contact_point.c.fallback_carriers,
        notification.c.purpose,
        contact_point.c.daily_segment_cap,
        contact_point.c.cap_time_zone,
        contact_point.c.consent_policy,
        contact_point.c.quiet_hours,
        contact_point.c.segments_per_second,
        contact_point.c.burst_segments,
        contact_point.c.enabled,
        _PERMITTED.label("permitted"),
    )
    .join(contact_point, contact_point.c.id == notification.c.contact_point_id)
    .where(notification.c.id.in_(bindparam("ids", expanding=True)))
)
