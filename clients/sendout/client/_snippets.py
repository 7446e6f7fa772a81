"""Builders of SnippetService."""

from __future__ import annotations

from google.protobuf.field_mask_pb2 import FieldMask

from sendout.client._calls import Call, Listing, listing, unary
from sendout.v1 import snippet_pb2
from sendout.v1 import snippet_service_pb2 as pb


@listing
def snippets(
    *, scope: snippet_pb2.SnippetScope = snippet_pb2.SNIPPET_SCOPE_UNSPECIFIED, page_size: int = 0
) -> Listing[pb.ListSnippetsResponse, snippet_pb2.Snippet]:
    """The caller's own and the shared snippets, by tag."""
    request = pb.ListSnippetsRequest(scope=scope, page_size=page_size)
    return Listing(Call("SnippetService/ListSnippets", request, pb.ListSnippetsResponse), lambda page: page.snippets)


@unary
def get_snippet(snippet_id: str) -> Call[pb.GetSnippetResponse]:
    """One snippet."""
    return Call("SnippetService/GetSnippet", pb.GetSnippetRequest(snippet_id=snippet_id), pb.GetSnippetResponse)


@unary
def create_snippet(tag: str, text: str, *, shared: bool = False) -> Call[pb.CreateSnippetResponse]:
    """Save a text under a tag: the caller's own, or shared by everyone."""
    scope = snippet_pb2.SNIPPET_SCOPE_SHARED if shared else snippet_pb2.SNIPPET_SCOPE_PERSONAL
    request = pb.CreateSnippetRequest(snippet=snippet_pb2.Snippet(tag=tag, text=text, scope=scope))
    return Call("SnippetService/CreateSnippet", request, pb.CreateSnippetResponse)


@unary
def update_snippet(
    snippet_id: str, *, tag: str | None = None, text: str | None = None
) -> Call[pb.UpdateSnippetResponse]:
    """Change what is given. Messages that were sent with it keep their text."""
    fields = [name for name, value in (("tag", tag), ("text", text)) if value is not None]
    request = pb.UpdateSnippetRequest(
        snippet=snippet_pb2.Snippet(snippet_id=snippet_id, tag=tag or "", text=text or ""),
        update_mask=FieldMask(paths=fields),
    )
    return Call("SnippetService/UpdateSnippet", request, pb.UpdateSnippetResponse)


@unary
def delete_snippet(snippet_id: str) -> Call[pb.DeleteSnippetResponse]:
    """Delete a snippet. Messages that were sent with it keep their text."""
    request = pb.DeleteSnippetRequest(snippet_id=snippet_id)
    return Call("SnippetService/DeleteSnippet", request, pb.DeleteSnippetResponse)
