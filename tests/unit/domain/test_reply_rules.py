"""Replies: answers, addresses, parts."""

from __future__ import annotations

from sendout.domain.keywords import Keyword
from sendout.domain.replies import LONGEST_ANSWER, answer_text, phone_of, whole_text


def test_answers_fit() -> None:
    """Every built-in answer has at most 160 characters, however long the label; phones are told from codes."""
    for keyword in (Keyword.OPT_OUT, Keyword.OPT_IN, Keyword.HELP):
        assert len(answer_text(keyword, "L" * 100, "")) <= LONGEST_ANSWER
    assert phone_of("14155550101") is not None
    assert phone_of("12345") is None
    assert whole_text(["a\ud83d", "\ude00b"]) == "a😀b"
