"""Protection: what stays, whatever a rule says: tags by pattern, and what files name, such as what a cluster runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from acr._policy.patterns import check_repository_glob, check_tag_glob, is_glob, matches_glob
from acr._values.arguments import check_texts, wrong_kind
from acr._values.digest import Digest, looks_like_digest
from acr._values.reference import Reference, check_repository, possible_repositories
from acr.errors import AcrError, InvalidInput, InvalidPolicy

_RUNTIMES: Final = ("docker-pullable://", "docker://", "containerd://", "cri-o://")
"""What Kubernetes writes before the name of an image."""

OWN: Final = "csscpolicies/*"
"""Where ACR keeps the policies of continuous patching. It works no more without them."""


@attrs.frozen(kw_only=True)
class Protected:
    """One entry: tags, or a digest.

    Args:
        where: who says so, for people.
        repository: shell pattern of the repositories, or a name.
        tag: shell pattern of the tags, or a name; None if the entry is about a digest.
        digest: protected in every repository, with all that leads to it.
        is_listed: whether it is one item that ought to exist.
    """

    where: str
    repository: str = "*"
    tag: str | None = None
    digest: Digest | None = None
    is_listed: bool = False

    def is_in(self, repository: str) -> bool:
        """Whether it is about tags of a repository."""
        return self.tag is not None and _is(repository, self.repository)

    def matches(self, tag: str) -> bool:
        """Whether it is about a tag, if it is about the repository."""
        return self.tag is not None and _is(tag, self.tag)


def _is(name: str, pattern: str) -> bool:
    return name == pattern or (is_glob(pattern) and matches_glob(name, pattern))


def protected_pattern(text: str, where: str) -> Iterator[Protected]:
    """Read an entry of `protect`: a pattern of tags, with one of repositories before it if there is a colon.

    It may also be a digest, or a reference with one. A registry before the repository does not count.

    Raises:
        InvalidInput: it is none of them.
    """
    if looks_like_digest(text) and "/" not in text.partition(":")[0] and text.partition(":")[0] in ("sha256", "sha512"):
        yield Protected(where=where, digest=Digest(text))
    elif "@" in text:
        yield from protected_reference(text, where)
    else:
        repository, colon, tag = text.rpartition(":")
        if colon:
            for name in possible_repositories(repository):
                check_repository_glob(name)
            if repository.startswith("!"):
                raise InvalidInput(f"{text[:60]!r}: a ! has no meaning here, since nothing is protected from it")
        tag = check_tag_glob(tag)
        names = possible_repositories(repository)  # of a host that may be none, both meanings are protected
        for name in names:
            is_listed = len(names) == 1 and bool(colon) and not is_glob(name) and not is_glob(tag)
            yield Protected(where=where, repository=name or "*", tag=tag, is_listed=is_listed)


def protected_reference(text: str, where: str) -> Iterator[Protected]:
    """Read a reference: a digest, or a repository with a tag, a digest or both. A registry before it does not count.

    A repository alone protects all of its tags.

    Raises:
        InvalidInput: it is none.
    """
    for prefix in _RUNTIMES:
        text = text.removeprefix(prefix)
    if text.startswith(("sha256:", "sha512:")):
        yield Protected(where=where, digest=Digest(text), is_listed=True)
        return
    reference = Reference.parse(text)
    if reference.digest is not None:
        yield Protected(where=where, digest=reference.digest, is_listed=True)
    if reference.tag is not None:
        yield Protected(where=where, repository=reference.repository, tag=reference.tag, is_listed=True)
    if reference.digest is None and reference.tag is None:
        yield Protected(where=where, repository=check_repository(reference.repository), tag="*", is_listed=True)


def read_references(text: str, source: str) -> Sequence[Protected]:
    """Read a file of references, one a line. Empty lines, and what follows `#`, count for nothing.

    Raises:
        InvalidPolicy: a line is no reference, or there is none: the tool that should have written it may have failed.
    """
    found: list[Protected] = []
    for number, line in enumerate(text.split("\n"), 1):
        name = line.partition("#")[0].strip().lstrip("\ufeff")
        if name:
            try:
                found += protected_reference(name, f"{source}:{number}")
            except AcrError as error:
                raise InvalidPolicy(f"{error}", source=source, line=number) from None
    if not found:
        raise InvalidPolicy("the file names nothing, so it protects nothing", source=source, line=1)
    return found


def protect_all(references: Iterable[str | Reference]) -> Sequence[Protected]:
    """What a caller protects beside the policy.

    Raises:
        InvalidInput: one is no reference.
    """
    if isinstance(references, bytes | bytearray) or not isinstance(references, Iterable):
        raise wrong_kind("protect", references, "a list of references such as team/app:v1")
    texts = check_texts("protect", map(_as_text, references), "team/app:v1")
    return [one for text in texts for one in protected_reference(text, "the caller")]


def _as_text(reference: Any) -> Any:
    return str(reference) if isinstance(reference, Reference) else reference
