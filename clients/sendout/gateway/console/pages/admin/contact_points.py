"""Contact points: Admin > Contact Points > {contact point} > General > Outbound Roles > Send Notifications (S3)."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.pages.admin import room
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import contact_point_pb2, contact_point_service_pb2

_NEW = contact_point_pb2.ContactPoint(
    send_notification_roles=["everyone"],
    start_conversation_roles=["everyone"],
    emoji_enabled=True,
    enabled=True,
)
_POLICIES = (
    ("CONSENT_POLICY_BLOCK_OPTED_OUT", "Everyone but those who opted out"),
    ("CONSENT_POLICY_REQUIRE_OPT_IN", "Only those who opted in"),
)


def routes(console: Console) -> list[Route]:
    """The list, a new one, and one of them."""
    return [
        console.page("/admin", listed),
        console.page("/admin/contact-points", listed),
        console.page("/admin/contact-points/new", new),
        console.page("/admin/contact-points/{contact_point_id}", one),
    ]


async def listed(visit: Visit) -> Response:
    """All contact points."""
    roles = dict(room.pairs(await room.all_roles(visit), "role_id"))
    answer = await room.page_of(visit, contact_point_service_pb2.ListContactPointsRequest())
    return room.show(
        visit, "contact_points.html", points=answer.contact_points, roles=roles, more=answer.next_page_token
    )


async def new(visit: Visit) -> Response:
    """The page of one that is not there yet, with what the server would choose."""
    return await _settings(visit, _NEW)


async def one(visit: Visit) -> Response:
    """The settings of one."""
    wanted = contact_point_service_pb2.GetContactPointRequest(**visit.request.path_params)
    return await _settings(visit, (await visit.ask(wanted)).contact_point)


async def _settings(visit: Visit, point: contact_point_pb2.ContactPoint) -> Response:
    policy = contact_point_pb2.ConsentPolicy.Name(
        point.consent_policy or contact_point_pb2.CONSENT_POLICY_BLOCK_OPTED_OUT
    )
    roles = room.pairs(await room.all_roles(visit), "role_id")
    return room.show(
        visit, "contact_point.html", point=point, roles=roles, policies=_POLICIES, policy=policy, plainly=plainly
    )


def plainly(number: float) -> str:
    """A number as people type it; empty for 0, which leaves the choice to the server."""
    return f"{number:g}" if number < 1_000_000 and number else str(int(number)) if number else ""
