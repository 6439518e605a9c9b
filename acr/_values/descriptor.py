"""Descriptors and platforms: how a manifest names content (OCI image spec, "Content Descriptors")."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from acr._values.arguments import wrong_kind
from acr._values.digest import Digest, received_digest
from acr._values.fields import integer, object_of, optional_text, text, text_map, texts
from acr._values.files import TITLE
from acr._values.home import public_in
from acr._values.plain import Plain
from acr._values.travel import travels
from acr.errors import InvalidInput, ProtocolViolation

Read = Callable[[Mapping[str, Any], str, str], object]
"""Reads a field of an object that has a place. Raises ProtocolViolation."""

_NONE: Mapping[str, str] = MappingProxyType({})
_USUAL_VARIANTS: Final = {"arm": "v7", "arm64": "v8"}


@public_in("acr")
@attrs.frozen
class Platform(Plain):
    """What an image runs on (OCI image spec, "Image Index").

    Args:
        os: operating system, as Go names it (`linux`).
        architecture: processor, as Go names it (`arm64`).
        variant: variant of the processor (`v8`), or None.
        os_version: version of the operating system (`10.0.20348`), or None.

    >>> str(Platform.parse("linux/arm64/v8"))
    'linux/arm64/v8'
    >>> Platform.parse("windows/amd64:10.0.20348").os_version
    '10.0.20348'
    """

    os: str
    architecture: str
    variant: str | None = None
    os_version: str | None = None

    @classmethod
    def parse(cls, value: str) -> "Platform":
        """Read a platform from text.

        Args:
            value: `os/architecture` or `os/architecture/variant`. It may end with `:` and the version of the operating
                system.

        Raises:
            InvalidInput: the text has another form.
        """
        if not isinstance(value, str):
            raise wrong_kind("platform", value, "text such as linux/arm64")
        name, colon, os_version = value.partition(":")
        parts = name.split("/")
        if len(parts) not in (2, 3) or not all(parts) or (colon and not os_version):
            raise InvalidInput(f"expected a platform, os/architecture, such as linux/arm64, got {value!r}")
        return attrs.evolve(cls(*parts), os_version=os_version or None)

    def __str__(self) -> str:
        name = "/".join(part for part in (self.os, self.architecture, self.variant) if part)
        return f"{name}:{self.os_version}" if self.os_version else name

    def fits(self, wanted: "Platform") -> bool:
        """Whether an image for this platform satisfies a request for `wanted`.

        If `wanted` names no variant or no version, any will do. Its version may be the first parts of a longer one.
        `arm64` means `arm64/v8`, and `arm` means `arm/v7`, as in containerd.

        Args:
            wanted: the platform that somebody asks for.

        >>> server = Platform.parse("windows/amd64:10.0.20348.2762")
        >>> [server.fits(Platform.parse(f"windows/amd64{version}")) for version in ("", ":10.0.20348", ":10.0.2")]
        [True, True, False]
        """
        return (
            (self.os, self.architecture) == (wanted.os, wanted.architecture)
            and (wanted.variant is None or wanted.usual_variant == self.usual_variant)
            and (wanted.os_version is None or f"{self.os_version}.".startswith(f"{wanted.os_version}."))
        )

    @property
    def usual_variant(self) -> str | None:
        """The variant. If the platform names none: the one that its architecture implies, or None."""
        return self.variant or _USUAL_VARIANTS.get(self.architecture)


def platform_of(value: "str | Platform | None") -> Platform | None:
    """The platform that a caller names.

    Raises:
        InvalidInput: it is neither a platform nor the text of one.
    """
    if value is None or isinstance(value, Platform):
        return value
    if not isinstance(value, str):
        raise wrong_kind("platform", value, "a Platform, or text such as linux/arm64")
    return Platform.parse(value)


@public_in("acr")
@travels
@attrs.frozen
class Descriptor(Plain):
    """Names a piece of content by type, digest and size (OCI image spec, "Content Descriptors").

    Args:
        media_type: the type of the content.
        digest: the digest of the content.
        size: the size of the content, in bytes.
        artifact_type: the type of the artifact, on descriptors of manifests.
        annotations: further facts. `title` has the one that names a file.
        platform: what an image runs on, on entries of an index.
        urls: other URLs of the content; set on layers that must not be redistributed.
        odd: optional fields that could not be read, each with the reason. Only on descriptors of a `Manifest`, which
            leaves such fields out here. Its bytes still have them.
    """

    media_type: str
    digest: Digest
    size: int
    artifact_type: str | None = None
    annotations: Mapping[str, str] = attrs.field(default=_NONE, hash=False)
    platform: Platform | None = None
    urls: tuple[str, ...] = ()
    odd: tuple[str, ...] = attrs.field(default=(), eq=False, repr=False)

    @property
    def title(self) -> str | None:
        """Name of the file that a layer holds: its annotation `org.opencontainers.image.title`. None if it has none.

        It is what the registry sent, so it may be any text, and no safe path. `Repository.pull` checks it.

        >>> notes = {"org.opencontainers.image.title": "model.onnx"}
        >>> Descriptor("application/octet-stream", Digest("sha256:" + "a" * 64), 5, annotations=notes).title
        'model.onnx'
        """
        return self.annotations.get(TITLE)

    @classmethod
    def from_json(cls, value: object, where: str) -> "Descriptor":
        """Read a descriptor from parsed JSON.

        Args:
            value: the JSON object.
            where: the place of the descriptor, for error texts, such as `the manifest's config`.

        Raises:
            ProtocolViolation: a required field is missing, or a field has the wrong type or form.
            UnsupportedDigest: the digest has an algorithm other than sha256 and sha512.
        """
        data = object_of(value, where)
        size = integer(data, "size", where)
        if size < 0:
            raise ProtocolViolation(f"{where}: size is negative")
        return cls(
            media_type=text(data, "mediaType", where),
            digest=received_digest(text(data, "digest", where), f"{where}.digest"),
            size=size,
            artifact_type=optional_text(data, "artifactType", where),
            annotations=MappingProxyType(text_map(data, "annotations", where)),
            platform=_optional_platform(data, "platform", where),
            urls=texts(data, "urls", where),
        )

    def to_json(self) -> dict[str, Any]:
        """The descriptor as a JSON object, without the fields that are None or empty."""
        data: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.artifact_type is not None:
            data["artifactType"] = self.artifact_type
        if self.annotations:
            data["annotations"] = dict(self.annotations)
        if self.urls:
            data["urls"] = list(self.urls)
        if self.platform is not None:
            entries = {
                "architecture": self.platform.architecture,
                "os": self.platform.os,
                "os.version": self.platform.os_version,
                "variant": self.platform.variant,
            }
            data["platform"] = {key: value for key, value in entries.items() if value is not None}
        return data


def read_descriptor(value: object, where: str) -> Descriptor:
    """A descriptor of a manifest that others wrote. Optional fields of another form are left out, and told in `odd`.

    Arguments and errors as of `Descriptor.from_json`.
    """
    data = dict(object_of(value, where))
    odd: list[str] = []
    annotations = data.get("annotations")
    if isinstance(annotations, Mapping):
        kept = data["annotations"] = {name: value for name, value in annotations.items() if isinstance(value, str)}
        wrong = (name for name in annotations if name not in kept)
        odd += [_problem(text, annotations, name, f"{where}.annotations") for name in wrong]
    for key, read in _OPTIONAL.items():
        if problem := _problem(read, data, key, where):
            odd.append(problem)
            del data[key]
    return attrs.evolve(Descriptor.from_json(data, where), odd=tuple(odd))


def _problem(read: Read, data: Mapping[str, Any], key: str, where: str) -> str:
    """Why a field cannot be read; empty if it can."""
    try:
        read(data, key, where)
    except ProtocolViolation as error:
        return str(error)
    return ""


def _optional_platform(data: Mapping[str, Any], key: str, where: str) -> Platform | None:
    platform = data.get(key)
    return None if platform is None else _platform(object_of(platform, f"{where}.{key}"))


_OPTIONAL: Final = {
    "artifactType": optional_text,
    "annotations": text_map,
    "platform": _optional_platform,
    "urls": texts,
}
"""How the optional fields of a descriptor are read."""


def _platform(data: Mapping[str, Any]) -> Platform:
    return Platform(
        os=text(data, "os", "platform"),
        architecture=text(data, "architecture", "platform"),
        variant=optional_text(data, "variant", "platform"),
        os_version=optional_text(data, "os.version", "platform"),
    )
