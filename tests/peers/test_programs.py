"""skopeo, crane, oras and regctl on the emulator: they push, pull, copy, list and delete images and artifacts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from acr import Registry, UsernamePassword, media_types
from acr.emulator import Emulator
from tests.content import bytes_of
from tests.peers.cli import PROGRAMS, Crane, Oras, Program, Regctl, Skopeo
from tests.peers.conftest import TlsEmulator
from tests.peers.images import TAG, check_same, digest_of
from tests.peers.tools import installed, run

SCOPES = ["repository:team/*:pull,push,delete,metadata_read", "registry:catalog:*"]
REFUSED = "(?i)unauthorized|authentication required|access to the resource is denied|invalid username/password"
SBOM = "application/spdx+json"

each_program = pytest.mark.parametrize("program", PROGRAMS, ids=[program.name for program in PROGRAMS], indirect=True)


@pytest.fixture
def program(request: pytest.FixtureRequest, acr_emulator: Emulator, tmp_path: Path) -> Program:
    """A program, signed in with a token that may do no more than it has to."""
    acr_emulator.add_token("ci", "secret", SCOPES)
    kind = cast(type[Program], request.param)
    return kind(tmp_path, acr_emulator.login_server, "ci", "secret")


@pytest.fixture
def repository(acr_emulator: Emulator) -> str:
    return f"{acr_emulator.login_server}/team/app"


@each_program
@pytest.mark.parametrize("kind", ["image", "index"])
def test_push_pull_copy_list_delete(
    program: Program, repository: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    layout: Path = request.getfixturevalue(kind)
    other = f"{program.registry}/team/other"
    program.push(layout, f"{repository}:v1")
    assert program.digest(f"{repository}:v1") == digest_of(layout)
    program.pull(f"{repository}:v1", tmp_path / "pulled")
    check_same(tmp_path / "pulled", layout)

    program.copy(f"{repository}:v1", f"{repository}:v2")
    program.copy(f"{repository}:v1", f"{other}:v1")
    assert program.tags(repository) == ["v1", "v2"]
    program.pull(f"{other}:v1", tmp_path / "copied")
    check_same(tmp_path / "copied", layout)

    program.delete(f"{repository}@{digest_of(layout)}")
    assert program.tags(repository) == []
    assert program.tags(other) == ["v1"]


@each_program
def test_a_copy_mounts_what_is_there(program: Program, repository: str, image: Path, acr_emulator: Emulator) -> None:
    program.push(image, f"{repository}:v1")
    acr_emulator.clear_requests()
    program.copy(f"{repository}:v1", f"{program.registry}/team/other:v1")
    mounts = [record.status for record in acr_emulator.requests if "mount=" in record.path]
    assert mounts == [201] * len(mounts)
    assert len(mounts) >= 3  # all layers; skopeo wants to read the config


@each_program
def test_what_a_token_may_not_do_is_refused(program: Program, image: Path, acr_emulator: Emulator) -> None:
    with pytest.raises(AssertionError, match=REFUSED):
        program.push(image, f"{acr_emulator.login_server}/elsewhere/app:v1")
    with pytest.raises(AssertionError, match=REFUSED):
        program.sign_in("ci", "wrong")
        program.tags(f"{acr_emulator.login_server}/team/app")


@pytest.mark.parametrize("program", [Crane, Oras, Regctl], indirect=True)
def test_catalog(program: Program, image: Path) -> None:
    names = ["team/app", "team/lib/x"]
    for name in names:
        program.push(image, f"{program.registry}/{name}:v1")
    listing = {"crane": ["catalog"], "oras": ["repo", "ls", "--plain-http"], "regctl": ["repo", "ls"]}
    assert program.run(*listing[program.name], program.registry).split() == names


@pytest.mark.parametrize("program", [Crane], indirect=True)
def test_crane_validates_what_is_there(program: Program, repository: str, index: Path) -> None:
    program.push(index, f"{repository}:v1")
    program.run("validate", "--remote", f"{repository}:v1")
    program.run("pull", "--platform=linux/arm64", f"{repository}:v1", "image.tar")
    program.run("tag", f"{repository}:v1", "latest")
    assert program.tags(repository) == ["latest", "v1"]


@pytest.mark.parametrize("program", [Skopeo], indirect=True)
def test_skopeo_copies_folders_in_dockers_format(
    program: Program, repository: str, image: Path, tmp_path: Path
) -> None:
    insecure = "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"
    program.run(*insecure, "--format=v2s2", f"oci:{image}:{TAG}", f"dir:{tmp_path}/folder")
    program.run(*insecure, f"dir:{tmp_path}/folder", f"docker://{repository}:v2")
    program.run(*insecure, f"docker://{repository}:v2", f"dir:{tmp_path}/again")
    manifest = (tmp_path / "again" / "manifest.json").read_bytes()
    assert manifest == (tmp_path / "folder" / "manifest.json").read_bytes()
    assert json.loads(manifest)["mediaType"] == media_types.DOCKER_MANIFEST
    found = json.loads(program.run("inspect", "--tls-verify=false", f"docker://{repository}:v2"))
    assert (found["Architecture"], found["Os"], found["RepoTags"]) == ("amd64", "linux", ["v2"])


@pytest.mark.parametrize("program", [Oras], indirect=True)
def test_oras_pushes_and_attaches_files(
    program: Program, repository: str, tmp_path: Path, acr_emulator: Emulator
) -> None:
    (tmp_path / "model.bin").write_bytes(bytes_of(10_000_000))
    (tmp_path / "sbom.json").write_text("{}")
    program.run("push", "--plain-http", f"{repository}:v1", "--artifact-type", "text/model", "model.bin")
    program.run("attach", "--plain-http", f"{repository}:v1", "--artifact-type", SBOM, "sbom.json")
    program.run("pull", "--plain-http", f"{repository}:v1", "--output", "pulled")
    assert (tmp_path / "pulled" / "model.bin").read_bytes() == bytes_of(10_000_000)
    discover = "discover", "--plain-http", "--format=json", f"{repository}:v1"
    (theirs,) = json.loads(program.run(*discover))["referrers"]
    with Registry(acr_emulator.url, UsernamePassword("ci", "secret")) as registry:
        app = registry.repository("team/app")
        (ours,) = app.manifest("v1").referrers(artifact_type=SBOM)
        assert (ours.digest, ours.artifact_type) == (theirs["digest"], theirs["artifactType"])
        (file,) = app.pull(ours.digest, tmp_path / "sbom").files
        assert file.name == "sbom.json"
        pushed = app.push_artifact([tmp_path / "sbom.json"], artifact_type="text/ours", subject="v1")
    program.run("pull", "--plain-http", f"{repository}@{pushed.digest}", "--output", "ours")
    assert (tmp_path / "ours" / "sbom.json").read_text() == "{}"
    kinds = {item["artifactType"] for item in json.loads(program.run(*discover))["referrers"]}
    assert kinds == {SBOM, "text/ours"}
    program.run("cp", "-r", "--from-plain-http", "--to-plain-http", f"{repository}:v1", f"{program.registry}/team/x:v1")
    assert len(json.loads(program.run(*discover[:-1], f"{program.registry}/team/x:v1"))["referrers"]) == 2


@pytest.mark.parametrize("program", [Regctl], indirect=True)
def test_regctl_attaches_and_finds(program: Program, repository: str, image: Path) -> None:
    program.push(image, f"{repository}:v1")
    program.run("artifact", "put", "--artifact-type", SBOM, "--subject", f"{repository}:v1", stdin="{}")
    found = json.loads(program.run("artifact", "list", "--format={{json .}}", f"{repository}:v1"))
    assert [item["artifactType"] for item in found["descriptors"]] == [SBOM]
    assert program.tags(repository) == ["v1"]  # by the API, and not by a tag that stands in for it


@pytest.mark.parametrize("program", [Regctl], indirect=True)
def test_regctl_deletes_a_tag_although_the_registry_does_not(program: Program, repository: str, image: Path) -> None:
    """DELETE by tag is 405, so it moves the tag to a manifest of its own and deletes that."""
    for tag in ("v1", "v2"):
        program.push(image, f"{repository}:{tag}")
    program.run("tag", "rm", f"{repository}:v1")
    assert program.tags(repository) == ["v2"]
    assert program.digest(f"{repository}:v2") == digest_of(image)


@pytest.mark.parametrize("program", [Regctl], indirect=True)
def test_regctl_uploads_in_chunks(program: Program, repository: str, tmp_path: Path, acr_emulator: Emulator) -> None:
    program.run("registry", "set", program.registry, "--blob-chunk", "1000000", "--blob-max", "1000000", "--skip-check")
    (tmp_path / "file").write_bytes(bytes_of(3_500_000))
    program.run("artifact", "put", "--file", "file", f"{repository}:v1")
    sent = [record.received for record in acr_emulator.requests if record.method == "PATCH"]
    assert sorted(sent)[-4:] == [500_000, 1_000_000, 1_000_000, 1_000_000]
    with Registry(acr_emulator.url, UsernamePassword("ci", "secret")) as registry:
        app = registry.repository("team/app")
        (layer,) = app.manifest("v1").get().layers
        assert app.download_blob(layer.digest).read() == bytes_of(3_500_000)


def test_oras_by_tls(tls_emulator: TlsEmulator, tmp_path: Path) -> None:
    emulator = tls_emulator.registry
    oras, trust = installed("go") / "oras", ("--ca-file", tls_emulator.certificate)
    login = ["--username", emulator.username, "--password-stdin", emulator.login_server]
    (tmp_path / "file").write_text("secret")
    run(oras, "login", *trust, *login, home=tmp_path, stdin=emulator.password)
    run(oras, "push", *trust, f"{emulator.login_server}/team/app:v1", "file", home=tmp_path)
    run(oras, "pull", *trust, f"{emulator.login_server}/team/app:v1", "--output", "pulled", home=tmp_path)
    assert (tmp_path / "pulled" / "file").read_text() == "secret"
