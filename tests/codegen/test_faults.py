"""What descriptions may contain: is it done right, or refused in one sentence with its place?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.codegen.making import built, ours, package, smallest
from tools.codegen.problems import Refused

if TYPE_CHECKING:
    from pathlib import Path


def try_(**operation: Any) -> dict[str, Any]:
    return smallest(**operation)


THING = {"$ref": "#/definitions/Thing"}


def body(*, required: bool = False, schema: Any = THING) -> list[dict[str, Any]]:
    return [{"name": "value", "in": "body", "required": required, "schema": schema}]


# ---- What is done right --------------------------------------------------------------------------------------


def test_an_optional_json_body(tmp_path: Path) -> None:
    with package(try_(parameters=body()), tmp_path) as load:
        operation = load("api.things.try_")
        assert operation.build_request().content is None
        assert operation.build_request().headers == {}
        request = operation.build_request(body=load("models").Thing(name="a"))
        assert (request.content, request.headers) == (b'{"name":"a"}', {"Content-Type": "application/json"})


def test_a_form_of_parts(tmp_path: Path) -> None:
    fields = [
        {"name": "file", "in": "formData", "type": "file", "required": True},
        {"name": "loud", "in": "formData", "type": "boolean"},
    ]
    with package(try_(consumes=["multipart/form-data"], parameters=fields), tmp_path) as load:
        request = load("api.things.try_").build_request(file=b"\0bytes", loud=True)
    kind, _, boundary = request.headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    first, second, third, last = request.content.split(f"--{boundary}".encode())
    assert first == b""
    assert second == b'\r\nContent-Disposition: form-data; name="file"\r\n\r\n\0bytes\r\n'
    assert third == b'\r\nContent-Disposition: form-data; name="loud"\r\n\r\ntrue\r\n'
    assert last == b"--\r\n"


def test_schemas_that_refer_to_themselves_and_to_each_other(tmp_path: Path) -> None:
    document = try_(responses={"200": {"description": "", "schema": {"$ref": "#/definitions/Node"}}})
    document["definitions"]["Node"] = {
        "type": "object",
        "properties": {
            "parent": {"$ref": "#/definitions/Node"},
            "leaves": {"type": "array", "items": {"$ref": "#/definitions/Leaf"}},
        },
    }
    document["definitions"]["Leaf"] = {"type": "object", "properties": {"of": {"$ref": "#/definitions/Node"}}}
    value: dict[str, Any] = {"parent": {"leaves": [{"of": {}}]}}
    with package(document, tmp_path) as load:
        assert load("models").Node.from_dict(value).to_dict() == value


def test_an_array_at_the_top(tmp_path: Path) -> None:
    document = try_(responses={"200": {"description": "", "schema": {"type": "array", "items": THING}}})
    with package(document, tmp_path) as load:
        answer = load("types").Response(200, {}, b'[{"name":"a"},{"name":"b"}]')
        assert [thing.name for thing in load("api.things.try_").parse(answer).body] == ["a", "b"]


def test_an_array_of_arrays(tmp_path: Path) -> None:
    document = try_(responses={"200": {"description": "", "schema": {"$ref": "#/definitions/Grid"}}})
    rows = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
    document["definitions"]["Grid"] = {"type": "object", "properties": {"rows": rows}}
    with package(document, tmp_path) as load:
        grid = load("models").Grid.from_dict({"rows": [[1], [2, 3]]})
        assert (grid.rows, grid.to_dict()) == ([[1], [2, 3]], {"rows": [[1], [2, 3]]})


def test_two_answers_with_different_schemas(tmp_path: Path) -> None:
    other = {"$ref": "#/definitions/Other"}
    document = try_(
        responses={"200": {"description": "", "schema": THING}, "202": {"description": "", "schema": other}}
    )
    with package(document, tmp_path) as load:
        operation, types = load("api.things.try_"), load("types")
        assert operation.parse(types.Response(200, {}, b'{"name":"a"}')).body == load("models").Thing(name="a")
        assert operation.parse(types.Response(202, {}, b'{"size":1}')).body == load("models").Other(size=1)


def test_the_same_id_twice(tmp_path: Path) -> None:
    document = try_()
    document["paths"]["/others"] = {"post": dict(document["paths"]["/things"]["post"])}
    with package(document, tmp_path) as load:
        targets = [load(f"api.things.{name}").build_request().target for name in ("try_", "try_2")]
        assert sorted(targets) == ["/others", "/things"]
    assert any("is there twice" in note for note in built(document).notes)


@pytest.mark.parametrize(
    ("style", "target"),
    [
        ("csv", "/things?kind=a%2Cb"),
        ("ssv", "/things?kind=a%20b"),
        ("pipes", "/things?kind=a%7Cb"),
        ("multi", "/things?kind=a&kind=b"),
        (None, "/things?kind=a%2Cb"),
    ],
)
def test_lists_in_a_query(style: str | None, target: str, tmp_path: Path) -> None:
    kind = {"name": "kind", "in": "query", "type": "array", "items": {"type": "string"}}
    parameters = [{**kind, "collectionFormat": style} if style else kind]
    with package(try_(parameters=parameters), tmp_path) as load:
        assert load("api.things.try_").build_request(kind=["a", "b"]).target == target


def test_an_enum_of_integers_is_read_as_integers(tmp_path: Path) -> None:
    document = try_(responses={"200": {"description": "", "schema": {"$ref": "#/definitions/Rank"}}})
    document["definitions"]["Rank"] = {"type": "object", "properties": {"rank": {"type": "integer", "enum": [1, 2]}}}
    with package(document, tmp_path) as load:
        assert load("models").Rank.from_dict({"rank": 3}).rank == 3
    assert any("an enum of integer is read as its base type" in note for note in built(document).notes)


def test_properties_that_are_named_like_methods(tmp_path: Path) -> None:
    document = try_(responses={"200": {"description": "", "schema": {"$ref": "#/definitions/Odd"}}})
    names = ["to_dict", "from_dict", "field", "class", "additional_properties", "status", "self", "types", "a-b", "a_b"]
    document["definitions"]["Odd"] = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    value = {name: name for name in names}
    with package(document, tmp_path) as load:
        odd = load("models").Odd.from_dict(value)
        assert odd.to_dict() == value
        assert (odd.to_dict_, odd.class_, odd.ab, odd.a_b) == ("to_dict", "class", "a-b", "a_b")


@pytest.mark.parametrize(
    "name", ["Request", "Response", "Result", "Content", "Any", "OpenEnum", "Final", "Failure", "Self"]
)
def test_schemas_that_are_named_like_ours(name: str, tmp_path: Path) -> None:
    schema = {"$ref": f"#/definitions/{name}"}
    document = try_(parameters=body(schema=schema), responses={"200": {"description": "", "schema": schema}})
    document["definitions"][name] = {"type": "object", "properties": {"x": {"type": "string"}}}
    with package(document, tmp_path) as load:
        thing = getattr(load("models"), f"{name}Model")(x="a")
        assert load("api.things.try_").build_request(body=thing).content == b'{"x":"a"}'


def test_headers_and_arguments_that_are_named_like_ours(tmp_path: Path) -> None:
    names = ("body", "content", "types", "status", "name", "import", "Request")
    document = try_(
        parameters=[
            *({"name": name, "in": "query", "type": "string"} for name in names),
            {"name": "name", "in": "header", "type": "integer"},
            *body(required=True),
        ],
        responses={"200": {"description": "", "headers": {"status": {"type": "integer"}, "count": {"type": "string"}}}},
    )
    with package(document, tmp_path) as load:
        operation = load("api.things.try_")
        request = operation.build_request(
            body=load("models").Thing(name="x"), body_="q", types_="t", name_query="n", name_header=5
        )
        assert request.target == "/things?body=q&types=t&name=n"
        assert request.headers["Name"] == "5"
        answer = operation.parse(load("types").Response(200, {"status": "7", "count": "c"}, b""))
        assert (answer.status, answer.status_, answer.count) == (200, 7, "c")


def test_values_of_an_enum_with_any_characters(tmp_path: Path) -> None:
    document = try_(responses={"200": {"description": "", "schema": {"$ref": "#/definitions/Odd"}}})
    values = ["a/b", "a.b", "a b", "a-b", "-", "", "1", "é", 'say "x"', "None", "class", "\\"]
    document["definitions"]["Odd"] = {"type": "string", "enum": values, "description": 'ends with a "'}
    with package(document, tmp_path) as load:
        odd = load("models").Odd
        assert sorted(member.value for member in odd) == sorted(values)
        assert odd("a/b") is odd.A_B


@pytest.mark.parametrize(
    "text", ['"""', 'ends with "', "\\", "a\\N{x}", "{{ plan }}", "{% raw %}", "\u2028x\r\n\0", "x" * 500]
)
def test_texts_with_any_characters(text: str, tmp_path: Path) -> None:
    document = try_(description=text, parameters=body(required=True))
    document["definitions"]["Thing"]["description"] = text
    document["definitions"]["Thing"]["properties"]["name"]["description"] = text
    document["info"]["version"] = text
    with package(document, tmp_path) as load:
        assert load("models").Thing(name="a")


