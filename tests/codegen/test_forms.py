"""Does each form in which upstream has the API go through, and do those of one version give the same code?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.codegen.making import (
    HANDWRITTEN,
    LATER,
    OLDER,
    TYPESPEC,
    UPSTREAM,
    built,
    changed,
    code,
    of_spec,
    ours,
)
from tools.codegen.canonical import canonical
from tools.codegen.corrections import ALREADY, APPLIED, UNFIT
from tools.codegen.reading import decode, load

needs_upstream = pytest.mark.skipif(
    not UPSTREAM.exists(), reason="upstream's descriptions are not next to this checkout"
)


def counted(found: Any) -> dict[str, int]:
    kinds = [outcome.kind for outcome in found.outcomes]
    return {kind: kinds.count(kind) for kind in (APPLIED, ALREADY, UNFIT)}


@needs_upstream
@pytest.mark.parametrize("path", [HANDWRITTEN, TYPESPEC], ids=lambda path: path.stem)
def test_each_form_of_the_version_gives_the_same_code(path: Path) -> None:
    found = built(path.read_bytes())
    assert code(found) == code(of_spec())
    assert [outcome for outcome in found.outcomes if outcome.kind != APPLIED] == []
    assert (found.untold, found.unused, found.notes) == ([], [], [])


NEW_OPERATIONS = {
    "api/container_registry/get_deleted_manifests.py",
    "api/container_registry/get_deleted_tags.py",
    "api/container_registry/restore_deleted_artifact.py",
}
NEW_MODELS = {
    "models/deleted_manifest.py",
    "models/deleted_manifests.py",
    "models/deleted_tag.py",
    "models/deleted_tags.py",
    "models/restore_deleted_artifact_request.py",
    "models/restored_artifact.py",
}


@needs_upstream
def test_the_later_state_has_three_operations_and_their_models_more(tmp_path: Path) -> None:
    found = built(LATER.read_bytes())
    found.write(tmp_path, tidy=False)
    found.prove(tmp_path)
    theirs, mine = code(found), code(of_spec())
    assert theirs.keys() - mine.keys() == NEW_OPERATIONS | NEW_MODELS
    assert mine.keys() <= theirs.keys()
    differing = {name for name in mine if mine[name] != theirs[name]}
    assert differing == {"api/__init__.py", "models/__init__.py"}  # which list the operations and the models
    assert {item.id: item.scopes for item in found.plan.operations if "Deleted" in item.id} == {
        "ContainerRegistry_GetDeletedManifests": ["repository:{name}:deleted_read"],
        "ContainerRegistry_GetDeletedTags": ["repository:{name}:deleted_read"],
        "ContainerRegistry_RestoreDeletedArtifact": ["repository:{name}:deleted_read,deleted_restore"],
    }
    assert counted(found)[UNFIT] == 0


@needs_upstream
def test_what_upstream_has_in_two_ways_is_read_in_either() -> None:
    found = built(LATER.read_bytes())
    models = {model.name: {item.python: item.required for item in model.attributes} for model in found.plan.models}
    assert models["DeletedManifest"].items() >= {"digest": True, "deleted_time": False, "deleted_at": False}.items()
    assert models["DeletedTag"].items() >= {"name": False, "tag": False, "deleted_at": False}.items()
    (restore,) = [item for item in found.plan.operations if item.id == "ContainerRegistry_RestoreDeletedArtifact"]
    assert restore.statuses == [200, 204]
    assert restore.body_annotation == "RestoredArtifact | None"


def test_spec_itself_needs_each_correction() -> None:
    found = of_spec()
    assert counted(found) == {APPLIED: len(found.outcomes), ALREADY: 0, UNFIT: 0}
    assert len(found.outcomes) > 90


# What goes in and comes out. An older version lacks what many corrections speak of, which is no fault of either.
OPERATIONS = {
    "dataplane-2018-08-10-a": (17, 19),
    "dataplane-2018-08-10-b": (15, 17),
    "dataplane-2019-07-15": (20, 22),
    "dataplane-2019-08-15": (29, 32),
    "dataplane-2019-08-15-blobs": (35, 38),
    "management-2019-05-01": (25, 25),
    "management-2019-06-01-build": (13, 13),
}


@needs_upstream
@pytest.mark.parametrize("path", OLDER, ids=lambda path: path.stem)
def test_older_versions_and_other_apis_give_a_package_that_works(path: Path, tmp_path: Path) -> None:
    found = built(path.read_bytes())
    found.write(tmp_path, tidy=False)
    found.prove(tmp_path)
    assert (len(found.raw["operations"]), len(found.plan.operations)) == OPERATIONS[path.stem]


# ---- The canonical form ----------------------------------------------------------------------------------


def form_of(document: dict[str, Any]) -> dict[str, Any]:
    return canonical(document)[0]


def test_a_path_level_parameter_is_that_of_each_operation() -> None:
    document = ours()
    parameter = {"name": "tenant", "in": "query", "type": "string", "required": True}
    document["paths"]["/acr/v1/{name}"]["parameters"] = [parameter]
    operations = form_of(document)["operations"]
    for method in ("GET", "PATCH", "DELETE"):
        assert operations[f"{method} /acr/v1/{{name}}"]["parameters"]["query tenant"]["required"]
    assert "query tenant" not in operations["GET /acr/v1/_catalog"]["parameters"]


def test_shared_and_inline_parameters_are_the_same() -> None:
    inline, shared = ours(), ours()
    operation = shared["paths"]["/acr/v1/{name}"]["get"]
    shared["parameters"]["Name"] = operation["parameters"][1]
    operation["parameters"][1] = {"$ref": "#/parameters/Name"}
    assert form_of(shared) == form_of(inline)


@pytest.mark.parametrize("query", ["?mode=chunk", "?mode={chunk}", "?_overload=getChunk"])
def test_the_query_that_sets_operations_apart_has_no_part_in_the_route(query: str) -> None:
    document = ours()
    items = document["x-ms-paths"]
    (key,) = [key for key in items if "get" in items[key] and "getChunk" in key]
    items[f"/v2/{{name}}/blobs/{{digest}}{query}"] = items.pop(key)
    assert "GET /v2/{name}/blobs/{digest} #2" in form_of(document)["operations"]


def test_yaml_and_json_and_a_byte_order_mark_are_the_same() -> None:
    document = ours()
    text = json.dumps(document)
    as_yaml = yaml.safe_dump(document, sort_keys=False).replace("'2021-07-01'", "2021-07-01")
    assert load(decode(b"\xef\xbb\xbf" + text.encode())) == load(decode(as_yaml.encode())) == document


def test_packages_follow_the_ids_with_tags_and_without() -> None:
    tagged = changed(ours())
    for item in tagged["paths"].values():
        for operation in item.values():
            operation["tags"] = ["Whatever"]
    packages = {"authentication", "container_registry", "container_registry_blob"}
    for form in (tagged, ours()):
        assert {item.package for item in built(form).plan.operations} == packages


def test_the_base_path_is_part_of_each_route() -> None:
    document = ours()
    document["basePath"] = "/registry"
    assert "GET /registry/v2/" in form_of(document)["operations"]
