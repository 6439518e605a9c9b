"""Artifacts made of files, and pushed the OCI 1.1 way: an empty config, an artifact type, a title on each layer.

See the OCI image spec, "Guidelines for Artifact Usage".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from sys import maxsize
from typing import TYPE_CHECKING, Any, Final

import attrs

from acr import media_types
from acr._core.blobs import calls as blobs
from acr._core.listed import manifests, referrers
from acr._core.storage import Source
from acr._core.talk.deadline import one_call, writes
from acr._core.talk.flight import Flight
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._later import later
from acr._values.arguments import check_callback
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher
from acr._values.files import TITLE, File, check_annotations, nested
from acr._values.manifest import EMPTY_CONFIG, Manifest
from acr._values.media_type import check_media_type
from acr._values.options import CHUNK_SIZE, CONNECTIONS
from acr._values.progress import Progress
from acr._values.reference import check_tag
from acr.errors import InvalidInput

if TYPE_CHECKING:
    from acr._core.blobs import uploads
else:
    uploads = later("acr._core.blobs.uploads")

EMPTY: Final = Descriptor(media_types.OCI_EMPTY, Digest.of(EMPTY_CONFIG), len(EMPTY_CONFIG))

OpenSource = Callable[[Path | bytes], Source]

Pack = Callable[[File], AbstractContextManager[File] | None]
"""Packs a folder into a file that is there for a while; None for what is a file already."""


@one_call
async def push(
    remote: Remote,
    files: Sequence[File],
    *,
    open_source: OpenSource,
    pack: Pack,
    tag: str | None,
    artifact_type: str,
    annotations: Mapping[str, str] | None,
    subject: str | None,
    progress: Progress | None,
) -> Descriptor:
    """Push files as one artifact.

    The layers go in parallel, what the repository has is skipped, and the manifest comes last.
    """
    if tag is not None:
        check_tag(tag)
    check_media_type(artifact_type)
    if annotations is not None:
        check_annotations(annotations)
    check_callback("progress", progress)
    _check_titles(files)
    writes(remote.session, remote.name)
    # Read whole: what a HEAD tells of its size would be written down for ever, and not every registry's is right.
    attached_to = None if subject is None else (await manifests.get(remote, subject)).descriptor
    tells = bool(remote.session.learned.tells_by_mount)
    sending = _Sending(remote, open_source, pack, progress, _Config(remote), opens_early=tells)
    config = [partial(_push_config, sending)]
    if sending.opens_early:  # the question goes first: in threads, the code of uploads is loaded while it is on its way
        config.insert(0, partial(_ask_for_config, sending))
    tasks = [*config, *(partial(_push_one, sending, file) for file in files)]
    sizes = await remote.session.runtime.blocking(lambda: [*(EMPTY.size for _ in config), *map(_size_of, files)])
    width, large = remote.session.learned.throttles.width, remote.session.large
    pushed = await remote.session.runtime.gather(CONNECTIONS, tasks, width=width, sizes=sizes, large=large)
    layers = pushed[len(config) :] or [EMPTY]
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": EMPTY.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    if attached_to is not None:
        content["subject"] = attached_to.to_json()
    if annotations:
        content["annotations"] = dict(annotations)
    return await referrers.push(remote, Manifest.of(content), tag=tag)


def _check_titles(files: Sequence[File]) -> None:
    """See that the files can be pulled into one folder.

    Raises:
        InvalidInput: two have one title, or that of one is within that of another.
    """
    twice = [title for title, count in Counter(file.title for file in files).items() if count > 1]
    if twice:
        raise InvalidInput(f"two files with the title {twice[0]!r}: pass File(path, title=...) to tell them apart")
    if within := nested(PurePosixPath(file.title) for file in files):
        outer, inner = map(str, within)
        raise InvalidInput(f"the title {inner!r} is within the title {outer!r}: they could not be pulled together")


def _size_of(file: File) -> int:
    """Bytes of a file, as far as it is known how much of it moves at a time; a folder counts as large."""
    try:
        told = file.path.stat()
    except OSError:  # who reads it tells
        return 0
    return told.st_size if S_ISREG(told.st_mode) else maxsize


class _Config:
    """The config of all artifacts: a repository that lacks it has had no artifact yet, and so hardly a file of one.

    It is asked for beside the sessions for the files, and before a byte of a small file is sent. If the registry tells
    by a mount what it has, the config's own session is opened meanwhile as well, and used if the answer is no.

    Args:
        remote: the repository.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._flight: Flight[None] = Flight(remote.session.runtime)
        self._is_missing: bool | None = None

    async def is_missing(self) -> bool:
        """Whether the repository lacks it. It is asked once."""
        if self._is_missing is None:
            await self._flight.join(EMPTY.digest, self._look)
        return bool(self._is_missing)

    async def _look(self) -> None:
        if self._is_missing is None:
            self._is_missing = not await blobs.exists(self._remote, EMPTY.digest)


