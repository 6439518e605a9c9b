# Made by `make facades` from acr/_facades/async_repository.py: change that file, then run the command.
"""Sync: a repository, with all that is in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from acr._core.talk.remote import Remote
from acr._facades.handles import RepositoryBlob, RepositoryManifest, RepositoryTag
from acr._facades.options import ArtifactFile, files_of, patterns_of, unpack_limits
from acr._facades.streams import BlobStream, Listing, Upload
from acr._later import later
from acr._outside.sinks import Downloadable, open_sink
from acr._outside.sources import SyncUploadable, open_source
from acr._shells.stepping import run
from acr._values.arguments import check_flag
from acr._values.descriptor import Descriptor, Platform
from acr._values.files import UNKNOWN_ARTIFACT
from acr._values.home import public_in
from acr._values.manifest import Manifest
from acr._values.reference import check_reference, check_tag
from acr._values.travel import stays
from acr._values.unpacking import UnpackLimits
from acr.errors import InvalidInput
from acr.protocols import Local

if TYPE_CHECKING:
    from acr._core.blobs import downloads, manual_uploads, streams, uploads
    from acr._core.images import artifact_pulls, artifacts, copying as copies, inspecting
    from acr._core.listed import catalog, manifest_metadata, permissions, referrers, tags, trash
    from acr._core.upkeep import deep_locks, restoring
    from acr._outside import (
        checkpoint as checkpoints,
        journal as journals,
        layers as layer_files,
        manifest_cache as caches,
    )
    from acr._values import (
        image as images,
        locks as locked,
        progress as events,
        properties as listed,
        pulled,
        trash as trashed,
        upload_state,
    )
else:
    images = later("acr._values.image")
    locked = later("acr._values.locks")
    events = later("acr._values.progress")
    listed = later("acr._values.properties")
    pulled = later("acr._values.pulled")
    trashed = later("acr._values.trash")
    upload_state = later("acr._values.upload_state")
    downloads = later("acr._core.blobs.downloads")
    manual_uploads = later("acr._core.blobs.manual_uploads")
    streams = later("acr._core.blobs.streams")
    uploads = later("acr._core.blobs.uploads")
    artifact_pulls = later("acr._core.images.artifact_pulls")
    artifacts = later("acr._core.images.artifacts")
    copies = later("acr._core.images.copying")
    inspecting = later("acr._core.images.inspecting")
    catalog = later("acr._core.listed.catalog")
    manifest_metadata = later("acr._core.listed.manifest_metadata")
    permissions = later("acr._core.listed.permissions")
    referrers = later("acr._core.listed.referrers")
    tags = later("acr._core.listed.tags")
    trash = later("acr._core.listed.trash")
    deep_locks = later("acr._core.upkeep.deep_locks")
    restoring = later("acr._core.upkeep.restoring")
    checkpoints = later("acr._outside.checkpoint")
    journals = later("acr._outside.journal")
    layer_files = later("acr._outside.layers")
    caches = later("acr._outside.manifest_cache")


@public_in("acr")
@stays("its name")
class Repository:
    """A handle for a repository. `Registry.repository` makes it without a request, and each verb sends some."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.name: str = remote.name

    def exists(self) -> bool:
        """Ask whether the registry has the repository.

        Raises:
            NoMetadataApi: the registry is of another make, and cannot tell.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(catalog.exists(self._remote))

    def image(self, reference: str, *, platform: str | Platform | None = None) -> images.Image:
        """Get what an image is: its platform, labels, command, layers and sizes. Its layers are not downloaded.

        Args:
            reference: tag or digest.
            platform: which image of an index, such as `linux/arm64`. It may be None if there is only one.

        Raises:
            NotFound: there is no such manifest.
            InvalidInput: the index has no such platform, or several and none was named; or it is not an image.
            IntegrityError: the registry sent wrong bytes.
            ResponseError, TransportError, CredentialError: a request failed.
            ProtocolViolation: an answer is unusable, or the manifest is malformed.
        """
        return run(inspecting.inspect_image(self._remote, reference, platform=platform))

    def properties(self) -> listed.RepositoryProperties:
        """Get the properties of the repository.

        Raises:
            NotFound: there is no such repository.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(catalog.get(self._remote))

    def update(
        self,
        *,
        can_read: bool | None = None,
        can_write: bool | None = None,
        can_list: bool | None = None,
        can_delete: bool | None = None,
    ) -> listed.RepositoryProperties:
        """Lock or unlock the repository. None leaves a permission as it is.

        Args:
            can_read: clients may pull from it.
            can_write: clients may push to it and delete it.
            can_list: listings show it.
            can_delete: clients may delete it.

        Raises:
            InvalidInput: all four are None.
            NotFound: there is no such repository.
            Locked: a lock forbids the change.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        wanted = permissions.changes(can_read=can_read, can_write=can_write, can_list=can_list, can_delete=can_delete)
        return run(catalog.update(self._remote, wanted))

    def lock(self, reference: str, *, deep: bool = False) -> locked.LockState:
        """Lock a tag with its manifest, or a manifest. Clients can then neither overwrite nor delete it.

        ACR locks each tag and each manifest by itself. A clean-up tool may delete the platforms of a locked index. A
        deep lock protects these, too. If something cannot be locked, the client unlocks what this call has locked.

        Args:
            reference: tag or digest.
            deep: also lock what the manifest lists, at every depth, and what is attached to any of it: referrers,
                cosign's tags, and what these point to.

        Returns:
            What is locked now, as it was before. Keep it for `unlock`, for example as JSON.

        Raises:
            NotFound: there is no such tag or manifest.
            LimitExceeded: more than 10,000 manifests belong to it.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable, or a manifest cannot be read, so that nobody knows what it needs.

        Example:
            state = repository.lock("v1", deep=True)
            repository.unlock(state)
        """
        return run(deep_locks.lock(self._remote, reference, deep=bool(check_flag("deep", deep))))

    def unlock(self, what: locked.LockState | str, *, deep: bool = False) -> locked.Unlocked:
        """Take a lock off. What another locked tag or manifest leads to stays locked.

        Args:
            what: the state that `lock` returned: each item gets back the permissions that it had before. Or a tag or
                digest: it may then be overwritten and deleted.
            deep: of a tag or digest: also unlock what belongs to it.

        Returns:
            What is unlocked, and what stays locked, with the reason.

        Raises:
            InvalidInput: the state is of another repository.
            NotFound: there is no such tag or manifest.
            LimitExceeded: more than 10,000 manifests belong to it.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable, or a manifest that is locked cannot be read.
        """
        return run(deep_locks.unlock(self._remote, what, deep=bool(check_flag("deep", deep))))

    def locks(self) -> Sequence[locked.LockItem]:
        """List the tags and manifests that are locked.

        Raises:
            NotFound: there is no such repository.
            NoMetadataApi: the registry is of another make, and lacks this API.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(deep_locks.locks(self._remote))

    def trashed_tags(self, *, page_size: int | None = None) -> Listing[trashed.TrashedTag]:
        """List the deleted tags, if soft delete is on. A name may be there several times.

        Args:
            page_size: tags on one page, at most 1,000.

        Raises:
            InvalidInput: the page size is not positive.
        """
        return Listing(trash.tags(self._remote, page_size=listed.check_page_size(page_size)))

    def trashed_manifests(self, *, page_size: int | None = None) -> Listing[trashed.TrashedManifest]:
        """List the deleted manifests, if soft delete is on.

        Args:
            page_size: manifests on one page, at most 1,000.

        Raises:
            InvalidInput: the page size is not positive.
        """
        return Listing(trash.manifests(self._remote, page_size=listed.check_page_size(page_size)))

    def restore(
        self,
        reference: str,
        *,
        deep: bool = False,
        force: bool = False,
        cache: bool | str | os.PathLike[str] = True,
        journal: str | os.PathLike[str] | None = None,
    ) -> trashed.Restored:
        """Bring a deleted tag or manifest back, if soft delete was on.

        ACR brings back one manifest at a time. With `deep`, the client brings back what the manifest lists, what is
        attached to any of it, and the tags of these. The trash does not say what a manifest is attached to. The client
        knows it of those that an inventory has read before, or that `Registry.purge` has deleted. Call it again
        if it fails: it goes on.

        Args:
            reference: tag or digest. Of several deleted tags with this name, the last one counts.
            deep: also bring back what belongs to it.
            force: let the tag point to it again, although it points elsewhere now.
            cache: where inventories keep manifests: as for `Registry.inventory`.
            journal: path of the journal of a purge.

        Returns:
            What is back, what is missing, and what in the trash may belong to it and is unknown. If the tag is live,
            it stays where it is (`was_live`), and only what belongs to it can come back.

        Raises:
            NotFound: it is neither there nor in the trash, or the registry has no trash.
            TransferError: the journal cannot be read, or another process uses it.
            LimitExceeded: more than 10,000 manifests belong to it.
            NoMetadataApi: the registry is of another make.
            ResponseError, TransportError, CredentialError: the request failed. 409: somebody has just pushed
                the tag.
            ProtocolViolation: the answer is unusable.
        """
        return run(
            restoring.restore(
                self._remote,
                reference,
                deep=bool(check_flag("deep", deep)),
                force=bool(check_flag("force", force)),
                cache=caches.open_cache(cache),
                journal=None if journal is None else journals.open_journal(journal, only_read=True),
            )
        )

    def delete(self, *, missing_ok: bool = False) -> listed.DeletedRepository:
        """Delete the repository, with all its tags and manifests.

        Args:
            missing_ok: do not raise if there is no such repository.

        Raises:
            NotFound: there is no such repository.
            Locked: the repository, or something in it, is locked.
            NoMetadataApi: the registry is of another make, and lacks this API.
            LimitExceeded: the repository is deleted, and the list of what went with it is larger than `Limits` allow.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(catalog.delete(self._remote, missing_ok=missing_ok))

    def tags(
        self,
        *,
        order_by: listed.Order | None = None,
        page_size: int | None = None,
        last: str | None = None,
        digest: str | None = None,
    ) -> Listing[listed.TagProperties]:
        """List the tags of the repository, with their properties.

        Args:
            order_by: `newest` or `oldest` first, by the last update. The default order is by name.
            page_size: tags on one page, at most 1,000. The default is the registry's own.
            last: begin after the tag of this name. It does not go with `order_by`.
            digest: list only the tags of this manifest.

        Raises:
            InvalidInput: an argument is invalid.
            UnsupportedDigest: the digest has an unknown algorithm.
        """
        return Listing(tags.tags(self._remote, order_by=order_by, page_size=page_size, last=last, digest=digest))

    def tag_names(self, *, page_size: int | None = None, last: str | None = None) -> Listing[str]:
        """List the names of the tags. Registries of every make can do this; on ACR, `tags` gives more.

        Args:
            page_size: names on one page, at most 1,000. The default is the registry's own. After a
                full page without a link, the client asks once more: some registries leave the links out.
            last: begin after this name.

        Raises:
            InvalidInput: an argument is invalid.
        """
        return Listing(tags.names(self._remote, page_size=page_size, last=last))

    def manifests(
        self, *, order_by: listed.Order | None = None, page_size: int | None = None, last: str | None = None
    ) -> Listing[listed.ManifestProperties]:
        """List the manifests of the repository, with their properties.

        Args:
            order_by: `newest` or `oldest` first, by the last update. The default order is by digest.
            page_size: manifests on one page, at most 1,000. The default is the registry's own.
            last: begin after the manifest of this digest. It does not go with `order_by`.

        Raises:
            InvalidInput: an argument is invalid.
        """
        return Listing(manifest_metadata.manifests(self._remote, order_by=order_by, page_size=page_size, last=last))

    def tag(self, name: str) -> RepositoryTag:
        """Make a handle for a tag. This sends no request.

        Args:
            name: name of the tag.

        Raises:
            InvalidReference: the name is malformed.
        """
        return RepositoryTag(self._remote, check_tag(name))

    def manifest(self, reference: str) -> RepositoryManifest:
        """Make a handle for a manifest. This sends no request.

        Args:
            reference: tag or digest.

        Raises:
            InvalidReference: the reference is malformed.
            UnsupportedDigest: the digest has an unknown algorithm.
        """
        return RepositoryManifest(self._remote, check_reference(reference))

    def blob(self, digest: str) -> RepositoryBlob:
        """Make a handle for a blob. This sends no request.

        Args:
            digest: digest of the blob.

        Raises:
            InvalidReference: the digest is malformed.
            UnsupportedDigest: the digest has an unknown algorithm.
        """
        return RepositoryBlob(self._remote, digest)

    def put_manifest(
        self,
        content: bytes | bytearray | memoryview | str | Mapping[str, Any] | Manifest,
        *,
        media_type: str | None = None,
        tag: str | None = None,
    ) -> Descriptor:
        """Store a manifest. The client sends bytes and text exactly as they are.

        Args:
            content: the manifest.
            media_type: its type. The default is the `mediaType` in the content.
            tag: a tag for it. Without one, it is found by its digest.

        Raises:
            InvalidInput: the content names no media type.
            LimitExceeded: the content is larger than 4 MiB.
            ResponseError: the registry refuses it, with the code MANIFEST_BLOB_UNKNOWN if a blob is missing.
            InvalidReference: the tag is malformed.
            Locked: the tag or the repository is locked.
            DigestMismatch: the registry stored something else.
            TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        if not isinstance(content, Manifest):
            content = Manifest.of(content, media_type)
        elif media_type not in (None, content.media_type):
            raise InvalidInput(f"media_type={media_type!r}: the manifest has one already, {content.media_type}")
        return run(referrers.push(self._remote, content, tag=tag))

    def upload_blob(
        self,
        source: SyncUploadable,
        *,
        digest: str | None = None,
        algorithm: str = "sha256",
        chunk_size: int | None = None,
        mount_from: str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: events.Progress | None = None,
    ) -> Descriptor:
        """Upload a blob. A large one goes in chunks.

        Args:
            source: a path, bytes, a binary file, or an iterable of bytes. If the client can read it again, it can start
                the upload anew when the registry loses it.
            digest: the expected digest, if you know it. If the repository has such a blob, nothing is sent.
            algorithm: algorithm of the digest, `sha256` or `sha512`, if `digest` is None.
            chunk_size: size of the first and the largest chunk, in bytes. By default the first has 4 MiB, and they grow
                up to 64 MiB while chunks succeed. A source that can be read only once is kept in memory one chunk at a
                time, and its chunks do not grow.
            mount_from: another repository of this registry that may have the blob. If it has, nothing is sent. Needs
                `digest`.
            checkpoint: path of a small file. If this process ends before the upload does, a later call with the same
                arguments continues from there: it hashes the first part of the source again, and sends the rest. Only
                the owner can read the file. The client removes it after the upload, and ignores one of another upload.
                Needs a path, bytes, or a file on disk.
            progress: called with events.

        Raises:
            InvalidInput: an option is invalid, or does not go with the source.
            DigestMismatch: the source has another digest. The registry has stored nothing.
            TransferError: the client cannot read the source, or cannot write the checkpoint.
            ResponseError, TransportError, CredentialError: the upload failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(
            uploads.upload(
                self._remote,
                partial(open_source, self._remote.session.runtime, source),
                digest=digest,
                algorithm=algorithm,
                chunk_size=chunk_size,
                mount_from=mount_from,
                checkpoint=checkpoints.open_checkpoint(checkpoint, source),
                progress=progress,
            )
        )

    @overload
    def download_blob(
        self, digest: str, target: None = None, *, progress: events.Progress | None = None
    ) -> BlobStream: ...

    @overload
    def download_blob(
        self, digest: str, target: Downloadable, *, keep_partial: bool = False, progress: events.Progress | None = None
    ) -> Descriptor: ...

    def download_blob(
        self,
        digest: str,
        target: Downloadable | None = None,
        *,
        keep_partial: bool = False,
        progress: events.Progress | None = None,
    ) -> BlobStream | Descriptor:
        """Download a blob and verify it against its digest. The handle of a blob has two methods for it, too.

        Args:
            digest: digest of the blob.
            target: a path or a binary file. A path gets the content only after it was verified. A binary file gets the
                bytes as they arrive. Without a target, this returns a stream.
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
        if target is None:
            return BlobStream(streams.open_stream(self._remote, digest, progress=progress))
        open_target = partial(open_sink, target, keep=keep_partial)
        return run(downloads.download(self._remote, digest, open_target, progress=progress))

    def mount_blob(self, digest: str, source: str) -> bool:
        """Take over a blob from another repository of this registry. No bytes move.

        Args:
            digest: digest of the blob.
            source: name of the repository that has it.

        Returns:
            Whether this repository has the blob now. If not, upload it.

        Raises:
            InvalidReference: the digest or the name is malformed.
            UnsupportedDigest: the digest has an unknown algorithm.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return run(uploads.mount(self._remote, digest, source))

    def start_upload(self, *, algorithm: str = "sha256") -> Upload:
        """Open an upload session, to send a blob chunk by chunk.

        Args:
            algorithm: algorithm of the blob's digest, `sha256` or `sha512`.

        Raises:
            UnsupportedDigest: the algorithm is unknown.
            ResponseError, TransportError, CredentialError: the request failed.
            ProtocolViolation: the answer is unusable.
        """
        return Upload(run(manual_uploads.start(self._remote, algorithm=algorithm)))

    def resume_upload(self, state: str | upload_state.UploadState) -> Upload:
        """Continue an upload session. Another process may have opened it.

        Args:
            state: the `state` of the upload, or its `location`.

        Raises:
            InvalidInput: the state belongs to another registry or repository.
            NotFound: the registry no longer has the session.
            ProtocolViolation: the location is on another host, or is no upload to this repository.
            ResponseError, TransportError, CredentialError: the request failed.
        """
        return Upload(run(manual_uploads.resume(self._remote, state)))

    def push_artifact(
        self,
        files: Iterable[ArtifactFile],
        *,
        tag: str | None = None,
        artifact_type: str = UNKNOWN_ARTIFACT,
        annotations: Mapping[str, str] | None = None,
        subject: str | None = None,
        progress: events.Progress | None = None,
    ) -> Descriptor:
        """Push files and folders as one artifact (OCI image spec 1.1, "Guidelines for Artifact Usage").

        Each file becomes one layer. So does each folder, packed as oras does it.

        Args:
            files: paths, or `File`s to set title and media type.
            tag: a tag for the artifact. Without one, it is found by its digest.
            artifact_type: media type of the artifact, such as `application/spdx+json`.
            annotations: annotations of the manifest.
            subject: tag or digest of a manifest in this repository to attach the artifact to.
            progress: called with events.

        Returns:
            The descriptor of the artifact's manifest.

        Raises:
            InvalidInput: a file is missing, or two files have the same title.
            TransferError: the client cannot read a file.
            ResponseError, TransportError, CredentialError: the push failed.
            InvalidReference: the tag, the subject or a title is malformed.
            NotFound: there is no such subject.
            ProtocolViolation: the answer is unusable.
        """
        return run(
            artifacts.push(
                self._remote,
                files_of(files),
                open_source=partial(open_source, self._remote.session.runtime),
                pack=layer_files.packing,
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
        platform: str | Platform | None = None,
        referrers: bool | Literal["all"] = False,
        concurrency: int = 16,
        progress: events.Progress | None = None,
    ) -> Descriptor:
        """Push an image, an index or an artifact, byte for byte. The client skips what the repository already has.

        Args:
            source: a `Layout`, a `Memory`, a `DockerArchive`, or a `Local` of your own.
            reference: tag or digest of the manifest in the source. You need none if the source has one root.
            tag: a tag for it in the repository. Without one, it is found by its digest.
            platform: push only this platform of an index, such as `linux/arm64`; a single-platform image must match it.
            referrers: also push what is attached to it, such as signatures. `"all"` includes what cosign keeps
                under tags (`sha256-….sig`, `.att`, `.sbom`); that takes three requests for each manifest.
            concurrency: how many connections it has to a registry, at most 32. As many blobs or manifests move at
                the same time; if they are large, eight at most, so that memory stays bounded.
            progress: called with events.

        Returns:
            The descriptor of the manifest that was pushed.

        Raises:
            InvalidInput: the index has no such platform.
            DigestMismatch, SizeMismatch: the source has wrong bytes.
            TransferError: the client cannot read the source, or the source has no such manifest.
            LimitExceeded: the source has more manifests than one copy may have.
            ResponseError, TransportError, CredentialError: the push failed.
            InvalidReference: the tag is malformed.
            ProtocolViolation: the answer is unusable.
        """
        options = copies.Options(platform=platform, referrers=referrers, concurrency=concurrency, progress=progress)
        return run(copies.push(self._remote, source, reference, tag=tag, options=options))

    @overload
    def pull(
        self,
        reference: str,
        target: str | os.PathLike[str],
        *,
        platform: str | Platform | None = None,
        referrers: Literal[False] = False,
        include: str | Iterable[str] | None = None,
        unpack: bool = True,
        unpack_limit: int | UnpackLimits = UnpackLimits(),
        concurrency: int = 16,
        progress: events.Progress | None = None,
    ) -> pulled.Pulled: ...

    @overload
    def pull(
        self,
        reference: str,
        target: Local,
        *,
        platform: str | Platform | None = None,
        referrers: bool | Literal["all"] = False,
        concurrency: int = 16,
        progress: events.Progress | None = None,
    ) -> Descriptor: ...

    def pull(
        self,
        reference: str,
        target: str | os.PathLike[str] | Local,
        *,
        platform: str | Platform | None = None,
        referrers: bool | Literal["all"] = False,
        include: str | Iterable[str] | None = None,
        unpack: bool = True,
        unpack_limit: int | UnpackLimits = UnpackLimits(),
        concurrency: int = 16,
        progress: events.Progress | None = None,
    ) -> pulled.Pulled | Descriptor:
        """Pull the files of an artifact into a folder, or an image into a `Layout`, byte for byte.

        In a folder, each file gets its name only after its digest was verified. A file that has the right content
        already is not downloaded again. In a `Layout` (or a `Memory`, or a
        `Local` of your own), the manifest gets the tag by which you pulled it.

        Args:
            reference: tag or digest.
            target: the folder, which the client makes if it is missing; or a `Layout`.
            platform: pull only this platform of an index, such as `linux/arm64`; a single-platform image must match it.
                By default a `Layout` gets all platforms.
            referrers: also pull what is attached to it, such as signatures. Only into a `Layout`. `"all"` includes what
                cosign keeps under tags (`sha256-….sig`, `.att`, `.sbom`); that takes three requests for each manifest.
            include: pull only the files whose titles match this pattern, or one of these patterns, such as `*.onnx`.
                Only into a folder. `*` matches slashes too, as in `fnmatch`.
            unpack: unpack the layers that oras or this client made from folders. If False, they stay archives.
            unpack_limit: the most bytes of one unpacked folder, or `UnpackLimits` to set more limits.
            concurrency: how many connections it has to a registry, at most 32. As many blobs or manifests move at
                the same time; if they are large, eight at most, so that memory stays bounded.
            progress: called with events.

        Returns:
            The files that were written into the folder, or the descriptor of the manifest in the `Layout`.

        Raises:
            NotFound: there is no such manifest.
            InvalidInput: the index has no such platform, or no file of the artifact matches `include`.
            InvalidReference: a title is absolute, or leads out of the folder. The client has pulled no file.
            DigestMismatch, SizeMismatch: the registry sent wrong bytes.
            LimitExceeded: the image has more manifests than one copy may have, or a folder exceeds `unpack_limit`.
            TransferError: the client cannot write to the target.
            ResponseError, TransportError, CredentialError: the pull failed.
            ProtocolViolation: the answer is unusable.
        """
        options = copies.Options(platform=platform, referrers=referrers, concurrency=concurrency, progress=progress)
        patterns, limits = patterns_of(include), unpack_limits(unpack_limit, unpack=unpack)
        if not isinstance(target, str | os.PathLike):
            if patterns is not None:
                raise InvalidInput("include: some files can be pulled into a folder; a Layout takes the whole image")
            return run(copies.pull(self._remote, reference, target, options=options))
        folder = Path(target)
        pulling = artifact_pulls.pull(
            self._remote,
            reference,
            open_sink=partial(layer_files.layer_sink, folder, limits),
            open_source=partial(open_source, self._remote.session.runtime),
            find=partial(layer_files.find_layer, folder, limits),
            include=patterns,
            options=options,
        )
        manifest, names, layers = run(pulling)
        return pulled.Pulled(manifest, tuple(folder / name for name in names), tuple(layers))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._remote}>"
