"""What others wrote: indexes with odd entries, answers that come compressed or twice, warnings."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr
from acr import media_types
from acr._core.talk.bodies import decoded
from acr._shells.http import lower
from acr.emulator import Emulator
from tests.content import bytes_of, push_image
from tests.images import add_image
from tests.makes.registry import OtherMake, Said, refused
from tests.twin import Twin

LINUX = {"os": "linux", "architecture": "amd64"}

ODD: dict[str, dict[str, Any]] = {
    "an empty platform": {"platform": {}},
    "half a platform": {"platform": {"architecture": "arm64"}},
    "a platform that is a text": {"platform": "linux/arm64"},
    "a platform of numbers": {"platform": {"os": 1, "architecture": 2}},
    "an annotation that is null": {"annotations": {"org.opencontainers.image.revision": None, "ok": "yes"}},
    "an annotation that is a number": {"annotations": {"build": 17, "ok": "yes"}},
    "annotations that are a list": {"annotations": []},
    "a type that is a number": {"artifactType": 5},
    "an address that is one text": {"urls": "https://x.example"},
    "more than one of them": {"platform": {}, "annotations": {"a": None, "b": 1, "ok": "yes"}, "urls": [None]},
}

NULL: dict[str, dict[str, Any]] = {"annotations": {"annotations": None}, "platform": {"platform": None}}


def push_odd(repository: acr.Repository, odd: dict[str, Any], tag: str = "v1", **more: Any) -> acr.Descriptor:
    """Push an index of two images, one of which is described oddly."""
    images = [push_image(repository, tag=None, layer=name) for name in (b"first", b"second")]
    entries = [{**images[0].to_json(), "platform": LINUX}, {**images[1].to_json(), **odd}]
    content = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries, **more}
    return repository.put_manifest(json.dumps(content, indent=3), tag=tag)


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_entry_makes_no_index_unreadable(registry: acr.Registry, odd: str) -> None:
    repository = registry.repository("app")
    push_odd(repository, ODD[odd])
    first, second = repository.manifest("v1").get().manifests
    assert (first.platform, first.odd) == (acr.Platform("linux", "amd64"), ())
    assert repository.manifest(second.digest).exists()
    assert dict(second.annotations) in ({}, {"ok": "yes"})
    assert all(key in " ".join(second.odd) for key in ODD[odd])
    with pytest.raises(acr.ProtocolViolation):
        acr.Descriptor.from_json({**second.to_json(), **ODD[odd]}, "it")


@pytest.mark.parametrize("odd", [*ODD, *NULL])
def test_a_copy_is_byte_for_byte_whatever_is_odd(registry: acr.Registry, tmp_path: Path, odd: str) -> None:
    app = registry.repository("app")
    index = push_odd(app, {**ODD, **NULL}[odd], annotations={"number": 1, "none": None}, artifactType=None)
    content = app.manifest("v1").get().content
    assert registry.copy("app:v1", "two", referrers="all") == index
    assert registry.repository("two").manifest("v1").get().content == content
    app.pull("v1", acr.Layout(tmp_path / "layout"), referrers="all")
    registry.repository("back").push(acr.Layout(tmp_path / "layout"), "v1", tag="v1", referrers="all")
    assert registry.repository("back").manifest("v1").get().content == content
    assert len(list(registry.repository("back").manifests())) == 3


def test_what_is_odd_is_told_where_it_is_asked_for(registry: acr.Registry, tmp_path: Path) -> None:
    app = registry.repository("app")
    push_odd(app, ODD["half a platform"], annotations={"number": 1})
    manifest = app.manifest("v1").get()
    with pytest.raises(acr.ProtocolViolation, match=r"annotations\.number: expected a string"):
        _ = manifest.annotations
    with pytest.raises(acr.InvalidInput, match=r"platform= with one of them; .*platform\.os: expected a string"):
        app.pull("v1", tmp_path)
    assert app.pull("v1", acr.Memory(), platform="linux/amd64").digest == manifest.manifests[0].digest


@pytest.mark.parametrize("odd", [{"annotations": {"a": None, "b": 1}}, {"artifactType": 7}, {"annotations": []}])
def test_what_is_attached_and_odd_is_copied_as_it_is(
    registry: acr.Registry, tmp_path: Path, odd: dict[str, Any]
) -> None:
    app = registry.repository("app")
    image = push_image(app, tag="v1")
    content = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": {**app.upload_blob(b"{}").to_json(), "mediaType": media_types.OCI_EMPTY},
        "layers": [],
        "subject": image.to_json(),
        **odd,
    }
    attached = app.put_manifest(content)
    layout = acr.Layout(tmp_path / "layout")
    app.pull("v1", layout, referrers=True)
    assert [one.digest for one in layout.referrers(image.digest)] == [attached.digest]
    registry.repository("back").push(layout, "v1", tag="v1", referrers=True)
    assert (
        registry.repository("back").manifest(attached.digest).get().content
        == app.manifest(attached.digest).get().content
    )


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_entry_of_a_list_of_referrers_hides_no_other(twin: Twin, odd: str) -> None:
    with OtherMake() as make:
        image = make.add_image("app", tag="v1")
        entries = [
            {"mediaType": media_types.OCI_MANIFEST, "digest": acr.Digest.of(name), "size": 1} for name in (b"1", b"2")
        ]
        index = {"schemaVersion": 2, "manifests": [{**entries[0], **ODD[odd]}, entries[1]]}
        said = Said(status=200, body=json.dumps(index).encode(), headers={"Content-Type": media_types.OCI_INDEX})
        make.manners.referrers = said
        found = list(twin.connect(make.url).repository("app").manifest(image).referrers())
        assert [one.digest for one in found] == [acr.Digest.of(b"1"), acr.Digest.of(b"2")]


def test_a_layout_with_an_odd_root_has_its_other_images(tmp_path: Path) -> None:
    layout = acr.Layout(tmp_path)
    for tag in ("v1", "v2"):
        image = add_image(layout, [tag.encode()])  # type: ignore[arg-type]
        layout.tag(image, tag)
        layout.commit()
    path = tmp_path / "index.json"
    index = json.loads(path.read_text())
    index["manifests"][0] |= {"platform": {}, "annotations": {"org.opencontainers.image.ref.name": "v1", "n": 1}}
    path.write_text(json.dumps(index))
    again = acr.Layout(tmp_path)
    assert sorted(again.tags()) == ["v1", "v2"]
    again.tag(again.resolve("v2"), "v3")
    again.commit()
    assert sorted(acr.Layout(tmp_path).tags()) == ["v1", "v2", "v3"]
    assert json.loads(path.read_text())["manifests"][0]["annotations"]["n"] == 1


# One image, and something beside it.

BESIDE: dict[str, dict[str, Any]] = {
    "of BuildKit": {
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    },
    "without a platform": {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    "without anything": {},
    "with a platform that is null": {"platform": None},
}


@pytest.mark.parametrize("beside", BESIDE)
def test_an_attestation_beside_one_image_is_no_second_image(
    registry: acr.Registry, tmp_path: Path, beside: str
) -> None:
    repository = registry.repository("app")
    push_odd(repository, BESIDE[beside])
    pulled = repository.pull("v1", tmp_path)
    assert [path.read_bytes() for path in pulled.files] == [b"first"]


@pytest.mark.parametrize("second", [{"platform": {"os": "linux", "architecture": "arm64"}}, {"platform": {}}])
def test_of_two_images_none_is_guessed(registry: acr.Registry, tmp_path: Path, second: dict[str, Any]) -> None:
    repository = registry.repository("app")
    push_odd(repository, second)
    with pytest.raises(acr.InvalidInput, match="pass platform="):
        repository.pull("v1", tmp_path)


# Metadata.


def null_locks(request: httpx.Request) -> httpx.Response:
    """ACR's own API, with an item whose locks are null."""
    times = {"createdTime": "2026-01-01T00:00:00Z", "lastUpdateTime": "2026-01-01T00:00:00Z"}
    names = {"registry": "my.azurecr.io", "imageName": "app"}
    tag = {"name": "v1", "digest": acr.Digest.of(b""), **times, "changeableAttributes": None}
    manifest = {"digest": acr.Digest.of(b""), "imageSize": 1, **times, "changeableAttributes": None}
    counts = {"manifestCount": 1, "tagCount": 1}
    answers: dict[str, Any] = {
        "/acr/v1/app": {**names, **times, **counts, "changeableAttributes": None},
        "/acr/v1/app/_tags": {**names, "tags": [tag, {**tag, "name": "v2", "changeableAttributes": {}}]},
        "/acr/v1/app/_tags/v1": {**names, "tag": tag},
        "/acr/v1/app/_manifests": {**names, "manifests": [manifest]},
        "/v2/": {},
    }
    if request.method == "PATCH":
        return httpx.Response(200)
    if request.method == "DELETE":
        return httpx.Response(202)
    return httpx.Response(200, json=answers[request.url.path])


