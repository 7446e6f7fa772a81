"""Starts Sendout's processes in milliseconds: everything is imported once here, and each process is a fork of this one.

Sound because nothing of gRPC, no thread and no event loop exists before the fork; `main` refuses to fork otherwise.
Orders come as JSON lines on standard input; `{"pid": …}` and `{"exited": pid, "code": …}` go back on standard output.
When the input ends, whatever still runs is killed.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import time
import traceback
from typing import Any

import asyncpg  # noqa: F401  (for the processes to come)

from sendout.server import app, processes
from sendout.server.config import load_settings


def main() -> None:
    """Fork on order, report ends."""
    waiting = selectors.DefaultSelector()
    waiting.register(0, selectors.EVENT_READ)
    children: dict[int, int] = {}
    buffer = b""
    while True:
        for key, _ in waiting.select():
            if key.fd != 0:
                waiting.unregister(key.fd)
                os.close(key.fd)
                _report(children.pop(key.fd))
                continue
            read = os.read(0, 65536)
            if not read:
                _kill(children.values())
                return
            *orders, buffer = (buffer + read).split(b"\n")
            for order in orders:
                pid = _fork(json.loads(order))
                descriptor = os.pidfd_open(pid)
                children[descriptor] = pid
                waiting.register(descriptor, selectors.EVENT_READ)
                _say({"pid": pid})


def _fork(order: dict[str, Any]) -> int:
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("Something has started a thread: a fork would not be sound.")
    pid = os.fork()
    if pid == 0:
        _become(order)
    return pid


def _become(order: dict[str, Any]) -> None:
    code = 1
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.update(order["environment"])
        if os.environ.get("SENDOUT_TEST_NAIVE"):
            _be_naive()
        if folder := os.environ.get("SENDOUT_TEST_WRITES"):
            _note_writes(folder)
        processes.run(getattr(app, order["role"])(load_settings()))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _be_naive() -> None:
    """See `fleet.NAIVE`."""
    from sendout.domain.states import ReasonCode, State
    from sendout.server.dispatch import recovery
    from sendout.storage.changes import Change

    def requeue(worker: Any, left: Any, provable: bool, journal: set[str]) -> Change:
        return Change(
            left.notification_id, left.index, State.QUEUED, ReasonCode.RETRYING, worker.id, left.attempt, None, 0
        )

    recovery._change = requeue


def _note_writes(folder: str) -> None:
    """See `fleet.WRITES`."""
    from sendout.server.carriers.smpp.session import Session

    notes = os.open(f"{folder}/{os.getpid()}.writes", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    submit = Session.submit

    def noting(session: Session, parts: Any) -> None:
        os.write(notes, f"{time.monotonic_ns()} {len(parts)}\n".encode())
        submit(session, parts)

    Session.submit = noting


def _report(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    _say({"exited": pid, "code": os.waitstatus_to_exitcode(status)})


def _kill(pids: Any) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
