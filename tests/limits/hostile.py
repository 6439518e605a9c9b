"""Hostile answers, and a process that measures how much memory a client takes for each.

An answer is what a server sends for one request, in pieces. The client asks for the repositories `s0`, `s1` and so on:
one for each answer.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Final

import attrs

from acr._values.weight import weight
from acr.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.shells.script import digest_of, head

MIB: Final = 1024 * 1024

_DIGEST: Final = '"digest":"sha256:' + "0" * 64 + '"'
_TIMES: Final = '"createdTime":"2020-01-01T00:00:00Z","lastUpdateTime":"2020-01-01T00:00:00Z"'
_NAMES: Final = '"registry":"r","imageName":"i","name":"i",'

Shape = Callable[[int], bytes]


def _filled(before: str, item: str, after: str) -> Shape:
    """A text full of the same item."""

    def make(size: int) -> bytes:
        return (before + ",".join([item] * max(1, size // (len(item) + 1))) + after).encode()

    return make


def _distinct(before: str, item: str, after: str) -> Shape:
    """A text full of items, each with a number of its own in the place of `%`."""

    def make(size: int) -> bytes:
        parts, length, number = [], 0, 0
        while length < size:
            parts.append(item.replace("%", f"{number:x}"))
            length += len(parts[-1]) + 1
            number += 1
        return (before + ",".join(parts) + after).encode()

    return make


_TAG: Final = f'{{"name":"%",{_DIGEST},{_TIMES},"changeableAttributes":{{}}}}'
_MANIFEST: Final = f'{{{_DIGEST},{_TIMES},"architecture":"%","tags":["%"]}}'
_LAYER: Final = f'{{"mediaType":"a/b",{_DIGEST},"size":1,"annotations":{{"%":""}}}}'

SHAPES: Final[dict[str, tuple[str, Shape]]] = {
    "names": ("tag_names", _distinct(f'{{{_NAMES}"tags":[', '"%"', "]}")),
    "wide names": ("tag_names", _distinct(f'{{{_NAMES}"tags":["\U0001f600",', '"%\u00e9"', "]}")),
    "empty objects": ("tag_names", _filled(f'{{{_NAMES}"tags":[],"x":[', "{}", "]}")),
    "objects": ("tag_names", _distinct(f'{{{_NAMES}"tags":[],"x":[', '{"%":1}', "]}")),
    "arrays": ("tag_names", _filled(f'{{{_NAMES}"tags":[],"x":[', "[1]", "]}")),
    "arrays within arrays": ("tag_names", _filled(f'{{{_NAMES}"tags":[],"x":[', "[[],[]]", "]}")),
    "keys": ("tag_names", _distinct(f'{{{_NAMES}"tags":[],"x":{{', '"%":1', "}}")),
    "numbers": ("tag_names", _filled(f'{{{_NAMES}"tags":[],"x":[', "1.5", "]}")),
    "one text": ("tag_names", _filled(f'{{{_NAMES}"tags":[],"x":"', "a" * 1000, '"}')),
    "one wide text": ("tag_names", _filled(f'{{{_NAMES}"tags":[],"x":"\U0001f600', "a" * 1000, '"}')),
    "tags": ("tags", _distinct(f'{{{_NAMES}"tags":[', _TAG, "]}")),
    "manifests": ("manifests", _distinct(f'{{{_NAMES}"manifests":[', _MANIFEST, "]}")),
    "referrers": ("referrers", _distinct('{"schemaVersion":2,"manifests":[', _LAYER, "]}")),
    "an index": (
        "choose",
        _distinct('{"schemaVersion":2,"manifests":[', _LAYER[:-1] + ',"platform":{"os":"%","architecture":"%"}}', "]}"),
    ),
    "a manifest": ("manifest", _distinct('{"schemaVersion":2,"layers":[', _LAYER, "]}")),
    "a manifest of objects": ("manifest", _filled('{"schemaVersion":2,"layers":[],"x":[', '{"a":1}', "]}")),
    "a manifest of keys": ("manifest", _distinct('{"schemaVersion":2,"layers":[],"x":{', '"%":1', "}}")),
}
"""By name: the call whose answer it is, and the text of about a number of bytes."""

_LIMITS: Final = {"manifest": (4 * MIB, 64 * MIB), "choose": (4 * MIB, 64 * MIB)}
_PAGE: Final = (16 * MIB, 80 * MIB)
"""Bytes of a text, and what it may take when it is parsed (docs/limits.md)."""

_ALSO_TOO_LARGE: Final = {"names", "empty objects", "a manifest"}

_SECOND: Final = "last=second"
"""The query of a second page."""

_TYPES: Final = {"manifest": OCI_MANIFEST, "choose": OCI_INDEX}


@attrs.frozen
class Answer:
    """What a server sends for one request.

    Args:
        call: of the client, in `_PROGRAM`.
        pieces: what is sent.
        is_taken: whether the client takes it: it is no larger, and no heavier, than it may be.
        at: part of the path that gets it.
        others: what other paths get, by a part of each: a function of the path and query that were asked for.
    """

    call: str
    pieces: Callable[[], Iterable[bytes]]
    is_taken: bool = False
    at: str = ""
    others: dict[str, Callable[[str], Iterable[bytes]]] = attrs.field(factory=dict)


def answers() -> dict[str, Answer]:
    """All of them, by name."""
    return {**dict(_shaped()), **_floods(), **_small(), **dict(_second_pages())}


def _shaped() -> Iterator[tuple[str, Answer]]:
    """Of each shape a text of as many bytes as are allowed, and one as heavy as is allowed; of some one of 28 MB."""
    for name, (call, shape) in SHAPES.items():
        size, allowed = _LIMITS.get(call, _PAGE)
        heavy = min(size, int(0.97 * allowed * MIB / weight(shape(MIB))))
        content_type = f"Content-Type: {_TYPES.get(call, 'application/json')}"
        yield f"{name}: {size // MIB} MiB", Answer(call, _whole(shape, size - 1000, content_type))
        is_taken = call != "choose"  # there is nothing for the platform that is asked for
        yield f"{name}: as heavy as is allowed", Answer(call, _whole(shape, heavy - 1000, content_type), is_taken)
        if name in _ALSO_TOO_LARGE:
            yield f"{name}: 28 MB, chunked", Answer(call, _chunked(shape, 28_000_000, content_type))


def _second_pages() -> Iterator[tuple[str, Answer]]:
    """Pages behind one that is as heavy as is allowed. The client counts items: it need not keep those of the first."""
    allowed = _PAGE[1]
    for name, path in (("tags", "/_tags"), ("manifests", "/_manifests"), ("referrers", "/referrers/")):
        shape = SHAPES[name][1]
        heavy = min(_PAGE[0], int(0.97 * allowed * MIB / weight(shape(MIB)))) - 1000
        pages = {
            "as heavy as is allowed": (_whole(shape, heavy), True),
            "16 MiB": (_whole(shape, 16 * MIB - 1000), name != "referrers"),  # of referrers nobody can ask for fewer
            "16 MiB of objects": (_whole(SHAPES["objects"][1], 16 * MIB - 1000), name != "referrers"),
            "28 MB, chunked": (_chunked(shape, 28_000_000), name != "referrers"),
            "nesting": (_whole(_nested, 16 * MIB - 100), False),
            "chunks of a byte without end": (_floods()["chunks of a byte without end"].pieces, False),
        }
        for kind, (pieces, is_taken) in pages.items():
            first = partial(_first_page, shape, heavy, path)
            yield f"a second page of {name}: {kind}", Answer(f"count {name}", pieces, is_taken, _SECOND, {path: first})


def _first_page(shape: Shape, size: int, path: str, target: str) -> Iterable[bytes]:
    """A page that leads to another one, for the path and query that were asked for."""
    link = f'Link: <{target.partition("?")[0]}?{_SECOND}>; rel="next"'
    return _whole(shape, size, link)()


def _whole(shape: Shape, size: int, *headers: str, status: str = "200 OK") -> Callable[[], Iterable[bytes]]:
    def pieces() -> Iterator[bytes]:
        body = shape(size)
        yield head(len(body), *headers, status=status)
        for at in range(0, len(body), MIB):
            yield body[at : at + MIB]

    return pieces


def _chunked(shape: Shape, size: int, *headers: str, status: str = "200 OK") -> Callable[[], Iterable[bytes]]:
    def pieces() -> Iterator[bytes]:
        body = shape(size)
        yield "\r\n".join([f"HTTP/1.1 {status}", "Transfer-Encoding: chunked", *headers, "", ""]).encode()
        for at in range(0, len(body), MIB):
            piece = body[at : at + MIB]
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    return pieces


def _packed(text: bytes, times: int = 1) -> Callable[[], Iterable[bytes]]:
    """A text as gzip, so many times in a row."""

    def pieces() -> Iterator[bytes]:
        body = gzip.compress(text) * times
        yield head(len(body), "Content-Type: application/json", "Content-Encoding: gzip") + body

    return pieces


_OK: Final = b"HTTP/1.1 200 OK\r\n"
_FLOOD: Final = 64 * MIB


def _flood(before: bytes, piece: bytes, after: bytes = b"") -> Callable[[], Iterable[bytes]]:
    """64 MiB of the same piece."""
    pieces = piece * (MIB // len(piece) or 1)
    return lambda: chain([before], repeat(pieces, _FLOOD // len(pieces)), [after])


def _floods() -> dict[str, Answer]:
    """Heads and framings without end."""
    chunks = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
    return {
        "a header without end": Answer("tags", _flood(_OK + b"X: ", b"x")),
        "headers without end": Answer("tags", _flood(_OK, b"X: x\r\n")),
        "a reason without end": Answer("tags", _flood(b"HTTP/1.1 200 ", b"x")),
        "answers 103 without end": Answer("tags", _flood(b"", b"HTTP/1.1 103 Early Hints\r\nX: x\r\n\r\n")),
        "a header of an answer 103 without end": Answer("tags", _flood(b"HTTP/1.1 103 Early Hints\r\nX: ", b"x")),
        "an extension of a chunk without end": Answer("tags", _flood(chunks + b"1;", b"x")),
        "trailers without end": Answer("tags", _flood(chunks + b"2\r\n{}\r\n0\r\n", b"X: x\r\n")),
        "chunks of a byte without end": Answer("tags", _flood(chunks, b"1\r\n \r\n")),
        "100 KB of headers": Answer("tags", _flood_of(90_000, _OK + b"Content-Length: 0\r\n", b"X: x\r\n", b"\r\n")),
        "a blob of which nobody tells the size": Answer(
            "download", _flood(chunks, b"100000\r\n" + bytes(MIB) + b"\r\n")
        ),
        "a link of 90 KB": Answer(
            "tags", _flood_of(90_000, _OK + b"Content-Length: 2\r\nLink: <", b"x", b">; rel=next\r\n\r\n{}")
        ),
        "a challenge of 90 KB": Answer(
            "tags",
            _flood_of(
                90_000,
                b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer ",
                b'a="b",',
                b'c="d"\r\n\r\n',
            ),
        ),
        "a redirect of 90 KB": Answer(
            "download", _flood_of(90_000, b"HTTP/1.1 307 No\r\nContent-Length: 0\r\nLocation: /", b"x", b"\r\n\r\n")
        ),
    }


def _flood_of(size: int, before: bytes, piece: bytes, after: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: [before, piece * (size // len(piece)), after]


def _nested(size: int) -> bytes:
    return b"[" * size


def _small() -> dict[str, Answer]:
    """What may have a mebibyte or less; the config of an image; gzip."""
    objects = _filled('{"x":[', "{}", "]}")
    errors = _distinct('{"errors":[', '{"code":"%","message":"%","detail":{"%":[]}}', "]}")
    config = _distinct('{"os":"linux","architecture":"amd64","x":[', '{"%":1}', "]}")(4 * MIB - 100)
    described = {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": []}).encode()
    token = _filled('{"access_token":"opaque","x":[', "{}", "]}")
    return {
        "properties: 1 MiB of objects": Answer("properties", _whole(objects, MIB - 100)),
        "properties: 28 MB, chunked": Answer("properties", _chunked(objects, 28_000_000)),
        "nesting: 1 MiB": Answer("properties", _whole(_nested, MIB - 100)),
        "nesting: 16 MiB": Answer("tags", _whole(_nested, 16 * MIB - 100)),
        "an error: 64 KiB": Answer("properties", _whole(errors, 64 * 1024 - 200, status="400 Bad Request")),
        "an error: 28 MB, chunked": Answer("properties", _chunked(errors, 28_000_000, status="400 Bad Request")),
        "an error: 28 MB": Answer("properties", _whole(errors, 28_000_000, status="503 Unavailable")),
        "a token: 1 MiB": Answer("login", _whole(token, MIB - 100), at="/oauth2/"),
        "a token: 28 MB, chunked": Answer("login", _chunked(token, 28_000_000), at="/oauth2/"),
        "a config: 4 MiB": Answer(
            "choose",
            lambda: [head(len(config)), config],
            at="/blobs/",
            others={"/manifests/": lambda _: [head(len(manifest), f"Content-Type: {OCI_MANIFEST}") + manifest]},
        ),
        "gzip of 1 GiB": Answer("tags", _packed(b" " * 16 * MIB, 64)),
        "gzip of a page": Answer("tags", _packed(SHAPES["objects"][1](16 * MIB - 1000))),
        "gzip of a token": Answer("login", _packed(b" " * 16 * MIB, 64), at="/oauth2/"),
        "a helper that prints without end": Answer("helper", list),
        "a docker config of 64 MiB": Answer("docker", list),
    }


_PROGRAM: Final = """
import asyncio, gc, io, json, sys
from pathlib import Path
import acr

