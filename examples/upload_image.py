"""Uploads an image of one layer that holds one small file, by the parts that it is made of: layer, config, manifest.

python examples/upload_image.py library/hello-world 1.0.0 --registry my.azurecr.io
python examples/upload_image.py library/hello-world 1.0.0 --registry my.azurecr.io --async
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
import tarfile
from typing import Any

from acr import (
    AcrError,
    AsyncRegistry,
    Credential,
    Descriptor,
    Digest,
    Registry,
    UsernamePassword,
    default_credential,
    media_types,
)


def make_layer(content: bytes) -> bytes:
    """A layer is a tar; this one has the file hello.txt."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        entry = tarfile.TarInfo("hello.txt")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def make_config(layer: bytes) -> bytes:
    """The config names the platform, and the digest of each layer's tar before compression; here there is none."""
    rootfs = {"type": "layers", "diff_ids": [Digest.of(layer)]}
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()


def make_manifest(config: Descriptor, layer: Descriptor) -> dict[str, Any]:
    """The manifest names the blobs by type, digest and size, which is what an upload returns."""
    return {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": {**config.to_json(), "mediaType": media_types.OCI_CONFIG},
        "layers": [{**layer.to_json(), "mediaType": media_types.OCI_LAYER}],
    }


def run(registry: Registry, repository: str, tag: str) -> None:
    """Upload the layer chunk by chunk, the config at once, and then the manifest."""
    target = registry.repository(repository)
    content = make_layer(b"hello world\n")
    with target.start_upload() as upload:  # target.upload_blob(content) would do as well
        for at in range(0, len(content), 4096):
            upload.write(content[at : at + 4096])
        layer = upload.commit()
    config = target.upload_blob(make_config(content))
    manifest = target.put_manifest(make_manifest(config, layer), tag=tag)
    print(f"digest of the manifest: {manifest.digest}")


async def run_async(registry: AsyncRegistry, repository: str, tag: str) -> None:
    """The same in async code."""
    target = registry.repository(repository)
    content = make_layer(b"hello world\n")
    async with await target.start_upload() as upload:
        for at in range(0, len(content), 4096):
            await upload.write(content[at : at + 4096])
        layer = await upload.commit()
    config = await target.upload_blob(make_config(content))
    manifest = await target.put_manifest(make_manifest(config, layer), tag=tag)
    print(f"digest of the manifest: {manifest.digest}")


async def main_async(endpoint: str, credential: Credential, repository: str, tag: str) -> None:
    """Open a client, and run."""
    async with AsyncRegistry(endpoint, credential) as registry:
        await run_async(registry, repository, tag)


def main() -> None:
    """Read the command line, open a client, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", help="such as library/hello-world")
    parser.add_argument("tag", help="such as 1.0.0")
    parser.add_argument("--registry", "--url", required=True, help="login server, or URL of an emulator")
    parser.add_argument("--username", help="of a repository-scoped token or the admin user; without it, azure-identity")
    parser.add_argument("--password", default="", help="of the user name")
    parser.add_argument("--async", dest="in_async_code", action="store_true", help="run the async variant")
    options = parser.parse_args()
    named = UsernamePassword(options.username, options.password) if options.username else None
    credential = named or default_credential()
    if options.in_async_code:
        asyncio.run(main_async(options.registry, credential, options.repository, options.tag))
    else:
        with Registry(options.registry, credential) as registry:
            run(registry, options.repository, options.tag)


if __name__ == "__main__":
    try:
        main()
    except AcrError as error:
        sys.exit(str(error))
