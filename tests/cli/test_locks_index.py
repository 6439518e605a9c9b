"""`locks` finds each lock, and `index create` makes what clients take for an image of several platforms."""

from __future__ import annotations

import pytest

import acr
from acr.emulator import Emulator
from tests.cli.conftest import Acr, everything
from tests.images import add_image
from tests.upkeep import push_image, push_platform


def test_locks_of_each_kind(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("locks").lines == []
    assert acr_here("locks", "--exit-code").code == 0
    digest = app.manifest("v1.0").head().digest
    app.tag("v1.0").update(can_write=False, can_delete=False)
    app.manifest(digest).update(can_read=False)
    app.update(can_delete=False)
    there.repository("other").push_artifact([], tag="v1")
    there.repository("other").tag("v1").update(can_delete=False)
    rows = acr_here("locks", "-o", "json").json
    assert [(row["reference"], row["kind"], row["locks"]) for row in rows] == [
        ("other:v1", "tag", ["delete"]),
        ("team/app", "repository", ["delete"]),
        ("team/app:v1.0", "tag", ["write", "delete"]),
        (f"team/app@{digest}", "manifest", ["read"]),
    ]
    assert [row["digest"] for row in rows][1:] == [None, digest, digest]
    assert acr_here("locks", "team/app", "--kind", "tag").lines == ["team/app:v1.0"]
    assert acr_here("locks", "team/", "--kind", "tag", "--kind", "repository").lines == ["team/app", "team/app:v1.0"]
    assert acr_here("locks", "team/app", "--limit", "1").lines == ["team/app"]
    assert acr_here("locks", "team/app", "--exit-code").code == 4
    assert acr_here("locks", "nothing").code == 1


def test_locks_print_what_unlock_takes(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    app.tag("v1.0").update(can_delete=False)
    host = acr_emulator.login_server
    for start in (f"{host}/team/app", f"{host}/team/", host, f"{host}/", f"http://{host}/team/app", f"http://{host}"):
        (reference,) = acr_here("locks", start).lines
        assert acr_here("unlock", reference, "--dry-run").code == 0, reference
        assert reference.endswith(f"{host}/team/app:v1.0")


def test_locks_that_are_hidden_are_told(acr_here: Acr, app: acr.Repository) -> None:
    app.manifest(push_image(app, "hidden").digest).update(can_list=False, can_delete=False)
    done = acr_here("locks", "team/app")
    assert done.lines == []
    assert "has 14 manifests and lists 13" in done.err


def test_half_a_list_of_locks_is_no_list(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator
) -> None:
    there.repository("zz").push_artifact([], tag="v1")
    app.tag("v1.0").update(can_delete=False)
    acr_emulator.fail(status=403, path_contains="/acr/v1/zz", method="GET")
    done = acr_here("locks")
    assert (done.code, done.out) == (3, "")


@pytest.fixture
def platforms(app: acr.Repository) -> acr.Repository:
    """Images for two platforms under tags of their own."""
    for name, architecture in (("amd", "amd64"), ("arm", "arm64"), ("amd-too", "amd64")):
        push_platform(app, name, architecture)
    return app


def test_index_create(acr_here: Acr, platforms: acr.Repository) -> None:
    amd, arm = (platforms.manifest(name).head().digest for name in ("amd", "arm"))
    done = acr_here("index", "create", "team/app:both", "amd", f"@{arm}", "--annotation", "a=b", "-o", "json")
    assert done.code == 0, done.err
    index = platforms.manifest("both").get()
    assert done.json[0]["digest"] == index.digest
    assert [(one.digest, str(one.platform)) for one in index.manifests] == [(amd, "linux/amd64"), (arm, "linux/arm64")]
    assert index.annotations == {"a": "b"}
    assert platforms.pull("both", acr.Memory(), platform="linux/arm64").digest == arm
    assert acr_here("tree", "team/app:both", "-o", "name").lines == [index.digest, amd, arm]
    assert acr_here("index", "create", "team/app", "amd").lines[0].startswith("team/app@sha256:")


def test_index_create_takes_what_an_index_lists(acr_here: Acr, platforms: acr.Repository) -> None:
    children = [one.digest for one in platforms.manifest("v1.0").get().manifests]
    assert acr_here("index", "create", "team/app:again", "v1.0", children[0]).code == 0
    assert [one.digest for one in platforms.manifest("again").get().manifests] == children
    twins = acr_here("index", "create", "team/app:twins", "amd", "amd-too")
    assert twins.code == 2
    assert "two images for linux/amd64" in twins.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["create", "team/app:x", "nothing"], 1),
        (["create", "team/app:x", "other/app:v1"], 2),
        (["create", "team/app:x", "team/app"], 2),
        (["create", "team/app:x", "a b"], 2),
        (["create", "team/app@sha256:" + "0" * 64, "amd"], 2),
        (["create", "team/app:x"], 2),
        (["append", "team/app:x", "amd"], 2),
        (["create", "team/app:x", "amd", "--annotation", "x"], 2),
        (["create", "team/app:x", "amd", "arm", "--dry-run"], 0),
        (["create", "team/app:latest", "amd", "--no-clobber"], 0),
    ],
    ids=str,
)
def test_index_create_changes_nothing(
    acr_here: Acr, platforms: acr.Repository, there: acr.Registry, words: list[str], code: int
) -> None:
    before = everything(there)
    done = acr_here("index", *words)
    assert done.code == code, done.err
    assert everything(there) == before


def test_an_index_of_something_that_is_no_image(acr_here: Acr, app: acr.Repository) -> None:
    """Artifacts have no platform; docker's images have one."""
    store = acr.Memory()
    add_image(store, [b"docker's"], tag="it", docker=True)
    app.push(store, "it", tag="docker")
    app.push_artifact([], tag="artifact", artifact_type="application/x-one")
    assert acr_here("index", "create", "team/app:mixed", "docker", "artifact").code == 0
    first, second = app.manifest("mixed").get().manifests
    assert (str(first.platform), second.platform) == ("linux/amd64", None)
    assert second.artifact_type == "application/x-one"
