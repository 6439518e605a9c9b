"""Programs of these tests, by name: what a parent does, and a child that it forks in the midst of it."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import ssl
import stat
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

import acr
from acr._outside.layouts.locking import locked
from acr._outside.sinks import open_sink
from tests.patience import loop_turns
from tests.processes.program import Colour

OPTIONS: Any = {"retries": acr.Retries(limit=0)}


def client(colour: Colour, url: str, ca: str = "", **options: Any) -> Any:
    """A client of either colour that tries nothing twice."""
    context = ssl.create_default_context(cafile=ca) if ca else None
    kind = acr.AsyncRegistry if colour.is_async else acr.Registry
    return kind(url, **{**OPTIONS, "ssl_context": context, "allow_http": True, **options})


def size_of(colour: Colour, registry: Any, digest: str) -> Any:
    return colour.do(registry.repository("x").blob(digest).head()).size


def turns(name: str, url: str, ca: str, proxy: str | None, digest: str) -> list[Any]:
    """The parent calls, a child does and closes its client, and the parent calls again."""
    colour = Colour(name)
    registry = client(colour, url, ca, proxy=proxy)

    def in_child() -> Any:
        size = size_of(colour, registry, digest)
        colour.do(registry.close())
        return size

    return [
        size_of(colour, registry, digest),
        colour.forked(in_child).found(),
        size_of(colour, registry, digest),
        colour.do(registry.close()),
    ]


def turns_unseen(url: str, digest: str) -> list[Any]:
    """The same, where Python does not know of the fork: so uWSGI makes its workers."""
    colour = Colour("sync")
    registry = client(colour, url)
    fork: Callable[[], int] = ctypes.PyDLL(None).fork
    here = size_of(colour, registry, digest)
    return [here, colour.forked(lambda: size_of(colour, registry, digest), fork).found()]


def sockets() -> int:
    """How many this process has."""
    found = 0
    for number in range(256):
        try:
            found += stat.S_ISSOCK(os.fstat(number).st_mode)
        except OSError:
            continue
    return found


def inherited(name: str, url: str, ca: str, proxy: str | None, digest: str) -> dict[str, Any]:
    """How many sockets a child has that uses nothing, and whether the server sees that its parent closes its own."""
    colour = Colour(name)
    registry = client(colour, url, ca, proxy=proxy)
    colour.do(asyncio.sleep(0)) if colour.is_async else None  # an event loop has two of its own
    before = sockets()
    size_of(colour, registry, digest)
    opened = sockets() - before
    stays, ends = os.pipe()

    def in_child() -> int:
        os.close(ends)
        os.read(stays, 1)
        return sockets() - before

    child = colour.forked(in_child)
    colour.do(registry.close())
    colour.do(loop_turns()) if colour.is_async else None  # for transports to be closed
    seen = size_of(Colour("sync"), client(Colour("sync"), url, ca, proxy=proxy), digest)  # when the other one has ended
    os.close(ends)
    return {"opened": opened, "inherited": child.found(), "seen": seen}


class Slow:
    """A credential that one thread waits for, and that others get at once."""

    def __init__(self, token: str) -> None:
        self.waits = True
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self._token = token

    def get_token(self, *_: str, **__: object) -> Any:
        if self.waits:
            self.waits = False
            self.asked.set()
            self.go_on.wait()
        return type("Token", (), {"token": self._token, "expires_on": 0})


def held(name: str, url: str, token: str) -> list[Any]:
    """A thread of the parent's waits for a token, which others wait for; a child does not."""
    colour, credential = Colour(name), Slow(token)
    registry = client(colour, url, credential=credential)
    tags = registry.repository("app").tag("v1")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: Colour(name).do(tags.properties()).name)
        credential.asked.wait()
        found = colour.forked(lambda: colour.do(tags.properties()).name).found()
        credential.go_on.set()
        return [found, waiting.result()]


def half_read(name: str, url: str, username: str, password: str, digest: str) -> list[Any]:
    """A blob is read in the parent, and then in both."""
    colour, twice = Colour(name), acr.Retries(limit=1, base=0)
    registry = client(colour, url, credential=acr.UsernamePassword(username, password), retries=twice)
    stream = registry.repository("app").download_blob(digest)
    first = colour.do(stream.read(1000))

    def rest() -> str:
        return str(acr.Digest.of(first + colour.do(stream.read())))

    return [colour.forked(rest).found(), rest()]


class Left(BaseException):
    """A child leaves what the parent is doing."""


def left(url: str, username: str, password: str, digest: str, folder: str) -> dict[str, Any]:
    """A child leaves all contexts that its parent is in: an upload, and a download into a file."""
    colour, path = Colour("sync"), Path(folder) / "blob"
    app = client(colour, url, credential=acr.UsernamePassword(username, password)).repository("app")
    children: list[int] = []

    def leave(event: acr.ProgressEvent) -> None:
        if isinstance(event, acr.Moved) and not children:
            children.append(os.fork())
            if children == [0]:
                raise Left

    try:
        with app.start_upload() as upload:
            upload.write(b"first")
            app.download_blob(digest, path, progress=leave)
            os.waitpid(children[0], 0)
            upload.write(b"second")
            committed = upload.commit().digest
    except Left:
        os._exit(0)
    files = [path.name for path in Path(folder).iterdir()]
    return {"upload": committed, "download": acr.Digest.of(path.read_bytes()), "files": files}


def brought(name: str, url: str, kind: str, used: bool, digest: str) -> list[Any]:
    """A transport of the caller's, in the parent and in a child."""
    colour = Colour(name)
    if kind == "mock":
        transport: Any = httpx.MockTransport(lambda request: httpx.Response(200, headers={"Content-Length": "5"}))
    else:
        transport = httpx.AsyncHTTPTransport() if colour.is_async else httpx.HTTPTransport()
    registry = client(colour, url, transport=transport)
    found = [size_of(colour, registry, digest)] if used else []

    def in_child() -> Any:
        try:
            return size_of(colour, registry, digest)
        finally:
            colour.do(registry.close())

    found.append(colour.forked(in_child).found())
    return found


def files(folder: str) -> list[Any]:
    """A child has the parent's open files, too, and must not keep others out by their locks."""
    colour, place = Colour("sync"), Path(folder)
    stays, ends = os.pipe()

    def in_child() -> None:
        os.close(ends)
        os.read(stays, 1)

    digest = acr.Digest.of(b"content")
    sink = open_sink(place / "blob", digest, keep=True)
    sink.open()
    sink.write(b"con")
    with locked(place):
        child = colour.forked(in_child)
    sink.abort()

    def again() -> Any:
        with locked(place):
            return open_sink(place / "blob", digest).open()

    found = colour.forked(again).found()
    os.close(ends)
    return [found, child.found()]


def archive(path: str) -> list[Any]:
    """A thread of the parent's looks into an archive for long, and holds its lock; a child looks into it, too."""
    colour, docker = Colour("sync"), acr.DockerArchive(path)
    inside, done = threading.Event(), threading.Event()

    def holds() -> None:
        with docker._lock:
            inside.set()
            done.wait()

    thread = threading.Thread(target=holds)
    thread.start()
    inside.wait()
    found = colour.forked(lambda: list(docker.tags())).found()
    done.set()
    thread.join()
    return [found, list(docker.tags())]


if __name__ == "__main__":
    name, *arguments = map(json.loads, sys.argv[1:])
    print(json.dumps(globals()[name](*arguments)))  # noqa: T201 - what the test reads
