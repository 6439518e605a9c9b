"""Manifests, tags and referrers in the OCI API: `/v2/{name}/manifests`, `/referrers`, `/tags/list`; `/v2/` itself."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from acr import media_types
from acr._values.digest import Digest, looks_like_digest
from acr._values.media_type import essence
from acr._values.reference import check_reference
from acr.emulator._routes.paging import page_size
from acr.emulator._routes.registry import Registry, digest_of_path
from acr.emulator._store import manifests
from acr.emulator._store.importing import take_over
from acr.emulator._store.items import Manifest, Page
from acr.emulator._store.pushing import Incomplete, prepare
from acr.emulator._wire import (
    TICKS,
    Refusal,
    body_of,
    digest_invalid,
    empty_response,
    json_response,
    manifest_unknown,
    name_unknown,
    next_link,
    page_not_found,
    quarantined,
    refusal,
)
from acr.errors import InvalidReference, UnsupportedDigest

_UNLIMITED = 2**31
_OCI_NOT_ACCEPTED = {
    media_types.OCI_MANIFEST: "OCI manifest found, but accept header does not support OCI manifests",
    media_types.OCI_INDEX: "OCI index found, but accept header does not support OCI indexes",
}


class ManifestRoutes:
    """The part of `/v2` that is not blobs."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._gate = registry.gate
        self._metadata = registry.metadata
        self._no_order = {"orderby": ""} if registry.settings.orderby_in_v2_links else {}
        name = "/v2/{name:path}"
        self.routes = [
            Route("/v2/", self.support, methods=["GET"]),
            Route("/v2/_catalog", self.catalog, methods=["GET"]),
            Route(f"{name}/manifests/{{reference}}", self.get, methods=["GET"]),
            Route(f"{name}/manifests/{{reference}}", self.put, methods=["PUT"]),
            Route(f"{name}/manifests/{{reference}}", self.delete, methods=["DELETE"]),
            Route(f"{name}/referrers/{{digest}}", self.referrers, methods=["GET"]),
            Route(f"{name}/tags/list", self.tags, methods=["GET"]),
        ]

    async def support(self, request: Request) -> Response:
        """GET /v2/: whether the API is there, and the token any good."""
        self._gate.anyone(request)
        return json_response({})

    async def catalog(self, request: Request) -> Response:
        """GET the names of the repositories. Never recorded: ACR's clients use its own catalog, others this one."""
        self._gate.catalog(request)
        page = _page(request)
        found, more = self._metadata.list_repositories(page)
        names = [repository.name for repository in found]
        link = next_link("/v2/_catalog", names[-1], n=page.limit, **self._no_order) if more else None
        return json_response({"repositories": names}, headers=link)

    async def get(self, request: Request) -> Response:
        """GET or HEAD a manifest: the bytes that were pushed, unless the client does not accept their type."""
        reference = _reference(request)
        name = self._gate.repository(request, "pull")
        self._registry.check_repository_allows(name, read=True)
        self._import(name, reference)
        manifest = self._resolve(name, reference)
        self._check_ready(name, manifest)
        content = self._metadata.content(name, manifest.name)
        if not isinstance(reference, Digest):  # a digest names the very bytes: no conversion then
            manifest, content, converted = self._acceptable(request, name, reference, manifest, content)
            if converted:
                return _manifest_response(content, media_types.DOCKER_MANIFEST_SCHEMA1, Digest.of(content))
        response = _manifest_response(content, manifest.media_type, manifest.name)
        if name in self._registry.caches:
            response.headers["X-Azure-Origin"] = self._registry.caches[name]
        return response

    def _import(self, name: str, reference: str) -> None:
        """Let a pull-through cache take over what is asked for, if it lacks it."""
        source = self._registry.caches.get(name)
        if source is not None:
            take_over(self._metadata, source, name, reference, self._registry.now())

    def _check_ready(self, name: str, manifest: Manifest) -> None:
        """Refuse a manifest that is in quarantine, or that a replica does not have yet."""
        settings = self._registry.settings
        if self._metadata.quarantine(name, manifest.name) not in (None, "Passed"):
            raise quarantined()
        if self._registry.now() - manifest.created < settings.replica_lag * TICKS:
            raise manifest_unknown(manifest.name)

    async def put(self, request: Request) -> Response:
        """PUT a manifest by tag or by digest."""
        reference = _reference(request)
        name = self._gate.repository(request, "pull", "push")
        content = await body_of(request, manifests.LARGEST, "a manifest")
        media_type = essence(request.headers.get("content-type", ""))
        if not media_type:
            raise _invalid("the Content-Type, the manifest's type, is missing")
        digest = Digest.of(content, algorithm=reference.algorithm if isinstance(reference, Digest) else "sha256")
        if isinstance(reference, Digest) and digest != reference:
            raise digest_invalid(f"the manifest has the digest {digest}")
        self._check_writable(name, reference, digest)
        if self._metadata.manifest(name, digest) is None and self._metadata.trash.has(name, digest):
            raise refusal(409, "MANIFEST_SOFT_DELETED", "the manifest is soft-deleted", {"digest": digest})
        try:
            new = prepare(self._metadata, self._registry.content, name, content, media_type, digest=digest)
        except manifests.Malformed as error:
            raise _invalid(str(error)) from None
        except Incomplete as error:
            raise _references_unknown(error.missing) from None
        tag = None if isinstance(reference, Digest) else reference
        is_new = self._metadata.manifest(name, digest) is None
        self._metadata.put_manifest(name, new, tag, self._registry.now())
        if is_new and self._registry.settings.quarantine:
            self._metadata.set_quarantine(name, digest, "Quarantined")
        headers = {"Docker-Content-Digest": digest, "Location": f"/v2/{name}/manifests/{digest}"}
        if new.subject is not None:
            headers["OCI-Subject"] = new.subject
        return empty_response(201, headers)

    async def delete(self, request: Request) -> Response:
        """DELETE a manifest by digest, with its tags and with what is attached to it. Its blobs stay.

        The latter is told in "Manage OCI artifacts" of ACR's documents, and was not seen on the wire.
        """
        reference = _reference(request)
        name = self._gate.repository(request, "delete")
        if not isinstance(reference, Digest):
            raise refusal(405, "UNSUPPORTED", "A manifest can only be deleted by digest.")
        manifest = self._metadata.manifest(name, reference)
        if manifest is None:
            raise manifest_unknown(reference)
        follows = self._registry.settings.referrers_follow_subject
        going = [manifest, *(self._metadata.attached_to(name, reference) if follows else ())]
        tags = [tag for one in going for tag in self._metadata.tags_of(name, one.name)]
        self._registry.check_deletable(name, *going, *tags)
        if self._registry.settings.trash:
            self._metadata.trash.take(name, [one.name for one in going], self._registry.now())
        self._metadata.delete("manifests", name, [one.name for one in going], self._registry.now())
        return empty_response(202)

    async def referrers(self, request: Request) -> Response:
        """GET the manifests whose subject is the given one.

        Neither that nor the repository need exist: no answer is 404 (OCI distribution spec 1.1, "Listing Referrers").
        """
        digest = digest_of_path(request)
        name = self._gate.repository(request, "pull")
        artifact_type = request.query_params.get("artifactType") or None
        page = _page(request)
        found, more = self._metadata.list_referrers(name, digest, artifact_type, page)
        headers = {"Content-Type": media_types.OCI_INDEX}
        filtered = {} if artifact_type is None else {"artifactType": artifact_type}
        if artifact_type is not None:
            headers["OCI-Filters-Applied"] = "artifactType"
        if more:
            path = f"/v2/{quote(name, safe='')}/referrers/{digest}"
            headers |= next_link(path, found[-1].name, n=page.limit, **filtered)
        index = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_INDEX,
            "manifests": [_descriptor(manifest) for manifest in found],
        }
        return json_response(index, headers=headers)

    async def tags(self, request: Request) -> Response:
        """GET the names of the tags."""
        name = self._gate.repository(request, "pull")
        self._check_known(name)
        page = _page(request)
        found, more = self._metadata.list_tags(name, page)
        names = [tag.name for tag in found]
        path = f"/v2/{quote(name, safe='')}/tags/list"
        link = next_link(path, names[-1], n=page.limit, **self._no_order) if more else None
        return json_response({"name": name, "tags": names}, headers=link)

    def _resolve(self, name: str, reference: str) -> Manifest:
        digest = reference
        if not isinstance(reference, Digest):
            tag = self._metadata.tag(name, reference)
            if tag is None:
                raise manifest_unknown(reference)
            self._registry.check_allows(tag, read=True)
            digest = tag.digest
        manifest = self._metadata.manifest(name, digest)
        if manifest is None:
            raise manifest_unknown(reference)
        self._registry.check_allows(manifest, read=True)
        return manifest

    def _acceptable(
        self, request: Request, name: str, tag: str, manifest: Manifest, content: bytes
    ) -> tuple[Manifest, bytes, bool]:
        """What to serve instead of a manifest whose type is not accepted, and whether it is schema 1 now.

        A Docker image becomes schema 1 (java downloadManifestIncompatibleType); a Docker list first becomes its
        linux/amd64 image; for OCI there is no conversion. `*/*` counts for nothing, nor does any wildcard. All that is
        how distribution does it, which ACR is built on; only the first was recorded.
        """
        accepted = {essence(item) for line in request.headers.getlist("accept") for item in line.split(",")}
        if manifest.media_type == media_types.DOCKER_MANIFEST_LIST and manifest.media_type not in accepted:
            child = manifests.amd64_of_list(content)
            found = None if child is None else self._metadata.manifest(name, child)
            if found is None:
                raise manifest_unknown(tag)
            manifest, content = found, self._metadata.content(name, found.name)
        if manifest.media_type in _OCI_NOT_ACCEPTED and manifest.media_type not in accepted:
            raise refusal(404, "MANIFEST_UNKNOWN", _OCI_NOT_ACCEPTED[manifest.media_type])
        if manifest.media_type == media_types.DOCKER_MANIFEST and manifest.media_type not in accepted:
            return manifest, manifests.as_schema1(content, name, tag), True
        return manifest, content, False

    def _check_writable(self, name: str, reference: str, digest: Digest) -> None:
        self._registry.check_repository_allows(name, write=True)
        tag = None if isinstance(reference, Digest) else self._metadata.tag(name, reference)
        for item in (tag, self._metadata.manifest(name, digest)):
            if item is not None:
                self._registry.check_allows(item, write=True)

    def _check_known(self, name: str) -> None:
        if self._metadata.repository(name) is None:
            raise name_unknown(name)


