"""Pages of a listing."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import attrs

from acr._values.home import public_in
from acr._values.plain import Plain, html_table, row_of

T_co = TypeVar("T_co", covariant=True)


@public_in("acr")
@attrs.frozen
class Page(Plain, Generic[T_co]):
    """One page of a listing. `Listing.pages` yields them.

    Args:
        items: the items, in the registry's order.
        continuation: pass it to `pages(continuation=...)` to continue after this page, in another process as well. It
            is None on the last page.
    """

    items: Sequence[T_co]
    continuation: str | None = None

    def _repr_html_(self) -> str:
        more = "" if self.continuation is None else "<p>There are more pages.</p>"
        return html_table(map(row_of, self.items)) + more
