"""What a pull brought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from acr.values.descriptor import Descriptor
from acr.values.manifest import Manifest


@attrs.frozen
class Pulled:
    """What a pull brought.

    Args:
        manifest: of the artifact.
        files: where its files are now.
        layers: what each of them is, in the same order.
    """

    manifest: Manifest
    files: Sequence[Path]
    layers: Sequence[Descriptor]
