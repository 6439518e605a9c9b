"""Artifacts pulled as files: the name of each is checked before the first byte is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from acr import media_types
from acr._core.blobs import downloads
from acr._core.images.artifacts import OpenSource, hashed
from acr._core.images.blob_sources import RegistrySource
from acr._core.images.copy_options import Options
from acr._core.images.graph import check_one_kind
from acr._core.images.selection import select
from acr._core.listed import manifests
from acr._core.talk.deadline import one_call, share
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._values.descriptor import Descriptor, Platform
from acr._values.files import check_title, nested
from acr._values.manifest import Manifest
from acr._values.progress import Item, Skipped, tell
from acr.errors import InvalidInput, InvalidReference, ProtocolViolation, TransferError
from acr.protocols import Sink

_SHOWN: Final = 20
"""Names that an error tells."""

OpenSink = Callable[[PurePosixPath, Descriptor], Sink]

Find = Callable[[PurePosixPath, Descriptor], Path | None]
"""The file of that name that a layer would be, if there is one of its size."""


@one_call
async def pull(
    remote: Remote,
    reference: str,
    *,
    open_sink: OpenSink,
    open_source: OpenSource,
    find: Find,
    include: Sequence[str] | None,
    options: Options,
) -> tuple[Manifest, Sequence[PurePosixPath], Sequence[Descriptor]]:
    """Pull the layers of a manifest as files.

    A layer with a title gets that name, one without is named by its digest. All names are checked before the first
    byte is asked for. A file whose content is there already is not asked for.

    Args:
        remote: the repository.
        reference: its tag or digest.
        open_sink: where a layer goes.
        open_source: reads a file that is there.
        find: the file that may have the content of a layer already.
        include: patterns of the names that are wanted, as of `fnmatch`; None for all.
        options: how to pull.

    Returns:
        The manifest, the files' names, and the layer behind each of them.
    """
    if options.referrers:
        wanted = f"referrers={options.referrers!r}"
        raise InvalidInput(f"{wanted}: what is attached to an artifact can be pulled into a Layout, not a folder")
    manifest = await resolve(remote, reference, platform=options.platform)
    files: dict[PurePosixPath, Descriptor] = {}
    for layer in manifest.layers:
        name = check_title(layer.title or layer.digest.replace(":", "-"))
        # An image may have one layer twice, and then it is one file.
        if layer.media_type != media_types.OCI_EMPTY and files.setdefault(name, layer).digest != layer.digest:
            raise InvalidReference(f"{remote.name}@{manifest.digest} has two layers with the title {str(name)!r}")

    if within := nested(files):
        outer, inner = map(str, within)
        what = f"{remote.name}@{manifest.digest}"
        raise InvalidReference(f"{what} has layers with the titles {outer!r} and {inner!r}, one within the other")

    chosen = files if include is None else _included(files, include, f"{remote.name}@{manifest.digest}")

    async def one(name: PurePosixPath, layer: Descriptor) -> None:
        if await _is_there(remote.session, layer, partial(find, name, layer), open_source):
            tell(options.progress, Skipped(Item(str(name), layer.size, layer.digest)))
            return
        await downloads.download(
            remote,
            layer.digest,
            lambda _: open_sink(name, layer),
            size=layer.size,
            progress=options.progress,
            name=str(name),
        )

    tasks = [partial(one, name, layer) for name, layer in chosen.items()]
    sizes = [layer.size for layer in chosen.values()]
    width, large = remote.session.learned.throttles.reading, remote.session.large
    lines = share(options.at_once)
    await remote.session.runtime.gather(options.at_once, tasks, width=width, sizes=sizes, large=large, lines=lines)
    return manifest, list(chosen), list(chosen.values())


def _included(
    files: Mapping[PurePosixPath, Descriptor], patterns: Sequence[str], what: str
) -> Mapping[PurePosixPath, Descriptor]:
    """The files whose names fit one of the patterns.

    Raises:
        InvalidInput: there is none.
    """
    found = {
        name: layer for name, layer in files.items() if any(fnmatchcase(str(name), pattern) for pattern in patterns)
    }
    if not found:
        there = ", ".join(str(name) for name in list(files)[:_SHOWN]) or "no files"
        raise InvalidInput(f"include={list(patterns)}: no file of {what} has such a name; it has {there}")
    return found


async def _is_there(
    session: Session, layer: Descriptor, find: Callable[[], Path | None], open_source: OpenSource
) -> bool:
    """Whether a file has the content of a layer already. One that cannot be read has not."""
    path = await session.runtime.blocking(find)
    if path is None:
        return False
    with suppress(TransferError):
        hasher = await hashed(session, open_source(path), layer.digest.algorithm)
        return (hasher.digest(), hasher.size) == (layer.digest, layer.size)
    return False


@one_call
async def resolve(remote: Remote, reference: str, *, platform: Platform | None) -> Manifest:
    """The manifest behind a reference; out of an index, the one for a platform.

    Raises:
        InvalidInput: it is an index, and the platform is none of its own, or was not named although there are several.
    """
    root = await manifests.get(remote, reference)
    check_one_kind(root)
    get, source = partial(manifests.get, remote), partial(RegistrySource, remote)
    chosen = await select(root, platform, f"{remote.name}:{reference}", get, source)
    check_one_kind(chosen)
    if chosen.is_index:
        raise ProtocolViolation(f"{remote.name}:{reference} is an index of indexes: pull one of them by its digest")
    return chosen
