"""What runs outside of the tests, and is only noticed if it breaks: workflows, hooks, the steps of a release."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.mutation.subjects import SUBJECTS
from tools.lowest import constraints, lower_bound, name_of
from tools.release import problems

PROJECT = Path(__file__).resolve().parent.parent.parent
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
SETTINGS = [*(PROJECT / ".github").rglob("*.yml"), PROJECT / ".pre-commit-config.yaml"]
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def loaded(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in loaded(workflow)["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", [*SETTINGS, PROJECT / ".ci" / "run"], ids=lambda path: str(path.name))
def test_what_is_called_is_a_target_of_make(path: Path) -> None:
    commands = re.findall(r"^ *(?:- )?(?:run: |entry: )?make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(commands) <= set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: str(path.name))
def test_settings_can_be_read(path: Path) -> None:
    assert loaded(path)


def test_the_workflow_runs_every_python_that_is_claimed_and_the_next_one() -> None:
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["project"]["classifiers"]))
    matrix = loaded(PROJECT / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"][:-1] == claimed
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    assert PYPROJECT["project"]["requires-python"] == f">={claimed[0]}"


def test_the_workflow_leaves_out_the_tests_that_make_test_leaves_out() -> None:
    left_out = re.findall(r"^ELSEWHERE := (.*)$", MAKEFILE, re.MULTILINE)
    runs = [
        step["run"] for step in steps(PROJECT / ".github" / "workflows" / "ci.yml") if "pytest" in step.get("run", "")
    ]
    assert runs
    assert {run.partition("pytest ")[2] for run in runs} == set(left_out)


def test_each_slow_target_has_a_job_of_its_own_once_a_week() -> None:
    weekly = loaded(PROJECT / ".github" / "workflows" / "weekly.yml")
    assert weekly[True]["schedule"]  # YAML 1.1 takes the key `on` for a truth value
    jobs = weekly["jobs"]
    targets = jobs["slow"]["strategy"]["matrix"]["target"]
    assert targets == ["test-faults", "test-fuzz", "test-forks", "test-limits", "test-upkeep"]
    assert set(targets) <= set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
    for number in ("FAULTS ?= 500", "UPKEEP ?= 20000", "MANIFESTS ?= 1000000"):
        assert f"\n{number}\n" in MAKEFILE
    assert jobs["mutate"]["strategy"]["matrix"]["subject"] == list(SUBJECTS)
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands[:2] == ["make ${{ matrix.target }}", "make mutate MUTATE=${{ matrix.subject }}"]
    assert "./codegen.sh --report" in commands[2]
    assert all(job["timeout-minutes"] < 360 for job in jobs.values())  # GitHub ends a job after six hours


@pytest.mark.skipif(sys.platform == "win32", reason="the job runs on Linux")
def test_the_newest_description_is_told_by_its_version(tmp_path: Path) -> None:
    """As the weekly job finds it: folders of both kinds, named after dates."""
    kind = tmp_path / ".cache" / "upstream" / "specification" / "containerregistry" / "data-plane"
    for name in ("preview/2019-08-15-preview", "stable/2021-07-01", "preview/2019-07-15", "stable/2020-01-01"):
        (kind / name).mkdir(parents=True)
        (kind / name / "containerregistry.json").write_text("{}")
        (kind / name / "examples.json").write_text("{}")
    (command,) = [
        step["run"]
        for step in steps(PROJECT / ".github" / "workflows" / "weekly.yml")
        if "codegen.sh" in step.get("run", "")
    ]
    find, *_ = command.splitlines()
    done = subprocess.run(
        ["bash", "-c", f'{find}; echo "$newest"'], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("stable/2021-07-01/containerregistry.json")


def test_the_limits_are_measured_for_each_change() -> None:
    runs = [step.get("run") for step in steps(PROJECT / ".github" / "workflows" / "ci.yml")]
    assert "make test-limits" in runs


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: str(path.stem))
def test_a_workflow_may_read_and_no_more(workflow: Path) -> None:
    """Only the job that publishes makes a token for the index."""
    assert loaded(workflow)["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in loaded(workflow)["jobs"].items() if "permissions" in job}
    assert more == ({"publish": {"id-token": "write"}} if workflow.stem == "release" else {})
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: str(path.stem))
def test_actions_are_pinned(workflow: Path) -> None:
    """To a commit where users' files are built, elsewhere to a major version at least."""
    pin = r"[0-9a-f]{40}" if workflow.stem == "release" else r"[0-9a-f]{40}|v\d+"
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(pin, step["uses"].partition("@")[2]), step["uses"]


VERSION = '"""The version."""\n\n__version__ = "1.2.0"\n'
CHANGELOG = "# Changelog\n\n## 1.2.0 - 2027-01-31\n\n## 1.1.0 - 2026-12-01\n"


@pytest.mark.parametrize(
    ("tag", "changelog", "found"),
    [
        ("v1.2.0", CHANGELOG, []),
        ("1.2.0", CHANGELOG, ["the tag 1.2.0 is not that of"]),
        ("v1.1.0", CHANGELOG, ["the tag v1.1.0 is not that of"]),
        ("v1.2.0", CHANGELOG.replace(" - 2027-01-31", " - unreleased"), ["CHANGELOG.md has no section"]),
        ("v1.3.0", CHANGELOG, ["the tag v1.3.0 is not that of", "CHANGELOG.md has no section"]),
    ],
)
def test_a_release_has_one_version_everywhere(tag: str, changelog: str, found: list[str]) -> None:
    told = list(problems(tag, VERSION, changelog))
    assert len(told) == len(found)
    assert all(one.startswith(start) for one, start in zip(told, found, strict=True))


def test_the_lowest_versions_are_the_lower_bounds() -> None:
    project = {
        "dependencies": ["attrs>=23.2", "PyJWT>=2.8", "httpx>=0.27,<1"],
        "optional-dependencies": {
            "emulator": ["uvicorn[standard]>=0.30"],
            "dev": ["acr-client[emulator]", "mypy>=1.13"],
        },
    }
    pinned = "# comment\nattrs==26.1.0\nmypy==2.4.1\nidna==3.20\n"
    lowest = {"attrs": "23.2", "pyjwt": "2.8", "httpx": "0.27", "uvicorn": "0.30", "mypy": "2.4.1"}
    assert constraints(project, pinned) == lowest


def test_every_dependency_has_a_lower_bound() -> None:
    for requirement in PYPROJECT["project"]["dependencies"]:
        assert lower_bound(requirement)
    with pytest.raises(SystemExit, match="rich"):
        lower_bound("rich<14")
    assert name_of("types_PyYAML>=6; sys_platform") == "types-pyyaml"


A_COUNT = r"(len\([^{}]*\)|[a-z_.]*count[a-z_.]*|left)(:,)?"


def test_numbers_of_things_are_told_by_one_helper() -> None:
    by_hand = re.compile(rf"(?<!/)\{{{A_COUNT}\}} (more |other |new )?[a-z]+s\b(?! of)")
    for path in (PROJECT / "acr").rglob("*.py"):
        found = [line for line in path.read_text(encoding="utf-8").splitlines() if by_hand.search(line)]
        assert all("counted(" in line or line.lstrip().startswith(("print(", "#")) for line in found), (path, found)
        assert "'' if" not in path.read_text(encoding="utf-8") or "else 's'" not in path.read_text(encoding="utf-8"), (
            path
        )
