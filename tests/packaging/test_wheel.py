"""The one distribution: built without a network, with all four roots and everything they read at run time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.packaging.tree import ROOT, SOURCE_ROOTS, project


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this tree, built the way pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_all_sources_are_in(wheel: zipfile.ZipFile) -> None:
    """Every module, stub, script and template under the four roots is in the wheel, at the same place."""
    names = set(wheel.namelist())
    for root in SOURCE_ROOTS:
        for path in (ROOT / root / "sendout").rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT / root).as_posix() in names


def test_what_is_read_at_run_time_is_in(wheel: zipfile.ZipFile) -> None:
    """Lua scripts, migrations, typed stubs and the marker that there are types travel with the code."""
    names = wheel.namelist()
    for wanted in (
        "sendout/v1/py.typed",
        "sendout/v1/notification_service_pb2.pyi",
        "sendout/v1/notification_service_pb2_grpc.pyi",
        "sendout/v1/notification_service.proto",
        "sendout/v1/comments.json",
        "sendout/storage/lua/permit.lua",
        "sendout/storage/migrations/versions/0001_first_tables.py",
        "sendout/storage/migrations/env.py",
        "sendout/server/app.py",
        "sendout/client/__init__.py",
        "sendout/cli/__init__.py",
        "sendout/gateway/documents/templates/api.html",
        "sendout/gateway/documents/static/api.css",
    ):
        assert wanted in names


def test_the_namespace_stays_open(wheel: zipfile.ZipFile) -> None:
    """The wheel has no sendout/__init__.py, so other distributions may add to the namespace."""
    assert "sendout/__init__.py" not in wheel.namelist()


def test_nothing_else_is_in(wheel: zipfile.ZipFile) -> None:
    """No test, lock or document lands in the site-packages of whoever installs it."""
    tops = {Path(name).parts[0] for name in wheel.namelist()}
    assert tops == {"sendout", f"sendout-{project()['project']['version']}.dist-info"}


def test_the_entry_points_lead_somewhere(wheel: zipfile.ZipFile) -> None:
    """Each script, carrier and command in the metadata names a module that is in the wheel."""
    (metadata,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    lines = [line for line in wheel.read(metadata).decode().splitlines() if " = " in line]
    assert len(lines) >= 3
    for line in lines:
        module = line.split(" = ")[1].partition(":")[0].replace(".", "/")
        assert {f"{module}.py", f"{module}/__init__.py"} & set(wheel.namelist()), line
