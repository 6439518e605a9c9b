"""Chunking: what uploads have found out of how a registry takes chunks, for the uploads that follow."""

from __future__ import annotations

from typing import Final

import attrs

from acr._values.options import CHUNK_SIZE

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of the largest chunk. It is what is lost with a connection."""

AZURES: Final = 16 * 1024 * 1024
"""Bytes of the first chunk to Azure's registries, if its source can be read again. They take chunks of any size."""


@attrs.define
class Chunking:
    """How a registry takes chunks. All uploads of a client share one; whoever writes last counts.

    Args:
        first: bytes of the first chunk: what went well in the last upload.
        largest: bytes of the largest: half of what was refused as too large.
        takes_many: whether it has taken a second chunk of an upload.
        takes_one: whether it takes all of a blob in one chunk, and no second one, as ECR does.
    """

    first: int = CHUNK_SIZE
    largest: int = LARGEST
    takes_many: bool = False
    takes_one: bool = False

    def bears(self, largest: int) -> None:
        """A chunk was too large, and one of so many bytes was not: those of other uploads are to have no more."""
        self.largest = min(self.largest, largest)
        self.first = min(self.first, self.largest)
