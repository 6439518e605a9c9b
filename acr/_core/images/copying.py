"""Copies: a graph of manifests and blobs from one store to another. Push, pull and copy are its uses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from graphlib import TopologicalSorter
from typing import Final, TypeVar

import attrs

from acr._core.images.copy_options import MOST_CONNECTIONS, Options as Options  # noqa: PLC0414 - for the facades
from acr._core.images.ends import NOTHING, Missed, Outlook, Store
from acr._core.images.graph import MOST_MANIFESTS, Parts, parts_of
from acr._core.images.outlook import Asking, Findings, look_ahead
from acr._core.images.selection import child_of, of_size, select
from acr._core.images.stores import LocalStore, RegistryStore
from acr._core.runtime import Runtime
from acr._core.talk.deadline import one_call, share, writes
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._values.arguments import check_text
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, looks_like_digest
from acr._values.manifest import Manifest
from acr._values.progress import Item, Skipped, tell
from acr._values.reference import Reference, check_reference, check_tag, looks_like_acr
from acr.errors import InvalidReference, LimitExceeded, NotFound, SizeMismatch, TransferError
from acr.protocols import Local

T = TypeVar("T")

_MOST_BYTES: Final = 64 * 1024 * 1024
"""Total size of the manifests of one copy. They are held in memory."""

_DEEPEST: Final = 16
"""How deep indexes may nest."""


@one_call
async def push(remote: Remote, local: Local, reference: str | None, *, tag: str | None, options: Options) -> Descriptor:
    """Copy from this machine to a repository."""
    if tag is not None:
        check_tag(tag)
    check_text("reference", reference)
    writes(remote.session, remote.name)
    source = LocalStore(remote.session.runtime, local, "source")
    target = RegistryStore(remote)
    return await transfer(remote.session.runtime, source, target, await source.resolve(reference), tag, options)


@one_call
async def pull(remote: Remote, reference: str, local: Local, *, options: Options) -> Descriptor:
    """Copy from a repository to this machine. A tag is a name there, too."""
    source = RegistryStore(remote)
    target = LocalStore(remote.session.runtime, local, "target")
    tag = None if looks_like_digest(check_reference(reference)) else reference
    return await transfer(remote.session.runtime, source, target, await source.resolve(reference), tag, options)


@one_call
async def copy(session: Session, source: str, to: Session, target: str, *, options: Options) -> Descriptor:
    """Copy between two repositories, of one registry or of two."""
    here, there = _parsed(source, session, to), _parsed(target, session, to)
    named = here.digest or here.tag
    if named is None:
        raise InvalidReference(f"{source!r} names no manifest: expected {here}:tag or {here}@digest")
    if there.digest is not None:
        raise InvalidReference(f"{target!r}: the digest is that of what is copied; name a tag, or none")
    one, other = RegistryStore(Remote(session, here.repository)), RegistryStore(Remote(to, there.repository))
    writes(to, there.repository)
    root, tag = await one.resolve(named), there.tag or here.tag
    if session is to and here.repository == there.repository and options.platform is None:
        await other.put_root(root, tag, _nothing_to_mend)  # all that it leads to is where it belongs
        return root.descriptor
    if session.registry == to.registry:  # a blob that cannot be mounted takes two connections to it
        options = attrs.evolve(options, concurrency=min(options.concurrency, MOST_CONNECTIONS // 2))
    return await transfer(session.runtime, one, other, root, tag, options)


async def _nothing_to_mend(missed: Missed) -> None:
    """Of a copy onto itself: what the target lacks, the source lacks as well."""


def _parsed(text: str, *sessions: Session) -> Reference:
    """Parse a reference, and refuse one that begins with a registry, as docker writes it.

    Mirrors have repositories that are named like registries (`docker.io/library/nginx`). So only Azure's login servers
    and the two registries of this copy count as registries.
    """
    found = Reference.parse(text)
    host = found.registry
    if host is None:
        return found
    if looks_like_acr(host) or ":" in host or host in [one.registry.netloc for one in sessions]:
        raise InvalidReference(
            f"{text[:300]!r} begins with a host: name the repository alone, such as team/app:v1; another registry is"
            " named by to="
        )
    return Reference(f"{host}/{found.repository}", found.tag, found.digest)


async def transfer(
    runtime: Runtime, source: Store, target: Store, root: Manifest, tag: str | None, options: Options
) -> Descriptor:
    """Copy a manifest, with all that it leads to, from one store to another.

    Args:
        runtime: the world outside.
        source: where it is.
        target: where to. What it has is not moved again; after a failure it has no name for what is incomplete.
        root: the manifest, or the index that the platform is chosen from.
        tag: its name in the target, or None.
        options: how to copy.

    Returns:
        The descriptor of what was copied.
    """
    if options.platform is not None:
        name = f"{source.name}@{root.digest}"
        root = await select(root, options.platform, name, source.manifest, source.source)
    try:
        work = _Copy(runtime, source, target, root, tag, options)
        await work.run()
        await target.commit()
    except BaseException:
        target.abort()
        raise
    return root.descriptor


@attrs.frozen
class _Node:
    """A manifest of the graph.

    Args:
        manifest: its bytes.
        parts: what it leads to.
    """

    manifest: Manifest
    parts: Parts


class _Copy:
    """One copy. Each manifest and each blob moves once; blobs before manifests, children before parents, tags last.

    The target is asked for each manifest and for each blob. That it has a manifest says nothing of what this leads to:
    a child of an index, or a blob, may have been deleted since.
    """

    def __init__(
        self, runtime: Runtime, source: Store, target: Store, root: Manifest, tag: str | None, options: Options
    ) -> None:
        self._runtime = runtime
        self._source = source
        self._target = target
        self._root = root
        self._names: dict[Digest, list[str]] = {} if tag is None else {root.digest: [tag]}  # tags that are to be set
        self._options = options
        self._lines = share(options.at_once)
        self._seen: set[Digest] = set()
        self._indexes: dict[Digest, Digest] = {}  # which index lists a manifest
        self._there: set[Digest] = set()  # manifests that the target has had before
        self._bytes = 0
        self._nodes: dict[Digest, _Node] = {}
        self._blobs: dict[Digest, Descriptor] = {}

    async def run(self) -> None:
        """Copy the root, then, step by step, what is attached to it and to what is attached."""
        subjects = await self._bring([self._root.descriptor])
        while self._options.referrers and subjects:
            found = await self._gather([partial(self._attached, subject) for subject in subjects])
            subjects = await self._bring([attached for some in found for attached in some])
            named = [self._nodes[digest] for digest in self._names if digest in self._nodes]  # that came before
            await self._put_all(named)

    async def _attached(self, subject: Digest) -> Sequence[Descriptor]:
        """What is attached to a manifest. Tags that stand for that are noted, to be set when it is there."""
        found = list(await self._source.referrers(subject))
        if self._options.referrers == "all":
            for tag, descriptor in await self._source.cosigned(subject):
                self._names.setdefault(descriptor.digest, []).append(tag)
                found.append(descriptor)
        return found

    async def _bring(self, tops: Sequence[Descriptor]) -> Sequence[Digest]:
        """Copy some manifests with all that they lead to; give the digests of those that were not seen before."""
        nodes = {node.manifest.digest: node for node in await self._walk(tops)}
        blobs = self._new_blobs(nodes.values())
        # The large ones first: one that begins last would be waited for alone.
        blobs.sort(key=lambda blob: blob.size, reverse=True)
        known = await self._look_ahead(tops, nodes, blobs)
        missing = [blob for blob in blobs if blob.digest not in known.there]
        tasks: list[Callable[[], Awaitable[object]]] = [
            partial(self._look, node.manifest.descriptor)
            for node in nodes.values()
            if node.manifest.digest not in known.asked
        ]
        sizes = [*(0 for _ in tasks), *(blob.size for blob in missing)]
        tasks += [partial(self._take, blob, outlook=known.of(blob)) for blob in missing]
        await self._gather(tasks, sizes)
        self._nodes.update(nodes)
        await self._put_in_order(nodes)
        return list(nodes)

    async def _put_in_order(self, nodes: Mapping[Digest, _Node]) -> None:
        """Put some manifests, each behind those that it lists."""
        order = TopologicalSorter(
            {digest: [child.digest for child in node.parts.manifests] for digest, node in nodes.items()}
        )
        order.prepare()
        while order.is_active():
            ready = order.get_ready()
            await self._put_all([nodes[digest] for digest in ready if digest in nodes])
            order.done(*ready)

    async def _walk(self, tops: Sequence[Descriptor]) -> list[_Node]:
        """The manifests below some, and these, as far as they were not seen before."""
        found: list[_Node] = []
        level = self._unseen(tops)
        depth = 0
        while level:
            if depth > _DEEPEST:
                raise LimitExceeded(f"the nesting of manifests in {self._source.name}", limit=_DEEPEST, unit="levels")
            tasks = [partial(self._node, descriptor) for descriptor in level]
            nodes = await self._gather(tasks, [descriptor.size for descriptor in level])
            found += nodes
            self._indexes |= {child.digest: node.manifest.digest for node in nodes for child in node.parts.manifests}
            level = self._unseen(child for node in nodes for child in node.parts.manifests)
            depth += 1
        return found

    def _unseen(self, manifests: Iterable[Descriptor]) -> list[Descriptor]:
        new: dict[Digest, Descriptor] = {}
        for descriptor in manifests:
            if descriptor.digest not in self._seen:
                new.setdefault(descriptor.digest, descriptor)
        self._seen.update(new)
        self._bytes += sum(descriptor.size for descriptor in new.values())
        if len(self._seen) > MOST_MANIFESTS:
            raise LimitExceeded(f"the copy from {self._source.name}", limit=MOST_MANIFESTS, unit="manifests")
        if self._bytes > _MOST_BYTES:
            raise LimitExceeded(f"the manifests of the copy from {self._source.name}, together,", limit=_MOST_BYTES)
        return list(new.values())

    async def _node(self, descriptor: Descriptor) -> _Node:
        """A manifest with its parts."""
        if descriptor.digest == self._root.digest:
            manifest = self._root
        else:
            index = self._indexes.get(descriptor.digest)
            found = self._manifest(descriptor.digest) if index is None else child_of(index, descriptor, self._manifest)
            manifest = of_size(await found, descriptor, self._source.name)
        # Of another object: what it has parsed takes many times the bytes, and need not be kept.
        return _Node(manifest, parts_of(attrs.evolve(manifest)))

    async def _manifest(self, digest: Digest) -> Manifest:
        """A manifest of the source. If the source has lost it, that of the target, which may have kept it."""
        try:
            return await self._source.manifest(digest)
        except (NotFound, TransferError):
            with suppress(NotFound, TransferError):
                return await self._target.manifest(digest)
            raise

    async def _look(self, manifest: Descriptor) -> bool:
        """Note whether the target has a manifest itself."""
        if not await self._target.has(manifest):
            return False
        self._there.add(manifest.digest)
        tell(self._options.progress, Skipped(Item(str(manifest.digest), manifest.size, manifest.digest)))
        return True

    def _new_blobs(self, nodes: Iterable[_Node]) -> list[Descriptor]:
        new: dict[Digest, Descriptor] = {}
        for blob in (blob for node in nodes for blob in node.parts.blobs):
            known = self._blobs.get(blob.digest)
            if known is None:
                self._blobs[blob.digest] = new[blob.digest] = blob
            elif known.size != blob.size:
                what = f"the blob {blob.digest} of {self._source.name}, as two manifests have it"
                raise SizeMismatch(what, expected=known.size, actual=blob.size)
        return list(new.values())

    async def _look_ahead(
        self, tops: Sequence[Descriptor], nodes: Mapping[Digest, _Node], blobs: Sequence[Descriptor]
    ) -> Findings:
        """What the target is likely to lack. What it is found to have is told."""

        async def look(digest: Digest) -> bool:
            return await self._look(nodes[digest].manifest.descriptor)

        async def has_blob(blob: Descriptor) -> bool:
            return await self._target.has_blob(blob, self._options.progress)

        return await look_ahead(
            self._target.order(self._source),
            [top.digest for top in tops if top.digest in nodes],
            {digest: node.parts for digest, node in nodes.items()},
            {blob.digest for blob in blobs},
            Asking(look, has_blob, self._gather),
        )

    async def _take(self, blob: Descriptor, missed: Missed = NOTHING, outlook: Outlook = Outlook.OPEN) -> None:
        await self._target.take(blob, self._source, self._options.progress, missed, outlook)

    async def _put(self, node: _Node) -> None:
        mend, digest = partial(self._mend, node), node.manifest.digest
        names = self._names.pop(digest, ())
        for name in names:
            await self._target.put_root(node.manifest, name, mend)
        if names or digest in self._there:
            return
        if digest == self._root.digest:
            await self._target.put_root(node.manifest, None, mend)
        else:
            await self._target.put(node.manifest, mend)

    async def _mend(self, node: _Node, missed: Missed) -> None:
        """Bring again what the target says it lacks: a replica of a registry may lag behind another one."""
        for blob in node.parts.blobs:
            await self._take(blob, missed)
        for child in node.parts.manifests:
            if child.digest in self._nodes and not await self._target.has(child):
                self._there.discard(child.digest)
                await self._put(self._nodes[child.digest])

    async def _put_all(self, nodes: Sequence[_Node]) -> None:
        await self._gather([partial(self._put, node) for node in nodes], [node.manifest.size for node in nodes])

    async def _gather(self, tasks: Sequence[Callable[[], Awaitable[T]]], sizes: Sequence[int] | None = None) -> list[T]:
        return await self._runtime.gather(
            self._options.at_once,
            tasks,
            width=self._width,
            sizes=sizes,
            large=max(self._source.large, self._target.large),
            lines=self._lines,
        )

    def _width(self, limit: int) -> int:
        return min(self._source.width(limit, reads=True), self._target.width(limit, reads=False))
