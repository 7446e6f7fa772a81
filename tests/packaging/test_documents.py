"""What the documents say is what is so: tables made from the code, links, names of tests and files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sendout.server.carriers.simulator import numbers_table
from tests.packaging.tables import TABLES, between
from tests.packaging.tree import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
names = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_those_of_the_code(name: str) -> None:
    """Each table that is made from the code stands in its document as the code makes it now."""
    document, make = TABLES[name]
    found = between(name).search((ROOT / document).read_text())
    assert found
    assert found[2] == make(), "run: python -m tests.packaging.tables"


def test_both_places_have_the_same_magic_numbers() -> None:
    """The README's table of failing numbers is the one of docs/simulator.md."""
    assert numbers_table() in (ROOT / "README.md").read_text()
    assert numbers_table() in (ROOT / "docs" / "simulator.md").read_text()


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a document leads to a file or folder of the tree."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_named_files_and_tests_exist(path: Path) -> None:
    """A file of ours that a document names in code style exists; so does a test that it names."""
    roots = [ROOT, *(ROOT / of for of in ("server/sendout/server", "server/sendout", "storage/sendout", "tests"))]
    for file, test in re.findall(r"`([\w./-]+\.(?:py|lua|in|md|toml))(?:::(\w+))?`", path.read_text()):
        if re.search(r"NAME|profile\.toml", file):
            continue
        places = [root / file for root in roots if (root / file).exists()]
        places += list((ROOT / "storage" / "sendout" / "storage" / "lua").glob(file))
        assert places, f"{path.name} names {file}"
        if test:
            assert re.search(rf"(def|class) {test}\b", places[0].read_text()), f"{file}::{test}"


def test_every_decision_is_half_a_page() -> None:
    """Decisions are numbered without a gap, have a title and are short."""
    found = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in found] == [f"{number:04}" for number in range(1, len(found) + 1)]
    for path in found:
        lines = path.read_text().splitlines()
        assert lines[0].startswith("# ")
        assert len(lines) <= 50, path.name
