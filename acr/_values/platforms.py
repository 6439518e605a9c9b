"""Platforms: which manifest of an index is the one for a machine (OCI image spec, "Image Index")."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Final

from acr._values.descriptor import Descriptor, Platform
from acr._values.manifest import Manifest
from acr.errors import InvalidInput

_NOWHERE: Final = ("unknown", "unknown")

_SHOWN: Final = 1000

_MOST: Final = 20
"""Platforms that an error names."""

_KIND: Final = "vnd.docker.reference.type"
"""The annotation by which BuildKit says what an entry is that is no image (its docs, "Image attestation storage")."""


def choose(index: Manifest, wanted: Platform | None, what: str) -> Descriptor:
    """The manifest of an index that is for a platform.

    If no variant is named, and there are several, the usual one is taken: that without a name, or the one that it
    stands for.

    Args:
        index: the index.
        wanted: what it must be for; None if the index must be of one image alone.
        what: the index, for errors.

    Raises:
        InvalidInput: there is none, or there are several.
    """
    entries = list({entry.digest: entry for entry in reversed(index.manifests)}.values())[::-1]
    found = _images(entries) if wanted is None else _fitting(entries, wanted)
    if len(found) == 1:
        return found[0]
    there = _listed(dict.fromkeys(str(entry.platform or entry.digest) for entry in index.manifests))
    lacks = f", without {wanted}" if wanted is not None and not found else ""
    odd = "".join(f"; {problem}" for entry in index.manifests for problem in entry.odd[:1])[:_SHOWN]
    raise InvalidInput(f"{what} is an index of {there or 'nothing'}{lacks}: pass platform= with one of them{odd}")


def _listed(names: Collection[str]) -> str:
    """Names, as many of them as somebody reads."""
    first = ", ".join(itertools.islice(names, _MOST))
    return first if len(names) <= _MOST else f"{first} and {len(names) - _MOST} more"


def _images(entries: Sequence[Descriptor]) -> Sequence[Descriptor]:
    """The entries that are images."""
    found = [entry for entry in entries if not _is_attestation(entry)]
    # Something beside an image, of which nobody says what it runs on, is no other image.
    return [entry for entry in found if entry.platform is not None or entry.odd] or found


def _fitting(entries: Sequence[Descriptor], platform: Platform) -> Sequence[Descriptor]:
    """The entries for a platform: those of its usual variant, if there are several."""
    found = [entry for entry in entries if entry.platform is not None and entry.platform.fits(platform)]
    usual = [e for e in found if e.platform and e.platform.usual_variant == platform.usual_variant]
    found = usual if len(found) > 1 and usual else found
    if len({entry.platform for entry in found}) == 1:
        return found[:1]  # such as gzip before zstd: the first should be used, says the spec
    return found


def _is_attestation(entry: Descriptor) -> bool:
    """Whether it is what BuildKit says of an image beside it, under a platform that no machine is, or under none."""
    is_nowhere = entry.platform is not None and (entry.platform.os, entry.platform.architecture) == _NOWHERE
    return is_nowhere or entry.annotations.get(_KIND) == "attestation-manifest"
