"""What is attached to an image: on registries without the referrers API, and under the tags that cosign makes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.content import push_image, push_index
from tests.images import add_blob, add_image, add_manifest
from tests.makes.registry import HTML, OtherMake, Said, refused
from tests.twin import Twin

SPDX = "application/spdx+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"


def json_of(value: object, content_type: str = "application/json") -> Said:
    return Said(status=200, body=json.dumps(value).encode(), headers={"Content-Type": content_type})


INDEX = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}

NO_API: dict[str, Said] = {
    "404": refused(404, "NOT_FOUND"),
    "405": refused(405),
    "400": refused(400),
    "501": refused(501),
    "a web page": Said(status=200, body=HTML, headers={"Content-Type": "text/html"}),
    "text": Said(status=200, body=b"ok", headers={"Content-Type": "text/plain"}),
    "nothing": Said(status=200),
    "no content": Said(status=204),
    "another object": json_of({"errors": None}),
    "a list": json_of([]),
    "null": json_of(None),
}


@pytest.mark.parametrize("referrers", NO_API)
def test_a_registry_without_the_api_is_asked_for_the_tag(twin: Twin, tmp_path: Path, referrers: str) -> None:
    path = tmp_path / "sbom.json"
    path.write_bytes(b"{}")
    with OtherMake(referrers=NO_API[referrers]) as make:
        image = make.add_image("app", tag="v1")
        manifest = twin.connect(make.url).repository("app").manifest("v1")
        assert list(manifest.referrers()) == []
        attached = manifest.attach([path], artifact_type=SPDX)
        assert [one.digest for one in manifest.referrers()] == [attached.digest]
        assert [one.artifact_type for one in manifest.referrers(artifact_type=SPDX)] == [SPDX]
        assert list(manifest.referrers(artifact_type="text/plain")) == []
        assert f"sha256-{image.hex}" in make.tags["app"]


@pytest.mark.parametrize("said", [json_of(INDEX), json_of({}, media_types.OCI_INDEX), json_of({"manifests": None})])
def test_an_empty_list_is_one(twin: Twin, said: Said) -> None:
    with OtherMake(referrers=said) as make:
        make.add_image("app", tag="v1")
        assert list(twin.connect(make.url).repository("app").manifest("v1").referrers()) == []
        assert make.count("GET /v2/app/manifests/sha256-") == 0


def test_a_list_that_breaks_off_is_not_taken_for_none(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """Nor is what stands under the tag given in its place."""
    repository = registry.repository("app")
    push_image(repository, tag="v1")
    link = {"Link": "</v2/app/referrers/sha256:0?n=1&last=a>; rel=next", "Content-Type": media_types.OCI_INDEX}
    body = json.dumps(INDEX).encode()
    digest = repository.manifest("v1").head().digest
    for status, said in ((404, b""), (200, b"[]")):
        acr_emulator.fail(
            path_contains="/referrers/",
            status=200,
            headers={**link, "Link": link["Link"].replace("sha256:0", digest)},
            body=body,
        )
        acr_emulator.fail(path_contains="/referrers/", status=status, body=said)
        with pytest.raises((acr.NotFound, acr.ProtocolViolation)):
            list(repository.manifest(digest).referrers())


@pytest.mark.parametrize("kind", ["image", "index"])
@pytest.mark.parametrize("referrers", ["404", "a web page"])
def test_the_tag_that_gives_the_subject_itself_lists_nothing(
    twin: Twin, tmp_path: Path, kind: str, referrers: str
) -> None:
    """GitLab (oras-go#1396). Of an index, its platforms are not attached to it."""
    path = tmp_path / "sbom.json"
    path.write_bytes(b"{}")
    with OtherMake(referrers=NO_API[referrers], subject_tags=True) as make:
        image = make.add_image("app", tag="v1")
        if kind == "index":
            entry = acr.Descriptor(media_types.OCI_MANIFEST, image, len(make.manifests["app"][image][1]))
            index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [entry.to_json()]}
            make.add("app", json.dumps(index).encode(), media_types.OCI_INDEX, tag="v1")
        manifest = twin.connect(make.url).repository("app").manifest("v1")
        assert list(manifest.referrers()) == []
        attached = manifest.attach([path], artifact_type=SPDX)
        assert [one.digest for one in manifest.referrers()] == [attached.digest]