@attrs.frozen
class _Sending:
    """How files are sent.

    Args:
        remote: where to.
        open_source: reads a file.
        pack: packs a folder.
        progress: is told.
        config: of the artifact.
        opens_early: whether the config's upload session is opened before it is known that the repository lacks it.
    """

    remote: Remote
    open_source: OpenSource
    pack: Pack
    progress: Progress | None
    config: _Config
    opens_early: bool


async def _ask_for_config(sending: _Sending) -> Descriptor:
    await sending.config.is_missing()
    return EMPTY


async def _push_config(sending: _Sending) -> Descriptor:
    content, is_missing = partial(sending.open_source, EMPTY_CONFIG), sending.config.is_missing
    if sending.opens_early:
        await uploads.upload(sending.remote, content, digest=EMPTY.digest, is_missing=is_missing)
    elif await is_missing():
        await uploads.upload(sending.remote, content, digest=EMPTY.digest, is_wanted=True)
    return EMPTY


async def _push_one(sending: _Sending, file: File) -> Descriptor:
    packing, remote = sending.pack(file), sending.remote
    if packing is None:
        return await _push_file(sending, file)
    # In a thread of its own, which does one thing after another: a task that is cancelled while its folder is packed
    # must not remove the file before it is made. And one that is cancelled while it removes the file has to do so.
    runtime, stack = remote.session.runtime, ExitStack()
    thread = runtime.thread()
    try:
        packed = await runtime.result(thread.submit(stack.enter_context, packing))
        return await _push_file(sending, packed)
    finally:
        removed = thread.submit(stack.close)
        thread.shutdown(wait=False)
        await runtime.to_the_end(partial(runtime.result, removed))


async def _push_file(sending: _Sending, file: File) -> Descriptor:
    # Hashed first: a file that the repository has need not be sent, and one that changes meanwhile is found out. What
    # is sent then comes out of the machine's cache of files, and is not hashed again. Hashing takes a twentieth of the
    # time that a connection to a registry takes for the bytes, and to send what is there would take all of it.
    hasher = await hashed(sending.remote.session, sending.open_source(file.path), "sha256")
    blob = await uploads.upload(
        sending.remote,
        partial(sending.open_source, file.path),
        digest=hasher.digest(),
        progress=sending.progress,
        name=file.title,
        is_new=sending.config.is_missing,
    )
    return attrs.evolve(
        blob, media_type=file.media_type, size=hasher.size, annotations={**file.annotations, TITLE: file.title}
    )


async def hashed(session: Session, source: Source, algorithm: str) -> Hasher:
    """What a source has, read to its end; it is closed."""
    hasher = Hasher(algorithm)
    try:
        while block := await source.read(CHUNK_SIZE):
            await session.runtime.blocking(hasher.update, block)
    finally:
        await source.aclose()
    return hasher
