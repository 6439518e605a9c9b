"""Locks: which flag of which item refuses an operation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from acr._core.talk.deadline import best_effort
from acr.errors import AcrError, Locked

if TYPE_CHECKING:
    from acr._values.properties import Permissions


@asynccontextmanager
async def explained(item: str, read: Callable[[], Awaitable[Permissions]]) -> AsyncIterator[None]:
    """Let a `Locked` that is raised within say which flags of an item are off.

    That takes one more request, which is sent once and not waited for long. If it fails, the error stays as it is.

    Args:
        item: what was to be changed, such as `the tag v1 of team/app`.
        read: gives its permissions.
    """
    try:
        yield
    except Locked as error:
        await _explain(error, item, read)
        raise


async def _explain(error: Locked, item: str, read: Callable[[], Awaitable[Permissions]]) -> None:
    with suppress(AcrError), best_effort():
        error.hint = _hint(item, await read())


def _hint(item: str, permissions: Permissions) -> str:
    off = [name for name in ("can_delete", "can_write") if not getattr(permissions, name)]
    if not off:
        return f"{item} itself is not locked: look at the properties() of its tags, its manifest and its repository"
    flags = " and ".join(f"{name}=False" for name in off)
    unlock = ", ".join(f"{name}=True" for name in off)
    return f"{item} has {flags}: unlock it first with update({unlock})"
