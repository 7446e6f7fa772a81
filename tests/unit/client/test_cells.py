"""Cells of CSV files: what a spreadsheet would compute is made plain text."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.client.cells import safe_cell


@pytest.mark.parametrize("text", ["=1+1", "+14155550100", "-3", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(1)"])
def test_formulas_get_an_apostrophe(text: str) -> None:
    """Each start of a formula is made text, phone numbers included."""
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Hello", "1+1", " =1", "'+1", "é", "DELIVERED"])
def test_everything_else_stays(text: str) -> None:
    """What no spreadsheet computes is left as it is."""
    assert safe_cell(text) == text


@pytest.mark.security("inputs", "CSV/formula starts in exports")
@given(st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    """Whatever is exported, no cell of the file begins a formula, and the text is still in it."""
    file = io.StringIO(newline="")
    csv.writer(file).writerow([safe_cell(text), "x"])
    ((cell, _),) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert cell[:1] not in {"=", "+", "-", "@", "\t", "\r"} or cell == ""
    assert cell.removeprefix("'") == text.removeprefix("'")
