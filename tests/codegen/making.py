"""Descriptions to try, and the package that the generator makes of one, in this process."""

from __future__ import annotations

import ast
import copy
import importlib
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tools.codegen.build import Build, build
from tools.codegen.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "spec"
UPSTREAM = ROOT.parent / "shared" / "upstream"
HANDWRITTEN = UPSTREAM / "containerregistry-2021-07-01.json"
TYPESPEC = UPSTREAM / "containerregistry-2021-07-01-typespec.json"
LATER = UPSTREAM / "containerregistry-2021-07-01-typespec-with-soft-delete.json"
OLDER = sorted((UPSTREAM / "older").glob("*.json"))


def ours() -> dict[str, Any]:
    """The description in spec/, to change."""
    document: dict[str, Any] = json.loads((SPEC / "containerregistry.json").read_text("utf-8"))
    return document


def built(document: dict[str, Any] | bytes) -> Build:
    """What the generator makes of a description."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return build(SPEC, content, "made")


def of_spec() -> Build:
    """What it makes of the one in spec/."""
    lock = Source.load(SPEC / "upstream.lock")
    return build(SPEC, (SPEC / "containerregistry.json").read_bytes(), "acr_rest", origin=lock, bare=True)


def smallest(**operation: Any) -> dict[str, Any]:
    """A description with one operation, `POST /things`."""
    whole = {"operationId": "Things_Try", "responses": {"200": {"description": "Done."}}, **operation}
    return {
        "swagger": "2.0",
        "info": {"title": "Things", "version": "1"},
        "produces": ["application/json"],
        "consumes": ["application/json"],
        "paths": {"/things": {"post": whole}},
        "definitions": {
            "Thing": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "Other": {"type": "object", "properties": {"size": {"type": "integer"}}},
        },
    }


@contextmanager
def package(document: dict[str, Any], folder: Path) -> Iterator[Any]:
    """The package, written, proven and importable as `made`. Gives a function that imports one of its modules."""
    found = built(document)
    found.write(folder, tidy=False)
    found.prove(folder)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:

        def load(name: str) -> ModuleType:
            return importlib.import_module(f"made.{name}" if name else "made")

        yield load
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "made"]:
            del sys.modules[name]


def code(found: Build) -> dict[str, str]:
    """The modules of a package without docstrings and comments, and without what says where it is from."""
    with TemporaryDirectory() as folder:
        found.write(Path(folder), tidy=False)
        package = Path(folder, found.package)
        paths = [path for path in package.rglob("*.py") if path.name != "source.py"]
        return {path.relative_to(package).as_posix(): _code(path.read_text(encoding="utf-8")) for path in paths}


def _code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Pass()
    return ast.dump(tree)


def changed(document: dict[str, Any]) -> dict[str, Any]:
    """A copy to change."""
    return copy.deepcopy(document)
