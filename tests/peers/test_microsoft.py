"""Microsoft's SDKs on the emulator: Python's, synchronous and asynchronous, and JavaScript's, with a fake credential.

They speak TLS only. Each tells the same story in three acts, or one of them, with a look from our side in between.
"""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from acr import Registry, media_types
from tests.docs.from_azure import ANSWERS, ROWS
from tests.docs.test_from_azure import prepare
from tests.peers.conftest import TlsEmulator
from tests.peers.images import blobs_of, digest_of
from tests.peers.tools import installed, run

SCRIPTS = Path(__file__).parent / "scripts"
MIB_10 = 10 * 1024 * 1024
NAME = "team/app"


def sdk(name: str, act: str, emulator: TlsEmulator, home: Path) -> Any:
    """Let an SDK play an act; gives what it says."""
    url, certificate = emulator.registry.url, emulator.certificate
    if name == "javascript":
        env = {"NODE_MODULES": str(installed("node")), "NODE_EXTRA_CA_CERTS": str(certificate)}
        found = run("node", SCRIPTS / "microsoft_javascript.mjs", act, url, NAME, home=home, env=env)
    else:
        python = installed("python") / "bin" / "python"
        found = run(python, SCRIPTS / "microsoft_python.py", name, act, url, certificate, NAME, home=home)
    return json.loads(found)


PLAYS = [(name, name, name) for name in ("sync", "aio", "javascript")] + [
    ("sync", "javascript", "aio"),
    ("javascript", "aio", "sync"),
]


@pytest.mark.parametrize(("pusher", "looker", "deleter"), PLAYS, ids=["-".join(play) for play in PLAYS])
def test_push_look_delete(pusher: str, looker: str, deleter: str, tls_emulator: TlsEmulator, tmp_path: Path) -> None:
    pushed = sdk(pusher, "push", tls_emulator, tmp_path)
    second, first, third = pushed["digests"]  # v2 was pushed before v1
    assert pushed["size"] == MIB_10

    seen = sdk(looker, "look", tls_emulator, tmp_path)
    assert seen == {
        "repositories": [NAME],
        "repository": [NAME, 3, 3],
        "tag": ["v1", first, True],
        "manifest": [first, media_types.OCI_MANIFEST, "v1"],
        "image": [first, "amd64", "linux", ["v1"], MIB_10],
        "tags": {"oldest": ["v2", "v1", "v3"], "newest": ["v3", "v1", "v2"]},
        "manifests": [third, first, second],
        "locked": [False, False, 405, True],
        "layer": [MIB_10, pushed["layer"]],
    }
    trust = ssl.create_default_context(cafile=tls_emulator.certificate)
    emulator = tls_emulator.registry
    with Registry(emulator.url, emulator.credential(), ssl_context=trust) as registry:
        ours = registry.repository(NAME)
        assert [tag.name for tag in ours.tags(order_by="newest")] == seen["tags"]["newest"]
        manifest = ours.manifest("v1").get()
        assert manifest.digest == first
        assert len(ours.download_blob(manifest.layers[0].digest).read()) == MIB_10

    assert sdk(deleter, "delete", tls_emulator, tmp_path) == {"tags": ["v2", "v3"], "manifests": 2, "repositories": []}


@pytest.mark.parametrize("name", ["sync", "javascript"])
def test_another_client_pulls_what_an_sdk_pushed(name: str, tls_emulator: TlsEmulator, tmp_path: Path) -> None:
    pushed = sdk(name, "push", tls_emulator, tmp_path)
    emulator = tls_emulator.registry
    crane, env = installed("go") / "crane", {"SSL_CERT_FILE": str(tls_emulator.certificate)}
    login = ["--username", emulator.username, "--password", emulator.password]
    run(crane, "auth", "login", emulator.login_server, *login, home=tmp_path, env=env)
    run(crane, "pull", "--format=oci", f"{emulator.login_server}/{NAME}:v1", "pulled", home=tmp_path, env=env)
    assert digest_of(tmp_path / "pulled") == pushed["digests"][1]
    assert len(blobs_of(tmp_path / "pulled")[pushed["layer"]]) == MIB_10


def test_each_row_for_those_who_come_from_it(tls_emulator: TlsEmulator, tmp_path: Path) -> None:
    """docs/from-azure-containerregistry.md: its column runs, and gives what ours gives."""
    (tmp_path / "model.onnx").write_bytes(b"a model")
    emulator = tls_emulator.registry
    trust = ssl.create_default_context(cafile=str(tls_emulator.certificate))
    with Registry(emulator.url, emulator.credential(), ssl_context=trust) as there:
        untagged = prepare(there)
        names = {"registry": there, "digest": "", "manifest": None, "untagged": untagged}
        ours = {number: eval(ROWS[number - 1][1], names) for number in ANSWERS if number < 15}  # noqa: S307 - our own page
    told = json.dumps({"rows": [theirs for theirs, _ in ROWS], "answers": ANSWERS, "untagged": untagged})
    script, python = SCRIPTS / "microsoft_rows.py", installed("python") / "bin" / "python"
    theirs = run(python, script, emulator.url, tls_emulator.certificate, home=tmp_path, stdin=told)
    found = {int(number): value for number, value in json.loads(theirs).items()}
    assert found.pop(15) == "a model"
    assert found == ours
    assert (tmp_path / "copy.onnx").read_bytes() == b"a model"
