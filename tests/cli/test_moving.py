"""`cp`, `push`, `pull` and `attach`: byte for byte, and nothing left behind by Ctrl-C."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.cli.conftest import Acr, call, everything
from tests.upkeep import assert_whole


def test_cp_within_a_registry_moves_no_bytes(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator
) -> None:
    acr_emulator.clear_requests()
    assert acr_here("cp", "team/app:v1.0", "prod/app", "--referrers").lines == ["prod/app:v1.0"]
    assert not [one for one in acr_emulator.requests if one.method == "PATCH"]
    assert_whole(there.repository("prod/app"), "v1.0")
    assert acr_here("cp", "team/app:v1.0", "prod/app:stable").lines == ["prod/app:stable"]
    assert there.repository("prod/app").manifest("stable").head() == app.manifest("v1.0").head()
    digest = app.manifest("v1.1").head().digest
    assert acr_here("cp", f"team/app@{digest}", "prod/other").lines == [f"prod/other@{digest}"]


def test_cp_by_a_pattern(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("cp", "team/app:v1.*", "prod/app").lines == ["prod/app:v1.0", "prod/app:v1.1"]
    assert acr_here("cp", "team/app:x*", "prod/app").code == 1
    assert acr_here("cp", "team/app:v1.*", "prod/app:one").code == 2
    assert acr_here("cp", "team/app:v1.*", "oci:images").lines == ["oci:images:v1.0", "oci:images:v1.1"]
    assert sorted(acr.Layout("images").tags()) == ["v1.0", "v1.1"]


def test_what_an_index_lacks_is_named(acr_here: Acr, app: acr.Repository) -> None:
    index = app.manifest("v1.0").get()
    child = index.manifests[0]
    app.manifest(child.digest).delete()
    for words in (["pull", "team/app:v1.0", "oci:here"], ["cp", "team/app:v1.0", "team/other"]):
        done = acr_here(*words)
        assert (done.code, done.out.strip()) != (0, "")
        hint = f"the index {index.digest} lists it for {child.platform}, and it is missing: --platform takes a platform"
        assert hint in done.err
        assert f"`acr restore REPO@{child.digest}` brings it back" in done.err
        assert "`acr fsck` finds all" in done.err


def test_cp_no_clobber(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    acr_here("cp", "team/app:v1.0", "prod/app:stable")
    (row,) = acr_here("cp", "team/app:v1.1", "prod/app:stable", "--no-clobber", "-o", "json").json
    assert row["status"] == "skipped"
    assert there.repository("prod/app").manifest("stable").head() == app.manifest("v1.0").head()


def test_cp_between_registries(acr_here: Acr, app: acr.Repository, home: Path) -> None:
    """Each registry gets its own credential: that of the environment goes to the one it is for."""
    with Emulator() as other:
        assert (
            acr_here(
                "login", other.login_server, "-u", other.username, "--password-stdin", content=other.password.encode()
            ).code
            == 0
        )
        done = acr_here("cp", "team/app:v1.0", f"{other.login_server}/mirror/app", "--platform", "linux/arm64")
        assert done.code == 0, done.err
        with acr.Registry(other.url, other.credential()) as registry:
            copied = registry.repository("mirror/app").manifest("v1.0").head()
        assert copied.digest in [one.digest for one in app.manifest("v1.0").get().manifests]
        two = acr_here(
            "cp", f"{other.login_server}/mirror/app:v1.0", "team/back", "-u", "x", "--password-stdin", content=b"pw"
        )
        assert two.code == 2
        assert "whose is the credential?" in two.err


def test_credentials_for_two_registries_must_say_whose_they_are(home: Path) -> None:
    done = call(["cp", "a.example.com/app:v1", "b.example.com/app", "-u", "x", "--password-stdin"], content=b"pw")
    assert done.code == 2
    assert "whose" in done.err


def test_cp_layouts_and_tars(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("cp", "team/app:v1.0", "oci:one.tar", "--referrers").code == 0
    assert acr_here("cp", "oci:one.tar:v1.0", "from/tar", "--referrers").lines == ["from/tar:v1.0"]
    assert_whole(there.repository("from/tar"), "v1.0")
    assert acr_here("cp", "oci:one.tar", "oci:two").code == 2
    assert acr_here("cp", "team/app:v1.0", "docker-archive:x.tar").code == 2
    assert acr_here("cp", "oci:nothing:v1", "from/nothing").code == 2


def test_the_only_image_of_a_layout_keeps_its_tag(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    """Without a tag the target gets that of the source, as for a reference: else only a digest would name it."""
    assert acr_here("pull", "team/app:v1.0", "oci:images").code == 0
    assert acr_here("cp", "oci:images", "from/cp", "--dry-run").lines == ["from/cp:v1.0"]
    assert acr_here("cp", "oci:images", "from/cp").lines == ["from/cp:v1.0"]
    assert acr_here("push", "from/push", "oci:images").code == 0
    assert acr_here("ls", "from/push").lines == ["v1.0"]
    index = json.loads(Path("images/index.json").read_text())
    top = next(one for one in index["manifests"] if "annotations" in one)
    again = {**top, "annotations": {"org.opencontainers.image.ref.name": "stable"}}
    Path("images/index.json").write_text(json.dumps({**index, "manifests": [*index["manifests"], again]}))
    done = acr_here("cp", "oci:images", "from/two")
    assert (done.code, done.lines) == (0, [f"from/two@{top['digest']}"])
    assert "oci:images has several tags of this image, so it gets none: v1.0, stable" in done.err
    assert acr_here("cp", "oci:images:stable", "from/two").lines == ["from/two:stable"]
    top["annotations"] = {"org.opencontainers.image.ref.name": "docker.io/team/app"}
    Path("images/index.json").write_text(json.dumps({**index, "manifests": [top]}))
    assert acr_here("cp", "oci:images", "from/none").lines == [f"from/none@{top['digest']}"]


def test_a_layout_that_is_pushed_as_a_folder_is_told(acr_here: Acr, app: acr.Repository) -> None:
    """Other programs take a layout by its folder alone, as `crane push DIR` does."""
    assert acr_here("pull", "team/app:v1.0", "oci:images").code == 0
    told = (
        "warning: images is a layout, and goes as a folder of files; `acr push team/x:v1 oci:images` pushes the image"
    )
    for words in (["--dry-run"], []):
        done = acr_here("push", "team/x:v1", "images", *words)
        assert (done.code, told in done.err) == (0, True), done.err
    Path("images/index.json").unlink()
    assert "warning" not in acr_here("push", "team/x:v1", "images").err


@pytest.mark.parametrize(
    "line", ["push team/x:v1 oci:nothing", "cp oci:nothing:v1 team/x", "cp docker-archive:nothing team/x"]
)
def test_a_layout_that_is_not_there(acr_here: Acr, line: str) -> None:
    done = acr_here(*line.split())
    assert (done.code, "error: there is no nothing\n  hint: write oci:FOLDER[:TAG], " in done.err) == (2, True), (
        done.err
    )


def test_push_and_pull_files(acr_here: Acr, there: acr.Registry) -> None:
    Path("notes").mkdir()
    Path("notes", "a.txt").write_text("hello")
    Path("model.onnx").write_bytes(b"model")
    done = acr_here(
        "push", "team/model:v1", "model.onnx:application/x-onnx", "notes", "--artifact-type", "application/x-model",
        "--annotation", "a=b",
    )  # fmt: skip
    manifest = there.repository("team/model").manifest("v1").get()
    assert done.lines == [f"team/model@{manifest.digest}"]
    assert (manifest.artifact_type, dict(manifest.annotations)["a"]) == ("application/x-model", "b")
    assert manifest.layers[0].media_type == "application/x-onnx"
    pulled = acr_here("pull", "team/model:v1", "down")
    assert pulled.lines == ["down/model.onnx", "down/notes"]
    assert Path("down", "notes", "a.txt").read_text() == "hello"
    some = acr_here("pull", "team/model:v1", "some", "--include", "*.onnx", "-o", "json").json
    assert [(row["path"], row["size"]) for row in some] == [("some/model.onnx", 5)]
    assert [one.name for one in Path("some").iterdir()] == ["model.onnx"]
    assert acr_here("push", "team/model:v1", "missing.bin").code == 2
    assert acr_here("push", "team/model:v1", "model.onnx", "--annotation", "x").code == 2


def test_push_and_pull_layouts(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("pull", "team/app:v1.0", "oci:images", "--referrers").lines == ["oci:images"]
    digest = app.manifest("v1.0").head().digest
    assert acr_here("push", "other/app:v9", "oci:images:v1.0").lines == [f"other/app@{digest}"]
    assert there.repository("other/app").manifest("v9").head().digest == digest
    assert acr_here("push", "other/app:v9", "oci:images:v1.0", "--artifact-type", "x/y").code == 2
    assert acr_here("pull", "team/app:v1.0", "oci:x", "--include", "*").code == 2


def test_attach(acr_here: Acr, app: acr.Repository) -> None:
    Path("sbom.json").write_text("{}")
    done = acr_here("attach", "team/app:v1.1", "sbom.json", "--artifact-type", "application/x-test")
    (attached,) = app.manifest("v1.1").referrers(artifact_type="application/x-test")
    assert done.lines == [f"team/app@{attached.digest}"]
    child = acr_here(
        "attach", "team/app:v1.1", "sbom.json", "--artifact-type", "application/x-c", "--platform", "linux/arm64"
    )
    assert child.code == 0
    arm = app.manifest("v1.1").get().manifests[1].digest
    assert len(list(app.manifest(arm).referrers(artifact_type="application/x-c"))) == 1


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "words",
    [
        ["cp", "team/app:v1.0", "{other}/app"],
        ["cp", "team/app:v1.0", "oci:images"],
        ["cp", "team/app:v1.0", "oci:images.tar"],
        ["pull", "team/app:v1.0", "oci:images"],
        ["pull", "team/files:v1", "folder"],
        ["push", "other/app:v1", "big.bin"],
    ],
    ids=" ".join,
)
def test_ctrl_c_leaves_nothing_behind(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator, words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It comes in the middle of a transfer: when the first bytes have moved."""
    Path("big.bin").write_bytes(b"x" * 100_000)
    there.repository("team/files").push_artifact(["big.bin"], tag="v1")
    before, files = everything(there), set(Path().rglob("*"))
    monkeypatch.setattr("acr.cli._output.progress.Progress.__call__", interrupt)
    with Emulator(password="secret") as other:
        acr_here("login", other.login_server, "-u", "admin", "--password-stdin", content=b"secret")
        done = acr_here(*(word.format(other=other.login_server) for word in words))
        assert (done.code, done.out) == (130, "")
        assert other.open_uploads == []
    assert everything(there) == before
    assert acr_emulator.open_uploads == []
    assert set(Path().rglob("*")) == files


