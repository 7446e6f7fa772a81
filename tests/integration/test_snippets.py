"""Snippets: one's own and shared ones, who sees and who changes them."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import select

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.server.commands.snippets import Snippets
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.pages import Pages
from sendout.server.rpc.snippets import SnippetServicer
from sendout.storage.engine import Database
from sendout.storage.tables import audit
from sendout.v1 import snippet_pb2
from sendout.v1 import snippet_service_pb2 as pb
from tests.conftest import FakeClock
from tests.integration.seed import TOKENS, caller

ADMIN = caller(Permission.ADMINISTER, principal_id="root")
ADA, BOB = caller(principal_id="ada"), caller(principal_id="bob")


@pytest.fixture
def snippets(database: Database, clock: FakeClock) -> Snippets:
    return Snippets(database, clock)


async def refused(attempt: Any) -> SendoutError:
    with pytest.raises(SendoutError) as caught:
        await attempt
    return caught.value


async def test_everyone_keeps_their_own(snippets: Snippets, clock: FakeClock) -> None:
    """S25: a snippet is kept, read, changed and deleted by its owner; a change moves its update time alone."""
    made = await snippets.create(ADA, "closing", "Bye, {name}.")
    assert (made.owner_id, made.tag, made.text, made.shared) == ("ada", "closing", "Bye, {name}.", False)
    assert await snippets.get(ADA, str(made.id)) == made
    clock.advance(5)
    assert await snippets.update(ADA, str(made.id), tag="closing", text=made.text) == made
    changed = await snippets.update(ADA, str(made.id), text="See you")
    assert (changed.tag, changed.text, changed.create_time) == ("closing", "See you", made.create_time)
    assert changed.update_time == made.update_time + 5_000_000
    assert await snippets.get(ADA, str(made.id)) == changed
    await snippets.delete(ADA, str(made.id))
    assert (await refused(snippets.get(ADA, str(made.id)))).reason is Reason.SNIPPET_NOT_FOUND
    assert (await refused(snippets.delete(ADA, str(made.id)))).reason is Reason.SNIPPET_NOT_FOUND


async def test_another_persons_snippet_looks_missing(snippets: Snippets) -> None:
    """Nobody, an administrator included, can tell another's own snippet from one that does not exist."""
    made = await snippets.create(ADA, "closing", "Bye")
    missing = str(made.id)[:-1] + ("0" if str(made.id)[-1] != "0" else "1")
    for who in (BOB, ADMIN):
        for identifier in (str(made.id), missing):
            for attempt in (
                snippets.get(who, identifier),
                snippets.update(who, identifier, text="x"),
                snippets.delete(who, identifier),
            ):
                error = await refused(attempt)
                assert (error.reason, identifier in error.message) == (Reason.SNIPPET_NOT_FOUND, True)
        assert await snippets.list_page(who, 9, None) == []
    assert (await snippets.get(ADA, str(made.id))).text == "Bye"


async def test_shared_ones_are_seen_by_all_and_changed_by_administrators(snippets: Snippets) -> None:
    """A shared snippet takes ADMINISTER to create, change and delete, and nothing to read."""
    assert (await refused(snippets.create(ADA, "closing", "Bye", shared=True))).reason is Reason.ROLE_REQUIRED
    made = await snippets.create(ADMIN, "closing", "Bye", shared=True)
    assert made.owner_id == ""
    assert await snippets.get(BOB, str(made.id)) == made
    for attempt in (snippets.update(ADA, str(made.id), text="x"), snippets.delete(ADA, str(made.id))):
        assert (await refused(attempt)).reason is Reason.ROLE_REQUIRED
    await snippets.update(ADMIN, str(made.id), tag="bye")
    await snippets.delete(ADMIN, str(made.id))


async def test_a_tag_stands_once_among_its_kind(snippets: Snippets) -> None:
    """A tag is unique among one's own and among the shared ones; between these kinds it may stand again."""
    await snippets.create(ADA, "closing", "1")
    await snippets.create(BOB, "closing", "2")
    await snippets.create(ADMIN, "closing", "3", shared=True)
    other = await snippets.create(ADA, "opening", "4")
    for attempt in (
        snippets.create(ADA, "closing", "5"),
        snippets.create(ADMIN, "closing", "6", shared=True),
        snippets.update(ADA, str(other.id), tag="closing"),
    ):
        error = await refused(attempt)
        assert (error.reason, error.violations[0].field) == (Reason.ID_TAKEN, "snippet.tag")
    assert (await snippets.get(ADA, str(other.id))).tag == "opening"
    assert [one.text for one in await snippets.list_page(ADA, 9, None)] == ["3", "1", "4"]


