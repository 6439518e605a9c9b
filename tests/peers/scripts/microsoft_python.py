"""Microsoft's Python SDK at work on a registry; prints what it found, as JSON.

    microsoft_python.py sync|aio push|look|delete|listings|upload URL CERTIFICATE REPOSITORY

It runs in an environment of its own. Both colours have the same names, so the synchronous client is put behind
coroutines, and the story is told once. `microsoft_javascript.mjs` tells the same one.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
import hashlib
import io
import json
import sys
import time
from typing import Any

from azure.containerregistry import (  # type: ignore[import-untyped]
    ArtifactManifestOrder,
    ArtifactTagOrder,
    ContainerRegistryClient,
)
from azure.containerregistry.aio import (  # type: ignore[import-untyped]
    ContainerRegistryClient as AsyncContainerRegistryClient,
)
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError

LAYER = bytes(range(256)) * 40_960  # 10 MiB
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = b'{"architecture":"amd64","os":"linux"}'


class Credential:
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("a token of Entra", int(time.time()) + 3600)


class AsyncCredential:
    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return Credential().get_token()

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> AsyncCredential:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass


class Client:
    """A client of either colour, with coroutines."""

    def __init__(self, colour: str, url: str, certificate: str) -> None:
        self._sync = colour == "sync"
        self._client: Any = (
            ContainerRegistryClient(url, Credential(), connection_verify=certificate)
            if self._sync
            else AsyncContainerRegistryClient(url, AsyncCredential(), connection_verify=certificate)
        )

    async def call(self, verb: str, *arguments: Any, **options: Any) -> Any:
        found = getattr(self._client, verb)(*arguments, **options)
        return found if self._sync else await found

    async def walk(self, verb: str, *arguments: Any, **options: Any) -> list[Any]:
        found = getattr(self._client, verb)(*arguments, **options)
        return list(found) if self._sync else [item async for item in found]

    async def download(self, repository: str, digest: str) -> bytes:
        stream = await self.call("download_blob", repository, digest)
        return b"".join(stream) if self._sync else b"".join([block async for block in stream])

    async def close(self) -> None:
        await self.call("close")


async def push(client: Client, repository: str) -> dict[str, Any]:
    layer, size = await client.call("upload_blob", repository, io.BytesIO(LAYER))
    config, config_size = await client.call("upload_blob", repository, io.BytesIO(CONFIG))
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": config,
            "size": config_size,
        },
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": size}],
    }
    digests = []
    for tag in ("v2", "v1", "v3"):
        manifest["annotations"] = {"tag": tag}
        digests.append(await client.call("set_manifest", repository, manifest, tag=tag, media_type=OCI_MANIFEST))
    return {"layer": layer, "size": size, "digests": digests}


async def look(client: Client, repository: str) -> dict[str, Any]:
    properties = await client.call("get_repository_properties", repository)
    tag = await client.call("get_tag_properties", repository, "v1")
    manifest = await client.call("get_manifest", repository, "v1")
    image = await client.call("get_manifest_properties", repository, "v1")
    orders = {
        "oldest": ArtifactTagOrder.LAST_UPDATED_ON_ASCENDING,
        "newest": ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING,
    }
    tags = {
        name: await client.walk("list_tag_properties", repository, order_by=order) for name, order in orders.items()
    }
    newest = ArtifactManifestOrder.LAST_UPDATED_ON_DESCENDING
    manifests = await client.walk("list_manifest_properties", repository, order_by=newest, results_per_page=2)
    locked = await client.call("update_tag_properties", repository, "v1", can_delete=False, can_write=False)
    try:
        await client.call("delete_tag", repository, "v1")
        refused = None
    except HttpResponseError as error:
        refused = error.status_code
    unlocked = await client.call("update_tag_properties", repository, "v1", can_delete=True, can_write=True)
    layer = await client.download(repository, manifest.manifest["layers"][0]["digest"])
    return {
        "repositories": await client.walk("list_repository_names"),
        "repository": [properties.name, properties.manifest_count, properties.tag_count],
        "tag": [tag.name, tag.digest, tag.can_delete],
        "manifest": [manifest.digest, manifest.media_type, manifest.manifest["annotations"]["tag"]],
        "image": [image.digest, image.architecture, image.operating_system, image.tags, image.size_in_bytes],
        "tags": {name: [item.name for item in found] for name, found in tags.items()},
        "manifests": [item.digest for item in manifests],
        "locked": [locked.can_delete, locked.can_write, refused, unlocked.can_delete],
        "layer": [len(layer), "sha256:" + hashlib.sha256(layer).hexdigest()],
    }


async def delete(client: Client, repository: str) -> dict[str, Any]:
    manifest = await client.call("get_manifest", repository, "v1")
    await client.call("delete_tag", repository, "v1")
    tags = [item.name for item in await client.walk("list_tag_properties", repository)]
    await client.call("delete_manifest", repository, manifest.digest)
    manifests = len(await client.walk("list_manifest_properties", repository))
    await client.call("delete_blob", repository, manifest.manifest["layers"][0]["digest"])
    await client.call("delete_repository", repository)
    return {"tags": tags, "manifests": manifests, "repositories": await client.walk("list_repository_names")}


async def listings(client: Client, repository: str) -> dict[str, Any]:
    for _ in range(10):
        await client.walk("list_tag_properties", repository)
    return {}


async def upload(client: Client, repository: str) -> dict[str, Any]:
    _, size = await client.call("upload_blob", repository, io.BytesIO(LAYER))
    return {"size": size}


ACTS = {"push": push, "look": look, "delete": delete, "listings": listings, "upload": upload}


async def main(colour: str, act: str, url: str, certificate: str, repository: str) -> None:
    client = Client(colour, url, certificate)
    try:
        found = await ACTS[act](client, repository)
    finally:
        await client.close()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
