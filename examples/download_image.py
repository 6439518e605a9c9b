"""Downloads an image into a folder: manifest.json, config.json, and each layer under its digest. All is verified.

python examples/download_image.py library/hello-world 1.0.0 hello-world --registry my.azurecr.io
python examples/download_image.py library/hello-world 1.0.0 hello-world --registry my.azurecr.io --async
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from acr import (
    AcrError,
    AsyncRegistry,
    Credential,
    Descriptor,
    InvalidInput,
    Manifest,
    Registry,
    UsernamePassword,
    default_credential,
)


def begin(manifest: Manifest, folder: Path) -> dict[Path, Descriptor]:
    """Write the manifest, and tell where each blob of the image goes: its config, and its layers."""
    if manifest.config is None:
        raise InvalidInput(f"{manifest.digest} is no image, but {manifest.media_type}; name one that it lists")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_bytes(manifest.content)
    layers = {folder / layer.digest.hex: layer for layer in manifest.layers}  # an image may have one layer twice
    return {folder / "config.json": manifest.config, **layers}


def run(registry: Registry, repository: str, reference: str, folder: Path) -> None:
    """Download an image: a file gets its name when its digest was found right."""
    source = registry.repository(repository)
    for path, blob in begin(source.manifest(reference).get(), folder).items():
        source.download_blob(blob.digest, path)
        print(f"{path}: {blob.size} bytes, {blob.media_type}")


async def run_async(registry: AsyncRegistry, repository: str, reference: str, folder: Path) -> None:
    """The same in async code, all blobs at once."""
    source = registry.repository(repository)
    blobs = begin(await source.manifest(reference).get(), folder)
    try:
        async with asyncio.TaskGroup() as tasks:
            for path, blob in blobs.items():
                tasks.create_task(source.download_blob(blob.digest, path))
    except ExceptionGroup as group:  # the first that failed; the others were given up
        raise group.exceptions[0] from None
    for path, blob in blobs.items():
        print(f"{path}: {blob.size} bytes, {blob.media_type}")


async def main_async(endpoint: str, credential: Credential, repository: str, reference: str, folder: Path) -> None:
    """Open a client, and run."""
    async with AsyncRegistry(endpoint, credential) as registry:
        await run_async(registry, repository, reference, folder)


def main() -> None:
    """Read the command line, open a client, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", help="such as library/hello-world")
    parser.add_argument("reference", help="tag or digest of an image")
    parser.add_argument("folder", type=Path, help="where to; it is made if need be")
    parser.add_argument("--registry", "--url", required=True, help="login server, or URL of an emulator")
    parser.add_argument("--username", help="of a repository-scoped token or the admin user; without it, azure-identity")
    parser.add_argument("--password", default="", help="of the user name")
    parser.add_argument("--async", dest="in_async_code", action="store_true", help="run the async variant")
    options = parser.parse_args()
    named = UsernamePassword(options.username, options.password) if options.username else None
    credential = named or default_credential()
    image = (options.repository, options.reference, options.folder)
    if options.in_async_code:
        asyncio.run(main_async(options.registry, credential, *image))
    else:
        with Registry(options.registry, credential) as registry:
            run(registry, *image)


if __name__ == "__main__":
    try:
        main()
    except AcrError as error:
        sys.exit(str(error))
