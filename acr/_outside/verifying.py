"""Reading a user's own file, and checking its digest."""

from __future__ import annotations

from acr._values.arguments import wrong_kind
from acr._values.digest import Digest, Hasher
from acr._values.home import public_in
from acr._values.travel import stays
from acr.protocols import Readable


@public_in("acr")
@stays("the digest, and what the file is read from")
class VerifyingReader:
    """Reads a binary file, and raises at its end if the content has another digest.

    Args:
        file: the file to read. The caller closes it.
        digest: the expected digest.

    Raises:
        InvalidReference: the digest is malformed.
        UnsupportedDigest: the digest has an unknown algorithm.

    >>> import io
    >>> VerifyingReader(io.BytesIO(b"{}"), Digest.of(b"{}")).read()
    b'{}'
    >>> VerifyingReader(io.BytesIO(b"{ }"), Digest.of(b"{}")).read()[:1]
    Traceback (most recent call last):
    acr.errors.DigestMismatch: what was read: expected sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310\
c060f61caaff8a, got sha256:257c1be96ae69f4b01c2c69bdb6d78605f59175819fb007d0bf245bf48444c4a
    """

    __slots__ = ("_digest", "_file", "_hasher")

    def __init__(self, file: Readable, digest: str) -> None:
        if not isinstance(file, Readable):
            raise wrong_kind("file", file, "a binary file, with read()")
        self._file = file
        self._digest = Digest(digest)
        self._hasher = Hasher(self._digest.algorithm)

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes.

        Args:
            size: the most bytes to read. If it is negative: all that are left.

        Returns:
            The bytes; none at the end.

        Raises:
            DigestMismatch: the file has ended, and its content has another digest.
        """
        data = self._file.read(size)
        self._hasher.update(data)
        if size < 0 or (size > 0 and not data):
            self._hasher.verify(self._digest, "what was read")
        return data

    def __repr__(self) -> str:
        return f"<VerifyingReader of {self._digest}, {self._hasher.size} bytes read>"