def test_a_tag_of_that_name_that_is_no_index_lists_nothing(twin: Twin) -> None:
    with OtherMake(referrers=NO_API["404"]) as make:
        image = make.add_image("app", tag="v1")
        make.add_image("app", b"another", tag=f"sha256-{image.hex}")
        assert list(twin.connect(make.url).repository("app").manifest("v1").referrers()) == []


@pytest.mark.parametrize("media_type", [media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST_LIST])
def test_a_tag_of_that_name_that_is_no_index_is_not_moved(twin: Twin, tmp_path: Path, media_type: str) -> None:
    path = tmp_path / "sbom.json"
    path.write_bytes(b"{}")
    with OtherMake(referrers=NO_API["404"]) as make:
        image = make.add_image("app", tag="v1")
        tag = f"sha256-{image.hex}"
        other = {"schemaVersion": 2, "mediaType": media_type, "manifests": []}
        before = make.add("app", json.dumps(other).encode(), media_type, tag=tag)
        with pytest.raises(acr.ProtocolViolation, match=f"the tag {tag}, .* of another type, {re.escape(media_type)}"):
            twin.connect(make.url).repository("app").manifest("v1").attach([path], artifact_type=SPDX)
        assert make.tags["app"][tag] == before


def test_an_index_of_that_name_keeps_what_others_said_in_it(twin: Twin, tmp_path: Path) -> None:
    path = tmp_path / "sbom.json"
    path.write_bytes(b"{}")
    with OtherMake(referrers=NO_API["404"]) as make:
        image = make.add_image("app", tag="v1")
        tag = f"sha256-{image.hex}"
        said = {"artifactType": "text/plain", "annotations": {"by": "another"}}
        make.add("app", json.dumps({**INDEX, **said}).encode(), media_types.OCI_INDEX, tag=tag)
        repository = twin.connect(make.url).repository("app")
        attached = repository.manifest("v1").attach([path], artifact_type=SPDX)
        index = repository.manifest(tag).get()
        assert {name: index.json[name] for name in said} == said
        assert [entry["digest"] for entry in index.json["manifests"]] == [attached.digest]


# What cosign attaches.


def sign(repository: acr.Repository, subject: acr.Digest, kind: str) -> acr.Digest:
    """Attach to a manifest as cosign does it: an image under a tag that names the subject."""
    layer = repository.upload_blob(f"{kind} of {subject}".encode())
    image = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": {**repository.upload_blob(b"{}").to_json(), "mediaType": media_types.OCI_CONFIG},
        "layers": [{**layer.to_json(), "mediaType": SIMPLE_SIGNING}],
    }
    return repository.put_manifest(image, tag=f"sha256-{subject.hex}.{kind}").digest


