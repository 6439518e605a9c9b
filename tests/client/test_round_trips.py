"""Round trips that need not be: how many requests a job takes, on real sockets, in both colours."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import acr
from acr._core.talk.chunking import AZURES
from acr.emulator import Emulator
from tests.armed import ALWAYS, Armed
from tests.certificate import make_certificate
from tests.images import add_image, add_index, contents
from tests.patience import PATIENCE
from tests.shells.script import Asked, Peer, Script, digest_of, gives, head
from tests.twin import Twin

MIB = 1024 * 1024

FOUND = gives(head(1, f"Docker-Content-Digest: {digest_of(b'x')}", "Content-Type: a/b"))
"""Says that a manifest of one byte is there."""


def kinds(emulator: Emulator) -> Counter[str]:
    """What was asked for, by method and by what stands in the path."""
    found: Counter[str] = Counter()
    for request in emulator.requests:
        parts = ("/oauth2/exchange", "/oauth2/token", "/blobs/uploads", "/blobs/", "/manifests/", "/v2/")
        found[f"{request.method} {next(part for part in parts if part in request.path)}"] += 1
    return found


def image(count: int) -> acr.Memory:
    made = acr.Memory()
    add_image(made, [b"layer %d" % number for number in range(count)], tag="v1")
    return made


def test_a_push_takes_one_token(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    registry.repository("app").push(image(9), tag="v1")
    found = kinds(acr_emulator)
    assert found["POST /oauth2/token"] == 1
    assert found["POST /oauth2/exchange"] == 1


def test_an_upload_takes_one_token(twin: Twin, acr_emulator: Emulator) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    registry.repository("app").upload_blob(b"bytes", digest=str(acr.Digest.of(b"bytes")))
    assert kinds(acr_emulator)["POST /oauth2/token"] == 1


def test_an_artifact_takes_one_token(twin: Twin, acr_emulator: Emulator, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    registry.repository("app").push_artifact(sorted(tmp_path.iterdir()), artifact_type="a/b", tag="v1")
    assert kinds(acr_emulator)["POST /oauth2/token"] == 1


def test_a_pull_asks_for_no_token_that_writes(twin: Twin, acr_emulator: Emulator) -> None:
    """Another client has pushed. The token of a call that writes is of that call's client."""
    twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app").push(image(2), tag="v1")
    reader = twin.connect(acr_emulator.url, acr_emulator.credential(scopes=["repository:app:pull"]))
    assert reader.repository("app").pull("v1", acr.Memory()).size
    assert reader.repository("app").blob(str(acr.Digest.of(b"layer 1"))).exists()


def test_a_copy_of_what_is_there_moves_no_byte_and_says_so(twin: Twin, acr_emulator: Emulator) -> None:
    """A mount does not tell whether the blob was there before. The manifest does, and then a HEAD."""
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    registry.repository("app").push(image(9), tag="v1")
    for asked, kind in (((10, 0, 0), acr.Mounted), ((0, 10, 0), acr.Skipped)):
        acr_emulator.clear_requests()
        events: list[acr.ProgressEvent] = []
        registry.copy("app:v1", "other:v1", progress=events.append)
        found = kinds(acr_emulator)
        assert (found["POST /blobs/uploads"], found["HEAD /blobs/"], found["PUT /blobs/uploads"]) == asked
        assert {type(event) for event in events} == {kind}


@pytest.mark.parametrize("size", [10, MIB + 1])
def test_a_copy_of_what_is_there_moves_no_byte_where_no_mount_is_done(
    twin: Twin, acr_emulator: Emulator, size: int
) -> None:
    """The first mounts open sessions, which are given up; then the registry is asked for each blob first."""
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    made = acr.Memory()
    add_image(made, [bytes([number]) * size for number in range(3)], tag="v1")
    for name in ("app", "other"):
        root = registry.repository(name).push(made, tag="v1")
    registry.repository("other").manifest(root.digest).delete()
    opened = registry.repository("other").start_upload()
    acr_emulator.fail(method="POST", path_contains="mount=", status=202, headers={"Location": opened.location}, times=1)
    acr_emulator.clear_requests()
    registry.copy("app:v1", "other:v1", concurrency=1)
    found = kinds(acr_emulator)
    assert (found["POST /blobs/uploads"], found["HEAD /blobs/"], found["PUT /blobs/uploads"]) == (1, 4, 0)
    assert found["PATCH /blobs/uploads"] == 0
    assert acr_emulator.open_uploads == []


