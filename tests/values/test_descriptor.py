"""Descriptors and platforms: read from JSON, checked, written again."""

from __future__ import annotations

from typing import Any

import pytest

from acr._values.descriptor import Descriptor, Platform
from acr._values.digest import Digest
from acr.errors import InvalidInput, ProtocolViolation, UnsupportedDigest

DIGEST = "sha256:" + "a" * 64
LEAST: dict[str, Any] = {"mediaType": "text/plain", "digest": DIGEST, "size": 3}
MOST: dict[str, Any] = {
    **LEAST,
    "artifactType": "application/spdx+json",
    "annotations": {"org.opencontainers.image.title": "sbom.json"},
    "platform": {"architecture": "arm64", "os": "windows", "os.version": "10.0", "variant": "v8"},
    "urls": ["https://x.example/layer"],
}


@pytest.mark.parametrize("data", [LEAST, MOST, {**LEAST, "size": 0}, {**LEAST, "size": 2**63}])
def test_json_is_read_and_written_alike(data: dict[str, Any]) -> None:
    assert Descriptor.from_json(data, "it").to_json() == data


def test_absent_and_null_are_the_same() -> None:
    nulls = dict.fromkeys(["artifactType", "annotations", "platform"])

    assert Descriptor.from_json({**LEAST, **nulls}, "it") == Descriptor.from_json(LEAST, "it")


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert Descriptor.from_json({**LEAST, "data": "YWJj"}, "it").to_json() == LEAST


def test_every_field_is_read() -> None:
    descriptor = Descriptor.from_json(MOST, "it")

    assert descriptor == Descriptor(
        "text/plain",
        Digest(DIGEST),
        3,
        artifact_type="application/spdx+json",
        annotations={"org.opencontainers.image.title": "sbom.json"},
        platform=Platform("windows", "arm64", "v8", "10.0"),
        urls=("https://x.example/layer",),
    )
    assert hash(descriptor) == hash(Descriptor.from_json(MOST, "other"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"mediaType": None}, "it.mediaType: expected a string, got NoneType"),
        ({"mediaType": 5}, "it.mediaType: expected a string, got int"),
        ({"digest": None}, "it.digest: expected a string, got NoneType"),
        ({"digest": "latest"}, "it.digest: expected a digest"),
        ({"digest": "sha256:../../etc"}, "it.digest: "),
        ({"size": None}, "it.size: expected an integer, got NoneType"),
        ({"size": "3"}, "it.size: expected an integer, got str"),
        ({"size": 3.0}, "it.size: expected an integer, got float"),
        ({"size": True}, "it.size: expected an integer, got bool"),
        ({"size": -1}, "it: size is negative"),
        ({"artifactType": 5}, "it.artifactType: expected a string"),
        ({"annotations": []}, "it.annotations: expected an object, got list"),
        ({"annotations": {"a": 1}}, "it.annotations.a: expected a string, got int"),
        ({"platform": "linux/arm64"}, "it.platform: expected an object, got str"),
        ({"platform": {"os": "linux"}}, "platform.architecture: expected a string"),
        ({"platform": {"architecture": "arm64"}}, "platform.os: expected a string"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        Descriptor.from_json({**LEAST, **change}, "it")

    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_a_descriptor_is_an_object(value: object) -> None:
    with pytest.raises(ProtocolViolation, match="it: expected an object"):
        Descriptor.from_json(value, "it")


def test_an_unknown_algorithm_is_named_as_such() -> None:
    with pytest.raises(UnsupportedDigest):
        Descriptor.from_json({**LEAST, "digest": "blake3:" + "a" * 64}, "it")


def test_annotations_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Descriptor.from_json(MOST, "it").annotations["a"] = "b"  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/arm64", Platform("linux", "arm64")),
        ("linux/arm/v7", Platform("linux", "arm", "v7")),
        ("windows/amd64", Platform("windows", "amd64")),
    ],
)
def test_a_platform_is_read_and_printed_alike(text: str, platform: Platform) -> None:
    assert Platform.parse(text) == platform
    assert str(platform) == text


@pytest.mark.parametrize("text", ["", "linux", "/", "linux/", "/arm64", "linux//v7", "linux/arm/v7/x"])
def test_other_platforms_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected a platform"):
        Platform.parse(text)
