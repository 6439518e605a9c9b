"""openapi-python-client's parser, asked for a prepared form: it finds names, types and what schemas inherit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError

from . import names
from .hoisting import pointer
from .openapi import openapi, schema_object
from .prepare import inherited
from .problems import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from .prepare import Prepared

# What the parser says, and what we say.
_SENTENCES: Final = {
    "same python": "two names are the same in Python",
    "can't": "a property contradicts what the schema extends",
    "was not processed": "extends itself",
    "Cannot take allOf": "extends what is no object",
    "path templating": "its path has a parameter twice, or one with odd letters in its name",
    "Could not find reference": "is made of itself",
    "not allowed in": "a parameter is of a kind that cannot stand there",
}


def parse(prepared: Prepared) -> GeneratorData:
    """Let the parser read the form. Raise Refused for the first thing that it gives up."""
    document = _document(prepared)
    parsed = GeneratorData.from_dict(document, config=config(None, _media_types(document)))
    if isinstance(parsed, GeneratorError):
        raise Refused("#", f"openapi-python-client cannot read it: {_sentence(parsed)}")
    for error in parsed.errors:
        found = re.search(r"/components/schemas/(\w+)", f"{error.header} {error.detail}")
        raise Refused(prepared.places.get(found[1] if found else "", "#/definitions"), _sentence(error))
    for collection in parsed.endpoint_collections_by_tag.values():
        for error in collection.parse_errors:
            found = re.search(r"parsing (\S+ \S+) within", error.header)
            raise Refused(pointer(found[1]) if found else "#/paths", _sentence(error))
    return parsed


def config(folder: Path | None, media_types: dict[str, str], package: str = "") -> Config:
    """What openapi-python-client is to know beside the document."""
    return Config.from_sources(
        ConfigFile(package_name_override=package, content_type_overrides=media_types, post_hooks=[]),
        MetaType.NONE,
        document_source="",
        file_encoding="utf-8",
        overwrite=True,
        output_path=folder,
    )


def _sentence(error: GeneratorError) -> str:
    said = f"{error.header} {error.detail}".lower()
    known = (ours for theirs, ours in _SENTENCES.items() if theirs.lower() in said)
    return next(known, (error.detail or error.header).strip().splitlines()[0])


def _document(prepared: Prepared) -> dict[str, Any]:
    """The form as OpenAPI 3.0, with what the parser alone needs."""
    form = prepared.form
    document = openapi(form)
    for name, schema in document["components"]["schemas"].items():
        if "bases" in form["schemas"][name]:
            # With a second part, which may be empty, this is no other name of its one base.
            schema["allOf"].append({"properties": schema.pop("properties", {})})
        if schema.get("type") == "object" and ("properties" in schema or "allOf" in schema):
            extra = inherited(name, form["schemas"])[1]
            if "additionalProperties" not in schema:
                schema["additionalProperties"] = False if extra is None else schema_object(extra)
    for route, operation in form["operations"].items():
        method, path, *number = route.split(" ")
        node = document["paths"][path + "".join(number)][method.lower()]
        node |= {"operationId": prepared.ids[route], "tags": [names.prefix(operation["id"])]}
        for holder in (node.get("requestBody", {}), *node["responses"].values()):
            if "content" in holder:
                holder["content"] = _one(holder["content"])
    return document


def _one(content: dict[str, Any]) -> dict[str, Any]:
    """The media type that is read or written: JSON if there is one."""
    chosen = media_type(content)
    return {chosen: content[chosen]}


def media_type(content: dict[str, Any]) -> str:
    """The media type of several that is used."""
    return next((kind for kind in content if "json" in kind), next(iter(content)))


def _media_types(document: dict[str, Any]) -> dict[str, str]:
    """As what the parser shall read each media type: it knows four."""
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    holders = [holder for node in operations for holder in (node.get("requestBody", {}), *node["responses"].values())]
    kinds = {kind for holder in holders for kind in holder.get("content", {}) if not names.is_form(kind)}
    return {kind: "application/json" if "json" in kind else "application/octet-stream" for kind in kinds}
