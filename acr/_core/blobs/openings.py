"""Openings: how an upload session comes to be: opened, gone on with, or opened because a mount was not possible."""

from __future__ import annotations

from typing import Final

from acr_rest.api.container_registry_blob import (
    mount_blob,
    start_upload,
)
from acr_rest.types import Response

from acr._core.blobs.upload_sessions import UploadSession
from acr._core.talk import bodies, scopes
from acr._core.talk.answers import done
from acr._core.talk.attempts import CDN, Attempts, Problem, is_throttled
from acr._core.talk.links import upload_target
from acr._core.talk.remote import Remote
from acr._values.arguments import check_text, wrong_kind
from acr._values.digest import Digest
from acr._values.reference import check_repository
from acr._values.upload_state import UploadState
from acr.errors import InvalidInput, ProtocolViolation, ResponseError, TransportError

_PASSING: Final = frozenset({408, 502, 503, 504}) | CDN
"""Refusals of a mount that may pass. A registry that cannot mount may say 500 as well (and 400, or 405)."""


async def start(remote: Remote) -> UploadSession:
    """Open an upload session."""
    request = start_upload.build_request(remote.name)

    def opened(response: Response) -> UploadSession:
        reply = done(start_upload.parse, 202)(response)
        location = _location(remote, reply.location)
        return _told(UploadSession(remote, location, reply.docker_upload_uuid), response)

    return await remote.session.call(request, opened, scopes=scopes.push(remote.name), undo=UploadSession.give_up)


async def resume(remote: Remote, state: str | UploadState) -> UploadSession:
    """Go on with an upload session that was opened earlier, also by another process.

    Args:
        remote: the repository.
        state: its state, or its location alone.

    Raises:
        InvalidInput: the state is of another registry or repository.
        ProtocolViolation: the location is on another host, or is no upload to this repository.
        NotFound: the session is gone.
    """
    here = (remote.session.registry.netloc, remote.name)
    # To another registry the location, which is a capability, would be told.
    if isinstance(state, UploadState) and (state.registry, state.repository) != here:
        raise InvalidInput(f"the state is of an upload to {state.registry}/{state.repository}, not to {'/'.join(here)}")
    location = state.location if isinstance(state, UploadState) else _location_of(state)
    upload = at(remote, location)
    if isinstance(state, UploadState):
        upload.algorithm = state.algorithm
        upload.offset = state.offset
        upload.min_chunk_size = state.min_chunk_size
    upload.offset = await upload.status()
    upload.chunks = int(upload.offset > 0)
    return upload


def _location_of(state: str) -> str:
    location = check_text("state", state)
    if not location:
        raise wrong_kind("state", state, "the state of an upload, or its location")
    return location


def at(remote: Remote, location: str) -> UploadSession:
    """An upload session of which the location is known, and nothing else.

    Raises:
        ProtocolViolation: it is on another host, or is no upload to this repository.
    """
    return UploadSession(remote, _location(remote, location))


async def mount_or_start(remote: Remote, digest: Digest, source: str) -> UploadSession | None:
    """Make a blob of a repository of the same registry one of this repository, too.

    If the two are the same, this asks whether the repository has the blob, and opens a session if not.

    Returns:
        None if that was possible. If not, the upload session that the registry opens instead (OCI distribution
        spec, "Mounting a blob from another repository").
    """
    request = mount_blob.build_request(remote.name, from_=check_repository(source), mount=digest)
    needed = scopes.push(remote.name)
    if source != remote.name:
        needed |= scopes.pull(source)

    def opened(response: Response) -> UploadSession | None:
        location = response.headers.get("location", "")
        is_opened = response.status == 202 or (response.status != 201 and "/blobs/uploads/" in location)
        reply = done(mount_blob.parse, 202 if is_opened else 201)(response)
        if not is_opened:
            return None
        place = _location(remote, reply.location)
        return _told(UploadSession(remote, place, reply.docker_upload_uuid), response)

    async def ask(attempts: Attempts) -> UploadSession | None:
        return await remote.session.call(request, opened, scopes=needed, undo=_give_up, attempts=attempts)

    try:
        return await ask(remote.session.sender.attempts(is_throttled))
    except (TransportError, ResponseError) as error:
        await remote.session.sender.attempts(_may_pass).again(error)
    return await ask(remote.session.sender.attempts())


def _may_pass(problem: Problem) -> bool:
    return isinstance(problem, TransportError) or problem.status in _PASSING


def _told(upload: UploadSession, response: Response) -> UploadSession:
    """A session, with what the registry says of its chunks."""
    upload.min_chunk_size = bodies.size(response.headers.get("oci-chunk-min-length")) or 0
    return upload


async def _give_up(upload: UploadSession | None) -> None:
    if upload is not None:
        await upload.give_up()


def _location(remote: Remote, location: str | None) -> str:
    if location is None:
        raise ProtocolViolation(f"the registry opened an upload to {remote.name} without a Location")
    return upload_target(remote.session.registry, f"/v2/{remote.name}/blobs/uploads/", location, remote.name)
