"""A registry of last year: an emulator whose clock goes on when somebody says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import acr
from acr.emulator import Emulator
from tests.upkeep import push_image, push_release

DAY = 86_400
ALL = (
    '[[purge.rule]]\nname = "all"\ntags = { glob = ["old*"] }\nolder_than = "7d"\n[purge.untagged]\nolder_than = "7d"\n'
)

Purge = Callable[..., acr.PurgeReport]


class Clock:
    """The time of a registry. Each look at it is a little later than the one before, as nothing happens at once."""

    def __init__(self) -> None:
        self.now = time.time() - 300 * DAY

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@contextmanager
def emulated(trash: Literal["", "draft", "az"] = "") -> Iterator[tuple[Emulator, Clock]]:
    """An emulator, and its clock. Tokens are good for all of its time."""
    clock = Clock()
    long = 3000.0 * DAY
    with Emulator(clock=clock, refresh_lifetime=long, access_lifetime=long, trash=trash) as emulator:
        yield emulator, clock


def plan_of(registry: acr.Registry, policy: str = ALL, **options: object) -> acr.Plan:
    """The plan of a policy, of all that is there."""
    return acr.Policy(policy).plan(registry.inventory(cache=False, **options))  # type: ignore[arg-type]


def filled(owner: acr.Registry, clock: Clock, name: str = "team/app") -> acr.Repository:
    """A release that stays, one that goes, and an image that no tag leads to."""
    repository = owner.repository(name)
    push_release(repository, "keep")
    push_release(repository, "old", fallback=True)
    push_image(repository, "untagged")
    clock.now += 30 * DAY
    return repository