def test_a_session_that_a_mount_opened_is_given_up_if_the_look_at_the_blob_fails(
    twin: Twin, acr_emulator: Emulator
) -> None:
    """Found by a seeded fault run: the session was forgotten, since nothing was to be sent into it yet."""
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    registry.repository("app").push(image(2), tag="v1")
    opened = registry.repository("other").start_upload()
    acr_emulator.fail(method="POST", path_contains="mount=", status=202, headers={"Location": opened.location}, times=1)
    acr_emulator.fail(method="HEAD", path_contains="/blobs/", status=400, times=1)
    with pytest.raises(acr.errors.AcrError):
        registry.copy("app:v1", "other:v1", concurrency=1)
    assert acr_emulator.open_uploads == []


def azure(twin: Twin, emulator: Emulator, credential: acr.Credential | None = None, **options: Any) -> acr.Registry:
    """A client of the emulator that takes it for a registry of Azure's, by its name."""
    credential = credential or emulator.credential()
    return twin.connect("http://my.azurecr.io", credential, allow_http=True, proxy=emulator.url, **options)


def sent(emulator: Emulator) -> int:
    """Bytes of blobs that came in."""
    return sum(request.received for request in emulator.requests if "/blobs/uploads/" in request.path)


def opened(emulator: Emulator, repository: str = "app") -> dict[str, str]:
    """The head of an answer that opens an upload session."""
    other = acr.Registry(emulator.url, emulator.credential())
    with other:
        return {"Location": other.repository(repository).start_upload().location}


@pytest.mark.parametrize("size", [10, MIB + 1])
def test_a_push_of_what_is_new_asks_for_no_layer(twin: Twin, acr_emulator: Emulator, size: int) -> None:
    """For each blob a POST and a PUT; if it is large, a HEAD as well."""
    made = acr.Memory()
    add_image(made, [bytes([number]) * size for number in range(9)], tag="v1")
    azure(twin, acr_emulator).repository("app").push(made, tag="v1")
    found = kinds(acr_emulator)
    assert (found["HEAD /manifests/"], found["HEAD /blobs/"]) == (1, 1 if size == 10 else 10)
    assert (found["POST /blobs/uploads"], found["PUT /blobs/uploads"], found["PUT /manifests/"]) == (10, 10, 1)
    assert acr_emulator.open_uploads == []


@pytest.mark.parametrize("status", [201, 202, 400, 404])
def test_a_push_of_what_is_there_moves_no_byte(twin: Twin, acr_emulator: Emulator, armed: Armed, status: int) -> None:
    registry = azure(twin, acr_emulator)
    registry.repository("app").push(image(9), tag="v1")
    acr_emulator.clear_requests()
    if status != 201:
        fault = acr_emulator.fail(times=ALWAYS, method="POST", path_contains="mount=", status=status)
        armed.excuse(fault, "nothing is mounted")
    registry.repository("app").push(image(9), tag="v1")
    found = kinds(acr_emulator)
    assert sent(acr_emulator) == 0
    assert found == {"HEAD /manifests/": 1, "HEAD /blobs/": 10, "PUT /manifests/": 1}


def test_a_new_image_over_old_layers_moves_what_is_new(twin: Twin, acr_emulator: Emulator) -> None:
    """The layers of the old one are answered with 201, and are there."""
    registry = azure(twin, acr_emulator)
    registry.repository("app").push(image(9), tag="v1")
    acr_emulator.clear_requests()
    made = acr.Memory()
    add_image(made, [b"layer 1", b"layer 2", b"new"], tag="v2")
    events: list[acr.ProgressEvent] = []
    registry.repository("app").push(made, tag="v2", progress=events.append)
    found = kinds(acr_emulator)
    assert (found["POST /blobs/uploads"], found["PUT /blobs/uploads"], found["HEAD /blobs/"]) == (4, 2, 1)
    skipped = {event.item.digest for event in events if isinstance(event, acr.Skipped)}
    assert skipped == {acr.Digest.of(b"layer 1"), acr.Digest.of(b"layer 2")}
    assert acr_emulator.open_uploads == []


