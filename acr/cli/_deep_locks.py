"""Deep locks, for `lock` and `unlock`: a tag or manifest with all that belongs to it, and a file of what was before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import acr
from acr.cli._actions import Status, planned, print_outcomes
from acr.cli._context import Context, files_there, path_arguments
from acr.cli._errors import exit_code, reason, tell
from acr.cli._exits import DONE, FAILED, INCOMPLETE, CommandError, Usage
from acr.cli._missing import explained
from acr.cli._output.rows import Row
from acr.cli._references import Place

_LARGEST_STATE: Final = 64 * 1024**2


def run_deep(context: Context, verb: str) -> int:
    """Lock deeply, or unlock: as `verb` says.

    Raises:
        Usage: the options do not go together, or the file of the state is there, is not there, or is none.
    """
    options = context.options
    if options.what is not None:
        raise Usage("--deep and --state are about write and delete: leave --what out")
    if options.state is not None and verb == "unlock":
        if options.references or options.deep:
            raise Usage("--state says what is unlocked: name no references, and leave --deep out")
        return _put_back(context, files_there([options.state])[0])
    if options.state is not None and (not options.deep or len(options.references) != 1):
        raise Usage("--state is for --deep, and for one reference")
    if not options.references:
        raise Usage("what is to be unlocked?", hint="write REPO:TAG, or pass --state FILE")
    places = [context.names.exactly(text, verb) for text in dict.fromkeys(options.references)]
    context.clients.expect(*(place.host for place in places))
    act = _lock if verb == "lock" else _unlock
    return _print(context, [(verb, place, partial(act, context, place)) for place in places])


Work = tuple[str, Place, Callable[[], Iterator[Row]]]


def _print(context: Context, works: Sequence[Work]) -> int:
    """Do each of some works, and print what came of it. One that fails does not stop the others."""
    ahead = [planned(verb, str(place), place.digest) for verb, place, _ in works]
    if context.options.dry_run:
        print_outcomes(context, [{**row, "reason": "with what belongs to it"} for row in ahead])
        return DONE
    codes: list[int] = []

    def rows() -> Iterator[Row]:
        for (verb, place, work), row in zip(works, ahead, strict=True):
            try:
                yield from work()
                codes.append(DONE)
            except (acr.AcrError, CommandError) as raised:
                error = explained(context, raised)
                tell(context.terminal, error, f"{verb} {place}")
                codes.append(exit_code(error))
                yield {**row, "status": "failed", "reason": reason(error)}

    print_outcomes(context, rows(), ahead=ahead)
    bad = {code for code in codes if code != DONE}
    if not bad:
        return DONE
    return INCOMPLETE if DONE in codes else bad.pop() if len(bad) == 1 else FAILED


def _row(verb: str, place: Place, item: acr.LockItem, status: Status, why: str | None = None) -> Row:
    name = place.named(item.name or item.digest)
    return {**planned(verb, name, item.digest), "status": status, "reason": why}


def _lock(context: Context, place: Place) -> Iterator[Row]:
    path = None if context.options.state is None else Path(path_arguments([context.options.state])[0])
    if path is not None:
        _reserve(path)
    try:
        state = context.clients.repository(place).lock(place.reference or "", deep=True)
    except BaseException:
        if path is not None:
            path.unlink(missing_ok=True)
        raise
    if path is not None:
        _keep(context, place, state, path)
    for item in state.items:
        is_new = item.can_write or item.can_delete
        yield _row("lock", place, item, "done" if is_new else "skipped", None if is_new else "it was so already")


def _reserve(path: Path) -> None:
    """Make the file of a state, before anything is locked.

    Raises:
        Usage: there is one. It may say what was before an earlier lock, which nobody else knows.
        OSError: it cannot be made.
    """
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise Usage(f"--state: there is a file {str(path)!r}", hint="it may be the state of an earlier lock") from None


def _keep(context: Context, place: Place, state: acr.LockState, path: Path) -> None:
    """Write a state down. If that fails, nothing stays locked: nobody would know what was before."""
    try:
        path.write_text(json.dumps(state.to_dict(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        context.clients.repository(place).unlock(state)
        raise CommandError(f"{path} cannot be written ({error.strerror}), so the locks were taken off again") from None


def _unlock(context: Context, place: Place) -> Iterator[Row]:
    found = context.clients.repository(place).unlock(place.reference or "", deep=True)
    yield from _unlocked(place, found)


def _unlocked(place: Place, found: acr.Unlocked) -> Iterator[Row]:
    for item in found.items:
        is_open = item.can_write and item.can_delete
        yield _row("unlock", place, item, "done" if is_open else "skipped", None if is_open else "as it was before")
    for name, why in found.still_locked.items():
        yield {**planned("unlock", place.named(name), _digest(name)), "status": "skipped", "reason": why}
    for name in found.absent:
        yield {**planned("unlock", place.named(name), _digest(name)), "status": "skipped", "reason": "it is gone"}


def _digest(name: str) -> str | None:
    return name if ":" in name else None


def _put_back(context: Context, path: str) -> int:
    """Put back what a file says. The registry is the one that the user names: the file may be anybody's.

    Raises:
        Usage: the file is no state, or of another registry.
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(_LARGEST_STATE + 1)
    try:
        state = acr.LockState.from_dict(json.loads(content[:_LARGEST_STATE]))
    except (ValueError, RecursionError, acr.ProtocolViolation) as error:
        raise Usage(f"--state: {path!r} is no state of a lock: {error}") from None
    place = context.names.place(state.repository)
    registry = context.clients.registry(place.host)
    if registry.login_server != state.registry:
        raise Usage(
            f"the state is of {state.registry}, and the registry that you name is {registry.login_server}",
            hint=f"if that is meant, pass --registry {state.registry}",
        )
    repository = registry.repository(place.repository)
    return _print(context, [("unlock", place, lambda: _unlocked(place, repository.unlock(state)))])
