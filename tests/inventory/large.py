"""Large inventories: `make` one in a file, `measure` what usage and check of it take. Each in a process of its own."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from acr import Inventory, load_inventory, save_inventory
from acr._inventory.builder import Builder, NewLink, NewManifest, NewRepository, NewTag
from acr._inventory.marks import Flag, Kind
from acr.media_types import OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST
from tests.inventory.memory import peak

IN_A_REPOSITORY = 500  # manifests: 100 indexes of three images each, and 100 images by themselves
DAY = 86_400_000_000


def made_up(manifests: int) -> Inventory:
    """A registry: 500 manifests and 150 tags in each repository; ten blobs an image; 2.5 blobs for each manifest."""
    dice = random.Random(13)
    builder = Builder()
    shared = [NewLink(dice.randbytes(32), Kind.LAYER, OCI_LAYER_GZIP, dice.randrange(10**8)) for _ in range(1000)]
    names = [f"team{number // 100:03}/app{number:05}" for number in range(manifests // IN_A_REPOSITORY)]
    for name in names:
        images = list(_images(dice, shared))
        indexes = [_index(dice, images[at : at + 3]) for at in range(0, 300, 3)]
        targets = [*indexes, *images[300:350]]
        builder.add(
            NewRepository(
                name=name,
                created=0,
                updated=0,
                manifest_count=IN_A_REPOSITORY,
                tag_count=len(targets),
                flags=15,
                manifests=[*images, *indexes],
                tags=[
                    NewTag(name=f"v{at}", content=target.content, created=target.created, updated=0, flags=15)
                    for at, target in enumerate(targets)
                ],
            )
        )
    return Inventory(builder.build(registry="large", started=20_000 * DAY, finished=20_000 * DAY, catalog=names))


def _images(dice: random.Random, shared: list[NewLink]) -> Iterator[NewManifest]:
    own = [NewLink(dice.randbytes(32), Kind.LAYER, OCI_LAYER_GZIP, dice.randrange(10**8)) for _ in range(850)]
    for at in range(400):
        layers = [*dice.sample(shared, 3), *dice.sample(own, 4), *own[2 * at : 2 * at + 2]]
        yield NewManifest(
            content=dice.randbytes(32),
            size=2000,
            media_type=OCI_MANIFEST,
            artifact_type=OCI_CONFIG,
            platform="linux/amd64",
            created=dice.randrange(19_000, 20_000) * DAY,
            flags=15 | Flag.LISTED,
            links=[NewLink(dice.randbytes(32), Kind.CONFIG, OCI_CONFIG, 3000), *layers],
        )


def _index(dice: random.Random, children: list[NewManifest]) -> NewManifest:
    return NewManifest(
        content=dice.randbytes(32),
        size=900,
        media_type=OCI_INDEX,
        created=children[0].created,
        flags=15 | Flag.LISTED | Flag.IS_INDEX | Flag.HAS_PLATFORM,
        links=[NewLink(child.content, Kind.CHILD, OCI_MANIFEST, child.size) for child in children],
    )


def measure(path: Path) -> dict[str, float]:
    """Seconds of the processor that each step takes, and the peak of memory in MiB.

    Seconds by the wall would be those of whatever else runs on this machine.
    """
    found: dict[str, float] = {}
    began = time.process_time()
    inventory = load_inventory(path)
    found["load"] = time.process_time() - began
    began = time.process_time()
    usage = inventory.usage()
    found["usage"] = time.process_time() - began
    found["unique"] = usage.unique
    found["tags"] = sum(len(repository.tags) for repository in usage.repositories)
    found["manifests"] = sum(repository.manifests for repository in usage.repositories)
    del usage
    began = time.process_time()
    found["findings"] = len(inventory.check().findings)
    found["check"] = time.process_time() - began
    found["MiB"] = peak()
    return found


if __name__ == "__main__":
    if sys.argv[1] == "make":
        save_inventory(made_up(int(sys.argv[2])), sys.argv[3])
    else:
        sys.stdout.write(json.dumps(measure(Path(sys.argv[2]))))
