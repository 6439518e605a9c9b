"""Blobs and their uploads in the OCI API: `/v2/{name}/blobs`."""

from __future__ import annotations

import asyncio
import hmac
import html
import re
from typing import Final
from urllib.parse import urlsplit

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from acr._values.digest import Digest
from acr._values.reference import check_repository
from acr.emulator._access.gate import origin_of
from acr.emulator._routes.registry import Registry, digest_of_path
from acr.emulator._routes.storage import signed_url
from acr.emulator._store.uploads import Upload, take_in
from acr.emulator._wire import Refusal, blob_unknown, digest_invalid, empty_response, refusal
from acr.errors import InvalidReference, UnsupportedDigest

_CONTENT_RANGE: Final = re.compile(r"(\d{1,18})-(\d{1,18})")


@attrs.frozen
class _Mount:
    """A blob, and the repository that it shall be mounted from."""

    digest: Digest
    source: str


class BlobRoutes:
    """Read, mount, upload and delete blobs."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._gate = registry.gate
        self._metadata = registry.metadata
        self._content = registry.content
        self._uploads = registry.uploads
        session = "/v2/{name:path}/blobs/uploads/{id}"
        blob = "/v2/{name:path}/blobs/{digest}"
        self.routes = [
            Route("/v2/{name:path}/blobs/uploads/", self.start, methods=["POST"]),
            Route(session, self.status, methods=["GET"]),
            Route(session, self.chunk, methods=["PATCH"]),
            Route(session, self.complete, methods=["PUT"]),
            Route(session, self.cancel, methods=["DELETE"]),
            Route(blob, self.get, methods=["GET"]),
            Route(blob, self.delete, methods=["DELETE"]),
        ]

    async def get(self, request: Request) -> Response:
        """GET is redirected to the blob store, HEAD is answered here.

        HEAD tells the full length even where a Range was asked for (go CheckChunkExists).
        """
        digest = digest_of_path(request)
        name = self._gate.repository(request, "pull")
        size = self._content.size(digest) if self._metadata.has_blob(name, digest) else None
        if size is None:
            raise blob_unknown()
        self._registry.check_repository_allows(name, read=True)
        if request.method == "HEAD":
            headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
            return Response(b"", 200, {**headers, "Content-Length": str(size)})
        path = signed_url(self._registry.secret, self._registry.settings, digest)
        location = f"{request.scope['scheme']}://{_storage_host(request)}:{self._registry.storage_port}{path}"
        return Response(
            f'<a href="{html.escape(location)}">Temporary Redirect</a>.\n\n',
            307,
            {"Content-Type": "text/html; charset=utf-8", "Docker-Content-Digest": digest, "Location": location},
        )

    async def delete(self, request: Request) -> Response:
        """DELETE a blob, also where a manifest refers to it. No Docker-Content-Digest (net CanGetBlobLocation)."""
        digest = digest_of_path(request)
        name = self._gate.repository(request, "delete")
        if not self._metadata.has_blob(name, digest):
            raise blob_unknown()
        self._registry.check_deletable(name)
        if self._metadata.remove_blob(name, digest):
            self._content.remove(digest)
        return empty_response(202)

    async def start(self, request: Request) -> Response:
        """POST opens a session, or mounts a blob of another repository."""
        wanted = _mount_of(request)
        challenged = wanted is not None and self._registry.settings.mount_challenge
        name = self._gate.repository(request, "pull", "push", source=wanted.source if wanted and challenged else None)
        self._registry.check_repository_allows(name, write=True)
        upload = self._uploads.start(name, self._registry.now())
        if wanted is None or not self._can_mount(request, wanted):
            return _session_response(202, upload)
        self._uploads.cancel(upload)
        self._metadata.add_blob(name, wanted.digest)
        return _created(name, wanted.digest, {"Docker-Upload-Uuid": upload.id})

    async def status(self, request: Request) -> Response:
        """GET how far a session got.

        It takes any state, old ones too: how else would a client that has lost an answer find its place again? Never
        recorded; 204 is the swagger's, and so is the scope of a GET.
        """
        name = self._gate.repository(request, "pull")
        return _session_response(204, self._session(request, name))

    async def chunk(self, request: Request) -> Response:
        """PATCH appends to a session."""
        name = self._gate.repository(request, "pull", "push")
        upload = self._session(request, name)
        async with upload.lock:
            await self._append(request, upload)
            return _session_response(202, upload)

    async def complete(self, request: Request) -> Response:
        """PUT closes a session, after a last chunk if there is a body. If the digest is another one, all is lost."""
        name = self._gate.repository(request, "pull", "push")
        upload = self._session(request, name)
        digest = _digest_of_query(request)
        async with upload.lock:
            await self._append(request, upload)
            if await asyncio.to_thread(upload.digest, digest.algorithm) != digest:
                self._uploads.cancel(upload)
                raise digest_invalid(f"invalid digest for referenced layer: {digest}, content does not match digest")
            self._uploads.complete(upload, digest)
            self._metadata.add_blob(name, digest)
        return _created(name, digest, {})

    async def cancel(self, request: Request) -> Response:
        """DELETE drops a session."""
        name = self._gate.repository(request, "delete")
        upload = self._session(request, name)
        async with upload.lock:
            if self._uploads.find(name, upload.id) is not None:
                self._uploads.cancel(upload)
        return empty_response(204, {"Docker-Upload-Uuid": upload.id})

    def _can_mount(self, request: Request, wanted: _Mount) -> bool:
        """Whether a blob is mounted.

        Anything that stands against it just opens a session: that is OCI's way, and never recorded of ACR.
        """
        return self._gate.may_pull(request, wanted.source) and self._metadata.has_blob(wanted.source, wanted.digest)

    def _session(self, request: Request, name: str) -> Upload:
        upload = self._uploads.find(name, request.path_params["id"])
        if upload is None:
            raise refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return upload

    async def _append(self, request: Request, upload: Upload) -> None:
        # In the lock: another request may have moved or closed the session while this one waited for it.
        self._session(request, upload.repository)
        # Before the state: a chunk that tells its place and comes again gets 416, as OCI's conformance suite wants it.
        # One that does not gets the 404 that ACR's users report.
        length = _announced_length(request, upload)
        if not hmac.compare_digest(request.query_params.get("_state", "").encode(), upload.state.encode()):
            raise refusal(404, "BLOB_UPLOAD_INVALID", "blob upload invalid")
        if not await take_in(upload, request.stream(), length):
            raise _range_invalid(upload)


def _mount_of(request: Request) -> _Mount | None:
    """What a request wants mounted, if that can be at all."""
    query = request.query_params
    try:
        return _Mount(Digest(query.get("mount", "")), check_repository(query.get("from", "")))
    except (InvalidReference, UnsupportedDigest):
        return None


def _storage_host(request: Request) -> str:
    """The host of the blob store: another one than the registry's, as in Azure, as far as this machine has two names.

    Go's HTTP client, and so every client in Go, forwards the token to another port of the same host.
    """
    try:
        host = urlsplit(f"//{origin_of(request)[1]}").hostname or "localhost"
    except ValueError:  # it is no host
        host = "localhost"
    if host in {"127.0.0.1", "::1"}:
        return "localhost"
    if host == "localhost":
        host = request.scope["server"][0]  # the address that the connection came to
    return f"[{host}]" if ":" in host else host


def _announced_length(request: Request, upload: Upload) -> int | None:
    """How many bytes a chunk has by its Content-Range, which is `first-last`, without unit and total."""
    text = request.headers.get("content-range")
    if text is None:
        return None
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        raise refusal(400, "RANGE_INVALID", "invalid content range", f"{text!r} is not of the form 0-1238")
    first, last = int(match[1]), int(match[2])
    length = last - first + 1
    declared = int(request.headers.get("content-length", length))
    if first != upload.offset or length < 1 or declared != length:
        raise _range_invalid(upload)
    return length


def _range_invalid(upload: Upload) -> Refusal:
    """The chunk is not the next one.

    Location and Range say where to go on (OCI distribution spec, "Pushing a blob in chunks").
    """
    headers = {"Location": upload.location, "Range": upload.range, "Docker-Upload-Uuid": upload.id}
    return refusal(416, "RANGE_INVALID", "invalid content range", headers=headers)


def _digest_of_query(request: Request) -> Digest:
    try:
        return Digest(request.query_params.get("digest", ""))
    except (InvalidReference, UnsupportedDigest):
        raise digest_invalid("digest parsing failed") from None


def _session_response(status: int, upload: Upload) -> Response:
    return empty_response(status, {"Location": upload.location, "Range": upload.range, "Docker-Upload-Uuid": upload.id})


def _created(name: str, digest: Digest, more: dict[str, str]) -> Response:
    return empty_response(201, {"Docker-Content-Digest": digest, "Location": f"/v2/{name}/blobs/{digest}", **more})
