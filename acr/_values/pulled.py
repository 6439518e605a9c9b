"""What a pull brought."""

from collections.abc import Sequence
from pathlib import Path

import attrs

from acr._values.descriptor import Descriptor
from acr._values.home import public_in
from acr._values.manifest import Manifest


@public_in("acr")
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
