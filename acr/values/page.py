"""Pages of a listing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Page(Generic[T]):
    """One page of a listing.

    Args:
        items: in the registry's order.
        continuation: what to pass to `pages(continuation=...)` to go on behind this page, even in another process;
            None on the last page.
    """

    items: Sequence[T]
    continuation: str | None = None
