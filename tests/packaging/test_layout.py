"""The shape of the tree: one namespace over four roots, modules that can be read, one version, targets that exist."""

from __future__ import annotations

import ast
import os
import re
import subprocess

from packaging.version import Version

from tests.packaging.tree import ROOT, SOURCE_ROOTS, fenced, own_modules, project

LONGEST = 400
"""Lines; a longer module says why in its docstring ("Longer than 400 lines because …")."""


def test_the_namespace_has_no_init() -> None:
    """`sendout` is a namespace over four roots, so none of them holds a sendout/__init__.py."""
    for root in SOURCE_ROOTS:
        assert (ROOT / root / "sendout").is_dir()
        assert not (ROOT / root / "sendout" / "__init__.py").exists()


def test_every_package_says_what_it_is_for() -> None:
    """Each folder with Python modules below the namespace is a package with a docstring."""
    for root in SOURCE_ROOTS:
        for folder in {path.parent for path in (ROOT / root / "sendout").rglob("*.py")}:
            if {"migrations", "__pycache__"} & set(folder.parts):
                continue  # alembic reads migrations as files
            init = folder / "__init__.py"
            assert init.exists(), f"{folder.relative_to(ROOT)} has no __init__.py"
            assert ast.get_docstring(ast.parse(init.read_text())), f"{init.relative_to(ROOT)} has no docstring"


def test_modules_are_short_or_say_why_not() -> None:
    """No module that people wrote has more than 400 lines, unless its docstring gives the reason."""
    for path in own_modules():
        text = path.read_text()
        if len(text.splitlines()) > LONGEST:
            docstring = ast.get_docstring(ast.parse(text)) or ""
            assert f"Longer than {LONGEST} lines because" in docstring, f"{path.relative_to(ROOT)} is too long"


def test_one_version() -> None:
    """The changelog's newest entry is the version of pyproject.toml, or what is not released yet."""
    version = project()["project"]["version"]
    Version(version)
    entries = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert entries[0] in ("Unreleased", version)
    assert version in entries[:2] or entries == ["Unreleased"]


def test_help_names_every_target() -> None:
    """`make` alone lists every target with a sentence, and each of them exists."""
    listed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = re.findall(r"^  make ([a-z]+) +\S.*\.$", listed.stdout, re.MULTILINE)
    assert names == ["help", "run", "test", "check", "protos", "lock", "bench", "clean"]
    assert len(names) == len(listed.stdout.splitlines())


def test_make_run_starts_everything() -> None:
    """`make run` ends in `sendout up`, and nothing it does before needs more than the hashed lock and this tree."""
    dry = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--always-make", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = dry.stdout.splitlines()
    assert commands[-1].strip() == "exec .venv/bin/sendout up"
    installs = [command for command in commands if "pip" in command and " install " in command]
    assert len(installs) == 2
    assert "--require-hashes --only-binary :all: --requirement locks/runtime.lock" in installs[0]
    assert "--no-deps --no-build-isolation --editable ." in installs[1]


def test_the_readme_begins_with_the_two_commands() -> None:
    """The first thing in the README is how to run it and how to test it."""
    assert fenced("README.md", "sh")[0].splitlines()[0].startswith("make run")
    assert any(line.startswith("make test") for line in fenced("README.md", "sh")[0].splitlines())


def test_continuous_integration_runs_both() -> None:
    """`.ci/run` is executable, stops at the first failure and runs the checks and then the tests."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert lines[0].endswith("bash")
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make test"]
