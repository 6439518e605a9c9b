"""Programs of these tests: each scenario runs in a process of its own, since it forks, and tells its findings as JSON.

Python 3.12 and newer warn of a fork beside threads; that is what the scenarios are about.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parent.parent.parent

PATIENCE: Final = 20.0
"""Seconds after which a child hangs."""

HUNG: Final = "hung"


def told(module: str, *arguments: object, patience: float = 100) -> Any:
    """Run a module as a program, and give what it tells."""
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-m", f"tests.processes.{module}"]
    command += [json.dumps(argument) for argument in arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=patience)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Colour:
    """Calls of sync or async code, in the parent and in its children.

    Args:
        name: sync or async.
    """

    def __init__(self, name: str) -> None:
        self.is_async = name == "async"
        self._loop: asyncio.AbstractEventLoop | None = None

    def do(self, call: Any) -> Any:
        """What came of a call: one of async code is awaited, in the event loop of this process."""
        if not inspect.isawaitable(call):
            return call
        self._loop = self._loop or asyncio.new_event_loop()
        return self._loop.run_until_complete(call)

    def forked(self, work: Callable[[], Any], fork: Callable[[], int] = os.fork) -> Child:
        """Do some work in a child, in an event loop of its own. Nothing of the parent's is unwound in it."""
        reads, writes = os.pipe()
        process = fork()
        if process == 0:
            try:
                self._loop = None
                found = work()
            except BaseException as error:  # noqa: BLE001 - it is told
                found = f"{type(error).__name__}: {error}"
            os.write(writes, json.dumps(found).encode())
            os._exit(0)
        os.close(writes)
        return Child(process, reads)


class Child:
    """A child that was forked."""

    def __init__(self, process: int, pipe: int) -> None:
        self._process = process
        self._pipe = pipe

    def found(self) -> Any:
        """What it found; one that does not end is killed."""
        answer: Any = HUNG
        if select.select([self._pipe], [], [], PATIENCE)[0]:
            answer = json.loads(os.read(self._pipe, 65536) or b'"died"')
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._pipe)
        return answer
