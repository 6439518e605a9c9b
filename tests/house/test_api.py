"""The public API changes on purpose only: it is compared with the snapshot that the last change of it committed."""

from __future__ import annotations

import difflib
import re
import textwrap
from pathlib import Path

import pytest

from tests.house import api


def test_the_public_api_is_that_of_the_snapshot() -> None:
    known, found = api.SNAPSHOT.read_text(encoding="utf-8"), api.public_api()
    difference = "\n".join(difflib.unified_diff(known.splitlines(), found.splitlines(), "api.txt", "acr", lineterm=""))
    advice = "If that is meant, run `make api`, commit api.txt, and tell it in CHANGELOG.md."
    assert known == found, f"The public API has changed:\n{difference}\n{advice}"


def test_every_public_name_is_in_the_snapshot() -> None:
    lines = api.SNAPSHOT.read_text(encoding="utf-8").splitlines()
    for module in api.MODULES:
        for name in api.names_of(module):
            shown = [f"class {name}:", f"class {name}(", f"{name} = ", f"{name}: ", f"def {name}(", f"import {name}"]
            shown.append(f"import {module}.{name}")
            assert any(one in line for line in lines for one in shown), name


def test_what_is_handed_out_is_exported() -> None:
    assert {name for front in api.FRONTS for name in api.told(front)} > api.HANDED_OUT


def test_the_program_for_type_checkers_calls_every_method_of_the_facades() -> None:
    """What is missing there is seen by no type checker: `make verify-types` runs them on it."""
    program = (api.PROJECT / "tests" / "typing" / "api.py").read_text(encoding="utf-8")
    facades = {"Registry", "AsyncRegistry", *api.HANDED_OUT} & set(api.told("acr"))
    blocks = re.findall(r"^class (\w+).*:\n((?:    .*\n)+)", api.SNAPSHOT.read_text(encoding="utf-8"), re.MULTILINE)
    methods = {(name, one) for name, lines in blocks if name in facades for one in re.findall(r"def ([a-z]\w*)", lines)}
    assert len(methods) > 100
    assert [method for method in sorted(methods) if not re.search(rf"\.{method[1]}\b", program)] == []


BEFORE = """
    import attrs
    from typing import Protocol, overload

    LIMIT = 4
    Source = str | bytes

    class _Base:
        def inherited(self) -> int: ...

    class Public(_Base):
        shared: int = 3

        def __init__(self, path: str, *, size: int = 4) -> None:
            self.path = path
            self.size: int = size
            self._hidden = path

        def method(self, one: int, /, *rest: str, two: str = "") -> None: ...
        @property
        def value(self) -> int: ...
        @overload
        def read(self) -> str: ...
        @overload
        def read(self, size: int) -> bytes: ...
        def read(self, size=None): ...
        def _private(self) -> None: ...
        def __repr__(self) -> str: ...

    @attrs.frozen
    class Value:
        name: str
        count: int = attrs.field(default=3, repr=False)

    async def function(one: int) -> int: ...
"""
SEEN = [
    ("LIMIT = 4", "LIMIT = 5"),
    ("str | bytes", "str"),
    ("def inherited(self)", "def inherited(self, more: int)"),
    ("Public(_Base)", "Public(_Base, Exception)"),
    ("shared: int = 3", "shared: int = 4"),
    ("*, size", "size"),
    ("self.path = path", "self.where = path"),
    ("self.size: int", "self.size: float"),
    ("one: int, /,", "one: int,"),
    ("*rest: str", "*rest: int"),
    ('two: str = ""', "two: str"),
    ("@property", "@staticmethod"),
    ("def value(self) -> int", "def value(self) -> str"),
    ("def read(self, size: int) -> bytes", "def read(self, size: int) -> bytearray"),
    ("@attrs.frozen", "@attrs.frozen(kw_only=True)"),
    ("name: str\n", "title: str\n"),
    ("default=3", "default=2"),
    ("async def", "def"),
]
UNSEEN = [
    ("_hidden", "_secret"),
    ("def _private(self)", "def _private(self, more: int)"),
    ("_Base", "_Foundation"),
    ("def read(self, size=None): ...", "def read(self, size=-1): ..."),
    ("def __repr__(self) -> str: ...\n", "\n"),
    (", repr=False", ""),
    ("-> int: ...", "-> int: return 3"),
]


def described(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the snapshot for a module."""
    module = f"acr_snapshot_{abs(hash(source))}"
    (folder / f"{module}.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(folder)
    return [line for name, place in api.names_of(module).items() for line in api.described(module, name, place)]


@pytest.mark.parametrize(("old", "new"), SEEN)
def test_a_change_that_users_notice_changes_the_snapshot(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert old in BEFORE
    after = BEFORE.replace(old, new)
    assert described(BEFORE, tmp_path, monkeypatch) != described(after, tmp_path, monkeypatch)


@pytest.mark.parametrize(("old", "new"), UNSEEN)
def test_a_change_that_no_user_notices_leaves_the_snapshot_alone(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert old in BEFORE
    after = BEFORE.replace(old, new)
    assert described(BEFORE, tmp_path, monkeypatch) == described(after, tmp_path, monkeypatch)
