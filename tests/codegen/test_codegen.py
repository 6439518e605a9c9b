"""Does ./codegen.sh repeat itself, notice hand edits, and answer bad input in one line?

CI runs ./codegen.sh --check on the checkout itself; here it runs on changed copies. The script installs its tools when
first needed, from the package index.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.codegen.making import ROOT, ours


def codegen(*arguments: str | Path, root: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(root / "codegen.sh"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """The tools are there, so that no test meets the line that says that they are installed."""
    assert codegen("--report", ROOT / "spec" / "containerregistry.json").returncode == 0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy to change, with the tools of this checkout."""
    shutil.copy(ROOT / "codegen.sh", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("spec", "generated", "tools/codegen"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "codegen").symlink_to(ROOT / ".cache" / "codegen")
    return tmp_path


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (path for name in ("spec", "generated") for path in (folder / name).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if "__pycache__" not in path.parts}


def test_a_second_run_gives_the_same_bytes(tree: Path) -> None:
    shutil.rmtree(tree / "generated")
    (tree / "spec" / "openapi.json").unlink()
    run = codegen(root=tree)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert snapshot(tree) == snapshot(ROOT)


def test_hand_edits_are_found_and_left_alone(tree: Path) -> None:
    edited = ["generated/acr_rest/types.py", "spec/openapi.json", "spec/upstream.lock", "generated/new.py"]
    for name in edited:
        with (tree / name).open("a", encoding="utf-8") as file:
            file.write("# by hand\n" if name.endswith(".py") else " \n")
    (tree / "generated" / "acr_rest" / "models" / "tag_list.py").unlink()
    before = snapshot(tree)
    run = codegen("--check", root=tree)
    assert run.returncode == 1
    for name in [*edited, "models/tag_list.py is missing", "generated/new.py is none of the generated files"]:
        assert name in run.stdout
    assert "-# by hand" in run.stdout
    assert "run ./codegen.sh" in run.stderr
    assert snapshot(tree) == before


def test_a_correction_that_upstream_has_made_its_own_is_an_error_for_spec(tree: Path) -> None:
    document = ours()
    document["definitions"]["AcrAccessToken"]["properties"]["token"] = {"type": "string", "format": "password"}
    (tree / "spec" / "containerregistry.json").write_text(json.dumps(document), encoding="utf-8")
    before = snapshot(tree)
    for arguments in ([], ["--check"]):
        run = codegen(*arguments, root=tree)
        assert (run.returncode, run.stdout) == (1, "")
        (line,) = run.stderr.splitlines()
        assert line.startswith("error: correction ")
        assert "schema AccessToken > properties > token: Other registries" in line
        assert line.endswith("already so upstream")
    assert snapshot(tree) == before


def test_another_description_goes_where_it_is_told_to(tmp_path: Path) -> None:
    document = ours()
    document["info"]["version"] = "2027-01-01"
    source = tmp_path / "next.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    before = snapshot(ROOT)
    run = codegen("--spec", source, "--output", tmp_path / "output", "--package", "acr_next")
    assert run.returncode == 0, run.stderr
    assert "version: 2021-07-01 -> 2027-01-01" in run.stdout
    assert "corrections applied: " in run.stderr
    package = tmp_path / "output" / "acr_next"
    assert '"2027-01-01"' in (package / "source.py").read_text(encoding="utf-8")
    assert "acr_next.api" in (package / "__init__.py").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "output" / "openapi.json").read_text("utf-8"))["info"]["version"] == "2027-01-01"
    assert snapshot(ROOT) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frobnicate"], "unknown option: --frobnicate"),
        (["spec.json"], "unknown option: spec.json"),
        (["--spec"], "--spec needs a value"),
        (["--spec", "no/such/file"], "cannot read no/such/file"),
        (["--spec", "tests"], "cannot read tests"),
        (["--output", "--check"], "--output needs a value"),
        (["--check", "--output", "x"], "--check does not go with --output"),
        (["--adopt", "x", "--report", "y"], "--adopt does not go with --report"),
        (["--fail-on", "breaking"], "--json, --fail-on and --base are about a report"),
        (["--package", "Not-One"], "--package Not-One is no name of a package"),
        (["--from", "x@y:z"], "--from is REPOSITORY@COMMIT:PATH"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    run = codegen(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_help() -> None:
    run = codegen("--help")
    assert run.returncode == 0
    for option in ("--check", "--spec FILE", "--output DIR", "--adopt FILE", "--report FILE", "--package NAME"):
        assert option in run.stdout


def test_bad_input_is_answered_in_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    source = tmp_path / "bad.json"
    document = ours()
    document["paths"]["/v2/"]["get"]["responses"]["2XX"] = {"description": ""}
    texts = {
        '{"openapi": "3.0.0"}': "#/swagger: not a Swagger 2.0 document; it says OpenAPI 3.0.0",
        "{not json": "line 1: not JSON: Expecting property name enclosed in double quotes",
        json.dumps(document): "#/paths/~1v2~1/get/responses/2XX: `2XX` is no status code",
    }
    before = snapshot(ROOT)
    for text, message in texts.items():
        source.write_text(text, encoding="utf-8")
        run = codegen("--spec", source, "--output", tmp_path / "output")
        assert (run.returncode, run.stdout) == (1, "")
        assert run.stderr == f"error: {source}: {message}\n"
        assert not (tmp_path / "output").exists()
    assert snapshot(ROOT) == before


def test_the_tools_are_pinned_by_the_digests_of_their_files() -> None:
    def pins(name: str) -> list[str]:
        text = (ROOT / "tools" / "codegen" / name).read_text(encoding="utf-8")
        found = re.findall(r"^([\w.-]+)==([^\s\\]+)", text, flags=re.MULTILINE)
        return sorted(f"{re.sub('[._-]+', '-', package.lower())} {version}" for package, version in found)

    assert pins("requirements.in") == pins("requirements.txt")
    assert len(pins("requirements.txt")) > 30
    assert "--require-hashes" in (ROOT / "codegen.sh").read_text(encoding="utf-8")
