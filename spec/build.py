"""From the Swagger file to what the generator reads. Run by ./codegen.sh, in its own environment.

build.py openapi SWAGGER OUT --converter PATH [--strict]    Swagger 2.0 -> corrected OpenAPI 3.0
build.py diff OLD NEW                                       which operations, parameters, schemas differ
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jsonpath_ng.ext.parser import parse as jsonpath
from oas_patch.overlay import apply_overlay

if TYPE_CHECKING:
    from collections.abc import Iterator

OVERLAY = Path(__file__).with_name("overlay.yaml")

# ---- Swagger 2.0 -> OpenAPI 3.0 --------------------------------------------------------------


def prepare(swagger: dict[str, Any]) -> dict[str, Any]:
    """Bring what AutoRest alone understands into a form that every OpenAPI tool reads."""
    # x-ms-paths holds operations whose method and path are taken already; a query sets them apart.
    # It is never sent, so it becomes a fragment here: a unique key, which the builders drop.
    for path, item in swagger.pop("x-ms-paths", {}).items():
        swagger["paths"][path.replace("?", "#")] = item
    for parameter in swagger.get("parameters", {}).values():
        if parameter["name"] == "api-version":
            parameter["default"] = swagger["info"]["version"]
    return swagger


def convert(swagger: dict[str, Any], converter: Path) -> dict[str, Any]:
    """Run swagger2openapi."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "swagger.json"), Path(folder, "openapi.json")
        source.write_text(json.dumps(swagger), encoding="utf-8")
        subprocess.run(
            [
                converter,
                "--targetVersion=3.0.3",
                "--refSiblings=preserve",
                f"--outfile={target}",
                source,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        document: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
        return document


def wrap_references(node: Any) -> Any:
    """Move the siblings of a schema's `$ref`, which OpenAPI 3.0 ignores, to an `allOf` around it."""
    if isinstance(node, list):
        return [wrap_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: wrap_references(value) for key, value in node.items()}
    if len(node) > 1 and isinstance(node.get("$ref"), str):
        node = {"allOf": [{"$ref": node.pop("$ref")}], **node}
        if "x-nullable" in node:  # the converter translates it elsewhere, but not next to a $ref
            node["nullable"] = node.pop("x-nullable")
    return node


def correct(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Apply the overlay. Also returns the targets that match nothing."""
    unmatched = []
    for action in yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))["actions"]:
        if not jsonpath(action["target"]).find(document):
            unmatched.append(action["target"])
        document = apply_overlay(document, {"actions": [action]})
        # What an action puts in several places must not stay one object, edited in all of them.
        document = json.loads(json.dumps(document))
    return document, unmatched


def openapi(swagger: Path, out: Path, converter: Path, strict: bool) -> int:
    """Build the OpenAPI document; with `strict`, fail where the overlay has become out of date."""
    try:
        source = json.loads(swagger.read_text(encoding="utf-8"))
        version = source["swagger"]
    except (ValueError, KeyError, TypeError):
        version = None
    if version != "2.0":
        sys.exit(f"error: {swagger} is not a Swagger 2.0 document in JSON")
    document, unmatched = correct(wrap_references(convert(prepare(source), converter)))
    level = "error" if strict else "warning"
    for target in unmatched:
        print(f"{level}: overlay action matches nothing: {target}", file=sys.stderr)
    out.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if strict and unmatched else 0


# ---- Differences -----------------------------------------------------------------------------

PROSE = {"description", "title", "summary", "example", "x-ms-examples"}


def facts(document: dict[str, Any]) -> dict[str, Any]:
    """What code depends on, under names that people use: `operation X`, `schema Y`, `property z`."""
    shared = document.get("components", {})

    def named(node: Any) -> Any:
        if isinstance(node, list):
            return [named(item) for item in node]
        if not isinstance(node, dict):
            return node
        result: dict[str, Any] = {}
        for key, value in node.items():
            if key == "properties":
                result |= {f"property {name}": named(schema) for name, schema in value.items()}
            elif key == "enum":
                result |= {f"value {item}": True for item in value}
            elif key == "required" and isinstance(value, list):
                result |= {f"required {name}": True for name in value}
            elif key == "parameters":
                for item in value:
                    whole = shared["parameters"][item["$ref"].rpartition("/")[2]] if "$ref" in item else item
                    # A change of a shared parameter is told once, not with each operation.
                    result[f"parameter {whole['name']} ({whole['in']})"] = named(item)
            elif key == "responses":
                result |= {f"response {status}": named(reply) for status, reply in value.items()}
            elif key == "headers":
                result |= {f"header {name}": named(header) for name, header in value.items()}
            elif key not in PROSE:
                result[key] = named(value)
        return result

    result: dict[str, Any] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "operationId" in operation:  # the other entries are parameters of all of them
                route = f"{method.upper()} {path}"
                result[f"operation {operation['operationId']}"] = {"route": route, **named(operation)}
    for name, parameter in shared.get("parameters", {}).items():
        result[f"parameter {name}"] = named(parameter)
    for name, schema in shared.get("schemas", {}).items():
        result[f"schema {name}"] = named(schema)
    return result


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """One line for each fact: `+` it is new, `-` it is gone, `~` it changed."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield f"~ {place}: {json.dumps(old)} -> {json.dumps(new)}"
        return
    for name in [*old, *(name for name in new if name not in old)]:
        inner = f"{place}: {name}" if place else name
        if name not in new:
            yield f"- {inner}"
        elif name not in old:
            yield f"+ {inner}"
        else:
            yield from differences(old[name], new[name], inner)


def diff(old: Path, new: Path) -> int:
    """Print what differs between two OpenAPI documents."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in (old, new)]
    lines = list(differences(facts(documents[0]), facts(documents[1])))
    print("\n".join(lines) or "No operation, parameter or schema differs.")
    return 0


def main() -> int:
    """Run one of the two steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    step = commands.add_parser("openapi")
    step.add_argument("swagger", type=Path)
    step.add_argument("out", type=Path)
    step.add_argument("--converter", type=Path, required=True)
    step.add_argument("--strict", action="store_true")
    step = commands.add_parser("diff")
    step.add_argument("old", type=Path)
    step.add_argument("new", type=Path)
    options = parser.parse_args()
    if options.command == "diff":
        return diff(options.old, options.new)
    return openapi(options.swagger, options.out, options.converter, options.strict)


if __name__ == "__main__":
    sys.exit(main())
