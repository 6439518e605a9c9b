"""Roots: the names under which a layout or an archive has its images, and how one of them is chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import attrs

from acr import media_types
from acr._values.descriptor import Descriptor, read_descriptor
from acr._values.digest import Digest
from acr._values.fields import list_of, object_of, parse_object, text
from acr.errors import InvalidReference, TransferError, UnsupportedDigest

T = TypeVar("T")

REF_NAME: Final = "org.opencontainers.image.ref.name"
"""The annotation with a root's name (OCI image spec, "Annotations")."""

FULL_NAME: Final = "io.containerd.image.name"
"""The annotation in which docker and containerd write the whole name; the other annotation has the tag alone then."""

INDEX_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of a list of images: some hundred thousand of them."""

_SHOWN: Final = 20


@attrs.frozen
class Root(Generic[T]):
    """Something that can be named.

    Args:
        names: all its names, the one to show first; none if it has none.
        identity: what is the same for two names of one thing, and names a thing that has no name.
        item: the thing.
    """

    names: tuple[str, ...]
    identity: str
    item: T


def choose(roots: Sequence[Root[T]], reference: str | None, where: str) -> T:
    """The one that is meant: by its whole name, or by the tag at the end of one; the only one without a reference.

    Raises:
        TransferError: there is none, or there are several; it tells which.
    """
    fitting = roots if reference is None else _named(roots, reference)
    found = {root.identity: root.item for root in reversed(fitting)}
    if len(found) == 1:
        return found.popitem()[1]
    there = ", ".join(dict.fromkeys(root.names[0] if root.names else root.identity for root in fitting or roots))
    if not roots:
        problem = "is empty"
    elif reference is None:
        problem = f"has several images, name one of them: {_short(there)}"
    elif not found:
        problem = f"has no {reference!r}, it has {_short(there)}"
    else:
        problem = f"has several images that {reference!r} may mean: {_short(there)}"
    raise TransferError(f"{where} {problem}", side="source")


def _named(roots: Sequence[Root[T]], reference: str) -> Sequence[Root[T]]:
    return (
        [root for root in roots if reference in (*root.names, root.identity)]
        or [root for root in roots if reference in map(tag_of, root.names)]
    )  # fmt: skip


def digest_in(reference: str) -> Digest | None:
    """The digest that a reference is; None for a name, which may hold a colon here.

    >>> digest_in("docker.io/team/app:v1")
    """
    try:
        return Digest(reference)
    except (InvalidReference, UnsupportedDigest):
        return None


def tag_of(name: str) -> str:
    """The tag at the end of a whole name.

    >>> tag_of("localhost:5000/team/app:v1"), tag_of("localhost:5000/app"), tag_of("app:v1@sha256:abc")
    ('v1', '', 'v1')
    """
    return name.rpartition("/")[2].partition("@")[0].partition(":")[2]


def _short(there: str) -> str:
    names = there.split(", ")
    return there if len(names) <= _SHOWN else f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more"


def roots_of(index: Mapping[str, Any], where: str) -> Sequence[Root[Descriptor]]:
    """The roots that an index.json lists, in its order.

    Raises:
        ProtocolViolation: an entry is no descriptor.
        UnsupportedDigest: one has a digest of an unknown algorithm.
    """
    descriptors = [
        read_descriptor(entry, f"{where}, index.json, manifests[{i}]")
        for i, entry in enumerate(list_of(index, "manifests", where))
    ]
    # Images of two repositories may have the same tag: then the whole name tells more.
    tags = Counter(descriptor.annotations.get(REF_NAME) for descriptor in descriptors)
    roots = []
    for descriptor in descriptors:
        tag, full = descriptor.annotations.get(REF_NAME), descriptor.annotations.get(FULL_NAME)
        names = (full, tag) if tags[tag] > 1 else (tag, full)
        roots.append(Root(tuple(name for name in names if name), descriptor.digest, descriptor))
    return roots


def parse_index(content: bytes, where: str) -> Mapping[str, Any]:
    """Read an index.json.

    Raises:
        ProtocolViolation: it is no image index.
    """
    index = parse_object(content, f"{where}, index.json,")
    list_of(index, "manifests", f"{where}, index.json")
    return index


def with_roots(index: Mapping[str, Any] | None, tagged: Iterable[tuple[Descriptor, str | None]]) -> Mapping[str, Any]:
    """An index.json with further roots; all else in it stays as it is.

    A root takes the place of the one that has its name, and of those with its digest and no name: for skopeo two
    entries of one digest are two images. One without a name is added if nothing has its digest.
    """
    index = index or {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}
    entries: list[Any] = list(index.get("manifests") or ())
    for descriptor, name in tagged:
        annotations = {key: value for key, value in descriptor.annotations.items() if key not in (REF_NAME, FULL_NAME)}
        if name is None:
            if not any(_digest(entry) == descriptor.digest for entry in entries):
                entries.append(attrs.evolve(descriptor, annotations=annotations).to_json())
            continue
        entries = [other for other in entries if _digest(other) != descriptor.digest or _is_named(other)]
        entry = attrs.evolve(descriptor, annotations={**annotations, REF_NAME: name}).to_json()
        places = [i for i, other in enumerate(entries) if _name(other) == name]
        if not places:
            entries.append(entry)
        elif _digest(entries[places[0]]) != descriptor.digest:
            entries[places[0]] = entry
        for i in reversed(places[1:]):
            del entries[i]
    return {**index, "manifests": entries}


def _digest(entry: object) -> str:
    return text(object_of(entry, "index.json"), "digest", "index.json")


def _name(entry: object) -> str | None:
    return _annotations(entry).get(REF_NAME)


def _is_named(entry: object) -> bool:
    return not _annotations(entry).keys().isdisjoint((REF_NAME, FULL_NAME))


def _annotations(entry: object) -> Mapping[str, str]:
    annotations = object_of(entry, "index.json").get("annotations")
    if not isinstance(annotations, Mapping):
        return {}
    return {name: value for name, value in annotations.items() if isinstance(value, str)}
