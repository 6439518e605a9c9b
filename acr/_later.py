"""Later: modules that are loaded when something of them is first needed. A program loads what it uses."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from acr._forks import IMPORTS


class _Later:
    """Stands for a module. It keeps nothing that the module has, so that a test can replace it."""

    __slots__ = ("_module", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        if self._module is None:
            with IMPORTS:
                self._module = import_module(self._name)
        return getattr(self._module, name)


def later(name: str) -> Any:
    """Stand for a module until something of it is needed.

    Whoever uses it imports the module for type checkers alone, and by this otherwise.

    Args:
        name: of the module, in full.
    """
    return _Later(name)
