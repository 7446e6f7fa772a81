"""Which events a subscriber asks for, and which it gets."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.cursors import filter_digest
from sendout.domain.errors import Reason, field_invalid, not_found
from sendout.storage import events
from sendout.storage.event_log import EventKind
from sendout.storage.events import Happening, Origin

_MOST_IDS = 100
_LONGEST_CRM_SYSTEM = 63


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What a subscriber asked for; what is empty does not filter."""

    resume_token: str = ""
    contact_point_ids: Collection[str] = ()
    topic_ids: Collection[str] = ()
    notification_id: str = ""
    crm_system: str = ""
    own_only: bool = False
    conversations_only: bool = False


@dataclass(frozen=True)
class EventFilter:
    """Which events a subscriber gets; what is empty does not filter. `kinds` and `conversing` are no part of a resume
    token."""

    contact_point_ids: frozenset[str]
    topic_ids: frozenset[str]
    notification_id: uuid.UUID | None
    crm_system: str
    principal_id: str  # empty: everybody's sends
    kinds: frozenset[int] = frozenset()
    conversations_only: bool = False
    conversing: frozenset[str] | None = None  # contact points whose conversations the principal sees beside its sends

    @cached_property
    def digest(self) -> bytes:
        """What ties a resume token to the filter."""
        return filter_digest(
            {
                "contact_points": sorted(self.contact_point_ids),
                "topics": sorted(self.topic_ids),
                "notification": str(self.notification_id or ""),
                "crm_system": self.crm_system,
                "principal": self.principal_id,
                "conversations": self.conversations_only,
            }
        )

    def takes(self, origin: Origin) -> bool:
        """Whether events of this notification are wanted; which of its messages is another question.

        Who opted out of the whole organisation did so at every contact point.
        """
        of_organisation = origin.of_no_message and not origin.contact_point_id
        return (
            (not self.contact_point_ids or of_organisation or origin.contact_point_id in self.contact_point_ids)
            and (not self.topic_ids or origin.topic_id in self.topic_ids)
            and self.notification_id in (None, origin.notification_id)
            and (self._owns(origin) or origin.contact_point_id in (self.conversing or ()))
        )

    def _owns(self, origin: Origin) -> bool:
        return self.principal_id in ("", origin.principal_id)

    def takes_change(self, change: Happening) -> bool:
        """Whether this event is wanted."""
        record = change.message.crm_record if change.message else None
        of_system = not self.crm_system or (record is not None and record.get("system") == self.crm_system)
        talk = change.origin.of_conversation or change.kind is not EventKind.STATE_CHANGED
        seen = talk or (self._owns(change.origin) and not self.conversations_only)
        return of_system and seen and self.takes(change.origin) and (not self.kinds or change.kind in self.kinds)


async def check_filters(
    connection: AsyncConnection,
    contact_point_ids: Collection[str],
    topic_ids: Collection[str],
    crm_system: str,
    prefix: str = "",
) -> None:
    """FIELD_INVALID, CONTACT_POINT_NOT_FOUND or TOPIC_NOT_FOUND; the fields begin with `prefix`."""
    for name, ids in (("contact_point_ids", contact_point_ids), ("topic_ids", topic_ids)):
        if len(ids) > _MOST_IDS:
            raise field_invalid(prefix + name, f"{len(ids)} entries", f"At most {_MOST_IDS} are taken.")
    if len(crm_system) > _LONGEST_CRM_SYSTEM:
        raise field_invalid(f"{prefix}crm_system", crm_system, f"At most {_LONGEST_CRM_SYSTEM} characters.")
    for unknown in await events.unknown_contact_points(connection, contact_point_ids):
        raise not_found(Reason.CONTACT_POINT_NOT_FOUND, "contact point", unknown)
    for unknown in await events.unknown_topics(connection, topic_ids):
        raise not_found(Reason.TOPIC_NOT_FOUND, "topic", unknown)
