"""Snippets: saved texts, one's own and those shared with everyone, which administrators change."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.pages.admin import room
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import snippet_pb2, snippet_service_pb2


def routes(console: Console) -> list[Route]:
    """The page."""
    return [console.page("/admin/snippets", snippets)]


async def snippets(visit: Visit) -> Response:
    """The visitor's own and the shared ones, by tag."""
    answer = await room.page_of(visit, snippet_service_pb2.ListSnippetsRequest(), room.MOST)
    shared = [one for one in answer.snippets if one.scope == snippet_pb2.SNIPPET_SCOPE_SHARED]
    own = [one for one in answer.snippets if one.scope != snippet_pb2.SNIPPET_SCOPE_SHARED]
    return room.show(
        visit,
        "snippets.html",
        groups=(("own", own, True), ("shared", shared, visit.administrator)),
        more=answer.next_page_token,
    )
