"""Fails a test whose fault does not happen: what the test says of that fault is not tested.

When a test ends, each fault that it armed (`Emulator.fail`, of any emulator) is looked at. A fault for N requests must
have met N, and a fault for `ALWAYS` at least one. A test that cannot know says so by name: `armed.excuse`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

import attrs
import pytest

from acr.emulator import Emulator, Fault

ALWAYS: Final = sys.maxsize
"""For `Emulator.fail(times=...)`: all requests that fit, of which there must be one."""

_USUAL: Final[tuple[object, ...]] = (None, "", b"", {}, 0, False)


@attrs.frozen
class _Arming:
    fault: Fault
    times: int

    def problem(self) -> str | None:
        """Why this fault tests nothing, or less than it says."""
        met = self.times - self.fault.left
        if self.times < 1:
            return f"{self.name} is armed for {self.times} requests"
        if met < 1 or (self.fault.left > 0 and self.times != ALWAYS):
            return f"{self.name} was armed for {'all' if self.times == ALWAYS else self.times}, and met {met} requests"
        return None

    @property
    def name(self) -> str:
        """The fault by its arguments, as far as they are not the usual ones."""
        told = attrs.asdict(self.fault, filter=lambda one, value: one.name != "left" and value not in _USUAL)
        return f"fail({', '.join(f'{name}={value!r}' for name, value in told.items())})"


class Armed:
    """The faults of one test."""

    def __init__(self) -> None:
        self._armings: list[_Arming] = []

    def add(self, fault: Fault) -> None:
        """A fault that has just been armed."""
        self._armings.append(_Arming(fault, fault.left))

    def excuse(self, fault: Fault, why: str) -> None:
        """Let a fault wait in vain. The reason is for readers; there must be one."""
        assert why
        self._armings = [arming for arming in self._armings if arming.fault is not fault]

    def problems(self) -> list[str]:
        """A line for each fault that did not happen as often as it was armed for."""
        return [problem for arming in self._armings if (problem := arming.problem())]


@pytest.fixture(autouse=True)
def armed() -> Iterator[Armed]:
    """The faults of the running test, which fails if one of them does not happen."""
    seen = Armed()
    arm = Emulator.fail

    def fail(emulator: Emulator, **how: Any) -> Fault:
        fault = arm(emulator, **how)
        seen.add(fault)
        return fault

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Emulator, "fail", fail)
        yield seen
    if problems := seen.problems():
        pytest.fail("faults that did not happen:\n" + "\n".join(problems), pytrace=False)


def let_through(emulator: Emulator, count: int, *, method: str) -> None:
    """Let the next requests of a method pass, so that the fault that is armed next meets the one after them."""
    if count:
        emulator.fail(method=method, times=count, delay=1e-6)
