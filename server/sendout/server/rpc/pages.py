"""Pages of listings whose place is found in the rows themselves: one row more than a page is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from sendout.domain.paging import PageTokens, page_size

_Row = TypeVar("_Row")


class Pages:
    """Reads and issues the page tokens of list requests; a token fits no request with other fields."""

    def __init__(self, tokens: PageTokens) -> None:
        self._tokens = tokens

    def asked(self, request: Any) -> tuple[int, list[Any] | None]:
        """(rows to read, the place the page before ended at or None). PAGE_TOKEN_INVALID, FIELD_INVALID."""
        return page_size(request.page_size) + 1, self._tokens.read(_query(request), request.page_token)

    def cut(
        self, request: Any, rows: Sequence[_Row], place_of: Callable[[_Row], Sequence[Any]]
    ) -> tuple[list[_Row], str]:
        """The rows of this page and the token of the next, from as many rows as `asked` said."""
        size = page_size(request.page_size)
        shown = list(rows[:size])
        if len(rows) <= size:
            return shown, ""
        return shown, self._tokens.issue(_query(request), list(place_of(shown[-1])))


def _query(request: Message) -> dict[str, str]:
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_size")
    bare.ClearField("page_token")
    return {"request": request.DESCRIPTOR.full_name, "fields": bare.SerializeToString(deterministic=True).hex()}
