"""API keys: secrets that programs call with. A secret is shown once, when its key is made."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.pages.admin import room
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import api_key_service_pb2


def routes(console: Console) -> list[Route]:
    """The list."""
    return [console.page("/admin/api-keys", keys)]


async def keys(visit: Visit) -> Response:
    """All keys, newest first; revoked ones where asked for."""
    request = api_key_service_pb2.ListApiKeysRequest(include_revoked=bool(room.typed(visit, "revoked")))
    answer = await room.page_of(visit, request)
    choices = room.pairs(await room.all_roles(visit), "role_id")
    return room.show(
        visit,
        "api_keys.html",
        keys=answer.api_keys,
        roles=[pair for pair in choices if pair[0] != "everyone"],
        labels=dict(choices),
        revoked=request.include_revoked,
        more=answer.next_page_token,
    )
