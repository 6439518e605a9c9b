"""Selection: the image that is meant: of an index the one for a platform, and any other only if it is for that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from acr import media_types
from acr._core.storage import Source
from acr._values.descriptor import Descriptor, Platform
from acr._values.digest import Digest, Hasher
from acr._values.fields import optional_text, parse_object
from acr._values.manifest import MANIFEST_LIMIT, Manifest
from acr._values.platforms import choose
from acr.errors import InvalidInput, LimitExceeded, NotFound, ProtocolViolation, SizeMismatch

IMAGE_CONFIGS: Final = frozenset({media_types.OCI_CONFIG, media_types.DOCKER_CONFIG})
"""The types of the configs of images."""


async def select(
    root: Manifest,
    platform: Platform | None,
    name: str,
    manifest: Callable[[Digest], Awaitable[Manifest]],
    source: Callable[[Descriptor], Source],
) -> Manifest:
    """The manifest that is for a platform.

    Args:
        root: an index, or a manifest by itself. What is no image, such as an SBOM, is for every platform.
        platform: what it must be for; None for the only one there is.
        name: of the root, for errors.
        manifest: gets a manifest of the index.
        source: opens a blob: the config tells what an image is for.

    Raises:
        InvalidInput: there is nothing for the platform, or it was not named although there are several.
    """
    if root.is_index:
        chosen = choose(root, platform, name)
        return of_size(await child_of(root.digest, chosen, manifest), chosen, name)
    if platform is None or (config := root.config) is None:
        return root
    if config.media_type in IMAGE_CONFIGS:
        own = platform_in(await content_of(config, source(config), name), name)
        if own is not None and not own.fits(platform):
            raise InvalidInput(f"{name} is for {own}, and no index: there is nothing for {platform}")
    return root


async def child_of(index: Digest, child: Descriptor, manifest: Callable[[Digest], Awaitable[Manifest]]) -> Manifest:
    """A manifest that an index lists. If it is missing, the error says which one of which index, and what to do.

    Args:
        index: digest of the index.
        child: its entry.
        manifest: gets a manifest.

    Raises:
        NotFound: it is missing.
    """
    try:
        return await manifest(child.digest)
    except NotFound as error:
        meant = f" for {child.platform}" if child.platform is not None else ""
        error.hint = (
            f"the index {index} lists it{meant}, and it is missing: platform= takes a platform that is there,"
            f" restore({str(child.digest)!r}) brings it back if soft delete is on, and Inventory.check() finds all that"
            " is missing"
        )
        raise


def of_size(manifest: Manifest, descriptor: Descriptor, name: str) -> Manifest:
    """A manifest, if it has the size that its descriptor tells."""
    if manifest.size != descriptor.size:
        what = f"the manifest {descriptor.digest} of {name}"
        raise SizeMismatch(what, expected=descriptor.size, actual=manifest.size)
    return manifest


async def content_of(config: Descriptor, source: Source, name: str) -> bytes:
    """The bytes of a config, checked against its digest. The source is closed."""
    what = f"the config {config.digest} of {name}"
    if config.size > MANIFEST_LIMIT:
        raise LimitExceeded(what, limit=MANIFEST_LIMIT)
    try:
        content = await source.read(config.size)
    finally:
        await source.aclose()
    hasher = Hasher(config.digest.algorithm)
    hasher.update(content)
    hasher.verify(config.digest, what)
    return content


def platform_in(content: bytes, name: str) -> Platform | None:
    """What a config says that its image is for."""
    what = f"the config of {name}"
    try:
        fields = parse_object(content, what)
        os, architecture, variant, version = (
            optional_text(fields, key, what) for key in ("os", "architecture", "variant", "os.version")
        )
    except ProtocolViolation:
        return None
    return Platform(os, architecture, variant or None, version or None) if os and architecture else None
