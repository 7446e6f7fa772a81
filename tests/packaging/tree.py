"""The tree as the packaging tests see it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("protos", "storage", "server", "clients")


def project() -> dict[str, Any]:
    """pyproject.toml, parsed."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def own_modules() -> Iterator[Path]:
    """Every Python file that people wrote: the sources without generated stubs, the tests, the benchmarks."""
    for folder in (*SOURCE_ROOTS, "tests", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not re.search(r"_pb2(_grpc)?\.py$", path.name) and "__pycache__" not in path.parts:
                yield path


def fenced(document: str, language: str) -> list[str]:
    """The fenced blocks of one language in a Markdown file, in order."""
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def table_under(document: str, heading: str) -> list[list[str]]:
    """The cells of the first Markdown table under a heading, without its head."""
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", (ROOT / document).read_text(), re.M | re.S)
    assert section, f"{document} has no heading {heading!r}"
    lines = [line for line in section[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
