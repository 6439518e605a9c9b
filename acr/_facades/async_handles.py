"""Async: one tag, one manifest, one blob of a repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from acr._core.blobs import calls as blobs
from acr._core.blobs.streams import open_cursor
from acr._core.images import artifacts
from acr._core.listed import manifests, tags
from acr._core.listed.permissions import changes
from acr._core.listed.referrers import Referrers
from acr._core.talk.session import Session
from acr._facades.async_streams import AsyncListing
from acr._facades.options import Artifact, files_of
from acr._facades.readers import AsyncBlobReader
from acr._outside.layers import packing
from acr._outside.sources import open_source
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.manifest import Manifest
from acr._values.progress import Progress
from acr._values.properties import Chunk, ManifestProperties, TagProperties
from acr._values.reference import blob_digest
from acr._values.travel import stays
from acr.errors import NotFound


@public_in("acr")
@stays("names")
class AsyncRepositoryTag:
    """A tag of a repository. Made by `AsyncRepository.tag`; verbs do the requests."""

    def __init__(self, session: Session, repository: str, name: str) -> None:
        self._session = session
        self.repository = repository
        self.name = name

    async def properties(self) -> TagProperties:
        """Its properties.

        Raises:
            NotFound: there is no such tag.
        """
        return await tags.get(self._session, self.repository, self.name)

    async def update(
        self,
        *,
        can_read: bool | None = None,
        can_write: bool | None = None,
        can_list: bool | None = None,
        can_delete: bool | None = None,
    ) -> TagProperties:
        """Lock or unlock it: what is None stays as it is.

        Args:
            can_read: it may be pulled.
            can_write: it may be moved, and deleted.
            can_list: it shows up in listings.
            can_delete: it may be deleted.

        Raises:
            InvalidInput: nothing was to be changed.
            NotFound: there is no such tag.
        """
        wanted = changes(can_read=can_read, can_write=can_write, can_list=can_list, can_delete=can_delete)
        return await tags.update(self._session, self.repository, self.name, wanted)

    async def delete(self, *, missing_ok: bool = False) -> None:
        """Delete it. The manifest stays.

        Args:
            missing_ok: do not raise if there is none.

        Raises:
            NotFound: there is no such tag.
            Locked: it is locked.
        """
        await tags.delete(self._session, self.repository, self.name, missing_ok=missing_ok)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._session.registry.netloc}/{self.repository}:{self.name}>"


@public_in("acr")
@stays("names and digests")
class AsyncRepositoryManifest:
    """A manifest of a repository. Made by `AsyncRepository.manifest`; verbs do the requests."""

    def __init__(self, session: Session, repository: str, reference: str) -> None:
        self._session = session
        self.repository = repository
        self.reference = reference

    async def get(self, *, accept: str | Sequence[str] | None = None) -> Manifest:
        """Its exact bytes, verified against the digest.

        Args:
            accept: media type, or types, that will do; by default those of OCI and Docker manifests and indexes.

        Raises:
            NotFound: there is no such manifest.
            LimitExceeded: it is larger than 4 MiB.
            DigestMismatch: the bytes are not of the digest.
        """
        return await manifests.get(self._session, self.repository, self.reference, accept=accept)

    async def head(self, *, accept: str | Sequence[str] | None = None) -> Descriptor:
        """Its type, digest and size.

        Args:
            accept: media type, or types, that will do; by default those of OCI and Docker manifests and indexes.

        Raises:
            NotFound: there is no such manifest.
        """
        return await manifests.head(self._session, self.repository, self.reference, accept=accept)

    async def exists(self) -> bool:
        """Whether it is there."""
        try:
            await self.head()
        except NotFound:
            return False
        return True

    async def properties(self) -> ManifestProperties:
        """Its properties. For a tag, the tag is looked up first.

        Raises:
            NotFound: there is no such manifest.
        """
        return await manifests.properties(self._session, self.repository, self.reference)

    async def update(
        self,
        *,
        can_read: bool | None = None,
        can_write: bool | None = None,
        can_list: bool | None = None,
        can_delete: bool | None = None,
    ) -> ManifestProperties:
        """Lock or unlock it: what is None stays as it is.

        Args:
            can_read: it may be pulled.
            can_write: it may be overwritten, and deleted.
            can_list: it shows up in listings.
            can_delete: it may be deleted.

        Raises:
            InvalidInput: nothing was to be changed.
            NotFound: there is no such manifest.
        """
        wanted = changes(can_read=can_read, can_write=can_write, can_list=can_list, can_delete=can_delete)
        return await manifests.update(self._session, self.repository, self.reference, wanted)

    async def delete(self, *, missing_ok: bool = False) -> None:
        """Delete it, and with it all tags that point to it.

        Args:
            missing_ok: do not raise if there is none.

        Raises:
            InvalidInput: this handle was made with a tag: a manifest is deleted by its digest only.
            NotFound: there is no such manifest.
            Locked: it is locked.
        """
        await manifests.delete(self._session, self.repository, self.reference, missing_ok=missing_ok)

    def referrers(self, *, artifact_type: str | None = None) -> AsyncListing[Descriptor]:
        """List the manifests that are attached to it.

        Args:
            artifact_type: only those of this type.
        """
        return AsyncListing(Referrers(self._session, self.repository, self.reference, artifact_type))

    async def attach(
        self,
        files: Iterable[Artifact],
        *,
        artifact_type: str,
        annotations: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Descriptor:
        """Attach files to it, as one artifact that names it as its subject. `referrers` lists them.

        Args:
            files: paths, or `File`s with a title and a media type of their own.
            artifact_type: its media type, such as `application/spdx+json`.
            annotations: of the artifact's manifest.
            progress: called with events.

        Returns:
            The descriptor of the artifact's manifest.

        Raises:
            NotFound: there is no such manifest.
            InvalidInput: a file is missing, or two have one title.
            TransferError: a file cannot be read.
            ResponseError, TransportError, CredentialError: it could not be sent.
        """
        return await artifacts.push(
            self._session,
            self.repository,
            files_of(files),
            open_source=partial(open_source, self._session.runtime),
            pack=packing,
            tag=None,
            artifact_type=artifact_type,
            annotations=annotations,
            subject=self.reference,
            progress=progress,
        )

    def __repr__(self) -> str:
        separator = "@" if isinstance(self.reference, Digest) else ":"
        place = f"{self._session.registry.netloc}/{self.repository}"
        return f"<{type(self).__name__} {place}{separator}{self.reference}>"


@public_in("acr")
@stays("names and digests")
class AsyncRepositoryBlob:
    """A blob of a repository. Made by `AsyncRepository.blob`; verbs do the requests."""

    def __init__(self, session: Session, repository: str, digest: str) -> None:
        self._session = session
        self.repository = repository
        self.digest: Digest = blob_digest(digest)

    async def head(self) -> Descriptor:
        """Its size.

        Raises:
            NotFound: the repository has no such blob.
        """
        return await blobs.head(self._session, self.repository, self.digest)

    async def exists(self) -> bool:
        """Whether the repository has it."""
        return await blobs.exists(self._session, self.repository, self.digest)

    async def chunk(self, offset: int, length: int) -> Chunk:
        """Part of it. It cannot be verified, as a digest is of the whole.

        Args:
            offset: of the first byte.
            length: bytes, held in memory; fewer come at the end of the blob.

        Raises:
            NotFound: the repository has no such blob.
            ResponseError: 416: it ends before the offset.
        """
        return await blobs.chunk(self._session, self.repository, self.digest, offset, length)

    async def open(self) -> AsyncBlobReader:
        """Open it to be read at any place, by ranges. What is read is not verified.

        Raises:
            NotFound: the repository has no such blob.
        """
        return AsyncBlobReader(await open_cursor(self._session, self.repository, self.digest))

    async def has_chunk(self, offset: int, length: int) -> bool:
        """Whether the repository has it, and it is long enough for this part.

        Args:
            offset: of the first byte.
            length: bytes.
        """
        return await blobs.has_chunk(self._session, self.repository, self.digest, offset, length)

    async def delete(self, *, missing_ok: bool = False) -> None:
        """Delete it.

        Args:
            missing_ok: do not raise if there is none.

        Raises:
            NotFound: the repository has no such blob.
        """
        await blobs.delete(self._session, self.repository, self.digest, missing_ok=missing_ok)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._session.registry.netloc}/{self.repository}@{self.digest}>"
