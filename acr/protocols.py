"""Protocols: what you may bring of your own in the place of what this package has.

TokenCredential   an Entra credential (azure-identity's fit)
Keyring           credentials by registry (`DockerConfig` is one)
Readable          a binary file to upload
Writable          a binary file to download into
Local             a store of images on this machine (`Layout`, `Memory` and `DockerArchive` are such)
Sink              where a `Local` writes a blob
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Protocol, runtime_checkable

from acr._values.credentials import RefreshToken, UsernamePassword
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.manifest import Manifest


@runtime_checkable
class TokenCredential(Protocol):
    """An Entra credential: any of azure-identity, or an object with its `get_token`, sync or async."""

    @property
    def get_token(self) -> Callable[..., Any]:
        """Called with a scope: gives an object with `token`, or (async) an awaitable of one."""
        ...


@runtime_checkable
class Keyring(Protocol):
    """Something that knows credentials by registry, such as docker's config.json."""

    def lookup(self, host: str) -> UsernamePassword | RefreshToken | None:
        """The credential for a login server; None for anonymous. Raises CredentialError."""
        ...


Credential = TokenCredential | UsernamePassword | RefreshToken | Keyring
"""What `Registry` and `AsyncRegistry` take. None in its place is anonymous."""


@runtime_checkable
class Readable(Protocol):
    """A binary file object, as far as it is needed here."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`."""
        ...


@runtime_checkable
class Writable(Protocol):
    """A binary file object, as far as it is needed here."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""
        ...


class Sink(Protocol):
    """Where a download goes. Making one does nothing; its methods may block, and raise TransferError."""

    @property
    def is_private(self) -> bool:
        """Whether nobody else has to do with it, so that it may be written to by another thread."""
        ...

    def open(self) -> int:
        """Get ready, and tell how many bytes an earlier run has left here; what is written goes behind them."""
        ...

    def earlier(self) -> Iterator[bytes | memoryview]:
        """The bytes that an earlier run has left, to be hashed. Each block is valid until the next."""
        ...

    def restart(self) -> None:
        """Forget all bytes so far: they were not the right ones."""
        ...

    def write(self, block: bytes | memoryview) -> None:
        """Take the next bytes. The block is valid during the call only."""
        ...

    def commit(self) -> None:
        """All bytes are there, and right: give them their final place."""
        ...

    def abort(self) -> None:
        """Leave nothing behind."""
        ...


class Local(Protocol):
    """Manifests and blobs on this machine. Its methods block, come from several threads, and raise TransferError.

    One copy at a time goes into one: what `tag` was told of is seen by others after `commit`, or is dropped by `abort`.
    """

    def resolve(self, reference: str | None) -> Descriptor:
        """The manifest of that name.

        Args:
            reference: a tag (`org.opencontainers.image.ref.name`) or a digest; None for the only root there is.

        Raises:
            TransferError: there is none, or several roots where no name was given; it tells which there are.
        """
        ...

    def manifest(self, digest: Digest) -> Manifest:
        """The exact bytes of a manifest, at most MANIFEST_LIMIT, found to be of the digest."""
        ...

    def has(self, content: Descriptor) -> bool:
        """Whether a blob, or a manifest, of that digest and size is there."""
        ...

    def open(self, blob: Descriptor) -> BinaryIO:
        """A file of that blob alone: seekable, at its first byte. The caller closes it, and verifies what it reads."""
        ...

    def sink(self, blob: Descriptor) -> Sink:
        """Where the bytes of a blob are written. The caller verifies them before the sink's `commit`."""
        ...

    def put(self, manifest: Manifest) -> None:
        """Store a manifest; what it lists comes before it."""
        ...

    def tag(self, manifest: Descriptor, name: str | None) -> None:
        """Make it a root, in the place of the one that has the name; without a name it is found by its digest."""
        ...

    def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """The manifests here that are attached to another one, with artifact type and annotations."""
        ...

    def commit(self) -> None:
        """All is there: give the whole its final place."""
        ...

    def abort(self) -> None:
        """Leave nothing behind that was not there before.

        Blobs of a folder that are whole and right may stay: they are named by their content, and the next try need not
        move them again.
        """
        ...