def test_locks_that_are_null_are_none(twin: Twin) -> None:
    app = twin.connect("my.azurecr.io", transport=httpx.MockTransport(null_locks)).repository("app")
    found: list[Any] = [app.properties(), app.tag("v1").properties(), *app.tags(), *app.manifests()]
    assert len(found) == 5
    assert all(item.can_write and item.can_delete and not item.locked for item in found)


def test_a_change_that_is_answered_with_nothing_was_made(twin: Twin) -> None:
    app = twin.connect("my.azurecr.io", transport=httpx.MockTransport(null_locks)).repository("app")
    assert app.update(can_delete=False).name == "app"
    assert app.tag("v1").update(can_delete=False).name == "v1"
    assert app.delete() == acr.DeletedRepository()


# Headers that are there twice.


def test_a_header_that_is_there_twice_with_one_value_is_one() -> None:
    pairs = [(b"A", b"1"), (b"a", b"1"), (b"B", b"1"), (b"B", b"2"), (b"b", b"1")]
    assert lower(pairs) == {"a": "1", "b": "1, 2"}


def test_a_digest_that_a_proxy_repeats_is_one(twin: Twin) -> None:
    content = b"{}"
    digest = acr.Digest.of(content)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(200)
        twice = ("Docker-Content-Digest", digest)
        pairs = [("Content-Type", media_types.OCI_MANIFEST), twice, twice, ("Content-Length", "2")]
        return httpx.Response(200, headers=pairs, content=content if request.method == "GET" else b"")

    app = twin.connect("my.azurecr.io", transport=httpx.MockTransport(answer)).repository("app")
    assert app.manifest("v1").head().digest == digest
    assert app.manifest("v1").get().digest == digest


