"""No function of the core has more than 12 ways through it: McCabe, with `and` and `or` counted.

ruff's C901 leaves out boolean operators, and so the function that was hardest to read here passed with 10 of 22.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent.parent / "acr" / "_core"
MOST = 12

BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case)


def ways(function: ast.AST) -> int:
    """Ways through a function. Those of a function within it count as its own, as a reader must follow them, too.

    >>> [ways(ast.parse(text)) for text in ("f()", "x = a and b or c", "[f(x) for x in y if x]")]
    [1, 3, 3]
    """
    count = 1
    for node in ast.walk(function):
        count += isinstance(node, BRANCHES)
        if isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            count += len(node.ifs)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            count += bool(node.orelse)
    return count


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods, without those that stand within another one."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_function_has_too_many_ways_through_it() -> None:
    found = {
        f"{path.relative_to(CORE)}:{function.lineno} {function.name}": ways(function)
        for path in sorted(CORE.rglob("*.py"))
        for function in functions(ast.parse(path.read_text()))
    }
    assert len(found) > 100
    assert {name: count for name, count in found.items() if count > MOST} == {}
