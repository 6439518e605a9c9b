"""Makes the sync facades from the async ones: acr/_facades/async_NAME.py -> acr/_facades/NAME.py.

What has to change is found in the syntax tree, and changed in the source text at that place. All else stays as it is,
comments and layout too, so the result is the same under every Python. (`ast.unparse` writes other text in 3.12 than in
3.11.) Then ruff drops the imports that the result does not need, sorts the others, and breaks lines anew.

What this tool does not know, it refuses, with file and line.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import re
import shutil
import subprocess
import sys
from enum import Enum
from itertools import accumulate
from pathlib import Path
from typing import Final, NoReturn

PROJECT: Final = Path(__file__).resolve().parent.parent
FACADES: Final = PROJECT / "acr" / "_facades"

HEADER: Final = "# Made by `make facades` from {source}: change that file, then run the command.\n"

MODULES: Final = {"acr._shells.asynchronous": "acr._shells.blocking", "asyncio": "time"}
NAMES: Final = {
    "AsyncIterator": "Iterator",
    "AsyncioRuntime": "BlockingRuntime",
    "asynchronous": "blocking",
    "StopAsyncIteration": "StopIteration",
    "Uploadable": "SyncUploadable",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "open_async_source": "open_source",
}
DOTTED: Final = {"asyncio.sleep": "time.sleep"}

PREFIX: Final = r"\bAsync(?=[A-Z])"
"""A name of the async colour. Its twin is called the same without the prefix."""

WORDS: Final = {
    r"\bAsync(?=: )": "Sync",
    PREFIX: "",
    r"\basync (?=with |for )": "",
    r"\bawait ": "",
    "as async code sees it, on asyncio": "as sync code sees it",
    "from several tasks": "from several threads",
}
"""What differs in docstrings."""

CORE: Final = "acr._core."
SHELL: Final = "acr._shells.stepping"
"""The core's coroutines are stepped by `run`, its generators by `iterate`."""


class Refused(Exception):
    """The source has something that the tool cannot convert. The text begins with file and line."""


class Kind(Enum):
    """What an expression calls. It decides what stands in the place of `await`, `async for` and `async with`."""

    CORE = "a coroutine or an async generator of the core"
    OWN = "a method of the same class, which is converted too"
    FACADE = "a class of the facades, which is converted too"
    UNKNOWN = "unknown"


class Text:
    """A source text and the changes to it. Places are those of syntax trees: lines, and offsets in UTF-8."""

    def __init__(self, source: str) -> None:
        self._bytes = source.encode()
        self._begins = [0, *accumulate(len(line) for line in self._bytes.splitlines(keepends=True))]
        self._changes: list[tuple[int, int, bytes]] = []

    def begin(self, node: ast.expr | ast.stmt | ast.alias) -> int:
        """Where a node begins."""
        return self._begins[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt | ast.alias) -> int:
        """Where a node ends."""
        assert node.end_lineno is not None and node.end_col_offset is not None  # noqa: S101, PT018 - parsed, not made
        return self._begins[node.end_lineno - 1] + node.end_col_offset

    def between(self, begin: int, end: int) -> str:
        """The text as it was."""
        return self._bytes[begin:end].decode()

    def change(self, begin: int, end: int, new: str) -> None:
        """Put other text in a place."""
        self._changes.append((begin, end, new.encode()))

    def change_match(self, begin: int, pattern: str, new: str) -> bool:
        """Put other text in the place of what matches there, and tell whether it does."""
        match = re.compile(pattern.encode()).match(self._bytes, begin)
        if match:
            self.change(match.start(), match.end(), new)
        return match is not None

    def changed(self) -> str:
        """The text with all changes."""
        parts, at = [], 0
        for begin, end, new in sorted(self._changes, key=lambda change: change[:2]):
            assert at <= begin, "two changes in one place"  # noqa: S101 - a defect of this tool
            parts += [self._bytes[at:begin], new]
            at = end
        return b"".join([*parts, self._bytes[at:]]).decode()


