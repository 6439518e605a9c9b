"""The public API as a user's type checker sees it: every call, with the type of what it gives. Nothing here is run.

`assert_type` fails where a type is wider, narrower or unknown, so it finds an `Any` that slipped in. `make check` reads
this file with the source, and `make verify-types` with the installed wheel.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import io
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal, assert_type

import acr_rest
import httpx
from acr_rest import Request, models
from acr_rest.api import get_blob, get_manifest, get_tag_names, get_tags
from azure.identity import DefaultAzureCredential
from azure.identity.aio import DefaultAzureCredential as AsyncDefaultAzureCredential

import acr
from acr import errors, media_types, protocols
from acr.emulator import AccessToken, AsyncEntraCredential, Emulator, EntraCredential, Fault, RequestRecord


def registries(context: ssl.SSLContext) -> None:
    acr.Registry("my.azurecr.io")
    acr.Registry("my.azurecr.io", None)
    acr.Registry("my.azurecr.io", DefaultAzureCredential())
    acr.Registry("my.azurecr.io", acr.UsernamePassword("name", "word"))
    acr.Registry("my.azurecr.io", acr.RefreshToken("token"))
    acr.Registry("my.azurecr.io", acr.DockerConfig(Path("config.json"), helper_timeout=5))
    acr.Registry("my.azurecr.io", acr.default_credential())
    acr.AsyncRegistry("my.azurecr.io", AsyncDefaultAzureCredential())
    acr.Registry(
        "my.azurecr.io",
        audience="https://management.azure.com",
        allow_http=True,
        token_hosts=["login.example"],
        retries=acr.Retries(limit=2, base=0.1, cap=5, jitter=lambda: 0.5),
        timeouts=acr.Timeouts(connect=1, read=None, write=2.5, pool=3),
        proxy="http://proxy:8080",
        ssl_context=context,
        user_agent="program/1",
        on_request=on_request,
        on_response=on_response,
        transport=httpx.HTTPTransport(),
        clock=lambda: 0.0,
        sleep=lambda _seconds: None,
    )
    acr.AsyncRegistry("my.azurecr.io", transport=httpx.AsyncHTTPTransport())


def clean_ups(inventory: acr.Inventory) -> None:
    policy = acr.Policy("", source="policy.toml", files={"running.txt": ""})
    assert_type(acr.load_policy(Path("policy.toml")), acr.Policy)
    assert_type(policy.rules, Sequence[str])
    assert_type(policy.files, Mapping[str, str])
    assert_type(policy.test(), Sequence[acr.ExampleFailure])
    plan = policy.plan(inventory, protect=["team/app:v1"])
    assert_type(plan, acr.Plan)
    assert_type(acr.load_plan("plan.json"), acr.Plan)
    acr.save_plan(plan, "plan.json")
    assert_type(plan.registry, str)
    assert_type(plan.at, datetime)
    assert_type(plan.policy, Mapping[str, str])
    assert_type(plan.deletions, Sequence[acr.Deletion])
    assert_type(plan.deletions[0].reference, str)
    assert_type(plan.deletions[0].reason, str)
    assert_type(plan.kept, Sequence[acr.Kept])
    assert_type(plan.frees, int)
    assert_type(plan.frees_at_least, int)
    assert_type(plan.stays_shared, int)
    assert_type(plan.summary, str)
    assert_type(plan.warnings, Sequence[str])
    assert_type(plan.stops, Sequence[str])
    assert_type(plan.unlocks, Sequence[str])
    assert_type(plan.sha256, str)
    assert_type(plan.time_needed(rate=250), timedelta)
    assert_type(plan.explain("team/app:v1"), acr.Explanation)
    assert_type(plan.compare(plan), acr.PlanChanges)
    assert_type(plan.rows("kept"), list[dict[str, Any]])
    assert_type(plan.to_dict(), dict[str, Any])
    assert_type(acr.Plan.from_dict({}), acr.Plan)
    assert_type(acr.Plan.json_schema(), dict[str, Any])


def purges(registry: acr.Registry, plan: acr.Plan) -> None:
    report = registry.purge(
        plan,
        journal=Path("plan.journal"),
        rate=None,
        concurrency=2,
        max_age=timedelta(hours=2),
        max_deletions=10,
        max_share=0.5,
        progress=lambda done, total: None,
    )
    assert_type(report, acr.PurgeReport)
    assert_type(report.deleted, Sequence[str])
    assert_type(report.kept, Sequence[acr.PurgeItem])
    assert_type(report.unfinished, Mapping[str, str])
    assert_type(report.is_whole, bool)


def locks(repository: acr.Repository) -> None:
    state = repository.lock("v1", deep=True)
    assert_type(state, acr.LockState)
    assert_type(acr.LockState.from_dict(state.to_dict()), acr.LockState)
    assert_type(repository.unlock(state), acr.Unlocked)
    assert_type(repository.unlock("v1", deep=True).still_locked, Mapping[str, str])
    assert_type(repository.locks(), Sequence[acr.LockItem])


def all_locks(registry: acr.Registry) -> None:
    for locked in registry.locks(prefix="team/"):
        assert_type(locked, acr.LockedItem)
        assert_type(locked.digest, acr.Digest | None)


def trash(registry: acr.Registry, repository: acr.Repository) -> None:
    for repository_entry in registry.trashed_repositories(page_size=5):
        assert_type(repository_entry, acr.TrashedRepository)
    for tag in repository.trashed_tags():
        assert_type(tag, acr.TrashedTag)
    for manifest in repository.trashed_manifests():
        assert_type(manifest.deleted, datetime)
    assert_type(repository.restore("v1", deep=True, force=True, cache=False, journal="plan.journal"), acr.Restored)
    Emulator(trash="az")


def inventories(inventory: acr.Inventory) -> None:
    assert_type(inventory.registry, str)
    assert_type(inventory.started, datetime)
    assert_type(inventory.finished, datetime)
    assert_type(inventory.catalog, Sequence[str] | None)
    assert_type(inventory.is_whole, bool)
    assert_type(inventory.repositories(), Iterator[acr.InventoryRepository])
    assert_type(inventory.tags("team/app"), Iterator[acr.InventoryTag])
    assert_type(inventory.manifests(), Iterator[acr.InventoryManifest])
    assert_type(inventory.blob_requests, int)
    assert_type(inventory.rows("manifests"), list[dict[str, Any]])
    usage = inventory.usage()
    assert_type(usage, acr.Usage)
    assert_type(usage.rows("tag"), list[dict[str, Any]])
    assert_type(usage.repositories[0].tags[0], acr.TagUsage)
    assert_type(inventory.check().broken, Sequence[acr.Finding])
    assert_type(inventory.check().findings[0].kind, acr.FindingKind)
    assert_type(acr.Inventory.join(inventory).compare(inventory), acr.InventoryChanges)
    assert_type(acr.save_inventory(inventory, Path("it")), None)
    assert_type(acr.load_inventory("it"), acr.Inventory)
    assert_type(usage.to_dict(), dict[str, Any])
    assert_type(inventory.to_html(check=inventory.check()), str)
    assert_type(inventory.compare(inventory).not_compared, Sequence[str])


def small_things(repository: acr.Repository, listing: acr.Listing[acr.TagProperties]) -> None:
    assert_type(repository.exists(), bool)
    assert_type(repository.image("v1", platform="linux/arm64"), acr.Image)
    assert_type(repository.tag("v1").exists(), bool)
    assert_type(repository.tag("v1").wait(seconds=1, interval=0.5), acr.TagProperties)
    assert_type(listing.rows(), list[dict[str, Any]])
    assert_type(repository.image("v1").created, datetime | None)
    assert_type(repository.image("v1").labels, Mapping[str, str])


def on_request(request: acr.RequestInfo) -> None:
    assert_type(request.url, str)
    assert_type(request.headers, Mapping[str, str])


def on_response(response: acr.ResponseInfo) -> None:
    assert_type(response.request, acr.RequestInfo)
    assert_type(response.seconds, float)


def registry(one: acr.Registry, other: acr.Registry) -> None:
    with one as entered:
        assert_type(entered, acr.Registry)
    assert_type(one.login_server, str)
    assert_type(one.ping(), None)
    inventory = one.inventory(repositories=["team/*"], rate=None, concurrency=4, cache=False, progress=print)
    assert_type(inventory, acr.Inventory)
    assert_type(one.verify_blobs(inventory, rate=100, checkpoint="it", progress=print), acr.Check)
    inventories(inventory)
    assert_type(one.repositories(page_size=10, last="team"), acr.Listing[str])
    assert_type(one.repository("team/app"), acr.Repository)
    assert_type(one.copy("team/app:v1", "prod/app"), acr.Descriptor)
    one.copy("a:v1", "b:v1", to=other, platform="linux/arm64", referrers=True, concurrency=2, progress=show)
    assert_type(one.refresh_token(), str)
    assert_type(one.access_token(["registry:catalog:*"]), str)
    assert_type(one.exchange_entra_token("token", refresh_token="other", tenant="mine"), str)
    assert_type(one.exchange_refresh_token("token", ["registry:catalog:*"]), str)
    access = one.check("team/app")
    assert_type(access, acr.Access)
    assert_type(access.expires, datetime | None)
    assert_type(access.actions, frozenset[str] | None)
    assert_type(one.close(), None)


async def async_registry(one: acr.AsyncRegistry, other: acr.AsyncRegistry) -> None:
    async with one as entered:
        assert_type(entered, acr.AsyncRegistry)
    assert_type(await one.ping(), None)
    assert_type(await one.inventory(repositories=Path("names"), cache=Path("cache")), acr.Inventory)
    assert_type(await one.verify_blobs(await one.inventory()), acr.Check)
    assert_type(one.repositories(), acr.AsyncListing[str])
    assert_type(one.repository("team/app"), acr.AsyncRepository)
    assert_type(await one.copy("a:v1", "b:v1", to=other), acr.Descriptor)
    assert_type(await one.refresh_token(), str)
    assert_type(await one.access_token(["registry:catalog:*"]), str)
    assert_type(await one.exchange_entra_token("token"), str)
    assert_type(await one.exchange_refresh_token("token", []), str)
    assert_type(await one.check(), acr.Access)
    assert_type(await one.close(), None)


def listings(app: acr.Repository) -> None:
    for tag in app.tags(order_by="newest", page_size=5, last="v1", digest="sha256:"):
        assert_type(tag, acr.TagProperties)
        assert_type(tag.digest, acr.Digest)
        assert_type(tag.created, datetime)
        assert_type(tag.locked, bool)
    assert_type(next(iter(app.tag_names())), str)
    for manifest in app.manifests(order_by="oldest"):
        assert_type(manifest, acr.ManifestProperties)
        assert_type(manifest.related, Sequence[acr.RelatedManifest])
    pages = app.tags().pages(continuation=None)
    assert_type(pages, Iterator[acr.Page[acr.TagProperties]])
    page = next(pages)
    assert_type(page.items, Sequence[acr.TagProperties])
    assert_type(page.continuation, str | None)


async def async_listings(app: acr.AsyncRepository) -> None:
    async for tag in app.tags():
        assert_type(tag, acr.TagProperties)
    async for name in app.tag_names():
        assert_type(name, str)
    async for manifest in app.manifests():
        assert_type(manifest, acr.ManifestProperties)
    assert_type(app.tags().pages(), AsyncIterator[acr.Page[acr.TagProperties]])


def metadata(app: acr.Repository) -> None:
    assert_type(app.name, str)
    assert_type(app.properties(), acr.RepositoryProperties)
    assert_type(app.update(can_read=True, can_write=False, can_list=None, can_delete=False), acr.RepositoryProperties)
    assert_type(app.delete(missing_ok=True), acr.DeletedRepository)
    assert_type(app.tag("v1"), acr.RepositoryTag)
    assert_type(app.tag("v1").properties(), acr.TagProperties)
    assert_type(app.tag("v1").update(can_write=False), acr.TagProperties)
    assert_type(app.tag("v1").delete(missing_ok=True), None)


def manifests(app: acr.Repository) -> None:
    manifest = app.manifest("v1")
    assert_type(manifest, acr.RepositoryManifest)
    assert_type(manifest.get(accept=media_types.OCI_INDEX), acr.Manifest)
    assert_type(manifest.head(accept=[media_types.OCI_INDEX]), acr.Descriptor)
    assert_type(manifest.exists(), bool)
    assert_type(manifest.properties(), acr.ManifestProperties)
    assert_type(manifest.update(can_delete=False), acr.ManifestProperties)
    assert_type(manifest.delete(missing_ok=True), None)
    assert_type(manifest.referrers(artifact_type="application/spdx+json"), acr.Listing[acr.Descriptor])
    assert_type(
        manifest.attach(["sbom.json"], artifact_type="a/b", annotations={"a": "b"}, progress=show), acr.Descriptor
    )
    assert_type(app.put_manifest(b"{}", media_type=media_types.OCI_MANIFEST, tag="v2"), acr.Descriptor)
    app.put_manifest({"schemaVersion": 2})
    app.put_manifest(manifest.get())


async def async_manifests(app: acr.AsyncRepository) -> None:
    manifest = app.manifest("v1")
    assert_type(await manifest.get(), acr.Manifest)
    assert_type(await manifest.head(), acr.Descriptor)
    assert_type(await manifest.exists(), bool)
    assert_type(manifest.referrers(), acr.AsyncListing[acr.Descriptor])
    assert_type(await manifest.attach([Path("sbom.json")], artifact_type="a/b"), acr.Descriptor)
    assert_type(await app.put_manifest("{}"), acr.Descriptor)
    assert_type(await app.properties(), acr.RepositoryProperties)
    assert_type(await app.tag("v1").update(can_write=False), acr.TagProperties)
    assert_type(await app.delete(), acr.DeletedRepository)


def blobs(app: acr.Repository, digest: acr.Digest, file: BinaryIO) -> None:
    for source in ("path", Path("path"), b"bytes", bytearray(), memoryview(b""), file, [b"a", b"b"]):
        assert_type(app.upload_blob(source), acr.Descriptor)
    app.upload_blob(
        b"", digest=digest, algorithm="sha512", chunk_size=1, mount_from="other", checkpoint="state", progress=show
    )
    assert_type(app.download_blob(digest, "path", keep_partial=True, progress=show), acr.Descriptor)
    assert_type(app.download_blob(digest, file), acr.Descriptor)
    assert_type(app.download_blob(digest), acr.BlobStream)
    assert_type(app.blob(digest).download("path", keep_partial=True, progress=show), acr.Descriptor)
    assert_type(app.blob(digest).stream(progress=show), acr.BlobStream)
    with app.download_blob(digest) as stream:
        assert_type(stream.read(10), bytes)
        assert_type(next(stream), bytes)
        assert_type(stream.close(), None)
    assert_type(app.mount_blob(digest, "team/base"), bool)
    blob = app.blob(digest)
    assert_type(blob.digest, acr.Digest)
    assert_type(blob.head(), acr.Descriptor)
    assert_type(blob.exists(), bool)
    assert_type(blob.chunk(0, 10), acr.Chunk)
    assert_type(blob.has_chunk(0, 10), bool)
    assert_type(blob.delete(), None)
    with blob.open() as reader:
        assert_type(reader, acr.BlobReader)
        assert_type(reader.read(1), bytes)
        assert_type(reader.seek(-2, io.SEEK_END), int)
        assert_type(reader.size, int)
        assert_type((reader.readable(), reader.seekable(), reader.readinto(bytearray(1))), tuple[bool, bool, int])
        io.BufferedReader(reader)


async def async_blobs(app: acr.AsyncRepository, digest: acr.Digest, pieces: AsyncIterator[bytes]) -> None:
    assert_type(await app.upload_blob(pieces), acr.Descriptor)
    assert_type(await app.download_blob(digest, Path("path")), acr.Descriptor)
    async with app.download_blob(digest) as stream:
        assert_type(stream, acr.AsyncBlobStream)
        assert_type(await stream.read(), bytes)
        async for block in stream:
            assert_type(block, bytes)
    async with await app.blob(digest).open() as reader:
        assert_type(reader, acr.AsyncBlobReader)
        assert_type(await reader.read(1), bytes)
        assert_type(reader.tell(), int)


def uploads(app: acr.Repository) -> None:
    with app.start_upload(algorithm="sha256") as upload:
        assert_type(upload, acr.Upload)
        assert_type(upload.write(b""), None)
        assert_type(upload.status(), int)
        assert_type(upload.state, acr.UploadState)
        assert_type(upload.uuid, str | None)
        assert_type(upload.location, str)
        assert_type(upload.offset, int)
        assert_type(upload.min_chunk_size, int)
        assert_type(upload.commit(), acr.Descriptor)
        assert_type(upload.cancel(), None)
    assert_type(app.resume_upload(acr.UploadState.from_json({})), acr.Upload)


async def async_uploads(app: acr.AsyncRepository) -> None:
    async with await app.start_upload() as upload:
        assert_type(upload, acr.AsyncUpload)
        assert_type(await upload.write(b""), None)
        assert_type(await upload.commit("sha256:"), acr.Descriptor)
    assert_type(await app.resume_upload("location"), acr.AsyncUpload)


def images(app: acr.Repository, mine: Mine) -> None:
    layout = acr.Layout(Path("images"))
    assert_type(app.push(layout, "v1", tag="v2", platform="linux/amd64", referrers=True), acr.Descriptor)
    app.push(acr.DockerArchive("image.tar"), concurrency=1, progress=show)
    app.push(mine)
    assert_type(app.pull("v1", acr.Memory(), referrers=True), acr.Descriptor)
    assert_type(app.pull("v1", mine), acr.Descriptor)
    pulled = app.pull("v1", "folder", unpack=False, unpack_limit=acr.UnpackLimits(size=1, ratio=2, reserve=3))
    assert_type(pulled, acr.Pulled)
    assert_type(pulled.manifest, acr.Manifest)
    assert_type(pulled.files, Sequence[Path])
    assert_type(pulled.layers, Sequence[acr.Descriptor])
    assert_type(app.push_artifact(["file", Path("file"), acr.File("file", title="name")], tag="v1"), acr.Descriptor)
    assert_type(layout.resolve(None), acr.Descriptor)
    assert_type(layout.tags(), Sequence[str])


async def async_images(app: acr.AsyncRepository, mine: Mine) -> None:
    assert_type(await app.push(mine), acr.Descriptor)
    assert_type(await app.pull("v1", mine), acr.Descriptor)
    assert_type(await app.pull("v1", Path("folder")), acr.Pulled)
    assert_type(await app.push_artifact(["file"], subject="v1", annotations={"a": "b"}), acr.Descriptor)


class Mine:
    """A store of a user's own: its methods are those of `Local`."""

    def resolve(self, reference: str | None) -> acr.Descriptor:
        raise NotImplementedError

    def manifest(self, digest: acr.Digest) -> acr.Manifest:
        raise NotImplementedError

    def has(self, content: acr.Descriptor) -> bool:
        raise NotImplementedError

    def open(self, blob: acr.Descriptor) -> BinaryIO:
        raise NotImplementedError

    def sink(self, blob: acr.Descriptor) -> acr.Sink:
        raise NotImplementedError

    def put(self, manifest: acr.Manifest) -> None:
        raise NotImplementedError

    def tag(self, manifest: acr.Descriptor, name: str | None) -> None:
        raise NotImplementedError

    def referrers(self, subject: acr.Digest) -> Sequence[acr.Descriptor]:
        raise NotImplementedError

    def commit(self) -> None:
        raise NotImplementedError

    def abort(self) -> None:
        raise NotImplementedError


