"""The steps of docs/new-version.md, as written, with a version that is made up."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.codegen.making import ROOT, ours
from tests.codegen.test_codegen import codegen, snapshot, tools, tree  # noqa: F401 (fixtures)

if TYPE_CHECKING:
    from pathlib import Path

THEIRS = "A sentence of upstream's, which must not get into this project."


def next_version() -> dict[str, Any]:
    """One operation more, one parameter that is required, one field more. And a text, as upstream has them."""
    document = ours()
    document["info"]["version"] = "2026-01-01"
    tags = document["paths"]["/acr/v1/{name}/_tags"]["get"]
    next(item for item in tags["parameters"] if item.get("name") == "digest")["required"] = True
    tags["description"] = THEIRS
    document["paths"]["/acr/v1/{name}/_lock"] = {
        "post": {
            "operationId": "ContainerRegistry_Lock",
            "description": THEIRS,
            "parameters": [
                {"$ref": "#/parameters/Azure.Core.Foundations.ApiVersionParameter"},
                {"name": "name", "in": "path", "required": True, "type": "string"},
            ],
            "responses": {
                "204": {"description": THEIRS},
                "default": {
                    "description": THEIRS,
                    "schema": {"$ref": "#/definitions/Azure.Core.Foundations.ErrorResponse"},
                    "headers": {"x-ms-error-code": {"type": "string"}},
                },
            },
        }
    }
    document["definitions"]["TagAttributesBase"]["properties"]["expiresOn"] = {"type": "string", "description": THEIRS}
    return document


def test_the_steps_of_the_page(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:  # noqa: F811
    path = tmp_path_factory.mktemp("upstream") / "NEW.json"
    path.write_text(json.dumps(next_version()), encoding="utf-8")
    shutil.copytree(ROOT / "acr", tree / "acr", ignore=shutil.ignore_patterns("__pycache__"))  # who uses what changes
    before = snapshot(tree)
    old = json.loads((tree / "spec" / "upstream.lock").read_text("utf-8"))

    run = codegen("--report", path, "--fail-on", "breaking", root=tree)  # step 2
    assert run.returncode == 3
    for line in (
        "operation ContainerRegistry_Lock is new",
        "query parameter digest became required",
        "property expiresOn is new and optional",
        "! api.container_registry.get_tags.build_request argument digest is str",
        "+ api.container_registry.lock is new\n",  # `acr/` has other things of this name
        "+ models.TagAttributesBase has a new field expires_on: str | None",
    ):
        assert line in run.stdout
    (tags,) = re.findall(r"update_tag_properties.build_request argument api_version .*", run.stdout)
    assert len(re.findall(r"acr/_core/listed/tags.py:\d+", tags)) > 1
    (tokens,) = re.findall(r"get_refresh_token.build_request argument api_version .*", run.stdout)
    assert len(re.findall(r"acr/_core/talk/token_exchanges.py:\d+", tokens)) > 1  # also where it has another name
    assert snapshot(tree) == before

    origin = "Azure/azure-rest-api-specs@0123abc:some/2026-01-01/containerregistry.json"
    run = codegen("--adopt", path, "--from", origin, root=tree)  # step 4
    assert run.returncode == 0, run.stderr
    untold, _, unscoped = run.stderr.partition("Write a text")[2].partition("Say in spec/corrections.yaml")
    places = re.findall(r"^  (.+)$", untold, flags=re.MULTILINE)
    assert re.findall(r"^  (.+)$", unscoped, flags=re.MULTILINE) == ["POST /acr/v1/{name}/_lock > scopes"]
    assert places == ["POST /acr/v1/{name}/_lock", "POST /acr/v1/{name}/_lock > 204", "TagAttributesBase > expiresOn"]
    assert THEIRS not in "".join(content.decode() for content in snapshot(tree).values())
    lock = json.loads((tree / "spec" / "upstream.lock").read_text("utf-8"))
    assert (lock["commit"], lock["path"]) == ("0123abc", "some/2026-01-01/containerregistry.json")
    assert lock["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert lock["version"] == "2026-01-01"
    assert {name: lock[name] - old[name] for name in ("upstream", "operations", "schemas")} == {
        "upstream": 1, "operations": 1, "schemas": 0
    }  # fmt: skip
    kept = json.loads((tree / "spec" / "openapi.json").read_text("utf-8"))
    assert kept["paths"]["/acr/v1/{name}/_tags"]["get"]["description"].startswith("List the tags of a repository")

    run = codegen(root=tree)
    problem = "error: no correction at `POST /acr/v1/{name}/_lock > scopes` says what a token must allow\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", problem)
    corrections = tree / "spec" / "corrections.yaml"  # step 5
    scopes = {"after": ["repository:{name}:metadata_write"], "why": "It locks, which writes.", "seen": "nowhere"}
    entry = yaml.safe_dump([{"at": "POST /acr/v1/{name}/_lock > scopes", **scopes}], width=200)
    corrections.write_text(corrections.read_text("utf-8") + textwrap.indent(entry, "  "), encoding="utf-8")

    texts = tree / "spec" / "texts.yaml"  # step 6
    added = yaml.safe_dump({place: f"What stands at place {number}." for number, place in enumerate(places)})
    texts.write_text(texts.read_text("utf-8") + "\n" + added, encoding="utf-8")
    run = codegen(root=tree)  # step 7
    assert (run.returncode, run.stderr) == (0, "")
    made = (tree / "generated" / "acr_rest" / "api" / "container_registry" / "lock.py").read_text("utf-8")
    assert 'SCOPES: Final = ("repository:{name}:metadata_write",)' in made
    run = codegen("--check", root=tree)  # step 8
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_type_checker_finds_what_the_convenience_layer_must_learn(tree: Path) -> None:  # noqa: F811
    path = tree / "NEW.json"
    path.write_text(json.dumps(next_version()), encoding="utf-8")
    output = tree / "other"
    run = codegen("--spec", path, "--output", output)
    assert run.returncode == 0, run.stderr
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", "--namespace-packages"]
    run = subprocess.run(
        [*command, "--explicit-package-bases", "--follow-imports=silent", "acr/_core/listed/tags.py"],
        cwd=ROOT,
        env={"MYPYPATH": f"{output}:.", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in run.stdout.splitlines() if "error" in line and "tags.py" in line]
    assert any('"digest"' in line and "build_request" in line for line in errors), run.stdout


def test_a_run_that_fails_changes_nothing(tree: Path, tmp_path: Path) -> None:  # noqa: F811
    document = next_version()
    document["paths"]["/acr/v1/{name}/_lock"]["post"]["responses"]["204"]["schema"] = {"$ref": "common.json#/X"}
    path = tmp_path / "NEW-broken.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    before = snapshot(tree)
    run = codegen("--adopt", path, root=tree)
    assert run.returncode == 1
    assert "a reference to another file; bundle the files first" in run.stderr
    assert snapshot(tree) == before


def test_the_commands_of_the_page_are_those_that_are_tried() -> None:
    page = (ROOT / "docs" / "new-version.md").read_text(encoding="utf-8")
    commands = re.findall(r"^   (\./codegen\.sh.*)$", page, flags=re.MULTILINE)
    assert commands == [
        "./codegen.sh --report NEW.json",
        "./codegen.sh --spec NEW.json --output /somewhere/else --package acr_next",
        "./codegen.sh --adopt NEW.json --from Azure/azure-rest-api-specs@COMMIT:PATH",
        "./codegen.sh",
        "./codegen.sh --check",
    ]


def test_the_places_that_the_page_names_are_there() -> None:
    page = (ROOT / "docs" / "new-version.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:acr|docs|spec|tests)/[\w./]*)`", page))
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    tables = re.findall(r"`([A-Z]+)` in `([\w./]+)`", page)
    assert len(tables) == 4
    for name, path in tables:
        assert re.search(rf"^{name}\b", (ROOT / path).read_text("utf-8"), flags=re.MULTILINE), (name, path)


def test_the_job_that_looks_every_week(tmp_path: Path) -> None:
    """The command of the page on files of this machine: the one in use, the next version, and what is none."""
    page = (ROOT / "docs" / "new-version.md").read_text(encoding="utf-8")
    assert "\n./codegen.sh --report NEW.json --fail-on breaking\n" in page
    files = {"same": json.dumps(ours()), "next": json.dumps(next_version()), "cut off": json.dumps(ours())[:5000]}
    expected = {"same": 0, "next": 3, "cut off": 1}
    before = snapshot(ROOT)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        run = codegen("--report", tmp_path / name, "--fail-on", "breaking")
        assert run.returncode == expected[name], run.stderr
        assert ("No fact differs." in run.stdout) == (name == "same")
    assert codegen("--report", tmp_path / "none", "--fail-on", "breaking").returncode == 2
    assert json.loads(codegen("--report", tmp_path / "same", "--json").stdout) | {"head": ""} == {
        "head": "", "breaking": False, "changes": [], "python": []
    }  # fmt: skip
    assert snapshot(ROOT) == before
