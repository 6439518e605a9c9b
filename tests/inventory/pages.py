"""Registries for pages: of a certain size, and with names that want to be more than text."""

from __future__ import annotations

import random

import attrs

import acr
from acr._inventory.builder import Builder, NewLink, NewManifest, NewRepository, NewTag
from acr._inventory.marks import Flag, Kind
from acr.media_types import OCI_LAYER_GZIP, OCI_MANIFEST

DAY = 86_400_000_000
REPOSITORIES = 20

NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></script><svg onload=alert(1)>",
    "&lt;script&gt;&#x3c;",
    "\x1b[2J\u202e\u2066\x00",
    "javascript:alert(1)",
    "<!-- ",
)


def registry_of(tags: int) -> acr.Inventory:
    """A registry of twenty repositories that share some layers. Each tag has a layer of its own."""
    dice = random.Random(tags)
    builder = Builder()
    shared = [_layer(dice) for _ in range(20)]
    names = [f"team{number // 5}/app{number:02}" for number in range(REPOSITORIES)]
    for number, name in enumerate(names):
        own = [_layer(dice) for _ in range(10)]
        count = tags // REPOSITORIES + (number < tags % REPOSITORIES)
        images = [
            NewManifest(
                content=dice.randbytes(32),
                size=900,
                media_type=OCI_MANIFEST,
                created=int((20_400 - dice.expovariate(1 / 300)) * DAY),
                flags=15 | Flag.LISTED,
                links=[*dice.sample(shared, 2), *dice.sample(own, 2), _layer(dice)],
            )
            for _ in range(count + 1)
        ]
        builder.add(
            NewRepository(
                name=name,
                created=0,
                updated=0,
                manifest_count=len(images),
                tag_count=count,
                flags=15,
                manifests=images,
                tags=[
                    NewTag(name=f"v1.{at}", content=image.content, created=0, updated=0, flags=15)
                    for at, image in enumerate(images[:count])
                ],
            )
        )
    at = 20_400 * DAY
    return acr.Inventory(builder.build(registry="my.azurecr.io", started=at, finished=at, catalog=names))


def _layer(dice: random.Random) -> NewLink:
    return NewLink(dice.randbytes(32), Kind.LAYER, OCI_LAYER_GZIP, int(10 ** dice.uniform(5, 9)))


def hostile() -> tuple[acr.Usage, acr.Finding]:
    """The usage of a registry whose names, types and texts are all hostile, and a finding of it."""
    usage = registry_of(len(NAMES) * 2).usage()
    repositories = tuple(
        attrs.evolve(
            repository,
            name=name,
            tags=tuple(attrs.evolve(tag, name=other) for tag, other in zip(tags, NAMES[at:] + NAMES, strict=False)),
        )
        for at, (repository, name) in enumerate(zip(usage.repositories, NAMES, strict=False))
        if (tags := repository.tags)
    )
    usage = attrs.evolve(
        usage,
        registry=NAMES[0],
        repositories=repositories,
        by_media_type=dict.fromkeys(NAMES, 1),
        by_month={"2026-01": 5, "unknown": 1},
        caveats=NAMES,
    )
    finding = acr.Finding(
        kind="orphan", repository=NAMES[1], tags=NAMES, text=NAMES[0], advice=NAMES[3], digest=acr.Digest.of(b"")
    )
    return usage, finding
