"""Locks a tag: it can then neither be moved nor deleted.

python examples/set_artifact_properties.py library/hello-world latest --registry my.azurecr.io
python examples/set_artifact_properties.py library/hello-world latest --registry my.azurecr.io --async
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from acr import AcrError, AsyncRegistry, Credential, Registry, UsernamePassword, default_credential


def run(registry: Registry, repository: str, tag: str) -> None:
    """Take two permissions away; the others stay as they are."""
    properties = registry.repository(repository).tag(tag).update(can_write=False, can_delete=False)
    print(f"{repository}:{tag}: can_write={properties.can_write}, can_delete={properties.can_delete}")


async def run_async(registry: AsyncRegistry, repository: str, tag: str) -> None:
    """The same in async code."""
    properties = await registry.repository(repository).tag(tag).update(can_write=False, can_delete=False)
    print(f"{repository}:{tag}: can_write={properties.can_write}, can_delete={properties.can_delete}")


async def main_async(endpoint: str, credential: Credential, repository: str, tag: str) -> None:
    """Open a client, and run."""
    async with AsyncRegistry(endpoint, credential) as registry:
        await run_async(registry, repository, tag)


def main() -> None:
    """Read the command line, open a client, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", help="such as library/hello-world")
    parser.add_argument("tag", help="such as latest")
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
