"""Lists the names of all repositories of a registry.

python examples/list_repositories.py --registry my.azurecr.io           # as the identity that azure-identity finds
python examples/list_repositories.py --registry my.azurecr.io --async   # the same, in async code
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from acr import AcrError, AsyncRegistry, Credential, Registry, UsernamePassword, default_credential


def run(registry: Registry) -> None:
    """Print the names; pages are fetched on the way."""
    for name in registry.repositories():
        print(f"repository: {name}")


async def run_async(registry: AsyncRegistry) -> None:
    """The same in async code."""
    async for name in registry.repositories():
        print(f"repository: {name}")


async def main_async(endpoint: str, credential: Credential) -> None:
    """Open a client, and run."""
    async with AsyncRegistry(endpoint, credential) as registry:
        await run_async(registry)


def main() -> None:
    """Read the command line, open a client, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--registry", "--url", required=True, help="login server, or URL of an emulator")
    parser.add_argument("--username", help="of a repository-scoped token or the admin user; without it, azure-identity")
    parser.add_argument("--password", default="", help="of the user name")
    parser.add_argument("--async", dest="in_async_code", action="store_true", help="run the async variant")
    options = parser.parse_args()
    named = UsernamePassword(options.username, options.password) if options.username else None
    credential = named or default_credential()
    if options.in_async_code:
        asyncio.run(main_async(options.registry, credential))
    else:
        with Registry(options.registry, credential) as registry:
            run(registry)


if __name__ == "__main__":
    try:
        main()
    except AcrError as error:
        sys.exit(str(error))
