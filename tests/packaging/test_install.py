"""What an install without extras can do, and what it says about what it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from tests.packaging.tree import ROOT, project

# The import names of distributions that are not called like their modules.
MODULES = {
    "argon2-cffi": ("argon2",),
    "grpcio-health-checking": ("grpc_health",),
    "grpcio-reflection": ("grpc_reflection",),
    "opentelemetry-api": ("opentelemetry",),
    "opentelemetry-sdk": ("opentelemetry",),
    "opentelemetry-exporter-otlp-proto-grpc": ("opentelemetry",),
    "opentelemetry-exporter-prometheus": ("opentelemetry",),
    "prometheus-client": ("prometheus_client",),
    "pydantic-settings": ("pydantic_settings",),  # not pydantic itself: typer brings that too
    "pyjwt": ("jwt",),
}

BLOCKER = """
import importlib.abc, sys
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
BLOCKED = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Blocker())
"""


def modules_of(*extras: str) -> list[str]:
    """Import names of everything that these extras install, and the base does not."""
    described = project()["project"]["optional-dependencies"]
    lines = [Requirement(line) for extra in extras for line in described[extra]]
    return sorted({module for line in lines for module in MODULES.get(line.name, (line.name.replace("-", "_"),))})


def python_without(blocked: list[str], code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `code` where none of the blocked modules can be imported."""
    command = [sys.executable, "-c", BLOCKER + code, ",".join(blocked), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def extras() -> list[str]:
    """The names of all extras."""
    return sorted(project()["project"]["optional-dependencies"])


def test_the_blocked_modules_exist() -> None:
    """Every module that these tests block can be imported here, so a misspelled one would be noticed."""
    code = f"import importlib; [importlib.import_module(name) for name in {modules_of(*extras())!r}]"
    done = python_without(["none"], code)
    assert done.returncode == 0, done.stderr


def test_the_client_needs_no_extra() -> None:
    """The base install imports the stubs and the client, sync and async."""
    code = "from sendout.client import AsyncClient, Client; from sendout.v1 import notification_service_pb2_grpc"
    done = python_without(modules_of(*extras()), code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("blocked", "arguments"), [("cli", ["history"]), ("server", ["up"]), ("gateway", ["gateway"])])
def test_a_missing_extra_is_a_sentence(blocked: str, arguments: list[str]) -> None:
    """Where an extra is missing the command line says what to install, and shows no traceback."""
    done = python_without(modules_of(blocked), "from sendout.cli import main; main()", *arguments)
    assert done.returncode not in (0, None)
    assert f"sendout[{blocked}]" in done.stderr
    assert "Traceback" not in done.stderr
