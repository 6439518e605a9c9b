"""`make facades`: the sync facades are what the async ones give, and the converter gives the same on every Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.facades import DOTTED, FACADES, MODULES, NAMES, PROJECT, WORDS, Conversion, Refused

PYTHONS = ["3.11", "3.12", "3.13"]

# What might go wrong: nested quotes in f-strings, bytes before the place of a change, and layout that must stay.
ASYNC = '''\
"""Async: a sample."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Self, overload

from acr._core.blobs import calls as blobs
from acr._core.talk.session import Session
from acr._facades.async_streams import AsyncBlobStream, AsyncListing
from acr._outside.sources import Uploadable, open_async_source, open_source

LAST = "…"  # a comment of the module


class AsyncSample:
    """A sample, as `AsyncSample` and "quotes" in its docstring.

    Example:
        async with AsyncSample(session) as sample:
            async for item in sample.items():
                await sample.check(item)
    """

    def __init__(self, session: Session, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._session = session
        self._sleep = sleep

    @property
    def title(self) -> str:
        """Its title."""
        return f"""<{self._session.registry["a"]!r}, {", ".join(f"{part!r:>{1 + 1}}" for part in self._parts)}>"""

    async def check(self, item: str) -> bool:
        """Whether it is there."""
        there = f"{item['é']}" + "é" + str(await blobs.exists(self._session, item))  # é: two bytes in UTF-8
        return "é" in there and await self.other() is not None

    async def other(
        self,  # a comment in the signature
    ) -> AsyncSample | None:
        # A comment before a block.
        checking = blobs.exists(self._session, "a")

        return self if await checking else None

    def items(self) -> AsyncIterator[str]:
        """Walk them."""
        return self._session.items()

    async def names(self) -> AsyncIterator[str]:
        async with AsyncSample(self._session) as sample:
            async for item in self.items():
                yield item + sample.title
            async for part in blobs.parts(self._session):
                yield part

    @overload
    def fetch(self, target: None = None) -> AsyncBlobStream: ...

    @overload
    def fetch(self, target: str) -> Coroutine[Any, Any, dict[str, int]]: ...

    @partial(staticmethod)
    def fetch(self, target: str | None = None) -> AsyncBlobStream | Coroutine[Any, Any, dict[str, int]]:
        if target is None:
            return AsyncBlobStream(blobs.stream(self._session))
        return blobs.fetch(self._session, partial(open_async_source, target))

    def listing(self, source: Uploadable) -> AsyncListing[str]:
        return AsyncListing(blobs.walk(open_source(self._session, source)))

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.runtime.aclose()
'''

SYNC = '''\
# Made by `make facades` from async_sample.py: change that file, then run the command.
"""Sync: a sample."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import Self, overload

from acr._core.blobs import calls as blobs
from acr._core.talk.session import Session
from acr._facades.streams import BlobStream, Listing
from acr._outside.sources import SyncUploadable, open_source
from acr._shells.stepping import iterate, run

LAST = "…"  # a comment of the module


class Sample:
    """A sample, as `Sample` and "quotes" in its docstring.

    Example:
        with Sample(session) as sample:
            for item in sample.items():
                sample.check(item)
    """

    def __init__(self, session: Session, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._session = session
        self._sleep = sleep

    @property
    def title(self) -> str:
        """Its title."""
        return f"""<{self._session.registry["a"]!r}, {", ".join(f"{part!r:>{1 + 1}}" for part in self._parts)}>"""

    def check(self, item: str) -> bool:
        """Whether it is there."""
        there = f"{item['é']}" + "é" + str(run(blobs.exists(self._session, item)))  # é: two bytes in UTF-8
        return "é" in there and self.other() is not None

    def other(
        self,  # a comment in the signature
    ) -> Sample | None:
        # A comment before a block.
        checking = blobs.exists(self._session, "a")

        return self if run(checking) else None

    def items(self) -> Iterator[str]:
        """Walk them."""
        return iterate(self._session.items())

    def names(self) -> Iterator[str]:
        with Sample(self._session) as sample:
            for item in self.items():
                yield item + sample.title
            for part in iterate(blobs.parts(self._session)):
                yield part

    @overload
    def fetch(self, target: None = None) -> BlobStream: ...

    @overload
    def fetch(self, target: str) -> dict[str, int]: ...

    @partial(staticmethod)
    def fetch(self, target: str | None = None) -> BlobStream | dict[str, int]:
        if target is None:
            return BlobStream(blobs.stream(self._session))
        return run(blobs.fetch(self._session, partial(open_source, target)))

    def listing(self, source: SyncUploadable) -> Listing[str]:
        return Listing(blobs.walk(open_source(self._session, source)))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        run(self._session.runtime.aclose())
'''


def converter(python: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the tool with a Python, and the ruff of this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [python, PROJECT / "tools" / "facades.py", *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PATH": path, "PYTHONUTF8": "1"},
        check=False,
    )


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    """Each Python that is claimed, if this machine has it."""
    version: str = request.param
    if sys.version.startswith(f"{version}."):
        return sys.executable
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no python{version} here")
    return found


def test_the_committed_facades_are_what_the_async_ones_give(python: str) -> None:
    done = converter(python, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_python_gives_the_same(python: str, tmp_path: Path) -> None:
    source = tmp_path / "async_sample.py"
    source.write_text(ASYNC, encoding="utf-8")

    done = converter(python, source)

    assert (done.returncode, done.stderr) == (0, "sample.py was written\n")
    assert (tmp_path / "sample.py").read_text(encoding="utf-8") == SYNC


def test_a_facade_that_was_edited_by_hand_is_found_and_made_anew(tmp_path: Path) -> None:
    source, target = tmp_path / "async_handles.py", tmp_path / "handles.py"
    shutil.copy(FACADES / source.name, source)
    converter(sys.executable, source)
    made = target.read_text(encoding="utf-8")
    target.write_text(made.replace("missing_ok=missing_ok", "missing_ok=True", 1), encoding="utf-8")

    found = converter(sys.executable, "--check", source)

    assert found.returncode == 1
    assert "make facades" in found.stderr
    assert re.findall(r"^[-+] .*", found.stdout, re.MULTILINE) == [
        "-        run(tags.delete(self._remote, self.name, missing_ok=True))",
        "+        run(tags.delete(self._remote, self.name, missing_ok=missing_ok))",
    ]
    assert converter(sys.executable, source).returncode == 0
    assert target.read_text(encoding="utf-8") == made


BODY = """\
import asyncio
from acr._core.blobs import calls
from acr._facades.async_streams import AsyncListing
class AsyncSample:
    async def own(self): ...
    async def sample(self, calls_of_user, listing):
        """

FUNCTION = """\
from acr._core.blobs import calls
class AsyncSample:
    """


@pytest.mark.parametrize(
    ("source", "line", "why"),
    [
        (f"{BODY}await listing", 7, "await, but 'listing' is unknown"),
        (f"{BODY}await listing.pages()", 7, r"await, but 'listing.pages\(\)' is unknown"),
        (f"{BODY}await self.inherited()", 7, r"await, but 'self.inherited\(\)' is unknown"),
        (f"{BODY}await self.tag('a').delete()", 7, "await, but .* is unknown"),
        (f"{BODY}await (calls.a() if listing else calls.b())", 7, "await, but .* is unknown"),
        (f"{BODY}await calls_of_user()", 7, "await, but .* is unknown"),
        (f"{BODY}calls = listing\n        await calls.exists()", 8, "await, but .* is unknown"),
        (f"{BODY}await anext(listing)", 7, "await, but .* is unknown"),
        (f"{BODY}await asyncio.gather(calls.a())", 7, "await, but .* is unknown"),
        (f"{BODY}asyncio.create_task(calls.a())", 7, "asyncio has no twin"),
        (f"{BODY}return partial(self.own)", 7, "self.own is not awaited"),
        (f"{BODY}async for item in listing: ...", 7, "async for, but 'listing' is unknown"),
        (f"{BODY}async with aclosing(calls.parts()) as x: ...", 7, "async with, but .* is unknown"),
        (f"{BODY}return [item async for item in calls.parts()]", 7, "an async comprehension"),
        (f"{BODY}return f'{{await calls.name()}}'", 7, "a change inside an f-string"),
        (f"{BODY}return (\n            f'a'\n            f'{{AsyncListing}}')", 8, "a change inside an f-string"),
        (f"{BODY}raise ValueError('use AsyncListing')", 7, "a text names the async colour"),
        (f"{BODY}raise ValueError(f'{{listing}}: await it')", 7, "a text names the async colour"),
        (f"{FUNCTION}def a(self) -> AsyncIterator[str]: return other()", 3, "return of a coroutine"),
        (f"{FUNCTION}def a(self) -> Coroutine[Any, Any, str]: return other()", 3, "return of a coroutine"),
        ("\nfrom collections.abc import AsyncGenerator", 2, "AsyncGenerator of collections.abc has no known twin"),
        ("from asyncio import sleep", 1, "sleep of asyncio has no known twin"),
        ("import asyncio as aio", 1, "asyncio as aio: import it by its own name"),
        (
            "from acr._facades.async_streams import AsyncListing as AsyncList",
            1,
            "AsyncListing as AsyncList: import it by its own name",
        ),
    ],
)
def test_what_it_does_not_know_it_refuses_with_file_and_line(source: str, line: int, why: str) -> None:
    with pytest.raises(Refused, match=rf"\Aasync_sample\.py:{line}: {why}"):
        Conversion("async_sample.py", source).result()


def test_a_refusal_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    source = tmp_path / "async_sample.py"
    source.write_text(f"{BODY}await listing\n", encoding="utf-8")

    done = converter(sys.executable, source)

    assert (done.returncode, done.stderr) == (1, "error: async_sample.py:7: await, but 'listing' is unknown\n")
    assert not (tmp_path / "sample.py").exists()


def test_every_entry_of_its_tables_is_needed() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in FACADES.glob("async_*.py"))
    names = [rf"\b{re.escape(name)}\b" for name in (*MODULES, *NAMES, *DOTTED)]
    assert [pattern for pattern in (*names, *WORDS) if not re.search(pattern, sources)] == []
