"""Texts from outside as pages show them: nothing in them is hidden, and nothing turns their direction around."""

from __future__ import annotations

import re

# The same characters as in `visible` of static/js/dom.js.
_HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text with its invisible and direction-changing characters shown by their code points."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)