class Keys:
    """Credentials of a user's own: its method is that of `Keyring`."""

    def lookup(self, host: str) -> acr.UsernamePassword | acr.RefreshToken | None:
        return acr.UsernamePassword(host, "word")


def own_implementations() -> tuple[protocols.Local, protocols.Keyring, protocols.Credential, acr.Registry]:
    return Mine(), Keys(), Keys(), acr.Registry("my.azurecr.io", Keys())


def show(event: acr.ProgressEvent) -> None:
    match event:
        case acr.Started(item, offset):
            assert_type(item, acr.Item)
            assert_type(offset, int)
        case acr.Moved(_, count):
            assert_type(count, int)
        case acr.Retried(_, _, reason):
            assert_type(reason, str)
        case _:
            assert_type(event, acr.Skipped | acr.Mounted | acr.Done)


def values(manifest: acr.Manifest, descriptor: acr.Descriptor, order: acr.Order) -> None:
    assert_type(acr.Digest.of(b"abc", algorithm="sha512"), acr.Digest)
    assert_type(acr.Digest("sha256:").hex, str)
    assert_type(manifest.json, Mapping[str, Any])
    assert_type(manifest.layers, Sequence[acr.Descriptor])
    assert_type(manifest.config, acr.Descriptor | None)
    assert_type(acr.Manifest.of({}, media_types.OCI_MANIFEST), acr.Manifest)
    assert_type(descriptor.platform, acr.Platform | None)
    assert_type(descriptor.annotations, Mapping[str, str])
    assert_type(acr.Platform.parse("linux/arm64"), acr.Platform)
    reference = acr.Reference.parse("my.azurecr.io/team/app:v1")
    assert_type(reference.tag, str | None)
    assert_type(reference.digest, acr.Digest | None)
    hasher = acr.Hasher()
    assert_type(hasher.algorithm, str)
    assert_type(hasher.copy().digest(), acr.Digest)
    assert_type(acr.VerifyingReader(io.BytesIO(), "sha256:").read(1), bytes)
    assert_type(order, Literal["newest", "oldest"])
    assert_type(acr.__version__, str)


