"""What to do about a lock: an error has the command that takes it off, and `unlock` tells what stays locked."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.cli.conftest import Acr
from tests.upkeep import push_image

ONTO = (
    "tag team/app:v1.1 latest",
    "cp team/app:v1.0 team/app:latest",
    "push team/app:latest file",
    "push team/app:latest oci:images:v1.0",
    "index create team/app:latest v1.0",
    "untag team/app:latest --yes",
    "rm team/app:latest --yes",
)


def command(error: str) -> list[str]:
    """The command that a hint has, without the name of the program."""
    found = re.search(r"^  hint: the (?:tag|manifest) is locked: `acr (.*)` unlocks it$", error, re.MULTILINE)
    assert found, error
    return shlex.split(found[1])


@pytest.mark.parametrize("line", ONTO)
def test_a_locked_tag(acr_here: Acr, app: acr.Repository, line: str) -> None:
    """The hint can be copied as it stands, and the command works then."""
    Path("file").write_text("x")
    assert acr_here("pull", "team/app:v1.0", "oci:images").code == 0
    app.tag("latest").update(can_write=False, can_delete=False)
    done = acr_here(*line.split())
    assert (done.code, done.out) == (1, "")
    assert "correlation id:" in done.err
    words = command(done.err)
    assert words == ["unlock", "team/app:latest"]
    assert acr_here(*words).code == 0
    assert acr_here(*line.split()).code == 0


def test_a_hint_names_the_registry_that_is_not_the_default(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.tag("latest").update(can_write=False)
    monkeypatch.setenv("ACR_REGISTRY", "other.azurecr.io")
    whole = f"{acr_emulator.login_server}/team/app"
    words = ["--username", acr_emulator.username, "--password-stdin"]
    for line in (["tag", f"{whole}:v1.1", "latest"], ["cp", f"{whole}:v1.0", f"{whole}:latest"]):
        done = acr_here(*line, *words, content=acr_emulator.password.encode())
        assert command(done.err) == ["unlock", f"{whole}:latest"]


def test_a_lock_against_reading(acr_here: Acr, app: acr.Repository) -> None:
    """It may be that of the manifest, though the tag was named. `unlock` alone would leave it."""
    digest = app.manifest("latest").head().digest
    app.manifest(digest).update(can_read=False)
    for line in ("show team/app:latest", f"manifest team/app@{digest}", "cp team/app:latest other/app"):
        done = acr_here(*line.split())
        assert command(done.err) == ["unlock", f"team/app@{digest}", "--what", "read"]
    app.tag("latest").update(can_read=False)
    words = command(acr_here("show", "team/app:latest").err)
    assert words == ["unlock", "team/app:latest", "--what", "read"]
    assert acr_here(*words).code == 0
    assert acr_here(*command(acr_here("show", "team/app:latest").err)).code == 0
    assert acr_here("show", "team/app:latest").code == 0


def test_a_locked_repository(acr_here: Acr, app: acr.Repository) -> None:
    """`acr unlock` does not unlock a repository."""
    Path("file").write_text("x")
    app.update(can_write=False)
    for line in ("tag team/app:v1.0 new", "push team/app:new file", "cp team/app:v1.0 team/app:new"):
        hint = "hint: the repository is locked: `az acr repository update --name NAME --repository team/app"
        assert f"{hint} --write-enabled true` unlocks it\n" in acr_here(*line.split()).err


def test_a_lock_that_nobody_finds(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    """What is tagged may be locked itself, and a credential may not see locks."""
    lonely = push_image(app, "lonely")
    app.manifest(lonely.digest).update(can_write=False)
    hint = "hint: `acr locks team/app` lists what is locked there, and `acr unlock REF` unlocks it\n"
    assert hint in acr_here("tag", f"team/app@{lonely.digest}", "new").err
    app.tag("latest").update(can_write=False)
    acr_emulator.fail(status=403, path_contains="/acr/v1/")
    assert hint in acr_here("cp", "team/app:v1.0", "team/app:latest").err


def test_unlocking_a_tag_tells_what_a_deep_lock_leaves(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator
) -> None:
    """Its owner took the release for unlocked, and the manifest, the platforms and the signatures were locked."""
    app.lock("v1.0", deep=True)
    digest = app.manifest("v1.0").head().digest
    acr_emulator.clear_requests()
    done = acr_here("unlock", "team/app:v1.0")
    assert done.lines == ["team/app:v1.0"]
    assert done.err == (
        "the manifest of team/app:v1.0 is locked, too, and stays so, as what belongs to it may; `acr unlock --deep"
        " team/app:v1.0` unlocks all of it\n"
    )
    assert sum(f"_manifests/{digest}" in one.path for one in acr_emulator.requests) == 1  # and none for the platforms
    assert acr_here("unlock", "--deep", "team/app:v1.0").code == 0
    assert acr_here("locks", "team/app").lines == []
    assert acr_here("unlock", "team/app:v1.0").err == "nothing was done: 1 item was left: it was so already\n"


def test_unlocking_a_tag_and_its_manifest(acr_here: Acr, app: acr.Repository) -> None:
    digest = app.manifest("latest").head().digest
    app.tag("latest").update(can_write=False)
    app.manifest(digest).update(can_write=False)
    assert acr_here("unlock", "team/app:latest", f"team/app@{digest}").err == ""


def test_unlocking_a_tag_whose_manifest_cannot_be_read(acr_here: Acr, app: acr.Repository) -> None:
    """--deep leaves such a lock, so it is not what to use."""
    digest = app.manifest("latest").head().digest
    app.manifest(digest).update(can_read=False)
    done = acr_here("unlock", "team/app:latest", "--what", "read,list")
    assert f"stays so; `acr unlock team/app@{digest} --what read` unlocks it\n" in done.err


def test_unlocking_a_tag_without_a_look_at_its_manifest(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator
) -> None:
    app.tag("latest").update(can_write=False)
    digest = app.manifest("latest").head().digest
    acr_emulator.fail(status=403, path_contains=f"/_manifests/{digest}")
    done = acr_here("unlock", "team/app:latest")
    told = f"this is the unlock of the tag; `acr unlock team/app@{digest}` is that of its manifest\n"
    assert (done.code, done.err) == (0, told)