@pytest.mark.parametrize(
    ("tag", "text", "reason", "field"),
    [
        ("", "x", Reason.FIELD_INVALID, "snippet.tag"),
        ("Closing", "x", Reason.FIELD_INVALID, "snippet.tag"),
        ("a b", "x", Reason.FIELD_INVALID, "snippet.tag"),
        ("a\n", "x", Reason.FIELD_INVALID, "snippet.tag"),
        ("a" * 64, "x", Reason.FIELD_INVALID, "snippet.tag"),
        ("a", "", Reason.TEXT_EMPTY, "snippet.text"),
        ("a", " \n ", Reason.TEXT_EMPTY, "snippet.text"),
        ("a", "a\x00b", Reason.TEXT_INVALID, "snippet.text"),
        ("a", "x" * 4_001, Reason.TEXT_INVALID, "snippet.text"),
    ],
)
async def test_what_is_no_snippet(snippets: Snippets, tag: str, text: str, reason: Reason, field: str) -> None:
    """Tags and texts that could not be used are refused, when they are created and when they are changed."""
    made = await snippets.create(ADA, "fine", "Fine")
    for attempt in (snippets.create(ADA, tag, text), snippets.update(ADA, str(made.id), tag=tag, text=text)):
        error = await refused(attempt)
        assert (error.reason, error.violations[0].field) == (reason, field)
    assert await snippets.list_page(ADA, 9, None) == [made]


async def test_the_longest_ones_are_kept(snippets: Snippets) -> None:
    """A tag of 63 and a text of 4,000 characters, emoji and line breaks are kept as they are."""
    made = await snippets.create(ADA, "0" * 63, "🙂\n" * 2_000)
    assert (await snippets.get(ADA, str(made.id))).text == "🙂\n" * 2_000


async def test_each_change_is_on_record_without_the_text(snippets: Snippets, database: Database) -> None:
    """Create, update and delete leave one audit entry each, which names the snippet and not its text."""
    made = await snippets.create(ADA, "closing", "Bye")
    await snippets.update(ADA, str(made.id), text="Bye!")
    await snippets.update(ADA, str(made.id), text="Bye!")
    await snippets.delete(ADA, str(made.id))
    async with database.read() as connection:
        entries = (await connection.execute(select(audit.c.action, audit.c.object_id).order_by(audit.c.id))).all()
    assert entries == [(f"{verb}Snippet", str(made.id)) for verb in ("Create", "Update", "Delete")]


async def test_snippets_over_the_wire(snippets: Snippets) -> None:
    """Scopes, masks and pages: the list holds own and shared ones by tag, without gap or repeat."""
    servicer = SnippetServicer(snippets, Pages(TOKENS))
    set_caller(ADMIN)
    for tag in ("b", "d"):
        shared = snippet_pb2.Snippet(tag=tag, text=tag, scope=snippet_pb2.SNIPPET_SCOPE_SHARED)
        await servicer.CreateSnippet(pb.CreateSnippetRequest(snippet=shared), None)
    set_caller(ADA)
    for tag in ("d", "a", "c"):
        typed = snippet_pb2.Snippet(tag=tag, text=tag)
        own = (await servicer.CreateSnippet(pb.CreateSnippetRequest(snippet=typed), None)).snippet
        assert (own.scope, own.owner_id) == (snippet_pb2.SNIPPET_SCOPE_PERSONAL, "ada")

    async def listed(scope: snippet_pb2.SnippetScope) -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            request = pb.ListSnippetsRequest(scope=scope, page_size=2, page_token=token)
            page = await servicer.ListSnippets(request, None)
            found += [f"{one.owner_id}/{one.tag}" for one in page.snippets]
            token = page.next_page_token
            if not token:
                return found

    assert await listed(snippet_pb2.SNIPPET_SCOPE_UNSPECIFIED) == ["ada/a", "/b", "ada/c", "/d", "ada/d"]
    assert await listed(snippet_pb2.SNIPPET_SCOPE_PERSONAL) == ["ada/a", "ada/c", "ada/d"]
    assert await listed(snippet_pb2.SNIPPET_SCOPE_SHARED) == ["/b", "/d"]
    assert (await refused(listed(9))).violations[0].field == "scope"  # type: ignore[arg-type]

    own.text, own.tag = "new", "new"
    request = pb.UpdateSnippetRequest(snippet=own, update_mask=FieldMask(paths=["text"]))
    changed = (await servicer.UpdateSnippet(request, None)).snippet
    assert (changed.tag, changed.text) == ("c", "new")
    request.update_mask.paths[:] = ["scope"]
    assert (await refused(servicer.UpdateSnippet(request, None))).violations[0].field == "update_mask"
    assert (await servicer.GetSnippet(pb.GetSnippetRequest(snippet_id=own.snippet_id), None)).snippet == changed
    await servicer.DeleteSnippet(pb.DeleteSnippetRequest(snippet_id=own.snippet_id), None)
    assert (await refused(servicer.GetSnippet(pb.GetSnippetRequest(snippet_id="x"), None))).violations[0].field == (
        "snippet_id"
    )
