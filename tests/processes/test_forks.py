"""Forks: a child has its own connections, locks and threads, and the parent goes on as if there were none."""

from __future__ import annotations

import io
import os
import ssl
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import acr
from acr.emulator import Emulator
from acr.media_types import OCI_MANIFEST
from tests.certificate import make_certificate
from tests.content import bytes_of
from tests.processes.busy import TAGS, content_of
from tests.processes.program import told
from tests.shells.script import Asked, Peer, Script, digest_of, gives, head

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")

CALLS: Final = int(os.environ.get("ACR_FORK_CALLS", "240"))
CHILDREN: Final = 8
DIGEST: Final = digest_of(b"content")
SIZES: Final = (5, 6, 7)
colours = pytest.mark.parametrize("colour", ["sync", "async"])


@pytest.fixture(params=["http", "tls"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path] | None:
    """Files of a certificate and its key; None for plain http."""
    return make_certificate(tmp_path) if request.param == "tls" else None


def ca(tls: tuple[Path, Path] | None) -> str:
    return str(tls[0]) if tls else ""


@pytest.fixture
def manifests(tls: tuple[Path, Path] | None) -> Iterator[Emulator]:
    """An emulator with a manifest for each tag."""
    with Emulator(tls=tls) as emulator:
        for number in range(TAGS):
            emulator_put(emulator, f"t{number}", content_of(number), tls)
        yield emulator


def emulator_put(emulator: Emulator, tag: str, content: bytes, tls: tuple[Path, Path] | None = None) -> None:

    context = ssl.create_default_context(cafile=ca(tls)) if tls else None
    with acr.Registry(emulator.url, emulator.credential(), ssl_context=context) as registry:
        registry.repository("app").put_manifest(acr.Manifest.of(content, OCI_MANIFEST), tag=tag)


@pytest.mark.parametrize("wait", [0.0, 0.002, 0.005, 0.01, 0.02])
def test_a_fork_while_another_thread_makes_the_first_client(wait: float) -> None:
    """That thread loads modules. The child would wait for ever for the lock of the one that is being loaded."""
    code = """
import os, signal, sys, threading, time, acr
acr.Registry
threading.Thread(target=lambda: acr.Registry("localhost:5000")).start()
time.sleep(float(sys.argv[1]))
child = os.fork()
if not child:
    signal.alarm(20)
    acr.Registry("localhost:5000")
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""
    subprocess.run([sys.executable, "-c", code, str(wait)], check=True, timeout=60)


@colours
def test_children_of_a_busy_parent_get_their_own_answers(
    colour: str, manifests: Emulator, tls: tuple[Path, Path] | None
) -> None:
    """`make test-forks` makes 2,000 calls."""
    before = len(manifests.requests)
    calls = CALLS // CHILDREN
    found = told("busy", colour, manifests.url, manifests.username, manifests.password, ca(tls), CHILDREN, calls)
    assert found["children"] == {"right": calls * CHILDREN}
    assert set(found["parent"]) == {"right"}
    tokens = [request for request in manifests.requests[before:] if request.path.startswith("/oauth2")]
    assert len(tokens) == 1  # the children have the parent's


@pytest.fixture(params=["http", "tls", "proxy"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """How the server of a script is reached: makes it, and the arguments of a scenario."""
    files = make_certificate(tmp_path) if request.param == "tls" else None

    def begin(*parts: Any) -> tuple[Script, list[Any]]:
        server = Script(*parts, tls=files)
        if request.param == "proxy":
            return server, ["http://registry.invalid", "", server.url, DIGEST]
        return server, [server.url, ca(files), None, DIGEST]

    return begin


@colours
def test_a_child_leaves_the_connection_of_its_parent_alone(colour: str, way: Any) -> None:
    """Nothing is said on it: neither a request, nor the end of TLS, nor the end of TCP."""
    server, arguments = way(*(gives(head(size)) for size in SIZES))
    with server:
        assert told("scenarios", "turns", colour, *arguments) == [*SIZES, None]
        assert server.connections == [0, 1, 0]


@colours
def test_a_child_does_not_keep_open_what_its_parent_closes(colour: str, way: Any) -> None:
    left = threading.Event()

    def watches(peer: Peer, _: Asked) -> None:
        peer.send(head(5))
        if peer.is_left():
            left.set()

    def tells(peer: Peer, _: Asked) -> None:
        peer.send(head(2 if left.wait(5) else 1))

    server, arguments = way(watches, tells)
    with server:
        found = told("scenarios", "inherited", colour, *arguments)
    assert found == {"opened": 1, "inherited": 0, "seen": 2}


def test_a_fork_that_python_was_not_told_of_is_found_out() -> None:
    with Script(*(gives(head(size)) for size in SIZES[:2])) as server:
        assert told("scenarios", "turns_unseen", server.url, DIGEST) == list(SIZES[:2])
        assert server.connections == [0, 1]


@colours
def test_a_child_waits_for_no_lock_of_a_thread_that_only_its_parent_has(colour: str, acr_emulator: Emulator) -> None:
    emulator_put(acr_emulator, "v1", content_of(1))
    token = acr_emulator.credential().get_token("https://containerregistry.azure.net/.default").token
    assert told("scenarios", "held", colour, acr_emulator.url, token) == ["v1", "v1"]


BLOB: Final = bytes_of(9_000_000)


@pytest.fixture
def login(acr_emulator: Emulator) -> list[str]:
    """Where the emulator is, and its admin, of a repository with two blobs: a small one and a large one."""
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        for content in (BLOB, BLOB[:10_000]):
            registry.repository("app").upload_blob(content)
    return [acr_emulator.url, acr_emulator.username, acr_emulator.password]


@colours
@pytest.mark.parametrize("size", [10_000, len(BLOB)])
def test_a_blob_that_is_half_read_goes_on_in_the_parent(colour: str, size: int, login: list[str]) -> None:
    """In the child it is begun anew where it was, or refused, if its hash was in the hands of a thread."""
    digest = digest_of(BLOB[:size])
    child, parent = told("scenarios", "half_read", colour, *login, digest)
    assert parent == digest
    assert child == digest if size < len(BLOB) else "begin one in each process" in child


def test_a_child_that_leaves_its_parent_s_transfers_takes_nothing_away(login: list[str], tmp_path: Path) -> None:
    digest = digest_of(BLOB)
    found = told("scenarios", "left", *login, digest, str(tmp_path))
    assert found == {"upload": digest_of(b"firstsecond"), "download": digest, "files": ["blob"]}


def test_files_that_a_child_has_keep_nobody_out(tmp_path: Path) -> None:
    """Locks of files are shared by a fork. What an earlier run has left is taken up."""
    assert told("scenarios", "files", str(tmp_path)) == [3, None]


def test_an_archive_that_a_thread_looks_into_can_be_looked_into_by_a_child(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    with tarfile.open(path, "w") as tar:
        listed = tarfile.TarInfo("manifest.json")
        content = b'[{"Config": "c.json", "RepoTags": ["app:v1"], "Layers": []}]'
        listed.size = len(content)
        tar.addfile(listed, io.BytesIO(content))
    assert told("scenarios", "archive", str(path)) == [["app:v1"], ["app:v1"]]


@colours
@pytest.mark.parametrize(
    ("kind", "used", "expected"),
    [
        ("http", False, [5]),
        ("http", True, [5, "InvalidInput: the transport passed as transport= has connections of another process"]),
        ("mock", True, [5, 5]),
    ],
)
def test_a_transport_of_the_caller_s_is_used_in_one_process(
    colour: str, kind: str, used: bool, expected: list[Any]
) -> None:
    """Nobody but itself could renew its connections."""
    with Script(gives(head(5))) as server:
        found = told("scenarios", "brought", colour, server.url, kind, used, DIGEST)
    assert [one.partition(",")[0] if isinstance(one, str) else one for one in found] == expected
