"""The locks: no host in them, everything hashed, the two of them agreed, and what the project asks for in them."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.packaging.tree import ROOT, project

LOCKS = ("runtime.lock", "dev.lock")


def pins(name: str) -> dict[str, str]:
    """Version by canonical name; entries that hold for some platforms only are among them."""
    text = (ROOT / "locks" / name).read_text()
    return {canonicalize_name(m[1]): m[2] for m in re.finditer(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==(\S+)", text, re.M)}


@pytest.mark.parametrize("name", LOCKS)
def test_no_host_in_a_lock(name: str) -> None:
    """A lock names packages, versions and hashes, and no place to get them from."""
    text = (ROOT / "locks" / name).read_text()
    assert "://" not in text
    assert "resolved" not in text
    assert not re.search(r"^--(index|extra|find|trusted)", text, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_everything_is_hashed(name: str) -> None:
    """Each entry of a lock has at least one SHA-256."""
    entries = re.split(r"\n(?=\S)", (ROOT / "locks" / name).read_text().strip())
    assert len(entries) > 20
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry.splitlines()[0]


def test_one_venv_serves_both() -> None:
    """The development lock holds everything of the runtime lock, in the same versions."""
    runtime, development = pins("runtime.lock"), pins("dev.lock")
    assert runtime.items() <= development.items()


def test_what_the_project_asks_for_is_locked() -> None:
    """Every dependency of the base install, of each extra and of the build is in the runtime lock, new enough."""
    described = project()
    wanted = [
        *described["project"]["dependencies"],
        *described["build-system"]["requires"],
        *(line for extra in described["project"]["optional-dependencies"].values() for line in extra),
    ]
    locked = pins("runtime.lock")
    for line in wanted:
        requirement = Requirement(line)
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in locks/runtime.lock"
        assert requirement.specifier.contains(Version(version), prereleases=True), line


def test_what_the_locks_ask_for_is_the_projects() -> None:
    """runtime.in holds nothing that pyproject.toml does not ask for, but for what installs the project itself."""
    described = project()["project"]
    extras = [line for lines in described["optional-dependencies"].values() for line in lines]
    known = {canonicalize_name(Requirement(line).name) for line in [*described["dependencies"], *extras]}
    for line in (ROOT / "locks" / "runtime.in").read_text().splitlines():
        if line and not line.startswith("#"):
            name = canonicalize_name(Requirement(line).name)
            assert name in known | {"hatchling", "editables"}, f"{name} is in runtime.in only"
