"""Chunking: what uploads have found out of how a registry takes chunks, for the uploads that follow."""

from __future__ import annotations

from typing import Final

import attrs

from acr._values.options import CHUNK_SIZE

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of the largest chunk. It is what is lost with a connection."""


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
