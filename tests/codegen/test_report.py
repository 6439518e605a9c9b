"""Does the report tell each difference, who is hit by it, and what becomes of the Python names?"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.codegen.making import HANDWRITTEN, OLDER, ROOT, TYPESPEC, UPSTREAM, built, of_spec, ours, smallest
from tools.codegen.canonical import canonical
from tools.codegen.compare import Comparison
from tools.codegen.openapi import openapi
from tools.codegen.report import Report, compare

needs_upstream = pytest.mark.skipif(not UPSTREAM.exists(), reason="upstream's files are not next to this checkout")
FACTS = yaml.safe_load((Path(__file__).parent / "true_differences.yaml").read_text("utf-8"))


def report(old: dict[str, Any] | bytes, new: dict[str, Any] | bytes) -> Report:
    return compare(built(old), built(new), ROOT / "acr")


def lines(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return report(old, new).as_text().splitlines()


@pytest.fixture(scope="module")
def forms() -> list[str]:
    return report(HANDWRITTEN.read_bytes(), TYPESPEC.read_bytes()).as_text().splitlines()


@needs_upstream
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: " | ".join(fact["says"]))
def test_each_fact_of_the_list_is_told(fact: dict[str, Any], forms: list[str]) -> None:
    assert [line for line in forms if all(part in line for part in fact["says"])], fact["fact"]


@needs_upstream
def test_the_report_of_the_two_forms_is_short_and_each_break_is_put_right(forms: list[str]) -> None:
    assert len(forms) <= 60
    assert "29 are the same by route" in forms[0]
    assert forms[-1] == "No Python name of the package changes."


@needs_upstream
def test_nothing_is_told_that_is_not_on_the_list(forms: list[str]) -> None:
    known = [fact["says"] for fact in FACTS]
    told = [line for line in forms[1:-1] if line.startswith("  ") and "texts differ" not in line]
    assert [line for line in told if not any(all(part in line for part in says) for says in known)] == []


@needs_upstream
def test_the_routes_of_an_older_version_are_matched_under_other_names() -> None:
    (path,) = [path for path in OLDER if path.stem == "dataplane-2019-08-15"]
    assert "29 are the same by route" in report(path.read_bytes(), HANDWRITTEN.read_bytes()).head


def test_the_same_description_differs_in_nothing() -> None:
    found = report(ours(), ours())
    assert (found.entries, found.names, found.breaking) == ([], [], False)
    assert "No fact differs." in found.as_text()


# ---- One change at a time -----------------------------------------------------------------------------------


def change(what: str) -> tuple[dict[str, Any], dict[str, Any]]:
    old, new = ours(), ours()
    tags = new["paths"]["/acr/v1/{name}/_tags"]
    match what:
        case "a required parameter of the path":
            tags["parameters"] = [{"name": "tenant", "in": "query", "type": "string", "required": True}]
        case "a parameter that becomes required":
            next(item for item in tags["get"]["parameters"] if item.get("name") == "last")["required"] = True
        case "an operation that is gone":
            del tags["get"]
        case "another id":
            tags["get"]["operationId"] = "ContainerRegistry_ListTags"
        case "a field that is gone":
            del new["definitions"]["ContainerRepositoryProperties"]["properties"]["tagCount"]
            new["definitions"]["ContainerRepositoryProperties"]["required"].remove("tagCount")
        case "a field more":
            new["definitions"]["TagAttributesBase"]["properties"]["expiresOn"] = {"type": "string"}
        case "a schema with another name":
            new = json.loads(json.dumps(new).replace("TagAttributesBase", "TagBase"))
        case "an enum that grows":
            new["definitions"]["ArtifactOperatingSystem"]["enum"].append("haiku")
        case "another host":
            del new["x-ms-parameterized-host"]
            new["host"] = "registry.example"
        case "a base path":
            new["basePath"] = "/registry"
        case "security":
            new["securityDefinitions"]["OAuth2Auth"] = {"type": "basic"}
        case "a body that is required":
            item = new["paths"]["/acr/v1/{name}"]["patch"]["parameters"]
            next(one for one in item if one.get("in") == "body")["required"] = True
        case "what a correction replaces":
            answer = new["paths"]["/v2/{name}/manifests/{reference}"]["get"]["responses"]["200"]
            answer["schema"] = {"$ref": "#/definitions/OCIIndex"}
    return old, new


TAGS = "GET /acr/v1/{name}/_tags"
MODULE = "api.container_registry.get_tags"
TOLD = {
    "a required parameter of the path": (
        True,
        [
            f"  {TAGS}: query parameter tenant is new and required",
            f"  ! {MODULE}.build_request has a new required argument tenant: str; used at acr/_core/listed/tags.py:",
        ],
    ),
    "a parameter that becomes required": (
        True,
        [
            f"  {TAGS}: query parameter last became required",
            f"  ! {MODULE}.build_request argument last is str, was str | None = None; used at acr/_core/",
        ],
    ),
    "an operation that is gone": (
        True,
        [f"  {TAGS}: operation ContainerRegistry_GetTags is gone", f"  ! {MODULE} is gone; used at acr/_core/listed/"],
    ),
    "another id": (
        True,
        [
            f"  {TAGS}: operation ContainerRegistry_GetTags is called ContainerRegistry_ListTags",
            f"  ! {MODULE} is now api.container_registry.list_tags; used at acr/_core/listed/",
        ],
    ),
    "a field that is gone": (
        True,
        [
            "  schema ContainerRepositoryProperties: property tagCount is gone",
            "  ! models.RepositoryAttributes has no field tag_count any more; used at acr/_core/listed/catalog.py:",
        ],
    ),
    "a field more": (
        False,
        [
            "  schema TagAttributesBase: property expiresOn is new and optional",
            "  + models.TagAttributesBase has a new field expires_on: str | None",
        ],
    ),
    "a schema with another name": (
        True,
        [
            "  1 schemas are renamed: TagAttributesBase -> TagBase",
            "  ! models.TagAttributesBase is now TagBase; used at acr/_core/listed/tags.py:",
        ],
    ),
    "an enum that grows": (
        False,
        [
            "  schema ArtifactOperatingSystem: value haiku is new",
            "  + models.ArtifactOperatingSystem.HAIKU is new",
        ],
    ),
    "another host": (True, ["  host: {endpoint} -> registry.example"]),
    "a base path": (True, ["  GET /registry/acr/v1/_catalog: the route was GET /acr/v1/_catalog"]),
    "security": (True, ["  29 operations (GET /acr/v1/_catalog …): security oauth2 -> basic"]),
    "a body that is required": (
        False,
        ["  PATCH /acr/v1/{name}: the body became required [put right by correction ", "No Python name of the package"],
    ),
    "what a correction replaces": (
        True,
        ["  GET /v2/{name}/manifests/{reference}: the body of answer 200 is OCIIndex, was ManifestWrapper"],
    ),
}


@pytest.mark.parametrize("what", TOLD)
def test_a_change_is_told_with_its_weight_and_its_users(what: str) -> None:
    breaking, expected = TOLD[what]
    found = report(*change(what))
    told = found.as_text().splitlines()
    for line in expected:
        assert [one for one in told if one.startswith(line)], found.as_text()
    assert found.breaking is breaking


@pytest.mark.parametrize("what", TOLD)
def test_each_next_state_gives_a_package_that_works(what: str, tmp_path: Path) -> None:
    found = built(change(what)[1])
    found.write(tmp_path, tidy=False)
    found.prove(tmp_path)


def test_the_report_as_json() -> None:
    found = report(*change("a field more")).as_json()
    assert json.loads(json.dumps(found)) == found
    assert found["breaking"] is False
    assert [entry["place"] for entry in found["changes"]] == ["schema TagAttributesBase > properties > expiresOn"]
    assert [name["name"] for name in found["python"]] == ["models.TagAttributesBase"]


def test_the_exit_code_says_whether_something_breaks(tmp_path: Path) -> None:
    for what, code in (("a field more", 0), ("another id", 3)):
        path = tmp_path / "next.json"
        path.write_text(json.dumps(change(what)[1]), encoding="utf-8")
        run = subprocess.run(
            [str(ROOT / "codegen.sh"), "--report", str(path), "--fail-on", "breaking", "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == code, run.stderr
        assert json.loads(run.stdout)["breaking"] is (code == 3)


def test_the_description_in_spec_is_the_one_that_is_compared_with() -> None:
    assert compare(of_spec(), built(ours()), ROOT / "acr").entries == []
    assert smallest()["paths"]


# ---- Beside oasdiff -----------------------------------------------------------------------------------------

OASDIFF = yaml.safe_load((Path(__file__).parent / "oasdiff.yaml").read_text("utf-8"))


def asked(what: str, folder: Path) -> bool:
    """What oasdiff says now."""
    paths = [folder / "old.json", folder / "new.json"]
    for path, document in zip(paths, change(what), strict=True):
        path.write_text(json.dumps(openapi(canonical(document)[0])), encoding="utf-8")
    command = [os.environ["ACR_OASDIFF"], "breaking", *map(str, paths), "--format", "json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return any(item["level"] == 3 for item in json.loads(run.stdout or "[]"))


@pytest.mark.parametrize("row", OASDIFF, ids=lambda row: row["change"])
def test_the_verdict_is_that_of_oasdiff_but_where_a_reason_is_given(row: dict[str, Any], tmp_path: Path) -> None:
    old, new = (canonical(document)[0] for document in change(row["change"]))
    breaking = any(one.level == "breaking" for one in Comparison(old, new).changes())
    assert breaking is (row["breaking"] if "why" not in row else not row["breaking"])
    if "ACR_OASDIFF" in os.environ:
        assert asked(row["change"], tmp_path) is row["breaking"]


def test_each_change_is_held_against_oasdiff_and_each_difference_is_on_the_page() -> None:
    assert [row["change"] for row in OASDIFF] == list(TOLD)
    page = " ".join((ROOT / "docs" / "new-version.md").read_text(encoding="utf-8").split())
    for row in OASDIFF:
        assert row.get("why", "") in page
        assert ("why" in row) is (f"| {row['change']} |" in page)
