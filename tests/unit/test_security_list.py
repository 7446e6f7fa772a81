"""The security list: each item has a test, and the summary of a run tells how much of it holds."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.security import ITEMS, PROPERTY, told

TESTS = Path(__file__).parents[1]
MARK = re.compile(r'mark\.security\(\s*"([^"]+)",\s*"([^"]+)"')
FIXED, FRAMED = ("console", "session fixation"), ("console", "frame denied")


def report(outcome: str, *proved: tuple[str, str]) -> Any:
    """A report as pytest makes it, or xdist brings it, where pairs have become lists."""
    return SimpleNamespace(outcome=outcome, user_properties=[(PROPERTY, list(item)) for item in proved])


def test_every_item_has_a_test() -> None:
    """Each item of the list is named by a test, and tests name no others."""
    named = {found for file in TESTS.rglob("*.py") for found in MARK.findall(file.read_text())}
    assert named == {(row, item) for row, items in ITEMS.items() for item in items}


def test_an_item_holds_where_all_its_tests_pass() -> None:
    """One case that fails or is skipped is enough for the item not to hold; rows that did not run are left out."""
    reports = [report("passed", FIXED, FRAMED), report("passed", FIXED), report("skipped", FRAMED), report("failed")]
    assert list(told(reports, whole=False)) == [
        "security: console 1 of 8",
        "security: console: frame denied: did not pass",
    ]
    assert list(told([report("passed")], whole=False)) == []


def test_the_whole_suite_tells_what_never_ran() -> None:
    """After the whole suite every row is told, and every item that no test ran for."""
    first, *rest = told([report("passed", FIXED)], whole=True)
    assert first == "security: console 1 of 8, webhooks in 0 of 6, inputs 0 of 11, limits 0 of 7"
    assert len(rest) == 31
    assert "security: limits: ping flood: not run" in rest