URL, COLOUR, NAMES, FOLDER = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), Path(sys.argv[4])
ANY = "sha256:" + "0" * 64

def memory(what):
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith(what)).split()[1]) * 1024

async def walk(items):
    if hasattr(items, "__aiter__"):
        return [item async for item in items]
    return list(items)

async def done(result):
    return await result if hasattr(result, "__await__") else result

class Nowhere(io.RawIOBase):
    def writable(self):
        return True
    def write(self, data):
        return len(data)

async def count(items):
    number = 0
    if hasattr(items, "__aiter__"):
        async for _ in items:
            number += 1
    else:
        for _ in items:
            number += 1
    return range(number)

async def call(registry, repository, name):
    if name in ("helper", "docker"):
        return [acr.DockerConfig(FOLDER / name / "config.json").lookup("my.azurecr.io")]
    if name in ("login", "properties"):
        return [await done(repository.properties())]
    if name == "download":
        return [await done(repository.download_blob(ANY, Nowhere()))]
    if name == "choose":
        return [await done(repository.pull("v1", acr.Memory(), platform="linux/amd64"))]
    if name == "manifest":
        return (await done(repository.manifest("v1").get())).layers
    if name == "count referrers":
        return await count(repository.manifest(ANY).referrers())
    if name.startswith("count "):
        return await count(getattr(repository, name.removeprefix("count "))())
    if name == "referrers":
        return await walk(repository.manifest(ANY).referrers())
    return await walk(getattr(repository, name)())