def test_a_new_index_over_an_old_image_is_asked_for_what_may_be_there(twin: Twin, acr_emulator: Emulator) -> None:
    registry, made = azure(twin, acr_emulator), acr.Memory()
    old, new = add_image(made, [b"old", b"both"], tag="old"), add_image(made, [b"new", b"both", b"both"])
    inner = add_index(made, [new])
    add_index(made, [old, inner], tag="v1")
    registry.repository("app").push(made, "old", tag="old")
    acr_emulator.clear_requests()
    events: list[acr.ProgressEvent] = []
    registry.repository("app").push(made, "v1", tag="v1", progress=events.append)
    found = kinds(acr_emulator)
    # The root, the image whose config is there, and the index, which has none; two configs, and the layers of the old.
    assert (found["HEAD /manifests/"], found["HEAD /blobs/"]) == (3, 4)
    assert (found["POST /blobs/uploads"], found["PUT /blobs/uploads"], found["PUT /manifests/"]) == (2, 2, 3)
    config = made.manifest(old.digest).config
    assert config is not None
    skipped = {event.item.digest for event in events if isinstance(event, acr.Skipped)}
    assert skipped == {old.digest, config.digest, acr.Digest.of(b"old"), acr.Digest.of(b"both")}


@pytest.mark.parametrize("status", [400, 404, 405, 500])
def test_where_no_mount_of_its_own_is_known_a_push_asks_for_each_blob(
    twin: Twin, acr_emulator: Emulator, status: int
) -> None:
    acr_emulator.fail(method="POST", path_contains="mount=", status=status, times=1)
    registry = azure(twin, acr_emulator)
    for number, name in enumerate(("one", "two")):
        acr_emulator.clear_requests()
        registry.repository(name).push(image(5), tag="v1", concurrency=1)
        found = kinds(acr_emulator)
        # The config of the first push is known to be missing; the first layer is asked for by a mount.
        assert (found["HEAD /blobs/"], found["POST /blobs/uploads"]) == (6, 6 + (number == 0))
        assert found["PUT /blobs/uploads"] == 6


def test_where_no_mount_is_done_a_push_looks_at_large_blobs_and_leaves_the_trick(
    twin: Twin, acr_emulator: Emulator
) -> None:
    """The session that the mount has opened is cancelled."""
    registry, made = azure(twin, acr_emulator), acr.Memory()
    layers = [bytes([number]) * (MIB + 1) for number in range(3)]
    add_image(made, layers, tag="v1")
    for layer in layers:
        registry.repository("app").upload_blob(layer)
    acr_emulator.fail(method="POST", path_contains="mount=", status=202, headers=opened(acr_emulator), times=1)
    for tag in ("v1", "v2"):
        acr_emulator.clear_requests()
        registry.repository("app").push(made, tag=tag, concurrency=1)
        mounts = [request for request in acr_emulator.requests if "mount=" in request.path]
        assert (len(mounts), kinds(acr_emulator)["HEAD /blobs/"]) == ((1, 4) if tag == "v1" else (0, 4))
        assert sent(acr_emulator) < MIB
        assert acr_emulator.open_uploads == []


def test_a_session_that_a_push_opened_is_given_up_if_the_look_at_the_blob_fails(
    twin: Twin, acr_emulator: Emulator
) -> None:
    registry, made = azure(twin, acr_emulator), acr.Memory()
    add_image(made, [b"-" * (MIB + 1)], tag="v1")
    acr_emulator.fail(method="HEAD", path_contains=str(acr.Digest.of(b"-" * (MIB + 1))), status=400, times=1)
    with pytest.raises(acr.errors.AcrError):
        registry.repository("app").push(made, tag="v1", concurrency=1)
    assert len([request for request in acr_emulator.requests if "mount=" in request.path]) == 1
    assert acr_emulator.open_uploads == []


def test_what_a_registry_claims_to_have_is_sent_after_all(twin: Twin, acr_emulator: Emulator) -> None:
    """It says 201 to mounts of what it lacks, and then BLOB_UNKNOWN to the manifest."""
    registry, made = azure(twin, acr_emulator), image(5)
    acr_emulator.fail(method="POST", path_contains="mount=", status=201, headers={"Location": "/v2/x"}, times=3)
    registry.repository("app").push(made, tag="v1")
    found = kinds(acr_emulator)
    assert (found["PUT /manifests/"], found["PUT /blobs/uploads"]) == (2, 6)
    assert len([request for request in acr_emulator.requests if "mount=" in request.path]) == 5
    got = acr.Memory()
    whole = twin.connect(acr_emulator.url, acr_emulator.credential())
    whole.repository("app").pull("v1", got)
    assert contents(got, got.resolve("v1").digest) == contents(made, made.resolve("v1").digest)
    acr_emulator.clear_requests()
    registry.repository("other").push(image(2), tag="v1")
    assert [request for request in acr_emulator.requests if "mount=" in request.path] == []
    assert acr_emulator.open_uploads == []


