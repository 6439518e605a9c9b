"""Print constraints for `make lowest`: what the package depends on in its lowest versions, the tests' tools as pinned.

What is neither, as it comes with one of them, is left to pip: old versions do not go with the newest of everything.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
TOOLS = ("dev", "docs")
"""Extras for those who work on the package. All others are for its users."""


def main() -> None:
    """Read pyproject.toml and constraints.txt."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
    print("\n".join(f"{name}=={version}" for name, version in constraints(project, pinned).items()))


def constraints(project: Mapping[str, Any], pinned: str) -> dict[str, str]:
    """The version of each package.

    Args:
        project: the table `project` of pyproject.toml.
        pinned: the text of constraints.txt.
    """
    extras = project["optional-dependencies"]
    tools = {name_of(one) for extra in TOOLS for one in extras.get(extra, ())}
    used = [*project["dependencies"], *(one for name, extra in extras.items() if name not in TOOLS for one in extra)]
    versions = {name_of(one): lower_bound(one) for one in used}
    for line in pinned.splitlines():
        name, _, version = line.partition("==")
        if name_of(name) in tools:
            versions.setdefault(name_of(name), version)
    return versions


def name_of(requirement: str) -> str:
    """The name as package indexes compare it (PEP 503)."""
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


def lower_bound(requirement: str) -> str:
    """The lowest version of `name>=version,<next`."""
    found = re.search(r">=([0-9.]+)", requirement)
    if found is None:
        raise SystemExit(f"pyproject.toml: {requirement!r} has no lower bound: give it one")
    return found[1]


if __name__ == "__main__":
    main()
