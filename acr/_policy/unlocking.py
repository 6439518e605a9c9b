"""Unlocking: which locks a policy lets a purge take off. Items are named one by one, and no pattern is read."""

from __future__ import annotations

import attrs

from acr._values.digest import Digest
from acr._values.reference import check_repository, check_tag, looks_like_acr
from acr.errors import InvalidInput


@attrs.frozen
class Unlock:
    """One item whose lock does not keep it.

    Args:
        repository: name of the repository.
        label: the tag, or the digest of the manifest.
    """

    repository: str
    label: str

    @property
    def reference(self) -> str:
        """As plans write it. No tag has a colon."""
        return f"{self.repository}{'@' if ':' in self.label else ':'}{self.label}"


def read_unlock(text: str) -> Unlock:
    """Read an entry of `unlock`: a repository with a tag, or with a digest.

    Raises:
        InvalidInput: it is neither, or names a registry.
        UnsupportedDigest: the digest has an unknown algorithm.
    """
    repository, at, digest = text.partition("@")
    tag = ""
    if not at:
        repository, _, tag = text.rpartition(":")
    if text.startswith(("sha256:", "sha512:")) or not repository or (at and ":" in repository):
        raise InvalidInput(f"{text[:60]!r}: expected one item, such as team/app:v1 or team/app@sha256:…")
    host, slash, rest = repository.partition("/")
    if slash and (":" in host or looks_like_acr(host)):
        raise InvalidInput(f"{text[:60]!r}: write it without the registry, as {rest[:60]}…")
    return Unlock(check_repository(repository), str(Digest(digest)) if at else check_tag(tag))
