"""httpx as it is, in sync and in async code: what a program would do that needs a registry for one thing only."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from benchmarks.clients.job import Job, Told, done, main, memory_kib

_PIECE = 1024 * 1024


def _options(job: Job) -> dict[str, Any]:
    return {
        "base_url": job.url,
        "headers": {"Authorization": f"Bearer {job.token}"} if job.token else {},
        "verify": job.trust() or True,
        "timeout": 60,
    }


def _blob(job: Job) -> str:
    return f"/v2/{job.repository}/blobs/{job.digest}"


def _tag(job: Job) -> str:
    return f"/acr/v1/{job.repository}/_tags/v1"


def _check(job: Job, hasher: Any) -> None:
    assert f"sha256:{hasher.hexdigest()}" == job.digest


def download(job: Job) -> Told:
    """A blob, hashed as it comes."""
    begin = time.perf_counter()
    hasher, size = hashlib.sha256(), 0
    with httpx.Client(**_options(job)) as client, client.stream("GET", _blob(job)) as answer:
        for block in answer.iter_bytes():
            hasher.update(block)
            size += len(block)
    _check(job, hasher)
    return done(begin, size)


def async_download(job: Job) -> Told:
    """The same, async."""

    async def walk() -> int:
        hasher, size = hashlib.sha256(), 0
        async with httpx.AsyncClient(**_options(job)) as client, client.stream("GET", _blob(job)) as answer:
            async for block in answer.aiter_bytes():
                hasher.update(block)
                size += len(block)
        _check(job, hasher)
        return size

    begin = time.perf_counter()
    return done(begin, asyncio.run(walk()))


def upload(job: Job) -> Told:
    """A blob in one PATCH, in pieces of 1 MiB that are hashed as they go."""
    assert job.path is not None
    content = memoryview(job.path.read_bytes()) if job.memory else None
    hasher, size = hashlib.sha256(), job.path.stat().st_size

    def pieces() -> Iterator[bytes]:
        for piece in _of_memory(content) if content else _of_file(job.path):
            hasher.update(piece)
            yield piece

    begin = time.perf_counter()
    with httpx.Client(**_options(job)) as client:
        opened = client.post(f"/v2/{job.repository}/blobs/uploads/").raise_for_status()
        sent = client.patch(
            opened.headers["Location"], content=pieces(), headers={"Content-Length": str(size)}
        ).raise_for_status()
        end = httpx.URL(sent.headers["Location"]).copy_merge_params({"digest": f"sha256:{hasher.hexdigest()}"})
        client.put(end).raise_for_status()
    return done(begin, size)


def _of_memory(content: memoryview) -> Iterator[bytes]:
    for at in range(0, len(content), _PIECE):
        yield bytes(content[at : at + _PIECE])


def _of_file(path: Path | None) -> Iterator[bytes]:
    assert path is not None
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def calls(job: Job) -> Told:
    """GET of the same URL, again and again."""
    path = _tag(job)
    if not job.fresh_every:
        with httpx.Client(**_options(job)) as client:
            client.get(path).raise_for_status()
            begin = time.perf_counter()
            for _ in range(job.count):
                client.get(path).raise_for_status().json()
            return done(begin, job.count)
    begin = time.perf_counter()
    for _ in range(0, job.count, job.fresh_every):
        with httpx.Client(**_options(job)) as client:
            for _ in range(job.fresh_every):
                client.get(path).raise_for_status().json()
    return done(begin, job.count)


def async_calls(job: Job) -> Told:
    """The same by so many tasks at once, on one client."""
    path = _tag(job)

    async def all_of_them() -> float:
        async with httpx.AsyncClient(**_options(job)) as client:
            (await client.get(path)).raise_for_status()
            begin = time.perf_counter()

            async def some(count: int) -> None:
                for _ in range(count):
                    (await client.get(path)).raise_for_status().json()

            await asyncio.gather(*(some(job.count // job.tasks) for _ in range(job.tasks)))
            return begin

    begin = asyncio.run(all_of_them())
    return done(begin, job.count // job.tasks * job.tasks)


def tags(job: Job) -> Told:
    """A listing, walked through by its links."""
    begin = time.perf_counter()
    count = first = 0
    with httpx.Client(**_options(job)) as client:
        target: str | None = f"/acr/v1/{job.repository}/_tags" + (f"?n={job.page_size}" if job.page_size else "")
        while target:
            answer = client.get(target).raise_for_status()
            for tag in answer.json()["tags"]:
                assert tag["name"]
                count += 1
            first = first or memory_kib("VmRSS")
            target = answer.links.get("next", {}).get("url")
    return done(begin, count, growth_kib=memory_kib("VmHWM") - first)


if __name__ == "__main__":
    main(
        {
            "download": download,
            "async-download": async_download,
            "upload": upload,
            "calls": calls,
            "async-calls": async_calls,
            "tags": tags,
        }
    )
