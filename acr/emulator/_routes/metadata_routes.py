"""ACR's own API, `/acr/v1`: listings and properties of repositories, tags and manifests, their locks, and deletes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from acr import media_types
from acr._values.reference import check_tag
from acr.emulator._routes.paging import Listing
from acr.emulator._routes.registry import Registry, digest_of_path
from acr.emulator._store import manifests
from acr.emulator._store.items import Item, Manifest, Tag
from acr.emulator._wire import (
    bad_gateway,
    bad_request,
    body_of,
    empty_response,
    json_object,
    json_response,
    manifest_unknown,
    name_unknown,
    page_not_found,
    rfc3339,
    tag_unknown,
)
from acr.errors import InvalidReference

_ATTRIBUTES = ("deleteEnabled", "writeEnabled", "readEnabled", "listEnabled")
_LARGEST_CHANGE = 64 * 1024
"""Bytes of a PATCH. With a long report of a scanner (`quarantineDetails`) it has some KB."""


class MetadataRoutes:
    """`/acr/v1`. The keys of every reply stand in the recorded order."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._gate = registry.gate
        self._metadata = registry.metadata
        name = "/acr/v1/{name:path}"
        self.routes = [
            Route("/acr/v1/_catalog", self.catalog, methods=["GET"]),
            Route(f"{name}/_tags", self.tags, methods=["GET"]),
            Route(f"{name}/_tags/{{tag}}", self.tag, methods=["GET", "PATCH", "DELETE"]),
            Route(f"{name}/_manifests", self.manifests, methods=["GET"]),
            Route(f"{name}/_manifests/{{digest}}", self.manifest, methods=["GET", "PATCH"]),
            Route(name, self.repository, methods=["GET", "PATCH", "DELETE"]),
        ]

    async def catalog(self, request: Request) -> Response:
        """GET the repositories."""
        self._gate.catalog(request)
        listing = Listing.asked_for(request, self._registry.settings, "repositories")
        found, more = self._metadata.list_repositories(listing.page)
        breaks_after = int(self._registry.settings.catalog_breaks_after)
        if breaks_after:
            left = breaks_after - self._metadata.count_repositories_until(listing.page.last)
            if left <= 0:
                raise bad_gateway()
            found, more = found[:left], more or len(found) > left
        link = listing.link_behind(found[-1], "/acr/v1/_catalog") if more else None
        return json_response({"repositories": [repository.name for repository in found]}, headers=link)

    async def tags(self, request: Request) -> Response:
        """GET the tags, all or those of one manifest."""
        name = self._gate.repository(request, "metadata_read")
        self._existing(name)
        listing = Listing.asked_for(request, self._registry.settings, "tags")
        digest = request.query_params.get("digest") or None
        found, more = self._metadata.list_tags(name, listing.page, digest)
        filtered = {} if digest is None else {"digest": digest}
        path = f"/acr/v1/{quote(name, safe='')}/_tags"
        link = listing.link_behind(found[-1], path, **filtered) if more else None
        return json_response(self._of(name, tags=self._page([_tag(tag) for tag in found])), headers=link)

    async def manifests(self, request: Request) -> Response:
        """GET the manifests."""
        name = self._gate.repository(request, "metadata_read")
        self._existing(name)
        listing = Listing.asked_for(request, self._registry.settings, "manifests")
        found, more = self._metadata.list_manifests(name, listing.page)
        path = f"/acr/v1/{quote(name, safe='')}/_manifests"
        link = listing.link_behind(found[-1], path) if more else None
        items = [self._manifest(name, manifest, whole=False) for manifest in found]
        return json_response(self._of(name, manifests=self._page(items)), headers=link)

    async def repository(self, request: Request) -> Response:
        """GET or PATCH the properties of a repository, or DELETE it."""
        name = self._gate.repository(request, _action(request))
        repository = self._existing(name)
        if request.method == "DELETE":
            return self._delete_repository(name)
        if request.method == "PATCH":
            self._metadata.set_locks("repositories", name, name, await _changes(request))
            repository = self._existing(name)
        manifest_count, tag_count = self._metadata.counts(name)
        return json_response(
            self._of(
                name,
                **_times(repository),
                manifestCount=manifest_count,
                tagCount=tag_count,
                changeableAttributes=repository.locks.to_json(),
            )
        )

    async def tag(self, request: Request) -> Response:
        """GET or PATCH the properties of a tag, or DELETE it; the manifest stays."""
        try:
            tag_name = check_tag(request.path_params["tag"])
        except InvalidReference:
            raise page_not_found() from None
        name = self._gate.repository(request, _action(request))
        tag = self._existing_tag(name, tag_name)
        if request.method == "DELETE":
            self._registry.check_deletable(name, tag)
            if self._registry.settings.trash:
                self._metadata.trash.take_tag(name, tag_name, self._registry.now())
            self._metadata.delete("tags", name, [tag_name], self._registry.now())
            return empty_response(202, {"X-Ms-Int-Docker-Content-Digest": tag.digest})
        if request.method == "PATCH":
            self._metadata.set_locks("tags", name, tag_name, await _changes(request))
            tag = self._existing_tag(name, tag_name)
        return json_response(self._of(name, tag=_tag(tag)))

    async def manifest(self, request: Request) -> Response:
        """GET or PATCH the properties of a manifest."""
        digest = digest_of_path(request)  # before the token is looked at
        name = self._gate.repository(request, _action(request))
        manifest = self._existing_manifest(name, digest)
        if request.method == "PATCH":
            changes, quarantine = await _changes_of_manifest(request)
            self._metadata.set_locks("manifests", name, digest, changes)
            if quarantine is not None and self._registry.settings.quarantine:
                self._metadata.set_quarantine(name, digest, quarantine)
            manifest = self._existing_manifest(name, digest)
        return json_response(self._of(name, manifest=self._manifest(name, manifest, whole=True)))

    def _delete_repository(self, name: str) -> Response:
        # Hidden items go too, so the listings will not do. A locked item inside protects the whole.
        tags, found = self._metadata.everything_in(name)
        self._registry.check_deletable(name, *tags, *found)
        self._drop_repository(name)
        deleted = {
            "manifestsDeleted": [manifest.name for manifest in found],
            "tagsDeleted": [tag.name for tag in tags] or None,  # null, not [] (net CanDeleteRepository)
        }
        return json_response(deleted, 202)

    def _drop_repository(self, name: str) -> None:
        if self._registry.settings.trash:
            self._metadata.trash.take_repository(name, self._registry.now())
            return
        for blob in self._metadata.delete_repository(name):
            self._registry.content.remove(blob)

    def _existing(self, name: str) -> Item:
        repository = self._metadata.repository(name)
        if repository is None:
            raise name_unknown(name)
        return repository

    def _existing_tag(self, name: str, tag_name: str) -> Tag:
        self._existing(name)
        tag = self._metadata.tag(name, tag_name)
        if tag is None:
            raise tag_unknown()
        return tag

    def _existing_manifest(self, name: str, digest: str) -> Manifest:
        self._existing(name)
        manifest = self._metadata.manifest(name, digest)
        if manifest is None:
            raise manifest_unknown(digest)
        return manifest

    def _page(self, items: list[dict[str, object]]) -> list[dict[str, object]] | None:
        """The items of a page; null where there are none, as acr-cli relies on (and azure-sdk-for-python#28234)."""
        return None if self._registry.settings.null_pages and not items else items

    def _of(self, name: str, **rest: object) -> dict[str, object]:
        return {"registry": self._registry.login_server, "imageName": name, **rest}

    def _manifest(self, name: str, manifest: Manifest, *, whole: bool) -> dict[str, object]:
        # In listings configMediaType and references are left out; tags are absent rather than empty.
        data: dict[str, object] = {"digest": manifest.name, "imageSize": manifest.image_size, **_times(manifest)}
        if manifest.architecture:
            data["architecture"] = manifest.architecture
        if manifest.os:
            data["os"] = manifest.os
        data["mediaType"] = manifest.media_type
        if whole and manifest.config_media_type:
            data["configMediaType"] = manifest.config_media_type
        if tags := self._metadata.tags_of(name, manifest.name):
            data["tags"] = [tag.name for tag in tags]
        quarantine = self._metadata.quarantine(name, manifest.name)
        state = {} if quarantine is None else {"quarantineState": quarantine}
        data["changeableAttributes"] = {**manifest.locks.to_json(), **state}
        if whole and manifest.media_type in media_types.INDEXES:
            data["references"] = manifests.platforms(self._metadata.content(name, manifest.name))
        return data


