"""What people see who know only the docs: what is missing, that nothing was done, and what to do next."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import acr
from acr.cli._access import Clients
from acr.emulator import Emulator
from tests.cli.conftest import Acr
from tests.cli.test_terminal import on_terminal

NOBODY = "127.0.0.1:1"


@pytest.mark.parametrize(
    "line",
    [
        "ls nope", "tags nope", "show nope:v1", "show nope@DIGEST", "tree nope:v1", "digest nope:v1",
        "manifest nope:v1", "pull nope:v1 down", "cp nope:v1 other", "tag nope:v1 v2", "untag nope:v1 --yes",
        "rm nope:v1 --yes", "rm nope@DIGEST --yes", "rm --repository nope --confirm nope", "lock nope:v1",
        "lock nope:v1 --deep",
        "unlock nope:v1 --deep", "locks nope", "du nope", "fsck nope", "attach nope:v1 file --artifact-type a/b",
    ],
)  # fmt: skip
def test_a_repository_that_is_missing(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, line: str) -> None:
    Path("file").write_text("x")
    host = acr_emulator.login_server
    done = acr_here(*line.replace("DIGEST", f"sha256:{'0' * 64}").split())
    assert (done.code, done.out) == (1, "")
    error = next(one for one in done.err.splitlines() if one.startswith("acr: error:"))
    assert re.match(rf"acr: error: (\w+ nope:v1: )?there is no repository nope at {host}: \w+ /", error), error
    assert f"`acr ls {host}` lists those that there are" in done.err
    assert "correlation id:" in done.err
    assert acr_here("ls", host).lines == ["team/app"]


@pytest.mark.parametrize(
    "line",
    [
        "show REPO:nope", "tree REPO:nope", "digest REPO:nope", "manifest REPO:nope", "pull REPO:nope down",
        "cp REPO:nope other", "tag REPO:nope v2", "untag REPO:nope --yes", "rm REPO:nope --yes", "lock REPO:nope",
        "lock REPO:nope --deep", "attach REPO:nope file --artifact-type a/b", "index create REPO:x nope",
    ],
)  # fmt: skip
def test_a_tag_that_is_missing(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    Path("file").write_text("x")
    done = acr_here(*line.replace("REPO", "team/app").split())
    assert (done.code, done.out) == (1, "")
    assert re.search(r"error: (\w+ team/app:nope: )?team/app has no tag nope: \w+ /", done.err), done.err
    assert "`acr ls team/app` lists its tags" in done.err
    host = acr_emulator.login_server
    monkeypatch.setenv("ACR_REGISTRY", "other.azurecr.io")
    words = line.replace("REPO", f"{host}/team/app").replace(" other", f" {host}/other").split()
    signed = ("--username", acr_emulator.username, "--password-stdin")
    done = acr_here(*words, *signed, content=acr_emulator.password.encode())
    assert f"`acr ls {host}/team/app` lists its tags" in done.err


def test_a_manifest_that_is_missing(acr_here: Acr, app: acr.Repository) -> None:
    digest = f"sha256:{'0' * 64}"
    for words in (["show"], ["digest"], ["tree"], ["lock"]):
        done = acr_here(*words, f"team/app@{digest}")
        assert re.search(rf"error: (lock \S+: )?team/app has no manifest {digest}: ", done.err)
        assert "`acr tags team/app --untagged`" in done.err
    assert "a digest is written sha256:" in acr_here("show", f"team/app:{'0' * 64}").err


def test_a_repository_of_which_nobody_may_know_whether_it_is_there(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator
) -> None:
    """What is not known is not said."""
    acr_emulator.fail(status=403, path_contains="/tags/list")
    done = acr_here("show", "nope:v1")
    assert (done.code, "error: nope has no tag v1: " in done.err) == (1, True)


def test_hints_name_the_registry(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    host = acr_emulator.login_server
    for words in (["ls", NOBODY], ["tags", f"{NOBODY}/x"], ["cp", "team/app:v1.0", f"{NOBODY}/x:y"]):
        done = acr_here(*words, "--retries", "0")
        assert f"hint: `acr doctor {NOBODY}` looks for the cause" in done.err
    assert f"run `acr login {host}`" in acr_here("ls", "--anonymous").err


def test_a_wrong_password_is_told_with_where_it_is_from(
    acr_here: Acr, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = acr_emulator.login_server
    monkeypatch.setenv("ACR_PASSWORD", "secret of somebody")
    cure = (
        f"correct the variables ACR_USERNAME and ACR_PASSWORD; without them, what `acr login {host}` stores would count"
    )
    for words in (["ls"], ["whoami"], ["lock", "team/app:v1.0", "--deep"]):
        done = acr_here(*words)
        assert (done.code, f"hint: {cure}" in done.err, "secret" in done.err) == (5, True, False)
    assert f"cure: {cure}" in acr_here("doctor", "-o", "table").out
    given = acr_here("ls", "--username", "admin", "--password-stdin", content=b"wrong")
    assert "hint: check the name and the password; to sign in as somebody else, pass another --username" in given.err


def test_who_has_not_signed_in_to_azure_is_told_how(acr_here: Acr, monkeypatch: pytest.MonkeyPatch) -> None:
    """What azure-identity says is pages long, and what az says stands at its end."""
    tried = "".join(f"\n\tCredential{number}: is unavailable. {'More of it. ' * 40}" for number in range(8))
    said = f"it failed.\nAttempted credentials:{tried}\n\tAzureCliCredential: Please run 'az login'.\nSee https://x"

    class Nobody:
        def get_token(self, *_scopes: str, **_options: object) -> None:
            raise ValueError(said)

    for name in ("ACR_USERNAME", "ACR_PASSWORD"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(acr, "default_credential", Nobody, raising=False)
    monkeypatch.setattr(Clients, "may_have_entra_tokens", lambda *_: True)
    done = acr_here("ls")
    assert (done.code, done.out) == (5, "")
    assert "gave no token for" in done.err
    assert "Credential7: is unavailable. More of it." in done.err
    assert "AzureCliCredential: Please run 'az login'.\n  hint: run `az login`, or pass --username" in done.err
    assert len(done.err) < 2000


def test_nothing_done_is_said_in_a_pipe(acr_here: Acr, app: acr.Repository) -> None:
    assert acr_here("tag", "team/app:v1.0", "stable").lines == ["team/app:stable"]
    again = acr_here("tag", "team/app:v1.0", "stable")
    assert (again.code, again.out, again.err) == (0, "", "nothing was done: 1 item was left: it was so already\n")
    clobber = acr_here("tag", "team/app:v1.0", "latest", "v1.1", "new", "--no-clobber")
    assert (clobber.lines, clobber.err) == (["team/app:new"], "2 items were left: `-o table` says why\n")
    copied = acr_here("cp", "team/app:v1.1", "team/app:latest", "--no-clobber")
    assert (copied.code, copied.out) == (0, "")
    assert copied.err.startswith("nothing was done: 1 item was left: the tag exists, and names sha256:")
    app.lock("v1.0", deep=True)
    deep = acr_here("lock", "team/app:v1.0", "--deep")
    assert (deep.out, "nothing was done: 8 items were left: it was so already" in deep.err) == ("", True)
    for quiet in (["-q"], ["-o", "json"]):  # the row says it
        assert acr_here("tag", "team/app:v1.1", "v1.1", *quiet).err == ""


def test_sizes_are_the_same_in_show_and_tree(acr_here: Acr, app: acr.Repository) -> None:
    Path("sbom.json").write_bytes(b"x" * 5000)
    assert acr_here("attach", "team/app:v1.0", "sbom.json", "--artifact-type", "application/spdx+json").code == 0
    shown, tree = (acr_here(one, "team/app:v1.0", "-o", "json").json for one in ("show", "tree"))
    assert shown["size"] == tree["size"]
    for key, other in (("platforms", "parts"), ("referrers", "referrers")):
        sizes = {one["digest"]: one["size"] for one in tree[other]}
        assert {one["digest"]: one["size"] for one in shown[key]}.items() <= sizes.items()
    assert max(one["size"] for one in shown["referrers"]) > 5000


def test_sizes_count_what_is_shared_once(acr_here: Acr, there: acr.Registry) -> None:
    """Platforms may share a layer, an index may list one image twice, and an index may list an index."""
    app = there.repository("team/shares")
    shared, own = app.upload_blob(b"s" * 100_000), app.upload_blob(b"o" * 5_000)
    images = [_image(app, "amd64", [shared]), _image(app, "arm64", [shared, own])]
    inner = _index(app, "v1", [*images, images[0]])
    _index(app, "nested", [inner, images[0]])
    for tag in ("v1", "nested"):
        shown, tree = (acr_here(one, f"team/shares:{tag}", "-o", "json").json for one in ("show", "tree"))
        used = {row["tag"]: row["total"] for row in acr_here("du", "team/shares", "--by", "tag", "-o", "json").json}
        assert shown["size"] == tree["size"] == used[tag]
        assert [one["size"] for one in shown["platforms"]] == [one["size"] for one in tree["parts"]]


def _image(app: acr.Repository, architecture: str, layers: list[acr.Descriptor]) -> acr.Descriptor:
    config = app.upload_blob(json.dumps({"os": "linux", "architecture": architecture}).encode())
    parts = [{"mediaType": acr.media_types.OCI_LAYER, "digest": one.digest, "size": one.size} for one in layers]
    top = {"mediaType": acr.media_types.OCI_CONFIG, "digest": config.digest, "size": config.size}
    return app.put_manifest(
        {"schemaVersion": 2, "mediaType": acr.media_types.OCI_MANIFEST, "config": top, "layers": parts}
    )


def _index(app: acr.Repository, tag: str, entries: list[acr.Descriptor]) -> acr.Descriptor:
    parts = [{"mediaType": one.media_type, "digest": one.digest, "size": one.size} for one in entries]
    content = {"schemaVersion": 2, "mediaType": acr.media_types.OCI_INDEX, "manifests": parts}
    return app.put_manifest(content, tag=tag)


@pytest.mark.parametrize("columns", [200, 80, 40])
def test_tables_of_deep_locks_are_straight(acr_here: Acr, app: acr.Repository, columns: int) -> None:
    code, shown = on_terminal(["lock", "team/app:v1.0", "--deep"], columns, NO_COLOR="1")
    assert code == 0
    head, *lines = shown.replace("\r", "").splitlines()
    for title, cell in (("action", "lock"), ("status", "done")):
        assert sum(line[head.index(title) :].startswith(cell) for line in lines) == 8


def test_locks_have_one_name(acr_here: Acr, app: acr.Repository) -> None:
    app.lock("v1.0")
    for words in (["tags", "team/app"], ["locks", "team/app"], ["show", "team/app:v1.0"], ["ls", "--long"]):
        assert acr_here(*words, "--fields", "locks", "-o", "json").code == 0
    rows = acr_here("tags", "team/app", "--match", "v1.*", "-o", "json").json
    assert [(row["locks"], row["locked"]) for row in rows] == [(["write", "delete"], True), ([], False)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("tags team/app --match x", "no tags match"),
        ("tags team/app --untagged --older-than 9w", "no manifests without a tag match"),
        ("ls team/app --match x", "no tags match"),
        ("ls --match x", "no repositories match"),
        ("ls x/", "no repositories below x/"),
        ("locks team/app", "no locks"),
        ("locks --kind tag", "no locks match"),
        ("du --match x --no-cache", "no repositories match"),
    ],
)
def test_an_empty_listing_is_told_to_people(acr_here: Acr, app: acr.Repository, line: str, told: str) -> None:
    shown = acr_here(*line.split(), tty=True)
    assert (shown.code, shown.out) == (0, "")
    assert shown.err.splitlines()[-1] == told
    assert told not in acr_here(*line.split()).err
    assert acr_here(*line.split(), "-o", "json", tty=True).json == []


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("show --platfrom x team/app:v1", "--platform"),
        ("tags team/app --mach=x", "--match"),
        ("ls --log", "--long"),
        ("purge apply plan.json --jornal x", "--journal"),
        ("ls --zzzzzz", None),
        ("ls -z", None),
    ],
)
def test_a_misspelt_option(acr_here: Acr, line: str, meant: str | None) -> None:
    done = acr_here(*line.split())
    assert (done.code, done.out) == (2, "")
    assert (f"hint: did you mean {meant}? see `acr" if meant else "hint: see `acr") in done.err


def test_prose_is_wrapped_between_words(acr_here: Acr, app: acr.Repository) -> None:
    """A number stays with its unit, at each width."""
    assert acr_here("du", "--save", "all", "--no-cache").code == 0
    for columns in range(40, 120, 9):
        code, shown = on_terminal(["du", "--load", "all"], columns, NO_COLOR="1")
        assert code == 0
        assert not re.search(r"\d\s*\n[KM]?i?B", shown)
        assert max(len(line) for line in shown.replace("\r", "").splitlines()) <= columns


@pytest.mark.parametrize("target", ["other.azurecr.io", "127.0.0.1:5001", "ghcr.io/", "localhost:5001", "https://a.b"])
@pytest.mark.parametrize(
    "line", ["push TARGET file", "cp team/app:v1.0 TARGET", "cp oci:images TARGET", "index create TARGET a"]
)
def test_a_registry_alone_is_no_target(acr_here: Acr, app: acr.Repository, target: str, line: str) -> None:
    """It would become a repository of the registry that ACR_REGISTRY names, and nobody would see it."""
    Path("file").write_text("x")
    done = acr_here(*line.replace("TARGET", target).split())
    assert (done.code, done.out) == (2, "")
    assert f"error: {target!r} names a registry, and no repository of it\n" in done.err
    assert f"hint: write {target.rstrip('/')}/REPO; if a repository" in done.err
    assert acr_here("ls").lines == ["team/app"]


def test_a_repository_that_is_named_as_a_host(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    host = acr_emulator.login_server
    assert acr_here("cp", "team/app:v1.0", f"{host}/node.js").code == 0
    assert acr_here("cp", "team/app:v1.0", "node.js:v1").code == 0
    assert acr_here("cp", "team/app:v1.0", "node.js", "--registry", host).code == 0
    assert acr_here("ls", f"{host}/node.js").lines == ["v1", "v1.0"]


@pytest.mark.parametrize(("scheme", "line"), [
    ("docker://", "show REF"), ("docker://", "cp REF other"), ("docker://", "cp team/app:v1.0 REF"),
    ("docker://", "ls REF"), ("docker://", "pull REF"), ("docker://", "rm REF --yes"), ("DOCKER://", "push REF file"),
    ("oci://", "pull REF"), ("oci://", "cp REF other"), ("oci://", "cp team/app:v1.0 REF"),
    ("oci://", "pull team/app:v1.0 REF"),
])  # fmt: skip
def test_a_scheme_of_other_tools(acr_here: Acr, app: acr.Repository, scheme: str, line: str) -> None:
    """Programs such as skopeo and helm write references so. The error shows what was typed, and what to write."""
    Path("file").write_text("x")
    done = acr_here(*line.replace("REF", f"{scheme}my.azurecr.io/team/app:v1").split())
    assert (done.code, done.out) == (2, "")
    assert f"{scheme}my.azurecr.io/team/app:v1': a reference has no {scheme}\n" in done.err
    assert "hint: write my.azurecr.io/team/app:v1" in done.err
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_an_image_that_is_pulled_as_files(acr_here: Acr, app: acr.Repository) -> None:
    """Whoever comes from docker wants the image: each answer on the way says what takes all of it."""
    whole = "`acr pull team/app:v1.0 oci:FOLDER` takes the whole image"
    done = acr_here("pull", "team/app:v1.0", "down")
    assert (done.code, done.out) == (2, "")
    assert "pass --platform with one of them" in done.err
    assert f"hint: {whole}" in done.err
    done = acr_here("pull", "team/app:v1.0", "down", "--platform", "linux/amd64")
    assert (done.code, f"its layers have no names of files; {whole}" in done.err) == (0, True), done.err
    Path("model").write_text("x")
    assert acr_here("push", "team/model:v1", "model").code == 0
    assert "oci:" not in acr_here("pull", "team/model:v1", "down").err


def test_what_may_be_left_out_is_not_said_to_be_required(acr_here: Acr) -> None:
    assert "the following arguments are required: POLICY\n" in acr_here("purge", "plan").err


def test_the_latest_is_taken_for_a_reference_without_a_tag(acr_here: Acr, app: acr.Repository) -> None:
    """Not: the repository has no tag."""
    assert "team/app names no tag: taking team/app:latest\n" in acr_here("show", "team/app").err


@pytest.mark.parametrize(
    ("word", "hint"), [("import", "acr cp SOURCE"), ("export", "acr cp REF oci"), ("images", "acr ls")]
)
def test_a_command_of_another_program(acr_here: Acr, word: str, hint: str) -> None:
    assert f"hint: use `{hint}" in acr_here(word).err


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("attach", "REF, FILE, --artifact-type"),
        ("attach team/app:v1", "FILE, --artifact-type"),
        ("attach team/app:v1 file", "--artifact-type"),
        ("attach --artifact-type a/b", "REF, FILE"),
        ("attach --artifact-type a/b team/app:v1", "FILE"),
        ("attach --debug", "REF, FILE, --artifact-type"),
    ],
)
def test_all_that_is_missing_is_named_at_once(acr_here: Acr, words: str, missing: str) -> None:
    """`acr attach` named --artifact-type alone, and the file only when that was there."""
    done = acr_here(*words.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"acr: error: the following arguments are required: {missing}\n")


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("1KB", "did you mean 1kB or 1KiB? expected"), ("10M", "did you mean 10MB or 10MiB? expected"),
        ("2gib", "did you mean 2GiB? expected"), ("3b", "did you mean 3B? expected"), ("7", "is no size: expected"),
        ("7x", "is no size: expected"), ("1.5GB", "is no size: expected"),
    ],
)  # fmt: skip
def test_a_size_of_another_form(acr_here: Acr, size: str, told: str) -> None:
    done = acr_here("tags", "team/app", "--larger-than", size)
    assert (done.code, told in done.err) == (2, True), done.err
    assert "such as 10MiB, 500kB or 1GB, of the units B kB MB GB TB KiB MiB GiB TiB\n" in done.err


def test_a_token_without_a_scope(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    """A user name and password get no refresh token. The hint is a whole command, which works."""
    host = acr_emulator.login_server
    for words in (["token"], ["token", host], ["token", "--registry", host]):
        done = acr_here(*words)
        assert (done.code, done.out) == (5, "")
        assert f"hint: `acr token {host} --scope repository:REPO:pull` prints an access token" in done.err
    assert acr_here("token", host, "--scope", "repository:team/app:pull").code == 0
    done = acr_here("token", host, "--username", "admin", "--password-stdin", content=b"x")
    assert f"`acr token {host} --scope repository:REPO:pull --username admin --password-stdin` prints" in done.err
    assert "--scope repository:REPO:pull --anonymous` prints" in acr_here("token", host, "--anonymous").err
