"""Unpacking: how much an archive from outside may become on this machine."""

from typing import Final

import attrs

from acr._values.arguments import number, whole_number
from acr._values.home import public_in

_MIB: Final = 1024**2
_GIB: Final = 1024**3

ALWAYS_ALLOWED: Final = _GIB
"""Bytes that an archive may become, however small it is packed."""

_BYTES: Final = whole_number(0)
_TIMES: Final = number(lambda value: 0 <= value < float("inf"), "a number from 0 on")


@public_in("acr")
@attrs.frozen(kw_only=True)
class UnpackLimits:
    """How large a folder may become while it is unpacked. At the first limit the client stops and removes it.

    Args:
        size: the most bytes of the uncompressed archive (64 GiB).
        ratio: the most times that the archive may grow, if it unpacks to more than 1 GiB (100). Gzip makes zeros a
            thousand times smaller.
        reserve: the bytes of the disk that stay free (100 MiB).

    Raises:
        InvalidInput: a limit is not a number from 0 on, or a number of bytes is not whole.
    """

    size: int = attrs.field(default=64 * _GIB, validator=_BYTES)
    ratio: float = attrs.field(default=100, validator=_TIMES)
    reserve: int = attrs.field(default=100 * _MIB, validator=_BYTES)

    def size_for(self, packed: int) -> int:
        """Compute the most bytes that an archive may unpack to.

        Args:
            packed: the size of the archive, in bytes.

        >>> UnpackLimits().size_for(1000) == 1024**3, UnpackLimits(size=10).size_for(1000)
        (True, 10)
        """
        return min(self.size, max(ALWAYS_ALLOWED, int(packed * self.ratio)))