def _tag(tag: Tag) -> dict[str, object]:
    return {
        "name": tag.name,
        "digest": tag.digest,
        **_times(tag),
        "signed": False,
        "changeableAttributes": tag.locks.to_json(),
    }


def _times(item: Item) -> dict[str, str]:
    return {"createdTime": rfc3339(item.created), "lastUpdateTime": rfc3339(item.updated)}


def _action(request: Request) -> str:
    return {"PATCH": "metadata_write", "DELETE": "delete"}.get(request.method, "metadata_read")


async def _changes(request: Request) -> dict[str, bool]:
    return _flags(await _body(request))


async def _changes_of_manifest(request: Request) -> tuple[dict[str, bool], str | None]:
    """The changes of attributes, and the new state of the quarantine, if there is one."""
    value = await _body(request)
    state = value.get("quarantineState")
    return _flags(value), state if isinstance(state, str) else None


async def _body(request: Request) -> dict[str, Any]:
    value = json_object(await body_of(request, _LARGEST_CHANGE) or b"{}")
    if value is None:
        raise bad_request("the body must be a JSON object")
    return value


def _flags(value: dict[str, Any]) -> dict[str, bool]:
    changes = {name: value[name] for name in _ATTRIBUTES if value.get(name) is not None}
    if not all(isinstance(change, bool) for change in changes.values()):
        raise bad_request("the attributes must be booleans")
    return changes