class Conversion(ast.NodeVisitor):
    """One file on its way from async to sync.

    Args:
        name: of the file, for errors and the header.
        source: its text.
    """

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._text = Text(source)
        self._tree = ast.parse(source, name)
        self._core = _names_from_core(self._tree)
        self._methods: dict[str, bool] = {}  # of the class at hand: whether it must be awaited
        self._function: ast.FunctionDef | ast.AsyncFunctionDef | None = None
        self._variables: dict[str, Kind] = {}
        self._known: set[ast.AST] = set()
        self._f_string: ast.JoinedStr | None = None
        self._helpers: set[str] = set()

    def result(self) -> str:
        """The sync text.

        Raises:
            Refused: it has something unknown.
        """
        self.visit(self._tree)
        if self._helpers:
            last = [node for node in self._tree.body if isinstance(node, ast.Import | ast.ImportFrom)][-1]
            end = self._text.end(last)
            self._text.change(end, end, f"\nfrom {SHELL} import {', '.join(sorted(self._helpers))}")
        return HEADER.format(source=self._name) + self._text.changed()

    # ---- Names and texts ---------------------------------------------------------------------------------

    def visit_Module(self, node: ast.Module) -> None:
        self._convert_docstring(node)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name in MODULES:
                self._replace(alias, re.escape(alias.name), MODULES[alias.name])
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = MODULES.get(node.module or "", re.sub(r"^(acr\._facades\.)async_", r"\1", node.module or ""))
        if module != node.module:
            self._replace(node, rf"from\s+{re.escape(node.module or '')}", f"from {module}")
        for alias in node.names:
            is_facade = module.startswith("acr._facades.")
            if node.module == "asyncio" or (re.match(PREFIX, alias.name) and not is_facade and alias.name not in NAMES):
                self._refuse(alias, f"{alias.name} of {node.module} has no known twin")
        self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        if node.asname and (node.name == "asyncio" or _sync(node.asname) != node.asname):
            self._refuse(node, f"{node.name} as {node.asname}: import it by its own name")
        self._rename(node, node.name)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == "asyncio":
            self._refuse(node, "asyncio has no twin in sync code, but for " + ", ".join(DOTTED))
        self._rename(node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        names = _dotted(node)
        name = ".".join(names)
        if name in DOTTED:
            self._replace(node, re.escape(name), DOTTED[name])
            return
        if names[:-1] == ["self"] and self._methods.get(node.attr) and node not in self._known:
            self._refuse(node, f"{name} is not awaited")
        new = _sync(node.attr)
        if new != node.attr:
            self._change(self._text.end(node) - len(node.attr.encode()), self._text.end(node), new)
        self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """`Awaitable[X]` and `Coroutine[Any, Any, X]` become `X`."""
        result = _awaited_type(node)
        if result is None:
            self.generic_visit(node)
            return
        self._change(self._text.begin(node), self._text.begin(result), "")
        self._change(self._text.end(result), self._text.end(node), "")
        self.visit(result)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node in self._known:  # a docstring
            return
        if isinstance(node.value, str) and node.value.startswith("acr.") and node.value in MODULES:
            self._replace(node, f'"{re.escape(node.value)}"', f'"{MODULES[node.value]}"')
        if isinstance(node.value, str) and re.search(rf"{PREFIX}|\bawait\b|\basync\b", node.value):
            self._refuse(node, "a text names the async colour, and is no docstring")

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """An f-string stays as it is: until Python 3.12 the tree does not tell where its parts are."""
        outer, self._f_string = self._f_string, self._f_string or node
        self.generic_visit(node)
        self._f_string = outer

    # ---- Definitions -------------------------------------------------------------------------------------

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._replace(node, rf"class\s+{node.name}", f"class {_sync(node.name)}")
        self._convert_docstring(node)
        outer, self._methods = self._methods, _methods(node)
        self.generic_visit(node)
        self._methods = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node, "def")

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node, r"async\s+def")

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, keywords: str) -> None:
        self._replace(node, rf"{keywords}\s+{node.name}", f"def {_sync(node.name)}")
        self._convert_docstring(node)
        outer = self._function, self._variables
        arguments = [part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        self._function, self._variables = node, dict.fromkeys(arguments, Kind.UNKNOWN)
        self.generic_visit(node)
        self._function, self._variables = outer

    # ---- What is awaited ---------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        """A variable may hold what is awaited later."""
        kind = self._kind(node.value)
        for target in node.targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    self._variables[part.id] = kind if part is target else Kind.UNKNOWN
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        """A function that is not async may return the core's coroutine or generator. Its twin steps it."""
        function = self._function
        if isinstance(function, ast.FunctionDef) and function.returns is not None and node.value is not None:
            helper = _helper_for(function.returns)
            kind = self._kind(node.value)
            if helper and kind is Kind.CORE:
                self._wrap(node.value, helper)
            elif helper and kind is not Kind.FACADE and _dotted(node.value) != ["self"]:
                self._refuse(node, f"return of a coroutine or an async iterator, but {self._shown(node.value)}")
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        kind = self._kind(node.value)
        if kind is Kind.CORE:
            self._replace(node, r"await\s+", "run(")
            self._change(self._text.end(node), self._text.end(node), ")")
            self._helpers.add("run")
        elif kind is Kind.OWN:
            self._replace(node, r"await\s+", "")
            self._allow(node.value)
        else:
            self._refuse(node, f"await, but {self._shown(node.value)}")
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._replace(node, r"async\s+", "")
        kind = self._kind(node.iter)
        if kind is Kind.CORE:
            self._wrap(node.iter, "iterate")
        elif kind is Kind.UNKNOWN:
            self._refuse(node, f"async for, but {self._shown(node.iter)}")
        self._allow(node.iter)
        self.generic_visit(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self._replace(node, r"async\s+", "")
        for item in node.items:
            context = item.context_expr
            if not isinstance(context, ast.Await) and self._kind(context) not in {Kind.OWN, Kind.FACADE}:
                self._refuse(node, f"async with, but {self._shown(context)}")
            self._allow(context)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if node.is_async:
            self._refuse(node.target, "an async comprehension: write a loop")
        self.generic_visit(node)

    def _kind(self, node: ast.expr) -> Kind:
        if isinstance(node, ast.Name):
            return self._variables.get(node.id, Kind.UNKNOWN)
        name = _dotted(node.func) if isinstance(node, ast.Call) else []
        if not name:
            return Kind.UNKNOWN
        if name[0] == "self" and len(name) > 2:
            return Kind.CORE  # a facade holds nothing else
        if name[0] == "self":
            return Kind.OWN if name[-1] in self._methods else Kind.UNKNOWN
        if name[0] in self._core and name[0] not in self._variables:
            return Kind.CORE
        return Kind.FACADE if re.match(PREFIX, name[-1]) else Kind.UNKNOWN

    # ---- Changes -----------------------------------------------------------------------------------------

    def _shown(self, node: ast.expr) -> str:
        return f"{self._text.between(self._text.begin(node), self._text.end(node))!r} is unknown"

    def _allow(self, node: ast.expr) -> None:
        if isinstance(node, ast.Call):
            self._known.add(node.func)

    def _convert_docstring(self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if ast.get_docstring(node, clean=False) is None:
            return
        statement = node.body[0]
        self._known.update(ast.walk(statement))
        begin, end = self._text.begin(statement), self._text.end(statement)
        self._change(begin, end, sync_words(self._text.between(begin, end)))

    def _rename(self, node: ast.expr | ast.alias, name: str) -> None:
        if _sync(name) != name:
            self._replace(node, re.escape(name), _sync(name))

    def _wrap(self, node: ast.expr, helper: str) -> None:
        self._change(self._text.begin(node), self._text.begin(node), f"{helper}(")
        self._change(self._text.end(node), self._text.end(node), ")")
        self._helpers.add(helper)

    def _replace(self, node: ast.expr | ast.stmt | ast.alias, pattern: str, new: str) -> None:
        self._refuse_in_f_string()
        if not self._text.change_match(self._text.begin(node), pattern, new):
            self._refuse(node, f"expected {pattern}")

    def _change(self, begin: int, end: int, new: str) -> None:
        self._refuse_in_f_string()
        self._text.change(begin, end, new)

    def _refuse_in_f_string(self) -> None:
        if self._f_string is not None:
            self._refuse(self._f_string, "a change inside an f-string: give the value a name before")

    def _refuse(self, node: ast.expr | ast.stmt | ast.alias, why: str) -> NoReturn:
        raise Refused(f"{self._name}:{(self._f_string or node).lineno}: {why}")


def _sync(name: str) -> str:
    return NAMES.get(name) or re.sub(PREFIX, "", name)


def sync_words(text: str) -> str:
    """A docstring of async code as sync code has it."""
    for pattern, new in WORDS.items():
        text = re.sub(pattern, new, text)
    return text


def _dotted(node: ast.expr) -> list[str]:
    """`a.b.c` as its names; empty if it is anything else."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        names = _dotted(node.value)
        return [*names, node.attr] if names else []
    return []


def _names_from_core(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)  # those for type checkers, too, that are loaded later
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(CORE)
        for alias in node.names
    }


def _methods(node: ast.ClassDef) -> dict[str, bool]:
    """The methods of a class, and whether a call of them must be awaited."""
    return {
        part.name: isinstance(part, ast.AsyncFunctionDef)
        for part in node.body
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _awaited_type(node: ast.expr) -> ast.expr | None:
    """`X` of `Awaitable[X]` or `Coroutine[Any, Any, X]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id == "Awaitable":
            return node.slice
        if node.value.id == "Coroutine" and isinstance(node.slice, ast.Tuple):
            return node.slice.elts[-1]
    return None


def _helper_for(returns: ast.expr) -> str | None:
    """What steps the result of a function that is not async, by its annotation."""
    for node in ast.walk(returns):
        if isinstance(node, ast.expr) and _awaited_type(node) is not None:
            return "run"
        if isinstance(node, ast.Name) and node.id == "AsyncIterator":
            return "iterate"
    return None


def tidy(source: str, name: str) -> str:
    """Drop unused imports, sort the others, and format, all by the ruff of this environment."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if ruff is None:
        sys.exit("error: ruff is missing; run `make facades`, which installs it")
    for step in (["check", "--select", "F401,I", "--fix-only"], ["format"]):
        command = [ruff, *step, "--quiet", "--config", str(PROJECT / "pyproject.toml"), "--stdin-filename", name, "-"]
        done = subprocess.run(command, cwd=PROJECT, input=source, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            sys.exit(f"error: {name}: {done.stderr.strip()}")
        source = done.stdout
    return source


def convert(path: Path) -> str:
    """The sync twin of a file.

    Raises:
        Refused: the file has something unknown.
    """
    name = path.relative_to(PROJECT).as_posix() if path.is_relative_to(PROJECT) else path.name
    return tidy(Conversion(name, path.read_text(encoding="utf-8")).result(), name)


def main() -> int:
    """Convert all facades, or the files that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail, with a diff, if a file would change")
    parser.add_argument("files", nargs="*", type=Path, metavar="async_NAME.py", help="by default all of acr/_facades")
    options = parser.parse_args()
    stale = False
    for path in options.files or sorted(FACADES.glob("async_*.py")):
        target = path.with_name(path.name.removeprefix("async_"))
        old = target.read_text(encoding="utf-8") if target.exists() else ""
        try:
            new = convert(path)
        except Refused as error:
            sys.exit(f"error: {error}")
        if old == new:
            continue
        stale = True
        if options.check:
            lines = difflib.unified_diff(old.splitlines(), new.splitlines(), target.name, path.name, lineterm="")
            print(*lines, sep="\n")
        else:
            target.write_text(new, encoding="utf-8", newline="\n")
            print(f"{target.name} was written", file=sys.stderr)
    if options.check and stale:
        print("error: the above is not what the async files give; run `make facades`", file=sys.stderr)
    return int(options.check and stale)


if __name__ == "__main__":
    sys.exit(main())
