"""What type checkers see of the installed wheel, as its users have it: `make verify-types`.

It builds the wheel, installs it into an environment of its own, and fails if
- a public symbol has an unknown type, or one that type checkers may infer differently, or no docstring,
- a module is public that users have no business with,
- mypy or pyright find a fault in api.py beside this file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.house.api import MODULES

PROJECT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(__file__).with_name("api.py")
PUBLIC: Mapping[str, set[str]] = {
    "acr": {*MODULES, "acr.__main__", "acr.cli", "acr.emulator.__main__"},
    "acr.emulator": {"acr.emulator", "acr.emulator.__main__", "acr.emulator.pytest_plugin"},
}


def main() -> None:
    """Print a line for each package and checker; exit with what is wrong."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        python = install(folder)
        problems = [problem for package in ("acr", "acr_rest", "acr.emulator") for problem in verify(package, python)]
        problems += check_program(folder, python)
    sys.exit("\n".join(problems) or None)


def install(folder: Path) -> Path:
    """Build the wheel and install it with what its users may have, the emulator and pytest; return the Python."""
    run("-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=PROJECT)
    (wheel,) = folder.glob("*.whl")
    run("-m", "venv", str(folder / "venv"), cwd=folder)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    versions = ("--constraint", str(PROJECT / "constraints.txt"))
    subprocess.run([python, *pip, *versions, f"{wheel}[emulator]", "pytest"], cwd=folder, check=True)
    return python


def verify(package: str, python: Path) -> Iterator[str]:
    """What `pyright --verifytypes` finds in a package."""
    # It looks for packages by the Python that comes first in the path; with this option it takes no --pythonpath.
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    options = ["--verifytypes", package, "--ignoreexternal", "--outputjson"]
    command = [sys.executable, "-m", "pyright", *options]
    environment = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(python.parent.parent)}
    done = subprocess.run(command, cwd=python.parent, env=environment, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["typeCompleteness"]
    counts = found["exportedSymbolCounts"]
    modules = {module["name"] for module in found["modules"]}
    print(
        f"{package}: {found['completenessScore']:.2%} of {sum(counts.values())} symbols, {len(modules)} public modules"
    )
    if found["completenessScore"] != 1 or not counts["withKnownType"]:
        yield f"{package}: the score is {found['completenessScore']:.2%}"
    if modules != PUBLIC.get(package, modules):
        yield f"{package}: the public modules are {', '.join(sorted(modules))}"
    told = (line for symbol in found["symbols"] for line in complaints(symbol))
    yield from sorted(told, key=lambda line: "partially unknown" in line)  # that follows from others


def complaints(symbol: Mapping[str, Any]) -> Iterator[str]:
    # Pyright makes such a class for each converter of an attrs field, and then misses its docstring.
    if "__converterDescriptor_" not in symbol["name"]:
        yield from (f"{symbol['name']}: {one['message']}" for one in symbol["diagnostics"])


def check_program(folder: Path, python: Path) -> Iterator[str]:
    """What mypy and pyright find in a program of a user."""
    shutil.copy(PROGRAM, folder / "program.py")
    for name, options in (("mypy", ["--strict", "--python-executable"]), ("pyright", ["--pythonpath"])):
        command = [sys.executable, "-m", name, *options, str(python), "program.py"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        print(f"{name}: {done.stdout.splitlines()[-1]}")
        if done.returncode != 0:
            yield done.stdout


def run(*arguments: str, cwd: Path) -> None:
    subprocess.run([sys.executable, *arguments], cwd=cwd, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
