"""A file as a document of Swagger 2.0: JSON or YAML, with or without a byte order mark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from .problems import Refused

if TYPE_CHECKING:
    from pathlib import Path


class _Loader(yaml.SafeLoader):
    """YAML as JSON has it: a version such as 2021-07-01 stays text, and so does each key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        return {str(key): value for key, value in super().construct_mapping(node, deep).items()}


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str) -> Any:
    """Read JSON or YAML; raise Refused, naming the line, for anything else."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise Refused(f"line {error.lineno}", f"not JSON: {error.msg}") from None
        except RecursionError:
            raise Refused("", "nested too deeply") from None
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a safe loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Refused(f"line {line}", f"not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Refused("line 1", "neither JSON nor YAML") from None


def own(path: Path) -> Any:
    """Read a YAML file of ours, with the parser in C if it is there."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 (a safe loader)


def decode(content: bytes) -> str:
    """The text of a file."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("", f"not UTF-8 at byte {error.start}") from None


def read(path: Path) -> dict[str, Any]:
    """Read a description of Swagger 2.0."""
    return check(load(decode(path.read_bytes())))


def check(document: Any) -> dict[str, Any]:
    """Refuse what is no Swagger 2.0, the one kind that upstream publishes."""
    if isinstance(document, dict) and str(document.get("swagger")) == "2.0":
        return document
    version = document.get("openapi") if isinstance(document, dict) else None
    found = f"; it says OpenAPI {version}" if isinstance(version, str) else ""
    raise Refused("#/swagger", f"not a Swagger 2.0 document{found}")