def failures(app: acr.Repository) -> None:
    try:
        app.properties()
    except (acr.NotFound, errors.Locked) as error:
        assert_type(error, acr.NotFound | acr.Locked)
        assert_type(error.status, int)
        assert_type(error.errors, tuple[acr.ErrorInfo, ...])
        assert_type(error.codes, tuple[str, ...])
        assert_type(error.retry_after, float | None)
    except acr.DigestMismatch as error:
        assert_type(error.expected, str)
    except acr.TransferError as error:
        assert_type(error.side, Literal["source", "target"])
    except acr.TransportError as error:
        assert_type(error.exhausted, bool)
    except acr.LimitExceeded as error:
        assert_type(error.limit, int)


def emulator() -> None:
    with Emulator(Path("data"), port=5000, anonymous_pull=True, clock=lambda: 0.0) as one:
        assert_type(one, Emulator)
        assert_type(one.url, str)
        assert_type(one.login_server, str)
        assert_type(one.credential(scopes=["registry:catalog:*"], lifetime=60), EntraCredential)
        assert_type(one.credential().get_token("scope"), AccessToken)
        assert_type(one.async_credential(), AsyncEntraCredential)
        assert_type(one.requests, list[RequestRecord])
        assert_type(one.fail(times=2, status=503, headers={"Retry-After": "1"}), Fault)
        acr.Registry(one.url, one.credential())
        acr.AsyncRegistry(one.url, one.async_credential())


