"""Deletes all but the newest images of each repository of a registry. Without --yes it only tells what it would do.

python examples/delete_images.py --registry my.azurecr.io --keep 3
python examples/delete_images.py --registry my.azurecr.io --keep 3 --yes
python examples/delete_images.py --registry my.azurecr.io --keep 3 --yes --async   # the same, in async code

An image of several platforms is an index and a manifest for each of them. All of these count, but what a kept index is
made of is kept, too. Images that are locked, or have a locked tag, are kept whatever their age.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from acr import AcrError, AsyncRegistry, Credential, Registry, UsernamePassword, default_credential


def run(registry: Registry, keep: int, *, really: bool) -> None:
    """Delete what is old. Listings are read to their end before: what was deleted cannot mark a place in them."""
    for name in registry.repositories():
        repository = registry.repository(name)
        manifests = list(repository.manifests(order_by="newest"))
        locked = {tag.digest for tag in repository.tags() if tag.locked}
        kept = {*locked, *(manifest.digest for at, manifest in enumerate(manifests) if at < keep or manifest.locked)}
        parts = {part.digest for digest in kept for part in repository.manifest(digest).properties().related}
        for manifest in manifests:
            if manifest.digest in kept | parts:
                continue
            print(f"delete {name}@{manifest.digest}, tags: {', '.join(manifest.tags) or 'none'}")
            if really:
                repository.manifest(manifest.digest).delete()  # its tags go with it


async def run_async(registry: AsyncRegistry, keep: int, *, really: bool) -> None:
    """The same in async code."""
    async for name in registry.repositories():
        repository = registry.repository(name)
        manifests = [manifest async for manifest in repository.manifests(order_by="newest")]
        locked = {tag.digest async for tag in repository.tags() if tag.locked}
        kept = {*locked, *(manifest.digest for at, manifest in enumerate(manifests) if at < keep or manifest.locked)}
        parts = {part.digest for digest in kept for part in (await repository.manifest(digest).properties()).related}
        for manifest in manifests:
            if manifest.digest in kept | parts:
                continue
            print(f"delete {name}@{manifest.digest}, tags: {', '.join(manifest.tags) or 'none'}")
            if really:
                await repository.manifest(manifest.digest).delete()  # its tags go with it


async def main_async(endpoint: str, credential: Credential, keep: int, *, really: bool) -> None:
    """Open a client, and run."""
    async with AsyncRegistry(endpoint, credential) as registry:
        await run_async(registry, keep, really=really)


def main() -> None:
    """Read the command line, open a client, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--registry", "--url", required=True, help="login server, or URL of an emulator")
    parser.add_argument("--keep", type=int, default=3, help="images to keep in each repository (3)")
    parser.add_argument("--yes", action="store_true", help="delete, instead of telling what would be deleted")
    parser.add_argument("--username", help="of a repository-scoped token or the admin user; without it, azure-identity")
    parser.add_argument("--password", default="", help="of the user name")
    parser.add_argument("--async", dest="in_async_code", action="store_true", help="run the async variant")
    options = parser.parse_args()
    if options.keep < 0:
        parser.error("--keep: expected a number of images")
    named = UsernamePassword(options.username, options.password) if options.username else None
    credential = named or default_credential()
    if options.in_async_code:
        asyncio.run(main_async(options.registry, credential, options.keep, really=options.yes))
    else:
        with Registry(options.registry, credential) as registry:
            run(registry, options.keep, really=options.yes)


if __name__ == "__main__":
    try:
        main()
    except AcrError as error:
        sys.exit(str(error))
