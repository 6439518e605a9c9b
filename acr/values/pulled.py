"""What a pull brought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from acr.values.manifest import Manifest


@attrs.frozen
class Pulled:
    """What a pull brought.

    Args:
        manifest: of the artifact.
        files: where its files are now, in the order of its layers.
    """

    manifest: Manifest
    files: Sequence[Path]
