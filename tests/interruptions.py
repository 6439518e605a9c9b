"""A Ctrl-C at a chosen step. The kernel chooses the moment otherwise, and no test would meet the bad ones."""

from __future__ import annotations

import dis
import gc
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from tests.patience import PATIENCE

_START: Final = threading.Thread.start.__code__
"""Left alone: a thread that cannot be told that it has started stays for ever. So is what Python does when an object
goes: nobody hears of an error there."""


class Interrupted:
    """Something that is done in a thread, and gets a KeyboardInterrupt at a step of it.

    A step is what follows where Python looks for signals: the begin of a function, a call that has returned, one more
    turn of a loop. Python does not look between the taking of a plain lock by `with` and the block that gives it back.

    Args:
        number: of the step; 0 is the first one.
        counts: whether the steps of a function count, and those of the functions that it calls.
    """

    def __init__(self, number: int, counts: Callable[[FrameType], bool]) -> None:
        self._left = number
        self._last: dict[FrameType, str] = {}  # the instruction of each function that was done last
        self._counts = counts
        self.was_reached = False
        """Whether there were so many steps."""
        self.error: BaseException | None = None

    def run(self, function: Callable[[], object]) -> None:
        """Do it. Fails if it does not end."""
        thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        was_on = gc.isenabled()
        gc.disable()  # what it finds may belong to another test, and Python swallows an interrupt in a finalizer
        try:
            thread.start()
            thread.join(PATIENCE)
        finally:
            if was_on:
                gc.enable()
        assert not thread.is_alive(), "interrupted at that step it does not end"

    def _run(self, function: Callable[[], object]) -> None:
        sys.settrace(self._called)
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        finally:
            sys.settrace(None)
            self._last.clear()

    def _called(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if event == "call" and self._is_within(frame):
            frame.f_trace_opcodes = True
            return self._step
        return None

    def _is_within(self, frame: FrameType | None) -> bool:
        is_one = False
        while frame is not None and not is_one:
            if frame.f_code is _START or frame.f_globals["__name__"] == "_weakrefset":
                return False
            is_one = self._counts(frame)
            frame = frame.f_back
        return is_one

    def _step(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "opcode":
            is_step = self._last.get(frame, "").startswith(("CALL", "RESUME", "JUMP_BACKWARD"))
            self._last[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            self._left -= is_step
            if self._left < 0 and not self.was_reached:
                self.was_reached = True
                raise KeyboardInterrupt
        elif event == "return":
            self._last.pop(frame, None)
        return self._step
