"""Fail if a tag is not that of the version and of a dated section of CHANGELOG.md: the first step of a release."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Take the tag as the one argument."""
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/release.py TAG")
    version = (PROJECT / "acr" / "_values" / "version.py").read_text(encoding="utf-8")
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    sys.exit("\n".join(problems(sys.argv[1], version, changelog)) or None)


def problems(tag: str, version: str, changelog: str) -> Iterator[str]:
    """What is wrong with releasing a tag.

    Args:
        tag: such as `v0.1.0`.
        version: the text of version.py.
        changelog: the text of CHANGELOG.md.
    """
    found = re.search(r'__version__ = "(.+)"', version)
    if found is None or tag != f"v{found[1]}":
        yield f"the tag {tag} is not that of {version.splitlines()[-1]}: tag the commit that sets the version"
    if not re.search(rf"^## {re.escape(tag.removeprefix('v'))} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        yield f"CHANGELOG.md has no section '## {tag.removeprefix('v')} - YYYY-MM-DD': date it before the tag"


if __name__ == "__main__":
    main()
