"""The house stands: imports point downward, httpx stays in the shells, and importing the package is cheap."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
LIBRARY = sys.stdlib_module_names

# What each room may import, beside the standard library and itself. The order is that of the house, from the ground.
VALUES = {"attrs", "acr._text", "acr.errors", "acr.media_types", "acr._values"}
CONTRACTS = {*VALUES, "acr._forks", "acr.protocols", "acr._core.runtime", "acr._core.storage"}
TALK = {*CONTRACTS, "acr._later", "acr_rest", "acr._core.talk"}
FILES = {"acr._later", "acr._outside.failures", "acr._outside.regular"}
SET = {*VALUES, "acr.emulator._arguments", "acr.emulator._settings"}
ROOMS: dict[str, set[str]] = {
    "acr._forks": set(),
    "acr._later": {"acr._forks"},
    "acr_rest": {"attrs"},
    "acr._text": set(),
    "acr.errors": {"attrs", "acr._text"},
    "acr.media_types": set(),
    "acr._values": VALUES,
    "acr._inventory": {*VALUES, "acr._later"},
    "acr._policy": VALUES,
    "acr._cleanup": {*VALUES, "acr._inventory", "acr._policy"},
    "acr.protocols": VALUES,
    "acr._core.runtime": {*VALUES, "acr._forks"},
    "acr._core.storage": VALUES,
    "acr._core.talk": {*TALK, "jwt"},
    "acr._core.listed": TALK,
    "acr._core.blobs": TALK,
    "acr._core.images": {*TALK, "acr._core.listed", "acr._core.blobs"},
    "acr._core.upkeep": {
        *TALK, "acr._inventory", "acr._cleanup", "acr._core.listed", "acr._core.blobs", "acr._core.images",
    },
    "acr._shells": {*CONTRACTS, "acr._core.talk", "certifi", "httpx", "httpcore", "sniffio"},
    "acr._outside.failures": {*VALUES, "acr._later"},
    "acr._outside.regular": set(),
    "acr._outside.credentials": {*VALUES, "acr.protocols", "acr._outside.regular", "azure"},
    "acr._outside.tar": {*CONTRACTS, *FILES},
    "acr._outside": {*CONTRACTS, *FILES, "acr._inventory", "acr._cleanup", "acr._outside.tar"},
    "acr._outside.layouts": {*CONTRACTS, *FILES, "acr._outside.tar", "acr._outside"},
    "acr._facades": {
        "acr._later", *TALK, "acr._inventory", "acr._cleanup", "acr._core.listed", "acr._core.blobs",
        "acr._core.images", "acr._core.upkeep",
        "acr._shells", *FILES, "acr._outside.credentials", "acr._outside", "acr._outside.layouts",
    },
    "acr.emulator._inherited": set(),
    "acr.emulator._arguments": VALUES,
    "acr.emulator._settings": {*VALUES, "acr.emulator._arguments"},
    "acr.emulator._wire": {"starlette"},
    "acr.emulator._extra": set(),
    "acr.emulator._access": {*SET, "acr.emulator._wire", "jwt", "starlette"},
    "acr.emulator._store": {*VALUES, "acr.emulator._inherited", "acr.emulator._wire"},
    "acr.emulator._routes": {
        *SET, "acr.emulator._wire", "acr.emulator._access", "acr.emulator._store", "starlette",
    },
    "acr.emulator._seeding": {*VALUES, "acr.emulator._arguments", "acr.emulator._wire", "acr.emulator._store"},
    "acr.emulator._server": {
        *SET, "acr.emulator._inherited", "acr.emulator._wire", "acr.emulator._access", "acr.emulator._store",
        "acr.emulator._routes", "cryptography", "starlette", "uvicorn",
    },
    "acr.emulator._parts": {
        *SET, "acr.emulator._access", "acr.emulator._store", "acr.emulator._routes", "acr.emulator._seeding",
        "acr.emulator._server",
    },
    "acr.emulator._emulator": {
        *SET, "acr.emulator._access", "acr.emulator._routes", "acr.emulator._server", "acr.emulator._store",
        "acr.emulator._parts", "starlette",
    },
    "acr.emulator": {
        "attrs", "acr._text", "acr.emulator._arguments", "acr.emulator._extra", "acr.emulator._settings",
        "acr.emulator._access", "acr.emulator._store", "acr.emulator._server", "acr.emulator._emulator", "pytest",
    },
    "acr": {
        "acr._text", "acr.errors", "acr.media_types", "acr.protocols", "acr._values", "acr._inventory", "acr._cleanup",
        "acr._facades", "acr._outside", "acr._outside.credentials", "acr._outside.layouts",
    },
    # The command line is the library's first user: it takes its public names, and nothing below.
    "acr.cli": {"acr", "acr.errors", "acr.media_types", "acr.emulator"},
    "acr.__main__": {"acr.cli"},
}  # fmt: skip


def sources() -> Iterator[tuple[str, Path]]:
    for root in (PROJECT / "acr", PROJECT / "generated" / "acr_rest"):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root.parent).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), path


def room_of(module: str) -> str:
    """`acr._core.talk.links` is in `acr._core.talk`; `httpx._client` is in `httpx`."""
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 1, -1))
    return next((name for name in names if name in ROOMS), parts[0])


@cache
def imported(module: str, path: Path) -> tuple[str, ...]:
    """Modules that a file imports, wherever in it; relative names made absolute."""
    return tuple(_imported(module, path))


def _imported(module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{name}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("module", "path"), [pytest.param(*source, id=source[0]) for source in sources()])
def test_a_file_imports_what_its_room_may(module: str, path: Path) -> None:
    own = room_of(module)
    reached = {room_of(name) for name in imported(module, path)} - LIBRARY - {own}
    assert reached <= ROOMS[own], f"{module} imports {reached - ROOMS[own]}"


def test_arrows_point_down() -> None:
    """A room may import those before it in the table, so there is no circle of rooms either."""
    order = list(ROOMS)
    for at, (room, reached) in enumerate(ROOMS.items()):
        assert {name for name in reached if name in ROOMS} <= {*order[:at], room}


def test_every_file_has_a_room_and_every_room_a_file() -> None:
    assert {room_of(module) for module, _ in sources()} == set(ROOMS)


@pytest.mark.parametrize(
    ("library", "shells"),
    [
        ("httpx", ["asynchronous", "blocking", "foreign"]),
        (
            "httpcore",
            [
                "answers",
                "async_answers",
                "asynchronous",
                "blocking",
                "connections",
                "direct",
                "foreign",
                "http",
                "lanes",
                "patience",
                "pieces",
                "pools",
                "sockets",
                "tunnels",
            ],
        ),
    ],
)
def test_what_speaks_http_is_imported_by_the_shells_alone(library: str, shells: list[str]) -> None:
    importers = {module for module, path in sources() if any(room_of(n) == library for n in imported(module, path))}
    assert sorted(importers) == [f"acr._shells.{name}" for name in shells]


def test_there_are_no_import_cycles() -> None:
    graph = {module: {name for name in _candidates(module, path) if name != module} for module, path in sources()}
    done: set[str] = set()

    def visit(module: str, on_the_way: tuple[str, ...]) -> None:
        assert module not in on_the_way, f"a cycle: {' -> '.join([*on_the_way, module])}"
        if module not in done:
            for name in graph[module]:
                visit(name, (*on_the_way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def _candidates(module: str, path: Path) -> Iterator[str]:
    known = {name for name, _ in sources()}
    for name in imported(module, path):
        while name and name not in known:
            name = name.rpartition(".")[0]
        # A package that is named on the way to its own module is no import of the package's content.
        if name and not module.startswith(f"{name}."):
            yield name


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import acr", []),
        ("from acr import Digest, NotFound, Manifest", ["attrs"]),
        ("from acr import DockerArchive, Layout, Memory", ["attrs"]),
        ("from acr import Layout, Registry", ["attrs"]),
        ("from acr import Registry; Registry('localhost:5000')", ["attrs", "httpcore"]),
        ("from acr import AsyncRegistry", ["attrs", "asyncio"]),
        ("from acr import AsyncRegistry; AsyncRegistry('localhost:5000')", ["attrs", "httpcore", "asyncio"]),
        ("import acr.emulator.pytest_plugin", []),
    ],
)
def test_what_is_loaded_is_what_is_needed(statement: str, loaded: list[str]) -> None:
    watched = ["attrs", "httpcore", "httpx", "asyncio", "jwt", "azure.identity", "starlette", "uvicorn"]
    code = f"import sys; {statement}; print([m for m in {watched} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(loaded)


def test_locks_are_those_that_a_forked_child_makes_anew() -> None:
    """In the shells some are of threading: of one call, gather or thread, or of a home that a child does not have."""
    makers = {module for module, path in sources() if re.search(r"\bthreading\.R?Lock\b", path.read_text())}
    mine = {module for module in makers if not module.startswith(("acr.emulator", "acr.cli"))}
    shells = {f"acr._shells.{name}" for name in ("beside", "blocking", "gathering", "latch", "sockets")}
    assert mine == {"acr._forks", *shells}
