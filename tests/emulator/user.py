"""Somebody who talks to an emulator in plain HTTP: httpx and nothing of the client, so that neither hides the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from acr import media_types
from acr._values.digest import Digest
from acr.emulator import Emulator

ANY = ", ".join(media_types.ANY_MANIFEST)

plain = httpx.Client(verify=False)  # noqa: S501 - plain http; to load certificates takes longer than a test
"""For requests to any origin, with no token."""


class User:
    """The admin of an emulator; each request goes out with a new token for just the scope that is named."""

    def __init__(self, registry: Emulator) -> None:
        self.registry = registry
        self.http = httpx.Client(base_url=registry.url, timeout=10, verify=False)  # noqa: S501 - plain http

    def token(self, *scopes: str, auth: tuple[str, str] | None = None) -> str:
        """An access token, by Basic credentials."""
        registry = self.registry
        query = {"service": registry.login_server, "scope": list(scopes)}
        reply = self.http.get("/oauth2/token", params=query, auth=auth or (registry.username, registry.password))
        assert reply.status_code == 200, reply.text
        token: str = reply.json()["access_token"]
        return token

    def send(
        self, method: str, path: str, scope: str = "", headers: Mapping[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        """A request with a token for one scope; without a scope, without a token."""
        found = dict(headers or {})
        if scope:
            found["Authorization"] = f"Bearer {self.token(scope)}"
        return self.http.request(method, path, headers=found, **rest)

    def push_blob(self, name: str, content: bytes) -> Digest:
        """Upload a blob in one chunk."""
        scope = f"repository:{name}:pull,push"
        location = self.send("POST", f"/v2/{name}/blobs/uploads/", scope).headers["Location"]
        location = self.send("PATCH", location, scope, content=content).headers["Location"]
        digest = Digest.of(content)
        reply = self.send("PUT", f"{location}&digest={digest}", scope)
        assert reply.status_code == 201, reply.text
        return digest

    def push_manifest(
        self, name: str, reference: str, manifest: Mapping[str, Any], media_type: str = media_types.OCI_MANIFEST
    ) -> Digest:
        """Push a manifest."""
        content = json.dumps(manifest).encode()
        reply = self.put_manifest(name, reference, content, media_type)
        assert reply.status_code == 201, reply.text
        return Digest(reply.headers["Docker-Content-Digest"])

    def put_manifest(self, name: str, reference: str, content: bytes, media_type: str) -> httpx.Response:
        """Push the bytes of a manifest."""
        path = f"/v2/{name}/manifests/{reference}"
        return self.send("PUT", path, f"repository:{name}:pull,push", {"Content-Type": media_type}, content=content)

    def push_image(self, name: str, reference: str, mark: str = "") -> Digest:
        """Push an image of one layer; the mark makes it another one."""
        config = json.dumps({"architecture": "arm64", "os": "linux", "mark": mark}).encode()
        layer = f"layer {mark}".encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": {
                "mediaType": media_types.OCI_CONFIG,
                "digest": self.push_blob(name, config),
                "size": len(config),
            },
            "layers": [{"mediaType": media_types.OCI_LAYER, "digest": self.push_blob(name, layer), "size": len(layer)}],
        }
        return self.push_manifest(name, reference, manifest)

    def push_artifact(self, name: str, reference: str, **more: Any) -> Digest:
        """Push a manifest with an empty config and nothing else."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": {"mediaType": media_types.OCI_EMPTY, "digest": self.push_blob(name, b"{}"), "size": 2},
            "layers": [],
            **more,
        }
        return self.push_manifest(name, reference, manifest)


def error_of(reply: httpx.Response) -> Any:
    """The only error of an error body."""
    (error,) = reply.json()["errors"]
    return error
