"""Seeds: which runs are done, and how one of them is had again.

The numbers of runs are in the environment: ACR_FAULT_RUNS of the soak, ACR_KILL_RUNS of each of the kill tests.
ACR_FAULT_SEED names the seeds to run instead, with commas between them.
"""

from __future__ import annotations

import os
from random import Random
from typing import Final

SEED: Final = "ACR_FAULT_SEED"


def seeds(variable: str, default: int) -> list[int]:
    """The seeds of a test."""
    chosen = os.environ.get(SEED)
    if chosen:
        return [int(seed) for seed in chosen.split(",")]
    return list(range(int(os.environ.get(variable, default))))


def seeded(seed: object, purpose: str) -> Random:
    """Random numbers of a run, for one purpose: what is drawn for another does not move them."""
    return Random(f"{seed} {purpose}")


def again(nodeid: str, seed: int) -> str:
    """How to run one seed by itself."""
    return f'{SEED}={seed} .venv/bin/python -m pytest "{nodeid}"'
