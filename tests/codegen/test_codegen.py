"""Does ./codegen.sh repeat itself, notice hand edits, and tell what another API version changes?

Needs Node.js, and the network when .cache/codegen/ is empty; without Node.js it is skipped.
"""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import tokenize
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared" / "upstream" / "containerregistry-2021-07-01.json"

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")),
    reason="./codegen.sh needs Node.js with npm, which are not installed",
)


def codegen(*arguments: str | Path, root: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(root / "codegen.sh"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy to change, with the tools of this checkout."""
    shutil.copy(ROOT / "codegen.sh", tmp_path)
    for folder in ("spec", "generated"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    cache = ROOT / ".cache" / "codegen"
    cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "codegen").symlink_to(cache)
    return tmp_path


def swagger() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "spec" / "containerregistry.json").read_text("utf-8"))
    return document


def test_the_checkout_is_what_the_spec_gives() -> None:
    run = codegen("--check")
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout == ""


def test_a_second_run_gives_the_same_bytes(tree: Path) -> None:
    shutil.rmtree(tree / "generated")
    (tree / "spec" / "openapi.json").unlink()
    run = codegen(root=tree)
    assert run.returncode == 0, run.stderr
    for path in [ROOT / "spec" / "openapi.json", *(ROOT / "generated").rglob("*.py")]:
        assert (tree / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("edited", ["generated/acr_rest/types.py", "spec/openapi.json", "generated/new.py"])
def test_a_hand_edit_is_found_and_left_alone(tree: Path, edited: str) -> None:
    with (tree / edited).open("a", encoding="utf-8") as file:
        file.write("# by hand\n")
    run = codegen("--check", root=tree)
    assert run.returncode == 1
    assert edited in run.stdout
    assert "-# by hand" in run.stdout
    assert "run ./codegen.sh" in run.stderr
    assert "# by hand" in (tree / edited).read_text(encoding="utf-8")


def test_a_missing_file_is_found(tree: Path) -> None:
    (tree / "generated" / "acr_rest" / "models" / "tag_list.py").unlink()
    run = codegen("--check", root=tree)
    assert run.returncode == 1
    assert "tag_list.py" in run.stdout


def test_a_correction_that_matches_nothing_is_an_error(tree: Path) -> None:
    document = swagger()
    architectures = document["definitions"]["ArtifactArchitecture"]["enum"]
    architectures[architectures.index("ppc641e")] = "ppc64le"
    (tree / "spec" / "containerregistry.json").write_text(json.dumps(document), encoding="utf-8")
    for arguments in ([], ["--check"]):
        run = codegen(*arguments, root=tree)
        assert run.returncode == 1
        assert "error: overlay action matches nothing" in run.stderr
        assert "ppc641e" in run.stderr


def test_another_version_is_compared_with_this_one(tmp_path: Path) -> None:
    document = swagger()
    document["info"]["version"] = "2027-01-01"
    document["paths"]["/acr/v1/{name}/_lock"] = {
        "post": {
            "tags": ["Repository"],
            "operationId": "ContainerRegistry_Lock",
            "parameters": [{"$ref": "#/parameters/ImageName"}],
            "responses": {"204": {"description": "Done."}},
        }
    }
    del document["paths"]["/acr/v1/{name}"]["delete"]
    catalog = document["paths"]["/acr/v1/_catalog"]["get"]
    catalog["parameters"].append({"name": "filter", "in": "query", "type": "string"})
    document["parameters"]["QueryNum"]["type"] = "string"
    definitions = document["definitions"]
    definitions["Added"] = {"type": "object", "properties": {"x": {"type": "string"}}}
    definitions["TagAttributesBase"]["properties"]["expires"] = {"type": "string"}
    definitions["TagAttributesBase"]["required"].remove("digest")
    definitions["ArtifactOperatingSystem"]["enum"].append("haiku")
    del definitions["RepositoryAttributes"]["properties"]["tagCount"]
    definitions["TagList"]["properties"].pop("link")
    source = tmp_path / "next.json"
    source.write_text(json.dumps(document), encoding="utf-8")

    output = tmp_path / "output"
    run = codegen("--spec", source, "--output", output)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert set(lines) >= {
        "+ operation ContainerRegistry_Lock",
        "- operation ContainerRegistry_DeleteRepository",
        "+ operation ContainerRegistry_GetRepositories: parameter filter (query)",
        '~ parameter QueryNum: schema: type: "integer" -> "string"',
        '~ parameter ApiVersionParameter: schema: default: "2021-07-01" -> "2027-01-01"',
        "+ schema Added",
        "+ schema TagAttributesBase: property expires",
        "- schema TagAttributesBase: required digest",
        "+ schema ArtifactOperatingSystem: value haiku",
        "- schema RepositoryAttributes: property tagCount",
    }
    assert len(lines) == 10
    assert "2027-01-01" in (output / "acr_rest" / "__init__.py").read_text(encoding="utf-8")
    assert (output / "acr_rest" / "api" / "repository" / "container_registry_lock.py").exists()
    assert json.loads((output / "openapi.json").read_text("utf-8"))["info"]["version"] == "2027-01-01"
    assert codegen("--check").returncode == 0


def test_a_correction_that_a_newer_version_needs_no_more_is_a_warning(tmp_path: Path) -> None:
    document = swagger()
    for name in ("Repositories", "TagList", "AcrManifests"):
        del document["definitions"][name]["properties"]["link"]
    source = tmp_path / "next.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    run = codegen("--spec", source, "--output", tmp_path / "output")
    assert run.returncode == 0
    (warning,) = run.stderr.splitlines()
    assert warning.startswith("warning: overlay action matches nothing: $.components.schemas[")


def code(path: Path) -> tuple[str, list[str]]:
    """A module without its docstrings, and its comments."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            del node.body[0]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return ast.dump(tree), [token.string for token in tokens if token.type == tokenize.COMMENT]


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published Swagger file is not next to this checkout")
def test_the_published_file_gives_the_same_code(tmp_path: Path) -> None:
    run = codegen("--spec", PUBLISHED, "--output", tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "No operation, parameter or schema differs.\n"
    assert run.stderr == ""
    ours, theirs = ROOT / "generated" / "acr_rest", tmp_path / "acr_rest"
    names = {path.relative_to(ours) for path in ours.rglob("*.py")}
    assert names == {path.relative_to(theirs) for path in theirs.rglob("*.py")}
    for name in names:
        assert code(ours / name) == code(theirs / name), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frobnicate"], "unknown option: --frobnicate"),
        (["spec.json"], "unknown option: spec.json"),
        (["--spec"], "--spec needs a value"),
        (["--spec", "no/such/file"], "cannot read no/such/file"),
        (["--output", "--check"], "--output needs a value"),
        (["--check", "--output", "x"], "--check writes nothing"),
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
    for option in ("--check", "--spec FILE", "--output DIR"):
        assert option in run.stdout


def test_without_node_it_says_what_to_install(tmp_path: Path) -> None:
    for tool in ("bash", "env", "dirname", "cat"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    run = codegen("--check", PATH=str(tmp_path))
    assert run.returncode == 1
    assert "needs Node.js" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_another_kind_of_document_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "openapi.json"
    for text in ('{"openapi": "3.0.0"}', "not json", "[]"):
        source.write_text(text, encoding="utf-8")
        run = codegen("--spec", source, "--output", tmp_path / "output")
        assert run.returncode == 1
        assert run.stderr == f"error: {source} is not a Swagger 2.0 document in JSON\n"
        assert not (tmp_path / "output").exists()
