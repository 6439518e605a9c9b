# Made by `make facades` from acr/_facades/async_repository.py: change that file, then run the command.
"""Sync: a repository, with all that is in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

from acr._core.blobs import downloads, openings, streams, uploads
from acr._core.images import artifacts, copying as copies
from acr._core.listed import catalog, manifests, referrers, tags
from acr._core.listed.permissions import changes
from acr._core.talk.session import Session
from acr._facades.handles import RepositoryBlob, RepositoryManifest, RepositoryTag
from acr._facades.options import Artifact, files_of, unpack_limits
from acr._facades.streams import BlobStream, Listing, Upload
from acr._outside.checkpoint import open_checkpoint
from acr._outside.layers import layer_sink, packing
from acr._outside.sinks import Downloadable, open_sink
from acr._outside.sources import SyncUploadable, open_source
from acr._shells.blocking import run
from acr._values.descriptor import Descriptor
from acr._values.home import public_in
from acr._values.manifest import Manifest
from acr._values.progress import Progress
from acr._values.properties import (
    DeletedRepository,
    ManifestProperties,
    Order,
    RepositoryProperties,
    TagProperties,
)
from acr._values.pulled import Pulled
from acr._values.reference import check_reference, check_tag
from acr._values.travel import stays
from acr._values.unpacking import UnpackLimits
from acr._values.upload_state import UploadState
from acr.errors import InvalidInput
from acr.protocols import Local


@public_in("acr")
@stays("its name")
class Repository:
    """A repository of a registry. Made by `Registry.repository`; verbs do the requests."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self.name = name

    def properties(self) -> RepositoryProperties:
        """Its properties.

        Raises:
            NotFound: there is no such repository.
        """
        return run(catalog.get(self._session, self.name))

    def update(
        self,
        *,
        can_read: bool | None = None,
        can_write: bool | None = None,
        can_list: bool | None = None,
        can_delete: bool | None = None,
    ) -> RepositoryProperties:
        """Lock or unlock it: what is None stays as it is.

        Args:
            can_read: it may be pulled from.
            can_write: it may be pushed to, and deleted.
            can_list: it shows up in listings.
            can_delete: it may be deleted.

        Raises:
            InvalidInput: nothing was to be changed.
            NotFound: there is no such repository.
        """
        wanted = changes(can_read=can_read, can_write=can_write, can_list=can_list, can_delete=can_delete)
        return run(catalog.update(self._session, self.name, wanted))

    def delete(self, *, missing_ok: bool = False) -> DeletedRepository:
        """Delete it, with all its tags and manifests.

        Args:
            missing_ok: do not raise if there is none.

        Raises:
            NotFound: there is no such repository.
            Locked: it, or something in it, is locked.
        """
        return run(catalog.delete(self._session, self.name, missing_ok=missing_ok))

    def tags(
        self,
        *,
        order_by: Order | None = None,
        page_size: int | None = None,
        last: str | None = None,
        digest: str | None = None,
    ) -> Listing[TagProperties]:
        """List its tags, by name unless an order is given.

        Args:
            order_by: `newest` or `oldest` first, by the last update.
            page_size: tags of a page, at most 1,000; by default the registry's own.
            last: begin behind the tag of this name.
            digest: only tags of this manifest.

        Raises:
            InvalidInput: an argument cannot be right.
        """
        return Listing(
            tags.tags(self._session, self.name, order_by=order_by, page_size=page_size, last=last, digest=digest)
        )

    def tag_names(self, *, page_size: int | None = None, last: str | None = None) -> Listing[str]:
        """List the names of its tags: what registries of every make can do. `tags` tells more, on ACR.

        Args:
            page_size: names of a page, at most 1,000; by default the registry's own.
            last: begin behind this name.

        Raises:
            InvalidInput: an argument cannot be right.
        """
        return Listing(tags.names(self._session, self.name, page_size=page_size, last=last))

    def manifests(
        self, *, order_by: Order | None = None, page_size: int | None = None, last: str | None = None
    ) -> Listing[ManifestProperties]:
        """List its manifests, by digest unless an order is given.

        Args:
            order_by: `newest` or `oldest` first, by the last update.
            page_size: manifests of a page, at most 1,000; by default the registry's own.
            last: begin behind the manifest of this digest.

        Raises:
            InvalidInput: an argument cannot be right.
        """
        return Listing(manifests.manifests(self._session, self.name, order_by=order_by, page_size=page_size, last=last))

    def tag(self, name: str) -> RepositoryTag:
        """One of its tags. Nothing is sent.

        Raises:
            InvalidReference: it is no tag.
        """
        return RepositoryTag(self._session, self.name, check_tag(name))

    def manifest(self, reference: str) -> RepositoryManifest:
        """One of its manifests, by tag or digest. Nothing is sent.

        Raises:
            InvalidReference: it is neither.
            UnsupportedDigest: it is a digest of an unknown algorithm.
        """
        return RepositoryManifest(self._session, self.name, check_reference(reference))

    def blob(self, digest: str) -> RepositoryBlob:
        """One of its blobs. Nothing is sent.

        Raises:
            InvalidReference: it is no digest.
            UnsupportedDigest: it is one of an unknown algorithm.
        """
        return RepositoryBlob(self._session, self.name, digest)

    def put_manifest(
        self,
        content: bytes | bytearray | memoryview | str | Mapping[str, Any] | Manifest,
        *,
        media_type: str | None = None,
        tag: str | None = None,
    ) -> Descriptor:
        """Put a manifest; bytes and text go out exactly as they are.

        Args:
            content: the manifest.
            media_type: its type; by default its own `mediaType`.
            tag: to name it by; without one it has its digest alone.

        Raises:
            InvalidInput: it has no media type.
            LimitExceeded: it is larger than 4 MiB.
            ResponseError: the registry refuses it; MANIFEST_BLOB_UNKNOWN where a blob of it is missing.
        """
        if not isinstance(content, Manifest):
            content = Manifest.of(content, media_type)
        elif media_type not in (None, content.media_type):
            raise InvalidInput(f"media_type={media_type!r}: the manifest has one already, {content.media_type}")
        return run(referrers.push(self._session, self.name, content, tag=tag))

    def upload_blob(
        self,
        source: SyncUploadable,
        *,
        digest: str | None = None,
        algorithm: str = "sha256",
        chunk_size: int | None = None,
        mount_from: str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Descriptor:
        """Upload a blob, in chunks where it is larger than one.

        Args:
            source: a path, bytes, a binary file, or an iterable of bytes. With one that can be read again, the upload
                begins anew when the registry loses it.
            digest: what it must be of, where that is known: then it is not sent if the repository has it.
            algorithm: `sha256` or `sha512`, where the digest is not given.
            chunk_size: bytes of the first and the largest chunk. By default the first has 4 MiB, and they grow up to 64
                MiB while they go well. A source that can be read but once is held in memory a chunk at a time; then
                they do not grow.
            mount_from: another repository of this registry that is known to have the blob: if it does, nothing is sent.
                Needs the digest.
            checkpoint: path of a small file that tells the next process how far this one got, if it ends before the
                upload does. Called with the same arguments, it goes on from there; it reads the first part of the
                source again to hash it, which is local and fast, and sends the rest. The file can be read by its owner
                alone, is removed when the upload is done, and ignored if it is of another one. Needs a path, bytes, or
                a file on disk.
            progress: called with events.

        Raises:
            InvalidInput: an option cannot be right, or does not go with the source.
            DigestMismatch: the source is not of the digest; nothing was stored.
            TransferError: the source cannot be read, or the checkpoint cannot be written.
            ResponseError, TransportError, CredentialError: it could not be sent.
        """
        return run(
            uploads.upload(
                self._session,
                self.name,
                partial(open_source, self._session.runtime, source),
                digest=digest,
                algorithm=algorithm,
                chunk_size=chunk_size,
                mount_from=mount_from,
                checkpoint=open_checkpoint(checkpoint, source),
                progress=progress,
            )
        )

    @overload
    def download_blob(self, digest: str, target: None = None, *, progress: Progress | None = None) -> BlobStream: ...

    @overload
    def download_blob(
        self, digest: str, target: Downloadable, *, keep_partial: bool = False, progress: Progress | None = None
    ) -> Descriptor: ...

    def download_blob(
        self,
        digest: str,
        target: Downloadable | None = None,
        *,
        keep_partial: bool = False,
        progress: Progress | None = None,
    ) -> BlobStream | Descriptor:
        """Download a blob, verified against its digest.

        Args:
            digest: of the blob.
            target: a path, which gets its content when that was found right and is left alone if not; or a binary
                file, which is written to as bytes come. Without one a stream is returned.
            keep_partial: when it fails, leave what came beside the path, so that the next call goes on there. A process
                that is killed leaves it in any case.
            progress: called with events.

        Raises:
            NotFound: the repository has no such blob.
            DigestMismatch: what came is not of the digest.
            TransferError: the target cannot be written.
            ResponseError, TransportError, CredentialError: it could not be had.
        """
        if target is None:
            return BlobStream(streams.open_stream(self._session, self.name, digest, progress=progress))
        open_target = partial(open_sink, target, keep=keep_partial)
        return run(downloads.download(self._session, self.name, digest, open_target, progress=progress))

    def mount_blob(self, digest: str, source: str) -> bool:
        """Take over a blob of another repository of this registry, without moving its bytes.

        Args:
            digest: of the blob.
            source: name of the repository that has it.

        Returns:
            Whether it is here now; if not, upload it.
        """
        return run(uploads.mount(self._session, self.name, digest, source))

    def start_upload(self, *, algorithm: str = "sha256") -> Upload:
        """Open an upload session, to send a blob chunk by chunk.

        Args:
            algorithm: of its digest, `sha256` or `sha512`.
        """
        return Upload(run(openings.start(self._session, self.name, algorithm=algorithm)))

    def resume_upload(self, state: str | UploadState) -> Upload:
        """Go on with an upload session that was opened earlier, also by another process.

        Args:
            state: its `state`, or its `location` alone.

        Raises:
            InvalidInput: the state is of another registry or repository.
            NotFound: the session is gone.
            ProtocolViolation: the location is of another host.
        """
        return Upload(run(openings.resume(self._session, self.name, state)))

    def push_artifact(
        self,
        files: Iterable[Artifact],
        *,
        tag: str | None = None,
        artifact_type: str = artifacts.UNKNOWN_ARTIFACT,
        annotations: Mapping[str, str] | None = None,
        subject: str | None = None,
        progress: Progress | None = None,
    ) -> Descriptor:
        """Push files and folders as one artifact, the OCI 1.1 way. A folder is one layer, packed as oras does.

        Args:
            files: paths, or `File`s with a title and a media type of their own.
            tag: to name it by; without one it has its digest alone.
            artifact_type: its media type, such as `application/spdx+json`.
            annotations: of the manifest.
            subject: tag or digest of a manifest in this repository that it is attached to.
            progress: called with events.

        Returns:
            The descriptor of its manifest.

        Raises:
            InvalidInput: a file is missing, or two have one title.
            TransferError: a file cannot be read.
            ResponseError, TransportError, CredentialError: it could not be sent.
        """
        return run(
            artifacts.push(
                self._session,
                self.name,
                files_of(files),
                open_source=partial(open_source, self._session.runtime),
                pack=packing,
                tag=tag,
                artifact_type=artifact_type,
                annotations=annotations,
                subject=subject,
                progress=progress,
            )
        )

    def push(
        self,
        source: Local,
        reference: str | None = None,
        *,
        tag: str | None = None,
        platform: str | None = None,
        referrers: bool = False,
        concurrency: int = 4,
        progress: Progress | None = None,
    ) -> Descriptor:
        """Push an image, an index of images or an artifact as it is. What the repository has already is not sent.

        Args:
            source: a `Layout`, a `Memory`, a `DockerArchive`, or one of your own.
            reference: which one of the source, by its name there or its digest; may be left out if there is but one.
            tag: to name it by; without one it has its digest alone.
            platform: push one manifest of an index alone, such as `linux/arm64`; an image by itself must be for it.
            referrers: push what is attached to it, too.
            concurrency: blobs that are sent at the same time, at most 16.
            progress: called with events.

        Returns:
            The descriptor of its manifest.

        Raises:
            InvalidInput: the index has no such platform.
            DigestMismatch, SizeMismatch: something in the source is not what it should be.
            TransferError: the source cannot be read, or has nothing of that name.
            LimitExceeded: it has more manifests than one copy may have.
            ResponseError, TransportError, CredentialError: it could not be sent.
        """
        options = copies.Options(platform=platform, referrers=referrers, concurrency=concurrency, progress=progress)
        return run(copies.push(self._session, self.name, source, reference, tag=tag, options=options))

    @overload
    def pull(
        self,
        reference: str,
        target: str | os.PathLike[str],
        *,
        platform: str | None = None,
        referrers: Literal[False] = False,
        unpack: bool = True,
        unpack_limit: int | UnpackLimits = UnpackLimits(),
        concurrency: int = 4,
        progress: Progress | None = None,
    ) -> Pulled: ...

    @overload
    def pull(
        self,
        reference: str,
        target: Local,
        *,
        platform: str | None = None,
        referrers: bool = False,
        concurrency: int = 4,
        progress: Progress | None = None,
    ) -> Descriptor: ...

    def pull(
        self,
        reference: str,
        target: str | os.PathLike[str] | Local,
        *,
        platform: str | None = None,
        referrers: bool = False,
        unpack: bool = True,
        unpack_limit: int | UnpackLimits = UnpackLimits(),
        concurrency: int = 4,
        progress: Progress | None = None,
    ) -> Pulled | Descriptor:
        """Pull the files of an artifact into a folder, or an image as it is into a `Layout`.

        In a folder each file gets its name when its digest was found right. In a `Layout` (or a `Memory`, or one of
        your own) manifests are as they were, byte for byte; the tag by which it was pulled is its name there.

        Args:
            reference: tag or digest.
            target: the folder, made with the first file; or a `Layout`.
            platform: which manifest of an index, such as `linux/arm64`; an image by itself must be for it. A `Layout`
                gets all by default.
            referrers: pull what is attached to it, too; into a `Layout` only.
            unpack: make folders of the layers that oras, or this client, packed from folders; else they stay archives.
            unpack_limit: bytes that one of them may have unpacked, at the most; or `UnpackLimits`, to say more.
            concurrency: blobs that are fetched at the same time, at most 16.
            progress: called with events.

        Returns:
            What was written into the folder; of a `Layout` the descriptor of the manifest.

        Raises:
            NotFound: there is no such manifest.
            InvalidInput: the index has no such platform.
            InvalidReference: a title is absolute, or leads out of the folder; nothing was fetched.
            DigestMismatch, SizeMismatch: what came is not what it should be.
            LimitExceeded: it has more manifests than one copy may have, or a folder is larger than `unpack_limit`.
            TransferError: the target cannot be written.
            ResponseError, TransportError, CredentialError: it could not be had.
        """
        options = copies.Options(platform=platform, referrers=referrers, concurrency=concurrency, progress=progress)
        if not isinstance(target, str | os.PathLike):
            return run(copies.pull(self._session, self.name, reference, target, options=options))
        folder = Path(target)
        open_layer = partial(layer_sink, folder, unpack_limits(unpack_limit) if unpack else None)
        pulling = artifacts.pull(
            self._session,
            self.name,
            reference,
            open_sink=open_layer,
            options=options,
        )
        manifest, names, layers = run(pulling)
        return Pulled(manifest, tuple(folder / name for name in names), tuple(layers))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._session.registry.netloc}/{self.name}>"
