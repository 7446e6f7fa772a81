"""Snippets: saved texts that people insert into messages, their own or shared by everyone."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from sendout.domain import limits, text
from sendout.domain.errors import Reason, SendoutError, Violation, field_invalid

SHARED = ""
"""The owner of a snippet that everyone sees."""

_TAG = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Snippet:
    """One saved text; `owner_id` is a principal's id, or SHARED. Times in microseconds since 1970."""

    id: uuid.UUID
    owner_id: str
    tag: str
    text: str
    create_time: int
    update_time: int

    @property
    def shared(self) -> bool:
        return self.owner_id == SHARED


def check_tag(typed: str) -> str:
    """The tag; FIELD_INVALID where it is none."""
    if not _TAG.fullmatch(typed):
        raise field_invalid("snippet.tag", typed, "A tag has 1 to 63 lower-case letters, digits and hyphens.")
    return typed


def check_snippet_text(typed: str) -> str:
    """The text in the form in which it is sent; TEXT_EMPTY or TEXT_INVALID where it could not be.

    How many segments it has and whether it may hold emoji is for the message that it is inserted into.
    """
    if len(typed) > limits.MAX_TEXT:
        raise _refused(Reason.TEXT_INVALID, f"It has {len(typed):,} characters; at most {limits.MAX_TEXT:,} are kept.")
    body = text.normalise(typed)
    if not body.strip():
        raise _refused(Reason.TEXT_EMPTY, "There is no text. Write one.")
    if problems := text.problems(body)[:_MOST_PROBLEMS]:
        raise _refused(Reason.TEXT_INVALID, *(problem.said for problem in problems))
    return body


def _refused(reason: Reason, *sentences: str) -> SendoutError:
    violations = [Violation("snippet.text", sentence) for sentence in sentences]
    return SendoutError(reason, "snippet.text: " + " ".join(sentences), violations=violations)
