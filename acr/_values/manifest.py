"""Manifests: exact bytes, and a parsed view of them (OCI image spec, "Image Manifest" and "Image Index")."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import attrs

from acr import media_types
from acr._text import counted
from acr._values.arguments import check_text
from acr._values.descriptor import Descriptor, read_descriptor
from acr._values.digest import Digest
from acr._values.fields import list_of, optional_text, parse_object, text_map
from acr._values.home import public_in
from acr._values.media_type import check_media_range
from acr._values.plain import Plain
from acr.errors import InvalidInput, LimitExceeded, ProtocolViolation

MANIFEST_LIMIT: Final = 4 * 1024 * 1024
"""4 MiB: the least that OCI asks a registry to accept (distribution spec, "Pushing Manifests"), and the most that ACR
accepts."""

EMPTY_CONFIG: Final = b"{}"
"""The content behind `application/vnd.oci.empty.v1+json` (OCI image spec, "Guidance for an Empty Descriptor")."""


@public_in("acr")
@attrs.frozen
class Manifest(Plain):
    """A manifest of any media type.

    It keeps the exact bytes, which the digest identifies, and never encodes them again. It parses them when you first
    read a field.

    Args:
        content: the exact bytes, at most 4 MiB.
        media_type: their type.
        digest: their digest. By default it is computed, with sha256.

    Raises:
        LimitExceeded: the content is larger than 4 MiB.
    """

    content: bytes = attrs.field(repr=lambda content: f"<{counted(len(content), 'byte')}>")
    media_type: str
    digest: Digest = attrs.field(
        default=attrs.Factory(lambda self: Digest.of(self.content), takes_self=True), kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        if len(self.content) > MANIFEST_LIMIT:
            raise LimitExceeded("the manifest", limit=MANIFEST_LIMIT)

    @classmethod
    def of(
        cls, content: bytes | bytearray | memoryview | str | Mapping[str, Any], media_type: str | None = None
    ) -> "Manifest":
        """Make a manifest from bytes or text, which stay as they are, or from an object, which is encoded compactly.

        Args:
            content: the manifest.
            media_type: its type. The default is the `mediaType` in the content.

        Raises:
            InvalidInput: the content names no media type, or is not a manifest.
            LimitExceeded: the content is larger than 4 MiB.

        >>> Manifest.of({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})
        Manifest(content=<88 bytes>, media_type='application/vnd.oci.image.index.v1+json', \
digest=Digest('sha256:dff9de10919148711140d349bf03f1a99eb06f94b03e51715ccebfa7cdc518e2'))
        """
        if isinstance(content, str):
            check_text("content", content)
            content = content.encode()
        elif isinstance(content, Mapping):
            content = _encoded(content)
        elif not isinstance(content, bytes | bytearray | memoryview):
            raise InvalidInput(f"a manifest is bytes, text or an object, not {type(content).__name__}")
        content = bytes(content)
        if media_type is None:
            try:
                media_type = optional_text(parse_object(content, "the manifest"), "mediaType", "the manifest")
            except ProtocolViolation as error:  # here it is the caller's own
                raise InvalidInput(f"{error}; pass media_type= if that is meant") from None
        if media_type is None:
            raise InvalidInput("the manifest has no mediaType of its own: pass media_type=")
        return cls(content, check_media_range(media_type))

    @property
    def size(self) -> int:
        """The size of the content, in bytes."""
        return len(self.content)

    @property
    def descriptor(self) -> Descriptor:
        """A descriptor of this manifest: its type, digest and size."""
        return Descriptor(self.media_type, self.digest, self.size)

    @cached_property
    def json(self) -> Mapping[str, Any]:
        """The parsed content. Do not change it.

        Raises:
            ProtocolViolation: the content is not a JSON object.
        """
        return parse_object(self.content, f"the manifest {self.digest}")

    @property
    def is_index(self) -> bool:
        """Whether this manifest lists other manifests."""
        return self.media_type in media_types.INDEXES

    @property
    def artifact_type(self) -> str | None:
        """The field `artifactType`, or None."""
        return optional_text(self.json, "artifactType", "the manifest")

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of the manifest; empty if it has none."""
        return text_map(self.json, "annotations", "the manifest")

    @property
    def config(self) -> Descriptor | None:
        """The config of an image or artifact; None on an index."""
        return self._descriptor("config")

    @property
    def subject(self) -> Descriptor | None:
        """The manifest that this one is attached to, or None."""
        return self._descriptor("subject")

    @property
    def layers(self) -> Sequence[Descriptor]:
        """The layers; empty on an index."""
        return self._descriptors("layers")

    @property
    def manifests(self) -> Sequence[Descriptor]:
        """The manifests that an index lists; empty on other manifests."""
        return self._descriptors("manifests")

    def _descriptor(self, key: str) -> Descriptor | None:
        value = self.json.get(key)
        return None if value is None else read_descriptor(value, f"the manifest's {key}")

    def _descriptors(self, key: str) -> Sequence[Descriptor]:
        entries = list_of(self.json, key, "the manifest")
        return tuple(read_descriptor(entry, f"the manifest's {key}[{i}]") for i, entry in enumerate(entries))


def _encoded(content: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the manifest cannot be written as JSON: {error}") from None
    if "\\ud" in text:  # an escape of half a character, unless its other half follows
        check_text("content", json.dumps(content, ensure_ascii=False))
    return text.encode()


def as_referrer(manifest: Manifest) -> Descriptor:
    """A descriptor as a list of referrers has it (OCI distribution spec, "Listing Referrers")."""
    config = manifest.config
    artifact_type = manifest.json.get("artifactType") or (config.media_type if config else None)
    more = {"artifactType": artifact_type, "annotations": manifest.json.get("annotations")}
    return read_descriptor({**manifest.descriptor.to_json(), **more}, f"the manifest {manifest.digest}")
