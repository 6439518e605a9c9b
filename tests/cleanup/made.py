"""Registries that are written down: stores with ages and locks, and the plans that policies make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from acr import Digest, media_types
from acr._cleanup.plan import Plan
from acr._cleanup.policy import Policy
from tests.cleanup.scenes import Item, Scene, places_of
from tests.inventory.graphs import Store
from tests.inventory.test_usage import image

About: TypeAlias = Mapping[tuple[str, str], Item] | Mapping[tuple[str, Digest], Item]
"""What is special of a tag or a digest, by its repository and name."""

UNTAGGED = '[purge.untagged]\nolder_than = "2d"\n'
ALL = '[[purge.rule]]\nname = "all"\nolder_than = "2d"\n'


def index(store: Store, repository: str, *children: Digest, tag: str | None = None, **more: object) -> Digest:
    """An index of images."""
    entries = [
        {
            "mediaType": media_types.OCI_MANIFEST,
            "digest": str(child),
            "size": len(store.metadata.content(repository, child)),
        }
        for child in children
    ]
    return store.put(repository, {"mediaType": media_types.OCI_INDEX, "manifests": entries, **more}, tag)


def attached(
    store: Store, repository: str, subject: Digest, *, tag: str | None = None, what: bytes = b"sbom"
) -> Digest:
    """Something that is attached to a manifest."""
    return image(store, repository, what + subject.encode(), tag=tag, subject=descriptor(subject))


def descriptor(digest: Digest) -> dict[str, object]:
    return {"mediaType": media_types.OCI_MANIFEST, "digest": str(digest), "size": 1}


def scene_of(
    store: Store,
    about: About | None = None,
    *,
    is_whole: bool = True,
) -> Scene:
    """A registry that is 100 days old, but for some items."""
    scene = Scene(store, places_of(store), is_whole=is_whole)
    for (repository, name), item in (about or {}).items():
        scene.places[repository].about[name] = item
    return scene


def plan_of(
    store: Store,
    policy: str,
    about: About | None = None,
    **files: str,
) -> Plan:
    """The plan of a policy for it."""
    named = {f"{name}.txt": text for name, text in files.items()}
    return Policy(f"[purge]\n{policy}", files=named).plan(scene_of(store, about).inventory())


def gone(plan: Plan) -> set[str]:
    """What goes: tags by name, manifests by digest."""
    return {one.name or str(one.digest) for one in plan.deletions}
