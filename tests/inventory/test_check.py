"""Check: what is broken is found, with the tags that it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from acr import Digest, Finding, media_types
from tests.inventory.graphs import MISSING, Store, named_after
from tests.inventory.test_usage import image


def entry(store: Store, digest: Digest, **more: Any) -> dict[str, Any]:
    size = len(store.metadata.content("app", digest)) if digest != MISSING else 1
    return {"mediaType": media_types.OCI_MANIFEST, "digest": str(digest), "size": size, **more}


def index(store: Store, *entries: dict[str, Any], tag: str | None = None) -> Digest:
    return store.put("app", {"mediaType": media_types.OCI_INDEX, "manifests": list(entries)}, tag)


LINUX = {"platform": {"os": "linux", "architecture": "amd64"}}


@pytest.fixture
def store() -> Store:
    return Store()


def only(store: Store, *, is_whole: bool = True) -> Finding:
    (finding,) = store.inventory(is_whole=is_whole).check().findings
    return finding


def test_a_whole_registry_has_no_findings(store: Store) -> None:
    child = image(store, "app", b"layer")
    top = index(store, entry(store, child, **LINUX), tag="v1")
    image(store, "app", b"signature", tag=f"{named_after(top)}.sig")
    check = store.inventory().check()
    assert check.findings == ()
    assert check.manifests == 3
    assert str(check) == "0 findings in 3 manifests"


def test_a_missing_child_breaks_the_tags_of_all_indexes_above(store: Store) -> None:
    inner = index(store, entry(store, MISSING, **LINUX))
    outer = index(store, {**entry(store, inner, **LINUX), "mediaType": media_types.OCI_INDEX}, tag="v1")
    store.tag("app", outer, "latest")
    store.tag("app", inner, "inner")
    finding = only(store)
    assert (finding.kind, finding.digest, finding.tags) == ("missing-child", MISSING, ("inner", "latest", "v1"))
    assert str(inner) in finding.text
    assert store.inventory().check().broken == [finding]


def test_a_tag_that_leads_nowhere(store: Store) -> None:
    digest = image(store, "app", b"layer", tag="v1")
    image(store, "app", b"other")
    store.metadata._db.execute("PRAGMA foreign_keys=OFF")
    store.metadata.delete("manifests", "app", [digest], 2)
    finding = only(store)
    assert (finding.kind, finding.digest, finding.tags) == ("missing-manifest", digest, ("v1",))


def test_a_subject_that_is_missing(store: Store) -> None:
    attached = image(store, "app", b"sbom", subject=entry(store, MISSING))
    finding = only(store, is_whole=False)
    assert (finding.kind, finding.digest, finding.tags) == ("dangling-subject", attached, ())


def test_an_orphaned_signature_counts_only_if_all_repositories_were_read(store: Store) -> None:
    """Cosign may keep signatures in a repository of their own."""
    gone = Digest.of(b"gone")
    image(store, "app", b"signature", tag=f"{named_after(gone)}.sig")
    assert store.inventory(is_whole=False).check().findings == ()
    assert only(store).kind == "orphan"
    assert f"{named_after(gone)}.sig" in only(store).text


def test_a_signature_of_an_image_in_another_repository_is_no_orphan(store: Store) -> None:
    signed = image(store, "app", b"layer", tag="v1")
    image(store, "signatures", b"signature", tag=f"{named_after(signed)}.sig")
    assert store.inventory().check().findings == ()


def test_an_index_without_platforms(store: Store) -> None:
    child = image(store, "app", b"layer")
    top = index(store, entry(store, child), tag="v1")
    finding = only(store)
    assert (finding.kind, finding.digest, finding.tags) == ("no-platform", top, ())
    store.tag("app", top, named_after(child))  # the list behind a tag that stands in for the referrers API has none
    assert store.inventory().check().findings == ()


def test_manifests_that_disagree_about_a_size(store: Store) -> None:
    image(store, "app", b"layer", tag="v1")
    lie = {"mediaType": media_types.OCI_LAYER, "digest": str(Digest.of(b"layer")), "size": 7}
    store.put("app", {"mediaType": media_types.OCI_MANIFEST, "layers": [lie]}, "v2")
    findings = store.inventory().check().findings
    assert {(finding.kind, finding.tags) for finding in findings} == {("odd-size", ("v1",)), ("odd-size", ("v2",))}
    assert "5 bytes, and 7" in findings[0].text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"mediaType": media_types.DOCKER_MANIFEST_SCHEMA1, "fsLayers": []}, "schema 1"),
        ({"mediaType": "application/vnd.example.thing+json", "layers": []}, "its type is unknown"),
        ({"mediaType": media_types.OCI_MANIFEST, "layers": [{"digest": "sha256:zz"}]}, "malformed"),
        ({"mediaType": media_types.OCI_MANIFEST, "layers": {}}, "malformed"),
        ({"mediaType": media_types.OCI_INDEX, "manifests": [], "layers": []}, "both"),
        ({"mediaType": media_types.OCI_INDEX, "manifests": [{"annotations": 1}]}, "malformed"),
    ],
)
def test_a_manifest_that_cannot_be_read(store: Store, fields: dict[str, Any], why: str) -> None:
    digest = store.put("app", fields, "v1")
    finding = only(store)
    assert (finding.kind, finding.digest, finding.tags) == ("unreadable", digest, ("v1",))
    assert why in finding.text
    assert any("could not be read" in caveat for caveat in store.inventory().usage().caveats)


def test_rows(store: Store) -> None:
    index(store, entry(store, MISSING, **LINUX), tag="v1")
    (row,) = store.inventory().check().rows()
    assert row["kind"] == "missing-child"
    assert row["tags"] == "v1"
    assert type(row["digest"]) is str
    assert "It breaks v1." in str(store.inventory().check())


def test_names_of_the_registry_are_made_printable(store: Store) -> None:
    finding = Finding(kind="orphan", repository="app", text="\x1b[2J", advice="x")
    assert "\x1b" not in str(finding)
