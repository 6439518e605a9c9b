"""What a parser is to the fuzzer: a function of bytes, valid inputs, and the errors that it may refuse others with."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from acr.errors import AcrError


@attrs.frozen
class Parser:
    """A parser.

    Args:
        name: of the test.
        read: reads an input. It returns None, or raises one of `refusals`, if it does not take it.
        seeds: inputs that it takes. What is mutated begins with them.
        refusals: what it may raise.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...]

    def takes(self, data: bytes) -> bool:
        """Whether it takes an input.

        Raises:
            AssertionError: it raised something that it must not raise, or an error whose text cannot be printed.
        """
        try:
            return self.read(data) is not None
        except self.refusals as error:
            if isinstance(error, AcrError) and not str(error).isprintable():
                raise AssertionError(f"{self.name} of {data[:2000]!r}") from error
            return False
        except Exception as error:
            raise AssertionError(f"{self.name} of {data[:2000]!r}") from error


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one input; in memory, if the system has such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a name that nobody can guess is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def documents(*values: Any) -> tuple[bytes, ...]:
    """JSON documents."""
    return tuple(json.dumps(value).encode() for value in values)


def text(data: bytes) -> str:
    """An argument. What is no UTF-8 becomes lone surrogates, as of names of files and of variables."""
    return data.decode(errors="surrogateescape")


HEX: Final = "0123456789abcdef" * 4
DIGEST: Final = f"sha256:{HEX}"
