"""`purge`, `trash`, `restore`, and deep locks: what goes is what the plan says, and nothing goes unasked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.cleanup.aged import DAY, Clock
from tests.cli.conftest import Acr, call, everything
from tests.cli.test_terminal import PROGRAM, on_terminal
from tests.patience import until
from tests.upkeep import assert_whole, push_image, push_release

POLICY = """
[[purge.rule]]
name = "pull requests"
tags = { glob = ["pr-*"] }
older_than = "7d"
"""
EXAMPLE = """
[[purge.example]]
repository = "team/app"
items = [{ tag = "pr-1", age = "9d", expect = "delete" }, { tag = "v1", age = "9d", expect = "delete" }]
"""


@pytest.fixture
def acr_emulator(aged: tuple[Emulator, Clock]) -> Emulator:
    return aged[0]


@pytest.fixture
def app(there: acr.Registry, aged: tuple[Emulator, Clock], home: Path) -> acr.Repository:
    """Two old releases of pull requests, an old release that stays, and a new one. The policy is in the folder."""
    repository = there.repository("team/app")
    for tag in ("v1.0", "pr-1", "pr-2"):
        push_release(repository, tag)
    aged[1].now += 30 * DAY
    push_release(repository, "pr-3")
    aged[1].now += DAY / 2  # far from a whole day: an answer's Date has whole seconds
    Path("policy.toml").write_text(POLICY)
    return repository


def releases(registry: acr.Registry) -> set[str]:
    return {tag for tag in registry.repository("team/app").tag_names() if not tag.startswith("sha256-")}


def test_a_plan_deletes_nothing(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    before = everything(there)
    done = acr_here("purge", "plan", "policy.toml", "--out", "plan.json", "-o", "json")
    plan = acr.load_plan("plan.json")
    assert (done.code, everything(there)) == (0, before)
    assert [row["reference"] for row in done.json] == [line.reference for line in plan.deletions]
    assert sum(row["frees"] for row in done.json) == plan.frees > 0
    assert {row["reference"] for row in done.json if row["kind"] == "tag" and "sha256" not in row["name"]} == {
        "team/app:pr-1",
        "team/app:pr-2",
    }
    assert {row["rule"] for row in done.json} == {"pull requests"}
    assert "4 tags and 12 manifests go" in done.err
    assert "`acr purge apply plan.json` carries it out" in done.err
    kept = acr_here("purge", "plan", "policy.toml", "--kept", "-o", "json").json
    assert "team/app:v1.0" in {row["reference"] for row in kept}
    assert all(not {"frees", "unlocks"} & row.keys() and row["loses_tags"] is False for row in kept)
    assert acr_here("purge", "plan", "policy.toml", "--limit", "1").lines == [plan.deletions[0].reference]
    assert acr_here("purge", "plan", "policy.toml", "--exit-code").code == 4
    protected = acr_here("purge", "plan", "policy.toml", "--protect", "team/app:pr-1", "-o", "json").json
    assert "team/app:pr-1" not in {row["reference"] for row in protected}


@pytest.mark.parametrize("columns", [100, 80, 40])
def test_a_plan_shows_its_reasons_on_any_terminal(acr_here: Acr, app: acr.Repository, columns: int) -> None:
    code, shown = on_terminal(["purge", "plan", "policy.toml", "--out", "plan.json"], columns, NO_COLOR="1", CI="1")
    lines = [line.strip() for line in shown.splitlines()]
    told = " ".join(lines)
    assert code == 0
    assert "4         12  " in told  # go by the rule
    assert "2          6  the rule pull requests keeps it" in told
    assert "2          6  no rule is about it" in told
    assert "pull requests: older than 7d (30d)" in told
    assert "pull requests: it is part of sha256:" in told
    assert "`acr purge explain plan.json team/app:pr-1` says why" in told
    begin, end = (next(at for at, line in enumerate(lines) if line.startswith(one)) for one in ("reference", "`acr"))
    table = lines[begin:end]
    long = re.compile(r"team/app@sha256:[0-9a-f]{64}" if columns > 81 else r"team/app@sha256:[0-9a-f]{12}")
    assert all(len(line) <= columns for line in table)
    assert sum(long.match(line) is not None for line in table) == 12
    short = next(found[0] for line in table if (found := long.match(line)))
    assert call(["purge", "explain", "plan.json", short]).lines[0].startswith(f"{short}")


def test_what_loses_its_tags_is_named(acr_here: Acr, app: acr.Repository, aged: tuple[Emulator, Clock]) -> None:
    child = app.manifest("v1.0").get().manifests[0].digest
    app.put_manifest(app.manifest(child).get(), tag="pr-4")
    aged[1].now += 9 * DAY
    done = acr_here("purge", "plan", "policy.toml", "--kept", tty=True)
    assert f"left without a tag: team/app@{child}. A retention policy" in done.err
    assert "; all of its tags go" in " ".join(done.out.split())


def test_a_plan_of_a_file_asks_nobody(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, there: acr.Registry
) -> None:
    acr.save_inventory(there.inventory(cache=False), "all.inventory")
    whole = acr_here("purge", "plan", "policy.toml", f"{acr_emulator.login_server}/team/").lines
    acr_emulator.clear_requests()
    loaded = acr_here("purge", "plan", "policy.toml", "--load", "all.inventory").lines
    assert [f"{acr_emulator.login_server}/{line}" for line in loaded] == whole
    assert acr_emulator.requests == []


def test_half_a_registry_makes_no_plan(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, there: acr.Registry
) -> None:
    push_image(there.repository("other"), "other", tag="v1")
    acr_emulator.fail(status=403, path_contains="/other/_manifests", method="GET")
    done = acr_here("purge", "plan", "policy.toml", "--out", "plan.json")
    assert (done.code, done.out) == (3, "")
    assert not Path("plan.json").exists()


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("[[purge.rule]]\nolder_than = '7days'\n", 2, "policy.toml:2"),
        ("no toml", 2, "policy.toml:1"),
        (f"{POLICY}{EXAMPLE}", 2, "an example fails"),
    ],
    ids=["duration", "toml", "example"],
)
def test_a_mistake_in_a_policy_is_told_with_its_line(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, text: str, code: int, told: str
) -> None:
    Path("policy.toml").write_text(text)
    acr_emulator.clear_requests()
    done = acr_here("purge", "plan", "policy.toml")
    assert (done.code, done.out) == (code, "")
    assert told in done.err


def test_examples_are_tried_without_a_registry(home: Path) -> None:
    Path("good.toml").write_text(POLICY)
    Path("bad.toml").write_text(f"{POLICY}{EXAMPLE}")
    assert call(["purge", "test", "good.toml"]).code == 0
    done = call(["purge", "test", "good.toml", "bad.toml", "-o", "json"])
    assert done.code == 1
    (row,) = done.json
    assert (row["item"], row["expected"], row["found"], row["policy"]) == ("team/app:v1", "delete", "keep", "bad.toml")
    (line,) = call(["purge", "test", "bad.toml"]).lines
    assert line == f"bad.toml:{row['line']}: team/app:v1"
    assert call(["purge", "test", "nothing.toml"]).code == 2


def test_explain(acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    acr_emulator.clear_requests()
    child = app.manifest("v1.0").get().manifests[0].digest
    lines = acr_here("purge", "explain", "plan.json", f"team/app@{child}", "team/app:pr-1").lines
    assert lines[0].startswith(f"team/app@{child} stays: it is part of sha256:")
    assert lines[1].startswith("  team/app@sha256:")
    assert lines[-1] == "team/app:pr-1 goes: pull requests: older than 7d (30d)"
    host = acr_emulator.login_server
    (row,) = acr_here("purge", "explain", "plan.json", f"{host}/team/app:pr-1", "-o", "json").json
    assert (row["goes"], row["rule"], len(row["chain"])) == (True, "pull requests", 1)
    assert acr_here("purge", "explain", "plan.json", "other.azurecr.io/team/app:pr-1").code == 2
    assert acr_here("purge", "explain", "plan.json", "team/app:nothing").code == 2
    assert acr_here("purge", "explain", "policy.toml", "team/app:pr-1").code == 1


def test_apply_deletes_what_the_plan_lists(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    planned = acr_here("purge", "plan", "policy.toml", "--out", "plan.json").lines
    before = everything(there)
    shown = acr_here("purge", "apply", "plan.json", "--dry-run", "-o", "json").json
    assert [row["reference"] for row in shown] == planned
    assert {row["status"] for row in shown} == {"planned"}
    asked = acr_here("purge", "apply", "plan.json")
    assert (asked.code, asked.out) == (2, "")
    assert "pass --yes" in asked.err
    assert (everything(there), Path("plan.journal").exists()) == (before, False)
    done = acr_here("purge", "apply", "plan.json", "--yes", "-o", "json")
    assert done.code == 0
    assert {(row["status"], row["action"]) for row in done.json} == {("done", "delete")}
    assert [row["reference"] for row in done.json] == planned
    assert all(row["digest"].startswith("sha256:") for row in done.json)
    assert releases(there) == {"v1.0", "pr-3"}
    for tag in ("v1.0", "pr-3"):
        assert_whole(app, tag)
    again = acr_here("purge", "apply", "plan.json", "--yes", "--journal", "plan.journal")
    assert (again.code, again.lines) == (0, planned)


def test_a_nightly_job_uses_the_same_names_each_night(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, aged: tuple[Emulator, Clock]
) -> None:
    """The recipe of docs/cleanup.md."""
    digests = []
    for night in range(3):
        assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
        digests.append(acr.load_plan("plan.json").sha256[:12])
        done = acr_here("purge", "apply", "plan.json", "--journal", "plan.journal", "--yes", "-o", "json")
        assert done.code == 0, done.err
        assert bool(done.json) is (night != 1)
        aged[1].now += 10 * DAY if night else DAY
    assert releases(there) == {"v1.0"}
    assert {path.name for path in Path().glob("plan.journal*")} == {
        "plan.journal",
        *(f"plan.journal.{digest}" for digest in digests[:2]),
    }
    restored = acr_here("restore", "team/app:pr-1", "--journal", f"plan.journal.{digests[0]}", "--no-cache")
    assert "team/app:pr-1" in restored.lines, restored.err


def test_a_night_that_did_not_end_is_told_the_next_night(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, aged: tuple[Emulator, Clock]
) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    fault = acr_emulator.fail(status=403, method="DELETE", path_contains="team/app", times=ALWAYS)
    assert acr_here("purge", "apply", "plan.json", "--yes").code == 3
    fault.left = 0
    content = Path("plan.journal").read_bytes()
    aged[1].now += DAY
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    done = acr_here("purge", "apply", "plan.json", "--yes")
    assert (done.code, done.out) == (2, "")
    assert "plan.journal belongs to another plan, which did not come to its end: carry that plan on" in done.err
    assert "move the file away" in done.err
    assert Path("plan.journal").read_bytes() == content
    Path("plan.journal").rename("night.journal")
    assert acr_here("purge", "apply", "plan.json", "--yes").code == 0


def test_the_plan_of_a_night_that_did_not_end_is_kept_for_the_morning(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, aged: tuple[Emulator, Clock]
) -> None:
    """Each night makes its plan under the same name, and only the plan of the journal finds what lost its tags."""
    plan = ("purge", "plan", "policy.toml", "--out", "plan.json")
    going = acr_here(*plan).lines
    first = Path("plan.json").read_bytes()
    kept = f"plan.json.{acr.load_plan('plan.json').sha256[:12]}"
    fault = acr_emulator.fail(status=403, method="DELETE", path_contains="/manifests/", times=ALWAYS)
    assert acr_here("purge", "apply", "plan.json", "--yes").code == 3
    fault.left = 0
    with Path("plan.journal").open("ab") as journal:
        journal.write(f'{{"is": "manifest", "content": "{"A" * 9000}'.encode())  # what a kill in the midst leaves
    for night in range(2):
        aged[1].now += DAY / 4
        told = acr_here(*plan)
        assert (told.code, Path(kept).read_bytes()) == (0, first)
        assert (f"is kept in {kept}" in told.err) is (night == 0), told.err
        refused = acr_here("purge", "apply", "plan.json", "--yes")
        assert (refused.code, refused.out) == (2, "")
        assert f"hint: `acr purge apply {kept} --journal plan.journal` carries that plan on" in refused.err
    done = acr_here("purge", "apply", kept, "--journal", "plan.journal", "--yes", "-o", "json")
    assert (done.code, {row["reference"] for row in done.json}) == (0, set(going)), done.err
    assert acr_here(*plan).code == 0
    assert {path.name for path in Path().glob("plan.json*")} == {"plan.json", kept}
    assert acr_here("purge", "apply", "plan.json", "--yes").code == 0


def test_a_plan_whose_journal_is_none_is_replaced(acr_here: Acr, app: acr.Repository) -> None:
    """What cannot be read is for `apply` to tell."""
    plan = ("purge", "plan", "policy.toml", "--out", "plan.json")
    for content in (b"", b"{}", b"[1]\n", b"\xff\n", b'{"journal": "acr-purge-journal/1", "plan": "../x"}\n'):
        Path("plan.journal").write_bytes(content)
        assert acr_here(*plan).code == 0
    assert {path.name for path in Path().glob("plan.json*")} == {"plan.json"}


def test_apply_asks_on_a_terminal(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    code, shown = on_terminal(["purge", "apply", "plan.json"], 80, b"n\n")
    assert (code, "Delete 4 tags and 12 manifests of" in shown, "[y/N]" in shown) == (2, True, True)
    assert releases(there) == {"v1.0", "pr-1", "pr-2", "pr-3"}
    code, shown = on_terminal(["purge", "apply", "plan.json"], 80, b"y\n")
    assert code == 0, shown
    assert releases(there) == {"v1.0", "pr-3"}


def test_what_has_changed_is_kept(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    assert acr_here("lock", "team/app:pr-1", "--deep").code == 0
    done = acr_here("purge", "apply", "plan.json", "--yes", "-o", "json")
    assert done.code == 3
    assert {row["status"] for row in done.json} == {"done", "changed"}
    assert all(row["reason"] for row in done.json if row["status"] == "changed")
    assert "kept, because of what has changed since the plan was made: 8 lines" in done.err
    assert releases(there) == {"v1.0", "pr-1", "pr-3"}
    assert_whole(app, "pr-1")
    again = acr_here("purge", "apply", "plan.json", "--yes")
    assert (again.code, len(again.lines)) == (3, 8)
    assert "8 items were left: `-o table` says why" in again.err


def test_a_pipe_tells_that_nothing_was_done(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    for tag in ("pr-1", "pr-2"):
        app.lock(tag, deep=True)
    before = everything(there)
    done = acr_here("purge", "apply", "plan.json", "--yes")
    assert (done.code, done.out, everything(there)) == (3, "", before)
    assert "nothing was done: 16 items were left: `-o table` says why" in done.err


def test_what_is_not_unlocked_is_said_to_be_kept(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    """With all that it needs, on a terminal of 80 columns, too. What goes all the same is counted alone."""
    acr_here("lock", "team/app:pr-1")
    Path("policy.toml").write_text(f'[purge]\nunlock = ["team/app:pr-1"]\n{POLICY}')
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    code, told = on_terminal(["purge", "apply", "plan.json"], 80, b"n\n", NO_COLOR="1")
    assert code == 2
    assert "is unlocked" not in told
    assert "goes only if `purge apply --unlock` names it" in told
    assert "kept with all that it needs, because --unlock does not name it: team/app:pr-1" in told
    assert "Delete 2 tags and 6 manifests of" in told
    assert "Unlock" not in told
    shown = acr_here("purge", "apply", "plan.json", "--dry-run", "-o", "json")
    assert "nothing was compared with the registry" in shown.err
    expected = {row["reference"] for row in shown.json if row["status"] == "skipped"}
    done = acr_here("purge", "apply", "plan.json", "--yes", "-o", "json")
    assert done.code == 0  # as it was asked to
    assert {row["reference"] for row in done.json if row["status"] == "skipped"} == expected
    assert len(expected) == 8
    piped = acr_here("purge", "apply", "plan.json", "--yes")
    assert (piped.code, "8 items were left" in piped.err) == (0, True)


@pytest.mark.parametrize("columns", [80, 40])
def test_apply_shows_what_became_of_each_line_on_any_terminal(acr_here: Acr, app: acr.Repository, columns: int) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    for more in (["--dry-run"], ["--yes"]):
        code, shown = on_terminal(["purge", "apply", "plan.json", *more], columns, NO_COLOR="1", CI="1")
        lines = shown.replace("\r", "").splitlines()
        table = lines[next(at for at, line in enumerate(lines) if line.startswith("reference")) :]
        assert code == 0
        assert table[0].split()[:3] == ["reference", "action", "status"]
        place = table[0].index("action"), table[0].index("status")
        status = "planned" if "--dry-run" in more else "done"
        told = [line for line in table if line[place[0] : place[0] + 8].startswith("delete ")]
        assert len(told) == 16
        assert all(line[place[1] :].startswith(status) for line in told)
        assert all(len(line) <= columns for line in table if "compared" not in line)


def test_a_deep_lock_is_told_with_what_to_unlock(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, aged: tuple[Emulator, Clock]
) -> None:
    """The recipe of docs/cleanup.md."""
    acr_here("lock", "team/app:pr-1", "--deep")
    Path("policy.toml").write_text(f'[purge]\nunlock = ["team/app:pr-1"]\n{POLICY}')
    done = acr_here("purge", "plan", "policy.toml", "--out", "plan.json")
    assert "team/app:pr-1" not in done.lines
    (line,) = (line for line in done.err.splitlines() if "stays, although unlock names it" in line)
    names = line.partition("write unlock = ")[2]
    wrong = acr_here("purge", "apply", "plan.json", "--yes", "--unlock", "team/app:pr-1")
    assert (wrong.code, "write unlock = [...] in the policy, and plan again" in wrong.err) == (2, True)
    Path("policy.toml").write_text(f"[purge]\nunlock = {names}\n{POLICY}")
    done = acr_here("purge", "plan", "policy.toml", "--out", "plan.json")
    assert "although" not in done.err
    (command,) = (line.split("`")[1] for line in done.err.splitlines() if "carries it out" in line)
    assert acr_here(*command.split()[1:], "--yes").code == 0
    assert releases(there) == {"v1.0", "pr-3"}


def test_what_is_locked_goes_only_if_the_policy_and_the_command_name_it(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator
) -> None:
    app.tag("pr-1").update(can_write=False, can_delete=False)
    host = acr_emulator.login_server
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    done = acr_here("purge", "apply", "plan.json", "--yes", "--unlock", "team/app:pr-1")
    assert (done.code, done.out) == (2, "")
    assert "unlock = [...]" in done.err
    Path("policy.toml").write_text(f'[purge]\nunlock = ["team/app:pr-1"]\n{POLICY}')
    rows = acr_here("purge", "plan", "policy.toml", "--out", "plan.json", "-o", "json").json
    assert {row["reference"] for row in rows if row["unlocks"]} == {"team/app:pr-1"}
    shown = acr_here("purge", "apply", "plan.json", "--dry-run", "-o", "json")
    kept = {row["reference"] for row in shown.json if row["status"] == "skipped"}
    assert (len(kept), "team/app:pr-1" in kept) == (8, True)
    assert "--unlock does not name it: team/app:pr-1" in shown.err
    named = acr_here("purge", "apply", "plan.json", "--dry-run", "--unlock", "team/app:pr-1", "-o", "json").json
    assert {row["status"] for row in named} == {"planned"}
    for wrong in ("team/app:pr-2", "team/app", "other.azurecr.io/team/app:pr-1", "team/app:*", ""):
        assert acr_here("purge", "apply", "plan.json", "--yes", "--unlock", wrong).code == 2
    done = acr_here("purge", "apply", "plan.json", "--yes")
    assert (done.code, releases(there)) == (0, {"v1.0", "pr-1", "pr-3"})
    assert_whole(app, "pr-1")
    Path("plan.journal").unlink()
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    code, told = on_terminal(["purge", "apply", "plan.json", "--unlock", f"{host}/team/app:pr-1"], 80, b"y\n")
    assert (code, "Unlock team/app:pr-1? Delete" in told) == (0, True), told
    assert releases(there) == {"v1.0", "pr-3"}


def test_a_repository_that_refuses_is_not_whole(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    fault = acr_emulator.fail(status=403, method="DELETE", path_contains="team/app", times=ALWAYS)
    done = acr_here("purge", "apply", "plan.json", "--yes", "-o", "json")
    fault.left = 0
    assert done.code == 3
    assert [(row["reference"], row["status"]) for row in done.json if row["status"] == "failed"] == [
        ("team/app", "failed")
    ]
    assert {row["status"] for row in done.json} == {"failed", "skipped"}
    assert "the same command goes on" in done.err
    assert acr_here("purge", "apply", "plan.json", "--yes").code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--max-deletions", "3"], 1),
        (["--max-share", "0.1"], 1),
        (["--max-age", "1m"], 1),
        (["--max-share", "2"], 2),
        (["--max-age", "7days"], 2),
        (["--registry", "other"], 2),
        (["--journal", "no/folder/x"], 1),
    ],
    ids=str,
)
def test_a_plan_that_is_refused_deletes_nothing(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, aged: tuple[Emulator, Clock], words: list[str], code: int
) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    before = everything(there)
    aged[1].now += 600
    done = acr_here("purge", "apply", "plan.json", "--yes", *words)
    assert (done.code, done.out, everything(there)) == (code, "", before)
    assert "max_age" not in done.err


def test_a_plan_that_somebody_changed_is_refused(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    before = everything(there)
    Path("plan.json").write_text(Path("plan.json").read_text().replace("pr-1", "v1.0"))
    done = acr_here("purge", "apply", "plan.json", "--yes")
    assert done.code == 1
    assert "to take something off, plan again with --protect REF, or with protect in the policy" in done.err
    assert everything(there) == before


@pytest.mark.parametrize("path", ["", ".", "/", "..", "\0"])
def test_a_path_that_is_none(acr_here: Acr, app: acr.Repository, path: str) -> None:
    for words in (
        ["purge", "apply", path, "--yes"],
        ["purge", "plan", path],
        ["purge", "plan", "policy.toml", "--out", path],
        ["purge", "plan", "policy.toml", "--save", path],
        ["purge", "plan", "policy.toml", "--load", path],
        ["purge", "explain", path, "team/app:v1.0"],
        ["purge", "test", path],
        ["du", "--html", path],
        ["lock", "team/app:v1.0", "--deep", "--state", path],
        ["unlock", "--state", path],
        ["restore", "team/app:v1.0", "--journal", path],
    ):
        done = acr_here(*words)
        assert done.code in (1, 2), (words, done.err)
        assert "error:" in done.err
    assert acr_here("locks", "team/app").lines == []


def test_a_limit_of_the_policy_is_told(acr_here: Acr, app: acr.Repository) -> None:
    Path("policy.toml").write_text(f"[purge]\nmax_deletions = 2\n{POLICY}")
    assert "exceeds a limit" in acr_here("purge", "plan", "policy.toml", "--out", "plan.json").err
    done = acr_here("purge", "apply", "plan.json", "--yes")
    assert (done.code, done.out) == (1, "")


@pytest.mark.parametrize(
    "line",
    [
        "purge",
        "purge --filter 'app:.*' --ago 30d",
        "purge --registry my --filter app:.* --ago 0d --untagged",
        "purge --filter app:.* --ago 30d --yes",
        "purge plan --filter app:.* --ago 30d",
        "purge apply --filter app:.* --ago 30d --yes",
        "purge annotate",
    ],
)
def test_the_form_of_acr_cli_never_acts(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator, line: str
) -> None:
    before = everything(there)
    acr_emulator.clear_requests()
    done = acr_here(*line.split())
    assert (done.code, done.out) == (2, "")
    assert "purge" in done.err
    assert acr_emulator.requests == []
    assert everything(there) == before


def test_help_of_the_group(home: Path) -> None:
    done = call(["purge", "--help"])
    assert done.code == 0
    assert all(f"purge {name}" in done.out for name in ("plan", "apply", "explain", "test"))
    assert call(["help", "purge"]).out == done.out


@pytest.mark.skipif(os.name == "nt", reason="the program is acr.exe")
def test_ctrl_c_in_the_midst_goes_on_later(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator
) -> None:
    planned = acr_here("purge", "plan", "policy.toml", "--out", "plan.json").lines
    fault = acr_emulator.fail(times=ALWAYS, method="DELETE", path_contains="team/app/manifests", delay=5)
    process = subprocess.Popen(
        [PROGRAM, "purge", "apply", "plan.json", "--yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: fault.left < ALWAYS)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, ""), error
    assert "plan.journal has what was deleted and unlocked; the same command goes on" in error
    fault.left = 0
    again = acr_here("purge", "apply", "plan.json", "--yes", "-o", "json")
    assert again.code == 0
    assert {row["reference"] for row in again.json} == set(planned)
    assert releases(there) == {"v1.0", "pr-3"}


def test_the_trash(acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator) -> None:
    push_image(there.repository("gone"), "gone", tag="v1")
    there.repository("gone").delete()
    assert acr_here("trash").lines == ["gone"]
    assert acr_here("trash", acr_emulator.login_server).lines == [f"{acr_emulator.login_server}/gone"]
    digest = app.tag("pr-1").properties().digest
    app.tag("pr-1").delete()
    rows = acr_here("trash", "team/app", "-o", "json").json
    assert [(row["reference"], row["kind"], row["digest"]) for row in rows] == [("team/app:pr-1", "tag", digest)]
    app.manifest(digest).delete()
    assert acr_here("trash", "team/app", "--kind", "manifest").lines[0].startswith("team/app@sha256:")
    assert acr_here("trash", "team/app", "--limit", "1", "--kind", "tag").lines == ["team/app:pr-1"]


@pytest.mark.parametrize("tty", [False, True])
def test_nothing_in_the_trash(acr_here: Acr, app: acr.Repository, *, tty: bool) -> None:
    """The answer for a name with a typing error looked, in a pipe, as if all were well."""
    for name in ("nope", "team/app"):
        done = acr_here("trash", name, tty=tty)
        assert (done.code, done.out, done.err) == (0, "", f"the trash has no tags and manifests of {name}\n")
    assert acr_here("trash", "nope", "--kind", "tag", tty=tty).err == "the trash has no tags of nope\n"
    assert acr_here("trash", "nope", "--quiet", tty=tty).err == ""
    done = acr_here("trash", "nope", "-o", "json", tty=tty)
    assert (done.json, json.loads(done.err)) == ([], {"note": "the trash has no tags and manifests of nope"})


def test_without_a_trash(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator() as emulator:
        monkeypatch.setenv("ACR_REGISTRY", emulator.login_server)
        monkeypatch.setenv("ACR_USERNAME", emulator.username)
        monkeypatch.setenv("ACR_PASSWORD", emulator.password)
        with acr.Registry(emulator.url, emulator.credential()) as registry:
            push_image(registry.repository("app"), "x", tag="v1")
        for words in (["trash"], ["trash", "app"], ["restore", "app:gone"]):
            done = call(words)
            assert (done.code, done.out) == (1, "")
            assert "soft delete is off for this registry" in done.err
            assert "hint: `az acr config soft-delete update --registry NAME --status enabled" in done.err
            assert "trashed_" not in done.err


def test_a_release_comes_back_whole(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    before = everything(there)
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json").code == 0
    assert acr_here("purge", "apply", "plan.json", "--yes").code == 0
    shown = acr_here("restore", "team/app:pr-1", "--dry-run", "-o", "json").json
    assert [(row["reference"], row["status"]) for row in shown] == [("team/app:pr-1", "planned")]
    assert releases(there) == {"v1.0", "pr-3"}
    first = acr_here("restore", "team/app:pr-1", "-o", "json")
    assert first.code == 0
    assert {row["status"] for row in first.json} == {"done"}
    assert first.json[0]["reference"] == "team/app:pr-1"
    assert first.json[0]["digest"] == app.tag("pr-1").properties().digest
    assert_whole(app, "pr-1")
    second = acr_here("restore", "team/app:pr-2", "--no-cache", "--journal", "plan.journal")
    assert second.code == 0, second.err
    assert everything(there) == before
    (row,) = acr_here("restore", "team/app:pr-2", "-o", "json").json
    assert row["status"] == "skipped"
    assert row["reason"] == f"it is live at {row['digest']}; nothing was restored"
    refused = acr_here("restore", "team/app:nothing", "team/app:pr-2", "-o", "json")
    assert refused.code == 3
    assert acr_here("restore", "team/app").code == 2


def test_a_live_tag_is_not_said_to_be_restored(acr_here: Acr, app: acr.Repository) -> None:
    old = app.tag("v1.0").properties().digest
    app.manifest(old).delete()
    new = push_image(app, "new", tag="v1.0").digest
    done = acr_here("restore", "team/app:v1.0", "--alone", "-o", "json")
    (row,) = done.json
    assert (done.code, row["status"], row["reason"]) == (0, "skipped", f"it is live at {new}; nothing was restored")
    assert f"team/app:v1.0 is live at {new}, and stays there; --force lets it point to {old}" in done.err
    assert app.tag("v1.0").properties().digest == new
    forced = acr_here("restore", "team/app:v1.0", "--alone", "--force", "-o", "json")
    assert {row["status"] for row in forced.json} >= {"done"}
    assert app.tag("v1.0").properties().digest == old


def test_the_trash_without_what_a_restore_made(acr_here: Acr, app: acr.Repository) -> None:
    assert acr_here("purge", "plan", "policy.toml").code == 0  # the cache knows what is attached to what
    app.manifest(app.tag("v1.0").properties().digest).delete()
    assert acr_here("restore", "team/app:v1.0").code == 0
    assert any(tag.name.startswith("restoring-") for tag in app.trashed_tags())
    app.put_manifest(app.manifest("v1.0").get(), tag="restoring-mine")
    app.tag("restoring-mine").delete()
    done = acr_here("trash", "team/app", "--kind", "tag")
    assert [name for name in done.lines if "restoring-" in name] == ["team/app:restoring-mine"]
    assert "left out: " in done.err
    refused = acr_here("trash", "--kind", "tag")
    assert (refused.code, "--kind is for the trash of one repository" in refused.err) == (2, True)
    assert acr_here("trash", tty=True).err == "no deleted repositories\n"
    live = acr_here("restore", "team/app:v1.0")
    assert (live.code, live.out) == (0, "")
    assert "nothing was done: 1 item was left: it is live at sha256:" in live.err
    lost = acr_here("restore", "team/app:nope")
    assert "hint: `acr trash team/app` lists its trash, and `acr ls team/app` its tags" in lost.err


def test_what_is_missing_or_unknown_is_told(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    assert acr_here("purge", "plan", "policy.toml", "--out", "plan.json", "--no-cache").code == 0
    assert acr_here("purge", "apply", "plan.json", "--yes").code == 0
    alone = acr_here("restore", "team/app:pr-1", "--alone", "--no-cache", "-o", "json")
    assert alone.code == 3
    told = {row["reason"] for row in alone.json if row["status"] == "failed"}
    assert told == {"it is in the trash: without --alone it comes back, too"}
    deep = acr_here("restore", "team/app:pr-1", "--no-cache", "-o", "json")
    assert deep.code == 3  # nobody knows what its SBOM was attached to
    assert any("restore it by its digest" in row["reason"] for row in deep.json if row["status"] == "skipped")


def test_deep_locks(acr_here: Acr, app: acr.Repository, there: acr.Registry) -> None:
    children = [one.digest for one in app.manifest("v1.0").get().manifests]
    app.manifest(children[0]).update(can_write=False)
    before = {(one.digest, one.can_write, one.can_delete) for one in app.manifests()}
    shown = acr_here("lock", "team/app:v1.0", "--deep", "--dry-run", "-o", "json").json
    assert [(row["reference"], row["status"]) for row in shown] == [("team/app:v1.0", "planned")]
    done = acr_here("lock", "team/app:v1.0", "--deep", "--state", "state", "-o", "json")
    assert done.code == 0
    names = {row["reference"] for row in done.json}
    assert {"team/app:v1.0", *(f"team/app@{child}" for child in children)} <= names
    assert len(names) == 1 + 6 + 1  # the tag, six manifests, and the tag of the signature
    assert names == set(acr_here("locks", "team/app").lines)
    assert Path("state").stat().st_mode & 0o077 == 0
    assert acr_here("lock", "team/app:v1.0", "--deep", "--state", "state").code == 2  # it may be the only one
    again = acr_here("lock", "team/app:v1.0", "--deep", "-o", "json").json
    assert {(row["status"], row["reason"]) for row in again} == {("skipped", "it was so already")}
    back = acr_here("unlock", "--state", "state", "-o", "json")
    assert back.code == 0
    assert {row["reference"]: row["status"] for row in back.json}[f"team/app@{children[0]}"] == "skipped"
    assert {(one.digest, one.can_write, one.can_delete) for one in app.manifests()} == before


def test_what_another_lock_needs_stays_locked(acr_here: Acr, app: acr.Repository) -> None:
    app.put_manifest(app.manifest("v1.0").get(), tag="twin")
    for tag in ("v1.0", "twin"):
        assert acr_here("lock", f"team/app:{tag}", "--deep").code == 0
    done = acr_here("unlock", "team/app:v1.0", "--deep", "-o", "json")
    assert done.code == 0
    statuses = {row["reference"]: row["status"] for row in done.json}
    assert statuses.pop("team/app:v1.0") == "done"
    assert set(statuses.values()) == {"skipped"}
    assert acr_here("unlock", "team/app:twin", "--deep").code == 0
    assert acr_here("locks", "team/app").lines == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("lock team/app:v1.0 --state x", 2),
        ("lock team/app:v1.0 --deep --what read", 2),
        ("lock team/app:v1.0 team/app:pr-1 --deep --state x", 2),
        ("lock team/app:v1.0 --deep --state no/folder/x", 1),
        ("lock team/app:nothing --deep --state x", 1),
        ("lock team/app:nothing team/app:v1.0 --deep --dry-run", 0),
        ("unlock", 2),
        ("unlock --deep", 2),
        ("unlock team/app:v1.0 --state policy.toml", 2),
        ("unlock --state policy.toml", 2),
        ("unlock --state nothing", 2),
        ("unlock --state foreign", 2),
    ],
)
def test_locks_that_are_refused_lock_nothing(acr_here: Acr, app: acr.Repository, line: str, code: int) -> None:
    foreign = acr.LockState(registry="other.azurecr.io", repository="team/app", reference="v1.0", items=())
    Path("foreign").write_text(json.dumps(foreign.to_dict()))
    done = acr_here(*line.split())
    assert done.code == code, done.err
    assert not Path("x").exists()
    assert acr_here("locks", "team/app").lines == []
