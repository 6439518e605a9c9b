"""A description becomes the one in `spec/`: its facts without its texts, and the lock that says where it is from."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .build import Build


def adopt(spec: Path, path: Path, built: Build) -> None:
    """Write the facts, and say what is left for a person to do.

    Our texts are kept by place, so each whose place is still there stays as it is.
    """
    facts = json.dumps(built.document, indent=2, ensure_ascii=False) + "\n"
    (spec / "containerregistry.json").write_text(facts, encoding="utf-8")
    print(f"{path} is now the description in spec/.", file=sys.stderr)
    if built.untold:
        print(f"Write a text into spec/texts.yaml for each of {len(built.untold)} places:", file=sys.stderr)
        for place in built.untold:
            print(f"  {place}", file=sys.stderr)
    if built.unscoped:
        head = f"Say in spec/corrections.yaml what a token must allow for {len(built.unscoped)} operations:"
        print(head, file=sys.stderr)
        for route in built.unscoped:
            print(f"  {route} > scopes", file=sys.stderr)
    if built.unused:
        print(f"Drop {len(built.unused)} texts whose place is gone: {'; '.join(built.unused)}", file=sys.stderr)
    print("Then run ./codegen.sh again. docs/new-version.md has the steps from here.", file=sys.stderr)
