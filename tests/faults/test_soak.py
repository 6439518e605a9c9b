"""Runs in bad weather: each ends with every digest right, or with a clear error after the retries that were allowed.

Never with wrong content, with a tag that names something incomplete, with a temporary file, or with an upload session
left open. `make test` does a few of them, `make test-faults` 500.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import acr
from tests.faults.scene import Scene
from tests.faults.seeds import SEED, again, seeds
from tests.faults.works import work_of

RETRIED = {408, 429, 500, 502, 503, 504}
OUTCOMES: Counter[str] = Counter()


@pytest.mark.parametrize("seed", seeds("ACR_FAULT_RUNS", 60))
def test_a_run(seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kind = work_of(seed)
    with Scene(seed, tmp_path) as scene:
        try:
            work = kind(scene)
            error = attempt(work.do)
            if error is not None:
                check_clear(error, scene.journal)
            OUTCOMES["done" if error is None else type(error).__name__] += 1
            OUTCOMES["faults"] += len(scene.journal)
            scene.settle()
            work.check(done=error is None)
            assert not scene.left_open()
            if error is not None:  # nothing stands in the way of the next attempt
                scene.clear_up()
                work.do()
                scene.settle()
                work.check(done=True)
                assert not scene.left_open()
        except BaseException as failure:
            happened = "\n  ".join(["", *scene.journal])
            name = request.node.nodeid.partition("[")[0]
            failure.add_note(
                f"seed {seed}, {kind.__name__}, {scene.twin.colour}; again with:\n  {again(name, seed)}\n"
                f"what the proxy did:{happened}"
            )
            raise


def attempt(do: Callable[[], None]) -> acr.AcrError | None:
    """Do it; gives the error that it ended with, if it is one of ours."""
    try:
        do()
    except acr.AcrError as error:
        return error
    return None


def check_clear(error: BaseException | None, journal: list[str]) -> None:
    """What the weather can be blamed for is an error of the network, and it was tried as often as allowed."""
    while isinstance(error, acr.TransferError):
        error = error.__cause__
    if isinstance(error, acr.Unauthorized):  # a new token is asked for once, and hours may have passed again
        assert any("expire" in line for line in journal)
        return
    assert isinstance(error, acr.TransportError | acr.ResponseError), error
    assert isinstance(error, acr.TransportError) or error.status in RETRIED, error
    assert error.exhausted, error
    assert str(error)


def test_some_runs_succeed_and_some_do_not() -> None:
    """The weather is neither so good that nothing is shown, nor so bad that nothing gets through."""
    runs = OUTCOMES.total() - OUTCOMES["faults"]
    if SEED in os.environ or runs < 40:
        pytest.skip("too few runs")
    assert 0.4 < OUTCOMES["done"] / runs < 0.95
    assert OUTCOMES["faults"] > 3 * runs
