"""`ls` and `tags`: what they list, how they print it, and that half a list never looks like all of it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.cli.conftest import Acr, call
from tests.makes.registry import OtherMake
from tests.upkeep import push_image


def fill(repository: acr.Repository, count: int) -> None:
    """Give one image many tags."""
    image = push_image(repository, "one")
    manifest = repository.manifest(image.digest).get()
    for number in range(count):
        repository.put_manifest(manifest, tag=f"v{number:04}")


def test_ls_lists_repositories_one_a_line(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    there.repository("other").push_artifact([], tag="v1")
    assert acr_here("ls").lines == ["other", "team/app"]
    assert acr_here("ls", "team/").lines == ["team/app"]
    assert acr_here("ls", "--match", "team/*").lines == ["team/app"]
    assert acr_here("ls", "--limit", "1").lines == ["other"]


def test_ls_takes_a_host_and_prints_whole_references(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator
) -> None:
    for host in (acr_emulator.login_server, acr_emulator.url, f"{acr_emulator.login_server}/"):
        assert acr_here("ls", host).lines == ["team/app"]
    whole = f"{acr_emulator.login_server}/team/app"
    assert acr_here("ls", "--full-ref").lines == [whole]
    assert acr_here("ls", whole, "--full-ref", "--match", "v*").lines == [f"{whole}:v1.0", f"{whole}:v1.1"]


def test_ls_long_counts(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    there.repository("other").push_artifact([], tag="v1")
    rows = acr_here("ls", "--long", "-o", "json", "--sort", "tags").json
    assert [(row["name"], row["tag_count"], row["manifest_count"]) for row in rows] == [
        ("team/app", 5, 13),
        ("other", 1, 1),
    ]
    assert acr_here("ls", "--older-than", "1d").lines == []
    assert acr_here("ls", "--newer-than", "1d").lines == ["other", "team/app"]


def test_ls_of_a_repository_lists_its_tags(acr_here: Acr, app: acr.Repository) -> None:
    assert acr_here("ls", "team/app", "--match", "[lv]*").lines == ["latest", "v1.0", "v1.1"]
    refused = acr_here("ls", "team/app", "--long")
    assert refused.code == 2
    assert "acr tags team/app" in refused.err


def test_tags_say_what_the_library_says(acr_here: Acr, app: acr.Repository) -> None:
    app.tag("v1.0").update(can_write=False, can_delete=False)
    (row,) = acr_here("tags", "team/app", "--match", "v1.0", "-o", "json").json
    properties, manifest = app.tag("v1.0").properties(), app.manifest("v1.0").properties()
    assert row["digest"] == properties.digest
    assert datetime.fromisoformat(row["updated"]) == properties.updated
    assert (row["size"], row["media_type"]) == (manifest.size, manifest.media_type)
    assert (row["locked"], row["can_write"], row["can_delete"], row["can_read"]) == (True, False, False, True)
    assert acr_here("tags", "team/app", "--locked").lines == ["v1.0"]


@pytest.mark.parametrize("limit", [[], ["--limit", "3"]])
def test_tags_ask_for_manifests_only_if_that_is_needed(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, limit: list[str]
) -> None:
    acr_emulator.clear_requests()
    assert acr_here("tags", "team/app", "--match", "v*", *limit).lines == ["v1.0", "v1.1"]
    assert not [one for one in acr_emulator.requests if "_manifests" in one.path]
    rows = acr_here("tags", "team/app", "--match", "v*", "--fields", "name,size", "-o", "json", *limit).json
    assert [sorted(row) for row in rows] == [["name", "size"]] * 2
    asked = [one for one in acr_emulator.requests if "_manifests" in one.path]
    assert len(asked) == (2 if limit else 1)


def test_tags_are_sorted_and_filtered(acr_here: Acr, app: acr.Repository) -> None:
    assert acr_here("tags", "team/app", "--sort", "newest", "--limit", "1").lines == ["latest"]
    assert acr_here("tags", "team/app", "--sort", "oldest", "--match", "v*").lines == ["v1.0", "v1.1"]
    assert acr_here("tags", "team/app", "--older-than", "1h").lines == []
    sizes = acr_here("tags", "team/app", "--sort", "size", "-o", "json").json
    assert [row["size"] for row in sizes] == sorted((row["size"] for row in sizes), reverse=True)
    assert acr_here("tags", "team/app", "--larger-than", "1GB").lines == []


def test_ages_go_by_the_registry_s_clock(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry lives in the year of its own clock; this machine's would call the image years old or young."""
    now = datetime(2024, 5, 1).timestamp()
    clock = [now]
    with Emulator(clock=lambda: clock[0]) as emulator:
        with acr.Registry(emulator.url, emulator.credential()) as registry:
            push_image(registry.repository("app"), "x", tag="v1")
        monkeypatch.setenv("ACR_REGISTRY", emulator.login_server)
        monkeypatch.setenv("ACR_USERNAME", emulator.username)
        monkeypatch.setenv("ACR_PASSWORD", emulator.password)
        clock[0] = now + timedelta(hours=2).total_seconds()
        updated = datetime.fromisoformat(call(["tags", "app", "-o", "json"]).json[0]["updated"])
        assert updated.year == 2024
        monkeypatch.setattr("email.utils.parsedate_to_datetime", lambda _: datetime.fromtimestamp(clock[0], UTC))
        assert call(["tags", "app", "--older-than", "1h"]).lines == ["v1"]
        assert call(["tags", "app", "--older-than", "3h"]).lines == []