# What comes compressed.


@pytest.mark.parametrize("coding", ["x-gzip", "gzip", "aws-chunked", "identity"])
@pytest.mark.parametrize("redirected", [True, False])
def test_a_blob_with_a_label_is_told_by_its_digest(
    twin: Twin, tmp_path: Path, coding: str, *, redirected: bool
) -> None:
    """A store that was told the type of a layer says so of it, and gives it as it is."""
    content = gzip.compress(bytes_of(300_000))
    headers = {"Content-Encoding": coding}
    with OtherMake(get_blob=headers, storage_head=200 if redirected else None) as make:
        digest = make.add("app", content)
        repository = twin.connect(make.url).repository("app")
        assert repository.download_blob(digest).read() == content
        assert repository.download_blob(digest, tmp_path / "blob").size == len(content)
        assert (tmp_path / "blob").read_bytes() == content
        assert repository.blob(digest).head().size == len(content)
        with repository.blob(digest).open() as blob:
            assert blob.read() == content
        with OtherMake() as target:
            image = make.add_image("app", content, tag="v1")
            other = twin.connect(target.url)
            registry = twin.connect(make.url)
            assert registry.copy("app:v1", "app", to=other).digest == image


def test_a_blob_that_was_compressed_on_the_way_is_told(twin: Twin) -> None:
    content = bytes_of(300_000)
    with OtherMake(get_blob={"Content-Encoding": "gzip"}) as make:
        digest = acr.Digest.of(content)
        make.blobs["app"] = {digest: gzip.compress(content)}
        with pytest.raises(acr.DigestMismatch, match="which came as 'gzip' although identity was asked for"):
            twin.connect(make.url).repository("app").download_blob(digest).read()


