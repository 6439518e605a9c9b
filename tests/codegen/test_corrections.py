"""Do corrections know when they are no longer needed, and when they no longer fit?"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.codegen.making import built, of_spec, ours
from tools.codegen.canonical import canonical
from tools.codegen.corrections import ALREADY, APPLIED, UNFIT, Correction, correct
from tools.codegen.problems import Refused


def outcome(form: dict[str, Any], **raw: Any) -> tuple[str, dict[str, Any]]:
    """What becomes of one correction, and the form after it."""
    corrected, (found,) = correct(form, [Correction.of(1, {"why": "Because.", "seen": "recorded", **raw})])
    return found.kind, corrected


FORM = canonical(ours())[0]
LINK = "schema TagList > properties > link"
SIZE = {"type": "integer"}


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ({"at": LINK, "before": {"type": "string"}, "after": "absent"}, APPLIED),
        ({"at": LINK, "before": "present", "after": "absent"}, APPLIED),
        ({"at": LINK, "before": SIZE, "after": "absent"}, UNFIT),
        ({"at": "schema TagList > properties > nothing", "before": "present", "after": "absent"}, ALREADY),
        ({"at": "schema TagList > properties > size", "after": SIZE}, APPLIED),
        ({"at": LINK, "after": {"type": "string"}}, ALREADY),
        ({"at": LINK, "after": SIZE}, UNFIT),
        ({"at": LINK, "before": {"type": "string"}, "after": {"format": "uri"}}, APPLIED),
        ({"at": "schema TagList > required > tags", "before": "present", "after": "absent"}, APPLIED),
        ({"at": "schema TagList > required > link", "before": "present", "after": "absent"}, ALREADY),
        ({"at": "schema TagList > required > link", "after": "present"}, APPLIED),
        ({"at": "schema ArtifactArchitecture > enum > arm", "before": "present", "after": "arm32"}, APPLIED),
        ({"at": "schema ArtifactArchitecture > enum > ppc641e", "before": "present", "after": "ppc64le"}, ALREADY),
        ({"at": "schema ArtifactArchitecture > enum > x", "before": "present", "after": "y"}, UNFIT),
        ({"at": "schemas", "rename": {"TagList": "Tags"}}, APPLIED),
        ({"at": "schemas", "rename": {"Tags": "TagList"}}, ALREADY),
        ({"at": "schemas", "rename": {"TagList": "Manifest"}}, UNFIT),
        ({"at": "schemas", "rename": {"Nothing": "Nobody"}}, UNFIT),
        ({"at": "GET /nowhere > answers > 200", "after": {"content": {}}}, UNFIT),
        ({"at": "* /nowhere/* > security", "before": [], "after": []}, UNFIT),
        ({"at": "host > inside > it", "after": SIZE}, UNFIT),
    ],
)
def test_what_becomes_of_a_correction(raw: dict[str, Any], kind: str) -> None:
    before = copy.deepcopy(FORM)
    found, corrected = outcome(FORM, **raw)
    assert found == kind
    assert before == FORM
    assert (corrected == FORM) is (kind != APPLIED)
    if kind == APPLIED:  # a second time it is what upstream might have done
        assert outcome(corrected, **raw) == (ALREADY, corrected)


def test_a_renamed_schema_is_renamed_where_it_is_used() -> None:
    _, corrected = outcome(FORM, at="schemas", rename={"Manifest": "Base"})
    assert '"Manifest"' not in json.dumps(corrected)
    assert corrected["schemas"]["OCIIndex"]["bases"] == ["Base"]


def test_a_correction_is_for_its_form_and_for_what_is_there() -> None:
    at = {"at": LINK, "before": "present", "after": "absent"}
    for condition in ({"form": "handwritten"}, {"given": "schema Nothing"}):
        raw = {"why": "Because.", "seen": "recorded", **at, **condition}
        assert correct(FORM, [Correction.of(1, raw)])[1] == []


@pytest.mark.parametrize("raw", [{"at": "host"}, {"at": "host", "after": "x", "rename": {"a": "b"}}, {"frobnicate": 1}])
def test_a_correction_that_says_too_little_or_too_much_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="corrections.yaml, action 7"):
        Correction.of(7, {"why": "Because.", "seen": "recorded", **raw})


# ---- What upstream is about to do -------------------------------------------------------------------------


def kinds(document: dict[str, Any]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {APPLIED: [], ALREADY: [], UNFIT: []}
    for found in built(document).outcomes:
        result[found.kind].append(found.correction.at[0])
    return result


def with_referrers() -> dict[str, Any]:
    """Upstream's draft of referrers (Azure/azure-rest-api-specs pull request 42612)."""
    document = ours()
    name, digest = ({"name": one, "in": "path", "required": True, "type": "string"} for one in ("name", "digest"))
    error = {"description": "", "schema": {"$ref": "#/definitions/Azure.Core.Foundations.ErrorResponse"}}
    document["paths"]["/v2/{name}/referrers/{digest}"] = {
        "get": {
            "operationId": "ContainerRegistryBlob_GetReferrers",
            "parameters": [{"$ref": "#/parameters/Azure.Core.Foundations.ApiVersionParameter"}, name, digest],
            "responses": {
                "200": {"description": "", "schema": {"$ref": "#/definitions/ReferrersResult"}},
                "default": error,
            },
        }
    }
    text, size = {"type": "string"}, {"type": "integer", "format": "int64"}
    annotations = {"type": "object", "additionalProperties": text}
    document["definitions"]["ReferrerDescriptor"] = {
        "type": "object",
        "properties": {
            "mediaType": text, "digest": text, "size": size, "artifactType": text, "annotations": annotations,
        },
    }  # fmt: skip
    manifests = {"type": "array", "items": {"$ref": "#/definitions/ReferrerDescriptor"}}
    number = {"type": "integer", "format": "int32"}
    document["definitions"]["ReferrersResult"] = {
        "type": "object",
        "required": ["schemaVersion"],
        "properties": {"schemaVersion": number, "mediaType": text, "manifests": manifests},
    }
    return document


