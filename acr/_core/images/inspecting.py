"""Inspecting: what an image is, without its layers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from acr._core.images.selection import IMAGE_CONFIGS, content_of, platform_in, select
from acr._core.images.stores import RegistryStore
from acr._core.talk.deadline import one_call
from acr._core.talk.remote import Remote
from acr._values.descriptor import Platform, platform_of
from acr._values.fields import parse_object
from acr._values.image import Image
from acr.errors import InvalidInput


@one_call
async def inspect_image(remote: Remote, reference: str, *, platform: str | Platform | None) -> Image:
    """What an image is.

    Args:
        remote: the repository.
        reference: tag or digest of the image, or of its index.
        platform: which image of an index; None if there is one alone.

    Raises:
        InvalidInput: there is nothing for that platform, or it is no image.
    """
    wanted = platform_of(platform)
    store = RegistryStore(remote)
    root = await store.resolve(reference)
    name = f"{store.name}@{root.digest}"
    image = await select(root, wanted, name, store.manifest, store.source)
    config = image.config
    if config is None or config.media_type not in IMAGE_CONFIGS:
        what = image.artifact_type or (config.media_type if config else image.media_type)
        raise InvalidInput(f"{name} is no image, but {what}: use manifest(…).get()")
    content = await content_of(config, store.source(config), name)
    fields = parse_object(content, f"the config of {name}")
    return Image(
        repository=remote.name,
        digest=image.digest,
        media_type=image.media_type,
        index=None if image.digest == root.digest else root.digest,
        platform=platform_in(content, name),
        created=_time(fields.get("created")),
        labels=MappingProxyType(_labels(fields)),
        layers=image.layers,
        size=image.size + config.size + sum(layer.size for layer in image.layers),
        config=MappingProxyType(fields),
    )


def _labels(fields: Mapping[str, Any]) -> dict[str, str]:
    """The labels that are texts. A builder may have written anything."""
    inner = fields.get("config")
    labels = inner.get("Labels") if isinstance(inner, Mapping) else None
    items = labels.items() if isinstance(labels, Mapping) else ()
    return {name: value for name, value in items if isinstance(value, str)}


def _time(value: object) -> datetime | None:
    """A time of RFC 3339; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
