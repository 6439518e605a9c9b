"""The scene of a run: emulators, each behind a proxy of its own, and a client of them in the colour of the seed."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import acr
from acr.emulator import Emulator
from tests.faults.proxy import Clock, FaultProxy
from tests.faults.seeds import seeded
from tests.faults.weather import Weather
from tests.ranged_store import cut_small, small
from tests.twin import Twin

_FOR_EVER = 1e9


class Scene:
    """Use it as a context manager.

    Args:
        seed: of all that happens.
        folder: for files.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        self.twin = Twin("async" if seed % 2 else "sync")
        self.emulators: list[Emulator] = []
        self.proxies: list[FaultProxy] = []
        self._clock = Clock()
        self._opened = ExitStack()

    def __enter__(self) -> Scene:
        self._opened.callback(self.twin.close)
        self.registry = self.another_registry()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def emulator(self) -> Emulator:
        """The first one."""
        return self.emulators[0]

    def another_registry(self) -> acr.Registry:
        """A client of a new emulator behind a new proxy."""
        number = len(self.emulators)
        random = seeded(self.seed, f"scene {number}")
        # Signed URLs and Entra's tokens are used within milliseconds, and never again: no leap comes in between.
        emulator = Emulator(clock=self._clock, redirect_lifetime=_FOR_EVER)
        emulator = self._opened.enter_context(emulator)
        weather = Weather.of(f"{self.seed} {number}" if number else self.seed)
        proxy = self._opened.enter_context(FaultProxy(emulator, weather, clock=self._clock))
        self.emulators.append(emulator)
        self.proxies.append(proxy)
        credentials: list[acr.Credential] = [
            emulator.credential(lifetime=_FOR_EVER)
            if self.twin.colour == "sync"
            else emulator.async_credential(lifetime=_FOR_EVER),
            acr.UsernamePassword(emulator.username, emulator.password),
        ]
        registry = self.twin.connect(
            proxy.url,
            random.choice(credentials),
            retries=acr.Retries(limit=random.choice([1, 2, 4, 4, 6])),
            timeouts=acr.Timeouts(connect=5, read=10, write=10, pool=10),
        )
        length = seeded(self.seed, "ranges").choice([None, 64, 200, 1024])
        if length is not None:  # KiB
            cut_small(registry, small(length * 1024, 256 * 1024))
        return registry

    def clear_up(self) -> None:
        """Let nothing more go wrong."""
        for proxy in self.proxies:
            proxy.clear_up()

    def settle(self) -> None:
        """Wait until nothing is under way any more."""
        for proxy in self.proxies:
            proxy.settle()

    def left_open(self) -> set[str]:
        """Upload sessions that the client could have ended and has not."""
        return {
            upload
            for emulator, proxy in zip(self.emulators, self.proxies, strict=True)
            for upload in emulator.open_uploads
            if upload not in proxy.untold
        }

    @property
    def journal(self) -> list[str]:
        """What went wrong."""
        return [line for proxy in self.proxies for line in proxy.journal]
