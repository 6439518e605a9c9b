"""Unpacking: how much an archive from outside may become on this machine."""

from typing import Final

import attrs

from acr._values.home import public_in
from acr.errors import InvalidInput

_MIB: Final = 1024**2
_GIB: Final = 1024**3

ALWAYS_ALLOWED: Final = _GIB
"""Bytes that an archive may become, however small it is packed."""


@public_in("acr")
@attrs.frozen(kw_only=True)
class UnpackLimits:
    """What a folder may become when it is unpacked. The first limit that is reached ends it, and nothing of it stays.

    Args:
        size: bytes of the uncompressed archive, at the most (64 GiB).
        ratio: how many times its packed size it may become, once it is above 1 GiB (100). Gzip makes
            zeros a thousand times smaller.
        reserve: bytes of the disk that stay free (100 MiB).

    Raises:
        InvalidInput: a limit is negative.
    """

    size: int = 64 * _GIB
    ratio: float = 100
    reserve: int = 100 * _MIB

    def __attrs_post_init__(self) -> None:
        if min(self.size, self.ratio, self.reserve) < 0:
            raise InvalidInput(f"{self}: expected numbers from 0 on")

    def size_for(self, packed: int) -> int:
        """Bytes that an archive of a packed size may become.

        >>> UnpackLimits().size_for(1000) == 1024**3, UnpackLimits(size=10).size_for(1000)
        (True, 10)
        """
        return min(self.size, max(ALWAYS_ALLOWED, int(packed * self.ratio)))
