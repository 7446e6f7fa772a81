"""The security list for console, webhooks, inputs and limits, and how much of it a run of the tests has proved.

A test names what it proves by `@pytest.mark.security(ROW, ITEM)`. An item holds where every test that names it passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

ITEMS = {
    "console": (
        "CSRF with and without token",
        "cross-site fetch metadata",
        "session fixation",
        "logout kills the session",
        "CSP violations 0 in a browser run",
        "inbound SMS with script renders inert",
        "frame denied",
        "cookies flagged",
    ),
    "webhooks in": (
        "no/wrong signature",
        "altered body or URL",
        "replay",
        "wrong carrier",
        "oversize",
        "slow body",
    ),
    "inputs": (
        "invalid UTF-8",
        "NUL",
        "C0/C1",
        "bidi overrides and isolates",
        "zero-width",
        "tag characters",
        "lone surrogates",
        "Arabic-Indic and superscript digits in numbers",
        "100 k combining marks",
        "Zalgo",
        "CSV/formula starts in exports",
    ),
    "limits": (
        "message > 4 MiB",
        "metadata > 8 KiB",
        "> max streams",
        "ping flood",
        "slow read",
        "deadline 0",
        "missing deadline",
    ),
}

PROPERTY = "security"
"""The user property of a test's reports that holds (row, item)."""


def told(reports: Iterable[Any], *, whole: bool) -> Iterator[str]:
    """Lines for the end of a run: passed of all by row, then what failed; after the whole suite also what never ran."""
    ran: dict[tuple[str, str], bool] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == PROPERTY:
                ran[tuple(value)] = ran.get(tuple(value), True) and report.outcome == "passed"
    rows = [row for row in ITEMS if whole or any(row == proved for proved, _ in ran)]
    if rows:
        passed = {row: sum(ran.get((row, item), False) for item in ITEMS[row]) for row in rows}
        yield "security: " + ", ".join(f"{row} {passed[row]} of {len(ITEMS[row])}" for row in rows)
    for row in rows:
        yield from (f"security: {row}: {item}: did not pass" for item in ITEMS[row] if ran.get((row, item)) is False)
        yield from (f"security: {row}: {item}: not run" for item in ITEMS[row] if whole and (row, item) not in ran)
