"""Existence: whether the registry has an item, by what its metadata says."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from acr.errors import NoMetadataApi, NotFound

T = TypeVar("T")


async def if_found(question: Awaitable[T]) -> T | None:
    """The answer to a question for an item; None if it is `NotFound`.

    Args:
        question: the call that gets the item.

    Raises:
        NoMetadataApi: the registry is of another make, and knows nothing of what is there. It is a `NotFound`, too.
    """
    try:
        return await question
    except NoMetadataApi:
        raise
    except NotFound:
        return None


async def is_found(question: Awaitable[object]) -> bool:
    """Whether a question for an item is answered, and not with `NotFound`. Arguments and errors as of `if_found`."""

    async def answered() -> bool:
        await question
        return True

    return await if_found(answered()) is not None
