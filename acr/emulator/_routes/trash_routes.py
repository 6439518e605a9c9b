"""The trash, `/acr/v1/_deleted`: what was deleted is listed and restored. It is in two forms, of which ACR has one.

`draft` is that of a draft of ACR's description, and `az` that which the Azure CLI reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from acr._values.reference import check_tag
from acr.emulator._routes.paging import DEFAULT_PAGE, page_size
from acr.emulator._routes.registry import Registry, digest_of_path
from acr.emulator._store.trash import Trashed
from acr.emulator._wire import (
    bad_request,
    body_of,
    empty_response,
    json_object,
    json_response,
    manifest_unknown,
    next_link,
    page_not_found,
    refusal,
    rfc3339,
)
from acr.errors import InvalidReference

_LARGEST_BODY = 64 * 1024


class TrashRoutes:
    """`/acr/v1/_deleted`. Without a trash it answers as paths do that nobody knows."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._gate = registry.gate
        self._metadata = registry.metadata
        name = "/acr/v1/_deleted/{name:path}"
        self.routes = [
            Route("/acr/v1/_deleted/_catalog", self.repositories, methods=["GET"]),
            Route(f"{name}/_tags", self.tags, methods=["GET"]),
            Route(f"{name}/_manifests", self.manifests, methods=["GET"]),
            Route(f"{name}/_manifests/{{digest}}", self.restore, methods=["POST"]),
        ]

    @property
    def _is_az(self) -> bool:
        return self._registry.settings.trash == "az"

    def _check_there(self) -> None:
        if not self._registry.settings.trash:
            raise page_not_found()

    async def repositories(self, request: Request) -> Response:
        """GET the deleted repositories. The draft has no such operation."""
        if not self._is_az:
            raise page_not_found()
        self._gate.deleted_catalog(request)
        limit = page_size(request.query_params) or DEFAULT_PAGE
        found = self._metadata.trash.repositories(_after(request), limit + 1)
        entries = [{"repository": one.name, **self._times(one)} for one in found[:limit]]
        link = self._link(found, limit, "/acr/v1/_deleted/_catalog", by_place=True)
        return json_response({"repositories": entries}, headers=link)

    async def tags(self, request: Request) -> Response:
        """GET the deleted tags, the oldest deletion first."""
        self._check_there()
        name = self._gate.repository(request, "deleted_read")
        limit = page_size(request.query_params) or DEFAULT_PAGE
        found = self._metadata.trash.tags(name, _after(request), limit + 1)
        key = "tag" if self._is_az else "name"
        entries = [{key: one.name, "digest": one.digest, **self._times(one)} for one in found[:limit]]
        link = self._link(found, limit, f"/acr/v1/_deleted/{quote(name, safe='')}/_tags", by_place=True)
        return json_response(self._of(name, "tags", entries), headers=link)

    async def manifests(self, request: Request) -> Response:
        """GET the deleted manifests."""
        self._check_there()
        name = self._gate.repository(request, "deleted_read")
        limit = page_size(request.query_params) or DEFAULT_PAGE
        found = self._metadata.trash.manifests(name, request.query_params.get("last", ""), limit + 1)
        entries = [{"digest": one.digest, **self._times(one)} for one in found[:limit]]
        link = self._link(found, limit, f"/acr/v1/_deleted/{quote(name, safe='')}/_manifests", by_place=False)
        return json_response(self._of(name, "manifests", entries), headers=link)

    async def restore(self, request: Request) -> Response:
        """POST: put a manifest back, and let a tag point to it. What it leads to stays where it is."""
        self._check_there()
        digest = digest_of_path(request)
        name = self._gate.repository(request, "deleted_read", "deleted_restore")
        value = json_object(await body_of(request, _LARGEST_BODY))
        tag = (value or {}).get("tag")
        try:
            tag = check_tag(tag if isinstance(tag, str) else "")
        except InvalidReference:
            raise bad_request("the body must name a tag") from None
        metadata, trash = self._metadata, self._metadata.trash
        if not trash.has(name, digest) and metadata.manifest(name, digest) is None:
            raise manifest_unknown(digest)
        there = metadata.tag(name, tag)
        if there is not None and there.digest != digest:
            if request.query_params.get("force", "").lower() != "true":
                raise refusal(409, "TAG_EXISTS", "the tag is in use", {"tag": tag})
            self._registry.check_allows(there, write=True)
        self._registry.check_repository_allows(name, write=True)
        trash.restore(name, digest, tag, self._registry.now())
        return json_response({"digest": digest, "tag": tag}) if self._is_az else empty_response(204)

    def _times(self, one: Trashed) -> dict[str, str]:
        if self._is_az:
            return {"createdAt": rfc3339(one.created), "deletedAt": rfc3339(one.deleted)}
        if not one.digest:
            return {"createdTime": rfc3339(one.created), "deletedTime": rfc3339(one.deleted)}
        return {
            "createdTime": rfc3339(one.created),
            "lastUpdateTime": rfc3339(one.updated),
            "deletedTime": rfc3339(one.deleted),
        }

    def _of(self, name: str, kind: str, entries: list[dict[str, str]]) -> dict[str, object]:
        if self._is_az:
            return {kind: entries}
        return {"registry": self._registry.login_server, "imageName": name, kind: entries}

    def _link(self, found: Sequence[Trashed], limit: int, path: str, *, by_place: bool) -> dict[str, str] | None:
        if len(found) <= limit:
            return None
        last = found[limit - 1]
        return next_link(path, str(last.place) if by_place else last.name, n=limit)


def _after(request: Request) -> int:
    last = request.query_params.get("last", "")
    return int(last) if last.isascii() and last.isdecimal() and len(last) < 18 else 0
