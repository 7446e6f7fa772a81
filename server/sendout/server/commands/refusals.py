"""Refusals that several use cases share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.contact_points import ContactPoint
from sendout.domain.errors import Reason, SendoutError, Violation, not_found
from sendout.domain.permissions import Caller, Permission
from sendout.domain.topics import Topic
from sendout.storage import contact_points, identity


def refuse_fields(violations: Sequence[Violation]) -> None:
    """Raise FIELD_INVALID with every problem where there is one; the sentence names the first."""
    if not violations:
        return
    first = f"{violations[0].field}: {violations[0].description}"
    more = f" ({len(violations) - 1} more)" if len(violations) > 1 else ""
    raise SendoutError(Reason.FIELD_INVALID, first + more, violations=violations)


def id_taken(kind: str, identifier: str) -> SendoutError:
    """ID_TAKEN; `kind` in plain words."""
    return SendoutError(
        Reason.ID_TAKEN,
        f"There is a {kind} {identifier!r} already. Choose another id, or leave it empty to have one made.",
        metadata={"id": identifier},
    )


def backlog_full(point: ContactPoint, own: int, waiting: int) -> SendoutError | None:
    """BACKLOG_FULL where `own` segments behind `waiting` ones would take longer to leave than the contact point allows.

    Says when to try again; where the send is too large by itself, that trying again cannot help.
    """
    rate, most_s = point.segments_per_second, point.max_backlog_hours * 3600.0
    if (own + waiting) / rate <= most_s:
        return None
    allowed = f"{point.id!r} takes what leaves within {point.max_backlog_hours} h at {rate:g} segments per second"
    if own / rate > most_s:
        return SendoutError(
            Reason.BACKLOG_FULL,
            f"These {own:,} segments alone would take {own / rate / 3600:,.1f} h to leave. {allowed}: send fewer at a "
            "time, or ask an administrator to raise its rate or its backlog.",
            metadata={"subject": f"contact_point:{point.id}"},
        )
    return SendoutError(
        Reason.BACKLOG_FULL,
        f"{waiting:,} segments are waiting already, which take {waiting / rate / 3600:,.1f} h. {allowed}. Try again "
        "later.",
        metadata={"subject": f"contact_point:{point.id}"},
        retry_after=(own + waiting) / rate - most_s,
    )


def quota_exceeded(own: int, left: int, seconds_left: float) -> SendoutError:
    """QUOTA_EXCEEDED for a key with `left` segments left on a day that ends in `seconds_left`."""
    return SendoutError(
        Reason.QUOTA_EXCEEDED,
        f"This needs {own:,} segments; the key's quota has {left:,} left today (UTC). Try again tomorrow, send "
        "fewer, or ask an administrator for a key with a larger quota.",
        metadata={"subject": "api_key"},
        retry_after=seconds_left,
    )


def known_contact_point(found: ContactPoint | None, contact_point_id: str) -> ContactPoint:
    """What was found by the id; CONTACT_POINT_NOT_FOUND where that is nothing."""
    if found is None:
        raise not_found(Reason.CONTACT_POINT_NOT_FOUND, "contact point", contact_point_id)
    return found


async def visible_contact_point(connection: AsyncConnection, caller: Caller, contact_point_id: str) -> ContactPoint:
    """One contact point; one that the caller may not use for anything looks like one that is not there."""
    if Permission.ADMINISTER in caller.permissions:
        found = await contact_points.get(connection, contact_point_id)
    else:
        found = await contact_points.get_visible(connection, contact_point_id, caller.principal_id)
    return known_contact_point(found, contact_point_id)


def known_topic(found: Topic | None, topic_id: str) -> Topic:
    """What was found by the id; TOPIC_NOT_FOUND where that is nothing."""
    if found is None:
        raise not_found(Reason.TOPIC_NOT_FOUND, "topic", topic_id)
    return found


async def require_roles(connection: AsyncConnection, lists: Iterable[tuple[str, Collection[str]]]) -> None:
    """Raise ROLE_NOT_FOUND unless every role of these (field, role ids) exists; they are held until the commit."""
    named = [(f"{field}[{place}]", role_id) for field, ids in lists for place, role_id in enumerate(ids)]
    existing = await identity.existing_roles(connection, {role_id for _, role_id in named})
    missing = [(field, role_id) for field, role_id in named if role_id not in existing]
    if missing:
        field, role_id = missing[0]
        raise SendoutError(
            Reason.ROLE_NOT_FOUND,
            f"{field}: there is no role {role_id[:80]!r}. List the roles, or create it first.",
            violations=[Violation(place, f"There is no role {typed[:80]!r}.") for place, typed in missing],
            metadata={"id": role_id[:80]},
        )
