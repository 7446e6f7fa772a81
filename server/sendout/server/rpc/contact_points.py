"""ContactPointService: the sending identities."""

from __future__ import annotations

from typing import Any

from sendout.domain.contact_points import MUTABLE, ConsentPolicy, ContactPoint, QuietHours
from sendout.domain.errors import field_invalid
from sendout.server.commands.contact_points import ContactPoints
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import changes, timestamp
from sendout.server.rpc.pages import Pages
from sendout.v1 import contact_point_pb2, contact_point_service_pb2, contact_point_service_pb2_grpc

_LISTS = frozenset({"send_notification_roles", "start_conversation_roles", "allowed_countries", "fallback_carriers"})
_TRUE_UNLESS_SET = frozenset({"emoji_enabled", "enabled"})
_POLICY_PREFIX = "CONSENT_POLICY_"


class ContactPointServicer(contact_point_service_pb2_grpc.ContactPointServiceServicer):
    """Parses, calls `ContactPoints` and converts."""

    def __init__(self, contact_points: ContactPoints, pages: Pages) -> None:
        self._contact_points = contact_points
        self._pages = pages

    async def CreateContactPoint(
        self, request: contact_point_service_pb2.CreateContactPointRequest, context: Any
    ) -> contact_point_service_pb2.CreateContactPointResponse:
        """A new contact point."""
        typed = request.contact_point
        wanted = ContactPoint(id=typed.contact_point_id, **{name: _read(typed, name) for name in MUTABLE})
        created = await self._contact_points.create(current_caller(), wanted)
        return contact_point_service_pb2.CreateContactPointResponse(contact_point=_message(created))

    async def GetContactPoint(
        self, request: contact_point_service_pb2.GetContactPointRequest, context: Any
    ) -> contact_point_service_pb2.GetContactPointResponse:
        """One contact point."""
        found = await self._contact_points.get(current_caller(), request.contact_point_id)
        return contact_point_service_pb2.GetContactPointResponse(contact_point=_message(found))

    async def ListContactPoints(
        self, request: contact_point_service_pb2.ListContactPointsRequest, context: Any
    ) -> contact_point_service_pb2.ListContactPointsResponse:
        """Those the caller may see, by label."""
        rows = await self._contact_points.list_page(
            current_caller(),
            *self._pages.asked(request),
            sendable_only=request.sendable_only,
        )
        shown, token = self._pages.cut(request, rows, lambda row: row[1])
        return contact_point_service_pb2.ListContactPointsResponse(
            contact_points=[_message(point) for point, _ in shown], next_page_token=token
        )

    async def UpdateContactPoint(
        self, request: contact_point_service_pb2.UpdateContactPointRequest, context: Any
    ) -> contact_point_service_pb2.UpdateContactPointResponse:
        """Change settings or lists."""
        typed = request.contact_point
        wanted = changes(typed, request.update_mask, _READERS, "a contact point")
        changed = await self._contact_points.update(current_caller(), typed.contact_point_id, wanted)
        return contact_point_service_pb2.UpdateContactPointResponse(contact_point=_message(changed))


def _read(typed: contact_point_pb2.ContactPoint, name: str) -> Any:
    value = getattr(typed, name)
    if name in _LISTS:
        return tuple(value)
    if name == "consent_policy":
        return _policy(value)
    if name in _TRUE_UNLESS_SET:
        return value if typed.HasField(name) else True
    if name == "quiet_hours":
        quiet = typed.quiet_hours
        return QuietHours(quiet.start, quiet.end, quiet.fallback_time_zone) if typed.HasField(name) else None
    return value


def _policy(value: int) -> ConsentPolicy:
    if value not in contact_point_pb2.ConsentPolicy.values():
        raise field_invalid("contact_point.consent_policy", value, "Choose BLOCK_OPTED_OUT or REQUIRE_OPT_IN.")
    if value == contact_point_pb2.CONSENT_POLICY_UNSPECIFIED:
        return ConsentPolicy.BLOCK_OPTED_OUT
    return ConsentPolicy(contact_point_pb2.ConsentPolicy.Name(value).removeprefix(_POLICY_PREFIX))


def _reader(name: str) -> Any:
    return lambda typed: _read(typed, name)


_READERS = {name: _reader(name) for name in sorted(MUTABLE)}


def _message(point: ContactPoint) -> contact_point_pb2.ContactPoint:
    message = contact_point_pb2.ContactPoint(
        contact_point_id=point.id,
        create_time=timestamp(point.create_time),
        update_time=timestamp(point.update_time),
        consent_policy=f"{_POLICY_PREFIX}{point.consent_policy}",
        **{name: getattr(point, name) for name in MUTABLE - {"quiet_hours", "consent_policy"}},
    )
    if point.quiet_hours is not None:
        message.quiet_hours.start = point.quiet_hours.start
        message.quiet_hours.end = point.quiet_hours.end
        message.quiet_hours.fallback_time_zone = point.quiet_hours.fallback_time_zone
    return message
