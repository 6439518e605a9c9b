"""Travel: values go to other processes, by pickle, and are copied; a client, and what is made by one, stays."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from acr.errors import NotPicklable

T = TypeVar("T", bound=type)


def travels(cls: T) -> T:
    """Let a class of attrs travel whose fields may be mappings to be read only, which by themselves cannot."""
    get, put = vars(cls)["__getstate__"], vars(cls)["__setstate__"]

    def getstate(self: object) -> dict[str, Any]:
        return {name: dict(it) if isinstance(it, MappingProxyType) else it for name, it in get(self).items()}

    def setstate(self: object, state: dict[str, Any]) -> None:
        put(self, {name: MappingProxyType(it) if isinstance(it, dict) else it for name, it in state.items()})

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
