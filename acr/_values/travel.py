"""Travel: values go to other processes, by pickle, and are copied; a client, and what is made by one, stays."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeVar

from acr.errors import NotPicklable

T = TypeVar("T", bound=type)

_READ_ONLY: Final = "read only"
"""Where a state names the fields that were mappings to be read only. No field has such a name."""


def travels(cls: T) -> T:
    """Let a class of attrs travel whose fields may be mappings to be read only, which by themselves cannot."""
    get, put = vars(cls)["__getstate__"], vars(cls)["__setstate__"]

    def getstate(self: object) -> dict[str, Any]:
        state: dict[str, Any] = get(self)
        fixed = {name: dict(value) for name, value in state.items() if isinstance(value, MappingProxyType)}
        return {**state, **fixed, _READ_ONLY: tuple(fixed)}

    def setstate(self: object, state: dict[str, Any]) -> None:
        put(self, {**state, **{name: MappingProxyType(state[name]) for name in state[_READ_ONLY]}})

    return _with(_with(cls, "__getstate__", getstate), "__setstate__", setstate)


def stays(instead: str) -> Callable[[T], T]:
    """Refuse to pickle and to copy what a class makes.

    Args:
        instead: what to pass to another process in its place.
    """

    def refuse(self: object) -> NoReturn:
        raise NotPicklable(
            f"{type(self).__name__} cannot be pickled or copied, since it belongs to this process: make one in each"
            f" process, and pass {instead}"
        )

    return lambda cls: _with(cls, "__reduce__", refuse)


def _with(cls: T, name: str, method: Callable[..., object]) -> T:
    method.__name__, method.__qualname__, method.__module__ = name, f"{cls.__qualname__}.{name}", cls.__module__
    setattr(cls, name, method)
    return cls
