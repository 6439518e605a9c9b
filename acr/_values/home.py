"""Home: the public module that a class or function belongs to, wherever its file is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=Callable[..., object])


def public_in(module: str) -> Callable[[T], T]:
    """Name a public module as the home of a class or function: in tracebacks, `help()`, pickles and type names.

    Files can then move without breaking stored pickles. But Python's tools take `__module__` for the place of the
    definition, too, so three of them need help:

    - `inspect.getsource` opens the file of `__module__`. It follows `__wrapped__` first. Since Python 3.13 it does not,
      and finds no source of a class. It finds that of each method.
    - doctest skips classes of other modules. It reads a module's `__test__`.
    - `typing.get_type_hints` evaluates annotations that are text in `__module__`. So a file that defines such a class
      with annotated fields does without `from __future__ import annotations`.
    """

    def name_home(item: T) -> T:
        _show_definition(item)
        item.__module__ = module
        return item

    return name_home


def _show_definition(item: object) -> None:
    if isinstance(item, type):
        vars(sys.modules[item.__module__]).setdefault("__test__", {})[item.__qualname__] = item
        setattr(item, "__wrapped__", _Definition(item.__module__))  # noqa: B010 - no type has it by itself


class _Definition:
    """Leads `inspect.unwrap` from a class to a subclass that names the true module. It does so for that class alone."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __get__(self, instance: object, owner: type) -> type:
        if instance is not None or vars(owner).get("__wrapped__") is not self:
            raise AttributeError("__wrapped__")
        names = {"__module__": self._module, "__qualname__": owner.__qualname__, "__doc__": owner.__doc__}
        return type(owner)(owner.__name__, (owner,), names)