def test_what_a_registry_claims_to_have_and_to_lack_is_sent_without_a_mount(twin: Twin, acr_emulator: Emulator) -> None:
    """To each HEAD it says that it is there, and to the manifest that it is not."""
    made, layer = image(1), acr.Digest.of(b"layer 0")
    acr_emulator.fail(
        method="POST", path_contains=f"mount=sha256%3A{layer.hex}", status=201, headers={"Location": "/v2/x"}
    )
    acr_emulator.fail(method="HEAD", path_contains=f"/blobs/{layer}", status=200, headers={"Content-Length": "7"})
    azure(twin, acr_emulator).repository("app").push(made, tag="v1")
    assert kinds(acr_emulator)["PUT /manifests/"] == 3
    assert len([request for request in acr_emulator.requests if "mount=" in request.path]) == 1
    assert acr_emulator.open_uploads == []


@pytest.mark.parametrize("lies", [False, True])
def test_another_make_that_has_mounted_is_asked_by_mounts_too_and_not_believed(
    twin: Twin, acr_emulator: Emulator, lies: bool
) -> None:
    registry = twin.connect(acr_emulator.url, acr_emulator.credential())
    registry.repository("app").push(image(3), tag="v1")
    assert [request for request in acr_emulator.requests if "mount=" in request.path] == []
    registry.copy("app:v1", "other:v1")
    acr_emulator.clear_requests()
    made = acr.Memory()
    add_image(made, [b"layer 1", b"new"], tag="v2")
    if lies:
        new = acr.Digest.of(b"new")
        acr_emulator.fail(
            method="POST", path_contains=f"mount=sha256%3A{new.hex}", status=201, headers={"Location": "/v2/x"}
        )
    registry.repository("app").push(made, tag="v2", concurrency=1)
    found = kinds(acr_emulator)
    assert (found["PUT /blobs/uploads"], found["PUT /manifests/"]) == (2, 1)
    assert found["HEAD /blobs/"] == 2 + lies
    assert registry.repository("app").blob(acr.Digest.of(b"new")).exists()


def files(folder: Path, *contents: bytes) -> list[Path]:
    for number, content in enumerate(contents):
        (folder / f"file {number}").write_bytes(content)
    return sorted(folder.iterdir())


def test_a_first_artifact_takes_two_requests_for_each_blob(twin: Twin, acr_emulator: Emulator, tmp_path: Path) -> None:
    given = files(tmp_path, b"a", b"b", b"c")
    azure(twin, acr_emulator).repository("app").push_artifact(given, artifact_type="a/b", tag="v1")
    found = kinds(acr_emulator)
    assert (found["HEAD /blobs/"], found["POST /blobs/uploads"], found["PUT /blobs/uploads"]) == (1, 4, 4)
    assert found["PUT /manifests/"] == 1
    assert found.total() == 1 + 4 + 4 + 1 + 2  # and two for a token
    assert acr_emulator.requests[-1].path.endswith("/manifests/v1")


def test_the_session_of_the_config_is_opened_while_the_registry_is_asked_for_it(twin: Twin, tmp_path: Path) -> None:
    config, is_opened = acr.Digest.of(b"{}"), threading.Event()

    def plays(peer: Peer, asked: Asked) -> None:
        if asked.method == "HEAD":
            assert is_opened.wait(PATIENCE)
            peer.send(head(0, status="404 Not Found"))
        elif asked.method == "POST":
            if config.hex in asked.target:
                is_opened.set()
            peer.send(head(0, "Location: /v2/app/blobs/uploads/one", status="202 Accepted"))
        elif asked.method == "PUT":
            peer.read(int(asked.headers["content-length"]))
            peer.send(head(0, status="201 Created"))
        else:  # nobody needs a token here
            peer.send(head(0))

    with Script(plays) as server:
        registry = twin.connect("http://my.azurecr.io", allow_http=True, proxy=server.url)
        registry.repository("app").push_artifact(files(tmp_path, b"a"), artifact_type="a/b", tag="v1")
        assert [asked.method for asked in server.asked].count("POST") == 2


