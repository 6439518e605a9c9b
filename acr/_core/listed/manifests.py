"""Manifests: their exact bytes, and their end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from acr_rest.api.container_registry import (
    check_manifest_exists,
    create_manifest,
    delete_manifest,
    get_manifest,
)
from acr_rest.types import Response

from acr import media_types
from acr._core.listed.locks import explained
from acr._core.talk import scopes
from acr._core.talk.answers import NO_HEAD, done
from acr._core.talk.attempts import Attempts
from acr._core.talk.deadline import best_effort, one_call
from acr._core.talk.remote import Remote
from acr._later import later
from acr._values.arguments import check_texts
from acr._values.descriptor import Descriptor
from acr._values.digest import Digest, Hasher, received_digest
from acr._values.fields import optional_text, parse_object
from acr._values.manifest import MANIFEST_LIMIT, Manifest
from acr._values.media_type import check_media_range, check_media_type, essence
from acr._values.reference import check_reference, check_tag
from acr.errors import (
    AcrError,
    DigestMismatch,
    InvalidInput,
    LimitExceeded,
    Locked,
    ProtocolViolation,
    ResponseError,
)

if TYPE_CHECKING:
    from acr._core.listed import manifest_metadata, trash
else:
    manifest_metadata = later("acr._core.listed.manifest_metadata")
    trash = later("acr._core.listed.trash")

_ANYTHING: Final = ("", "application/json", "application/octet-stream", "text/plain")
"""Types that say nothing of what a manifest is."""

_ORIGIN: Final = "x-azure-origin"
"""The header by which a pull-through cache names the registry that it has a manifest from."""


class Stored(NamedTuple):
    """What came of a put: the manifest's descriptor, and whether the registry keeps its subject's referrers itself."""

    descriptor: Descriptor
    knows_subjects: bool


class Fetched(NamedTuple):
    """A manifest, and the registry that a pull-through cache has it from; None if the repository is no such cache."""

    manifest: Manifest
    origin: str | None


async def get(remote: Remote, reference: str, *, accept: str | Sequence[str] | None = None) -> Manifest:
    """The exact bytes of a manifest, checked against the digest that was asked for or is announced.

    Raises:
        LimitExceeded: it is larger than 4 MiB, whatever its Content-Length says.
        DigestMismatch: the bytes are not of the digest.
    """
    return (await fetch(remote, reference, accept=accept)).manifest


async def fetch(remote: Remote, reference: str, *, accept: str | Sequence[str] | None = None) -> Fetched:
    """A manifest, and where the registry has it from. Errors as of `get`."""
    reference = check_reference(reference)
    request = get_manifest.build_request(remote.name, reference, accept=_accepted(accept))

    def parse(response: Response) -> tuple[get_manifest.Result, str | None]:
        return get_manifest.parse(response), response.headers.get(_ORIGIN)

    reply, origin = await remote.session.call(request, parse, scopes=scopes.pull(remote.name), limit=MANIFEST_LIMIT)
    what = f"the manifest {remote.name}@{reference}"
    expected = reference if isinstance(reference, Digest) else _announced(reply.docker_content_digest)
    digest = _verified(reply.content, expected, what)
    media_type = _media_type(reply.content_type, reply.content, what)
    return Fetched(Manifest(reply.content, media_type, digest=digest), origin)


def _media_type(content_type: str | None, content: bytes, what: str) -> str:
    """What a manifest is: by the Content-Type, or by its own word if that says nothing, as of a plain file server.

    Raises:
        ProtocolViolation: nothing tells, or what tells is no media type; or an image is sent as an index, or the like
            (CVE-2021-41190).
    """
    return _plain(_told_type(essence(content_type or ""), content, what), what)


def _plain(media_type: str, what: str) -> str:
    """A type that others told, if it is one: no header has room for whatever else it may be."""
    try:
        return check_media_type(media_type)
    except InvalidInput as error:
        raise ProtocolViolation(f"{what}: {error}") from None


def _told_type(told: str, content: bytes, what: str) -> str:
    if told not in (*media_types.ANY_MANIFEST, *_ANYTHING):
        return told
    try:
        own = optional_text(parse_object(content, what), "mediaType", what)
    except (ProtocolViolation, LimitExceeded):  # its bytes may be had all the same, and what they say is not known
        own = None
    if told in _ANYTHING:
        if not (own or told):
            raise ProtocolViolation(f"{what} came without a Content-Type")
        return own or told
    if own in media_types.ANY_MANIFEST and own != told:
        raise ProtocolViolation(f"{what} came as {told}, and says that it is {own}")
    return told


@one_call
async def head(remote: Remote, reference: str, *, accept: str | Sequence[str] | None = None) -> Descriptor:
    """Type, digest and size of a manifest, without its bytes."""
    reference = check_reference(reference)
    request = check_manifest_exists.build_request(remote.name, reference, accept=_accepted(accept))

    def plain(response: Response) -> check_manifest_exists.Result | None:
        is_packed = "content-encoding" in response.headers  # its length would be that of something else
        return None if is_packed else done(check_manifest_exists.parse, 200)(response)

    try:
        reply = await remote.session.call(request, plain, scopes=scopes.pull(remote.name))
    except ResponseError as error:
        if error.status not in NO_HEAD:
            raise
        reply = None
    if reply is None:
        return (await get(remote, reference, accept=accept)).descriptor
    announced = _announced(reply.docker_content_digest)
    media_type, size = essence(reply.content_type or ""), reply.content_length
    # No registry has to tell: then only the bytes do.
    if announced is None or not size or media_type in (*_ANYTHING, "text/html"):
        return (await get(remote, reference, accept=accept)).descriptor
    if isinstance(reference, Digest) and announced != reference:
        raise DigestMismatch(f"the manifest {remote.name}@{reference}", expected=reference, actual=announced)
    return Descriptor(_plain(media_type, f"the manifest {remote.name}@{reference}"), announced, size)


async def put(remote: Remote, manifest: Manifest, *, tag: str | None) -> Stored:
    """Put exact bytes under a tag, or under their digest alone. If they are there already, no lock stands against it.

    Raises:
        DigestMismatch: the registry stored something else.
    """
    reference = manifest.digest if tag is None else check_tag(tag)
    request = create_manifest.build_request(
        remote.name, reference, content=manifest.content, content_type=manifest.media_type
    )
    try:
        reply = await remote.session.call(request, done(create_manifest.parse, 201), scopes=scopes.push(remote.name))
    except ResponseError as error:
        if _is_immutable(error) and await _is_there(remote, reference, manifest):
            return Stored(manifest.descriptor, knows_subjects=True)  # what there is to know of it was noted then
        await trash.explain(error, remote, manifest.digest)
        raise
    stored = _announced(reply.docker_content_digest)
    # A registry may name it by another algorithm than the one that was asked for: only the same one can be compared.
    if stored is not None and stored != Digest.of(manifest.content, algorithm=stored.algorithm):
        raise DigestMismatch(f"the stored manifest {remote.name}:{reference}", expected=manifest.digest, actual=stored)
    return Stored(manifest.descriptor, reply.oci_subject is not None)


def _is_immutable(error: ResponseError) -> bool:
    """Whether a registry says that something must stay as it is. ECR has a code of its own for tags that do."""
    return isinstance(error, Locked) or error.status in (409, 412) or "TAG_INVALID" in error.codes


async def _is_there(remote: Remote, reference: str, manifest: Manifest) -> bool:
    """Whether a tag or a digest has a manifest already. Asked once; if there is no answer, it has not."""
    with suppress(AcrError), best_effort():
        found = await head(remote, reference, accept=[*media_types.ANY_MANIFEST, manifest.media_type])
        return found.digest == Digest.of(manifest.content, algorithm=found.digest.algorithm)
    return False


async def delete(remote: Remote, digest: str, *, missing_ok: bool, attempts: Attempts | None = None) -> None:
    """Delete a manifest, and with it all its tags.

    Args:
        remote: the repository.
        digest: of the manifest.
        missing_ok: whether it may be gone.
        attempts: of the caller, who looks again before another try; None for the usual ones.
    """
    try:
        checked = Digest(digest)
    except ValueError:
        raise InvalidInput(
            f"{digest!r}: a manifest is deleted by its digest, and takes all its tags with it;"
            f" to remove the tag alone use tag({digest!r}).delete()"
        ) from None
    request = delete_manifest.build_request(remote.name, checked)
    attempts = attempts or remote.session.sender.attempts()
    with attempts.may_be_gone(missing_ok=missing_ok):
        async with explained(f"the manifest {remote.name}@{checked}", lambda: manifest_metadata.get(remote, checked)):
            parse = done(delete_manifest.parse, 202)
            await remote.session.call(request, parse, scopes=scopes.delete(remote.name), attempts=attempts)


def _accepted(accept: str | Sequence[str] | None) -> str:
    texts = [accept] if isinstance(accept, str) else accept
    wanted = media_types.ANY_MANIFEST if texts is None else check_texts("accept", texts, media_types.OCI_MANIFEST)
    return ", ".join(check_media_range(one) for one in wanted)


def _announced(header: str | None) -> Digest | None:
    return received_digest(header, "Docker-Content-Digest") if header else None


def _verified(content: bytes, expected: Digest | None, what: str) -> Digest:
    if expected is None:
        return Digest.of(content)
    hasher = Hasher(expected.algorithm)
    hasher.update(content)
    hasher.verify(expected, what)
    return expected
