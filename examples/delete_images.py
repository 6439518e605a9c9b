"""Deletes all but the newest images of repositories. Without --yes it deletes nothing: it prints what it would delete.

python examples/delete_images.py --registry my.azurecr.io --repository team/app             # prints "would delete …"
python examples/delete_images.py --registry my.azurecr.io --repository team/app --yes       # deletes: "deleted …"
python examples/delete_images.py --registry my.azurecr.io --keep 5                          # of every repository
python examples/delete_images.py --registry my.azurecr.io --repository team/app --async     # the same, in async code

--repository can be there several times. Without it, the program works on every repository of the registry. It keeps the
3 newest images of each, or as many as --keep says.

It counts whole images: an index with its platforms, signatures and SBOMs is one. It keeps

- the newest images, and whatever is locked or has a locked tag;
- what a kept manifest leads to: the platforms of an index at every depth, the subject of an attachment;
- what is attached to a kept manifest: by its `subject`, or by a tag such as `sha256-….sig`, as cosign does;
- an attachment whose subject is missing, or is untagged while the attachment has a tag;
- everything in a repository that it cannot read as a whole. It says so.

It looks at each manifest again before it deletes it. It cannot see an index that somebody else pushes at that moment:
run it while nobody pushes.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from acr import (
    AcrError,
    AsyncRegistry,
    AsyncRepository,
    Credential,
    Digest,
    Manifest,
    ManifestProperties,
    NotFound,
    ProtocolViolation,
    Registry,
    Repository,
    RepositoryProperties,
    TagProperties,
    UsernamePassword,
    default_credential,
    media_types,
)

ATTACHED_BY_TAG = re.compile(r"(sha\d+-[0-9a-f]{64})(?![0-9a-f]).*")
"""Tags of cosign, and of OCI's referrers tag schema. They name the digest that something is attached to."""


@attrs.frozen
class Node:
    """A manifest of a repository, and what it has to do with others.

    Args:
        properties: as they were listed.
        parts: the manifests that it lists.
        subjects: what it is attached to, as `name_in_tags` gives it.
        names: its tags, without those that attach it to something.
        locked: it, or a tag of it, is locked.
    """

    properties: ManifestProperties
    parts: frozenset[Digest]
    subjects: frozenset[str]
    names: Sequence[str]
    locked: bool


def name_in_tags(digest: Digest) -> str:
    """How tags name a digest that something is attached to."""
    return f"{digest.algorithm}-{digest.hex[:64]}"


def node_of(properties: ManifestProperties, manifest: Manifest, locked: set[Digest]) -> Node:
    """Look at a manifest.

    Raises:
        ProtocolViolation: it cannot be told what it leads to.
    """
    if manifest.media_type not in media_types.ANY_MANIFEST:
        raise ProtocolViolation(f"{properties.digest} is of a type that cannot be read: {manifest.media_type}")
    matches = {tag: ATTACHED_BY_TAG.fullmatch(tag) for tag in properties.tags}
    subjects = {match[1] for match in matches.values() if match}
    if manifest.subject is not None:
        subjects.add(name_in_tags(manifest.subject.digest))
    return Node(
        properties=properties,
        parts=frozenset(part.digest for part in manifest.manifests),
        subjects=frozenset(subjects),
        names=[tag for tag, match in matches.items() if not match],
        locked=properties.locked or properties.digest in locked,
    )


def to_delete(nodes: Sequence[Node], keep: int) -> list[ManifestProperties]:
    """What nothing that is kept needs: attachments first, then images, then their parts.

    Args:
        nodes: all manifests of a repository, newest first.
        keep: how many images to keep.
    """
    by_name = {name_in_tags(node.properties.digest): node for node in nodes}
    by_digest = {node.properties.digest: node for node in nodes}
    attachments: defaultdict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        for name in node.subjects:
            attachments[name].append(node)
    every_part = {part for node in nodes for part in node.parts}
    images = [node for node in nodes if not node.subjects and (node.names or node.properties.digest not in every_part)]

    def stands_by_itself(node: Node) -> bool:
        subjects = [by_name[name] for name in node.subjects if name in by_name]
        tagged = any(subject.names for subject in subjects)
        return len(subjects) < len(node.subjects) or (bool(node.names and node.subjects) and not tagged)

    def needed_by(node: Node) -> Iterable[Node]:
        yield from (by_digest[part] for part in node.parts if part in by_digest)
        yield from (by_name[name] for name in node.subjects if name in by_name)
        yield from attachments[name_in_tags(node.properties.digest)]

    waiting = [*images[:keep], *(node for node in nodes if node.locked or stands_by_itself(node))]
    kept: set[Digest] = set()
    while waiting:
        node = waiting.pop()
        if node.properties.digest not in kept:
            kept.add(node.properties.digest)
            waiting += needed_by(node)
    gone = [node for node in nodes if node.properties.digest not in kept]
    gone.sort(key=lambda node: (not node.subjects, node.properties.digest in every_part))
    return [node.properties for node in gone]