def test_a_config_that_another_client_stores_meanwhile_teaches_nothing(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    """Its session is opened, and then it is there: that says nothing of whether the registry tells by mounts."""
    given, repository = files(tmp_path, b"a"), azure(twin, acr_emulator).repository("app")
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as another:
        config = another.repository("app").upload_blob(b"{}").digest
    mount = f"mount=sha256%3A{config.hex}"
    acr_emulator.fail(method="POST", path_contains=mount, status=202, headers=opened(acr_emulator))
    repository.push_artifact(given, artifact_type="a/b", tag="v1")
    assert acr_emulator.open_uploads == []
    acr_emulator.clear_requests()
    (tmp_path / "file 0").write_bytes(b"new")
    repository.push_artifact(given, artifact_type="a/b", tag="v1")
    assert len([request for request in acr_emulator.requests if "mount=" in request.path]) == 2


def test_a_config_that_a_mount_claims_is_sent_if_the_registry_lacks_it(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    config = acr.Digest.of(b"{}")
    acr_emulator.fail(
        method="POST", path_contains=f"mount=sha256%3A{config.hex}", status=201, headers={"Location": "/v2/x"}
    )
    repository = azure(twin, acr_emulator).repository("app")
    repository.push_artifact(files(tmp_path, b"a"), artifact_type="a/b", tag="v1")
    assert repository.blob(config).exists()


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_config_whose_mount_is_refused_is_asked_for_once(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path, status: int
) -> None:
    config = acr.Digest.of(b"{}")
    acr_emulator.fail(method="POST", path_contains=f"mount=sha256%3A{config.hex}", status=status, times=ALWAYS)
    repository = azure(twin, acr_emulator, retries=acr.Retries(limit=0)).repository("app")
    repository.push_artifact(files(tmp_path, b"a"), artifact_type="a/b", tag="v1")
    assert kinds(acr_emulator)["HEAD /blobs/"] == 1


def test_an_artifact_that_is_there_moves_no_byte(twin: Twin, acr_emulator: Emulator, tmp_path: Path) -> None:
    given = files(tmp_path, b"a", b"b" * (MIB + 1))
    repository = azure(twin, acr_emulator).repository("app")
    repository.push_artifact(given, artifact_type="a/b", tag="v1")
    acr_emulator.clear_requests()
    events: list[acr.ProgressEvent] = []
    repository.push_artifact(given, artifact_type="a/b", tag="v1", progress=events.append)
    assert sent(acr_emulator) == 0
    assert kinds(acr_emulator) == {"HEAD /blobs/": 1, "POST /blobs/uploads": 3, "PUT /manifests/": 1}
    assert {type(event) for event in events} == {acr.Skipped}


def test_a_file_that_is_there_as_a_layer_moves_no_byte_in_a_first_artifact(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    repository = azure(twin, acr_emulator).repository("app")
    given = files(tmp_path, b"a", b"b" * (MIB + 1))
    for path in given:
        repository.upload_blob(path.read_bytes())
    acr_emulator.clear_requests()
    repository.push_artifact(given, artifact_type="a/b", tag="v1")
    assert sent(acr_emulator) == len(b"{}")
    assert acr_emulator.open_uploads == []


def test_an_artifact_that_is_there_moves_no_byte_where_no_mount_is_done(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    """The config is there. So a small file is looked at, too, before a byte of it is sent."""
    given = files(tmp_path, b"a")
    repository = azure(twin, acr_emulator).repository("app")
    repository.push_artifact(given, artifact_type="a/b", tag="v1")
    acr_emulator.fail(method="POST", path_contains="mount=", times=2, status=202, headers=opened(acr_emulator))
    for mounts in (2, 0):
        acr_emulator.clear_requests()
        repository.push_artifact(given, artifact_type="a/b", tag="v1")
        assert sent(acr_emulator) == 0
        assert kinds(acr_emulator)["POST /blobs/uploads"] == mounts
        assert acr_emulator.open_uploads == []


def test_a_session_for_a_file_is_given_up_if_the_look_at_the_config_fails(
    twin: Twin, acr_emulator: Emulator, tmp_path: Path
) -> None:
    given = files(tmp_path, b"a")
    acr_emulator.fail(method="HEAD", path_contains=str(acr.Digest.of(b"{}")), status=400, delay=0.2)
    with pytest.raises(acr.AcrError):
        azure(twin, acr_emulator).repository("app").push_artifact(given, artifact_type="a/b", tag="v1")
    assert acr_emulator.open_uploads == []


def test_to_azure_the_first_chunk_is_larger(twin: Twin) -> None:
    session = twin.connect("my.azurecr.io")._session
    assert getattr(session, "unwrapped", session).learned.chunking.first == AZURES == 16 * MIB
    other = twin.connect("registry.example")._session
    assert getattr(other, "unwrapped", other).learned.chunking.first == 4 * MIB


def asked(emulator: Emulator) -> list[str]:
    """The paths that were asked for, without their queries."""
    return [request.path.partition("?")[0] for request in emulator.requests]


REALM = "http://my.azurecr.io:80/oauth2/token"
"""The same place, in other words than those that are assumed."""


def test_the_first_call_to_azure_takes_a_token_and_itself(twin: Twin, acr_emulator: Emulator) -> None:
    assert list(azure(twin, acr_emulator, login(acr_emulator)).repositories()) == []
    assert asked(acr_emulator) == ["/oauth2/token", "/acr/v1/_catalog"]


def test_the_first_call_to_another_host_asks_for_its_challenge(twin: Twin, acr_emulator: Emulator) -> None:
    assert list(twin.connect(acr_emulator.url, acr_emulator.credential()).repositories()) == []
    assert asked(acr_emulator) == ["/v2/", "/oauth2/exchange", "/oauth2/token", "/acr/v1/_catalog"]


def login(emulator: Emulator) -> acr.UsernamePassword:
    return acr.UsernamePassword(emulator.username, emulator.password)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 200])
@pytest.mark.parametrize("kind", ["entra", "password"])
def test_what_is_assumed_of_azure_is_asked_for_if_the_token_endpoint_refuses_it(
    twin: Twin, acr_emulator: Emulator, kind: str, status: int
) -> None:
    acr_emulator.fail(path_contains="/oauth2/", status=status, body=b"{}")
    challenge = {"WWW-Authenticate": f'Bearer realm="{REALM}",service="my.azurecr.io"'}
    acr_emulator.fail(path_contains="/v2/", status=401, headers=challenge)
    registry = azure(twin, acr_emulator, login(acr_emulator) if kind == "password" else None)
    assert list(registry.repositories()) == []
    token = ["/oauth2/token"] if kind == "password" else ["/oauth2/exchange", "/oauth2/token"]
    assert asked(acr_emulator) == [token[0], "/v2/", *token, "/acr/v1/_catalog"]
    acr_emulator.clear_requests()
    assert list(registry.repositories()) == []
    assert asked(acr_emulator) == ["/acr/v1/_catalog"]


def test_of_a_client_without_a_credential_nothing_is_assumed(twin: Twin) -> None:
    with Emulator(anonymous_pull=True) as emulator:
        registry = twin.connect("http://my.azurecr.io", allow_http=True, proxy=emulator.url)
        assert list(registry.repositories()) == []
        assert asked(emulator) == ["/v2/", "/oauth2/token", "/acr/v1/_catalog"]


@pytest.mark.parametrize("error", ["insufficient_scope", "invalid_token"])
def test_a_token_for_what_was_assumed_that_the_api_refuses_is_replaced(
    twin: Twin, acr_emulator: Emulator, error: str
) -> None:
    """The token endpoint knows the host, and issues a token that the registry does not take."""
    scope = "registry:catalog:*"
    challenge = f'Bearer realm="{REALM}",service="my.azurecr.io",scope="{scope}",error="{error}"'
    acr_emulator.fail(path_contains="_catalog", status=401, headers={"WWW-Authenticate": challenge})
    assert list(azure(twin, acr_emulator).repositories()) == []
    once = ["/oauth2/token", "/acr/v1/_catalog"]
    assert asked(acr_emulator) == ["/oauth2/exchange", *once, *once]


def test_a_wrong_password_is_told_and_the_challenge_is_asked_for_once(twin: Twin, acr_emulator: Emulator) -> None:
    registry = azure(twin, acr_emulator, acr.UsernamePassword(acr_emulator.username, "wrong"))
    for _ in range(2):
        with pytest.raises(acr.CredentialError, match="password"):
            list(registry.repositories())
    assert asked(acr_emulator) == ["/oauth2/token", "/v2/", "/oauth2/token"]


def test_a_challenge_that_names_another_host_gets_no_credential(twin: Twin, acr_emulator: Emulator) -> None:
    acr_emulator.fail(path_contains="/oauth2/", status=403)
    challenge = {"WWW-Authenticate": 'Bearer realm="https://elsewhere.example/oauth2/token",service="x"'}
    acr_emulator.fail(path_contains="/v2/", status=401, headers=challenge)
    with pytest.raises(acr.ProtocolViolation, match="elsewhere.example"):
        list(azure(twin, acr_emulator).repositories())
    assert asked(acr_emulator) == ["/oauth2/exchange", "/v2/"]


def test_a_token_endpoint_that_fails_refutes_nothing(twin: Twin, acr_emulator: Emulator) -> None:
    acr_emulator.fail(path_contains="/oauth2/", status=503, times=5)
    with pytest.raises(acr.ResponseError):
        list(azure(twin, acr_emulator).repositories())
    assert set(asked(acr_emulator)) == {"/oauth2/exchange"}


def test_a_host_of_azures_name_that_takes_no_tokens_is_asked_without(twin: Twin, acr_emulator: Emulator) -> None:
    acr_emulator.fail(path_contains="/oauth2/", status=404)
    acr_emulator.fail(path_contains="/v2/", status=200, body=b"{}")
    acr_emulator.fail(path_contains="_catalog", status=200, body=b'{"repositories":["a"]}')
    assert list(azure(twin, acr_emulator).repositories()) == ["a"]
    assert "authorization" not in acr_emulator.requests[-1].headers


def test_what_tokens_the_caller_gets_is_not_assumed(twin: Twin, acr_emulator: Emulator) -> None:
    assert azure(twin, acr_emulator).refresh_token()
    assert asked(acr_emulator) == ["/v2/", "/oauth2/exchange"]


# A copy to another registry: the blob comes while the target opens the session.


def target(lacks: str, *, before_session: Callable[[], object], session: int = 202) -> Callable[[Peer, Asked], None]:
    """A registry that has nothing, and waits before it opens a session for one blob."""

    def play(peer: Peer, asked: Asked) -> None:
        body = peer.read(int(asked.headers.get("content-length", "0")))
        if asked.method == "HEAD":
            peer.send(head(0, status="404 Not Found"))
        elif asked.method == "POST":
            if lacks in asked.target:
                before_session()
            is_session = session == 202 or lacks not in asked.target
            opened = ("Location: /v2/prod/blobs/uploads/7?a=b",) if is_session else ()
            peer.send(head(0, *opened, status=f"{202 if is_session else session} Said"))
        elif asked.method == "PUT":
            content = unquote(asked.target).rpartition("digest=")[2] if "digest=" in asked.target else digest_of(body)
            peer.send(head(0, f"Docker-Content-Digest: {content}", "Location: /v2/prod/x", status="201 Created"))
        else:
            peer.send(head(0, status="204 No Content"))

    return play


def test_a_blob_comes_while_the_other_registry_opens_its_session(twin: Twin, acr_emulator: Emulator) -> None:
    twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app").push(image(1), tag="v1")
    layer, came = str(acr.Digest.of(b"layer 0")), threading.Event()

    def see(request: acr.RequestInfo) -> None:
        if request.url.endswith(f"/blobs/{layer}"):
            came.set()

    source = twin.connect(acr_emulator.url, acr_emulator.credential(), on_request=see)
    waited: list[bool] = []
    with Script(target(layer[7:], before_session=lambda: waited.append(came.wait(4)))) as script:
        azures = twin.connect("http://my.azurecr.io", allow_http=True, proxy=script.url)
        source.copy("app:v1", "prod:v1", to=azures)
    assert waited == [True]


def test_a_blob_that_cannot_be_read_leaves_no_session_of_the_other_registry(twin: Twin, acr_emulator: Emulator) -> None:
    other = acr_emulator
    with Emulator() as first:
        source = twin.connect(first.url, first.credential())
        source.repository("app").push(image(3), tag="v1")
        layer = str(acr.Digest.of(b"layer 1"))
        fault = first.fail(times=ALWAYS, path_contains=f"/blobs/{layer}", status=404)
        with pytest.raises(acr.NotFound):
            source.copy("app:v1", "app:v1", to=azure(twin, other))
        assert [one.status for one in first.requests if layer in one.path and one.method == "GET"] == [404]
        assert other.open_uploads == []
        fault.left = 0
        source.copy("app:v1", "app:v1", to=azure(twin, other))


@pytest.mark.parametrize("status", [405, 201])
def test_a_blob_that_has_begun_to_come_is_sent_or_left_as_the_other_registry_says(
    twin: Twin, acr_emulator: Emulator, status: int
) -> None:
    """It opens no session for the mount, or says that it has the blob: then what has begun is let go of."""
    source = twin.connect(acr_emulator.url, acr_emulator.credential())
    source.repository("app").push(image(1), tag="v1")
    layer = str(acr.Digest.of(b"layer 0"))
    with Script(target(layer[7:], before_session=lambda: None, session=status)) as script:
        azures = twin.connect("http://my.azurecr.io", allow_http=True, proxy=script.url)
        source.copy("app:v1", "prod:v1", to=azures)
    sent = [asked.target for asked in script.asked if asked.method == "PUT"]
    assert len(sent) == (3 if status == 405 else 2)
    assert source.repository("app").blob(layer).exists()


def test_what_has_begun_to_come_goes_on_if_the_other_registry_opens_no_session_for_a_mount(
    twin: Twin, acr_emulator: Emulator
) -> None:
    """The failure of one request cut the connection of the other, whose bytes were then asked for once more."""
    made, content = acr.Memory(), b"layer" * 600_000
    add_image(made, [content], tag="v1")
    twin.connect(acr_emulator.url, acr_emulator.credential()).repository("app").push(made, tag="v1")
    layer, came = str(acr.Digest.of(content)), threading.Event()

    def see(response: acr.ResponseInfo) -> None:
        if response.status == 200 and layer[7:] in unquote(response.request.url):
            threading.Timer(0.2, came.set).start()

    def wait() -> None:
        assert came.wait(4)

    source = twin.connect(acr_emulator.url, acr_emulator.credential(), on_response=see)
    acr_emulator.clear_requests()
    with Script(target(layer[7:], before_session=wait, session=405)) as script:
        azures = twin.connect("http://my.azurecr.io", allow_http=True, proxy=script.url)
        source.copy("app:v1", "prod:v1", to=azures)
    assert [asked.target for asked in script.asked if asked.method == "PUT" and layer[7:] in asked.target]
    assert [one.origin for one in acr_emulator.requests if layer[7:] in one.path] == ["registry", "storage"]


@pytest.mark.parametrize("is_tls", [False, True])
def test_who_waits_for_the_token_of_another_connects_meanwhile(
    twin: Twin, is_tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four calls begin at once. One asks what the registry wants, and others connect before that is known.

    A connection may be made so soon that the next call takes it for its own.
    """
    tls = make_certificate(tmp_path, ("127.0.0.1",)) if is_tls else None
    if tls is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))

    def late(peer: Peer, _asked: Asked) -> None:
        for _ in range(2):
            assert script.greeted.acquire(timeout=PATIENCE)
        peer.send(head(2) + b"{}")

    with Script(late, FOUND, greets=False, tls=tls) as script:
        registry = twin.connect(script.url)
        manifest = registry.repository("app").manifest("v1")
        found = twin.at_once([manifest.head] * 4)
        assert {one.size for one in found} == {1}
    assert len(script.asked) == 5
    assert max(script.connections) < 4


def test_a_connection_that_cannot_be_had_meanwhile_is_no_error(
    twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = make_certificate(tmp_path, ("127.0.0.1",))
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))

    def late(peer: Peer, _: Asked) -> None:
        assert script.rejected.acquire(timeout=PATIENCE)
        peer.send(head(2) + b"{}")

    with Script(late, FOUND, greets=False, tls=tls) as script:
        script.rejects = 1
        manifest = twin.connect(script.url).repository("app").manifest("v1")
        assert {one.size for one in twin.at_once([manifest.head] * 4)} == {1}


def close(peer: Peer) -> None:
    peer.close()


def refuse(peer: Peer) -> None:
    """As HAProxy does with a connection that it was not asked on for a while."""
    peer.send(head(0, "Connection: close", status="408 Request Timeout"))
    peer.close()


def answer_unasked(peer: Peer) -> None:
    peer.send(head(7, f"Docker-Content-Digest: {digest_of(b'other')}", "Content-Type: x/y"))


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("does", [close, refuse, answer_unasked])
def test_a_connection_made_meanwhile_is_taken_if_nothing_has_come_on_it(
    twin: Twin, does: Callable[[Peer], None], is_tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came of its own accord was taken for the answer to what was asked next."""
    tls = make_certificate(tmp_path, ("127.0.0.1",)) if is_tls else None
    if tls is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))

    def late(peer: Peer, _: Asked) -> None:
        assert script.is_spoilt.wait(PATIENCE)
        peer.send(head(2) + b"{}")

    with Script(late, FOUND, greets=False, tls=tls) as script:
        script.spoils = does
        manifest = twin.connect(script.url, retries=acr.Retries(limit=0)).repository("app").manifest("v1")
        found = twin.at_once([manifest.head] * 2)
    assert [(one.digest, one.size) for one in found] == [(digest_of(b"x"), 1)] * 2
