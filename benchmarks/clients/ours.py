"""This project, in sync code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import acr
from acr import Registry
from benchmarks.clients.entra import Credential
from benchmarks.clients.job import NULL, Discarded, Job, Told, done, main, memory_kib


def connect(job: Job) -> Registry:
    """A new client."""
    return Registry(job.url, Credential() if job.signs_in else None, ssl_context=job.trust())


@contextmanager
def _timed(job: Job) -> Iterator[tuple[acr.Repository, float]]:
    begin = time.perf_counter()
    with connect(job) as registry:
        yield registry.repository(job.repository), begin


def download(job: Job) -> Told:
    """A blob: into a file, into a file object that keeps nothing, or walked through."""
    with _timed(job) as (repository, begin):
        size = _download(repository, job.digest, job.path)
    return done(begin, size)


def _download(repository: acr.Repository, digest: str, path: Path | None) -> int:
    if path is None:
        with repository.download_blob(digest) as blocks:
            return sum(len(block) for block in blocks)
    return repository.download_blob(digest, Discarded() if path == NULL else path).size


def upload(job: Job) -> Told:
    """A blob, from a file or from memory; its digest is found on the way."""
    source = _source(job)
    with _timed(job) as (repository, begin):
        size = repository.upload_blob(source).size
    return done(begin, size)


def _source(job: Job) -> Path | bytes:
    assert job.path is not None
    return job.path.read_bytes() if job.memory else job.path


def downloads(job: Job) -> Told:
    """A blob, several times at once, into files."""
    folder = job.path
    assert folder is not None

    def one(repository: acr.Repository, number: int) -> int:
        return _download(repository, job.digest, folder / str(number))

    return _at_once(job, one)


def uploads(job: Job) -> Told:
    """A blob, several times at once."""
    source = _source(job)
    return _at_once(job, lambda repository, _: repository.upload_blob(source).size)


def _at_once(job: Job, one: Callable[[acr.Repository, int], int]) -> Told:
    with _timed(job) as (repository, begin), ThreadPoolExecutor(job.tasks) as pool:
        size = sum(pool.map(lambda number: one(repository, number), range(job.tasks)))
    return done(begin, size)


def layout(job: Job) -> acr.Layout:
    """The folder of an image, as what is pulled into and pushed from."""
    assert job.path is not None
    return acr.Layout(job.path)


def pull(job: Job) -> Told:
    """An image, into a folder."""
    target = layout(job)
    with _timed(job) as (repository, begin):
        repository.pull("v1", target)
    return done(begin, 1)


def push(job: Job) -> Told:
    """An image, from a folder."""
    source = layout(job)
    with _timed(job) as (repository, begin):
        repository.push(source, "v1", tag="v1")
    return done(begin, 1)


def calls(job: Job) -> Told:
    """Properties of a tag, again and again."""
    every = job.fresh_every or job.count
    if not job.fresh_every:  # warm: the first call, with its connection and its tokens, is not counted
        with connect(job) as registry:
            repository = registry.repository(job.repository)
            repository.tag("v1").properties()
            begin = time.perf_counter()
            for _ in range(job.count):
                repository.tag("v1").properties()
            return done(begin, job.count)
    begin = time.perf_counter()
    for _ in range(0, job.count, every):
        with connect(job) as registry:
            repository = registry.repository(job.repository)
            for _ in range(every):
                repository.tag("v1").properties()
    return done(begin, job.count)


def tags(job: Job) -> Told:
    """A listing, walked through."""
    with _timed(job) as (repository, begin):
        count = first = 0
        for tag in repository.tags(page_size=job.page_size or None):
            assert tag.name
            first = first or memory_kib("VmRSS")
            count += 1
    return done(begin, count, growth_kib=memory_kib("VmHWM") - first)


if __name__ == "__main__":
    main(
        {
            "download": download,
            "upload": upload,
            "downloads": downloads,
            "uploads": uploads,
            "pull": pull,
            "push": push,
            "calls": calls,
            "tags": tags,
        }
    )
