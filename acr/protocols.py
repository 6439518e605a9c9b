"""Protocols: the methods that an object of your own needs to take the place of one of ours.

- `TokenCredential`: an Entra credential, such as those of azure-identity.
- `Keyring`: credentials by registry, such as `DockerConfig`.
- `Readable`: a binary file to upload.
- `Writable`: a binary file to download into.
- `Local`: a store of images on this machine, such as `Layout`, `Memory` and `DockerArchive`.
- `Sink`: the place where a `Local` stores one blob.
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
    """An Entra credential: one of azure-identity, or an object with the same `get_token`, sync or async."""

    @property
    def get_token(self) -> Callable[..., Any]:
        """The client calls it with a scope. It returns an object with `token`, or an awaitable of one."""
        ...


@runtime_checkable
class Keyring(Protocol):
    """A place that knows credentials by registry, such as docker's config.json."""

    def lookup(self, host: str) -> UsernamePassword | RefreshToken | None:
        """Look up the credential for a registry.

        Args:
            host: login server, with its port if it has one.

        Returns:
            The credential, or None for anonymous access.

        Raises:
            CredentialError: the lookup failed.
        """
        ...


Credential = TokenCredential | UsernamePassword | RefreshToken | Keyring
"""The credentials that `Registry` and `AsyncRegistry` accept. They also accept None, for anonymous access."""


@runtime_checkable
class Readable(Protocol):
    """A binary file that the client can read."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; no bytes at the end."""
        ...


@runtime_checkable
class Writable(Protocol):
    """A binary file that the client can write."""

    def write(self, data: bytes, /) -> object:
        """Write the bytes. Return how many were written, or None for all."""
        ...


class Sink(Protocol):
    """The place where a download stores the bytes of one blob.

    The client first calls `open`, then `earlier` if an earlier run has left bytes, then `write` for each block. It ends
    with `commit` or `abort`. The methods may block, and they raise TransferError if they fail. The constructor touches
    nothing.
    """

    @property
    def is_private(self) -> bool:
        """Whether the client alone uses the sink. Then it may call `write` in another thread."""
        ...

    def open(self) -> int:
        """Prepare to write. Return how many bytes an earlier run has left: the next block goes after them."""
        ...

    def earlier(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes that an earlier run has left, so that the client can hash them.

        A block is valid until the next one.
        """
        ...

    def restart(self) -> None:
        """Drop all bytes so far, because they are wrong."""
        ...

    def write(self, block: bytes | memoryview) -> None:
        """Write the next bytes. The block is valid during the call only."""
        ...

    def commit(self) -> None:
        """Move the bytes to their final place. They are complete and verified."""
        ...

    def abort(self) -> None:
        """Give up, and remove what was written."""
        ...


class Local(Protocol):
    """A store of manifests and blobs on this machine.

    The client calls its methods from several threads. They may block, and they raise TransferError if they fail. Use it
    for one copy at a time. Others see new tags after `commit`; `abort` drops them.
    """

    def resolve(self, reference: str | None) -> Descriptor:
        """Find a manifest.

        Args:
            reference: a tag (`org.opencontainers.image.ref.name`) or a digest; None for the only root.

        Raises:
            TransferError: the store has no such manifest, or has several roots and `reference` is None. The text names
                those that it has.
        """
        ...

    def manifest(self, digest: Digest) -> Manifest:
        """Read a manifest: its exact bytes, at most 4 MiB, checked against the digest."""
        ...

    def has(self, content: Descriptor) -> bool:
        """Whether the store has a blob or manifest with that digest and size."""
        ...

    def open(self, blob: Descriptor) -> BinaryIO:
        """Open a blob as a seekable file, at its first byte. The caller closes the file and verifies what it reads."""
        ...

    def sink(self, blob: Descriptor) -> Sink:
        """Return a sink for the bytes of a blob. The caller verifies them before it calls the sink's `commit`."""
        ...

    def put(self, manifest: Manifest) -> None:
        """Store a manifest. The store already has what the manifest lists."""
        ...

    def tag(self, manifest: Descriptor, name: str | None) -> None:
        """Make a manifest a root. It replaces the root of that name. A root without a name is found by its digest."""
        ...

    def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """Return the manifests that are attached to another one, with artifact type and annotations."""
        ...

    def commit(self) -> None:
        """Finish the copy: others see the new tags from now on. The store has all content."""
        ...

    def abort(self) -> None:
        """Give up the copy, and remove what it added.

        A folder may keep complete blobs: their names are their digests, so the next try can use them.
        """
        ...
