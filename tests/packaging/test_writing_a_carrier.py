"""docs/writing-a-carrier.md is a plug-in that works: its code runs as a distribution of its own, outside this tree."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.packaging.tree import ROOT, SOURCE_ROOTS, fenced

DOCUMENT = "docs/writing-a-carrier.md"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the document, and what an installer writes for its entry point."""
    folder = tmp_path_factory.mktemp("pigeon")
    files: dict[str, str] = {}
    for block in fenced(DOCUMENT, "python"):
        first, _, code = block.partition("\n")
        name = first.removeprefix("# ")
        between = "\n" if code.startswith("    ") else "\n\n"
        files[name] = f"{files[name]}{between}{code}" if name in files else code
    for name, code in files.items():
        (folder / name).write_text(code)
    [described] = fenced(DOCUMENT, "toml")
    points = tomllib.loads(described)["project"]["entry-points"]["sendout.carriers"]
    info = folder / "sendout_pigeon-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sendout-pigeon\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {target}" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[sendout.carriers]\n{lines}\n")
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    return folder


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One of the tools in the plug-in's folder."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_passes_what_every_carrier_must_pass(plugin: Path) -> None:
    """Its own tests and the conformance suite run from outside, on what the document shows, and nothing is skipped."""
    done = run(plugin, "pytest", "-q", "-p", "no:cacheprovider", "test_pigeon.py")
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert " passed" in last
    assert "skipped" not in last
    assert int(last.split()[0]) >= 28


def test_the_example_is_typed_and_well_formed(plugin: Path) -> None:
    """mypy in its strict mode and the linter find nothing in it."""
    paths = ":".join(str(ROOT / root) for root in SOURCE_ROOTS)
    options = ("--strict", "--namespace-packages", "--explicit-package-bases", "--cache-dir", os.devnull)
    typed = run(plugin, "mypy", *options, "pigeon.py", "test_pigeon.py", MYPYPATH=f"{paths}:{plugin}")
    assert typed.returncode == 0, typed.stdout + typed.stderr
    for command in (("format", "--check", "--diff"), ("check",)):
        linted = run(plugin, "ruff", *command, "--no-cache", "--config", str(ROOT / "pyproject.toml"), ".")
        assert linted.returncode == 0, linted.stdout + linted.stderr
