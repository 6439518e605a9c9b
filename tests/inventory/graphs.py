"""Registries that are made up at random: nested indexes, attachments of all kinds, shared and foreign layers, orphans.

They live in the emulator's store, without a server, so that thousands of them can be looked at.
"""

from __future__ import annotations

import json
import random
import re
import weakref
from collections.abc import Iterator
from typing import Any

import attrs

from acr import Digest, Inventory, Manifest, media_types
from acr._core.upkeep.links import read_links
from acr._inventory.builder import Builder, NewManifest, NewRepository, NewTag
from acr._inventory.marks import UNKNOWN, Flag
from acr._inventory.tables import pack
from acr.emulator._store.content import MemoryContent
from acr.emulator._store.items import NewManifest as StoredManifest
from acr.emulator._store.metadata import Metadata

FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
MISSING = Digest.of(b"this manifest is nowhere")


def named_after(digest: Digest) -> str:
    """The tag by which something is attached to a manifest, without a suffix."""
    return f"{digest.algorithm}-{digest.hex[:64]}"


class Store:
    """A registry without a server."""

    def __init__(self) -> None:
        self.metadata = Metadata(None)
        weakref.finalize(self, self.metadata.close)  # since 3.13 Python warns of a database that nobody closes
        self.content = MemoryContent()

    def put_blob(self, repository: str, content: bytes) -> Digest:
        digest = Digest.of(content)
        draft = self.content.draft()
        draft.write(content)
        self.content.keep(draft, digest)
        self.metadata.add_blob(repository, digest)
        return digest

    def put(
        self, repository: str, fields: dict[str, Any], tag: str | None = None, *, algorithm: str = "sha256"
    ) -> Digest:
        content = json.dumps(fields).encode()
        digest = Digest.of(content, algorithm=algorithm)
        new = StoredManifest(
            digest=digest,
            media_type=fields["mediaType"],
            content=content,
            image_size=0,
            architecture=None,
            os=None,
            config_media_type=None,
            artifact_type=None,
            subject=None,
            annotations={},
        )
        self.metadata.put_manifest(repository, new, tag, 1)
        return digest

    def tag(self, repository: str, digest: Digest, tag: str) -> None:
        self.put(repository, self.fields(repository, digest), tag, algorithm=digest.algorithm)

    def fields(self, repository: str, digest: Digest) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.metadata.content(repository, digest))
        return found

    def items(self) -> Iterator[tuple[str, dict[str, Digest], list[Digest]]]:
        """Repositories, the tags of each, and its manifests."""
        for name in sorted({repository for repository, _, _ in self.metadata.contents()}):
            tags, manifests = self.metadata.everything_in(name)
            yield name, {tag.name: tag.digest for tag in tags}, [Digest(one.name) for one in manifests]

    def inventory(self, *, is_whole: bool = True) -> Inventory:
        """What reading it would give."""
        builder = Builder()
        names = []
        for name, tags, manifests in self.items():
            names.append(name)
            builder.add(
                NewRepository(
                    name=name,
                    created=0,
                    updated=0,
                    manifest_count=len(manifests),
                    tag_count=len(tags),
                    flags=15,
                    manifests=[self._row(name, digest) for digest in manifests],
                    tags=[
                        NewTag(name=tag, content=pack(digest), created=0, updated=0, flags=15)
                        for tag, digest in tags.items()
                    ],
                )
            )
        return Inventory(builder.build(registry="made.up", started=0, finished=0, catalog=names if is_whole else None))

    def _row(self, repository: str, digest: Digest) -> NewManifest:
        content = self.metadata.content(repository, digest)
        manifest = Manifest(content, json.loads(content)["mediaType"], digest=digest)
        reading = read_links(manifest)
        return NewManifest(
            content=pack(digest),
            size=manifest.size,
            media_type=manifest.media_type,
            artifact_type=reading.artifact_type,
            trouble=reading.trouble,
            image_size=UNKNOWN,
            created=0,
            updated=0,
            flags=15 | Flag.LISTED | reading.flags,
            links=reading.links,
        )