def low_level(tags: Request[get_tags.Result], names: Request[get_tag_names.Result], headers: httpx.Headers) -> None:
    assert_type(get_tags.build_request("team/app", n=5), Request[get_tags.Result])
    assert_type(tags.scopes, tuple[str, ...])
    page = tags.parse(200, {"Link": "</next>"}, b"{}")
    assert_type(page, get_tags.Result)
    assert_type(page.body.tags, list[models.TagAttributesBase])
    assert_type(page.body.tags[0].additional_properties, Mapping[str, Any])
    assert_type(tags.parse_leniently(200, headers, b""), tuple[get_tags.Result, list[acr_rest.Unread]])
    assert_type(tags.parse(200, [("Link", "x"), (b"Link", b"y")]), get_tags.Result)
    assert_type(acr_rest.next_page(tags, page), Request[get_tags.Result] | None)
    assert_type(acr_rest.parse_failure(404, headers, b""), acr_rest.Failure)
    assert_type(acr_rest.parse_failure(404, headers).body, models.AcrErrors | None)
    assert_type(get_manifest.build_request("a", "v1").parse(200, headers, b"{}").content, bytes)


def low_level_pairs_that_do_not_match(
    tags: Request[get_tags.Result], names: Request[get_tag_names.Result], blob: Request[get_blob.Result]
) -> None:
    """Each line that says `ignore` is an error to both checkers. Where it is none, they complain about the comment."""
    page: get_tag_names.Result = tags.parse(200, {}, b"")  # type: ignore[assignment]
    other: Request[get_tag_names.Result] = get_tags.build_request("a")  # type: ignore[assignment]
    acr_rest.next_page(names, tags.parse(200, {}))  # type: ignore[misc]
    acr_rest.next_page(blob, blob.parse(200, {}))  # type: ignore[type-var]
    third: Request[get_tag_names.Result] = Request("GET", "/", {}, parser=get_tags.parse)  # type: ignore[arg-type]
    _ = page, other, third
