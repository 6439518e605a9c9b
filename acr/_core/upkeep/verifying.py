"""Verifying: asks the registry for each blob that its manifests name, one HEAD a blob and repository."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final

from acr._core.blobs import calls
from acr._core.storage import Checkpoint
from acr._core.talk.session import Session
from acr._core.upkeep.pace import Pace
from acr._inventory.blobs import Wrong, count, findings, fingerprint, uses
from acr._inventory.reports import Check
from acr._inventory.tables import Tables
from acr.errors import InvalidInput

_SLICE: Final = 500
_MOST_AT_ONCE: Final = 32
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
    if tables.registry != session.registry.netloc:
        raise InvalidInput(f"the inventory is of {tables.registry}, and not of {session.registry.netloc}")
    if not 1 <= concurrency <= _MOST_AT_ONCE:
        raise InvalidInput(f"concurrency={concurrency}: expected 1 to {_MOST_AT_ONCE}")
    pace = Pace(session.runtime, rate)
    blocking, name = session.runtime.blocking, fingerprint(tables)
    text = None if checkpoint is None else await blocking(checkpoint.load)
    done, wrong = _resumed(text, name)
    total = await blocking(count, tables)

    async def look(repository: int, content: int, expected: int | None) -> None:
        digest = tables.contents.digests[content]
        await pace.wait()
        found = await calls.find(session, tables.repositories.name[repository], digest, expected)
        if found is None or expected not in (None, found.size):
            wrong[repository, content] = Wrong(repository, content, None if found is None else found.size)

    left = islice(uses(tables), done, None)
    while some := list(islice(left, _SLICE)):
        tasks = [partial(look, *one) for one in some]
        await session.runtime.gather(concurrency, tasks, width=session.sender.throttle.width)
        done += len(some)
        if checkpoint is not None and len(state := _state(name, done, wrong)) <= _LARGEST:
            await blocking(checkpoint.save, state)
        if progress is not None:
            progress(done, total)
    result = Check(findings=tuple(findings(tables, wrong)), manifests=len(tables.manifests.content), blobs=total)
    if checkpoint is not None:
        await blocking(checkpoint.clear)
    return result


def _state(name: str, done: int, wrong: Mapping[tuple[int, int], Wrong]) -> str:
    rows = [[one.repository, one.content, one.size] for one in wrong.values()]
    return json.dumps({"inventory": name, "done": done, "wrong": rows})


def _resumed(text: str | None, name: str) -> tuple[int, dict[tuple[int, int], Wrong]]:
    """How far an earlier call got, and what it found; nothing if it was of another inventory."""
    try:
        state = json.loads(text or "{}")
        if isinstance(state, dict) and state.get("inventory") == name:
            return int(state["done"]), {(one.repository, one.content): one for one in _rows(state["wrong"])}
    except (ValueError, KeyError, TypeError):
        pass
    return 0, {}


def _rows(rows: Any) -> Iterator[Wrong]:
    for repository, content, size in rows:
        yield Wrong(int(repository), int(content), None if size is None else int(size))