def test_upstreams_referrers_take_the_place_of_ours() -> None:
    found = built(with_referrers())
    assert not [one for one in found.outcomes if one.kind == UNFIT]
    (theirs,) = [item for item in found.plan.operations if "referrers" in item.path]
    (mine,) = [item for item in of_spec().plan.operations if "referrers" in item.path]
    assert (theirs.id, theirs.declarations, theirs.headers, theirs.accept) == (
        mine.id, mine.declarations, mine.headers, mine.accept,
    )  # fmt: skip
    assert theirs.body_annotation == mine.body_annotation == "Referrers"
    already = kinds(with_referrers())[ALREADY]
    assert "GET /v2/{name}/referrers/{digest}" in already
    assert "schema Referrers" in already


def test_a_list_of_tags_of_upstreams_own_is_left_as_it_is() -> None:
    document = ours()
    document["paths"]["/v2/{name}/tags/list"] = {
        "get": {
            "operationId": "ContainerRegistry_ListTagNames",
            "parameters": [
                {"name": "name", "in": "path", "required": True, "type": "string"},
                {"name": "n", "in": "query", "type": "integer"},
            ],
            "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/RepositoryTags"}}},
        }
    }
    found = kinds(document)
    assert "GET /v2/{name}/tags/list" in found[UNFIT]
    assert "GET /v2/{name}/tags/list > parameters > query n" in found[ALREADY]
    (operation,) = [item for item in built(document).plan.operations if item.path == "/v2/{name}/tags/list"]
    assert operation.id == "ContainerRegistry_ListTagNames"
    assert [item.name for item in operation.keywords] == ["n", "last", "orderby"]


def test_what_upstream_corrects_itself_is_told_and_not_done_twice() -> None:
    document = ours()
    definitions = document["definitions"]
    definitions["AcrAccessToken"]["properties"]["token"] = {"type": "string", "format": "password"}
    definitions["ManifestAttributesBase"]["properties"]["mediaType"] = {"type": "string", "readOnly": True}
    answers = document["paths"]["/v2/{name}/blobs/uploads/"]["post"]["responses"]
    header = {"type": "string"}
    answers["202"] = {
        "description": "",
        "headers": {"Location": header, "Range": header, "Docker-Upload-UUID": header},
    }
    found = kinds(document)
    assert found[ALREADY] == [
        "schema ManifestAttributesBase > properties > mediaType",
        "schema AccessToken > properties > token",
        "POST /v2/{name}/blobs/uploads/ > answers > 202",
    ]
    assert found[UNFIT] == []
