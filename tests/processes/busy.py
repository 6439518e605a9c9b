"""A program for the tests of forks: a parent whose threads, or tasks, never stop calling, and children that call, too.

Each call asks for another manifest, so an answer that was meant for another call is seen. What happened is printed as
JSON.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import acr
from tests.patience import until, until_in_loop
from tests.processes.program import Child, Colour

TAGS: Final = 50
BUSY: Final = 6
"""Threads, or tasks, of the parent that call all the time."""

IDLE: Final = 16
"""Connections that the parent has had open at once: most of them are idle when it forks."""


def content_of(number: int) -> bytes:
    """The manifest of a tag."""
    return b'{"schemaVersion":2,"annotations":{"number":"%d"}}' % number


def options(ca: str) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=ca) if ca else None
    return {"retries": acr.Retries(limit=0), "ssl_context": context}


def verdict(asked: int, answer: acr.Manifest) -> str:
    return "right" if answer.content == content_of(asked) else "foreign"


def asked(app: acr.Repository, number: int) -> str:
    try:
        return verdict(number, app.manifest(f"t{number}").get())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        return f"failed: {type(error).__name__}"


async def asked_async(app: acr.AsyncRepository, number: int) -> str:
    try:
        return verdict(number, await app.manifest(f"t{number}").get())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        return f"failed: {type(error).__name__}"


def summed(children: list[Any], parent: Counter[str]) -> dict[str, Counter[str]]:
    seen: Counter[str] = Counter()
    for child in children:
        seen.update(Counter({child: 1}) if isinstance(child, str) else child)
    return {"children": seen, "parent": parent}


def sync_child(app: acr.Repository, seed: int, calls: int) -> Counter[str]:
    """Its calls come from two threads: threads of the parent's client are not there any more."""
    with ThreadPoolExecutor(2) as pool:
        return Counter(pool.map(lambda number: asked(app, (seed * 7 + number * 3) % TAGS), range(calls)))


def run_sync(
    colour: Colour, url: str, username: str, password: str, ca: str, children: int, calls: int
) -> dict[str, Counter[str]]:
    registry = acr.Registry(url, acr.UsernamePassword(username, password), **options(ca))
    app = registry.repository("app")
    with ThreadPoolExecutor(IDLE) as pool:
        assert set(pool.map(partial(asked, app), range(2 * IDLE))) == {"right"}
    stop, seen = threading.Event(), [Counter[str]() for _ in range(BUSY)]

    def busy(which: int) -> None:
        number = which
        while not stop.is_set():
            number = (number + 1) % TAGS
            seen[which][asked(app, number)] += 1

    threads = [threading.Thread(target=busy, args=(which,)) for which in range(BUSY)]
    for thread in threads:
        thread.start()
    forked: list[Child] = []
    for seed in range(children):
        enough = sum(map(Counter.total, seen)) + 5 * BUSY
        until(lambda enough=enough: sum(map(Counter.total, seen)) >= enough)  # type: ignore[misc]
        forked.append(colour.forked(partial(sync_child, app, seed, calls)))
    seen_there = [child.found() for child in forked]
    stop.set()
    for thread in threads:
        thread.join()
    registry.close()
    return summed(seen_there, sum(seen, Counter[str]()))


async def async_child(app: acr.AsyncRepository, seed: int, calls: int) -> Counter[str]:
    numbers = [(seed * 7 + number * 3) % TAGS for number in range(calls)]
    seen: Counter[str] = Counter()
    for at in range(0, calls, 2):
        seen.update(await asyncio.gather(*(asked_async(app, number) for number in numbers[at : at + 2])))
    return seen


def run_child(app: acr.AsyncRepository, seed: int, calls: int) -> Counter[str]:
    return asyncio.run(async_child(app, seed, calls))


async def run_async(
    colour: Colour, url: str, username: str, password: str, ca: str, children: int, calls: int
) -> dict[str, Counter[str]]:
    registry = acr.AsyncRegistry(url, acr.UsernamePassword(username, password), **options(ca))
    app = registry.repository("app")
    assert set(await asyncio.gather(*(asked_async(app, number) for number in range(IDLE)))) == {"right"}
    seen: Counter[str] = Counter()

    async def busy(number: int) -> None:
        while True:
            number = (number + 1) % TAGS
            seen[await asked_async(app, number)] += 1

    tasks = [asyncio.ensure_future(busy(which)) for which in range(BUSY)]
    forked: list[Child] = []
    for seed in range(children):
        enough = seen.total() + 5 * BUSY
        await until_in_loop(lambda enough=enough: seen.total() >= enough)  # type: ignore[misc]
        forked.append(colour.forked(partial(run_child, app, seed, calls)))
    seen_there = [await asyncio.to_thread(child.found) for child in forked]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await registry.close()
    return summed(seen_there, seen)


def main() -> None:
    name, *arguments = map(json.loads, sys.argv[1:])
    colour = Colour(name)
    found = asyncio.run(run_async(colour, *arguments)) if colour.is_async else run_sync(colour, *arguments)
    print(json.dumps(found))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
