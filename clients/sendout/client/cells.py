"""Cells of CSV files that people open in a spreadsheet: none may be taken for a formula."""

from __future__ import annotations

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would compute it, as with every E.164 number."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
