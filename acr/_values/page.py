"""Pages of a listing."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import attrs

from acr._values.home import public_in

T_co = TypeVar("T_co", covariant=True)


@public_in("acr")
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
