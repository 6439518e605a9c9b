"""Stores: what a copy reads from and writes to. A repository of a registry, or something on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, ParamSpec, TypeVar

from acr import media_types
from acr._core.blobs import calls as blobs
from acr._core.images.blob_sources import LocalSource, RegistrySource
from acr._core.images.ends import NOTHING, Mend, Missed, Order, Outlook, Store
from acr._core.images.graph import MOST_MANIFESTS
from acr._core.images.lacking import is_lacking, named
from acr._core.listed import manifests, referrers
from acr._core.runtime import MOST_LARGE_HERE, Runtime
from acr._core.storage import Source
from acr._core.talk.remote import Remote
from acr._later import later
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher
from acr._values.manifest import Manifest
from acr._values.progress import Done, Item, Moved, Progress, Skipped, Started, tell
from acr.errors import InvalidInput, LimitExceeded, NotFound, ResponseError, SizeMismatch, TransferError
from acr.protocols import Local, Sink

if TYPE_CHECKING:
    from acr._core.blobs import downloads, uploads
else:  # a push needs the one, and a pull the other
    downloads = later("acr._core.blobs.downloads")
    uploads = later("acr._core.blobs.uploads")

P = ParamSpec("P")
T = TypeVar("T")

_BLOCK: Final = 1024 * 1024

_MANIFESTS: Final = (*media_types.ANY_MANIFEST, media_types.OCI_ARTIFACT_MANIFEST)


class RegistryStore:
    """A repository of a registry.

    Args:
        remote: the repository.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote: Remote = remote
        # A fallback tag is read and written again: two at once would lose an entry.
        self._attaching = remote.session.runtime.lock()

    @property
    def name(self) -> str:
        """As of `Store`."""
        return str(self.remote)

    @property
    def large(self) -> int:
        """As of `Store`."""
        return self.remote.session.large

    def width(self, limit: int, *, reads: bool) -> int:
        """As of `Store`."""
        throttles = self.remote.session.learned.throttles
        return throttles.reading(limit) if reads else throttles.width(limit)

    async def resolve(self, reference: str) -> Manifest:
        """The manifest behind a tag or a digest.

        Raises:
            NotFound: there is none.
        """
        return await manifests.get(self.remote, reference, accept=_MANIFESTS)

    async def manifest(self, digest: Digest) -> Manifest:
        """As of `Store`."""
        return await self.resolve(digest)

    async def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """As of `Store`."""
        found: list[Descriptor] = []
        async with aclosing(referrers.Referrers(self.remote, subject, None).pages()) as pages:
            async for page in pages:
                found += page.items
                if len(found) > MOST_MANIFESTS:
                    raise LimitExceeded(f"what is attached to {subject}", limit=MOST_MANIFESTS, unit="manifests")
        return found

    async def cosigned(self, subject: Digest) -> Sequence[tuple[str, Descriptor]]:
        """As of `Store`."""
        found: list[tuple[str, Descriptor]] = []
        for tag in referrers.cosign_tags(subject):
            with suppress(NotFound):
                found.append((tag, (await self.resolve(tag)).descriptor))
        return found

    def source(self, blob: Descriptor) -> Source:
        """As of `Store`."""
        return RegistrySource(self.remote, blob)

    async def download(self, blob: Descriptor, open_sink: Callable[[Digest], Sink], progress: Progress | None) -> None:
        """As of `Store`."""
        await downloads.download(
            self.remote,
            blob.digest,
            open_sink,
            size=blob.size,
            progress=progress,
            name=_item(blob).name,
        )

    async def has(self, manifest: Descriptor) -> bool:
        """As of `Store`."""
        try:
            await manifests.head(self.remote, manifest.digest, accept=_MANIFESTS)
        except NotFound:
            return False
        return True

    def order(self, source: Store) -> Order:
        """As of `Store`."""
        if self._near(source) is not None:
            return Order.MANIFESTS
        return Order.CONFIGS if self.remote.session.learned.tells_by_mount else Order.AT_ONCE

    async def has_blob(self, blob: Descriptor, progress: Progress | None) -> bool:
        """As of `Store`."""
        there = await blobs.find(self.remote, blob.digest, blob.size)
        if there is None:
            return False
        self._check(blob, there)
        tell(progress, Skipped(_item(blob)))
        return True

    async def take(
        self,
        blob: Descriptor,
        source: Store,
        progress: Progress | None,
        missed: Missed = NOTHING,
        outlook: Outlook = Outlook.OPEN,
    ) -> None:
        """As of `Store`.

        What it names a second time is sent, whatever it says of what it has; and nothing is mounted again, since there
        are registries that say of any blob that it is.
        """
        near = None if missed.times else self._near(source)
        is_new = outlook is Outlook.NEW and near is None
        content = source.source(blob)
        there = await uploads.upload(
            self.remote,
            lambda: content,
            digest=blob.digest,
            mount_from=near,
            progress=progress,
            name=_item(blob).name,
            trusts_mount=outlook is not Outlook.THERE,
            is_wanted=outlook is Outlook.MISSING or (missed.times > 1 and blob.digest in missed.digests),
            is_new=_yes if is_new else None,
            beside=content.begin if is_new and isinstance(content, RegistrySource) else None,
        )
        self._check(blob, there)

    def _check(self, blob: Descriptor, there: Descriptor) -> None:
        if there.size != blob.size:
            raise SizeMismatch(f"the blob {blob.digest} of {self.name}", expected=blob.size, actual=there.size)

    def _near(self, source: Store) -> str | None:
        """The name of a source that is a repository of the same registry, and of the same client."""
        if isinstance(source, RegistryStore) and source.remote.session is self.remote.session:
            return source.remote.name
        return None

    async def put(self, manifest: Manifest, mend: Mend) -> None:
        """As of `Store`."""
        await self.put_root(manifest, None, mend)

    async def put_root(self, manifest: Manifest, tag: str | None, mend: Mend) -> None:
        """As of `Store`."""
        missed, attempts = NOTHING, self.remote.session.sender.attempts(is_lacking)
        while True:
            try:
                await self._put(manifest, tag)
                break
            except ResponseError as error:
                await attempts.again(error)
                missed = Missed(missed.times + 1, frozenset(named(error)))
                self._doubt_mounts()
            await mend(missed)

    def _doubt_mounts(self) -> None:
        """What the registry said to have, it may have said only because it was asked by a mount."""
        learned = self.remote.session.learned
        if learned.tells_by_mount:
            learned.tells_by_mount = False

    async def commit(self) -> None:
        """Each part has its place already."""

    def abort(self) -> None:
        """What is here has no tag, and the next copy finds it."""

    async def _put(self, manifest: Manifest, tag: str | None) -> None:
        if b'"subject"' not in manifest.content:
            await manifests.put(self.remote, manifest, tag=tag)
            return
        async with self._attaching:
            await referrers.put(self.remote, manifest, tag=tag)


