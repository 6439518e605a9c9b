"""Lists the tags of a repository without a credential, in a registry that allows anonymous pull.

python examples/list_tags_with_anonymous_access.py library/hello-world --registry my.azurecr.io
python examples/list_tags_with_anonymous_access.py library/hello-world --registry my.azurecr.io --async
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from acr import AcrError, AsyncRegistry, Registry


def run(registry: Registry, repository: str) -> None:
    """Print the tags."""
    for tag in registry.repository(repository).tags():
        print(f"tag: {tag.name}")


async def run_async(registry: AsyncRegistry, repository: str) -> None:
    """The same in async code."""
    async for tag in registry.repository(repository).tags():
        print(f"tag: {tag.name}")


async def main_async(endpoint: str, repository: str) -> None:
    """Open a client, and run."""
    async with AsyncRegistry(endpoint) as registry:
        await run_async(registry, repository)


def main() -> None:
    """Read the command line, open a client, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", help="such as library/hello-world")
    parser.add_argument("--registry", "--url", required=True, help="login server, or URL of an emulator")
    parser.add_argument("--async", dest="in_async_code", action="store_true", help="run the async variant")
    options = parser.parse_args()
    if options.in_async_code:
        asyncio.run(main_async(options.registry, options.repository))
    else:
        with Registry(options.registry) as registry:
            run(registry, options.repository)


if __name__ == "__main__":
    try:
        main()
    except AcrError as error:
        sys.exit(str(error))
