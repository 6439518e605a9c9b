"""Verifying: asks the registry for each blob that its manifests name, one HEAD a blob and repository."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, Final

import attrs

from acr._core.blobs import calls
from acr._core.storage import Checkpoint
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._core.upkeep.pace import MOST_AT_ONCE, Pace
from acr._inventory.blobs import Wrong, count, findings, fingerprint, uses
from acr._inventory.reports import Check
from acr._inventory.tables import Tables
from acr._values.arguments import check_callback, check_count
from acr._values.digest import Digest
from acr.errors import InvalidInput

_SLICE: Final = 500
_LARGEST: Final = 60_000
"""Characters of a checkpoint. If so many blobs are wrong that it has more, it stays where it was."""

Tell = Callable[[int, int], None]


async def verify(
    session: Session,
    tables: Tables,
    *,
    rate: float | None,
    concurrency: int,
    checkpoint: Checkpoint | None,
    progress: Tell | None,
) -> Check:
    """Ask for each blob.

    Args:
        session: the client.
        tables: the inventory.
        rate: requests a minute; None for as many as there are.
        concurrency: requests at the same time.
        checkpoint: where to note how far this got, so that a later call goes on there.
        progress: is told how many blobs were asked for, and how many there are.

    Raises:
        InvalidInput: the inventory is of another registry, or an option makes no sense.
        ResponseError, TransportError, CredentialError: the registry does not answer for a blob.
    """
    check_count("concurrency", concurrency, most=MOST_AT_ONCE)
    check_callback("progress", progress)
    pace = Pace(session.runtime, rate)
    if tables.registry != session.registry.netloc:
        raise InvalidInput(f"the inventory is of {tables.registry}, and not of {session.registry.netloc}")
    blocking = session.runtime.blocking
    total = await blocking(count, tables)
    text = None if checkpoint is None else await blocking(checkpoint.load)
    search = _Search(session, tables, pace, *_resumed(text, total, tables))
    left = islice(uses(tables), search.done, None)
    while some := list(islice(left, _SLICE)):
        tasks = [partial(search.look, *one) for one in some]
        await session.runtime.gather(concurrency, tasks, width=session.learned.throttles.width)
        search.done += len(some)
        if checkpoint is not None and len(state := search.state()) <= _LARGEST:
            await blocking(checkpoint.save, state)
        if progress is not None:
            progress(search.done, total)
    found = await blocking(findings, tables, search.wrong)
    if checkpoint is not None:
        await blocking(checkpoint.clear)
    manifests = len(tables.manifests.content)
    return Check(findings=tuple(found), manifests=manifests, blobs=total, is_whole=tables.is_whole)


@attrs.define
class _Search:
    """How far a search for blobs got, and what it found.

    Args:
        session: the client.
        tables: the inventory.
        pace: of all requests.
        done: blobs that were asked for.
        wrong: what is wrong, by repository and content.
    """

    session: Session
    tables: Tables
    pace: Pace
    done: int
    wrong: dict[tuple[int, int], Wrong]

    async def look(self, repository: int, content: int, expected: int | None) -> None:
        """Ask for a blob of a repository."""
        remote = Remote(self.session, self.tables.repositories.name[repository])
        await self.pace.wait()
        found = await calls.find(remote, Digest(self.tables.contents.digests[content]), expected)
        if found is None or expected not in (None, found.size):
            self.wrong[repository, content] = Wrong(repository, content, None if found is None else found.size)

    def state(self) -> str:
        """What a checkpoint holds."""
        rows = [[one.repository, one.content, one.size] for one in self.wrong.values()]
        return json.dumps({"inventory": fingerprint(self.tables), "done": self.done, "wrong": rows})


def _resumed(text: str | None, total: int, tables: Tables) -> tuple[int, dict[tuple[int, int], Wrong]]:
    """How far an earlier call got, and what it found; nothing if it was of another inventory, or if it is damaged."""
    try:
        state = json.loads(text or "{}")
        done = state["done"]
        if state["inventory"] == fingerprint(tables) and type(done) is int and 0 <= done <= total:
            return done, {(one.repository, one.content): one for one in _rows(state["wrong"], tables)}
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return 0, {}


def _rows(rows: Any, tables: Tables) -> Iterator[Wrong]:
    """What was wrong.

    Raises:
        ValueError: a number stands for nothing.
    """
    repositories, contents = range(len(tables.repositories.name)), range(len(tables.contents.size))
    for repository, content, size in rows:
        if repository not in repositories or content not in contents or not isinstance(size, int | None):
            raise ValueError
        yield Wrong(repository, content, size)
