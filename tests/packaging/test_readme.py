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

from tests.packaging.tables import services
from tests.packaging.tree import ROOT

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
        "SENDOUT_GATEWAY_LISTEN": f"127.0.0.1:{free_port()}",
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


async def test_every_command_of_the_readme_works(running: Running) -> None:
    """Each shell block ends as it says in a newcomer's second terminal and prints what stands below it."""
    ran = 0
    for block, shown in examples("sh"):
        expected = int(found[1]) if (found := re.search(r"# status (\d)", block)) else 0
        lines = [line.partition("  #")[0].rstrip() for line in block.splitlines()]
        script = "\n".join(line for line in lines if not line.startswith("make")).strip()
        if script:
            done = await asyncio.to_thread(run, ["bash", "-euo", "pipefail", "-c", on_this_path(script)], running)
            assert done.returncode == expected, f"{script}\n{done.stdout}\n{done.stderr}"
            assert_shown(shown, done)
            ran += 1
    assert ran >= 3


def test_every_make_line_names_a_target() -> None:
    """Each line of the shell blocks that begins with make is a target of the Makefile."""
    text = (ROOT / "Makefile").read_text()
    known = {"make", *(f"make {target}" for target in re.findall(r"^([a-z]+):.*##", text, re.MULTILINE))}
    for block, _ in examples("sh"):
        assert {line.partition("#")[0].rstrip() for line in block.splitlines() if line.startswith("make")} <= known


def examples(language: str) -> list[tuple[str, str]]:
    """The blocks of one language with the output that stands below each, "" where there is none."""
    text = (ROOT / "README.md").read_text()
    pattern = rf"^```{language}\n(.*?)^```$(?:[^`]*?^```text\n(.*?)^```$)?"
    return re.findall(pattern, text, re.MULTILINE | re.DOTALL)


def assert_shown(shown: str, done: subprocess.CompletedProcess[str]) -> None:
    """Every line shown was printed, apart from ids, times and the width of columns."""
    printed = [alike(line) for line in (done.stdout + done.stderr).splitlines()]
    for line in shown.splitlines():
        assert alike(line) in printed, f"{line}\n{done.stdout}\n{done.stderr}"


def alike(line: str) -> str:
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", line)
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", line)
    return " ".join(line.split())


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
    blocks = examples("python")
    assert blocks
    for block, shown in blocks:
        done = await asyncio.to_thread(run, [sys.executable, "-W", "error", "-c", block], running)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert_shown(shown, done)


async def test_every_call_is_served(running: Running) -> None:
    """Every RPC of the contract is called, and none of them answers NOT_IMPLEMENTED."""
    profile = running.profile
    async with grpc.aio.insecure_channel(profile["target"]) as channel:
        for service in services():
            for method in service.methods:
                reason = await reason_of(channel, method, profile["api_key"])
                assert reason != "NOT_IMPLEMENTED", method.full_name


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
