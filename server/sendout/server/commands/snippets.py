"""Snippets: everyone keeps their own; shared ones are seen by all and changed by those who hold ADMINISTER.

Another principal's own snippet looks as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, Violation, not_found
from sendout.domain.permissions import Caller, Permission
from sendout.domain.snippets import SHARED, Snippet, check_snippet_text, check_tag
from sendout.storage import audit
from sendout.storage import snippets as store
from sendout.storage.engine import Database


class Snippets:
    """The use cases of SnippetService. `shared` as a filter: True shared ones, False the caller's own, None both."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def create(self, caller: Caller, tag: str, text: str, *, shared: bool = False) -> Snippet:
        """A new snippet of the caller's own, or a shared one."""
        now = self._clock.now_us()
        identifier = ids.uuid7(now, self._clock.random_bytes)
        owner = SHARED if shared else caller.principal_id
        fresh = Snippet(identifier, owner, check_tag(tag), check_snippet_text(text), now, now)
        _require_change(caller, fresh)
        try:
            async with self._database.write() as connection:
                await store.create(connection, fresh)
                await audit.record(connection, caller, "CreateSnippet", str(fresh.id), self._clock.now_us())
        except IntegrityError:
            raise _tag_taken(fresh) from None
        return fresh

    async def get(self, caller: Caller, snippet_id: str) -> Snippet:
        """One snippet that the caller may see."""
        async with self._database.read() as connection:
            return await _visible(connection, caller, snippet_id)

    async def list_page(
        self, caller: Caller, limit: int, after: Sequence[Any] | None, *, shared: bool | None = None
    ) -> list[Snippet]:
        """Snippets that the caller may see, by tag."""
        owners = {True: [SHARED], False: [caller.principal_id], None: [SHARED, caller.principal_id]}[shared]
        async with self._database.read() as connection:
            return await store.list_page(connection, limit, after, owners)

    async def update(
        self, caller: Caller, snippet_id: str, *, tag: str | None = None, text: str | None = None
    ) -> Snippet:
        """Change what is not None. Messages that were sent with it keep their text (S25)."""
        async with self._database.write() as connection:
            before = await _visible(connection, caller, snippet_id, lock=True)
            _require_change(caller, before)
            after = replace(
                before,
                tag=before.tag if tag is None else check_tag(tag),
                text=before.text if text is None else check_snippet_text(text),
            )
            if after == before:
                return before
            after = replace(after, update_time=self._clock.now_us())
            try:
                await store.save(connection, after)
            except IntegrityError:
                raise _tag_taken(after) from None
            await audit.record(connection, caller, "UpdateSnippet", str(after.id), self._clock.now_us())
        return after

    async def delete(self, caller: Caller, snippet_id: str) -> None:
        """Delete a snippet. Messages that were sent with it keep their text."""
        async with self._database.write() as connection:
            found = await _visible(connection, caller, snippet_id, lock=True)
            _require_change(caller, found)
            await store.remove(connection, found.id)
            await audit.record(connection, caller, "DeleteSnippet", str(found.id), self._clock.now_us())


async def _visible(connection: AsyncConnection, caller: Caller, snippet_id: str, *, lock: bool = False) -> Snippet:
    found = await store.get(connection, ids.check_uuid("snippet_id", snippet_id, "snippet"), lock=lock)
    if found is None or not (found.shared or found.owner_id == caller.principal_id):
        raise not_found(Reason.SNIPPET_NOT_FOUND, "snippet", snippet_id)
    return found


def _require_change(caller: Caller, snippet: Snippet) -> None:
    if snippet.shared:
        caller.require(Permission.ADMINISTER)


def _tag_taken(refused: Snippet) -> SendoutError:
    whose = "shared snippet" if refused.shared else "snippet of yours"
    sentence = f"There is a {whose} with the tag {refused.tag!r} already. Choose another tag, or change that snippet."
    return SendoutError(
        Reason.ID_TAKEN,
        sentence,
        violations=[Violation("snippet.tag", sentence)],
        metadata={"tag": refused.tag},
    )
