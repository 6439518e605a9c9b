"""Digests: the identity of content (OCI image spec, "Descriptors", section Digests), and the hashing behind them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from acr._values.home import public_in
from acr._values.travel import stays
from acr.errors import DigestMismatch, InvalidInput, InvalidReference, ProtocolViolation, UnsupportedDigest

if TYPE_CHECKING:
    from hashlib import _Hash

# The spec's grammar sets no minimum length. This one does: so `app:v1` is refused as a malformed digest, and not for an
# unknown algorithm.
_GRAMMAR: Final = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<encoded>[a-zA-Z0-9=_-]{32,})")
_ALGORITHMS: Final[dict[str, tuple[Callable[[], _Hash], int]]] = {
    "sha256": (hashlib.sha256, 64),
    "sha512": (hashlib.sha512, 128),
}
_KNOWN: Final = re.compile("|".join(f"{name}:[0-9a-f]{{{length}}}" for name, (_, length) in _ALGORITHMS.items()))


@public_in("acr")
class Digest(str):
    """A checked digest, such as `sha256:…`. It is a string, and it compares, prints and hashes as one.

    Args:
        text: algorithm, colon, lower-case hexadecimal digits (OCI image spec, "Digests").

    Raises:
        InvalidReference: the text is malformed.
        UnsupportedDigest: the algorithm is neither sha256 nor sha512.

    >>> d = Digest("sha256:" + "0" * 64)
    >>> d.algorithm, d.hex[:4]
    ('sha256', '0000')
    >>> Digest("latest")
    Traceback (most recent call last):
    acr.errors.InvalidReference: expected a digest, sha256:… or sha512:…, got 'latest'
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Digest:
        if isinstance(text, Digest):
            return text
        if not isinstance(text, str) or _KNOWN.fullmatch(text) is None:
            raise _refusal(text)
        return super().__new__(cls, text)

    @classmethod
    def of(cls, content: bytes, *, algorithm: str = "sha256") -> Digest:
        """Compute the digest of bytes.

        Args:
            content: the bytes.
            algorithm: `sha256` or `sha512`.

        Raises:
            UnsupportedDigest: the algorithm is neither.
            InvalidInput: the content is something other than bytes.

        >>> Digest.of(b"{}")[:19]
        'sha256:44136fa355b3'
        """
        hasher = Hasher(algorithm)
        hasher.update(content)
        return hasher.digest()

    @property
    def algorithm(self) -> str:
        """`sha256` or `sha512`."""
        return self.partition(":")[0]

    @property
    def hex(self) -> str:
        """The hexadecimal digits."""
        return self.partition(":")[2]

    def __repr__(self) -> str:
        return f"Digest({str(self)!r})"


def _refusal(text: object) -> InvalidReference | UnsupportedDigest:
    """What is wrong with a text that is no digest."""
    match = _GRAMMAR.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return InvalidReference(f"expected a digest, sha256:… or sha512:…, got {repr(text)[:200]}")
    algorithm = match["algorithm"]
    if algorithm not in _ALGORITHMS:
        return UnsupportedDigest(f"{text!r}: the algorithm {algorithm!r} is not supported: expected sha256 or sha512")
    length = _ALGORITHMS[algorithm][1]
    return InvalidReference(f"expected a digest with {length} lower-case hexadecimal digits, got {repr(text)[:200]}")


def received_digest(text: str, where: str) -> Digest:
    """Read a digest from an answer. If it is malformed, the registry is at fault, and not the caller.

    Raises:
        ProtocolViolation: the digest is malformed; `where` begins the text.
        UnsupportedDigest: the algorithm is unknown.
    """
    try:
        return Digest(text)
    except InvalidReference as error:
        raise ProtocolViolation(f"{where}: {error}") from None


def looks_like_digest(text: str) -> bool:
    """Whether `text` is meant as a digest and not as a tag: a tag cannot contain a colon.

    >>> looks_like_digest("sha256:zz"), looks_like_digest("v1")
    (True, False)
    """
    return ":" in text


def is_empty(digest: Digest) -> bool:
    """Whether it is the digest of no bytes at all.

    >>> is_empty(Digest.of(b"")), is_empty(Digest.of(b"{}"))
    (True, False)
    """
    return digest == Digest.of(b"", algorithm=digest.algorithm)


@public_in("acr")
@stays("its `digest()`")
class Hasher:
    """Computes the digest of content that arrives in pieces, and counts the bytes.

    Args:
        algorithm: `sha256` or `sha512`.

    Raises:
        UnsupportedDigest: the algorithm is neither.

    >>> hasher = Hasher()
    >>> hasher.update(b"{")
    >>> before = hasher.copy()          # a state to return to, if a chunk must be sent again
    >>> hasher.update(b"}")
    >>> hasher.digest() == Digest.of(b"{}"), hasher.size, before.size
    (True, 2, 1)
    """

    __slots__ = ("_hash", "algorithm", "size")

    def __init__(self, algorithm: str = "sha256") -> None:
        if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
            raise UnsupportedDigest(
                f"the algorithm {str(algorithm)[:100]!r} is not supported: expected sha256 or sha512"
            )
        self._hash = _ALGORITHMS[algorithm][0]()
        self.algorithm: str = algorithm
        self.size: int = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next bytes.

        Raises:
            InvalidInput: the data is something other than bytes.
        """
        try:
            self._hash.update(data)
        except TypeError:
            raise InvalidInput(f"data: expected bytes, got {type(data).__name__}") from None
        self.size += len(data)

    def digest(self) -> Digest:
        """The digest of all bytes added so far."""
        return Digest(f"{self.algorithm}:{self._hash.hexdigest()}")

    def copy(self) -> Hasher:
        """A second hasher with the same state. Later updates of one do not change the other."""
        twin = Hasher.__new__(Hasher)
        twin._hash = self._hash.copy()  # noqa: SLF001 - of its own class
        twin.algorithm = self.algorithm
        twin.size = self.size
        return twin

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> Hasher:
        return self.copy()

    def verify(self, expected: Digest, what: str) -> None:
        """Compare the digest of all bytes so far with the expected one.

        Args:
            expected: the expected digest.
            what: what was hashed, for the error's text.

        Raises:
            DigestMismatch: the digests differ.
        """
        actual = self.digest()
        if actual != expected:
            raise DigestMismatch(what, expected=expected, actual=actual)

    def __repr__(self) -> str:
        return f"<Hasher {self.algorithm}, {self.size} bytes>"
