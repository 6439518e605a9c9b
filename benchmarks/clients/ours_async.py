"""This project, in async code."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import acr
from acr import AsyncRegistry
from benchmarks.clients.entra import AsyncCredential
from benchmarks.clients.job import NULL, Discarded, Job, Told, done, main
from benchmarks.clients.ours import layout


def connect(job: Job) -> AsyncRegistry:
    """A new client."""
    return AsyncRegistry(job.url, AsyncCredential() if job.signs_in else None, ssl_context=job.trust())


@asynccontextmanager
async def _timed(job: Job) -> AsyncIterator[tuple[acr.AsyncRepository, float]]:
    begin = time.perf_counter()
    async with connect(job) as registry:
        yield registry.repository(job.repository), begin


async def download(job: Job) -> Told:
    """A blob: into a file, into a file object that keeps nothing, or walked through."""
    async with _timed(job) as (repository, begin):
        size = await _download(repository, job.digest, job.path)
    return done(begin, size)


async def _download(repository: acr.AsyncRepository, digest: str, path: Path | None) -> int:
    if path is None:
        size = 0
        async with repository.download_blob(digest) as blocks:
            async for block in blocks:
                size += len(block)
        return size
    return (await repository.download_blob(digest, Discarded() if path == NULL else path)).size


async def upload(job: Job) -> Told:
    """A blob, from a file or from memory; its digest is found on the way."""
    source = _source(job)
    async with _timed(job) as (repository, begin):
        size = (await repository.upload_blob(source)).size
    return done(begin, size)


def _source(job: Job) -> Path | bytes:
    assert job.path is not None
    return job.path.read_bytes() if job.memory else job.path


async def downloads(job: Job) -> Told:
    """A blob, several times at once, into files."""
    folder = job.path
    assert folder is not None

    async def one(repository: acr.AsyncRepository, number: int) -> int:
        return await _download(repository, job.digest, folder / str(number))

    return await _at_once(job, one)


async def uploads(job: Job) -> Told:
    """A blob, several times at once."""
    source = _source(job)

    async def one(repository: acr.AsyncRepository, _: int) -> int:
        return (await repository.upload_blob(source)).size

    return await _at_once(job, one)


async def _at_once(job: Job, one: Callable[[acr.AsyncRepository, int], Awaitable[int]]) -> Told:
    async with _timed(job) as (repository, begin):
        size = sum(await asyncio.gather(*(one(repository, number) for number in range(job.tasks))))
    return done(begin, size)


async def pull(job: Job) -> Told:
    """An image, into a folder."""
    target = layout(job)
    async with _timed(job) as (repository, begin):
        await repository.pull("v1", target)
    return done(begin, 1)


async def push(job: Job) -> Told:
    """An image, from a folder."""
    source = layout(job)
    async with _timed(job) as (repository, begin):
        await repository.push(source, "v1", tag="v1")
    return done(begin, 1)


async def calls(job: Job) -> Told:
    """Properties of a tag, again and again, by so many tasks at once."""
    async with connect(job) as registry:
        repository = registry.repository(job.repository)
        await repository.tag("v1").properties()
        begin = time.perf_counter()

        async def some(count: int) -> None:
            for _ in range(count):
                await repository.tag("v1").properties()

        await asyncio.gather(*(some(job.count // job.tasks) for _ in range(job.tasks)))
        return done(begin, job.count // job.tasks * job.tasks)


def in_loop(verb: Callable[[Job], Coroutine[Any, Any, Told]]) -> Callable[[Job], Told]:
    """A verb that brings its own event loop."""
    return lambda job: asyncio.run(verb(job))


if __name__ == "__main__":
    main(
        {
            "download": in_loop(download),
            "upload": in_loop(upload),
            "downloads": in_loop(downloads),
            "uploads": in_loop(uploads),
            "pull": in_loop(pull),
            "push": in_loop(push),
            "calls": in_loop(calls),
        }
    )
