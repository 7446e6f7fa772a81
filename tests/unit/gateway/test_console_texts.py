"""Texts from outside, and whether there are phones to show them on."""

from __future__ import annotations

import re
from importlib import resources

import grpc
import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.gateway.console import texts
from sendout.gateway.console.simulator import Simulator


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_nothing_stays_hidden(text: str) -> None:
    """No control, direction or zero-width character is left, and everything else is as it was."""
    shown = texts.visible(text)
    assert not re.search("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00\x1b\x7f]", shown)
    if text.isascii() and text.isprintable():
        assert shown == text


def test_lines_and_emoji_stay() -> None:
    """Line breaks and joined emoji are no tricks."""
    assert texts.visible("one\ntwo 👩\u200d🚒") == "one\ntwo 👩\u200d🚒"
    assert texts.visible("a\u202eb") == "a⟨U+202E⟩b"


def test_pages_and_modules_mark_the_same_characters() -> None:
    """The browser's `visible` has the same list as ours."""
    module = resources.files("sendout.gateway.console").joinpath("static/js/dom.js").read_text()
    found = re.search(r"text\.replace\(/\[(.+?)\]\|\[(.+?)\]/gu", module)
    assert found
    theirs = re.compile("[" + (found[1] + found[2].replace(r"\u{e", r"\U000e").replace("}", "")) + "]")
    for code in range(0x110000):
        assert bool(theirs.match(chr(code))) == (texts.visible(chr(code)) != chr(code)), hex(code)


@pytest.mark.parametrize("code", [None, grpc.StatusCode.UNIMPLEMENTED])
async def test_phones_are_offered_where_the_server_has_them(code: grpc.StatusCode | None) -> None:
    """The server is asked once; it says that it has none by not implementing the call."""
    asked = []

    async def ask(request: object) -> object:
        asked.append(request)
        if code is not None:
            raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())
        return object()

    simulator = Simulator()
    assert [await simulator.offered(ask) for _ in range(2)] == [code is None] * 2
    assert len(asked) == 1


async def test_a_server_that_does_not_answer_is_asked_again() -> None:
    """That it cannot be reached says nothing about phones, and is not kept."""

    async def fails(_request: object) -> object:
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

    async def answers(_request: object) -> object:
        return object()

    simulator = Simulator()
    with pytest.raises(grpc.aio.AioRpcError):
        await simulator.offered(fails)
    assert await simulator.offered(answers)