def _reference(request: Request) -> str:
    """The tag or the Digest that a path ends in."""
    reference: str = request.path_params["reference"]
    try:
        return check_reference(reference)
    except InvalidReference:
        if request.method == "PUT" and looks_like_digest(reference):
            # OCI's conformance suite takes no 404 for this; of ACR it was never recorded.
            raise digest_invalid("digest parsing failed") from None
        raise page_not_found() from None
    except UnsupportedDigest as error:
        raise digest_invalid(str(error)) from None


def _page(request: Request) -> Page:
    # The OCI listings are whole unless a page size is given.
    return Page(page_size(request.query_params) or _UNLIMITED, request.query_params.get("last") or None)


def _invalid(detail: str) -> Refusal:
    return refusal(400, "MANIFEST_INVALID", "manifest invalid", detail)


def _references_unknown(missing: list[Digest]) -> Refusal:
    """Config, layers or children are not in the repository.

    Never recorded. Code and status are distribution's, which uses the same for children as for blobs; OCI names the
    code and leaves the status open.
    """
    message = "blob unknown to registry"
    errors = [{"code": "MANIFEST_BLOB_UNKNOWN", "message": message, "detail": digest} for digest in missing]
    return Refusal(json_response({"errors": errors}, 400))


def _manifest_response(content: bytes, media_type: str, digest: str) -> Response:
    headers = {"Content-Type": media_type, "Docker-Content-Digest": digest, "ETag": f'"{digest}"'}
    return Response(content, 200, headers)


def _descriptor(manifest: Manifest) -> dict[str, object]:
    found: dict[str, object] = {"mediaType": manifest.media_type, "digest": manifest.name, "size": manifest.size}
    if manifest.annotations:
        found["annotations"] = manifest.annotations
    if manifest.artifact_type:
        found["artifactType"] = manifest.artifact_type
    return found