def test_a_refused_layer_is_a_failure_that_says_why(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    acr_emulator.fail(method="PUT", path_contains="/manifests/", status=403)
    done = acr_here("cp", "team/app:latest", "prod/app:x", "--retries", "0")
    assert done.code == 1
    assert "403" in done.err


def test_progress_is_drawn_on_a_terminal_alone(
    acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("big.bin").write_bytes(b"x" * 100_000)

    def drawn(words: list[str]) -> bool:
        return "\r\x1b[2K" in acr_here("push", "a/b:c", "big.bin", *words, tty=True).err

    assert drawn([])
    assert not drawn(["--no-progress"])
    assert not drawn(["--quiet"])
    assert "\x1b" not in acr_here("push", "a/b:c", "big.bin").err
    monkeypatch.setenv("CI", "true")
    assert not drawn([])


def test_what_was_there_already_is_told(acr_here: Acr, app: acr.Repository, home: Path) -> None:
    Path("a").write_text("a")
    Path("b").write_text("b")
    said = "nothing was moved: all of it was there already"
    first, again = (acr_here("push", "team/files:v1", "a", "b") for _ in range(2))
    assert (said in first.err, said in again.err, first.lines == again.lines) == (False, True, True)
    (row,) = acr_here("push", "team/files:v1", "a", "b", "-o", "json").json
    assert (row["status"], row["reason"]) == ("done", "all of it was there already")
    first, again = (acr_here("pull", "team/files:v1", "down") for _ in range(2))
    assert (said in first.err, said in again.err) == (False, True)
    reasons = [acr_here("cp", "team/files:v1", "team/copy:v1", "-o", "json").json[0]["reason"] for _ in range(2)]
    assert reasons == [None, "all of it was there already"]
    assert "nothing was moved" not in acr_here("push", "team/files:v1", "a", "b", "--quiet").err


def test_the_files_of_an_artifact_are_shown_by_name(acr_here: Acr, app: acr.Repository, home: Path) -> None:
    Path("model.onnx").write_text("a")
    acr_here("push", "team/files:v1", "model.onnx")
    assert [layer["title"] for layer in acr_here("show", "team/files:v1", "-o", "json").json["layers"]] == [
        "model.onnx"
    ]
    assert acr_here("show", "team/files:v1", "-o", "table").lines[-1].endswith("  model.onnx")
    assert {layer["title"] for layer in acr_here("show", "team/app:v1.1", "-o", "json").json["layers"]} <= {None}


def test_an_archive_of_docker_is_only_a_source(acr_here: Acr, app: acr.Repository, home: Path) -> None:
    for words in (["pull", "team/app:v1.1", "docker-archive:x.tar"], ["cp", "team/app:v1.1", "docker-archive:x.tar"]):
        done = acr_here(*words)
        assert (done.code, "an archive of docker is only a source" in done.err) == (2, True)
    done = acr_here("cp", "docker-archive:x.tar", "oci:y")
    assert "push to a registry, and pull from there" in done.err


def test_an_archive_of_docker_named_as_a_layout_is_told(acr_here: Acr, app: acr.Repository, home: Path) -> None:
    with tarfile.open("saved.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("manifest.json"))
    assert (
        "it is an archive of `docker save`: write docker-archive:saved.tar"
        in acr_here("push", "team/app:new", "oci:saved.tar").err
    )
