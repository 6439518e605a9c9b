"""`du` and `fsck`: what they say is what the library computes, of a whole registry, of parts, and of files."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest

import acr
from acr.cli._commands.fsck import KINDS
from acr.cli._output.progress import Reading
from acr.cli._output.terminal import Terminal
from acr.emulator import Emulator
from tests.cli.conftest import Acr, Stream, call, everything
from tests.upkeep import push_image, push_platform


@pytest.fixture
def usage(app: acr.Repository, there: acr.Registry) -> acr.Usage:
    """A second repository has one of the images of team/app; the library's own numbers."""
    push_image(there.repository("prod/app"), "an image", tag="v1")
    return there.inventory(cache=False).usage()


def test_du_by_repository(acr_here: Acr, usage: acr.Usage) -> None:
    rows = acr_here("du", "-o", "json").json
    assert [row["name"] for row in rows] == ["team/app", "prod/app"]  # the largest first
    by_name = {row["repository"]: row for row in usage.rows()}
    for row in rows:
        assert row == {**by_name[row["repository"]], "name": row["repository"]}
    assert rows[1]["exclusive"] == 0 < rows[1]["shared"] == rows[1]["total"]
    table = acr_here("du", tty=True)
    assert [line.split()[0] for line in table.lines] == ["\x1b[1mname", "team/app", "prod/app"]
    assert f"{usage.registry} stores" in table.err
    assert acr_here("du", "--quiet").err == ""


def test_du_by_tag(acr_here: Acr, usage: acr.Usage) -> None:
    rows = acr_here("du", "team/app", "--by", "tag", "--sort", "name", "-o", "json").json
    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    assert {(row["repository"], row["tag"], row["name"]) for row in rows} == {
        ("team/app", tag.name, f"team/app:{tag.name}") for one in usage.repositories[1:] for tag in one.tags
    }
    assert all(row["total"] == row["shared"] + row["exclusive"] for row in rows)
    assert acr_here("du", "team/app", "--by", "tag", "--limit", "1").lines == ["team/app:v1.0"]


def test_du_of_the_registry_is_what_it_stores(acr_here: Acr, usage: acr.Usage, acr_emulator: Emulator) -> None:
    (row,) = acr_here("du", "--by", "registry", "-o", "json").json
    acr_emulator.collect()
    stored = acr_emulator.stored
    assert row["total"] == stored.blobs + stored.manifests == usage.unique
    assert (row["name"], row["tags"], row["manifests"]) == (usage.registry, 6, 14)
    for by, parts in (("type", usage.by_media_type), ("month", usage.by_month), ("age", usage.by_age)):
        rows = acr_here("du", "--by", by, "-o", "json").json
        assert {one["name"]: one["total"] for one in rows} == parts


def test_du_reads_what_is_named_and_shows_what_matches(acr_here: Acr, usage: acr.Usage, acr_emulator: Emulator) -> None:
    """A part of the registry does not know what the rest shares; --match does."""
    host = acr_emulator.login_server
    exact = acr_here("du", "--match", "prod/*", "-o", "json").json
    assert [(row["name"], row["exclusive"]) for row in exact] == [("prod/app", 0)]
    for what in (["prod/app"], ["prod/"], ["p*"], ["--exclude", "team/*"]):
        done = acr_here("du", *what, "-o", "jsonl")
        assert "Only a part of the registry was read" in done.err
        assert '"exclusive": 0' not in done.out
        assert acr_here("du", *what).lines == ["prod/app"]
    for start, whole in ((f"{host}/prod/app", host), (f"{host}/p*", host), (f"http://{host}/prod/", f"http://{host}")):
        assert acr_here("du", start).lines == [f"{whole}/prod/app"]
    for start in (host, f"{host}/"):
        assert acr_here("du", start).lines == [f"{host}/team/app", f"{host}/prod/app"]


def test_du_saves_and_loads(acr_here: Acr, usage: acr.Usage, acr_emulator: Emulator) -> None:
    parts = ("team.inventory", "prod.inventory")
    for name in parts:
        assert acr_here("du", f"{name[:4]}/*", "--save", name).code == 0
    acr_emulator.clear_requests()
    loads = [word for name in parts for word in ("--load", name)]
    assert acr_here("du", *loads, "--save", "both.inventory", "-o", "json").json[0]["name"] == "team/app"
    assert {one.name for one in acr.load_inventory("both.inventory").repositories()} == {"team/app", "prod/app"}
    assert acr_here("du", "--load", "both.inventory", "--match", "prod/*").lines == ["prod/app"]
    assert acr_emulator.requests == []
    assert acr_here("du", "prod/app", "--load", "both.inventory").code == 2
    assert acr_here("du", "--load", "nothing").code == 2
    Path("text").write_text("no inventory")
    assert acr_here("du", "--load", "text").code == 1
    assert acr_here("du", "--save", "no/folder/x").code == 1


