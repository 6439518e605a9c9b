"""The examples, run as users run them, in both colours, against the emulator; what they did is looked up there."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

import acr
from acr import media_types
from acr.emulator import Emulator
from examples import delete_images
from tests import content
from tests.upkeep import SBOM, assert_whole, everything_in, push_image, push_nested, push_release, sign

FOLDER = Path(__file__).resolve().parent.parent.parent / "examples"

Run = Callable[..., str]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, acr_emulator: Emulator) -> Run:
    """Runs an example with arguments, as the admin user, and gives what it printed."""
    colour = ["--async"] if request.param == "async" else []
    admin = ["--username", acr_emulator.username, f"--password={acr_emulator.password}"]  # it may begin with a dash

    def run(name: str, *arguments: str, status: int = 0, login: bool = True) -> str:
        command = [sys.executable, "-W", "error", str(FOLDER / f"{name}.py"), "--url", acr_emulator.url, *arguments]
        done = subprocess.run(
            [*command, *colour, *(admin if login else [])], capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if status == 0 else done.stderr

    return run


@pytest.fixture
def there(acr_emulator: Emulator) -> Iterator[acr.Registry]:
    """A client to prepare the registry with, and to see what came of it."""
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        yield registry


def test_list_repositories(run: Run, there: acr.Registry) -> None:
    for name in ("team/app", "library/hello-world"):
        content.push_image(there.repository(name), tag="v1")
    assert run("list_repositories").splitlines() == ["repository: library/hello-world", "repository: team/app"]


def test_list_tags_with_anonymous_access(run: Run, there: acr.Registry, acr_emulator: Emulator) -> None:
    for tag in ("v2", "v1"):
        content.push_image(there.repository("library/hello-world"), tag=tag)
    assert "401" in run("list_tags_with_anonymous_access", "library/hello-world", status=1, login=False)
    with Emulator(anonymous_pull=True) as open_to_all:
        with acr.Registry(open_to_all.url, open_to_all.credential()) as registry:
            for tag in ("v2", "v1"):
                content.push_image(registry.repository("library/hello-world"), tag=tag)
        shown = run("list_tags_with_anonymous_access", "library/hello-world", "--url", open_to_all.url, login=False)
        assert shown.splitlines() == ["tag: v1", "tag: v2"]


def test_set_artifact_properties(run: Run, there: acr.Registry) -> None:
    repository = there.repository("library/hello-world")
    content.push_image(repository, tag="latest")
    shown = run("set_artifact_properties", "library/hello-world", "latest")
    assert shown == "library/hello-world:latest: can_write=False, can_delete=False\n"
    properties = repository.tag("latest").properties()
    assert (properties.can_write, properties.can_delete) == (False, False)
    assert (properties.can_read, properties.can_list) == (True, True)
    with pytest.raises(acr.Locked):
        repository.tag("latest").delete()


def test_set_artifact_properties_of_a_tag_that_is_not_there(run: Run, there: acr.Registry) -> None:
    content.push_image(there.repository("library/hello-world"), tag="v1")
    assert "latest" in run("set_artifact_properties", "library/hello-world", "latest", status=1)


def test_delete_images_counts_whole_releases(run: Run, there: acr.Registry) -> None:
    """Five signed releases of two platforms are five images, not twenty-five manifests."""
    repository = there.repository("team/app")
    for number in range(5):
        push_release(repository, f"v{number}", fallback=number % 2 == 0)
    before = everything_in(repository)
    told = run("delete_images", "--keep", "3")
    assert everything_in(repository) == before  # nothing was done yet
    assert all(line.startswith("would delete team/app@sha256:") for line in told.splitlines())
    done = run("delete_images", "--keep", "3", "--yes")
    assert done.splitlines() == [line.replace("would delete", "deleted") for line in told.splitlines()]
    for number in (2, 3, 4):
        assert_whole(repository, f"v{number}")
    tags, manifests = everything_in(repository)
    assert {tag for tag in tags if not tag.startswith("sha256-")} == {"v2", "v3", "v4"}
    assert len(manifests) == 3 * 6 + 2  # index, two platforms, SBOM, its signature, cosign's; and two fallback tags
    assert run("delete_images", "--keep", "3", "--yes") == ""  # and it has come to its end


def test_delete_images_keeps_what_is_shared_nested_and_locked(run: Run, there: acr.Registry) -> None:
    repository = there.repository("team/app")
    shared = push_image(repository, "shared")
    push_nested(repository, "old", shared)
    locked_tag = push_release(repository, "locked-tag")
    repository.tag("locked-tag").update(can_delete=False)
    locked_sbom = push_release(repository, "locked-sbom")
    (sbom,) = repository.manifest(locked_sbom.digest).referrers()
    repository.manifest(sbom.digest).update(can_write=False)
    push_nested(repository, "new", shared)
    push_image(repository, "newest", tag="newest")
    run("delete_images", "--keep", "2", "--yes")
    for tag in ("locked-tag", "locked-sbom"):
        assert_whole(repository, tag)
    for tag in ("new", "newest"):
        repository.pull(tag, acr.Memory())
    repository.pull(shared.digest, acr.Memory())
    tags, manifests = everything_in(repository)
    assert {tag for tag in tags if not tag.startswith("sha256-")} == {"locked-tag", "locked-sbom", "new", "newest"}
    assert len(manifests) == 2 * 6 + 4 + 1
    assert locked_tag.digest in manifests


def test_delete_images_keeps_what_a_tagged_or_lonely_attachment_is_about(run: Run, there: acr.Registry) -> None:
    repository = there.repository("team/app")
    untagged = push_image(repository, "an untagged image")
    repository.push_artifact([], tag="sbom-of-it", artifact_type=SBOM, subject=untagged.digest)
    missing = acr.Descriptor(media_types.OCI_MANIFEST, acr.Digest.of(b"not here"), 8)
    lonely = sign(repository, missing)
    gone = push_image(repository, "an old image", tag="old")
    push_image(repository, "a new image", tag="new")
    run("delete_images", "--keep", "1", "--yes")
    repository.pull("sbom-of-it", acr.Memory())
    repository.pull(untagged.digest, acr.Memory())
    repository.pull("new", acr.Memory())
    _, manifests = everything_in(repository)
    assert lonely.digest in manifests
    assert gone.digest not in manifests


def test_delete_images_leaves_alone_what_it_cannot_read(run: Run, there: acr.Registry) -> None:
    """An index that cannot be read, or is hidden from listings, may lead to anything in its repository."""
    names = ("unreadable", "hidden/index", "hidden/tag")
    for name in names:
        for tag in ("v1", "v2"):
            push_release(there.repository(name), tag)
        push_image(there.repository(name), "newest", tag="newest")
    there.repository("unreadable").manifest("v1").update(can_read=False)
    there.repository("hidden/index").manifest("v1").update(can_list=False)
    there.repository("hidden/tag").tag("v1").update(can_list=False)
    before = [everything_in(there.repository(name)) for name in names]
    push_image(there.repository("team/app"), "old", tag="old")
    push_image(there.repository("team/app"), "new", tag="new")
    run("delete_images", "--keep", "1", "--yes")
    assert [everything_in(there.repository(name)) for name in names] == before
    assert everything_in(there.repository("team/app"))[0] == {"new"}


def test_delete_images_does_not_guess_what_an_unknown_type_leads_to(there: acr.Registry) -> None:
    push_image(there.repository("team/app"), "old", tag="old")
    (listed,) = there.repository("team/app").manifests()
    odd = acr.Manifest(b"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws")
    with pytest.raises(acr.ProtocolViolation, match="cannot be read"):
        delete_images.node_of(listed, odd, set())


def test_delete_images_looks_again_before_it_deletes(there: acr.Registry) -> None:
    """A tag that somebody gives to an old image, or a lock, between the plan and the deletion keeps it."""
    repository = there.repository("team/app")
    push_image(repository, "old", tag="old")
    push_image(repository, "new", tag="new")
    (planned,) = delete_images.plan(repository, 1)
    assert delete_images.is_unchanged(planned, repository.manifest("old").properties())
    repository.put_manifest(repository.manifest("old").get(), tag="wanted-again")
    assert not delete_images.is_unchanged(planned, repository.manifest("old").properties())
    repository.tag("wanted-again").delete()
    repository.manifest("old").update(can_delete=False)
    assert not delete_images.is_unchanged(planned, repository.manifest("old").properties())


def test_delete_images_in_each_repository(run: Run, there: acr.Registry) -> None:
    for name in ("library/hello-world", "team/app"):
        for number in range(4):
            push_image(there.repository(name), f"image {number}", tag=f"v{number}")
    told = run("delete_images", "--keep", "1", "--yes")
    assert told.count("deleted ") == 6
    for name in ("library/hello-world", "team/app"):
        assert everything_in(there.repository(name))[0] == {"v3"}


def test_delete_images_in_the_repositories_that_are_named(run: Run, there: acr.Registry) -> None:
    names = ("a", "b", "c")
    for name in names:
        for number in range(2):
            push_image(there.repository(name), f"image {number}", tag=f"v{number}")
    told = run("delete_images", "--keep", "1", "--yes", "--repository", "a", "--repository", "c")
    assert [line.partition("@")[0] for line in told.splitlines()] == ["deleted a", "deleted c"]
    assert [everything_in(there.repository(name))[0] for name in names] == [{"v1"}, {"v0", "v1"}, {"v1"}]


def test_delete_images_of_a_repository_that_is_not_there(run: Run, there: acr.Registry) -> None:
    """Nothing is deleted in the others either: a name with a mistake may stand for another one."""
    for number in range(2):
        push_image(there.repository("app"), f"image {number}", tag=f"v{number}")
    told = run("delete_images", "--keep", "1", "--yes", "--repository", "app", "--repository", "ap", status=1)
    assert "ap" in told
    assert "404" in told
    assert everything_in(there.repository("app"))[0] == {"v0", "v1"}
    assert "expected a repository name" in run("delete_images", "--repository", "App", status=1)


def test_delete_images_deletes_nothing_without_yes(run: Run, there: acr.Registry) -> None:
    push_image(there.repository("app"), "image", tag="v1")
    for arguments in ([], ["--keep", "0"], ["--keep", "0", "--repository", "app"]):
        told = run("delete_images", *arguments)
        assert told.count("would delete app@") == (1 if arguments else 0)
    assert everything_in(there.repository("app"))[0] == {"v1"}


def test_delete_images_reads_the_listing_to_its_end(run: Run, there: acr.Registry, acr_emulator: Emulator) -> None:
    """More than a page of them: deleting on the way would lose the place."""
    repository = there.repository("team/app")
    config = repository.upload_blob(b"{}")
    for at in range(103):
        repository.put_manifest(content.image_manifest(config, [], annotations={"at": str(at)}), tag=f"v{at:03}")
    run("delete_images", "--keep", "3", "--yes")
    assert [tag.name for tag in repository.tags()] == ["v100", "v101", "v102"]


def test_delete_images_of_a_negative_number(run: Run) -> None:
    assert "--keep" in run("delete_images", "--keep", "-1", status=2)


def test_upload_image(run: Run, there: acr.Registry, tmp_path: Path) -> None:
    repository = there.repository("library/hello-world")
    shown = run("upload_image", "library/hello-world", "1.0.0")
    manifest = repository.manifest("1.0.0").get()
    assert shown == f"digest of the manifest: {manifest.digest}\n"
    assert manifest.media_type == media_types.OCI_MANIFEST
    assert manifest.config is not None
    (layer,) = manifest.layers
    assert (manifest.config.media_type, layer.media_type) == (media_types.OCI_CONFIG, media_types.OCI_LAYER)
    config = json.loads(repository.download_blob(manifest.config.digest).read())
    assert config["rootfs"]["diff_ids"] == [layer.digest]
    assert repository.download_blob(layer.digest, tmp_path / "layer.tar").size == layer.size
    with tarfile.open(tmp_path / "layer.tar") as tar:
        file = tar.extractfile("hello.txt")
        assert file is not None
        assert file.read() == b"hello world\n"
    assert repository.manifest("1.0.0").properties().architecture == "amd64"


def test_download_image(run: Run, there: acr.Registry, tmp_path: Path) -> None:
    repository = there.repository("library/hello-world")
    image = content.push_image(repository, tag="1.0.0", layer=b"the layer")
    folder = tmp_path / "made" / "image"
    shown = run("download_image", "library/hello-world", "1.0.0", str(folder))
    assert acr.Digest.of((folder / "manifest.json").read_bytes()) == image.digest
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert acr.Digest.of((folder / "config.json").read_bytes()) == manifest["config"]["digest"]
    layer = acr.Digest.of(b"the layer")
    assert (folder / layer.hex).read_bytes() == b"the layer"
    assert sorted(path.name for path in folder.iterdir()) == sorted(["manifest.json", "config.json", layer.hex])
    assert len(shown.splitlines()) == 2


def test_download_image_that_breaks(run: Run, there: acr.Registry, acr_emulator: Emulator, tmp_path: Path) -> None:
    content.push_image(there.repository("library/hello-world"), tag="1.0.0")
    acr_emulator.fail(origin="storage", status=403)
    told = run("download_image", "library/hello-world", "1.0.0", str(tmp_path), status=1)
    assert "403" in told
    assert len(told.splitlines()) == 1


def test_download_image_of_an_index(run: Run, there: acr.Registry, tmp_path: Path) -> None:
    content.push_index(there.repository("team/app"), tag="v1", platforms=["linux/amd64"])
    assert "is no image" in run("download_image", "team/app", "v1", str(tmp_path / "image"), status=1)
    assert not (tmp_path / "image").exists()


@pytest.mark.parametrize("colour", [[], ["--async"]], ids=["sync", "async"])
@pytest.mark.parametrize("name", ["delete_images", "list_repositories"])
def test_without_a_user_name_the_default_credential_is_used(
    name: str,
    colour: list[str],
    there: acr.Registry,
    acr_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content.push_image(there.repository("team/app"), tag="v1")
    example = import_module(f"examples.{name}")
    monkeypatch.setattr(example, "default_credential", acr_emulator.credential)
    monkeypatch.setattr(sys, "argv", [name, "--registry", acr_emulator.url, *colour])
    example.main()
    assert capsys.readouterr().out == ("" if name == "delete_images" else "repository: team/app\n")


def test_an_unusable_login_server(run: Run) -> None:
    assert "login server" in run("list_repositories", "--registry", "not a registry", status=1)
