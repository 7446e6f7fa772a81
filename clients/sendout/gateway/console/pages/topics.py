"""Topics (S45-S53): create, rename, disable and activate. `static/js/topics.js` lists them and makes the changes."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import role_pb2


def routes(console: Console) -> list[Route]:
    """The page."""
    return [console.page("/topics", view)]


async def view(visit: Visit) -> Response:
    """Active or disabled topics."""
    state = "disabled" if visit.request.query_params.get("state") == "disabled" else "active"
    return visit.page("topics.html", state=state, may_manage=visit.may(role_pb2.PERMISSION_MANAGE_TOPICS))