def test_unknown_formats_are_read_as_their_base_type_and_told(tmp_path: Path) -> None:
    document = try_(parameters=[{"name": "day", "in": "query", "type": "string", "format": "date"}])
    document["definitions"]["Thing"]["properties"]["name"]["format"] = "duration"
    with package(document, tmp_path) as load:
        assert load("api.things.try_").build_request(day="2026-01-01").target == "/things?day=2026-01-01"
    assert built(document).notes == [
        "#/definitions/Thing/properties/name: the format `duration` is read as string",
        "#/paths/~1things/post/parameters/0: the format `date` is read as string",
        "POST /things: no correction says which scopes a token needs, so there are none",
    ]


def test_a_key_of_ours_inside_paths_is_skipped() -> None:
    document = try_()
    document["paths"]["x-ms-note"] = {"anything": 1}
    assert len(built(document).plan.operations) == 1


# ---- What is refused -------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Any, str]] = {
    "no paths": ({"swagger": "2.0", "info": {"version": "1"}}, "#: has no `paths`"),
    "no info": ({"swagger": "2.0", "paths": {}}, "#: has no `info`"),
    "no version": ({"swagger": "2.0", "info": {}, "paths": {}}, "#/info: has no `version`"),
    "no operation": ({"swagger": "2.0", "info": {"version": "1"}, "paths": {}}, "#/paths: has no operation"),
    "openapi 3": ({"openapi": "3.1.0"}, "#/swagger: not a Swagger 2.0 document; it says OpenAPI 3.1.0"),
    "a list": ([], "#/swagger: not a Swagger 2.0 document"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_description_is_refused(name: str) -> None:
    document, message = REFUSED[name]
    with pytest.raises(Refused) as caught:
        built(document)
    assert str(caught.value) == message


POST = "#/paths/~1things/post"


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"operationId": 5}, f"{POST}/operationId: must be text, is a number"),
        ({"responses": {"2XX": {"description": ""}}}, f"{POST}/responses/2XX: `2XX` is no status code"),
        (
            {"responses": {"200": {"description": "", "schema": {"$ref": "common.json#/definitions/X"}}}},
            f"{POST}/responses/200/schema/$ref: a reference to another file; bundle the files first",
        ),
        (
            {"parameters": [{"$ref": "https://example.org/common.json#/parameters/X"}]},
            f"{POST}/parameters/0/$ref: a reference to another file; bundle the files first",
        ),
        (
            {"parameters": [{"$ref": "#/parameters/Foo"}]},
            f"{POST}/parameters/0/$ref: refers to #/parameters/Foo, which is not there",
        ),
        ({"parameters": [{"name": "a"}]}, f"{POST}/parameters/0: has no `in`"),
        (
            {"parameters": [{"name": "a", "in": "cookie"}]},
            f"{POST}/parameters/0/in: `cookie` is no place of a parameter",
        ),
        ({"parameters": {}}, f"{POST}/parameters: must be an array, is an object"),
        (
            {"parameters": [{"name": "a", "in": "query", "type": "object"}]},
            f"{POST}/parameters/0/type: a parameter is a plain value or a list of them",
        ),
        (
            {"parameters": [{"name": "a", "in": "query", "type": "strnig"}]},
            f"{POST}/parameters/0/type: `strnig` is no type",
        ),
        (
            {"parameters": [{"name": "a", "in": "query", "type": "string", "pattern": "("}]},
            f"{POST}/parameters/0/pattern: is no regular expression",
        ),
        (
            {"responses": {"200": {"description": "", "schema": {"oneOf": []}}}},
            f"{POST}/responses/200/schema/oneOf: Swagger 2.0 has no such thing",
        ),
        ({"security": [{"nobody": []}]}, f"{POST}/security/0: there is no security definition `nobody`"),
        (
            {"parameters": [{"name": "a", "in": "query", "type": "a\n\x1b[31m"}]},
            f"{POST}/parameters/0/type: `a\ufffd\ufffd[31m` is no type",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_place(operation: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as caught:
        built(try_(**operation))
    assert str(caught.value) == message


def of_x(**schemas: Any) -> dict[str, Any]:
    document = try_(responses={"200": {"description": "", "schema": {"$ref": "#/definitions/X"}}})
    document["definitions"] |= schemas
    return document


def to_path(path: str, name: str) -> dict[str, Any]:
    document = try_(parameters=[{"name": name, "in": "path", "required": True, "type": "string"}])
    document["paths"][path] = document["paths"].pop("/things")
    return document


INTEGER = {"type": "integer"}
LIST = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            try_(parameters=[{"name": "a", "in": "header", **LIST}]),
            f"{POST}: the list `a` can stand in a query, and not in a header",
        ),
        (
            try_(parameters=[{"name": name, "in": "query", "type": "string"} for name in ("a!", "a?")]),
            f"{POST}: two names are the same in Python",
        ),
        (
            to_path("/x/{a}/{a}", "a"),
            "#/paths/~1x~1{a}~1{a}/post: its path has a parameter twice, or one with odd letters in its name",
        ),
        (
            of_x(X={"type": "object", "properties": {"a!": INTEGER, "a?": INTEGER}}),
            "#/definitions/X: two names are the same in Python",
        ),
        (
            of_x(X={"allOf": [THING], "properties": {"name": INTEGER}}),
            "#/definitions/X: a property contradicts what the schema extends",
        ),
        (
            of_x(X={"allOf": [{"$ref": "#/definitions/Y"}]}, Y={"allOf": [{"$ref": "#/definitions/X"}]}),
            "#/definitions/X: extends itself",
        ),
        (of_x(X={"allOf": [{"$ref": "#/definitions/Y"}]}, Y=LIST), "#/definitions/X: extends what is no object"),
        (of_x(X={"type": "array", "items": {"$ref": "#/definitions/X"}}), "#/definitions/X: is made of itself"),
    ],
)
def test_what_openapi_python_client_cannot_do_is_refused_with_its_place(document: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as caught:
        built(document)
    assert str(caught.value) == message


def test_a_time_in_a_header_is_text_and_told(tmp_path: Path) -> None:
    document = try_(parameters=[{"name": "since", "in": "header", "type": "string", "format": "date-time"}])
    with package(document, tmp_path) as load:
        assert load("api.things.try_").build_request(since="now").headers == {"Since": "now"}
    assert built(document).notes[0] == f"{POST}: the date-time `since` of a header is read as string"


def test_a_schema_that_only_extends_another_has_a_class_of_its_own(tmp_path: Path) -> None:
    with package(of_x(X={"allOf": [THING]}, Y={"$ref": "#/definitions/X"}), tmp_path) as load:
        answer = load("types").Response(200, {}, b'{"name":"a"}')
        assert type(load("api.things.try_").parse(answer).body) is load("models").X
        assert not hasattr(load("models"), "Y")  # another name of X


def test_a_security_definition_of_a_type_that_is_unknown() -> None:
    document = try_(security=[{"somebody": []}])
    document["securityDefinitions"] = {"somebody": {"type": "object"}}
    with pytest.raises(Refused) as caught:
        built(document)
    assert str(caught.value) == "#/securityDefinitions/somebody/type: `object` is no type of a security definition"


@pytest.mark.parametrize("name", ["", "_", "1", "import", "é", "a b/c"])
def test_ids_with_any_characters(name: str, tmp_path: Path) -> None:
    with package(try_(operationId=name), tmp_path):
        pass  # it is proven


def test_no_id_and_a_parameter_that_the_path_lacks() -> None:
    document = try_()
    del document["paths"]["/things"]["post"]["operationId"]
    with pytest.raises(Refused, match="^#/paths/~1things/post: has no `operationId`$"):
        built(document)
    document = try_()
    document["paths"]["/things/{id}"] = document["paths"].pop("/things")
    with pytest.raises(Refused, match="no parameter describes {id} of the path"):
        built(document)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"swagger": "2.0",\n"info": }', "line 2: not JSON: Expecting value"),
        (b"swagger: '2.0'\ninfo: [", "line 2: not YAML: "),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"", "#/swagger: not a Swagger 2.0 document"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"swagger": "2.0", "info": {"version": "1"}, "paths": {"/a": ' + b'{"a":' * 90_000, ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(Refused) as caught:
        built(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_schemas_that_never_end() -> None:
    document = try_(responses={"200": {"description": "", "schema": {"$ref": "#/definitions/A"}}})
    document["definitions"]["A"] = {"$ref": "#/definitions/B"}
    document["definitions"]["B"] = {"$ref": "#/definitions/A"}
    with pytest.raises(Refused, match="a reference that leads to itself"):
        built(document)


def test_a_description_that_is_like_ours_is_proven(tmp_path: Path) -> None:
    document = json.loads(json.dumps(ours()).replace("application/json", "application/problem+json"))
    with package(document, tmp_path) as load:
        assert load("source").OPERATIONS == 32


def of_two(first: str, second: str) -> dict[str, Any]:
    """A description with two operations, at /things and at /others."""
    document = try_(operationId=first)
    document["paths"]["/others"] = {"post": {**document["paths"]["/things"]["post"], "operationId": second}}
    return document


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("Things_Try", "Others_Look", {"things.try_", "others.look"}),
        ("Things_List", "Others_List", {"things.things_list", "others.others_list"}),
        ("Things_Others", "Others_Try", {"things.others_2", "others.try_"}),  # api.others is a package
        ("Things_", "Others_1", {"things.things_2", "others.field_1"}),
        ("Look", "Others_Try", {"default.look", "others.try_"}),
    ],
)
def test_each_operation_has_a_name_that_no_other_has(first: str, second: str, names: set[str], tmp_path: Path) -> None:
    document = of_two(first, second)
    found = built(document).plan.operations
    assert {f"{item.package}.{item.module}" for item in found} == names
    with package(document, tmp_path) as load:
        for item in found:
            assert getattr(load("api"), item.module) is load(f"api.{item.package}.{item.module}")
