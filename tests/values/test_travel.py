"""What travels and what stays: every class that `acr` exports is pickled and copied as it is, or refuses both."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
import pytest

import acr
from acr.emulator import Emulator
from acr.media_types import OCI_INDEX
from tests.cleanup.scenes import random_scene
from tests.inventory.graphs import random_store
from tests.twin import Twin

CLASSES = {name: item for name in dir(acr) if inspect.isclass(item := getattr(acr, name))}
PROTOCOLS = {"Keyring", "Local", "Readable", "Sink", "TokenCredential", "Writable"}
DIGEST = acr.Digest.of(b"{}")
TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PLATFORM = acr.Platform.parse("windows/amd64:10.0.20348")
DESCRIPTOR = acr.Descriptor("a/b", DIGEST, 2, annotations={"a": "b"}, platform=PLATFORM, urls=("https://a",))
RECEIVED = acr.Descriptor.from_json({**DESCRIPTOR.to_json(), "artifactType": "c/d"}, "a test")
MANIFEST = acr.Manifest.of({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [DESCRIPTOR.to_json()]})
ITEM = acr.Item("model.onnx", 5, DIGEST)
REQUEST = acr.RequestInfo("GET", "https://my.azurecr.io/v2/", {"Accept": "a/b"})
TIMES: Any = {"created": TIME, "updated": TIME, "can_delete": False}
RESPONSE: Any = {
    "status": 404,
    "errors": [acr.ErrorInfo("A", "b", {"c": [1]})],
    "correlation_id": "id",
    "retry_after": 1.5,
    "challenge": "Bearer",
}
USAGE = acr.Usage(
    registry="my.azurecr.io",
    at=TIME,
    is_whole=True,
    blobs=3,
    manifests=2,
    untagged=1,
    orphaned=0,
    streaming=0,
    repositories=(
        acr.RepositoryUsage(
            name="app",
            total=5,
            exclusive=4,
            untagged=1,
            manifests=1,
            tags=(acr.TagUsage(name="v1", total=3, exclusive=2),),
        ),
    ),
    by_media_type=MappingProxyType({"a/b": 5}),
    by_month=MappingProxyType({"2026-01": 5}),
    by_age=MappingProxyType({"0-6 days": 5}),
)
FINDING = acr.Finding(kind="orphan", repository="app", digest=DIGEST, tags=("v1",), text="it is", advice="do")
POLICY = acr.Policy('purge.rule = [{ older_than = "0d", tags = { glob = ["v0"] } }]')
PLAN = acr.Policy('purge.rule = [{ older_than = "0d" }]\npurge.untagged.older_than = "0d"').plan(
    random_scene(7).inventory()
)
PURGED = acr.PurgeReport(
    registry="my.azurecr.io",
    plan="0" * 64,
    deleted=("app:v1",),
    absent=(),
    kept=(acr.PurgeItem(reference="app:v2", why="it is locked"),),
    put_back=(),
    not_whole=(),
    unfinished={"b": "why"},
    frees=5,
    notes=("note",),
)
LOCKED = acr.LockState(
    registry="my.azurecr.io",
    repository="app",
    reference="v1",
    items=(acr.LockItem(kind="tag", name="v1", digest=DIGEST, can_write=True, can_delete=False),),
)
VALUES: list[Any] = [
    acr.Access(registry="my.azurecr.io", expires=TIME, actions=frozenset({"pull"})),
    acr.Chunk(b"content", 5, None),
    acr.DeletedRepository(manifests=(DIGEST,), tags=("v1",)),
    acr.Descriptor("a/b", DIGEST, 2),
    DESCRIPTOR,
    RECEIVED,
    acr.Descriptor("a/b", DIGEST, 2, annotations=MappingProxyType({"a": "b"})),
    DIGEST,
    USAGE,
    *USAGE.repositories,
    *USAGE.repositories[0].tags,
    FINDING,
    acr.Check(findings=(FINDING,), manifests=2),
    acr.InventoryChanges(
        new_repositories=("app",),
        gone_repositories=(),
        new_tags=("app:v1",),
        gone_tags=(),
        moved_tags=(),
        new_manifests=1,
        gone_manifests=0,
        grown=(("app", 5),),
    ),
    acr.InventoryProgress(repositories=1, repositories_done=0, manifests=2, requests=3, cached=1),
    acr.InventoryRepository(name="app", manifest_count=1, tag_count=2, **TIMES),
    acr.InventoryTag(repository="app", name="v1", digest=DIGEST, **TIMES),
    acr.InventoryManifest(
        repository="app",
        digest=DIGEST,
        size=2,
        image_size=None,
        media_type="a/b",
        artifact_type=None,
        platform=None,
        children=(DIGEST,),
        **TIMES,
    ),
    random_store(1).inventory(),
    POLICY,
    PLAN,
    PLAN.deletions[0],
    PLAN.kept[0],
    PLAN.explain(PLAN.kept[0].reference),
    PLAN.compare(PLAN),
    acr.ExampleFailure(line=5, item="app:v1", expected="keep", found="delete", rule=None, why="why"),
    PURGED,
    PURGED.kept[0],
    LOCKED,
    *LOCKED.items,
    acr.Unlocked(items=LOCKED.items, still_locked={"v1": "why"}, absent=("v2",)),
    acr.LockedItem(repository="app", kind="tag", name="v1", digest=DIGEST, can_write=True, can_delete=False),
    acr.TrashedRepository(name="app", deleted=TIME, created=None),
    acr.TrashedTag(repository="app", name="v1", digest=DIGEST, deleted=TIME, created=TIME),
    acr.TrashedManifest(repository="app", digest=DIGEST, deleted=TIME, created=None),
    acr.Restored(
        repository="app",
        reference="v1",
        digest=DIGEST,
        was_live=True,
        in_trash=DIGEST,
        tags=("v1",),
        manifests=(DIGEST,),
        missing={"v1": "why"},
        unknown=(),
    ),
    acr.Image(
        repository="app",
        digest=DIGEST,
        media_type="a/b",
        index=None,
        platform=PLATFORM,
        created=TIME,
        labels=MappingProxyType({"a": "b"}),
        layers=(DESCRIPTOR,),
        size=2,
        config=MappingProxyType({"os": "linux"}),
    ),
    acr.DockerConfig(Path("config.json"), helper_timeout=5),
    *(event(ITEM) for event in (acr.Done, acr.Mounted, acr.Skipped, acr.Started)),
    acr.Moved(ITEM, 5),
    acr.Retried(ITEM, 5, "it broke"),
    *RESPONSE["errors"],
    acr.File("model.onnx"),
    acr.File("model.onnx", title="a/b", annotations=MappingProxyType({"a": "b"})),
    ITEM,
    MANIFEST,
    acr.ManifestProperties(
        repository="app", digest=DIGEST, tags=("v1",), related=(acr.RelatedManifest(digest=DIGEST),), **TIMES
    ),
    acr.Page((DESCRIPTOR, RECEIVED), "next"),
    acr.Permissions(can_write=False),
    PLATFORM,
    acr.Pulled(MANIFEST, (Path("model.onnx"),), (RECEIVED,)),
    acr.Reference.parse("my.azurecr.io/team/app:v1"),
    acr.RefreshToken("SECRET"),
    acr.RelatedManifest(digest=DIGEST, os="linux"),
    acr.RepositoryProperties(name="app", manifest_count=1, tag_count=2, **TIMES),
    REQUEST,
    acr.ResponseInfo(REQUEST, 200, MappingProxyType({"content-type": "a/b"}), 0.5),
    acr.Retries(limit=2),
    acr.TagProperties(repository="app", name="v1", digest=DIGEST, **TIMES),
    acr.Timeouts(read=5),
    acr.Limits(page=1000),
    acr.UnpackLimits(ratio=5),
    acr.UploadState(registry="my.azurecr.io", repository="app", location="/v2/app/1?_state=x", offset=4, digest=DIGEST),
    acr.UsernamePassword("user", "SECRET"),
]
ERRORS: list[acr.AcrError] = [
    acr.DigestMismatch("the blob", expected="sha256:a", actual="sha256:b"),
    acr.IncompleteInventory("my.azurecr.io", {}),
    acr.InvalidPolicy("text", source="policy.toml", line=5),
    acr.LimitExceeded("the manifest", limit=5),
    acr.SizeMismatch("the blob", expected=1, actual=2),
    acr.TransferError("text", side="source"),
]
for kind in CLASSES.values():
    if issubclass(kind, acr.ResponseError):
        ERRORS.append(kind("text", **RESPONSE))
    elif issubclass(kind, acr.AcrError) and kind not in {type(error) for error in ERRORS}:
        ERRORS.append(kind("text"))

STAYING: dict[str, Callable[[Any, acr.Digest], Any]] = {
    "Registry": lambda registry, digest: registry,
    "Repository": lambda registry, digest: registry.repository("app"),
    "RepositoryTag": lambda registry, digest: registry.repository("app").tag("v1"),
    "RepositoryManifest": lambda registry, digest: registry.repository("app").manifest("v1"),
    "RepositoryBlob": lambda registry, digest: registry.repository("app").blob(digest),
    "Listing": lambda registry, digest: registry.repositories(),
    "BlobStream": lambda registry, digest: registry.repository("app").download_blob(digest),
    "BlobReader": lambda registry, digest: registry.repository("app").blob(digest).open(),
    "Upload": lambda registry, digest: registry.repository("app").start_upload(),
    "DockerArchive": lambda registry, digest: acr.DockerArchive("image.tar"),
    "Hasher": lambda registry, digest: acr.Hasher(),
    "Layout": lambda registry, digest: acr.Layout("image"),
    "Memory": lambda registry, digest: acr.Memory(),
    "VerifyingReader": lambda registry, digest: acr.VerifyingReader(io.BytesIO(b"{}"), digest),
}


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


WAYS = pytest.mark.parametrize("way", [pickled, copy.deepcopy, copy.copy], ids=["pickle", "deepcopy", "copy"])


def test_each_exported_class_travels_or_stays() -> None:
    """Whoever adds one decides."""
    travelling = {type(value).__name__ for value in [*VALUES, *ERRORS]}
    staying = {*STAYING, *(f"Async{name}" for name in STAYING if f"Async{name}" in CLASSES)}
    assert not travelling & staying
    assert travelling | staying | PROTOCOLS == set(CLASSES)


@WAYS
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_travels(value: Any, way: Callable[[Any], Any]) -> None:
    there = way(value)
    assert there == value
    assert type(there) is type(value)
    assert repr(there) == repr(value)
    assert way(there) == value  # and back
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            mine, its = getattr(value, field.name), getattr(there, field.name)
            assert its == mine
            assert isinstance(mine, dict) or type(its) is type(mine)  # what is to be read only stays so


@WAYS
def test_what_a_manifest_has_parsed_already_does_no_harm(way: Callable[[Any], Any]) -> None:
    manifest = acr.Manifest.of(MANIFEST.content)
    assert manifest.manifests == (DESCRIPTOR,)
    assert way(manifest).manifests == (DESCRIPTOR,)
    assert way(acr.Page([manifest])).items[0].json == manifest.json


@WAYS
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_travels_with_all_that_it_tells(error: acr.AcrError, way: Callable[[Any], Any]) -> None:
    there = way(error)
    assert type(there) is type(error)
    assert str(there) == str(error)
    assert vars(there) == vars(error)


def test_a_credential_s_secret_travels_and_does_not_show() -> None:
    """A worker needs it to make a client of its own."""
    for credential in (acr.UsernamePassword("user", "SECRET"), acr.RefreshToken("SECRET")):
        assert b"SECRET" in pickle.dumps(credential)
        assert "SECRET" not in repr(pickled(credential))


def test_pickles_name_public_modules_only() -> None:
    for value in [*VALUES, *ERRORS]:
        assert b"acr._" not in pickle.dumps(value), value


@WAYS
@pytest.mark.parametrize("name", STAYING)
def test_what_is_of_a_process_stays_there(
    name: str, way: Callable[[Any], Any], twin: Twin, acr_emulator: Emulator
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    digest = registry.repository("app").upload_blob(b"{}").digest
    made = STAYING[name](registry, digest)
    item = getattr(made, "unwrapped", made)
    assert type(item).__name__.removeprefix("Async") == name
    if name == "Hasher" and way is not pickled:
        item.update(b"{}")
        assert way(item).digest() == DIGEST
        return
    with pytest.raises(acr.NotPicklable, match=f"^{type(item).__name__} cannot .*make one in each process") as refused:
        way(item)
    assert isinstance(refused.value, TypeError)
    if name in ("BlobReader", "BlobStream"):
        made.close()


def test_a_class_of_a_user_s_may_find_a_way() -> None:
    with acr.Registry("my.azurecr.io") as registry:
        assert pickled(Portable(registry.login_server)).login_server == registry.login_server


class Portable(acr.Registry):
    """Made anew in each process."""

    def __reduce__(self) -> tuple[object, ...]:
        return Portable, (self.login_server,)
