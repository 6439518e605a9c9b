"""Options of the wrong kind: each is taken with its obvious meaning, or refused at once, by name, before any request.

The table has each option of each public call that talks to a registry. `test_the_table_has_every_option` sees to that.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from tests.images import add_image, add_index
from tests.inventory.graphs import Store
from tests.twin import Twin

DIGEST = acr.Digest.of(b"")


class Odd:
    """No kind of value that an option may have."""

    def __repr__(self) -> str:
        return "<Odd>"


async def _hook(_: object) -> None:
    """Nobody would await it."""


class _AsyncCall:
    async def __call__(self, _: object) -> None:
        """Nobody would await it."""


TEXTS: Final = [3, True, b"v1", Path("v1"), ["v1"], Odd()]
COUNTS: Final = ["4", 2.5, True, -1, float("nan"), [4], Odd()]
FLAGS: Final = ["no", "", 0, 1, [], Odd()]
CALLBACKS: Final = ["print", 3, True, _hook, _AsyncCall(), Odd()]
LISTS: Final = [None, 3, True, Odd(), [3], [None], [b"text"]]

KINDS: Final[Mapping[str, list[Any]]] = {
    "text": [None, *TEXTS],
    "text or None": TEXTS,
    "count": [None, *COUNTS],
    "count or None": COUNTS,
    "flag": [None, *FLAGS],
    "flag or None": FLAGS,
    "callback or None": CALLBACKS,
    "texts": ["text", *LISTS],
    "text, texts or None": [3, True, Odd(), [3], [None], [b"text"], b"text"],
    "files": ["file", b"file", Path("file"), *LISTS],
    "mapping or None": ["a=b", 3, [("a", "b")], {"a": 3}, {3: "a"}, {"a": None}, Odd()],
    "file or None": [3, True, Odd(), ["file"]],
    "writable": [3, True, Odd(), ["file"]],
    "readable": [None, 3, True, Odd()],
    "local": [None, 3, True, Odd(), b"layout"],
    "folder": [None, 3, True, Odd(), b"folder"],
    "manifest": [None, 3, True, Odd(), [1]],
    "state": [None, 3, True, b"/v2/", Odd(), {}],
    "registry or None": ["my.azurecr.io", 3, True, Odd()],
    "referrers": ["yes", None, [], Odd(), 3],
    "order or None": ["new", 3, True, Odd(), []],
    "platform or None": [3, True, b"linux/amd64", ["linux/amd64"], ("linux", "amd64"), Odd(), "", "linux"],
    "limits": [None, "1", 2.5, True, -1, Odd()],
    "size": ["3", True, 2.5, ["a"], Odd()],
    "path": [None, 3, True, 2.5, ["a"], object, Odd()],
    "secret": [None, *TEXTS],
    "options": [None, 3, "3", True, {}, Odd()],
    "tls": ["ca.pem", 3, True, False, Path("ca.pem"), Odd()],
    "credential or None": ["user:password", 3, True, ("user", "password"), Odd(), acr.DockerConfig, acr.RefreshToken],
    "transport or None": ["http", 3, True, Odd(), httpx.Client],
    "function": [None, 3, "time", Odd()],
    "bytes": [None, 3, True, "text", [1], Odd()],
    "rate or None": ["2500", True, 0, -1, float("nan"), [4], Odd()],
    "seconds": [None, "5", True, -1, float("nan"), [4], Odd()],
    "cache": [None, 3, "", b"folder", [], Odd()],
    "inventory": [None, "registry.inventory", 3, Odd()],
    "plan": [None, "plan.json", 3, {}, Odd()],
    "time": [None, 1, "1d", True, Odd(), timedelta(days=-1)],
    "share or None": ["half", True, -0.1, 1.5, float("nan"), [0.5], Odd()],
}

Call = Callable[[acr.Registry, Mapping[str, Any]], Any]


def _of(name: str, **given: Any) -> Call:
    """A call of the registry, of something in it, or of an upload session; walked, if it is a listing."""
    place, _, method = name.rpartition(".")

    def call(registry: acr.Registry, options: Mapping[str, Any]) -> Any:
        app = registry.repository("app")
        owners: dict[str, Any] = {
            "Registry": registry,
            "Repository": app,
            "RepositoryTag": app.tag("v1"),
            "RepositoryManifest": app.manifest(DIGEST),
            "RepositoryBlob": app.blob(DIGEST),
        }
        return getattr(owners[place], method)(**{**given, **options})

    return call


_PLAN = acr.Policy('[[purge.rule]]\ntags = { glob = ["old-*"] }\nolder_than = "7d"\n').plan(Store().inventory())
_LAYOUT = acr.Memory()
add_image(_LAYOUT, [b"layer"], tag="v1")
_LOCKS: Final[Mapping[str, str]] = dict.fromkeys(("can_read", "can_write", "can_list", "can_delete"), "flag or None")
_COPY: Final = {
    "platform": "platform or None",
    "referrers": "referrers",
    "concurrency": "count",
    "progress": "callback or None",
}
_PUSH: Final = {"artifact_type": "text", "annotations": "mapping or None", "progress": "callback or None"}
_DOWNLOAD: Final = {"keep_partial": "flag", "progress": "callback or None"}

OPTIONS: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, str]]]] = {
    "Registry.repositories": (
        {},
        {"page_size": "count or None", "last": "text or None", "prefix": "text or None"},
    ),
    "Registry.repository": ({}, {"name": "text"}),
    "Registry.copy": (
        {"source": "app:v1", "target": "two:v1"},
        {"source": "text", "target": "text", "to": "registry or None", **_COPY},
    ),
    "Registry.inventory": (
        {},
        {
            "repositories": "text, texts or None",
            "rate": "rate or None",
            "concurrency": "count",
            "cache": "cache",
            "progress": "callback or None",
        },
    ),
    "Registry.verify_blobs": (
        {"inventory": Store().inventory()},
        {
            "inventory": "inventory",
            "rate": "rate or None",
            "concurrency": "count",
            "checkpoint": "file or None",
            "progress": "callback or None",
        },
    ),
    "Registry.purge": (
        {"plan": _PLAN, "journal": "journal"},
        {
            "plan": "plan",
            "journal": "path",
            "rate": "rate or None",
            "concurrency": "count",
            "max_age": "time",
            "max_deletions": "count or None",
            "max_share": "share or None",
            "unlock": "texts",
            "progress": "callback or None",
        },
    ),
    "Registry.locks": ({}, {"prefix": "text or None"}),
    "Registry.trashed_repositories": ({}, {"page_size": "count or None"}),
    "Registry.check": ({}, {"repository": "text or None"}),
    "Registry.access_token": ({}, {"scopes": "texts"}),
    "Registry.exchange_entra_token": (
        {"token": "token"},
        dict.fromkeys(("refresh_token", "tenant"), "text or None"),
    ),
    "Registry.exchange_refresh_token": ({"token": "token", "scopes": []}, {"token": "secret", "scopes": "texts"}),
    "Repository.image": ({"reference": "v1"}, {"reference": "text", "platform": "platform or None"}),
    "Repository.update": ({"can_read": True}, _LOCKS),
    "Repository.delete": ({}, {"missing_ok": "flag"}),
    "Repository.tags": (
        {},
        {
            "order_by": "order or None",
            "page_size": "count or None",
            "last": "text or None",
            "digest": "text or None",
        },
    ),
    "Repository.tag_names": ({}, {"page_size": "count or None", "last": "text or None"}),
    "Repository.manifests": (
        {},
        {"order_by": "order or None", "page_size": "count or None", "last": "text or None"},
    ),
    "Repository.lock": ({"reference": "v1"}, {"reference": "text", "deep": "flag"}),
    "Repository.unlock": ({"what": "v1"}, {"what": "text", "deep": "flag"}),
    "Repository.trashed_tags": ({}, {"page_size": "count or None"}),
    "Repository.trashed_manifests": ({}, {"page_size": "count or None"}),
    "Repository.restore": (
        {"reference": "v1"},
        {"reference": "text", "deep": "flag", "force": "flag", "cache": "cache", "journal": "file or None"},
    ),
    "Repository.tag": ({}, {"name": "text"}),
    "Repository.manifest": ({}, {"reference": "text"}),
    "Repository.blob": ({}, {"digest": "text"}),
    "Repository.put_manifest": (
        {"content": b"{}", "media_type": "a/b"},
        {"content": "manifest", "media_type": "text or None", "tag": "text or None"},
    ),
    "Repository.upload_blob": (
        {"source": b"blob"},
        {
            "source": "readable",
            "digest": "text or None",
            "algorithm": "text",
            "chunk_size": "count or None",
            "mount_from": "text or None",
            "checkpoint": "file or None",
            "progress": "callback or None",
        },
    ),
    "Repository.download_blob": (
        {"digest": DIGEST, "target": "build"},
        {"digest": "text", "target": "writable", **_DOWNLOAD},
    ),
    "Repository.mount_blob": ({"digest": DIGEST, "source": "two"}, {"digest": "text", "source": "text"}),
    "Repository.start_upload": ({}, {"algorithm": "text"}),
    "Repository.resume_upload": ({}, {"state": "state"}),
    "Repository.push_artifact": (
        {"files": []},
        {"files": "files", "tag": "text or None", "subject": "text or None", **_PUSH},
    ),
    "Repository.push": (
        {"source": _LAYOUT},
        {"source": "local", "reference": "text or None", "tag": "text or None", **_COPY},
    ),
    "Repository.pull": (
        {"reference": "v1", "target": "build"},
        {
            "reference": "text",
            "target": "folder",
            "include": "text, texts or None",
            "unpack": "flag",
            "unpack_limit": "limits",
            **_COPY,
        },
    ),
    "RepositoryTag.wait": ({}, {"seconds": "seconds", "interval": "seconds"}),
    "RepositoryTag.update": ({"can_read": True}, _LOCKS),
    "RepositoryTag.delete": ({}, {"missing_ok": "flag"}),
    "RepositoryManifest.get": ({}, {"accept": "text, texts or None"}),
    "RepositoryManifest.head": ({}, {"accept": "text, texts or None"}),
    "RepositoryManifest.update": ({"can_read": True}, _LOCKS),
    "RepositoryManifest.delete": ({}, {"missing_ok": "flag"}),
    "RepositoryManifest.referrers": ({}, {"artifact_type": "text or None"}),
    "RepositoryManifest.attach": ({"files": [], "artifact_type": "a/b"}, {"files": "files", **_PUSH}),
    "RepositoryBlob.chunk": ({"offset": 0, "length": 1}, {"offset": "count", "length": "count"}),
    "RepositoryBlob.download": ({"target": "build"}, {"target": "writable", **_DOWNLOAD}),
    "RepositoryBlob.stream": ({}, {"progress": "callback or None"}),
    "RepositoryBlob.has_chunk": ({"offset": 0, "length": 1}, {"offset": "count", "length": "count"}),
    "RepositoryBlob.delete": ({}, {"missing_ok": "flag"}),
}
CASES: Final = [(name, option) for name, (_, options) in OPTIONS.items() for option in options]

CLIENT: Final = {
    "endpoint": "text",
    "credential": "credential or None",
    "audience": "text",
    "allow_http": "flag",
    "token_hosts": "texts",
    "retries": "options",
    "timeouts": "options",
    "limits": "options",
    "proxy": "text or None",
    "ssl_context": "tls",
    "user_agent": "text or None",
    "on_request": "callback or None",
    "on_response": "callback or None",
    "transport": "transport or None",
    "clock": "function",
    "sleep": "function",
}


def taken(call: Callable[[Any], object], option: str, kind: str, values: Sequence[Any] = ()) -> str:
    """What was not refused, or not as it should be, a line each."""
    lines = []
    for value in values or KINDS[kind]:
        try:
            call(value)
        except (acr.InvalidInput, acr.CredentialError, acr.UnsupportedDigest) as error:
            if len(str(error)) > 400:
                lines.append(f"{option}={value!r}: {error}")
        except Exception as error:  # noqa: BLE001 - to name it
            lines.append(f"{option}={value!r}: {type(error).__name__}: {error}"[:300])
        else:
            lines.append(f"{option}={value!r}: taken")
    return "\n".join(lines)


@pytest.mark.parametrize(("name", "option"), CASES, ids=[f"{name}-{option}" for name, option in CASES])
def test_an_option_of_the_wrong_kind_is_refused_before_any_request(
    registry: acr.Registry,
    acr_emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    option: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    given, options = OPTIONS[name]
    problems = taken(lambda value: _of(name, **given)(registry, {option: value}), option, options[option])
    assert not problems, problems
    assert acr_emulator.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", CLIENT)
def test_an_option_of_a_client_of_the_wrong_kind_is_refused_at_once(twin: Twin, option: str) -> None:
    problems = taken(lambda value: twin.connect(**{"endpoint": "my.azurecr.io", option: value}), option, CLIENT[option])
    assert not problems, problems


def test_a_transport_and_a_clock_of_the_other_colour_are_refused(twin: Twin) -> None:
    sync, other = httpx.HTTPTransport(), httpx.AsyncHTTPTransport()
    with pytest.raises(acr.InvalidInput, match=r"transport: expected an httpx\.(Async)?BaseTransport"):
        twin.connect("my.azurecr.io", transport=other if twin.colour == "sync" else sync)
    with pytest.raises(acr.InvalidInput, match="sleep: expected"):
        twin.connect("my.azurecr.io", sleep=asyncio.sleep if twin.colour == "sync" else time.sleep)
    twin.connect("my.azurecr.io", transport=sync if twin.colour == "sync" else other).close()


def test_the_table_has_every_option() -> None:
    """Of each public method of a client, of its handles, and of its constructor."""
    handles = (acr.Registry, acr.Repository, acr.RepositoryTag, acr.RepositoryManifest, acr.RepositoryBlob)
    for handle in handles:
        for name, method in inspect.getmembers(handle, inspect.isfunction):
            parameters = set(inspect.signature(method).parameters) - {"self"}
            if not name.startswith("_") and parameters:
                assert (set(OPTIONS[f"{handle.__name__}.{name}"][1]) | {"token"}) >= parameters, name
    assert set(CLIENT) == set(inspect.signature(acr.Registry).parameters)


@pytest.mark.parametrize("way", ["folder", "layout", "push", "copy"])
def test_a_platform_may_be_a_value(registry: acr.Registry, tmp_path: Path, way: str) -> None:
    store = acr.Memory()
    platforms = ["linux/amd64", "linux/arm64"]
    images = [add_image(store, [platform.encode()]) for platform in platforms]
    add_index(store, images, platforms, tag="v1")
    app, wanted = registry.repository("app"), acr.Platform("linux", "arm64")
    app.push(store, "v1", tag="v1")
    if way == "folder":
        assert app.pull("v1", tmp_path / "folder", platform=wanted).manifest.digest == images[1].digest
    elif way == "layout":
        assert app.pull("v1", acr.Layout(tmp_path / "layout"), platform=wanted) == images[1]
    elif way == "push":
        assert app.push(store, "v1", platform=wanted) == images[1]
    else:
        assert registry.copy("app:v1", "two", platform=wanted) == images[1]


def _committed(repository: acr.Repository, digest: Any) -> acr.Descriptor:
    upload = repository.start_upload()
    upload.write(b"x")
    return upload.commit(digest)


STREAMS: Final[Mapping[str, tuple[Callable[[acr.Repository, Any], object], str]]] = {
    "pages": (lambda app, value: list(app.tags().pages(continuation=value)), "text or None"),
    "pages of names": (lambda app, value: list(app.tag_names().pages(continuation=value)), "text or None"),
    "pages of referrers": (
        lambda app, value: list(app.manifest("v1").referrers().pages(continuation=value)),
        "text or None",
    ),
    "read": (lambda app, value: app.download_blob(acr.Digest.of(b"blob")).read(value), "size"),
    "read at a place": (lambda app, value: app.blob(acr.Digest.of(b"blob")).open().read(value), "size"),
    "seek": (lambda app, value: app.blob(acr.Digest.of(b"blob")).open().seek(value), "size"),
    "whence": (lambda app, value: app.blob(acr.Digest.of(b"blob")).open().seek(0, value), "text"),
    "write": (lambda app, value: app.start_upload().write(value), "bytes"),
    "commit": (_committed, "text or None"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_an_argument_of_a_stream_of_the_wrong_kind_is_refused(registry: acr.Registry, name: str) -> None:
    app = registry.repository("app")
    app.upload_blob(b"blob")
    app.put_manifest({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}, tag="v1")
    call, kind = STREAMS[name]
    values = [value for value in KINDS[kind] if not (name == "whence" and value is True)]  # which counts as 1
    problems = "\n".join(taken(lambda value: call(app, value), name, kind, [value]) for value in values)
    assert not problems.strip(), problems


VALUES: Final[Mapping[str, tuple[Callable[[Any], object], str]]] = {
    "Layout": (acr.Layout, "path"),
    "DockerArchive": (acr.DockerArchive, "path"),
    "DockerConfig": (acr.DockerConfig, "path"),
    "DockerConfig.lookup": (lambda value: acr.DockerConfig("none").lookup(value), "secret"),
    "Digest": (acr.Digest, "secret"),
    "Digest.of": (acr.Digest.of, "bytes"),
    "Hasher": (acr.Hasher, "secret"),
    "Hasher.update": (lambda value: acr.Hasher().update(value), "bytes"),
    "Platform.parse": (acr.Platform.parse, "secret"),
    "Reference": (acr.Reference, "secret"),
    "Reference.parse": (acr.Reference.parse, "secret"),
    "Manifest.of": (acr.Manifest.of, "manifest"),
    "File": (acr.File, "path"),
    "File.title": (lambda value: acr.File("x", title=value), "secret"),
    "UsernamePassword": (lambda value: acr.UsernamePassword("me", value), "secret"),
    "RefreshToken": (acr.RefreshToken, "secret"),
    "VerifyingReader": (lambda value: acr.VerifyingReader(value, DIGEST), "path"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_the_wrong_kind_is_refused(name: str) -> None:
    make, kind = VALUES[name]
    problems = taken(make, name, kind)
    assert not problems, problems
