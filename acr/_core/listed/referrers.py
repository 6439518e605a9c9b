"""Referrers: what is attached to a manifest, by the API if there is one, else by the tag that stands in for it.

See the OCI distribution spec, "Listing Referrers", "Pushing Manifests with Subject" and "Referrers Tag Schema".
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import attrs
from acr_rest.api.container_registry import get_referrers
from acr_rest.types import Response

from acr import media_types
from acr._core.listed import manifests
from acr._core.listed.locks import explained
from acr._core.talk import scopes
from acr._core.talk.deadline import each_one_call, one_call
from acr._core.talk.paging import Walk
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._later import later
from acr._values.arguments import check_text
from acr._values.descriptor import Descriptor, read_descriptor
from acr._values.digest import Digest
from acr._values.fields import list_of, parse_object, written
from acr._values.manifest import Manifest, as_referrer
from acr._values.media_type import essence
from acr._values.page import Page
from acr._values.reference import check_reference
from acr.errors import NotFound, ProtocolViolation, ResponseError

if TYPE_CHECKING:
    from acr._core.listed import catalog, tags
else:
    catalog = later("acr._core.listed.catalog")
    tags = later("acr._core.listed.tags")

_UNKNOWN_REPOSITORY: Final = "NAME_UNKNOWN"

_NO_API: Final = frozenset({400, 404, 405, 406, 501})
"""What registries answer that have no such API. A registry that has it answers 200 for any digest."""

_NOBODYS: Final = Digest.of(b"nobody attaches anything to this")

_COSIGN: Final = ("sig", "att", "sbom")
"""What cosign puts behind the name of a subject: signatures, attestations, SBOMs."""


class _NoIndex(Exception):
    """The answer is no list of referrers."""


def _artifact_type(text: str | None) -> str | None:
    return check_text("artifact_type", text)


@attrs.frozen
class Referrers:
    """The referrers of a manifest, to be walked like any listing. Making one sends nothing.

    Args:
        remote: the repository.
        subject: its tag or digest.
        artifact_type: only referrers of this type.
        is_checked: before the tag stands in, ask whether the registry has the API, of another digest. If it has, the
            walk fails: a 404 that passes must not hide what is attached.
    """

    remote: Remote
    subject: str = attrs.field(converter=check_reference)
    artifact_type: str | None = attrs.field(converter=_artifact_type)
    is_checked: bool = False

    @property
    def session(self) -> Session:
        """The client."""
        return self.remote.session

    @property
    def what(self) -> str:
        """What it lists, for people."""
        separator = "@" if isinstance(self.subject, Digest) else ":"
        return f"referrers of {self.remote.name}{separator}{self.subject}"

    @each_one_call
    async def pages(self, continuation: str | None = None) -> AsyncGenerator[Page[Descriptor], None]:
        """Walk them page by page. Arguments and errors as of `Walk.pages`."""
        digest = await self._digest()
        first = get_referrers.build_request(self.remote.name, digest, artifact_type=self.artifact_type)
        walk = Walk(self.session, first, self._read, scopes.pull(self.remote.name), self.what)
        has_begun = continuation is not None
        try:
            async with aclosing(walk.pages(continuation)) as pages:
                async for page in pages:
                    has_begun = True
                    yield page
                    del page
        except _NoIndex as error:
            if has_begun:
                raise ProtocolViolation(str(error)) from None
        except (ResponseError, ProtocolViolation) as error:
            if has_begun or not _lacks_api(error):
                raise
        else:
            return
        if self.is_checked and await self._has_api():
            raise ProtocolViolation(f"the {self.what} cannot be read, and those of other manifests can: try again")
        listed = await _by_tag(self.remote, digest)
        yield Page(self._wanted(listed.manifests if listed else ()))

    async def _has_api(self) -> bool:
        """Whether the registry lists the referrers of a digest that nobody has. One that has the API does."""
        request = get_referrers.build_request(self.remote.name, _NOBODYS)
        walk = Walk(self.session, request, self._read, scopes.pull(self.remote.name), self.what)
        try:
            async with aclosing(walk.pages(None)) as pages:
                async for _ in pages:
                    break
        except _NoIndex:
            return False
        except (ResponseError, ProtocolViolation) as error:
            if not _lacks_api(error):
                raise
            return False
        return True

    async def _digest(self) -> Digest:
        if isinstance(self.subject, Digest):
            return self.subject
        return (await manifests.head(self.remote, self.subject)).digest

    def _read(self, reply: Response) -> Sequence[Descriptor]:
        what = f"the list of referrers of {self.subject}"
        try:
            listed = parse_object(reply.body, what, limit=self.session.limits.page, option="Limits.page")
        except ProtocolViolation as error:
            raise _NoIndex(str(error)) from None
        is_index = media_types.OCI_INDEX in (essence(reply.headers.get("content-type", "")), listed.get("mediaType"))
        if not (is_index or "manifests" in listed):
            raise _NoIndex(f"{what} is not an index")
        entries = list_of(listed, "manifests", what)
        return self._wanted([read_descriptor(entry, f"{what}[{i}]") for i, entry in enumerate(entries)])

    def _wanted(self, found: Sequence[Descriptor]) -> Sequence[Descriptor]:
        # A registry need not filter: it says whether it did by OCI-Filters-Applied. Doing so twice does no harm.
        return [one for one in found if self.artifact_type is None or one.artifact_type == self.artifact_type]


def _lacks_api(error: ResponseError | ProtocolViolation) -> bool:
    """Whether an error says that the registry has no API of referrers, rather than that the repository is unknown."""
    if isinstance(error, ProtocolViolation):
        return error.is_page
    return error.status in _NO_API and _UNKNOWN_REPOSITORY not in error.codes


@one_call
async def push(remote: Remote, manifest: Manifest, *, tag: str | None) -> Descriptor:
    """`put` for a caller who puts this one manifest: if a lock refuses it, the error says which."""
    # Functions of their own: what they need is loaded if a lock refuses it.
    item, read = (
        (f"the repository {remote.name}", lambda: catalog.get(remote))
        if tag is None
        else (f"the tag {tag} of {remote.name}", lambda: tags.get(remote, tag))
    )
    async with explained(item, read):
        return await put(remote, manifest, tag=tag)


@one_call
async def put(remote: Remote, manifest: Manifest, *, tag: str | None) -> Descriptor:
    """Put a manifest; if it has a subject, and the registry takes no note of that, list it under the subject's tag.

    Two clients that attach to one subject at the same time may lose an entry there: the spec knows no remedy.
    """
    stored = await manifests.put(remote, manifest, tag=tag)
    subject = manifest.subject if b'"subject"' in manifest.content else None
    if subject is not None and not stored.knows_subjects:
        await _add_by_tag(remote, subject.digest, manifest)
    return stored.descriptor


def fallback_tag(digest: Digest) -> str:
    """The tag that stands in for the referrers API.

    >>> fallback_tag(Digest("sha256:" + "a" * 64))[:12]
    'sha256-aaaaa'
    """
    return f"{digest.algorithm[:32]}-{digest.hex[:64]}"


def cosign_tags(digest: Digest) -> Sequence[str]:
    """The tags under which cosign attaches to a manifest.

    >>> [tag[-8:] for tag in cosign_tags(Digest("sha256:" + "a" * 64))]
    ['aaaa.sig', 'aaaa.att', 'aaa.sbom']
    """
    if digest.algorithm != "sha256":  # the name of another one is longer than a tag
        return ()
    return tuple(f"{digest.algorithm}-{digest.hex}.{kind}" for kind in _COSIGN)


async def _by_tag(remote: Remote, subject: Digest) -> Manifest | None:
    """The index behind the tag that stands in for the API.

    GitLab reads that tag as the digest, and gives the subject itself (oras-go#1396).
    """
    try:
        found = await manifests.get(remote, fallback_tag(subject), accept=[media_types.OCI_INDEX])
    except NotFound:
        return None
    is_subject = Digest.of(found.content, algorithm=subject.algorithm) == subject
    return None if is_subject or found.media_type != media_types.OCI_INDEX else found


async def _add_by_tag(remote: Remote, subject: Digest, manifest: Manifest) -> None:
    listed = await _index_to_extend(remote, subject, manifest)
    what = f"the index of the referrers of {subject}"
    entries: list[Any] = list(list_of(listed.json, "manifests", what)) if listed else []
    if any(isinstance(entry, dict) and entry.get("digest") == manifest.digest for entry in entries):
        return
    entry = as_referrer(manifest).to_json()
    kept = listed.json if listed else {}  # its annotations and its artifactType are of others
    index = {**kept, "schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [*entries, entry]}
    content = written(index, what)
    await manifests.put(remote, Manifest(content, media_types.OCI_INDEX), tag=fallback_tag(subject))


async def _index_to_extend(remote: Remote, subject: Digest, manifest: Manifest) -> Manifest | None:
    """The index behind the tag that stands in for the API; None if there is none yet, and the tag may be set.

    Raises:
        ProtocolViolation: the tag names something else, which the new index would replace (OCI distribution spec,
            "Pushing Manifests with Subject": "report a failure and skip the remaining steps").
    """
    tag = fallback_tag(subject)
    try:
        found = await manifests.get(remote, tag)  # of any type: asked for an index, some say 404 of an image
    except NotFound:
        return None
    if Digest.of(found.content, algorithm=subject.algorithm) == subject:  # GitLab, as of `_by_tag`
        return None
    if found.media_type != media_types.OCI_INDEX:
        raise ProtocolViolation(
            f"{manifest.digest} is stored in {remote.name}, but not listed as attached to {subject}: the tag {tag},"
            f" where the list belongs, names a manifest of another type, {found.media_type}; give that one another tag,"
            " delete this tag, and attach again"
        )
    return found
