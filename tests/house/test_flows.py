"""`make flows` counts what it says, so that its figures can be compared from tree to tree."""

from __future__ import annotations

from types import FrameType, SimpleNamespace
from typing import cast

import pytest

from tools.flows import EMULATOR, FLOWS, ROOTS, Walk, measure

SESSION = f"{ROOTS[0]}/_core/talk/session.py"
SHELL = f"{ROOTS[0]}/_shells/blocking.py"
PARSER = f"{ROOTS[1]}/types.py"


def called(walk: Walk, path: str, event: str = "call") -> None:
    code = SimpleNamespace(co_filename=path, co_qualname="f")
    walk.see(cast("FrameType", SimpleNamespace(f_code=code)), event, None)


def test_a_move_is_a_call_into_another_file() -> None:
    walk = Walk()
    for path in (SHELL, SESSION, SESSION, PARSER, SESSION, SHELL):
        called(walk, path)
    assert (len(walk.files), walk.calls, walk.moves, walk.upward) == (3, 6, 4, 2)


def test_what_is_no_call_of_the_client_does_not_count() -> None:
    walk = Walk()
    called(walk, SESSION)
    called(walk, SHELL, "return")
    called(walk, f"{EMULATOR}/_emulator.py")
    called(walk, "/usr/lib/python3/json/__init__.py")
    assert (walk.calls, walk.moves) == (1, 0)


@pytest.mark.parametrize("name", FLOWS)
def test_each_flow_goes_down_to_the_sockets_and_back(name: str) -> None:
    walk = measure(name)
    rooms = {path.removeprefix(ROOTS[0]).split("/")[1] for path in walk.files if path.startswith(ROOTS[0])}
    assert {"_facades", "_core", "_shells"} <= rooms
    assert walk.calls > walk.moves > walk.upward > 0
