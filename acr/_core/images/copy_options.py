"""Options of what moves images: push, pull, copy, and the files of artifacts."""

from __future__ import annotations

from typing import Final, Literal

import attrs

from acr._values.arguments import check_callback, check_count, wrong_kind
from acr._values.descriptor import Platform, platform_of
from acr._values.progress import Progress

MOST_CONNECTIONS: Final = 32
"""Connections of a call to one host, whatever the caller asks for."""


@attrs.frozen(kw_only=True)
class Options:
    """How to copy.

    Args:
        platform: which manifest of an index, and what an image that is in none must be for; None takes all there is.
        referrers: whether to copy what is attached to the manifests, too; `all` if cosign's tags count as well.
        concurrency: connections to a registry, and so blobs or manifests that move at the same time.
        progress: is told.
    """

    platform: Platform | None = attrs.field(converter=platform_of)
    referrers: bool | Literal["all"]
    concurrency: int
    progress: Progress | None

    def __attrs_post_init__(self) -> None:
        check_count("concurrency", self.concurrency)
        check_callback("progress", self.progress)
        if not (isinstance(self.referrers, bool) or self.referrers == "all"):
            raise wrong_kind("referrers", self.referrers, "True, False or 'all'")

    @property
    def at_once(self) -> int:
        """Blobs, or manifests, that move at the same time."""
        return min(self.concurrency, MOST_CONNECTIONS)
