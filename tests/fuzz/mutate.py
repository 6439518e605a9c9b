"""Inputs that are nearly right: valid seeds, changed a little. The same number gives the same inputs in each run.

Hypothesis, which other tests use, makes inputs of a description and not of seeds: most of them are refused at their
first byte. Atheris begins with seeds, but has wheels for a few versions of Python alone.
"""

from __future__ import annotations

import json
import os
import random
import re
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

_UNKNOWN: Final[tuple[Any, ...]] = (None, True, 0, -1, 2**63, 1.5, "", "x", [], {}, [{"a": [None]}])

_KINDS: Final = (b"0123456789", b"abcdef", b"ghijklmnopqrstuvwxyz", b"ABCDEF", b"GHIJKLMNOPQRSTUVWXYZ")
_SPELT: Final = re.compile(rb"[0-9a-zA-Z]")

_KEEPS_THE_FORM: Final = 0.4
"""The share of inputs that do."""

_MOST_PLACES: Final = 500
_DEEP: Final = "deep"
"""Stands for lists in lists."""


def mutations(seeds: Sequence[bytes], count: int, number: int = 20210701) -> Iterator[bytes]:
    """So many inputs, none of which is a seed.

    Some keep the form: a letter becomes another letter, an object of JSON has a key more. Most parsers take those. The
    others are changed anyhow, up to three times; half of these changes are made to JSON, if an input has any.

    An input may be JSON, or begin with something else, such as headers, and an empty line.
    """
    chance = random.Random(number)
    known = frozenset(seeds)
    left = count
    while left:
        data = chance.choice(seeds)
        if chance.random() < _KEEPS_THE_FORM:
            data = _rewritten_json(chance, data) if chance.random() < 0.5 else _respelled(chance, data)
        else:
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                data = _changed_json(chance, data) if chance.random() < 0.5 else _changed(chance, data, seeds)
        if data not in known:  # a change may change nothing, or make another seed of one
            left -= 1
            yield data


def _respelled(chance: random.Random, data: bytes) -> bytes:
    """With another letter, hexadecimal letter or digit in the place of one of its kind."""
    places = [match.start() for match in _SPELT.finditer(data)]
    if not places:
        return data
    at = chance.choice(places)
    kind = next(kind for kind in _KINDS if data[at] in kind)
    return data[:at] + bytes([chance.choice(kind)]) + data[at + 1 :]


def _rewritten_json(chance: random.Random, data: bytes) -> bytes:
    """With another layout, in another order, or with a key that nobody knows. What is no JSON is respelled."""
    before, gap, text = data.rpartition(b"\n\n")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _respelled(chance, data)
    objects = [item for item in (value, *(inner[key] for inner, key in _places(value))) if isinstance(item, dict)]
    if objects:
        item = chance.choice(objects)
        pairs = [*item.items(), (f"x-{chance.randrange(10**6)}", chance.choice(_UNKNOWN))]
        item.clear()
        item.update(chance.sample(pairs, len(pairs)))
    return (
        before
        + gap
        + json.dumps(value, indent=chance.choice((None, 0, 3)), ensure_ascii=chance.random() < 0.5).encode()
    )


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
    before, gap, text = data.rpartition(b"\n\n")
    try:
        value = json.loads(text)
        places = _places(value)
        if not places:
            return data
        container, key = chance.choice(places)
        change = chance.randrange(5)
        if change == 0:
            del container[key]
        elif change == 1:
            container[key] = chance.choice(_VALUES)
        elif change == 2:
            container[key] = [container[key]] * chance.choice((1, 2, 50))
        elif change == 3:
            container[key] = _DEEP
        else:
            other, place = chance.choice(places)
            container[key] = json.loads(json.dumps(other.get(place) if isinstance(other, dict) else other[place]))
        written = json.dumps(value)
    except (ValueError, RecursionError):
        return data
    # Python reads some 990 levels, and writes as many: whoever writes what was read must not rely on that.
    depth = chance.choice((1, 5, chance.randrange(1000)))
    return before + gap + written.replace(json.dumps(_DEEP), "[" * depth + "]" * depth).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Some of the places in a JSON value where there is another one; each, unless there are very many."""
    found: list[tuple[Any, Any]] = []
    left = [value]
    while left and len(found) < _MOST_PLACES:
        inner = left.pop()
        keys = list(inner) if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ()
        found += [(inner, key) for key in keys]
        left += [inner[key] for key in keys]
    return found
