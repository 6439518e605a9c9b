"""Permissions: `can_write` and its like, to and from the wire's `writeEnabled`."""

from __future__ import annotations

from typing import Protocol, TypedDict

from acr._values.arguments import check_flag
from acr.errors import InvalidInput


class Attributes(Protocol):
    """What the generated models of changeable attributes have in common."""

    @property
    def read_enabled(self) -> bool | None: ...
    @property
    def write_enabled(self) -> bool | None: ...
    @property
    def list_enabled(self) -> bool | None: ...
    @property
    def delete_enabled(self) -> bool | None: ...


class Flags(TypedDict):
    """The arguments of `Permissions`."""

    can_read: bool
    can_write: bool
    can_list: bool
    can_delete: bool


class Changes(TypedDict):
    """The arguments of the generated models; None leaves one as it is."""

    read_enabled: bool | None
    write_enabled: bool | None
    list_enabled: bool | None
    delete_enabled: bool | None


def permissions(attributes: Attributes | None) -> Flags:
    """What may be done with an item; what the registry does not say is allowed."""
    if attributes is None:
        return Flags(can_read=True, can_write=True, can_list=True, can_delete=True)
    return Flags(
        can_read=attributes.read_enabled is not False,
        can_write=attributes.write_enabled is not False,
        can_list=attributes.list_enabled is not False,
        can_delete=attributes.delete_enabled is not False,
    )


def changes(
    *, can_read: bool | None, can_write: bool | None, can_list: bool | None, can_delete: bool | None
) -> Changes:
    """The change that a caller wants.

    Raises:
        InvalidInput: there is none, or a value is neither True, False nor None.
    """
    given = {"can_read": can_read, "can_write": can_write, "can_list": can_list, "can_delete": can_delete}
    for name, value in given.items():
        check_flag(name, value, or_none=True)
    wanted = Changes(read_enabled=can_read, write_enabled=can_write, list_enabled=can_list, delete_enabled=can_delete)
    if all(value is None for value in wanted.values()):
        raise InvalidInput("nothing to update: pass can_read, can_write, can_list or can_delete")
    return wanted
