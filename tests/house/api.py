"""The public API as text: every name that users may import, with signatures as they stand in the source.

`make api` writes api.txt beside this file, and a test compares the two. So a change of the API is seen in review, as a
change of that file. It is read from the syntax trees, for two reasons: annotations stay as they are written, and every
version of Python gives the same text.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
SNAPSHOT = Path(__file__).with_name("api.txt")
FRONTS = ("acr", "acr.emulator")
MODULES = ("acr", "acr.errors", "acr.media_types", "acr.protocols", "acr.emulator", "acr.emulator.pytest_plugin")
# Users get these from methods, and do not make them: how they are made is no promise.
HANDED_OUT = {
    f"{colour}{name}"
    for colour in ("", "Async")
    for name in (
        "BlobReader",
        "BlobStream",
        "EntraCredential",
        "Listing",
        "Repository",
        "RepositoryBlob",
        "RepositoryManifest",
        "RepositoryTag",
        "Upload",
    )
} | {"Inventory", "Plan"}

Place = tuple[str, str]  # a module, and a name in it
Function = ast.FunctionDef | ast.AsyncFunctionDef
LINE = 110
OF_THE_HOUSE = {"public_in", "stays"}
"""Decorators that change nothing for callers."""
UNSEEN = {"__attrs_post_init__", "__reduce__", "__repr__"}


def public_api() -> str:
    """The text of api.txt."""
    lines = ["The public API of acr-client. `make api` writes this file; see api.py.", ""]
    for module in MODULES:
        lines += [f"# {module}", ""]
        blocks = [list(described(module, name, place)) for name, place in sorted(names_of(module).items())]
        lines += [*sorted(line for block in blocks if len(block) == 1 for line in block), ""]
        lines += [line for block in blocks if len(block) > 1 for line in (*block, "")]
    return "\n".join(lines)


def names_of(module: str) -> dict[str, Place]:
    """The public names of a module, and where each is defined."""
    if module in FRONTS:
        return told(module)
    return {name: (module, name) for name in definitions(module) if not name.startswith("_")}


def told(front: str) -> dict[str, Place]:
    """The imports of a front door that type checkers read, which are never run."""
    (block,) = [node for node in tree_of(front).body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert all(alias.name == alias.asname for node in imports for alias in node.names)
    return {alias.name: (str(node.module), alias.name) for node in imports for alias in node.names}


def described(front: str, name: str, place: Place) -> Iterator[str]:
    """The lines of one name. If another public module defines it, only that is said."""
    module = place[0]
    if f"{module}.{name}" in MODULES:
        yield f"import {module}.{name}"
        return
    if module != front and module in MODULES:
        yield f"from {module} import {name}"
        return
    node = definitions(module)[name]
    if isinstance(node, ast.ClassDef):
        yield from described_class(module, node)
    elif isinstance(node, Function):
        yield from (*decorators(node), *signature(node))
    elif name == "__version__":
        yield f"{name}: str"
    else:
        yield f"{name} = {constant(module, name, node)}"


def described_class(module: str, node: ast.ClassDef) -> Iterator[str]:
    """A class with its fields, in the order of its constructor, and its methods, by name."""
    family = list(private_family(module, node))
    bases = [ast.unparse(base) for home, one in family for base in one.bases if private_base(home, base) is None]
    yield from decorators(node)
    yield f"class {node.name}({', '.join(dict.fromkeys(bases))}):" if bases else f"class {node.name}:"
    fields: dict[str, str] = {}
    methods: dict[str, list[str]] = {}
    for _, one in reversed(family):
        fields |= dict(fields_of(one))
        methods |= methods_of(one)
    if node.name in HANDED_OUT:
        methods.pop("__init__", None)
    lines = [*fields.values(), *(line for name in sorted(methods) for line in methods[name])] or ["..."]
    yield from (f"    {line}" for line in lines)


def private_family(module: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
    """A class, and those of its bases that are private: users see the methods of these as its own."""
    yield module, node
    for base in node.bases:
        place = private_base(module, base)
        if place is not None:
            found = definitions(place[0])[place[1]]
            assert isinstance(found, ast.ClassDef)
            yield from private_family(place[0], found)


def private_base(module: str, base: ast.expr) -> Place | None:
    """Where a base class is defined, if it is one of this package and users cannot import it."""
    name = base.value if isinstance(base, ast.Subscript) else base
    place = imports(module).get(ast.unparse(name), (module, ast.unparse(name)))
    is_ours = place[0].startswith("acr") and place[1] in definitions(place[0])
    return place if is_ours and place not in PUBLIC else None


def fields_of(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Public attributes: those in the body of the class, and those that `__init__` sets."""
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and not ast.unparse(statement.target).startswith("_"):
            yield ast.unparse(statement.target), field(statement)
    constructor = next((one for one in node.body if isinstance(one, Function) and one.name == "__init__"), None)
    if constructor is None:
        return
    arguments = constructor.args
    annotations = {one.arg: one.annotation for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    for inner in ast.walk(constructor):
        if isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Name):
            target, annotation = inner.targets[0], annotations.get(inner.value.id)
        elif isinstance(inner, ast.AnnAssign):
            target, annotation = inner.target, inner.annotation
        else:
            continue
        if isinstance(target, ast.Attribute) and not target.attr.startswith("_") and annotation is not None:
            yield target.attr, f"{target.attr}: {ast.unparse(annotation)}"


