"""No test of the ordinary suite measures time, or sleeps and hopes: on a busy machine it would fail for no reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent
ELSEWHERE: Final = ("browser", "peers", "registries", "codegen", "limits")
"""Not of the ordinary suite: they start programs of others, and wait for them, or measure time on purpose."""

CLOCKS: Final = {"monotonic", "perf_counter", "process_time", "thread_time"}
CLOCKS_NS: Final = {f"{clock}_ns" for clock in CLOCKS}
ALLOWED: Final = {
    "patience.py": "waits for what gives no sign, until it is there",
    "cleanup/large.py": "measures what `make test-upkeep` compares; the ordinary suite looks at no time",
    "inventory/large.py": "measures what `make test-upkeep` compares; the ordinary suite looks at no time",
    "inventory/cold_and_warm.py": "the same",
    "faults/proxy.py": "a fault that is a delay, and a socket that is polled; nothing depends on how long",
}


def timings(code: str) -> Iterator[int]:
    """Lines that read a clock, or sleep for longer than one turn of the event loop."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in CLOCKS | CLOCKS_NS:
                yield node.lineno
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"time.sleep", "asyncio.sleep"} and ast.unparse(node.args[0]) != "0":
                yield node.lineno
            if "time.sleep" in map(ast.unparse, node.args):
                yield node.lineno


def test_the_ordinary_suite_does_not_measure_time() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        if path.relative_to(TESTS).parts[0] not in ELSEWHERE and path.relative_to(TESTS).as_posix() not in ALLOWED
        for line in timings(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_what_measures_time_is_found() -> None:
    code = "import time\ntime.monotonic()\ntime.sleep(1)\nawait asyncio.sleep(0)\nawait blocking(time.sleep, 0.1)\n"
    assert sorted(timings(code)) == [2, 3, 5]
