"""Images: what one platform of an image is, by its manifest and its config."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from acr._text import counted
from acr._values.descriptor import Descriptor, Platform
from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.plain import Plain
from acr._values.travel import travels


@public_in("acr")
@travels
@attrs.frozen(kw_only=True)
class Image(Plain):
    """An image for one platform (OCI image spec, "Image Configuration").

    Args:
        repository: name of the repository.
        digest: digest of the manifest.
        media_type: type of the manifest.
        index: digest of the index that it was chosen from; None if the reference names the image itself.
        platform: what it runs on; None if the config does not say.
        created: when it was built, as its builder says; None if it does not.
        labels: its labels.
        layers: its layers, the lowest first.
        size: bytes of manifest, config and layers together: what a first pull transfers.
        config: the whole config, as parsed JSON. Do not change it.
    """

    repository: str
    digest: Digest
    media_type: str
    index: Digest | None
    platform: Platform | None
    created: datetime | None
    labels: Mapping[str, str] = attrs.field(hash=False)
    layers: Sequence[Descriptor]
    size: int
    config: Mapping[str, Any] = attrs.field(hash=False, repr=lambda config: f"<{counted(len(config), 'field')}>")
