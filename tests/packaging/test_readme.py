"""The README, done: every command and every example in it is run against one `sendout up` in a home of its own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2, status_pb2

from tests.packaging.tables import methods_for_later, services
from tests.packaging.tree import ROOT, fenced

BIN = Path(sys.executable).parent
READY_S = 60.0
FIRST_ANSWER_S = 3.0


@dataclass
class Running:
    """One `sendout up`: the environment of the second terminal, and what it printed."""

    environment: dict[str, str]
    printed: str

    @property
    def profile(self) -> dict[str, str]:
        path = Path(self.environment["HOME"]) / ".config" / "sendout" / "profile.toml"
        section: dict[str, str] = tomllib.loads(path.read_text())["default"]
        return section


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[Running]:
    """`sendout up`, as `make run` starts it, in an empty home."""
    home = Path(tempfile.mkdtemp(prefix="soh"))
    environment = {
        "HOME": str(home),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "SENDOUT_DATA_DIR": str(home / "data"),
        "SENDOUT_LISTEN": f"127.0.0.1:{free_port()}",
    }
    process = await asyncio.create_subprocess_exec(
        BIN / "sendout", "up", cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    printed = ""
    async with asyncio.timeout(READY_S):
        while "Ctrl-C stops" not in printed:
            line = await process.stdout.readline()
            assert line, f"sendout up ended: {printed}"
            printed += line.decode()
    del environment["SENDOUT_DATA_DIR"], environment["SENDOUT_LISTEN"]
    yield Running(environment, printed)
    process.terminate()
    await process.communicate()
    shutil.rmtree(home)


def run(command: list[str], running: Running) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=running.environment, capture_output=True, text=True, check=False, timeout=60
    )


def commands_of_make() -> set[str]:
    text = (ROOT / "Makefile").read_text()
    return {"make", *(f"make {target}" for target in re.findall(r"^([a-z]+):.*##", text, re.MULTILINE))}


async def test_every_command_of_the_readme_works(running: Running) -> None:
    """Each shell block ends with status 0 in a newcomer's second terminal; each make line names a target."""
    ran = 0
    for block in fenced("README.md", "sh"):
        lines = [line.partition("#")[0].rstrip() for line in block.splitlines()]
        for line in lines:
            if line.startswith("make"):
                assert line in commands_of_make()
        script = "\n".join(line for line in lines if not line.startswith("make")).strip()
        if script:
            done = await asyncio.to_thread(run, ["bash", "-euo", "pipefail", "-c", on_this_path(script)], running)
            assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran >= 3


def on_this_path(script: str) -> str:
    """The tests may run in another environment than .venv."""
    return script.replace(".venv/bin/", f"{BIN}/")


async def test_the_line_that_up_prints_is_the_readmes(running: Running) -> None:
    """What `sendout up` offers to try is the first command of the tour, and it works as printed."""
    offered = re.search(r"^  (\S*sendout send .*?\n.*?)$", running.printed, re.MULTILINE)
    assert offered
    words = " ".join(offered[1].replace("\\\n", " ").split()).partition("sendout send ")[2]
    readme = " ".join((ROOT / "README.md").read_text().replace("\\\n", " ").split())
    assert f"sendout send {words}" in readme


async def test_every_python_example_works(running: Running) -> None:
    """Each Python block of the README runs as it stands."""
    blocks = fenced("README.md", "python")
    assert blocks
    for block in blocks:
        done = await asyncio.to_thread(run, [sys.executable, "-W", "error", "-c", block], running)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


async def test_the_calls_for_later_are_those_that_are_not_implemented(running: Running) -> None:
    """Every RPC of the contract is called: NOT_IMPLEMENTED comes from those that the README lists and from no other."""
    profile = running.profile
    later = {method.full_name for methods in methods_for_later().values() for method in methods}
    async with grpc.aio.insecure_channel(profile["target"]) as channel:
        for service in services():
            for method in service.methods:
                reason = await reason_of(channel, method, profile["api_key"])
                assert (reason == "NOT_IMPLEMENTED") == (method.full_name in later), f"{method.full_name}: {reason}"


async def reason_of(channel: grpc.aio.Channel, method: MethodDescriptor, key: str) -> str:
    """The reason with which an empty request is refused; "" where it is answered, or begins to stream."""
    kind = ("stream" if method.client_streaming else "unary") + ("_stream" if method.server_streaming else "_unary")
    request = message_factory.GetMessageClass(method.input_type)()
    stub = getattr(channel, kind)(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    options = {"metadata": (("authorization", f"Bearer {key}"),), "timeout": FIRST_ANSWER_S}
    try:
        call = stub(iter([request]), **options) if method.client_streaming else stub(request, **options)
        if method.server_streaming:
            await call.read()
            call.cancel()
        else:
            await call
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return ""
        return _reason(error)
    return ""


def _reason(error: grpc.aio.AioRpcError) -> str:
    trailers = dict(error.trailing_metadata() or ())
    assert "grpc-status-details-bin" in trailers, f"{error.code()} without details: {error.details()}"
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    reason: str = info.reason
    return reason
