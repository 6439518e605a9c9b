"""Existence: whether the registry has an item, by what its metadata says."""

from __future__ import annotations

from collections.abc import Awaitable

from acr.errors import NoMetadataApi, NotFound


async def is_found(question: Awaitable[object]) -> bool:
    """Whether a question for an item is answered, and not with `NotFound`.

    Args:
        question: the call that gets the item.

    Raises:
        NoMetadataApi: the registry is of another make, and knows nothing of what is there. It is a `NotFound`, too.
    """
    try:
        await question
    except NoMetadataApi:
        raise
    except NotFound:
        return False
    return True