def signed(repository: acr.Repository) -> dict[str, acr.Digest]:
    """Push an index of two platforms, all of which is signed, and tell the tags and what is behind them."""
    index = push_index(repository, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    tags: dict[str, acr.Digest] = {"v1": index.digest}
    children = [child.digest for child in repository.manifest("v1").get().manifests]
    for subject in (index.digest, *children):
        for kind in ("sig", "att", "sbom"):
            tags[f"sha256-{subject.hex}.{kind}"] = sign(repository, subject, kind)
    sbom = tags[f"sha256-{index.digest.hex}.sbom"]
    tags[f"sha256-{sbom.hex}.sig"] = sign(repository, sbom, "sig")  # and so is its SBOM
    push_image(repository, tag="other", layer=b"other")
    return tags


def tags_of(repository: acr.Repository) -> dict[str, acr.Digest]:
    return {tag: repository.manifest(tag).head().digest for tag in repository.tag_names()}


def test_a_copy_brings_what_cosign_has_attached(registry: acr.Registry) -> None:
    tags = signed(registry.repository("app"))
    registry.copy("app:v1", "two", referrers="all")
    assert tags_of(registry.repository("two")) == tags
    registry.copy("app:v1", "two", referrers="all")
    assert tags_of(registry.repository("two")) == tags


def test_a_copy_of_what_is_there_brings_what_was_signed_since(registry: acr.Registry) -> None:
    app, two = registry.repository("app"), registry.repository("two")
    image = push_image(app, tag="v1")
    registry.copy("app:v1", "two", referrers="all")
    assert list(two.tag_names()) == ["v1"]
    signature = sign(app, image.digest, "sig")
    registry.copy("app:v1", "two", referrers="all")
    assert tags_of(two) == {"v1": image.digest, f"sha256-{image.digest.hex}.sig": signature}


@pytest.mark.parametrize("referrers", [True, False])
def test_a_copy_brings_it_only_if_that_is_asked_for(registry: acr.Registry, referrers: bool) -> None:
    signed(registry.repository("app"))
    registry.copy("app:v1", "two", referrers=referrers)
    assert list(registry.repository("two").tag_names()) == ["v1"]


@pytest.mark.parametrize("name", ["layout", "layout.tar"])
def test_it_goes_through_a_layout(registry: acr.Registry, tmp_path: Path, name: str) -> None:
    tags = signed(registry.repository("app"))
    registry.repository("app").pull("v1", acr.Layout(tmp_path / name), referrers="all")
    assert sorted(acr.Layout(tmp_path / name).tags()) == sorted(tags)
    back = registry.repository("back")
    back.push(acr.Layout(tmp_path / name), "v1", tag="v1", referrers="all")
    assert tags_of(back) == tags


def test_of_one_platform_what_is_attached_to_it_is_brought(registry: acr.Registry) -> None:
    signed(registry.repository("app"))
    image = registry.copy("app:v1", "two", platform="linux/arm64", referrers="all")
    names = {"v1", *(f"sha256-{image.digest.hex}.{kind}" for kind in ("sig", "att", "sbom"))}
    assert set(registry.repository("two").tag_names()) == names


def test_what_is_attached_both_ways_is_tagged_as_well(registry: acr.Registry) -> None:
    """A signature may have a subject, too."""
    source = acr.Memory()
    image = add_image(source, [b"layer"], tag="v1")
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": add_blob(source, b"{}", media_types.OCI_CONFIG).to_json(),
        "layers": [add_blob(source, b"signature", SIMPLE_SIGNING).to_json()],
        "subject": image.to_json(),
    }
    tag = f"sha256-{image.digest.hex}.sig"
    signature = add_manifest(source, content, tag=tag)
    app = registry.repository("app")
    app.push(source, "v1", tag="v1", referrers="all")
    assert tags_of(app) == {"v1": image.digest, tag: signature.digest}


@pytest.mark.parametrize(
    "manners", [{}, {"referrers": NO_API["404"]}, {"referrers": NO_API["404"], "subject_tags": True}]
)
def test_registries_of_other_makes_can_do_that_as_well(twin: Twin, manners: dict[str, Any]) -> None:
    with OtherMake(**manners) as make:
        registry = twin.connect(make.url)
        app = registry.repository("app")
        image = make.add_image("app", tag="v1")
        signature = sign(app, image, "sig")
        registry.copy("app:v1", "two", referrers="all")
        assert make.tags["two"]["v1"] == image
        assert make.tags["two"][f"sha256-{image.hex}.sig"] == signature


@pytest.mark.parametrize("wrong", ["yes", None, "True", 2])
def test_what_is_neither_of_them_is_refused(registry: acr.Registry, acr_emulator: Emulator, wrong: Any) -> None:
    with pytest.raises(acr.InvalidInput, match="referrers="):
        registry.copy("app:v1", "two", referrers=wrong)
    assert acr_emulator.requests == []


def test_a_folder_has_no_room_for_it(registry: acr.Registry, tmp_path: Path) -> None:
    with pytest.raises(acr.InvalidInput, match="referrers='all': .* into a Layout"):
        registry.repository("app").pull("v1", tmp_path, referrers="all")  # type: ignore[call-overload]
