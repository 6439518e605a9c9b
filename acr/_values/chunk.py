"""Chunk: part of a blob, as it was asked for."""

from __future__ import annotations

import attrs

from acr._text import counted
from acr._values.home import public_in
from acr._values.plain import Plain


@public_in("acr")
@attrs.frozen
class Chunk(Plain):
    """Part of a blob. Nobody can verify it, because the digest identifies the whole blob.

    Args:
        content: the bytes. At the end of the blob there are fewer than you asked for.
        offset: the place of the first byte in the blob.
        size: size of the whole blob in bytes; None if the registry does not say.
    """

    content: bytes = attrs.field(repr=lambda content: f"<{counted(len(content), 'byte')}>")
    offset: int
    size: int | None
