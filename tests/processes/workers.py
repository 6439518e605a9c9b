"""A program for the tests of multiprocessing: workers that make clients of their own, and send values to and fro."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
from typing import Any

import acr

INHERITED: list[acr.Registry | acr.AsyncRegistry] = []
"""What workers of the method `fork` have of their parent."""


def connect(colour: str, url: str, credential: acr.UsernamePassword) -> acr.Registry | acr.AsyncRegistry:
    return acr.AsyncRegistry(url, credential) if colour == "async" else acr.Registry(url, credential)


def looked_up(registry: acr.Registry | acr.AsyncRegistry, tag: str) -> acr.Manifest:
    if isinstance(registry, acr.Registry):
        return registry.repository("app").manifest(tag).get()
    return asyncio.run(registry.repository("app").manifest(tag).get())


def work(colour: str, url: str, credential: acr.UsernamePassword, asked: acr.Descriptor) -> acr.Manifest:
    """Values come in, and go out; so do errors."""
    return looked_up(INHERITED[0] if INHERITED else connect(colour, url, credential), asked.annotations["tag"])


def use(_: object) -> None:
    """A client does not get here."""


def main(method: str, colour: str, url: str, username: str, password: str) -> dict[str, Any]:
    credential = acr.UsernamePassword(username, password)
    registry = connect(colour, url, credential)
    right = looked_up(registry, "v1")
    if method == "fork":
        INHERITED.append(registry)
    found: dict[str, Any] = {}
    with multiprocessing.get_context(method).Pool(2) as pool:

        def sent(tag: str) -> Any:
            platform = acr.Platform.parse("linux/arm64")
            asked = acr.Descriptor("a/b", right.digest, 1, annotations={"tag": tag}, platform=platform)
            return pool.apply_async(work, (colour, url, credential, asked)).get(60)

        found["right"] = all(sent("v1") == right for _ in range(20))
        try:
            sent("v2")
        except acr.NotFound as error:
            found["missing"] = [error.status, list(error.codes)]
        try:
            pool.apply(use, (registry,))
        except TypeError as error:
            found["refused"] = str(error)
    found["parent"] = looked_up(registry, "v1") == right
    return found


if __name__ == "__main__":
    print(json.dumps(main(*map(json.loads, sys.argv[1:]))))  # noqa: T201 - what the test reads
