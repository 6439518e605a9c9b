"""Print constraints for `make lowest`: what the package depends on in its lowest versions, and all else as pinned."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Read the lower bounds from pyproject.toml. The tools of the extra `dev` stay as constraints.txt has them."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    users = [*project["dependencies"], *(one for name, extra in extras.items() if name != "dev" for one in extra)]
    lowest = dict(lower_bound(one) for one in users)
    pinned = [line for line in (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines() if "==" in line]
    print("\n".join(f"{name}=={version}" for name, version in lowest.items()))
    print("\n".join(line for line in pinned if line.partition("==")[0].lower() not in lowest))


def lower_bound(requirement: str) -> tuple[str, str]:
    """The name and the lowest version of `name>=version,<next`."""
    found = re.match(r"([A-Za-z0-9._-]+)(?:\[.*\])?>=([0-9.]+)", requirement)
    if found is None:
        raise SystemExit(f"pyproject.toml: {requirement!r} has no lower bound")
    return found[1].lower(), found[2]


if __name__ == "__main__":
    main()
