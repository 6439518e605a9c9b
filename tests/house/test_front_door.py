"""The front door: what is public is told by names, to people, to type checkers and to tools."""

from __future__ import annotations

import importlib
import inspect
import pickle
import subprocess
import sys
import traceback
import typing
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import acr
import acr.emulator
from acr import errors, media_types, protocols
from tests.house.api import HANDED_OUT, told

PROJECT = Path(__file__).resolve().parent.parent.parent
FRONTS = [acr, acr.emulator]
EXPORTED = [(front, name) for front in FRONTS for name in dir(front)]
CLASSES = [getattr(front, name) for front, name in EXPORTED if inspect.isclass(getattr(front, name))]
IDS = [item.__name__ for item in CLASSES]
PUBLIC_MODULES = {
    "acr",
    "acr.__main__",
    "acr.cli",
    "acr.emulator",
    "acr.emulator.__main__",
    "acr.emulator.pytest_plugin",
    "acr.errors",
    "acr.media_types",
    "acr.protocols",
}


@pytest.mark.parametrize("front", FRONTS, ids=lambda front: str(front.__name__))
def test_type_checkers_are_told_the_names_that_are_loaded(front: ModuleType) -> None:
    names = told(front.__name__)
    assert sorted(names) == dir(front) == front.__all__
    for name, (module, _) in names.items():
        assert getattr(front, name) is getattr(importlib.import_module(module), name)


def test_private_files_begin_with_an_underscore() -> None:
    found = {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        for path in (PROJECT / "acr").rglob("*.py")
    }
    private = {name for name in found if any(part.startswith("_") and part != "__main__" for part in name.split("."))}
    assert found - private == PUBLIC_MODULES


def test_unknown_names_are_attribute_errors() -> None:
    for front in FRONTS:
        for name in ("AsyncNothing", "nothing"):
            with pytest.raises(AttributeError, match=name):
                getattr(front, name)


def test_errors_media_types_and_protocols_are_modules() -> None:
    for module in (errors, media_types, protocols):
        assert isinstance(module, ModuleType)
        assert importlib.import_module(module.__name__) is module
    assert errors.NotFound is acr.NotFound
    assert media_types.OCI_INDEX == "application/vnd.oci.image.index.v1+json"
    assert protocols.Sink is acr.Sink


@pytest.mark.parametrize("item", CLASSES, ids=IDS)
def test_a_class_names_a_public_module_as_its_home(item: type) -> None:
    assert item.__module__ in PUBLIC_MODULES
    assert getattr(importlib.import_module(item.__module__), item.__name__) is item
    assert pickle.loads(pickle.dumps(item)) is item
    assert b"._" not in pickle.dumps(item)


@pytest.mark.parametrize("item", CLASSES, ids=IDS)
def test_tools_find_what_a_class_is_made_of(item: type) -> None:
    if sys.version_info < (3, 13):  # it goes by the name of the module alone since then, and finds none
        assert f"class {item.__name__}" in inspect.getsource(item)
    typing.get_type_hints(item)
    for name, member in vars(item).items():
        if isinstance(member, FunctionType) and not name.startswith("__"):
            typing.get_type_hints(member)
            assert f"def {name}" in inspect.getsource(member)


def test_a_subclass_of_a_user_is_the_user_s() -> None:
    """What leads `inspect` to the source of our classes leads it to no other class."""

    class Mine(acr.Registry):
        """A user's."""

    assert not hasattr(Mine, "__wrapped__")
    assert not hasattr(acr.Memory(), "__wrapped__")
    assert "A user's" in inspect.getsource(Mine)
    assert list(inspect.signature(Mine).parameters) == list(inspect.signature(acr.Registry).parameters)


def test_a_traceback_names_the_public_home() -> None:
    with pytest.raises(acr.InvalidReference) as refused:
        acr.Digest("not a digest")
    assert traceback.format_exception_only(refused.value)[0].startswith("acr.errors.InvalidReference: ")


def public_functions() -> Iterator[tuple[str, Any]]:
    """What users call: functions, and methods and properties of what is exported, also those that are inherited."""
    for front, exported in EXPORTED:
        item = getattr(front, exported)
        if isinstance(item, FunctionType):
            yield exported, item
        if not inspect.isclass(item):
            continue
        for name, member in inspect.getmembers_static(item):
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            is_called = not name.startswith("_") or (name == "__init__" and exported not in HANDED_OUT)
            if isinstance(function, FunctionType) and is_called:
                yield f"{exported}.{name}", function


def named_in(hint: Any) -> Iterator[type]:
    """The classes in an annotation."""
    if isinstance(hint, type):
        yield hint
    for argument in typing.get_args(hint):
        yield from named_in(argument)
    origin = typing.get_origin(hint)
    if isinstance(origin, type):
        yield origin


@pytest.mark.parametrize(("name", "function"), [pytest.param(*one, id=one[0]) for one in public_functions()])
def test_every_type_of_a_public_signature_is_public(name: str, function: Any) -> None:
    for argument, hint in typing.get_type_hints(function).items():
        for item in named_in(hint):
            if item.__module__.partition(".")[0] == "acr":
                assert item in CLASSES, f"{name}({argument}): {item}"


TYPOS = """
import acr
from acr import Regsitry
from acr.emulator import Emulater
acr.NotFond
acr.errors.NotFond
acr.emulator.Falt
"""
CORRECT = """
import acr
from acr.errors import NotFound
from acr.media_types import OCI_INDEX
from acr.protocols import Sink
from acr import Registry, Sink as FromFront, OnRequest, OnResponse, Readable, Writable
from acr.emulator import Emulator
assert_type = acr.NotFound, acr.errors.NotFound, acr.media_types.OCI_INDEX
"""


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize(("program", "mistakes"), [(TYPOS, 5), (CORRECT, 0)], ids=["typos", "correct"])
def test_a_typo_is_an_error_for_a_type_checker(checker: str, program: str, mistakes: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program)
    options = {
        "mypy": ["--strict", "--cache-dir", str(PROJECT / ".mypy_cache" / "documents"), "--python-executable"],
        "pyright": ["--pythonpath"],
    }
    command = [sys.executable, "-m", checker, *options[checker], sys.executable, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == bool(mistakes), done.stdout
    lines = {line.split(":")[1] for line in done.stdout.splitlines() if "program.py:" in line and "error" in line}
    assert len(lines) == mistakes, done.stdout
