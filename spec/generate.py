"""Run the generator with our templates. Run by ./codegen.sh, in its own environment.

    generate.py OPENAPI OUTPUT

openapi-python-client parses the document and renders the templates; what it offers them leaves out
operation ids and response headers, and its type names carry UNSET. So it is called from here, and
not by its command line, to give the templates what they lack.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.bodies import BodyType
from openapi_python_client.parser.errors import GeneratorError
from openapi_python_client.strings import PythonIdentifier

HERE = Path(__file__).parent

# Property class of the generator -> Python type, decoder in acr_rest.types. Another class is a
# KeyError here, rather than wrong code there.
KINDS = {
    "AnyProperty": ("Any", "types.anything"),
    "BooleanProperty": ("bool", "types.boolean"),
    "DateTimeProperty": ("datetime", "types.date_time"),
    "FileProperty": ("bytes", ""),  # never inside JSON
    "FloatProperty": ("float", "types.number"),
    "IntProperty": ("int", "types.integer"),
    "StringProperty": ("str", "types.string"),
}


def core(prop: Any) -> Any:
    """The property without its null, which adds nothing: every optional one is `T | None`."""
    if type(prop).__name__ != "UnionProperty":
        return prop
    (inner,) = (item for item in prop.inner_properties if type(item).__name__ != "NoneProperty")
    return inner


def is_list(prop: Any) -> bool:
    """Whether it is an array, null or not."""
    return type(core(prop)).__name__ == "ListProperty"


def annotation(prop: Any) -> str:
    """The Python type."""
    prop = core(prop)
    if is_list(prop):
        return f"list[{annotation(prop.inner_property)}]"
    return str(prop.class_info.name) if hasattr(prop, "class_info") else KINDS[type(prop).__name__][0]


def decoder(prop: Any) -> str:
    """The function from JSON to that type; of a list, to that of its items."""
    prop = core(prop)
    if is_list(prop):
        if is_list(prop.inner_property):
            raise TypeError(f"{prop.name}: there is no decoder for arrays of arrays")
        return decoder(prop.inner_property)
    match type(prop).__name__:
        case "ModelProperty":
            return f"{prop.class_info.name}.from_dict"
        case "EnumProperty":
            return f"{prop.class_info.name}.from_json"
        case kind:
            return KINDS[kind][1]


def imports(props: list[Any]) -> list[tuple[str, str]]:
    """Module and class of every model and enum that the properties use."""
    inner = [core(core(prop).inner_property) if is_list(prop) else core(prop) for prop in props]
    return sorted({(p.class_info.module_name, p.class_info.name) for p in inner if hasattr(p, "class_info")})


# ---- Operations ------------------------------------------------------------------------------


@dataclass
class Argument:
    """An argument of build_request."""

    name: str  # on the wire
    prop: Any
    text: str

    @property
    def python_name(self) -> str:
        """The name in Python."""
        return str(self.prop.python_name)

    @property
    def declaration(self) -> str:
        """Name, type and default."""
        kind = "Sequence[str]" if is_list(self.prop) else annotation(self.prop)
        if hasattr(core(self.prop), "class_info"):
            kind += " | str"  # an enum; a literal of a newer registry will do
        if self.prop.required:
            return f"{self.python_name}: {kind}"
        value = self.prop.default.python_code.as_unembedded_code() if self.prop.default else None
        return f"{self.python_name}: {kind} | None = {value}"


class Operation:
    """What endpoint_module.py.jinja renders: an endpoint, with what the generator leaves out."""

    def __init__(self, endpoint: Any, document: dict[str, Any]) -> None:
        """Gather it from the endpoint, and the rest from the document that this was parsed from."""
        shared = document["components"]

        def resolve(kind: str, node: dict[str, Any]) -> dict[str, Any]:
            return shared[kind][node["$ref"].rpartition("/")[2]] if "$ref" in node else node

        raw, shared_parameters = next(
            (operation, item.get("parameters", []))
            for item in document["paths"].values()
            for operation in item.values()
            if "operationId" in operation and PythonIdentifier(operation["operationId"], "") == endpoint.name
        )
        self.id: str = raw["operationId"]
        self.text: str = raw.get("description", self.id)
        self.method: str = endpoint.method.upper()
        # The fragment told two operations of one path apart; see build.py.
        self.path: str = endpoint.path.get_untrusted_value().partition("#")[0]

        texts = {
            item["name"]: item["description"]
            for item in (resolve("parameters", p) for p in [*shared_parameters, *raw.get("parameters", [])])
            if "description" in item
        }
        self.path_arguments = self._arguments(endpoint.path_parameters, texts)
        self.query = self._arguments(endpoint.query_parameters, texts)
        self.header_arguments = self._arguments(endpoint.header_parameters, texts)

        # `*/*` is a document of any type, octet-stream a blob; see overlay.yaml.
        self.body: Any = endpoint.bodies[0] if endpoint.bodies else None
        self.body_text: str = raw.get("requestBody", {}).get("description", "")
        self.body_kind = None
        self.form: list[Argument] = []
        if self.body:
            media_type = self.body.content_type.get_untrusted_value()
            self.body_kind = {"*/*": "document", "application/octet-stream": "blob"}.get(
                media_type, self.body.body_type.value
            )
            if self.body_kind == "data":
                properties = raw["requestBody"]["content"][media_type]["schema"]["properties"]
                self.form = self._arguments(
                    self.body.prop.required_properties + self.body.prop.optional_properties,
                    {name: schema.get("description", "") for name, schema in properties.items()},
                )

        # A reply that carries AcrErrors is a failure, and not for this parser.
        replies = [reply for reply in endpoint.responses.patterns if annotation(reply.prop) != "AcrErrors"]
        self.statuses: list[int] = [reply.status_code.range[0] for reply in replies]
        self.headers: dict[str, Any] = {}  # name -> header, of all replies together
        self.media_types: list[str] = []
        self.json: Any = None
        self.json_statuses: list[int] = []
        for status, reply in zip(self.statuses, replies, strict=True):
            facts = resolve("responses", raw["responses"][str(status)])
            self.headers |= facts.get("headers", {})
            self.media_types += facts.get("content", {})
            if reply.source["return_type"] == "Any":
                self.json = reply.prop
                self.json_statuses.append(status)

    @staticmethod
    def _arguments(props: list[Any], texts: dict[str, str]) -> list[Argument]:
        names = [prop.name.get_untrusted_value() for prop in props]
        return [Argument(name, prop, texts.get(name, "")) for name, prop in zip(names, props, strict=True)]

    @property
    def keywords(self) -> list[Argument]:
        """What build_request takes by keyword, but for the body."""
        return self.form + self.query + self.header_arguments

    @property
    def declarations(self) -> list[str]:
        """The arguments of build_request: those of the path, then a star, then the rest."""
        body = []
        if self.body_kind == "json":
            body = [f"body: {annotation(self.body.prop)}"]
        elif self.body_kind == "document":
            body = ["content: Content", "content_type: str"]
        elif self.body_kind == "blob":
            body = ["content: Content" if self.body.prop.required else "content: Content | None = None"]
        keywords = body + [argument.declaration for argument in self.keywords]
        return [argument.declaration for argument in self.path_arguments] + (["*", *keywords] if keywords else [])

    @property
    def request_headers(self) -> list[tuple[str, str, bool]]:
        """Name, expression, and whether that can be None."""
        result = []
        accept = next((name for name in self.media_types if name != "*/*"), None)
        if accept:
            result.append(("Accept", json.dumps(accept), False))
        result += [(item.name.title(), item.python_name, not item.prop.required) for item in self.header_arguments]
        if self.body_kind == "document":
            result.append(("Content-Type", "content_type", False))
        elif self.body:
            media_type = json.dumps(self.body.content_type.get_untrusted_value())
            if self.body.prop.required:
                result.append(("Content-Type", media_type, False))
            else:
                result.append(("Content-Type", f"None if content is None else {media_type}", True))
        return result

    @property
    def path_expression(self) -> str:
        """The path, as an f-string or as a call."""
        result = self.path
        for argument in self.path_arguments:
            if result == f"/{{{argument.python_name}}}":  # the whole path is one argument: a link
                return f"types.link({argument.python_name})"
            safe = ", safe='/'" if argument.name == "name" else ""  # repositories have slashes
            call = f"types.path_value({argument.python_name}{safe})"
            result = result.replace(f"{{{argument.python_name}}}", f"{{{call}}}")
        return f'f"{result}"' if self.path_arguments else f'"{result}"'


def forms(parsed: GeneratorData) -> set[str]:
    """Classes that the generator makes of forms. Their fields are arguments here, so they are not written."""
    bodies = [body for tag in parsed.endpoint_collections_by_tag.values() for op in tag.endpoints for body in op.bodies]
    return {annotation(body.prop) for body in bodies if body.body_type == BodyType.DATA}


def without_aliases(document: dict[str, Any]) -> dict[str, Any]:
    """Move properties next to an `allOf` into it, which means the same.

    The generator takes an `allOf` of one reference for another name of that schema, and loses them.
    """
    document = json.loads(json.dumps(document))
    for schema in document["components"]["schemas"].values():
        if "allOf" in schema and "properties" in schema:
            schema["allOf"].append({"properties": schema.pop("properties")})
    return document


def main(source: Path, output: Path) -> int:
    """Write the package to `output`."""
    document = json.loads(source.read_text(encoding="utf-8"))
    config = Config.from_sources(
        ConfigFile.load_from_path(HERE / "config.yaml"),
        MetaType.NONE,
        source,
        "utf-8",
        overwrite=True,
        output_path=output,
    )
    parsed = GeneratorData.from_dict(without_aliases(document), config=config)
    if isinstance(parsed, GeneratorError):
        sys.exit(f"error: {parsed.header} {parsed.detail}")

    project = Project(openapi=parsed, config=config, custom_template_path=HERE / "templates")
    project.env.globals.update(
        annotation=annotation,
        decoder=decoder,
        imports=imports,
        is_list=is_list,
        forms=forms(parsed),
        describe=lambda endpoint: Operation(endpoint, document),
        schemas=document["components"]["schemas"],
    )
    errors = project.build()
    for error in errors:
        print(f"error: {error.header} {error.detail}", file=sys.stderr)

    # Where a template renders to nothing, we want no such file.
    for path in output.rglob("*.py"):
        if path.stat().st_size == 0:
            path.unlink()
    (output / "py.typed").touch()
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
