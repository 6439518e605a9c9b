"""A fault that does not happen fails the test that armed it."""

from __future__ import annotations

import httpx
import pytest

from acr.emulator import Emulator
from tests.armed import ALWAYS, Armed, let_through


def ask(emulator: Emulator, times: int = 1) -> list[int]:
    return [httpx.get(f"{emulator.url}/v2/", trust_env=False).status_code for _ in range(times)]


@pytest.mark.parametrize(("times", "requests"), [(1, 0), (2, 1), (ALWAYS, 0), (0, 1)])
def test_a_fault_that_does_not_happen_is_told_until_it_is_excused(
    armed: Armed, acr_emulator: Emulator, times: int, requests: int
) -> None:
    fault = acr_emulator.fail(times=times, status=500)
    ask(acr_emulator, requests)
    (problem,) = armed.problems()
    assert "status=500" in problem
    armed.excuse(fault, "it is what is tested")
    assert armed.problems() == []


@pytest.mark.parametrize(("times", "requests"), [(1, 1), (2, 3), (ALWAYS, 1)])
def test_a_fault_that_happens_is_as_it_should_be(
    armed: Armed, acr_emulator: Emulator, times: int, requests: int
) -> None:
    acr_emulator.fail(times=times, status=500)
    ask(acr_emulator, requests)
    assert armed.problems() == []


def test_of_two_faults_that_are_alike_one_is_told(armed: Armed, acr_emulator: Emulator) -> None:
    with Emulator() as other:
        faults = [emulator.fail(status=500) for emulator in (acr_emulator, other)]
        ask(acr_emulator)
        assert len(armed.problems()) == 1
        armed.excuse(faults[1], "it is what is tested")
        assert armed.problems() == []


def test_what_is_let_through_meets_no_fault(acr_emulator: Emulator) -> None:
    let_through(acr_emulator, 0, method="GET")
    let_through(acr_emulator, 2, method="GET")
    acr_emulator.fail(status=500)
    assert ask(acr_emulator, 4) == [401, 401, 500, 401]
