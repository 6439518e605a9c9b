"""`untag`, `rm`, `lock`, `unlock` and `tag`: they do what they say, refuse what would harm, and name it."""

from __future__ import annotations

import pytest

import acr
from acr.emulator import Emulator
from tests.cli.conftest import Acr, everything
from tests.upkeep import SBOM, push_image, push_nested


def test_untag_leaves_the_manifest(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    digest = app.manifest("v1.0").head().digest
    (tags, manifests) = everything(there)["team/app"]
    assert acr_here("untag", "team/app:v1.0", "--yes").lines == ["team/app:v1.0"]
    (left, unharmed) = everything(there)["team/app"]
    assert tags - left == {f"v1.0 {digest}"}
    assert unharmed == manifests


@pytest.mark.parametrize(
    "words",
    [
        ["untag", "team/app"],
        ["rm", "team/app"],
        ["lock", "team/app"],
        ["unlock", "team/app"],
        ["rm"],
        ["rm", "--yes"],
        ["rm", "team/app:v1.0@sha256:" + "0" * 64, "--yes"],
        ["untag", "team/app@sha256:" + "0" * 64, "--yes"],
        ["rm", "--repository", "team/app", "team/app:v1.0"],
        ["rm", "--repository", "team/app", "--yes"],
        ["rm", "--repository", "team/app", "--confirm", "team/ap"],
        ["rm", "--repository", "team/app:v1.0", "--confirm", "team/app"],
        ["rm", "team/app:v1.0", "--confirm", "team/app"],
        ["rm", "team/app:v1.0"],
        ["untag", "team/app:v1.0"],
        ["purge", "--filter", "team/app:.*", "--ago", "0d", "--untagged"],
        ["tag", "delete", "--repository", "team/app", "v1.0"],
        ["tag", "delete", "v1.0"],
        ["tag", "list", "--repository", "team/app"],
        ["manifest", "delete", "--repository", "team/app", "sha256:" + "0" * 64],
        ["manifest", "list", "--repository", "team/app"],
        ["annotate", "--filter", "team/app:.*"],
        ["tag", "team/app:v1.0"],
        ["tag", "team/app", "new"],
        ["tag", "team/app:v1.0", "other/app:new"],
        ["lock", "team/app:v1.0", "--what", "everything"],
        ["delete", "team/app:v1.0"],
    ],
    ids=" ".join,
)
def test_usage_errors_do_nothing(acr_here: Acr, app: acr.Repository, there: acr.Registry, words: list[str]) -> None:
    before = everything(there)
    done = acr_here(*words)
    assert (done.code, done.out) == (2, "")
    assert "hint:" in done.err or "nothing was done" in done.err or "takes" in done.err or ":" in done.err
    assert everything(there) == before
    assert not app.tag("v1.0").properties().locked


def test_forms_of_acr_cli_say_what_to_use(acr_here: Acr) -> None:
    for words, instead in (
        (["purge", "--filter", "x:.*", "--ago", "1d"], "acr purge plan"),
        (["tag", "delete", "v1", "--repository", "x"], "acr untag"),
        (["manifest", "delete", "--repository", "x", "sha256:1"], "acr rm"),
        (["tag", "list", "--repository", "x"], "acr tags"),
    ):
        done = acr_here(*words)
        assert done.code == 2
        assert instead in done.err


def test_dry_runs_change_nothing(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator
) -> None:
    lonely = push_image(app, "lonely")
    before = everything(there)
    acr_emulator.clear_requests()
    for words in (
        ["untag", "team/app:v1.0"],
        ["rm", "team/app:v1.0"],
        ["rm", f"team/app@{lonely.digest}"],
        ["rm", "--repository", "team/app"],
        ["lock", "team/app:v1.0"],
        ["unlock", "team/app:v1.0"],
        ["tag", "team/app:v1.0", "new"],
        ["cp", "team/app:v1.0", "other/app"],
    ):
        (row,) = acr_here(*words, "--dry-run", "-o", "json").json
        assert row["status"] == "planned"
    assert {one.method for one in acr_emulator.requests if "/oauth2/" not in one.path} <= {"GET", "HEAD"}
    assert everything(there) == before


def test_rm_of_a_tag_takes_the_tag_alone_and_says_what_stays(acr_here: Acr, app: acr.Repository) -> None:
    digest = app.manifest("latest").head().digest
    app.put_manifest(app.manifest("latest").get(), tag="other")
    one = acr_here("rm", "team/app:other", "--yes")
    assert (one.lines, "stays" in one.err) == (["team/app:other"], False)
    last = acr_here("rm", "team/app:latest", "--yes")
    assert last.lines == ["team/app:latest"]
    assert f"team/app@{digest} stays, without a tag" in last.err
    assert app.manifest(digest).exists()


def test_rm_that_fails_does_not_say_what_would_stay(acr_here: Acr, app: acr.Repository) -> None:
    """It said that the manifest had no tag any more, and how to delete it."""
    app.tag("latest").update(can_delete=False)
    done = acr_here("rm", "team/app:latest", "--yes")
    assert (done.code, "stays, without" in done.err) == (1, False)
    assert app.tag("latest").properties().name == "latest"


def test_rm_of_a_digest_refuses_what_is_needed_and_names_it(
    acr_here: Acr, app: acr.Repository, there: acr.Registry
) -> None:
    index = app.manifest("v1.0").get()
    child = index.manifests[0].digest
    (sbom,) = app.manifest(index.digest).referrers()
    signature = app.manifest(f"sha256-{index.digest.hex}.sig").head().digest
    before = everything(there)
    cases = [
        (index.digest, ["the tag v1.0", sbom.digest, signature]),
        (child, [f"part of the index {index.digest}", "v1.0"]),
        (sbom.digest, ["is attached to it"]),
        (app.manifest("latest").head().digest, ["the tag latest"]),
    ]
    for digest, named in cases:
        done = acr_here("rm", f"team/app@{digest}", "--yes")
        assert (done.code, done.out) == (1, "")
        assert all(name in done.err for name in named), done.err
        assert "nothing was done" in done.err
        assert ("name what needs it as well" in done.err) is (digest != app.manifest("latest").head().digest)
    assert everything(there) == before


def test_rm_of_a_digest_says_how_to_take_its_tags_off(acr_here: Acr, app: acr.Repository) -> None:
    manifest = app.manifest("latest").get()
    for tag in ("other", "third"):
        app.put_manifest(manifest, tag=tag)
    done = acr_here("rm", f"team/app@{manifest.digest}", "team/app:third", "--yes")
    hint = "nothing was done; `acr untag team/app:latest team/app:other` takes its tags off"
    assert f"hint: {hint}\n" in done.err
    assert acr_here("untag", "team/app:latest", "team/app:other", "--yes").code == 0
    assert acr_here("rm", f"team/app@{manifest.digest}", "team/app:third", "--yes").code == 0


def test_rm_of_a_repository_with_locks_names_what_lists_them(acr_here: Acr, app: acr.Repository) -> None:
    app.tag("v1.0").update(can_delete=False)
    done = acr_here("rm", "--repository", "team/app", "--confirm", "team/app")
    assert done.code == 1
    assert "something in it is locked" in done.err
    assert "hint: `acr locks team/app` lists what is locked" in done.err
    assert acr_here("locks", "team/app").lines == ["team/app:v1.0"]


def test_rm_of_nested_indexes(acr_here: Acr, app: acr.Repository) -> None:
    """An index of an index: neither the inner one nor what it lists may go."""
    shared = push_image(app, "shared")
    outer = push_nested(app, "nested", shared)
    inner = app.manifest(outer.digest).get().manifests[0].digest
    for digest in (inner, shared.digest):
        done = acr_here("rm", f"team/app@{digest}", "--yes")
        assert done.code == 1
        assert "is part of the index" in done.err


def test_rm_deletes_what_nothing_needs(acr_here: Acr, app: acr.Repository) -> None:
    lonely = push_image(app, "lonely")
    assert acr_here("rm", f"team/app@{lonely.digest}", "--yes").lines == [f"team/app@{lonely.digest}"]
    assert not app.manifest(lonely.digest).exists()


def test_rm_of_all_that_belongs_together(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    """Each is needed by another one, and all of them are named. What lists and what is attached goes first."""
    index = app.manifest("v1.0").get()
    children = [one.digest for one in index.manifests]
    (sbom,) = app.manifest(index.digest).referrers()
    (inner,) = app.manifest(sbom.digest).referrers()
    cosign = f"sha256-{index.digest.hex}.sig"
    signature = app.manifest(cosign).head().digest
    digests = [*children, index.digest, sbom.digest, inner.digest, signature]
    before = everything(there)["team/app"][1]
    done = acr_here("rm", *(f"team/app@{one}" for one in digests), "team/app:v1.0", f"team/app:{cosign}", "--yes")
    assert done.code == 0, done.err
    assert set(done.lines[2:]) == {f"team/app@{one}" for one in digests}
    assert done.lines.index(f"team/app@{index.digest}") < done.lines.index(f"team/app@{children[0]}")
    assert done.lines.index(f"team/app@{inner.digest}") < done.lines.index(f"team/app@{sbom.digest}")
    assert before - everything(there)["team/app"][1] == set(digests)


def test_rm_of_hidden_neighbours(acr_here: Acr, app: acr.Repository) -> None:
    """What is hidden from listings may be an index of what goes."""
    lonely = push_image(app, "lonely")
    app.manifest(push_image(app, "hidden").digest).update(can_list=False)
    done = acr_here("rm", f"team/app@{lonely.digest}", "--yes")
    assert done.code == 1
    assert "hidden" in done.err
    assert app.manifest(lonely.digest).exists()


class Intruder:
    """Does something to the registry while a command asks whether it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: str, act: object) -> None:
        def confirm(*_: object) -> None:
            act()  # type: ignore[operator]

        monkeypatch.setattr(f"acr.cli._commands.{module}.confirm", confirm)


def test_a_tag_that_moves_meanwhile_is_left(
    acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = app.manifest("latest").get()
    Intruder(monkeypatch, "untag", lambda: app.put_manifest(new, tag="v1.0"))
    done = acr_here("untag", "team/app:v1.0", "-o", "json")
    assert (done.code, done.json[0]["status"]) == (3, "changed")
    assert app.manifest("v1.0").head().digest == new.digest
    Intruder(monkeypatch, "rm", lambda: app.put_manifest(app.manifest("v1.1").get(), tag="latest"))
    assert acr_here("rm", "team/app:latest").code == 3
    assert app.tag("latest").properties()


def test_an_index_that_is_pushed_meanwhile_is_seen(
    acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    lonely = push_image(app, "lonely")
    Intruder(monkeypatch, "rm", lambda: push_nested(app, "new", lonely))
    done = acr_here("rm", f"team/app@{lonely.digest}")
    assert done.code == 1
    assert "is part of the index" in done.err
    assert app.manifest(lonely.digest).exists()


def test_a_tag_that_is_given_meanwhile_is_seen(
    acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    lonely = push_image(app, "lonely")
    Intruder(monkeypatch, "rm", lambda: app.put_manifest(app.manifest(lonely.digest).get(), tag="new"))
    assert acr_here("rm", f"team/app@{lonely.digest}").code == 1
    assert app.manifest("new").exists()


def test_rm_asks_on_a_terminal(acr_here: Acr, app: acr.Repository) -> None:
    for answer in (b"\n", b"n\n", b"", b"yeah\n"):
        done = acr_here("rm", "team/app:v1.0", content=answer, tty=True)
        assert done.code == 2
        assert "Delete 1 item (team/app:v1.0)? [y/N]" in done.err
        assert app.tag("v1.0").properties()
    assert acr_here("rm", "team/app:v1.0", content=b"y\n", tty=True).code == 0
    with pytest.raises(acr.NotFound):
        app.tag("v1.0").properties()


def test_rm_of_a_repository(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    there.repository("team/app2").push_artifact([], tag="v1")
    wrong = acr_here("rm", "--repository", "team/app", content=b"team/app2\n", tty=True)
    assert wrong.code == 2
    assert "5 tags and 13 manifests" in wrong.err
    assert set(everything(there)) == {"team/app", "team/app2"}
    assert acr_here("rm", "--repository", "team/app", content=b"team/app\n", tty=True).code == 0
    assert acr_here("rm", "--repository", "team/app2", "--confirm", "team/app2").lines == ["team/app2"]
    assert everything(there) == {}


def test_what_is_not_there(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    before = everything(there)
    for words in (
        ["untag", "team/app:v1.0", "team/app:nothing"],
        ["rm", "team/app:v1.0", "team/app:nothing"],
        ["rm", f"team/app@sha256:{'0' * 64}", "team/app:v1.0"],
    ):
        done = acr_here(*words, "--yes")
        assert (done.code, done.out) == (1, "")
        assert "there is no manifest" in done.err or "team/app has no tag nothing" in done.err
        assert "hint: nothing was done" in done.err
    assert everything(there) == before


def test_some_done_and_some_refused(acr_here: Acr, app: acr.Repository) -> None:
    app.tag("v1.1").update(can_delete=False)
    done = acr_here("untag", "team/app:v1.1", "team/app:v1.0", "--yes", "-o", "json")
    assert done.code == 3
    assert [row["status"] for row in done.json] == ["failed", "done"]
    assert "acr unlock" in done.err
    assert acr_here("untag", "team/app:v1.1", "--yes").code == 1


def test_lock_and_unlock(acr_here: Acr, app: acr.Repository) -> None:
    done = acr_here("lock", "team/app:v1.0")
    assert done.lines == ["team/app:v1.0"]
    digest = app.manifest("v1.0").head().digest
    assert f"acr lock team/app@{digest}" in done.err
    properties = app.tag("v1.0").properties()
    assert (properties.can_write, properties.can_delete, properties.can_read) == (False, False, True)
    assert not app.manifest(digest).properties().locked
    assert acr_here("lock", "team/app:v1.0", "-o", "json").json[0]["status"] == "skipped"
    assert acr_here("lock", f"team/app@{digest}", "--what", "delete").code == 0
    assert app.manifest(digest).properties().can_write
    assert acr_here("unlock", "team/app:v1.0", f"team/app@{digest}").code == 0
    assert not app.tag("v1.0").properties().locked
    assert not app.manifest(digest).properties().locked


def test_tag(acr_here: Acr, app: acr.Repository) -> None:
    digest = app.manifest("v1.0").head().digest
    assert acr_here("tag", "team/app:v1.0", "stable", "v1").lines == ["team/app:stable", "team/app:v1"]
    assert {app.manifest(name).head().digest for name in ("stable", "v1")} == {digest}
    (kept,) = acr_here("tag", "team/app:v1.0", "latest", "--no-clobber", "-o", "json").json
    assert kept["status"] == "skipped"
    (moved,) = acr_here("tag", "team/app:v1.0", "latest", "-o", "json").json
    assert "before" in moved["reason"]
    assert app.manifest("latest").head().digest == digest
    app.tag("latest").update(can_write=False)
    locked = acr_here("tag", "team/app:v1.1", "latest")
    assert locked.code == 1
    assert "acr unlock" in locked.err


def test_a_referrer_without_an_own_tag_can_go(acr_here: Acr, app: acr.Repository) -> None:
    image = push_image(app, "with an SBOM", tag="t")
    sbom = app.push_artifact([], artifact_type=SBOM, subject=image.digest)
    assert acr_here("rm", f"team/app@{sbom.digest}", "--yes").code == 0
    assert app.manifest("t").exists()