def test_json_that_comes_as_gzip_is_read(twin: Twin, tmp_path: Path) -> None:
    with OtherMake(gzipped=True, metadata=refused(404)) as make:
        image = make.add_image("app", tag="v1")
        registry = twin.connect(make.url)
        app = registry.repository("app")
        assert list(app.tag_names()) == ["v1"]
        assert list(registry.repositories()) == ["app"]
        assert app.manifest("v1").get().digest == image
        assert app.pull("v1", acr.Layout(tmp_path)).digest == image


def test_the_size_of_a_manifest_is_not_that_of_its_gzip(twin: Twin) -> None:
    def packed(said: Said) -> Said:
        return Said(status=200, body=b"x" * 7, headers={**said.headers, "Content-Encoding": "gzip"})

    with OtherMake(head_manifest=packed) as make:
        image = make.add_image("app", tag="v1")
        found = twin.connect(make.url).repository("app").manifest("v1").head()
        assert found.size == len(make.manifests["app"][image][1])


def test_an_error_that_comes_as_gzip_is_read(twin: Twin) -> None:
    said = refused(403, "DENIED")
    packed = Said(status=403, body=gzip.compress(said.body), headers={**said.headers, "Content-Encoding": "gzip"})
    with OtherMake(referrers=packed) as make:
        with pytest.raises(acr.Denied) as caught:
            list(twin.connect(make.url).repository("app").manifest(acr.Digest.of(b"")).referrers())
        assert caught.value.codes == ("DENIED",)


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (gzip.compress(bytes(10**7)), acr.LimitExceeded, "1000 bytes allowed"),
        (gzip.compress(b"abc") * 400, acr.LimitExceeded, "1000 bytes allowed"),
        (gzip.compress(bytes(500))[:-9], acr.ProtocolViolation, "breaks off"),
        (b"\x1f\x8bno gzip at all", acr.ProtocolViolation, "is not gzip"),
    ],
    ids=["bomb", "many members", "broken off", "no gzip"],  # gzip writes the time into each body
)
def test_what_unpacks_to_too_much_or_to_nothing_is_refused(body: bytes, error: type[acr.AcrError], text: str) -> None:
    with pytest.raises(error, match=text):
        decoded(body, "gzip", 1000, "the answer")


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", " GZIP "])
def test_what_is_gzip_and_what_is_only_called_so(coding: str) -> None:
    assert decoded(gzip.compress(b"ab") + gzip.compress(b"c"), coding, 3, "the answer") == b"abc"
    assert decoded(b"{}", coding, 2, "the answer") == b"{}"
    assert decoded(gzip.compress(b"abc"), None, 99, "the answer") == gzip.compress(b"abc")
    assert decoded(b"", coding, 2, "the answer") == b""


def test_a_list_that_unpacks_to_gigabytes_is_not_unpacked(registry: acr.Registry, acr_emulator: Emulator) -> None:
    """The client asks for fewer and fewer items, down to one, before it gives up."""
    body = gzip.compress(b'{"repositories":[' + b" " * (40 * 1024 * 1024) + b"]}")
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    sizes = (None, 1000, 250, 62, 15, 3, 1)
    acr_emulator.fail(path_contains="_catalog", status=200, headers=headers, body=body, times=len(sizes))
    with pytest.raises(acr.LimitExceeded):
        list(registry.repositories())


# Warnings.


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ('299 - "this repository will be removed"', ["this repository will be removed"]),
        ('299 - "one", 299 - "two, and three"', ["one", "two, and three"]),
        (r'299 - "say \"hi\""', ['say "hi"']),
        ('110 - "stale"', []),
        ("299 - no quotes", []),
        ('299 - "\x1b[2J cleared"', [r"\x1b[2J cleared"]),
        ('299 - "see https://x.example/?sig=secret"', ["see https://x.example/?sig=…"]),
    ],
)
def test_warnings_are_logged_once(twin: Twin, caplog: pytest.LogCaptureFixture, header: str, told: list[str]) -> None:
    with OtherMake(warning=header) as make:
        make.add_image("app", tag="v1")
        repository = twin.connect(make.url).repository("app")
        with caplog.at_level(logging.WARNING, "acr"):
            for _ in range(3):
                assert list(repository.tag_names()) == ["v1"]
    expected = [f"{make.netloc} warns: {text}" for text in told]
    assert [record.getMessage() for record in caplog.records if "warns" in record.getMessage()] == expected
