"""Flight: of all who need the same thing at the same time one fetches it, and the others take what it got."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager
from copy import copy
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from acr._core.runtime import Runtime
from acr.errors import AcrError

T = TypeVar("T")


class Flight(Generic[T]):
    """Attempts at fetching something, one at a time for each key.

    Args:
        runtime: for its locks.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # In a child process, or another event loop, nobody would ever let go of a lock that is held now.
        self._homes: WeakKeyDictionary[object, dict[Hashable, _State[T]]] = WeakKeyDictionary()

    async def join(
        self,
        key: Hashable,
        fetch: Callable[[], Awaitable[T]],
        *,
        meanwhile: Callable[[], Awaitable[object]] | None = None,
    ) -> T:
        """Fetch it, or wait for who does so already.

        Those who waited share the outcome, a failure too: or a registry that is down would keep them waiting for its
        time-out one after another.

        Args:
            key: of what is needed.
            fetch: gets it.
            meanwhile: what is done by those who would wait. It raises nothing.

        Raises:
            AcrError: the attempt failed, this one or the one that was waited for.
        """
        states = self._homes.setdefault(self._runtime.home, {})
        state = states.setdefault(key, _State(self._runtime.lock()))
        before = state.landed
        mine = object()
        state.joined.append(mine)
        try:
            if meanwhile is not None and state.joined[0] is not mine:
                await meanwhile()
            async with state.lock:
                return await self._fly(state, before, fetch)
        finally:
            state.joined.remove(mine)

    async def _fly(self, state: _State[T], before: _Landed[T] | None, fetch: Callable[[], Awaitable[T]]) -> T:
        """Fetch it, unless somebody has done so since `before`."""
        landed = state.landed
        if landed is not None and landed is not before:
            if isinstance(landed.outcome, AcrError):
                raise copy(landed.outcome)  # each thread adds a traceback of its own
            return landed.outcome
        try:
            got = await fetch()
        except AcrError as error:
            state.landed = _Landed(error)
            raise
        state.landed = _Landed(got)
        return got

    def forget(self, key: Hashable) -> None:
        """Drop what is kept for a key that is not needed any more."""
        self._homes.setdefault(self._runtime.home, {}).pop(key, None)


class _Landed(Generic[T]):
    """An attempt that has ended."""

    def __init__(self, outcome: T | AcrError) -> None:
        self.outcome = outcome


class _State(Generic[T]):
    def __init__(self, lock: AbstractAsyncContextManager[Any]) -> None:
        self.lock = lock
        self.landed: _Landed[T] | None = None
        self.joined: list[object] = []  # one for each who fetches it or waits; the first of them fetches it
