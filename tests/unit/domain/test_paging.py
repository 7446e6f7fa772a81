"""Page tokens come back as they went out, and no others are taken."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.paging import PageTokens, page_size

TOKENS = PageTokens(b"s" * 32)
QUERY = {"rpc": "ListTopics", "disabled": None}
places = st.lists(st.one_of(st.integers(), st.text(), st.none()), max_size=5)


def refused(token: str, query: dict[str, object] | None = None, tokens: PageTokens = TOKENS) -> bool:
    """Whether the token is answered with PAGE_TOKEN_INVALID."""
    with pytest.raises(SendoutError) as caught:
        tokens.read(query or QUERY, token)
    return caught.value.reason is Reason.PAGE_TOKEN_INVALID


@given(places)
def test_a_place_comes_back(place: list[object]) -> None:
    """What was issued for a query is read back for the same query."""
    assert TOKENS.read(QUERY, TOKENS.issue(QUERY, place)) == place


def test_no_token_is_the_first_page() -> None:
    """An empty token has no place."""
    assert TOKENS.read(QUERY, "") is None


@pytest.mark.parametrize("query", [{"rpc": "ListTopics", "disabled": True}, {"rpc": "Other", "disabled": None}])
def test_a_token_belongs_to_its_query(query: dict[str, object]) -> None:
    """A token of one RPC and filter is refused by every other."""
    assert refused(TOKENS.issue(QUERY, [1]), query)


def test_a_token_belongs_to_its_secret() -> None:
    """A token made with another secret is refused."""
    assert refused(TOKENS.issue(QUERY, [1]), tokens=PageTokens(b"t" * 32))


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    """Changing any byte of a token, or cutting it, makes it none."""
    raw = bytearray(base64.urlsafe_b64decode(TOKENS.issue(QUERY, ["abc", 7]) + "=="))
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw[place] ^= data.draw(st.integers(1, 255))
    else:
        del raw[place:]
    assert not raw or refused(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@given(st.text(min_size=1))
def test_whatever_was_typed_is_refused_politely(typed: str) -> None:
    """No text that is not a token gives anything but PAGE_TOKEN_INVALID."""
    assert refused(typed)


@pytest.mark.parametrize(("typed", "given_"), [(0, 50), (1, 1), (1_000, 1_000), (5_000, 1_000)])
def test_page_sizes(typed: int, given_: int) -> None:
    """0 means the default and more than the limit means the limit (AIP-158)."""
    assert page_size(typed) == given_


def test_a_negative_page_size_is_refused() -> None:
    """Less than nothing cannot be given."""
    with pytest.raises(SendoutError) as caught:
        page_size(-1)
    assert caught.value.reason is Reason.FIELD_INVALID