class LocalStore:
    """Something on this machine.

    Args:
        runtime: the world outside.
        local: it.
        side: which end of the copy it is.
    """

    def __init__(self, runtime: Runtime, local: Local, side: Literal["source", "target"]) -> None:
        if not hasattr(local, "manifest"):
            raise InvalidInput(f"expected a Layout, a Memory or a DockerArchive, not {local!r}: try Layout(…)")
        self._runtime = runtime
        self._local = local
        self._side: Literal["source", "target"] = side

    @property
    def name(self) -> str:
        """As of `Store`."""
        return repr(self._local)

    @property
    def large(self) -> int:
        """As of `Store`."""
        return MOST_LARGE_HERE

    def width(self, limit: int, *, reads: bool) -> int:
        """As of `Store`."""
        return limit

    async def resolve(self, reference: str | None) -> Manifest:
        """The manifest of that name; the only one there is, if None.

        Raises:
            TransferError: there is none, or there are several.
        """
        found = await self._call(self._local.resolve, reference)
        return await self._call(self._local.manifest, found.digest)

    async def manifest(self, digest: Digest) -> Manifest:
        """As of `Store`."""
        return await self._call(self._local.manifest, digest)

    async def referrers(self, subject: Digest) -> Sequence[Descriptor]:
        """As of `Store`."""
        return await self._call(self._local.referrers, subject)

    async def cosigned(self, subject: Digest) -> Sequence[tuple[str, Descriptor]]:
        """As of `Store`."""
        found: list[tuple[str, Descriptor]] = []
        for tag in referrers.cosign_tags(subject):
            with suppress(TransferError):  # there is none of that name
                found.append((tag, await self._call(self._local.resolve, tag)))
        return found

    def source(self, blob: Descriptor) -> Source:
        """As of `Store`."""
        return LocalSource(self._runtime, partial(self._local.open, blob), blob)

    async def download(self, blob: Descriptor, open_sink: Callable[[Digest], Sink], progress: Progress | None) -> None:
        """As of `Store`."""
        item = _item(blob)
        hasher = Hasher(blob.digest.algorithm)
        source, sink = self.source(blob), open_sink(blob.digest)
        blocking = self._runtime.blocking
        try:
            if await blocking(sink.open):
                await blocking(sink.restart)  # reading it is no slower than hashing what is there
            tell(progress, Started(item))
            while block := await source.read(_BLOCK):
                await blocking(hasher.update, block)
                await blocking(sink.write, block)
                tell(progress, Moved(item, len(block)))
            hasher.verify(blob.digest, f"the blob {blob.digest} of {self.name}")
            await blocking(sink.commit)
        except BaseException:
            sink.abort()
            raise
        finally:
            await source.aclose()
        tell(progress, Done(item))

    async def has(self, manifest: Descriptor) -> bool:
        """No: to write it again costs no more than to look."""
        return False

    def order(self, source: Store) -> Order:
        """As of `Store`."""
        return Order.AT_ONCE

    async def has_blob(self, blob: Descriptor, progress: Progress | None) -> bool:
        """No: `take` looks, at no cost."""
        return False

    async def take(
        self,
        blob: Descriptor,
        source: Store,
        progress: Progress | None,
        missed: Missed = NOTHING,
        outlook: Outlook = Outlook.OPEN,
    ) -> None:
        """As of `Store`."""
        sink = await self._call(self._missing, blob)
        if sink is None:
            tell(progress, Skipped(_item(blob)))
        else:
            await source.download(blob, lambda _: sink, progress)

    def _missing(self, blob: Descriptor) -> Sink | None:
        """Where a blob goes; None if it is here already."""
        return None if self._local.has(blob) else self._local.sink(blob)

    async def put(self, manifest: Manifest, mend: Mend) -> None:
        """As of `Store`."""
        await self._call(self._local.put, manifest)

    async def put_root(self, manifest: Manifest, tag: str | None, mend: Mend) -> None:
        """As of `Store`."""
        await self._call(self._local.put, manifest)
        await self._call(self._local.tag, manifest.descriptor, tag)

    async def commit(self) -> None:
        """As of `Store`."""
        await self._call(self._local.commit)

    def abort(self) -> None:
        """As of `Store`."""
        self._local.abort()

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._runtime.blocking(function, *args, **kwargs)
        except TransferError as error:
            if error.side == self._side:
                raise
            raise TransferError(str(error), side=self._side) from error  # it cannot know which end it is


async def _yes() -> bool:
    return True


def _item(blob: Descriptor) -> Item:
    return Item(blob.title or str(blob.digest), blob.size, blob.digest)
