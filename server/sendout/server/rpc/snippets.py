"""SnippetService: saved texts."""

from __future__ import annotations

from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.snippets import Snippet
from sendout.server.commands.snippets import Snippets
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import changes, timestamp
from sendout.server.rpc.pages import Pages
from sendout.v1 import snippet_pb2, snippet_service_pb2, snippet_service_pb2_grpc

_READERS = {"tag": lambda typed: typed.tag, "text": lambda typed: typed.text}
_SHARED: dict[int, bool | None] = {
    snippet_pb2.SNIPPET_SCOPE_UNSPECIFIED: None,
    snippet_pb2.SNIPPET_SCOPE_PERSONAL: False,
    snippet_pb2.SNIPPET_SCOPE_SHARED: True,
}


class SnippetServicer(snippet_service_pb2_grpc.SnippetServiceServicer):
    """Parses, calls `Snippets` and converts."""

    def __init__(self, snippets: Snippets, pages: Pages) -> None:
        self._snippets = snippets
        self._pages = pages

    async def CreateSnippet(
        self, request: snippet_service_pb2.CreateSnippetRequest, context: Any
    ) -> snippet_service_pb2.CreateSnippetResponse:
        """A new snippet."""
        typed = request.snippet
        shared = bool(_shared("snippet.scope", typed.scope))
        created = await self._snippets.create(current_caller(), typed.tag, typed.text, shared=shared)
        return snippet_service_pb2.CreateSnippetResponse(snippet=_message(created))

    async def GetSnippet(
        self, request: snippet_service_pb2.GetSnippetRequest, context: Any
    ) -> snippet_service_pb2.GetSnippetResponse:
        """One snippet."""
        found = await self._snippets.get(current_caller(), request.snippet_id)
        return snippet_service_pb2.GetSnippetResponse(snippet=_message(found))

    async def ListSnippets(
        self, request: snippet_service_pb2.ListSnippetsRequest, context: Any
    ) -> snippet_service_pb2.ListSnippetsResponse:
        """The caller's own and the shared ones, by tag."""
        rows = await self._snippets.list_page(
            current_caller(), *self._pages.asked(request), shared=_shared("scope", request.scope)
        )
        shown, token = self._pages.cut(request, rows, lambda snippet: (snippet.tag, snippet.owner_id))
        return snippet_service_pb2.ListSnippetsResponse(
            snippets=[_message(snippet) for snippet in shown], next_page_token=token
        )

    async def UpdateSnippet(
        self, request: snippet_service_pb2.UpdateSnippetRequest, context: Any
    ) -> snippet_service_pb2.UpdateSnippetResponse:
        """Change tag or text."""
        wanted = changes(request.snippet, request.update_mask, _READERS, "a snippet")
        changed = await self._snippets.update(current_caller(), request.snippet.snippet_id, **wanted)
        return snippet_service_pb2.UpdateSnippetResponse(snippet=_message(changed))

    async def DeleteSnippet(
        self, request: snippet_service_pb2.DeleteSnippetRequest, context: Any
    ) -> snippet_service_pb2.DeleteSnippetResponse:
        """Delete a snippet."""
        await self._snippets.delete(current_caller(), request.snippet_id)
        return snippet_service_pb2.DeleteSnippetResponse()


def _shared(field: str, scope: int) -> bool | None:
    if scope not in _SHARED:
        raise field_invalid(field, scope, "Choose personal or shared.")
    return _SHARED[scope]


def _message(snippet: Snippet) -> snippet_pb2.Snippet:
    return snippet_pb2.Snippet(
        snippet_id=str(snippet.id),
        tag=snippet.tag,
        text=snippet.text,
        scope=snippet_pb2.SNIPPET_SCOPE_SHARED if snippet.shared else snippet_pb2.SNIPPET_SCOPE_PERSONAL,
        owner_id=snippet.owner_id,
        create_time=timestamp(snippet.create_time),
        update_time=timestamp(snippet.update_time),
    )
