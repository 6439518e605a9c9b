"""The result of a pull into a folder."""

from collections.abc import Sequence
from pathlib import Path

import attrs

from acr._values.descriptor import Descriptor
from acr._values.home import public_in
from acr._values.manifest import Manifest
from acr._values.plain import Plain


@public_in("acr")
@attrs.frozen
class Pulled(Plain):
    """The result of a pull into a folder.

    Args:
        manifest: the manifest of the artifact.
        files: paths of the files and folders that the pull wrote.
        layers: the layer of each of them, in the same order.
    """

    manifest: Manifest
    files: Sequence[Path]
    layers: Sequence[Descriptor]
