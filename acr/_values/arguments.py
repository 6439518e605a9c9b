"""Arguments: what the caller's texts, numbers, flags and callbacks must be. Each is checked before any request."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from acr.errors import InvalidInput

Validator: TypeAlias = Callable[[object, "attrs.Attribute[Any]", object], None]
"""What attrs calls with the options, the field and its value."""

_SHOWN: Final = 100
"""Characters of an argument that an error shows."""


def check_text(name: str, text: str | None) -> str | None:
    r"""Return `text` if UTF-8 can write it. Names of files that are no UTF-8 come from Python with lone surrogates.

    Args:
        name: of the argument.
        text: its value; None is left alone.

    Raises:
        InvalidInput: it is no text, or has lone surrogates.

    >>> check_text("last", "caf\u00e9")
    'café'
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidInput(f"{name}: expected text, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{name}={text[:100]!r}: UTF-8 cannot write it") from None
    return text


def wrong_kind(name: str, value: object, expected: str) -> InvalidInput:
    """An error for an argument of the wrong kind. It shows numbers and short texts, and of all else the type.

    Args:
        name: of the argument.
        value: its value.
        expected: the kind that will do.

    >>> str(wrong_kind("concurrency", "4", "a whole number"))
    "concurrency='4': expected a whole number"
    >>> str(wrong_kind("concurrency", [4], "a whole number"))
    'concurrency: expected a whole number, got list'
    """
    if value is None or (isinstance(value, bool | int | float | str) and len(str(value)) <= _SHOWN):
        return InvalidInput(f"{name}={value!r}: expected {expected}")
    return InvalidInput(f"{name}: expected {expected}, got {type(value).__name__}")


def check_count(name: str, value: int, least: int = 1, most: float = math.inf) -> int:
    """Return `value` if it is a whole number, neither below `least` nor above `most`.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        end = "on" if most == math.inf else f"to {most}"
        raise wrong_kind(name, value, f"a whole number from {least} {end}")
    return value


def check_number(name: str, value: float, fits: Callable[[float], bool], expected: str) -> float:
    """Return `value` if it is a number that will do. Arguments are as for `number`.

    Raises:
        InvalidInput: it is not.

    >>> check_number("seconds", 1.5, lambda value: value >= 0, "seconds")
    1.5
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not fits(value):
        raise wrong_kind(name, value, expected)
    return value


def check_flag(name: str, value: bool | None, *, or_none: bool = False) -> bool | None:
    """Return `value` if it is True or False, or None if that is allowed. A text such as "no" would count as true.

    Raises:
        InvalidInput: it is something else.
    """
    if not (isinstance(value, bool) or (or_none and value is None)):
        raise wrong_kind(name, value, "True, False or None" if or_none else "True or False")
    return value


def check_callback(name: str, value: object) -> None:
    """As `check_function`, for a callback that may be None."""
    if value is not None:
        check_function(name, value, "a function, or None")


def check_function(name: str, value: object, expected: str = "a function") -> None:
    """See that a value is a plain function, or an object that can be called like one.

    Raises:
        InvalidInput: it is not, or is async: the client would not await it.
    """
    if not callable(value):
        raise wrong_kind(name, value, expected)
    if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(getattr(value, "__call__", None)):  # noqa: B004
        raise InvalidInput(f"{name}: expected a plain function, got an async one, which the client does not await")


def check_texts(name: str, values: Iterable[str], example: str) -> list[str]:
    """Return the texts of a list.

    Args:
        name: of the argument.
        values: its value.
        example: of one text, for the error.

    Raises:
        InvalidInput: it is one text by itself, something else, or has an item that is no text.
    """
    if isinstance(values, str):
        raise InvalidInput(f"{name}: expected a list, got text: pass [{values[:_SHOWN]!r}]")
    if isinstance(values, bytes | bytearray) or not isinstance(values, Iterable):
        raise wrong_kind(name, values, f"a list of texts such as {example}")
    found = list(values)
    for value in found:
        if not isinstance(value, str):
            raise InvalidInput(
                f"{name}: expected a list of texts such as {example}, got one with {type(value).__name__}"
            )
        check_text(name, value)
    return found


def check_path(name: str, value: object) -> Path:
    """The path that a caller names.

    Raises:
        InvalidInput: it is not a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise wrong_kind(name, value, "a path")
    return Path(value)


def number(fits: Callable[[float], bool], expected: str) -> Validator:
    """A validator of a field that is a number.

    Args:
        fits: whether a number will do. A NaN is neither above nor below any other, so it does not fit a comparison.
        expected: the numbers that do, for the error.
    """

    def check(options: object, field: attrs.Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not fits(value):
            raise InvalidInput(f"{type(options).__name__}.{field.name}={value!r}: expected {expected}")

    return check


def whole_number(least: int, most: float = math.inf, expected: str | None = None) -> Validator:
    """A validator of a field that is a whole number, neither below `least` nor above `most`.

    Args:
        least: the smallest that will do.
        most: the largest.
        expected: what will do, for the error.
    """
    wanted = expected or f"a whole number from {least} on"

    def check(options: object, field: attrs.Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidInput(f"{type(options).__name__}.{field.name}={value!r}: expected {wanted}")

    return check
