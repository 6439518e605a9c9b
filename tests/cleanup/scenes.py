"""Registries with a history: random graphs with ages, locks, hidden and unreadable items; and what is true of them.

What an inventory would have of them is made here, and so is the truth, which knows the hidden items, too. The code of
the client has no part in the truth.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from acr import Digest, Inventory, Manifest
from acr._core.upkeep.links import read_links
from acr._inventory.builder import Builder, NewManifest, NewRepository, NewTag
from acr._inventory.marks import UNKNOWN, Flag
from acr._inventory.tables import pack
from tests.inventory.graphs import Store, random_store

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOW = 20_000 * DAY
FREE = int(Flag.CAN_READ | Flag.CAN_WRITE | Flag.CAN_LIST | Flag.CAN_DELETE)
NAMED = re.compile(r"(sha256|sha512)-([0-9a-f]{64}).*")


@attrs.define(kw_only=True)
class Item:
    """A tag or a manifest.

    Args:
        age: microseconds since it was pushed.
        is_locked: whether it is locked.
        is_hidden: whether no listing shows it.
        is_unreadable: whether nobody can read it.
        untagged_since: when an inventory first saw it untagged; None if none did.
    """

    age: int = 100 * DAY
    is_locked: bool = False
    is_hidden: bool = False
    is_unreadable: bool = False
    untagged_since: int | None = None

    @property
    def flags(self) -> int:
        new = int(Flag.IS_NEW) if self.age < 0 else 0
        return (FREE & ~int(Flag.CAN_DELETE) if self.is_locked else FREE) | new


@attrs.define(kw_only=True)
class Place:
    """A repository, and all that is true of it."""

    name: str
    tags: dict[str, Digest]
    fields: dict[Digest, dict[str, Any]]
    about: dict[str, Item]  # by tag or digest
    is_locked: bool = False
    is_moving: bool = False
    is_cache: bool = False
    _children: dict[Digest, set[Digest]] = attrs.field(factory=dict, init=False)

    def children(self, digest: Digest) -> set[Digest]:
        if digest not in self._children:
            named = {one["digest"] for one in self.fields[digest].get("manifests", ())}
            self._children[digest] = {one for one in self.fields if one in named}
        return self._children[digest]

    def subject(self, digest: Digest) -> Digest | None:
        subject = self.fields[digest].get("subject")
        return next((one for one in self.fields if one == subject["digest"]), None) if subject else None

    def configs(self, digest: Digest) -> set[str]:
        found = self.fields[digest]
        return {one["digest"] for one in (found.get("config"), *found.get("layers", ())) if one}

    def named_after(self, tag: str) -> Digest | None:
        """The manifest that a tag is named after, if it is here."""
        match = NAMED.fullmatch(tag)
        if match is None:
            return None
        return next((one for one in self.fields if one.startswith(f"{match[1]}:{match[2]}")), None)

    def is_attached(self, tag: str) -> bool:
        return NAMED.fullmatch(tag) is not None

    def reach(self, digest: Digest, within: set[Digest] | None = None) -> set[Digest]:
        """A manifest, and all that it leads to: what it lists, and what it is attached to.

        Args:
            digest: of the manifest.
            within: the manifests that somebody knows; None for all.
        """
        found, known_ones = {digest}, self.fields.keys() if within is None else within
        while more := ({one for known in found for one in self._next(known)} & known_ones) - found:
            found |= more
        return found

    def _next(self, digest: Digest) -> set[Digest]:
        named = {self.named_after(tag) for tag, target in self.tags.items() if target == digest}
        return self.children(digest) | ({self.subject(digest), *named} - {None})  # type: ignore[operator]

    def is_doubtful(self, found: set[Digest]) -> bool:
        """Whether there may be something that the inventory does not know.

        Args:
            found: the manifests that it has.
        """
        is_hidden = any(self.about[tag].is_hidden for tag in self.tags) or self.fields.keys() - found
        return self.is_moving or bool(is_hidden) or any(one.is_unreadable for one in self.about.values())


@attrs.frozen
class Scene:
    """A registry."""

    store: Store
    places: Mapping[str, Place]
    is_whole: bool = True

    def inventory(self) -> Inventory:
        """What reading it gives."""
        builder = Builder()
        for _, place in sorted(self.places.items()):
            builder.add(_repository(self.store, place))
        catalog = list(self.places) if self.is_whole else None
        return Inventory(builder.build(registry="made.up", started=NOW, finished=NOW + SECOND, catalog=catalog))


def _repository(store: Store, place: Place) -> NewRepository:
    flags = FREE & ~int(Flag.CAN_WRITE) if place.is_locked else FREE
    flags |= int(Flag.IS_MOVING) if place.is_moving else 0
    flags |= int(Flag.IS_CACHE) if place.is_cache else 0
    tags = {tag: digest for tag, digest in place.tags.items() if not place.about[tag].is_hidden}
    return NewRepository(
        name=place.name,
        created=0,
        updated=0,
        manifest_count=len(place.fields),
        tag_count=len(place.tags),
        flags=flags,
        manifests=list(_manifests(store, place, set(tags.values()))),
        tags=[
            NewTag(
                name=tag,
                content=pack(digest),
                created=NOW - place.about[tag].age,
                updated=NOW - place.about[tag].age,
                flags=place.about[tag].flags,
            )
            for tag, digest in tags.items()
        ],
    )


def _manifests(store: Store, place: Place, tagged: set[Digest]) -> Iterator[NewManifest]:
    """Those that the listing shows, and hidden ones that something leads to. Those have no times."""
    shown = {digest for digest in place.fields if not place.about[digest].is_hidden}
    found = set(shown)
    while True:
        readable = {digest for digest in found if not place.about[digest].is_unreadable}
        named = {child for one in readable for child in place.children(one)}
        named |= {subject for one in readable if (subject := place.subject(one)) is not None}
        more = ((tagged | named) & place.fields.keys()) - found
        if not more:
            break
        found |= more
    for digest in found:
        content = store.metadata.content(place.name, digest)
        manifest = Manifest(content, json.loads(content)["mediaType"], digest=digest)
        reading = read_links(manifest)
        item, is_shown = place.about[digest], digest in shown
        time = NOW - item.age if is_shown else UNKNOWN
        yield NewManifest(
            content=pack(digest),
            size=UNKNOWN if item.is_unreadable else manifest.size,
            media_type=manifest.media_type,
            trouble="nobody may read it" if item.is_unreadable else reading.trouble,
            created=time,
            updated=time,
            untagged_since=UNKNOWN if item.untagged_since is None else item.untagged_since,
            flags=item.flags
            | (int(Flag.LISTED) if is_shown else 0)
            | (0 if item.is_unreadable else int(reading.flags)),
            links=() if item.is_unreadable else reading.links,
        )


def places_of(store: Store) -> dict[str, Place]:
    """The repositories of a store, old and without any trouble."""
    return {
        name: Place(
            name=name,
            tags=tags,
            fields={digest: store.fields(name, digest) for digest in manifests},
            about={name: Item() for name in (*tags, *manifests)},
        )
        for name, tags, manifests in store.items()
    }


def random_scene(seed: int) -> Scene:
    """A registry that is made up at random, with all kinds of trouble."""
    dice = random.Random(f"scene {seed}")
    store = random_store(seed)
    places = places_of(store)
    for place in places.values():
        trouble = dice.random()
        place.is_locked, place.is_moving, place.is_cache = (dice.random() < share for share in (0.03, 0.03, 0.06))
        for name, item in place.about.items():
            is_manifest = ":" in name
            item.age = dice.choice([-HOUR, HOUR // 2, 2 * HOUR, 3 * DAY, 10 * DAY, 40 * DAY, 100 * DAY, 100 * DAY])
            item.is_locked = dice.random() < 0.06
            item.is_hidden = trouble < 0.12 and dice.random() < 0.2
            item.is_unreadable = is_manifest and 0.12 < trouble < 0.24 and dice.random() < 0.3
            if is_manifest and dice.random() < 0.5:
                item.untagged_since = NOW - dice.choice([0, 5 * DAY, 50 * DAY])
    return Scene(store, places, is_whole=dice.random() < 0.9)
