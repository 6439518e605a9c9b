# Made by `make facades` from acr/_facades/async_handles.py: change that file, then run the command.
"""Sync: one tag, one manifest, one blob of a repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from acr._core.talk.remote import Remote
from acr._facades.options import ArtifactFile, files_of
from acr._facades.readers import BlobReader
from acr._facades.streams import BlobStream, Listing
from acr._later import later
from acr._outside.sinks import Downloadable, open_sink
from acr._outside.sources import open_source
from acr._shells.stepping import run
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.manifest import Manifest
from acr._values.reference import blob_digest
from acr._values.travel import stays
from acr.errors import NotFound

if TYPE_CHECKING:
    from acr._core.blobs import calls as blobs, downloads, streams
    from acr._core.images import artifacts
    from acr._core.listed import manifest_metadata, manifests, permissions, referrers, tags
    from acr._outside import layers as layer_files
    from acr._values import chunk as chunks, progress as events, properties as listed
else:
    chunks = later("acr._values.chunk")
    events = later("acr._values.progress")
    listed = later("acr._values.properties")
    blobs = later("acr._core.blobs.calls")
    downloads = later("acr._core.blobs.downloads")
    streams = later("acr._core.blobs.streams")
    artifacts = later("acr._core.images.artifacts")
    manifest_metadata = later("acr._core.listed.manifest_metadata")
    manifests = later("acr._core.listed.manifests")
    permissions = later("acr._core.listed.permissions")
    referrers = later("acr._core.listed.referrers")
    tags = later("acr._core.listed.tags")
    layer_files = later("acr._outside.layers")


@public_in("acr")
@stays("names")
class RepositoryTag:
    """A handle for a tag. `Repository.tag` makes it without a request, and each verb sends some."""

    def __init__(self, remote: Remote, name: str) -> None:
        self._remote = remote
        self.repository: str = remote.name
        self.name = name

    def properties(self) -> listed.TagProperties:
        """Get the properties of the tag.

        Raises:
            NotFound: there is no such tag.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(tags.get(self._remote, self.name))

    def exists(self) -> bool:
        """Ask whether the repository has the tag.

        Raises:
            NoMetadataApi: the registry is of another make. Ask for the manifest there.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(tags.exists(self._remote, self.name))

    def wait(self, *, seconds: float = 300, interval: float = 2) -> listed.TagProperties:
        """Wait until the tag is there: somebody else may be pushing it.

        Args:
            seconds: how long to wait at the most.
            interval: seconds between two questions.

        Returns:
            The properties of the tag.

        Raises:
            NotFound: the tag is still missing after that time.
            InvalidInput: the interval is not positive, or the time is negative.
            ResponseError, TransportError, CredentialError: a request failed.
            ProtocolViolation: an answer is unusable.
        """
        return run(tags.wait(self._remote, self.name, seconds=seconds, interval=interval))

    def update(
        self,
        *,
        can_read: bool | None = None,
        can_write: bool | None = None,
        can_list: bool | None = None,
        can_delete: bool | None = None,
    ) -> listed.TagProperties:
        """Lock or unlock the tag. None leaves a permission as it is.

        Args:
            can_read: clients may pull it.
            can_write: clients may move and delete it.
            can_list: listings show it.
            can_delete: clients may delete it.

        Raises:
            InvalidInput: all four are None.
            NotFound: there is no such tag.
            Locked: a lock forbids the change.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        wanted = permissions.changes(can_read=can_read, can_write=can_write, can_list=can_list, can_delete=can_delete)
        return run(tags.update(self._remote, self.name, wanted))

    def delete(self, *, missing_ok: bool = False) -> None:
        """Delete the tag. The manifest stays.

        Args:
            missing_ok: do not raise if there is no such tag.

        Raises:
            NotFound: there is no such tag.
            Locked: the tag is locked.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        run(tags.delete(self._remote, self.name, missing_ok=missing_ok))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._remote}:{self.name}>"


@public_in("acr")
@stays("names and digests")
class RepositoryManifest:
    """A handle for a manifest. `Repository.manifest` makes it without a request, and each verb sends some."""

    def __init__(self, remote: Remote, reference: str) -> None:
        self._remote = remote
        self.repository: str = remote.name
        self.reference = reference

    def get(self, *, accept: str | Sequence[str] | None = None) -> Manifest:
        """Get the manifest: its exact bytes, verified against the digest.

        Args:
            accept: media type or types to accept. The default is the manifests and indexes of OCI and Docker.

        Raises:
            NotFound: there is no such manifest.
            LimitExceeded: the manifest is larger than 4 MiB.
            DigestMismatch: the bytes have another digest.
            InvalidInput: `accept` is invalid.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(manifests.get(self._remote, self.reference, accept=accept))

    def head(self, *, accept: str | Sequence[str] | None = None) -> Descriptor:
        """Get the type, digest and size of the manifest.

        Args:
            accept: media type or types to accept. The default is the manifests and indexes of OCI and Docker.

        Raises:
            NotFound: there is no such manifest.
            InvalidInput: `accept` is invalid.
            DigestMismatch: the registry announces another digest than that of the handle.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(manifests.head(self._remote, self.reference, accept=accept))

    def exists(self) -> bool:
        """Ask whether the repository has the manifest.

        Raises:
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        try:
            self.head()
        except NotFound:
            return False
        return True

    def properties(self) -> listed.ManifestProperties:
        """Get the properties of the manifest. If the handle has a tag, the client first looks up its digest.

        Raises:
            NotFound: there is no such manifest.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
            LimitExceeded: the answer is larger than the `page` of `Limits`.
        """
        return run(manifest_metadata.get(self._remote, self.reference))

    def update(
        self,
        *,
        can_read: bool | None = None,
        can_write: bool | None = None,
        can_list: bool | None = None,
        can_delete: bool | None = None,
    ) -> listed.ManifestProperties:
        """Lock or unlock the manifest. None leaves a permission as it is.

        Args:
            can_read: clients may pull it.
            can_write: clients may overwrite and delete it.
            can_list: listings show it.
            can_delete: clients may delete it.

        Raises:
            InvalidInput: all four are None.
            NotFound: there is no such manifest.
            Locked: a lock forbids the change.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
            LimitExceeded: the answer is larger than the `page` of `Limits`.
        """
        wanted = permissions.changes(can_read=can_read, can_write=can_write, can_list=can_list, can_delete=can_delete)
        return run(manifest_metadata.update(self._remote, self.reference, wanted))

    def delete(self, *, missing_ok: bool = False) -> None:
        """Delete the manifest, and all tags that point to it.

        A manifest without tags may be part of a tagged index, or be attached to another manifest.

        Args:
            missing_ok: do not raise if there is no such manifest.

        Raises:
            InvalidInput: the handle has a tag. A manifest is deleted by its digest.
            NotFound: there is no such manifest.
            Locked: the manifest is locked.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        run(manifests.delete(self._remote, self.reference, missing_ok=missing_ok))

    def referrers(self, *, artifact_type: str | None = None) -> Listing[Descriptor]:
        """List the manifests that are attached to this one (OCI distribution spec, "Listing Referrers").

        Args:
            artifact_type: list only artifacts of this type.

        Raises:
            InvalidInput: the artifact type is invalid.
        """
        return Listing(referrers.Referrers(self._remote, self.reference, artifact_type))

    def attach(
        self,
        files: Iterable[ArtifactFile],
        *,
        artifact_type: str,
        annotations: Mapping[str, str] | None = None,
        progress: events.Progress | None = None,
    ) -> Descriptor:
        """Attach files to the manifest, as one artifact with the manifest as its subject. `referrers` lists it.

        Args:
            files: paths, or `File`s to set title and media type.
            artifact_type: media type of the artifact, such as `application/spdx+json`.
            annotations: annotations of the artifact's manifest.
            progress: called with events.

        Returns:
            The descriptor of the artifact's manifest.

        Raises:
            NotFound: there is no such manifest.
            InvalidInput: a file is missing, or two files have the same title.
            TransferError: the client cannot read a file.
            ResponseError, TransportError, CredentialError: the push failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(
            artifacts.push(
                self._remote,
                files_of(files),
                open_source=partial(open_source, self._remote.session.runtime),
                pack=layer_files.packing,
                tag=None,
                artifact_type=artifact_type,
                annotations=annotations,
                subject=self.reference,
                progress=progress,
            )
        )

    def __repr__(self) -> str:
        separator = "@" if isinstance(self.reference, Digest) else ":"
        place = str(self._remote)
        return f"<{type(self).__name__} {place}{separator}{self.reference}>"


