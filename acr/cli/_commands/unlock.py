"""Allow again what a lock forbids, to change and delete a tag or a manifest.

`acr unlock REPO:TAG` unlocks the tag, and `acr unlock REPO@DIGEST` the manifest: each has a lock of its own. --deep
unlocks what belongs to it, too: without it, platforms and attachments that `acr lock --deep` has locked stay locked.
For a tag this looks at the manifest, and says so if that stays locked. --state FILE puts back what was before `acr lock
--deep --state FILE`. Both leave locked what another locked tag or manifest needs, and say so.
"""

from __future__ import annotations

import argparse

from acr.cli._actions import COLUMNS as ACTIONS
from acr.cli._commands import lock
from acr.cli._context import Context

EXAMPLES = (
    "acr unlock team/app:v1.0",
    "acr unlock team/app:v1.0 --what write,delete,read,list",
    "acr unlock my.azurecr.io/team/app:v1.0 --deep --dry-run -o json",
)

COLUMNS = ACTIONS


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    lock.add(parser, "unlock")


def run(context: Context) -> int:
    """Unlock."""
    return lock.run(context, allowed=True)
