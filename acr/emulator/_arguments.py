"""What the arguments of the emulator must be. Each error says what was expected, and none shows a password."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from acr._values.arguments import Validator, check_text, number, whole_number
from acr._values.reference import check_repository
from acr.errors import InvalidInput, InvalidReference

_LONGEST: Final = 100 * 365 * 86_400
HIGHEST_PORT: Final = 65_535
_ACTIONS: Final = (
    "pull", "push", "delete", "metadata_read", "metadata_write", "deleted_read", "deleted_restore", "*",
)  # fmt: skip
_CATALOG: Final = "registry:catalog:*"
_DELETED_CATALOG: Final = "registry:deleted_catalog:*"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_UNSENDABLE: Final = re.compile(r"[\r\n\0]|[^\x00-\xff]")

lifetime: Final = number(lambda value: 0 <= value <= _LONGEST, f"seconds from 0 to {_LONGEST} (100 years)")
"""A validator of a lifetime: so short that no clock runs over."""


def function(options: object, field: attrs.Attribute[Any], value: object) -> None:
    """A validator of a function."""
    if not callable(value):
        raise InvalidInput(f"{type(options).__name__}.{field.name}={value!r}: expected a function")


_MANY: Final = 2**31
count: Final = whole_number(0, _MANY, f"a whole number from 0 to {_MANY}")
port: Final = whole_number(0, HIGHEST_PORT, f"a port from 1 to {HIGHEST_PORT}, or 0 for any free one")


def address(options: object, field: attrs.Attribute[Any], value: object) -> None:
    """A validator of an address to listen on. An empty one would be every address."""
    try:
        if isinstance(value, str) and "\0" not in value and value.encode("idna"):
            return
    except UnicodeError:
        pass
    raise InvalidInput(
        f"{type(options).__name__}.{field.name}={value!r}: expected a name or an address of this machine"
    )


def path(what: str, value: object) -> Path:
    """A path. An empty text would be the folder where the program runs."""
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if isinstance(text, str) and text and "\0" not in text:
            return Path(text)
    raise InvalidInput(f"{what}, got {value!r}")


def texts(what: str, values: object) -> tuple[str, ...]:
    """Several texts. One alone would be taken for its letters."""
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping):
        found = tuple(values)
        if all(isinstance(value, str) for value in found):
            return found
    raise InvalidInput(f"{what}: expected a list of texts, got {values!r}")


def password(what: str, value: object) -> str:
    """A password that can be sent. The error does not show it."""
    try:
        if isinstance(value, str) and value.encode():
            return value
    except UnicodeEncodeError:
        raise InvalidInput(f"{what}: UTF-8 cannot write the password") from None
    if value == "":
        raise InvalidInput(f"{what}: the password is empty")
    raise InvalidInput(f"{what}: expected a password as text, got {type(value).__name__}")


def user_name(value: object, taken: Iterable[str]) -> str:
    """The name of a token. Basic authentication ends a name at the first colon (RFC 7617)."""
    if not isinstance(value, str) or not value or ":" in value or not value.isprintable():
        raise InvalidInput(f"name={value!r}: expected a text without colons and control characters")
    if value in taken:
        raise InvalidInput(f"name={value!r}: the registry has this name for itself: take another one")
    check_text("name", value)
    return value


def scopes(values: object) -> tuple[str, ...]:
    """Scopes, one or several in each text, of which each can be granted."""
    found = tuple(scope for text in texts("scopes", values) for scope in text.split())
    for scope in found:
        _check_scope(scope)
    return found


def _check_scope(scope: str) -> None:
    if scope in (_CATALOG, _DELETED_CATALOG):
        return
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    if kind != "repository" or not name:
        raise InvalidInput(f"{scope[:300]!r} is no scope: expected repository:NAME:ACTION,ACTION or {_CATALOG}")
    for action in actions.split(","):
        if action not in _ACTIONS:
            raise InvalidInput(f"{scope[:300]!r}: no action {action[:100]!r}; expected are {', '.join(_ACTIONS)}")
    try:
        check_repository(f"{name[:-1]}x" if name.endswith("*") else name)  # `*` stands for the rest of a name
    except InvalidReference:
        raise InvalidInput(
            f"{scope[:300]!r}: no repository {name[:300]!r}; expected a name such as team/app, or a beginning and *"
        ) from None


def seconds(what: str, value: object) -> float:
    """A time that may be over already."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LONGEST <= value <= _LONGEST:
        raise InvalidInput(f"{what}={value!r}: expected a number of seconds, {_LONGEST} at the most")
    return value


def headers(options: object, field: attrs.Attribute[Any], values: object) -> None:
    """A validator of header lines."""
    if not isinstance(values, Mapping):
        raise InvalidInput(f"{type(options).__name__}.{field.name}={values!r}: expected a mapping of names to texts")
    for name, value in values.items():
        if not isinstance(name, str) or _TOKEN.fullmatch(name) is None:
            raise InvalidInput(f"{type(options).__name__}.{field.name}: {name!r} is no name of a header")
        if not isinstance(value, str) or _UNSENDABLE.search(value):
            raise InvalidInput(
                f"{type(options).__name__}.{field.name}: {name}: expected a text in Latin-1 without line ends,"
                f" got {value!r}"
            )


def one_of(*expected: str | None) -> Validator:
    """A validator of a field that has few values."""

    def check(options: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in expected:
            known = ", ".join(map(repr, expected))
            raise InvalidInput(f"{type(options).__name__}.{field.name}={value!r}: expected one of {known}")

    return check


def of_type(kind: type[Any], expected: str) -> Validator:
    """A validator of a field that is of a type."""

    def check(options: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            raise InvalidInput(f"{type(options).__name__}.{field.name}={value!r}: expected {expected}")

    return check


true_or_false: Final = of_type(bool, "True or False")
"""A validator of what is on or off. A text such as "no" would be on."""


def said(error: OSError, what: str, then: str) -> OSError:
    """An error of the system, with what it was about and what to do. One that says so already stays as it is."""
    return type(error)(error.errno, f"{what} ({error.strerror or error}): {then}") if error.errno else error