@public_in("acr")
@stays("names and digests")
class RepositoryBlob:
    """A handle for a blob. `Repository.blob` makes it without a request, and each verb sends some."""

    def __init__(self, remote: Remote, digest: str) -> None:
        self._remote = remote
        self.repository: str = remote.name
        self.digest: Digest = blob_digest(digest)

    def head(self) -> Descriptor:
        """Get the size of the blob.

        Raises:
            NotFound: the repository has no such blob.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the registry does not tell the size.
        """
        return run(blobs.head(self._remote, self.digest))

    def exists(self) -> bool:
        """Ask whether the repository has the blob.

        Raises:
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(blobs.exists(self._remote, self.digest))

    def chunk(self, offset: int, length: int) -> chunks.Chunk:
        """Get part of the blob. Nobody can verify it, because the digest identifies the whole blob.

        Args:
            offset: the place of the first byte.
            length: number of bytes. They are kept in memory, and there are fewer at the end of the blob.

        Raises:
            NotFound: the repository has no such blob.
            ResponseError: 416: the blob ends before the offset.
            SizeMismatch: fewer bytes came than the blob has there.
            InvalidInput: the offset is negative, or the length is not positive.
            TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(blobs.chunk(self._remote, self.digest, offset, length))

    def download(
        self, target: Downloadable, *, keep_partial: bool = False, progress: events.Progress | None = None
    ) -> Descriptor:
        """Download the blob and verify it against its digest.

        Args:
            target: a path or a binary file. A path gets the content only after it was verified. A binary file gets the
                bytes as they arrive.
            keep_partial: if the download fails, keep what arrived in a file beside the path. The next call continues
                there. A process that is killed leaves that file in any case.
            progress: called with events.

        Raises:
            NotFound: the repository has no such blob.
            DigestMismatch: the bytes have another digest.
            TransferError: the client cannot write to the target.
            ResponseError, TransportError, CredentialError: the download failed.
            InvalidInput: an argument is invalid.
            ProtocolViolation: the answer is unusable.
        """
        open_target = partial(open_sink, target, keep=keep_partial)
        return run(downloads.download(self._remote, self.digest, open_target, progress=progress))

    def stream(self, *, progress: events.Progress | None = None) -> BlobStream:
        """Read the blob in order.

        The client sends no request before you read. It gives the last block only if the whole blob has the right
        digest.

        Args:
            progress: called with events.

        Raises:
            InvalidInput: `progress` is not a plain function.
        """
        return BlobStream(streams.open_stream(self._remote, self.digest, progress=progress))

    def open(self) -> BlobReader:
        """Open the blob, to read it at any place. The client requests ranges, and does not verify them.

        Raises:
            NotFound: the repository has no such blob.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the registry does not tell the size.
        """
        return BlobReader(run(streams.open_cursor(self._remote, self.digest)))

    def has_chunk(self, offset: int, length: int) -> bool:
        """Ask whether the repository has the blob, and whether the blob has this part.

        Args:
            offset: the place of the first byte.
            length: number of bytes.

        Raises:
            InvalidInput: the offset is negative, or the length is not positive.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(blobs.has_chunk(self._remote, self.digest, offset, length))

    def delete(self, *, missing_ok: bool = False) -> None:
        """Delete the blob. An image that lists it can no longer be pulled.

        Args:
            missing_ok: do not raise if there is no such blob.

        Raises:
            NotFound: the repository has no such blob.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        run(blobs.delete(self._remote, self.digest, missing_ok=missing_ok))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._remote}@{self.digest}>"
