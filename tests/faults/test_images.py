"""The images that the runs are about, and the eyes that look at what became of them, can be relied on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acr.emulator import Emulator
from tests.faults import images
from tests.faults.bare import Bare, check_layout
from tests.faults.images import Image, contents, random_image, write_layout

SEEDS = range(150)


def layers(image: Image) -> list[str]:
    parsed = [json.loads(manifest.content) for manifest in image.manifests]
    return [layer["digest"] for manifest in parsed for layer in manifest.get("layers", [])]


def test_a_seed_gives_the_same_image() -> None:
    assert random_image(3) == random_image(3) != random_image(4)
    assert dict(contents(random_image(3))) == dict(contents(random_image(3)))


def test_images_are_of_all_kinds() -> None:
    found = [random_image(seed) for seed in SEEDS]
    assert {image.root.media_type for image in found} == {
        images.OCI_MANIFEST,
        images.OCI_INDEX,
        images.DOCKER_MANIFEST,
        images.DOCKER_LIST,
    }
    assert {0, 1, 1024 * 1024} <= {len(blob) for image in found for blob in image.blobs.values()}
    assert max(len(blob) for image in found for blob in image.blobs.values()) > 2_500_000
    assert any(len(set(layers(image))) < len(layers(image)) for image in found if not image.platforms)
    assert any(len(set(layers(image))) < len(layers(image)) for image in found if image.platforms)
    assert {len(image.referrers) for image in found} == {0, 1, 2, 3}
    assert {len(image.platforms) for image in found} == {0, 2, 3, 4}
    assert {len(layers(image)) for image in found if not image.platforms} == set(range(1, 7))
    index = next(image for image in found if image.platforms)
    parsed = json.loads(index.root.content)["manifests"][1]
    assert parsed["digest"] == index.image_for(index.platforms[1]).digest
    assert all(digest == images.digest_of(content) for image in found[:20] for digest, content in contents(image))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_loaded_is_whole(acr_emulator: Emulator, tmp_path: Path, seed: int) -> None:
    image = random_image(seed, largest=10_000)
    with Bare(acr_emulator, "app") as bare:
        assert bare.manifest("v1") is None
        bare.load(image, "v1")
        found = bare.tree("v1").union(*(bare.tree(referrer.digest) for referrer in image.referrers))
        assert found == set(dict(contents(image)))
        assert bare.manifest("v1") == image.root
    write_layout(image, tmp_path / "layout", "v1")
    assert check_layout(tmp_path / "layout")["v1"] == image.root.digest


def test_what_is_missing_is_seen(acr_emulator: Emulator, tmp_path: Path) -> None:
    image = random_image(1, largest=10_000)
    with Bare(acr_emulator, "app") as bare:
        bare.load(image, "v1")
        acr_emulator._thread.call(acr_emulator._registry.content.clear)
        with pytest.raises(AssertionError):
            bare.tree("v1")
        with pytest.raises(AssertionError, match="is not there"):
            bare.tree("v2")


def test_what_is_wrong_in_a_layout_is_seen(tmp_path: Path) -> None:
    image = random_image(1, largest=10_000)
    layout = tmp_path / "layout"
    assert check_layout(layout) == {}
    write_layout(image, layout, "v1")
    blob = layout / "blobs" / "sha256" / image.root.digest.removeprefix("sha256:")
    blob.write_bytes(b"other")
    with pytest.raises(AssertionError, match="other content"):
        check_layout(layout)
    blob.unlink()
    with pytest.raises(AssertionError, match="is missing"):
        check_layout(layout)
    (layout / "index.json").unlink()
    assert check_layout(layout) == {}
    (blob.parent / ".x.part").write_bytes(b"")
    with pytest.raises(AssertionError, match="other content"):
        check_layout(layout)
    (blob.parent / ".x.part").rename(layout / ".x.part")
    with pytest.raises(AssertionError, match="left behind"):
        check_layout(layout)
