"""Microsoft's SDK, azure-containerregistry."""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
import io
import time
from typing import Any

from azure.containerregistry import ContainerRegistryClient  # type: ignore[import-untyped, import-not-found, unused-ignore]
from azure.containerregistry.aio import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
    ContainerRegistryClient as AsyncContainerRegistryClient,
)

from benchmarks.clients.entra import AsyncCredential, Credential
from benchmarks.clients.job import Job, Told, done, main, memory_kib

_PLAIN = {"enforce_https": False}
"""Goes with each call: it refuses plain http else, also without a credential."""


def _options(job: Job) -> dict[str, Any]:
    return {} if job.certificate is None else {"connection_verify": str(job.certificate)}


def connect(job: Job) -> Any:
    """A new client."""
    return ContainerRegistryClient(job.url, Credential(), **_options(job))


def download(job: Job) -> Told:
    """A blob: into a file, or walked through; it verifies."""
    begin = time.perf_counter()
    size = 0
    with connect(job) as client, client.download_blob(job.repository, job.digest, **_PLAIN) as blocks:
        if job.path is None:
            size = sum(len(block) for block in blocks)
        else:
            with job.path.open("wb") as file:
                size = sum(file.write(block) for block in blocks)
    return done(begin, size)


def upload(job: Job) -> Told:
    """A blob, from a file or from memory."""
    assert job.path is not None
    content = io.BytesIO(job.path.read_bytes()) if job.memory else None
    begin = time.perf_counter()
    with connect(job) as client, content or job.path.open("rb") as source:
        _, size = client.upload_blob(job.repository, source, **_PLAIN)
    return done(begin, size)


def calls(job: Job) -> Told:
    """Properties of a tag, again and again."""
    if not job.fresh_every:
        with connect(job) as client:
            client.get_tag_properties(job.repository, "v1", **_PLAIN)
            begin = time.perf_counter()
            for _ in range(job.count):
                client.get_tag_properties(job.repository, "v1", **_PLAIN)
            return done(begin, job.count)
    begin = time.perf_counter()
    for _ in range(0, job.count, job.fresh_every):
        with connect(job) as client:
            for _ in range(job.fresh_every):
                client.get_tag_properties(job.repository, "v1", **_PLAIN)
    return done(begin, job.count)


def async_calls(job: Job) -> Told:
    """The same by so many tasks at once."""

    async def all_of_them() -> float:
        async with AsyncContainerRegistryClient(job.url, AsyncCredential(), **_options(job)) as client:
            await client.get_tag_properties(job.repository, "v1", **_PLAIN)
            begin = time.perf_counter()

            async def some(count: int) -> None:
                for _ in range(count):
                    await client.get_tag_properties(job.repository, "v1", **_PLAIN)

            await asyncio.gather(*(some(job.count // job.tasks) for _ in range(job.tasks)))
            return begin

    begin = asyncio.run(all_of_them())
    return done(begin, job.count // job.tasks * job.tasks)


def tags(job: Job) -> Told:
    """A listing, walked through."""
    begin = time.perf_counter()
    count = first = 0
    page = {"results_per_page": job.page_size} if job.page_size else {}
    with connect(job) as client:
        for tag in client.list_tag_properties(job.repository, **page, **_PLAIN):
            assert tag.name
            first = first or memory_kib("VmRSS")
            count += 1
    return done(begin, count, growth_kib=memory_kib("VmHWM") - first)


if __name__ == "__main__":
    main({"download": download, "upload": upload, "calls": calls, "async-calls": async_calls, "tags": tags})
