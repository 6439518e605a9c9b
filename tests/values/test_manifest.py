"""Manifests: the bytes are kept to the last, the parsed view is checked."""

from __future__ import annotations

from typing import Any

import pytest

from acr import media_types
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest
from acr._values.manifest import MANIFEST_LIMIT, Manifest
from acr._values.media_type import essence
from acr.errors import InvalidInput, LimitExceeded, ProtocolViolation

CONFIG = Descriptor("application/vnd.oci.empty.v1+json", Digest.of(b"{}"), 2)
LAYER = Descriptor("text/plain", Digest.of(b"abc"), 3)
IMAGE: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_MANIFEST,
    "artifactType": "application/spdx+json",
    "config": CONFIG.to_json(),
    "layers": [LAYER.to_json()],
    "subject": LAYER.to_json(),
    "annotations": {"a": "b"},
}
ODD = b'{ "mediaType" : "application\\/vnd.oci.image.index.v1+json",\r\n "manifests" : null }\n'


def test_bytes_are_kept_exactly() -> None:
    # A recorded manifest list has `\/` escapes and a final newline; its digest is of those very bytes.
    manifest = Manifest.of(ODD)

    assert (manifest.content, manifest.digest, manifest.size) == (ODD, Digest.of(ODD), len(ODD))
    assert manifest.media_type == media_types.OCI_INDEX
    assert manifest.descriptor == Descriptor(media_types.OCI_INDEX, Digest.of(ODD), len(ODD))


def test_text_is_encoded_as_it_is() -> None:
    assert Manifest.of('{"ä": 1}', "application/json").content == '{"ä": 1}'.encode()


def test_an_object_is_encoded_compactly_and_in_its_order() -> None:
    assert Manifest.of({"b": 1, "a": [1, 2]}, "application/json").content == b'{"b":1,"a":[1,2]}'


def test_every_part_is_read() -> None:
    manifest = Manifest.of(IMAGE)

    assert (manifest.config, manifest.layers, manifest.subject) == (CONFIG, (LAYER,), LAYER)
    assert (manifest.artifact_type, manifest.annotations) == ("application/spdx+json", {"a": "b"})
    assert (manifest.manifests, manifest.is_index) == ((), False)
    assert manifest.json == IMAGE


def test_absent_parts_are_none_or_empty() -> None:
    manifest = Manifest.of(ODD)

    assert (manifest.config, manifest.subject, manifest.artifact_type) == (None, None, None)
    assert (manifest.layers, manifest.manifests, manifest.annotations) == ((), (), {})
    assert manifest.is_index


@pytest.mark.parametrize("media_type", [media_types.OCI_INDEX, media_types.DOCKER_MANIFEST_LIST])
def test_an_index_lists_manifests(media_type: str) -> None:
    manifest = Manifest.of({"manifests": [LAYER.to_json()] * 2}, media_type)

    assert manifest.is_index
    assert manifest.manifests == (LAYER, LAYER)


@pytest.mark.parametrize("content", [{}, {"mediaType": ""}, {"mediaType": None}, b"{}"])
def test_a_manifest_without_a_media_type_needs_one(content: Any) -> None:
    with pytest.raises(InvalidInput, match="pass media_type="):
        Manifest.of(content)

    assert Manifest.of(content, "application/json").media_type == "application/json"


def test_the_media_type_of_the_caller_comes_first() -> None:
    assert Manifest.of(IMAGE, "application/x").media_type == "application/x"


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"null", b'"text"', b"{", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000]
)
def test_content_that_is_no_object_is_kept_but_not_read(content: bytes) -> None:
    manifest = Manifest.of(content, "application/json")

    assert manifest.digest == Digest.of(content)
    with pytest.raises(ProtocolViolation):
        _ = manifest.json
    with pytest.raises(ProtocolViolation):
        _ = manifest.layers
    with pytest.raises(InvalidInput, match="media_type="):  # here it is the caller's own
        Manifest.of(content)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"layers": {}}, "the manifest.layers: expected a list, got dict"),
        ({"layers": [None]}, r"the manifest's layers\[0\]: expected an object"),
        ({"layers": [LAYER.to_json(), {}]}, r"the manifest's layers\[1\].size: expected an integer"),
        ({"config": []}, "the manifest's config: expected an object"),
        ({"subject": "x"}, "the manifest's subject: expected an object"),
        ({"annotations": {"a": None}}, "the manifest.annotations.a: expected a string"),
        ({"artifactType": []}, "the manifest.artifactType: expected a string"),
        ({"manifests": "x"}, "the manifest.manifests: expected a list"),
    ],
)
def test_a_wrong_part_is_named(change: dict[str, Any], text: str) -> None:
    manifest = Manifest.of({**IMAGE, **change})

    with pytest.raises(ProtocolViolation, match=f"^{text}"):
        getattr(manifest, {"artifactType": "artifact_type"}.get(next(iter(change)), next(iter(change))))


def test_the_limit_is_four_mebibytes() -> None:
    assert Manifest(b"x" * MANIFEST_LIMIT, "text/plain").size == 4 * 1024 * 1024

    with pytest.raises(LimitExceeded) as caught:
        Manifest(b"x" * (MANIFEST_LIMIT + 1), "text/plain")
    assert caught.value.limit == MANIFEST_LIMIT


def test_a_repr_does_not_hold_the_content() -> None:
    assert repr(Manifest.of(ODD)).startswith(f"Manifest(content=<{len(ODD)} bytes>, media_type=")


def test_manifests_are_equal_by_content_and_usable_as_keys() -> None:
    assert Manifest.of(ODD) == Manifest.of(ODD) != Manifest.of(ODD + b"\n")
    assert len({Manifest.of(ODD), Manifest.of(ODD)}) == 1


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/plain ;a=b", "text/plain"),
        ("", ""),
    ],
)
def test_the_essence_of_a_content_type_has_no_parameters(content_type: str, expected: str) -> None:
    assert essence(content_type) == expected