def field(statement: ast.AnnAssign) -> str:
    """A field of attrs, or a constant. What tells about printing, hashing and checking is left out."""
    text = f"{ast.unparse(statement.target)}: {ast.unparse(statement.annotation)}"
    if statement.value is None:
        return text
    if isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) == "attrs.field":
        kept = [one for one in statement.value.keywords if one.arg not in {"repr", "hash", "eq", "validator"}]
        options = ", ".join(f"{one.arg}={ast.unparse(one.value)}" for one in kept)
        return f"{text} = attrs.field({options})" if options else text
    return f"{text} = {ast.unparse(statement.value)}"


def methods_of(node: ast.ClassDef) -> dict[str, list[str]]:
    """The public methods by name. Of a method with overloads callers see these, and not what implements them."""
    found: dict[str, list[list[str]]] = {}
    for statement in node.body:
        if isinstance(statement, Function) and is_public(statement.name):
            found.setdefault(statement.name, []).append([*decorators(statement), *signature(statement)])
    return {name: [line for one in (every[:-1] or every) for line in one] for name, every in found.items()}


def is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name not in UNSEEN)


def decorators(node: ast.ClassDef | Function) -> list[str]:
    texts = map(ast.unparse, node.decorator_list)
    return [f"@{text}" for text in texts if text.partition("(")[0] not in OF_THE_HOUSE]


def signature(node: Function) -> list[str]:
    """A function without its body; one argument to a line if it is long, so that a change shows which."""
    colour = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returned = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    parts = list(arguments(node.args))
    line = f"{colour} {node.name}({', '.join(parts)}){returned}"
    if len(line) <= LINE:
        return [line]
    return [f"{colour} {node.name}(", *(f"    {one}," for one in parts), f"){returned}"]


def arguments(node: ast.arguments) -> Iterator[str]:
    """The arguments as they stand between the parentheses."""
    positional = [*node.posonlyargs, *node.args]
    defaults = [None] * (len(positional) - len(node.defaults)) + node.defaults
    for at, (one, default) in enumerate(zip(positional, defaults, strict=True), 1):
        yield with_default(one, default)
        if at == len(node.posonlyargs):
            yield "/"
    if node.vararg is not None:
        yield f"*{ast.unparse(node.vararg)}"
    elif node.kwonlyargs:
        yield "*"
    yield from map(with_default, node.kwonlyargs, node.kw_defaults)
    if node.kwarg is not None:
        yield f"**{ast.unparse(node.kwarg)}"


def with_default(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) if default is None else f"{ast.unparse(argument)} = {ast.unparse(default)}"


def constant(module: str, name: str, node: ast.stmt) -> str:
    """The value of a constant, or the text of a type alias."""
    value = getattr(importlib.import_module(module), name)
    if isinstance(value, str | int | tuple):
        return repr(value)
    if isinstance(value, frozenset):
        return f"frozenset({sorted(value)})"
    assert isinstance(node, ast.Assign | ast.AnnAssign)
    assert node.value is not None
    return ast.unparse(node.value)


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def definitions(module: str) -> dict[str, ast.stmt]:
    """What a module defines at its top: classes, functions, constants."""
    found: dict[str, ast.stmt] = {}
    for node in tree_of(module).body:
        if isinstance(node, ast.ClassDef | Function):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= dict.fromkeys(map(ast.unparse, node.targets), node)
        elif isinstance(node, ast.AnnAssign):
            found[ast.unparse(node.target)] = node
    return found


def imports(module: str) -> dict[str, Place]:
    """The names that a module imports from others at its top."""
    nodes = [node for node in tree_of(module).body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: (str(node.module), alias.name) for node in nodes for alias in node.names}


PUBLIC = {place for module in MODULES for place in names_of(module).values()}

if __name__ == "__main__":
    SNAPSHOT.write_text(public_api(), encoding="utf-8")