def check_counts(
    before: RepositoryProperties, manifests: Sequence[ManifestProperties], tags: Sequence[TagProperties]
) -> None:
    """Compare what was listed with what the registry counts: an item may be hidden from listings, and needs its parts.

    Raises:
        ProtocolViolation: they differ.
    """
    counted, listed = (before.manifest_count, before.tag_count), (len(manifests), len(tags))
    if counted != listed:
        raise ProtocolViolation(
            f"the registry counts other numbers than it lists: manifests {counted[0]} and {listed[0]},"
            f" tags {counted[1]} and {listed[1]}"
        )


def is_unchanged(planned: ManifestProperties, now: ManifestProperties) -> bool:
    """Whether nobody has tagged, locked or pushed it again since it was listed."""
    return not now.locked and (set(now.tags), now.updated) == (set(planned.tags), planned.updated)


def plan(repository: Repository, keep: int) -> list[ManifestProperties]:
    """Read a repository, and decide. Listings are read to their end before anything is deleted."""
    counted = repository.properties()
    manifests, tags = list(repository.manifests(order_by="newest")), list(repository.tags())
    check_counts(counted, manifests, tags)
    locked = {tag.digest for tag in tags if tag.locked}
    return to_delete([node_of(one, repository.manifest(one.digest).get(), locked) for one in manifests], keep)


def described(name: str, one: ManifestProperties) -> str:
    """A manifest, for people."""
    return f"{name}@{one.digest}, tags: {', '.join(one.tags) or 'none'}"


def run(registry: Registry, names: Sequence[str], keep: int, *, really: bool) -> None:
    """Delete what is old in the repositories of these names, or in all if there are none."""
    for name in names:
        registry.repository(name).properties()  # a name with a mistake is told before anything is deleted
    for name in names or registry.repositories():
        repository = registry.repository(name)
        try:
            planned = plan(repository, keep)
        except AcrError as error:
            print(f"{name} is left as it is: {error}", file=sys.stderr)
            continue
        for one in planned:
            if not really:
                print(f"would delete {described(name, one)}")
                continue
            manifest = repository.manifest(one.digest)
            try:
                unchanged = is_unchanged(one, manifest.properties())
            except NotFound:  # ACR deletes what is attached to a manifest together with it
                unchanged = True
            if unchanged:
                manifest.delete(missing_ok=True)  # its tags go with it
                print(f"deleted {described(name, one)}")
            else:
                print(f"kept {name}@{one.digest}: it has changed since it was listed", file=sys.stderr)


async def plan_async(repository: AsyncRepository, keep: int) -> list[ManifestProperties]:
    """`plan` in async code."""
    counted = await repository.properties()
    manifests = [manifest async for manifest in repository.manifests(order_by="newest")]
    tags = [tag async for tag in repository.tags()]
    check_counts(counted, manifests, tags)
    locked = {tag.digest for tag in tags if tag.locked}
    return to_delete([node_of(one, await repository.manifest(one.digest).get(), locked) for one in manifests], keep)


async def run_async(registry: AsyncRegistry, names: Sequence[str], keep: int, *, really: bool) -> None:
    """`run` in async code."""
    for name in names:
        await registry.repository(name).properties()
    for name in names or [name async for name in registry.repositories()]:
        repository = registry.repository(name)
        try:
            planned = await plan_async(repository, keep)
        except AcrError as error:
            print(f"{name} is left as it is: {error}", file=sys.stderr)
            continue
        for one in planned:
            if not really:
                print(f"would delete {described(name, one)}")
                continue
            manifest = repository.manifest(one.digest)
            try:
                unchanged = is_unchanged(one, await manifest.properties())
            except NotFound:  # ACR deletes what is attached to a manifest together with it
                unchanged = True
            if unchanged:
                await manifest.delete(missing_ok=True)  # its tags go with it
                print(f"deleted {described(name, one)}")
            else:
                print(f"kept {name}@{one.digest}: it has changed since it was listed", file=sys.stderr)


async def main_async(endpoint: str, credential: Credential, names: Sequence[str], keep: int, *, really: bool) -> None:
    """Open a client, and run."""
    async with AsyncRegistry(endpoint, credential) as registry:
        await run_async(registry, names, keep, really=really)


def main() -> None:
    """Read the command line, open a client, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--registry", "--url", required=True, help="login server, or URL of an emulator")
    parser.add_argument(
        "--repository", action="append", default=[], metavar="NAME", help="work on this one; without it, on every one"
    )
    parser.add_argument("--keep", type=int, default=3, help="how many images to keep in each repository (%(default)s)")
    parser.add_argument("--yes", action="store_true", help="delete; without it, print what would be deleted")
    parser.add_argument("--username", help="of a repository-scoped token or the admin user; without it, azure-identity")
    parser.add_argument("--password", default="", help="of the user name")
    parser.add_argument("--async", dest="in_async_code", action="store_true", help="run the async variant")
    options = parser.parse_args()
    if options.keep < 0:
        parser.error("argument --keep: expected a number of images from 0 on")
    named = UsernamePassword(options.username, options.password) if options.username else None
    credential = named or default_credential()
    if options.in_async_code:
        asyncio.run(main_async(options.registry, credential, options.repository, options.keep, really=options.yes))
    else:
        with Registry(options.registry, credential) as registry:
            run(registry, options.repository, options.keep, really=options.yes)
    if not options.yes:
        print("Nothing was deleted. Add --yes to delete.", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except AcrError as error:
        sys.exit(str(error))
