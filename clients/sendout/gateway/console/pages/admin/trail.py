"""Audit: who changed what, newest first."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.pages.admin import room
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import audit_service_pb2

_FILTERS = ("from", "until", "who", "action", "object")


def routes(console: Console) -> list[Route]:
    """The page."""
    return [console.page("/admin/audit", audit)]


async def audit(visit: Visit) -> Response:
    """The changes that the filters leave."""
    request = audit_service_pb2.ListAuditEntriesRequest(
        start_time=room.beginning(visit, room.day(visit, "from")),
        end_time=room.beginning(visit, room.day(visit, "until"), days=1),
        principal_id=room.typed(visit, "who"),
        action=room.typed(visit, "action"),
        object_id=room.typed(visit, "object"),
    )
    answer = await room.page_of(visit, request)
    wanted = {name: room.typed(visit, name) for name in _FILTERS}
    return room.show(visit, "audit.html", entries=answer.entries, wanted=wanted, more=answer.next_page_token)
