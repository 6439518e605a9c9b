"""Inputs that are nearly right: valid seeds, changed a little. The same number gives the same inputs in each run."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

INPUTS: Final = int(os.environ.get("ACR_FUZZ_INPUTS", "200"))
"""For each parser. `make test-fuzz` has a hundred times as many as the suite."""

_PIECES: Final = (
    b"", b"\0", b"\n", b"\r\n", b" ", b"%", b"%00", b"%2F", b"%ff", b"..", b"/", b"//", b":", b"=", b"&", b";", b",",
    b'"', b"\\", b"\\ud800", b"-1", b"0", b"1", b"9" * 19, b"9" * 400, b"1e999", b"NaN", b"null", b"true", b"[]", b"{}",
    b"[" * 2000, b"\xff", b"\xc2\xb2", "\u202e".encode(), "\U0001f600".encode(), b"sha256:", b"sha512:",
    b"sha256:" + b"0" * 64,
)  # fmt: skip

_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, 10**400, 1.5, "", "x", "\ud800", "\0", "a" * 5000, [], {},
    [[]], [None], {"": None}, "sha256:" + "0" * 64, "sha512:" + "0" * 128, "md5:" + "0" * 32,
)  # fmt: skip


def mutations(seeds: Sequence[bytes], count: int, number: int = 20210701) -> Iterator[bytes]:
    """So many inputs, of some of which nothing is changed. What is JSON is changed as JSON half of the time."""
    chance = random.Random(number)
    for _ in range(count):
        data = chance.choice(seeds)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
            data = _changed_json(chance, data) if chance.random() < 0.5 else _changed(chance, data, seeds)
        yield data


def _changed(chance: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    changes: tuple[Callable[[], bytes], ...] = (
        lambda: data[:first] + chance.choice(_PIECES) + data[first:],
        lambda: data[:first] + data[first + 1 :],
        lambda: data[:first] + data[last:],
        lambda: data[:first] + chance.randbytes(1) + data[first + 1 :],
        lambda: data[:last] + data[first:],
        lambda: data[:first] + chance.choice(seeds)[first:],
        lambda: data[:first],
        lambda: data + chance.choice(_PIECES),
        data.swapcase,
    )
    return chance.choice(changes)()


def _changed_json(chance: random.Random, data: bytes) -> bytes:
    try:
        value = json.loads(data)
        places = list(_places(value))
    except (ValueError, RecursionError):
        return data
    if not places:
        return data
    container, key = chance.choice(places)
    change = chance.randrange(4)
    if change == 0:
        del container[key]
    elif change == 1:
        container[key] = chance.choice(_VALUES)
    elif change == 2:
        container[key] = [container[key]] * chance.choice((1, 2, 50))
    else:
        other, place = chance.choice(places)
        container[key] = json.loads(json.dumps(other.get(place) if isinstance(other, dict) else other[place]))
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a JSON value where there is another one."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)
