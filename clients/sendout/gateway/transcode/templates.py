"""Path templates of `google.api.http`, such as `/v1/topics/{topic.topic_id}:disable`.

A variable stands for one segment unless it says otherwise (`{name=shelves/*}`, `{rest=**}`). Values are matched as
they were sent and decoded afterwards, so an encoded slash does not end a segment; a bare colon begins a verb.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

_VARIABLE = re.compile(r"\{([a-z][\w.]*)(?:=([^}]+))?\}")
_LITERAL = re.compile(r"[\w/.:~-]*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Template:
    """One path of the contract. `fields` are the request's fields in it, in order."""

    text: str
    fields: tuple[str, ...] = field(init=False)
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError where the template is not one."""
        fields, pattern = [], []
        for literal, name, inner in _parts(self.text):
            if not self.text.startswith("/") or not _LITERAL.match(literal):
                raise ValueError(f"{self.text!r} is not a path template.")
            pattern.append(re.escape(literal))
            if name:
                fields.append(name)
                pattern.append(f"({_inner(inner)})")
        object.__setattr__(self, "fields", tuple(fields))
        object.__setattr__(self, "_pattern", re.compile("".join(pattern)))

    def match(self, raw_path: str) -> dict[str, str] | None:
        """The values of the fields in a path as it was sent, or None. Raises UnicodeDecodeError for bad UTF-8."""
        found = self._pattern.fullmatch(raw_path)
        if found is None:
            return None
        values = (unquote_to_bytes(value).decode("utf-8", "strict") for value in found.groups())
        return dict(zip(self.fields, values, strict=True))


def _parts(text: str) -> list[tuple[str, str, str]]:
    """(literal, name of the variable after it, what that stands for); the last has no variable."""
    split = _VARIABLE.split(text)
    names, inners = split[1::3], split[2::3]
    literals = split[0::3]
    return [
        (literal, *((names[place], inners[place] or "*") if place < len(names) else ("", "")))
        for place, literal in enumerate(literals)
    ]


def _inner(pattern: str) -> str:
    """The regular expression of what a variable stands for."""
    pieces = re.split(r"(\*\*|\*)", pattern)
    return "".join({"*": "[^/:]+", "**": "[^:]+"}.get(piece, re.escape(piece)) for piece in pieces)
