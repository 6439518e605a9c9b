"""Reading JSON from the outside: typed fields, and errors that name the place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from acr._values.weight import check_weight
from acr.errors import ProtocolViolation


def parse_object(content: bytes, where: str, *, limit: int = 0, option: str | None = None) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        content: the text.
        where: its name, for errors.
        limit: the bytes that it may have, if a user can set them.
        option: the option that sets them.

    Raises:
        ProtocolViolation: it is not JSON, or not an object; `where` begins the text.
        LimitExceeded: parsed, it would take too much memory.
    """
    check_weight(content, where, limit=limit, option=option)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise ProtocolViolation(f"{where} is not JSON: it begins with {content[:60]!r}") from None
    object_of(value, where)
    parsed: dict[str, Any] = value  # not copied: it may be large
    return parsed


def object_of(value: object, where: str) -> Mapping[str, Any]:
    """`value` as an object."""
    if not isinstance(value, Mapping):
        raise ProtocolViolation(f"{where}: expected an object, got {type(value).__name__}")
    return value


def list_of(data: Mapping[str, Any], key: str, where: str) -> Sequence[Any]:
    """The list at `key`; absent and null are empty, as Go writes an empty list as null."""
    value = data.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ProtocolViolation(f"{where}.{key}: expected a list, got {type(value).__name__}")
    return value


def text(data: Mapping[str, Any], key: str, where: str) -> str:
    """The string at `key`."""
    value = data.get(key)
    if not isinstance(value, str):
        raise ProtocolViolation(f"{where}.{key}: expected a string, got {type(value).__name__}")
    return value


def optional_text(data: Mapping[str, Any], key: str, where: str) -> str | None:
    """The string at `key`; None if it is absent, null or empty."""
    return text(data, key, where) or None if data.get(key) is not None else None


def integer(data: Mapping[str, Any], key: str, where: str) -> int:
    """The integer at `key`."""
    value = data.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProtocolViolation(f"{where}.{key}: expected an integer, got {type(value).__name__}")
    return value


def text_map(data: Mapping[str, Any], key: str, where: str) -> dict[str, str]:
    """The object of strings at `key`; absent and null are empty."""
    value = data.get(key)
    if value is None:
        return {}
    entries = object_of(value, f"{where}.{key}")
    return {name: text(entries, name, f"{where}.{key}") for name in entries}


def texts(data: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """The list of strings at `key`; absent and null are empty."""
    found = list_of(data, key, where)
    if not all(isinstance(value, str) for value in found):
        raise ProtocolViolation(f"{where}.{key}: expected strings")
    return tuple(found)


def written(value: Mapping[str, Any], where: str) -> bytes:
    """Write an object that others wrote, and to which something was added.

    Raises:
        ProtocolViolation: it has what could be read, and JSON cannot hold: a number such as `NaN`, too many levels.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(f"{where} cannot be written again: {error}") from None