@attrs.frozen
class Random:
    """Fills a store, the same way for the same seed."""

    store: Store
    dice: random.Random

    def fill(self) -> Store:
        """Put some images, indexes, attachments and tags into some repositories."""
        blobs = [bytes([65 + at]) * self.dice.randrange(400) for at in range(8)]
        for repository in ["a", "b/c", "d"][: self.dice.randint(1, 3)]:
            made: list[Digest] = []
            for number in range(self.dice.randint(1, 9)):
                kind = self.dice.random()
                if made and kind < 0.3:
                    made.append(self._index(repository, made))
                else:
                    made.append(self._image(repository, blobs, made, number if kind < 0.8 else -1))
            for at in range(self.dice.randint(0, 5)):
                self.store.tag(repository, self.dice.choice(made), f"v{at}")
            for _ in range(self.dice.randint(0, 3)):
                subject = MISSING if self.dice.random() < 0.2 else self.dice.choice(made)
                suffix = self.dice.choice(["", ".sig", ".att", ".sbom", ".other-thing", "-vex", "_1", "ff"])
                self.store.tag(repository, self.dice.choice(made), named_after(subject) + suffix)
        return self.store

    def _image(self, repository: str, blobs: list[bytes], made: list[Digest], number: int) -> Digest:
        layers = [
            {
                "mediaType": FOREIGN if self.dice.random() < 0.1 else media_types.OCI_LAYER,
                "digest": str(Digest.of(blob)),
                "size": len(blob),
            }
            for blob in self.dice.sample(blobs, self.dice.randint(0, 4))
        ]
        for layer, blob in ((layer, blob) for layer in layers for blob in blobs if layer["digest"] == Digest.of(blob)):
            if layer["mediaType"] != FOREIGN:
                self.store.put_blob(repository, blob)
        config = b"{}" if number < 0 else json.dumps({"number": number}).encode()
        fields: dict[str, Any] = {
            "mediaType": self.dice.choice([media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST]),
            "config": {
                "mediaType": media_types.OCI_CONFIG,
                "digest": str(self.store.put_blob(repository, config)),
                "size": len(config),
            },
            "layers": layers,
        }
        if made and self.dice.random() < 0.3:
            subject = MISSING if self.dice.random() < 0.2 else self.dice.choice(made)
            fields["subject"] = {"mediaType": media_types.OCI_MANIFEST, "digest": str(subject), "size": 1}
        return self.store.put(repository, fields, algorithm="sha512" if self.dice.random() < 0.1 else "sha256")

    def _index(self, repository: str, made: list[Digest]) -> Digest:
        entries = [
            {
                "mediaType": media_types.OCI_MANIFEST,
                "digest": str(child),
                "size": len(self.store.metadata.content(repository, child)),
            }
            for child in self.dice.sample(made, min(len(made), self.dice.randint(1, 3)))
        ]
        if self.dice.random() < 0.1:
            entries.append({"mediaType": media_types.OCI_MANIFEST, "digest": str(MISSING), "size": 1})
        fields: dict[str, Any] = {"mediaType": media_types.OCI_INDEX, "manifests": entries}
        if self.dice.random() < 0.2:
            subject = self.dice.choice(made)
            fields["subject"] = {"mediaType": media_types.OCI_MANIFEST, "digest": str(subject), "size": 1}
        return self.store.put(repository, fields)


def random_store(seed: int) -> Store:
    """A registry that is made up at random."""
    return Random(Store(), random.Random(seed)).fill()


class Naive:
    """What leads to what in one repository, found the long way: the code of the client has no part in it."""

    def __init__(self, store: Store, repository: str, tags: dict[str, Digest], manifests: list[Digest]) -> None:
        self.tags = tags
        self.manifests = set(manifests)
        self.below: dict[Digest, set[Digest]] = {digest: set() for digest in manifests}
        self.attachments: set[str] = set()
        for digest in manifests:
            fields = store.fields(repository, digest)
            self.below[digest] |= {Digest(one["digest"]) for one in fields.get("manifests", ())} & self.manifests
            subject = Digest(fields["subject"]["digest"]) if "subject" in fields else None
            if subject is not None and subject in self.below:
                self.below[subject].add(digest)
        for tag, target in tags.items():
            match = re.match("(sha256|sha512)-([0-9a-f]{64})", tag)
            for digest in manifests if match else ():
                if match and digest.algorithm == match[1] and digest.hex[:64] == match[2]:
                    self.attachments.add(tag)
                    self.below[digest].add(target)

    def reach(self, root: Digest) -> set[Digest]:
        found = {root}
        while more := {below for digest in found for below in self.below[digest]} - found:
            found |= more
        return found

    def held_by(self, tag: str) -> set[Digest]:
        """The manifests that only this tag leads to."""
        if tag in self.attachments:
            return set()
        found = self.reach(self.tags[tag])
        others = [self.tags[other] for other in self.tags if other not in {tag, *self.attachments}]
        kept = {digest for other in others for digest in self.reach(other)}
        tagged = kept | found
        for digest in self.manifests - tagged:  # what no tag leads to stays, with all below it
            kept |= self.reach(digest)
        return found - kept