def test_untagged_manifests(acr_here: Acr, app: acr.Repository) -> None:
    listed = acr_here("tags", "team/app", "--untagged").lines
    assert set(listed) == {one.digest for one in app.manifests() if not one.tags}
    assert len(listed) == 8
    assert acr_here("tags", "team/app", "--untagged", "--match", "v*").code == 2


def test_half_a_list_is_no_list(acr_here: Acr, there: acr.Registry, acr_emulator: Emulator) -> None:
    """A fault on page 2: exit code 3, and nothing on a pipe."""
    fill(there.repository("app"), 101)
    for form in ("name", "json", "jsonl", "csv", "tsv", "table"):
        acr_emulator.fail(path_contains="_tags?last=", status=403)
        done = acr_here("tags", "app", "-o", form, "--retries", "0")
        assert (done.code, done.out) == (3, "")
        assert "not whole" in done.err
    acr_emulator.fail(path_contains="_tags?last=", status=403)
    streamed = acr_here("tags", "app", "--stream", "--retries", "0")
    assert streamed.code == 3
    assert streamed.lines == [f"v{number:04}" for number in range(100)]
    acr_emulator.fail(path_contains="_tags?last=", status=403)
    shown = acr_here("tags", "app", "--retries", "0", tty=True)
    assert shown.code == 3
    assert "v0099" in shown.out
    assert "not whole" in shown.err


def test_a_fault_on_page_one_is_a_failure(acr_here: Acr, there: acr.Registry, acr_emulator: Emulator) -> None:
    fill(there.repository("app"), 3)
    acr_emulator.fail(path_contains="_tags", status=403)
    done = acr_here("tags", "app", "--retries", "0")
    assert (done.code, done.out) == (1, "")


def test_every_page_is_there(acr_here: Acr, there: acr.Registry) -> None:
    fill(there.repository("app"), 201)
    names = [f"v{number:04}" for number in range(201)]
    assert acr_here("tags", "app").lines == names
    assert [row["name"] for row in acr_here("tags", "app", "-o", "json").json] == names
    table = acr_here("tags", "app", tty=True)
    assert [line.split()[0] for line in table.lines[1:]] == names


def test_csv_and_tsv_have_a_head_and_plain_values(acr_here: Acr, app: acr.Repository) -> None:
    rows = list(csv.DictReader(io.StringIO(acr_here("tags", "team/app", "--match", "v*", "-o", "csv").out)))
    assert [row["name"] for row in rows] == ["v1.0", "v1.1"]
    assert {row["locked"] for row in rows} == {"false"}
    lines = acr_here("tags", "team/app", "--fields", "name,size", "--match", "v*", "-o", "tsv").lines
    assert lines[0] == "name\tsize"
    assert len(lines) == 3


def test_an_empty_listing(acr_here: Acr, there: acr.Registry) -> None:
    assert acr_here("ls").out == ""
    assert acr_here("ls", "-o", "json").json == []
    assert acr_here("ls", tty=True).out == ""


def test_unknown_fields_are_named(acr_here: Acr, app: acr.Repository) -> None:
    done = acr_here("tags", "team/app", "--fields", "nmae")
    assert (done.code, done.out) == (2, "")
    assert "name, digest" in done.err


@pytest.mark.parametrize("age", ["7days", "-1d", "1.5d", "30", "", "0d", "d"])
def test_odd_durations_are_refused(acr_here: Acr, age: str) -> None:
    done = acr_here("tags", "app", f"--older-than={age}")
    assert done.code == 2
    assert "30d" in done.err


def test_registries_of_other_makes_list_names(home: Path) -> None:
    with OtherMake() as make:
        make.add_image("app", b"a layer", tag="v1")
        host = make.url
        assert call(["ls", f"{host}/app"]).lines == ["v1"]
        done = call(["tags", f"{host}/app"])
    assert (done.code, done.out) == (1, "")
    assert "acr ls" in done.err


def test_a_summary_is_a_table_in_markdown(
    acr_here: Acr, app: acr.Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert acr_here("tags", "team/app", "--summary").code == 2
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert acr_here("tags", "team/app", "--match", "v*", "--summary").lines == ["v1.0", "v1.1"]
    lines = (tmp_path / "summary.md").read_text().splitlines()
    assert lines[0].startswith("| name | digest |")
    assert lines[2].startswith("| v1.0 | sha256:")


def test_the_fault_of_a_later_page_of_many_repositories(
    acr_here: Acr, there: acr.Registry, acr_emulator: Emulator
) -> None:
    """The list of repositories, too, is whole or not at all: Azure/acr#875."""
    for number in range(101):
        there.repository(f"r{number:03}").push_artifact([], tag="v1")
    assert len(acr_here("ls").lines) == 101
    acr_emulator.fail(path_contains="_catalog?last=", status=500)
    done = acr_here("ls", "--retries", "0")
    assert (done.code, done.out) == (3, "")