@pytest.mark.parametrize("command", ["du", "fsck"])
def test_a_page(acr_here: Acr, usage: acr.Usage, command: str) -> None:
    assert acr_here(command, "--html", "page.html").code == 0
    page = Path("page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "team/app" in page
    assert acr_here(command, "--html", "no/folder/page.html").code == 1


@pytest.mark.parametrize("command", ["du", "fsck"])
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["team/app:v1.0"], 2, "name the repository alone"),
        (["a.azurecr.io/app", "b.azurecr.io/app"], 2, "of one registry"),
        (["nothing/*"], 2, "none of the 2"),
        (["nothing"], 1, "not found"),
        (["Team/app"], 2, ""),
        (["team/app", "nothing"], 3, "nothing: "),
        (["--exclude", ""], 2, ""),
        (["--load", "a\0b"], 2, ""),
    ],
    ids=str,
)
def test_what_cannot_be_read(
    acr_here: Acr, usage: acr.Usage, command: str, words: list[str], code: int, told: str
) -> None:
    done = acr_here(command, *words)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert "repositories=" not in done.err


@pytest.mark.parametrize("command", ["du", "fsck"])
def test_half_a_registry_is_no_registry(home: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """A catalog that breaks off, and a repository that may not be read: exit code 3, and nothing on standard output."""
    with Emulator(catalog_breaks_after=2) as emulator:
        monkeypatch.setenv("ACR_REGISTRY", emulator.login_server)
        monkeypatch.setenv("ACR_USERNAME", emulator.username)
        monkeypatch.setenv("ACR_PASSWORD", emulator.password)
        with acr.Registry(emulator.url, emulator.credential()) as registry:
            for name in ("a", "b", "c"):
                push_image(registry.repository(name), name, tag="v1")
        done = call([command, "--retries", "0", "--html", "page.html", "--save", "x.inventory"])
        assert (done.code, done.out) == (3, "")
        assert "broke off after 2 repositories" in done.err
        assert not any(Path().iterdir())
        emulator.fail(path_contains="/a/_manifests", status=403)
        done = call([command, "a", "b", "c", "-o", "json"])
        assert (done.code, done.out) == (3, "")
        assert "--exclude NAME" in done.err
        assert call([command, "a", "b", "c"]).code == 0
        monkeypatch.setenv("ACR_PASSWORD", "wrong")
        assert call([command]).code == 5


def test_du_refuses_what_does_not_go_together(acr_here: Acr) -> None:
    for words in (["--by", "type", "--match", "*"], ["--by", "type", "--sort", "exclusive"], ["--rate", "x"]):
        assert acr_here("du", *words).code == 2
    assert acr_here("fsck", "--checkpoint", "x").code == 2


def test_fsck_finds_nothing(acr_here: Acr, usage: acr.Usage) -> None:
    done = acr_here("fsck", "--exit-code")
    assert (done.code, done.out) == (0, "")
    assert "nothing found in 14 manifests" in done.err
    assert "orphans were not looked for" in acr_here("fsck", "team/app").err


def test_fsck_finds_a_missing_child(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    gone = app.manifest("v1.0").get().manifests[0].digest
    app.manifest(gone).delete()
    before = everything(there)
    done = acr_here("fsck", "--exit-code", "-o", "json")
    assert done.code == 4
    (row,) = done.json
    assert (row["name"], row["kind"], row["digest"]) == (f"team/app@{gone}", "missing-child", gone)
    assert row["tags"] == ["v1.0"]
    assert acr_here("fsck").code == 0
    assert acr_here("fsck").lines == [f"team/app@{gone}"]
    assert acr_here("fsck", "--kind", "orphan", "--exit-code").code == 0
    assert acr_here("fsck", "--match", "prod/*", "--exit-code").code == 0
    shown = acr_here("fsck", tty=True).lines
    assert shown[0].endswith(f"team/app@{gone}")
    assert "  breaks: v1.0" in shown
    assert everything(there) == before


def test_fsck_speaks_of_commands(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    app.manifest(push_image(app, "hidden").digest).update(can_list=False)
    (row,) = acr_here("fsck", "-o", "json").json
    assert row["kind"] == "hidden"
    assert "`acr unlock --what list REF`" in row["advice"]
    assert row["digest"] is None


def test_fsck_of_blobs(acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator) -> None:
    image = push_platform(app, "other", "arm64")
    (layer,) = app.manifest(image.digest).get().layers
    assert acr_here("fsck", "--blobs", "--exit-code").code == 0
    acr_emulator.fail(method="HEAD", path_contains=layer.digest, status=404)
    done = acr_here("fsck", "--blobs", "--exit-code", "--checkpoint", "state", "-o", "json")
    assert done.code == 4
    assert [(row["kind"], row["digest"], row["tags"]) for row in done.json] == [
        ("missing-blob", layer.digest, ["other"])
    ]
    assert "about 1 second at 2,500 requests a minute" in done.err
    assert not Path("state").exists()
    acr_emulator.fail(method="HEAD", path_contains=layer.digest, status=403)
    broken = acr_here("fsck", "--blobs", "--rate", "0", "--checkpoint", "state")
    assert (broken.code, broken.out) == (3, "")
    assert "the registry did not answer for all blobs" in broken.err
    assert "the same command goes on" in broken.err


def test_fsck_of_a_file_asks_the_registry_that_the_user_names(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may have come from anybody, so it does not say who gets a credential."""
    assert acr_here("fsck", "--save", "x.inventory").code == 0
    assert acr_here("fsck", "--load", "x.inventory", "--blobs").code == 0
    acr_emulator.clear_requests()
    other = acr_here("fsck", "--load", "x.inventory", "--blobs", "--registry", "other")
    assert other.code == 2
    monkeypatch.delenv("ACR_REGISTRY")
    assert acr_here("fsck", "--load", "x.inventory", "--blobs").code == 2
    assert acr_emulator.requests == []
    assert acr_here("fsck", "--load", "x.inventory").code == 0


def test_the_cache_spares_requests(acr_here: Acr, usage: acr.Usage, acr_emulator: Emulator) -> None:
    def manifests() -> int:
        found = sum("/manifests/" in one.path for one in acr_emulator.requests)
        acr_emulator.clear_requests()
        return found

    acr_emulator.clear_requests()
    counts = []
    for words in (["du", "--no-cache"], ["du"], ["fsck"], ["du", "--no-cache"]):
        assert acr_here(*words).code == 0
        counts.append(manifests())
    assert counts == [14, 14, 0, 14]


def test_summaries(acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    app.manifest(app.manifest("v1.0").get().manifests[0].digest).delete()
    assert acr_here("du", "--summary").code == 0
    assert acr_here("fsck", "--summary", tty=True).code == 0
    lines = Path("summary.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ") and "---" not in line] == [
        "| name",
        "| team/app",
        "| name",
        next(line for line in lines if "missing-child" in line).split(" | ")[0],
    ]


def test_kinds_are_those_of_the_library() -> None:
    assert set(KINDS) == set(typing.get_args(acr.FindingKind))


def test_progress_says_how_long_it_takes(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    stream = Stream(is_tty=True)
    monkeypatch.setattr("sys.stderr", stream)
    now = [0.0]
    with Reading(Terminal(), enabled=True, clock=lambda: now[0]) as reading:
        reading(acr.InventoryProgress(repositories=3, repositories_done=0, manifests=0, requests=2, cached=0))
        now[0] = 1
        reading(
            acr.InventoryProgress(
                repositories=3, repositories_done=1, manifests=1200, requests=900, cached=0, seconds_left=61.2
            )
        )
        blobs = reading.counted("blobs")
    with Reading(Terminal(), enabled=True, clock=lambda: now[0]) as reading:
        blobs = reading.counted("blobs")
        blobs(500, 1500)
        now[0] = 6
        blobs(1000, 1500)
    drawn = [line for line in stream.text.split("\r\x1b[2K") if line]
    assert drawn == [
        "0/3 repositories  0 manifests  2 requests",
        "1/3 repositories  1:02 left  1,200 manifests  900 requests",
        "500/1,500 blobs",
        "1,000/1,500 blobs  0:05 left",
    ]
