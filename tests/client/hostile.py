"""Answers that take many times their bytes of memory, and a process that measures what a client makes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

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
    "empty objects": ("tag_names", _filled(f'{{{_NAMES}"x":[', "{}", "]}")),
    "objects": ("tag_names", _distinct(f'{{{_NAMES}"x":[', '{"%":1}', "]}")),
    "arrays": ("tag_names", _filled(f'{{{_NAMES}"x":[', "[1]", "]}")),
    "arrays within arrays": ("tag_names", _filled(f'{{{_NAMES}"x":[', "[[],[]]", "]}")),
    "keys": ("tag_names", _distinct(f'{{{_NAMES}"x":{{', '"%":1', "}}")),
    "numbers": ("tag_names", _distinct(f'{{{_NAMES}"x":[', "1.%1", "]}")),
    "one text": ("tag_names", _filled(f'{{{_NAMES}"x":"', "a" * 1000, '"}')),
    "one wide text": ("tag_names", _filled(f'{{{_NAMES}"x":"\U0001f600', "a" * 1000, '"}')),
    "tags": ("tags", _distinct(f'{{{_NAMES}"tags":[', _TAG, "]}")),
    "manifests": ("manifests", _distinct(f'{{{_NAMES}"manifests":[', _MANIFEST, "]}")),
    "referrers": ("referrers", _distinct('{"schemaVersion":2,"manifests":[', _LAYER, "]}")),
    "a manifest": ("manifest", _distinct('{"schemaVersion":2,"layers":[', _LAYER, "]}")),
    "a manifest of objects": ("manifest", _filled('{"schemaVersion":2,"layers":[],"x":[', '{"a":1}', "]}")),
    "a manifest of keys": ("manifest", _distinct('{"schemaVersion":2,"layers":[],"x":{', '"%":1', "}}")),
}
"""By name: the call whose answer it is, and the text of about a number of bytes."""

_PROGRAM: Final = """
import asyncio, gc, json, sys
import acr

URL, COLOUR, NAMES = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def memory(what):
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith(what)).split()[1]) * 1024

async def walk(items):
    if hasattr(items, "__aiter__"):
        return [item async for item in items]
    return list(items)

async def done(result):
    return await result if hasattr(result, "__await__") else result

async def call(repository, name):
    if name == "manifest":
        return (await done(repository.manifest("v1").get())).layers
    if name == "referrers":
        return await walk(repository.manifest("sha256:" + "0" * 64).referrers())
    return await walk(getattr(repository, name)())

async def main():
    registry = (acr.Registry if COLOUR == "sync" else acr.AsyncRegistry)(URL)
    try:
        await call(registry.repository("warm"), "tags")
    except acr.AcrError:
        pass
    gc.collect()
    idle = memory("VmRSS")
    for number, name in enumerate(NAMES):
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")  # the peak begins anew
        try:
            result = len(await call(registry.repository(f"s{number}"), name))
        except acr.AcrError as error:
            result = type(error).__name__
        peak = memory("VmHWM") - idle
        print(json.dumps([peak, result]), flush=True)
        gc.collect()
    await done(registry.close())

asyncio.run(main())
"""


def peak_of(url: str, colour: str, calls: Sequence[str]) -> list[tuple[int, int | str]]:
    """What each call takes of memory at its peak, in bytes above the idle client; and its items, or its error.

    Args:
        url: of the server, which is asked for the repositories `s0`, `s1` and so on.
        colour: of the client.
        calls: one after the other.
    """
    command = [sys.executable, "-c", _PROGRAM, url, colour, json.dumps(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]
