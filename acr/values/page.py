"""Pages of a listing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import attrs

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen
class Page(Generic[T_co]):
    """One page of a listing.

    Args:
        items: in the registry's order.
        continuation: what to pass to `pages(continuation=...)` to go on behind this page, even in another process;
            None on the last page.
    """

    items: Sequence[T_co]
    continuation: str | None = None
