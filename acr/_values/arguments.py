"""Arguments: what a text from the caller must be before it can be sent, and what numbers options must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from acr.errors import InvalidInput

Validator: TypeAlias = Callable[[object, "attrs.Attribute[Any]", object], None]
"""What attrs calls with the options, the field and its value."""


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


def whole_number(least: int) -> Validator:
    """A validator of a field that is a whole number, and not below `least`."""

    def check(options: object, field: attrs.Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidInput(
                f"{type(options).__name__}.{field.name}={value!r}: expected a whole number from {least} on"
            )

    return check
