"""Images from, to and between registries: byte for byte, in an order that leaves no half image behind a tag."""

from __future__ import annotations

from pathlib import Path

import acr
from tests.content import push_index

MIB = 1024 * 1024


def test_an_index_goes_out_and_comes_back_byte_for_byte(registry: acr.Registry, tmp_path: Path) -> None:
    one = registry.repository("team/app")
    pushed = push_index(one, tag="v1", platforms=["linux/amd64", "linux/arm64/v8"])
    layout = acr.Layout(tmp_path / "layout")
    assert one.pull("v1", layout) == pushed
    assert list(layout.tags()) == ["v1"]
    other = registry.repository("other/app")
    assert other.push(acr.Layout(tmp_path / "layout"), "v1", tag="v2") == pushed
    assert registry.copy("other/app:v2", "third/app:v3") == pushed
    for name, tag in (("other/app", "v2"), ("third/app", "v3")):
        there = registry.repository(name).manifest(tag).get()
        assert there.content == one.manifest("v1").get().content
        for child in there.manifests:
            image = registry.repository(name).manifest(child.digest).get()
            assert image.content == one.manifest(child.digest).get().content
            for layer in image.layers:
                got = b"".join(registry.repository(name).blob(layer.digest).chunk(0, layer.size).content for _ in "x")
                assert acr.Digest.of(got) == layer.digest