async def main():
    client = acr.Registry if COLOUR == "sync" else acr.AsyncRegistry
    limits, who = acr.Limits(unsized_blob=2**25), acr.UsernamePassword("me", "pw")
    registry = client(URL, who, retries=acr.Retries(limit=0), limits=limits)
    for name in ("tags", "choose", "download", "docker"):
        try:
            await call(registry, registry.repository("warm"), name)
        except acr.AcrError:
            pass
    gc.collect()
    idle = memory("VmRSS")
    for number, name in enumerate(NAMES):
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")  # the peak begins anew
        try:
            result = len(await call(registry, registry.repository(f"s{number}"), name))
        except acr.AcrError as error:
            result = f"{type(error).__name__}: {str(error)[:200]}"
        peak = memory("VmHWM") - idle
        print(json.dumps([peak, result]), flush=True)
        gc.collect()
    await done(registry.close())

asyncio.run(main())
"""


def peaks_of(url: str, colour: str, calls: Sequence[str], folder: Path) -> list[tuple[int, int | str]]:
    """What each call takes of memory at its peak, in bytes above the idle client; and its items, or its error.

    Args:
        url: of the server, which is asked for the repositories `s0`, `s1` and so on.
        colour: of the client.
        calls: one after the other.
        folder: has `helper/config.json` and `docker/config.json`.
    """
    command = [sys.executable, "-c", _PROGRAM, url, colour, json.dumps(calls), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]
