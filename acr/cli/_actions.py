"""Actions: what a command has done, would do, or could not do, item by item. Each is printed as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

import acr
from acr.cli._context import Context
from acr.cli._errors import exit_code, reason, tell
from acr.cli._exits import DONE, FAILED, INCOMPLETE, CommandError
from acr.cli._missing import explained
from acr.cli._output.rows import Column, Row, print_rows
from acr.cli._output.words import counted, with_short_digests

Status = Literal["done", "planned", "failed", "changed", "skipped"]


def _reason(row: Row) -> str:
    """The reason in a table, with the beginnings of digests."""
    return with_short_digests(row["reason"] or "-")


COLUMNS: Final = (
    Column("reference", "text", "the tag, manifest, repository or layout", 0, shortens=True),
    Column("action", "text", "what is done to it", 1),
    Column("status", "text", "done, planned (--dry-run), failed, changed (meanwhile, so it was left) or skipped", 1),
    Column("digest", "text", "digest of the manifest", 3, lambda row: str(row["digest"] or "-")[:19], null=True),
    Column("reason", "text", "why it was not done, or what else there is to say", 2, _reason, null=True, wraps=True),
)


_WIDEST: Final = "sha256:" + "0" * 64
"""A digest to measure a column by, before the digests are known."""


class Outcome(NamedTuple):
    """What came of an action.

    Args:
        skipped: why it was not needed; None if it was done.
        digest: of the manifest, if it is known only now.
        reason: what else there is to say.
    """

    skipped: str | None = None
    digest: str | None = None
    reason: str | None = None


class Action(NamedTuple):
    """Something to do.

    Args:
        name: such as `untag`.
        reference: to what, as the user would type it.
        digest: of the manifest, if it is known.
        do: does it.
    """

    name: str
    reference: str
    digest: str | None
    do: Callable[[], Outcome]


class Changed(CommandError):
    """What was to be changed is no longer what it was."""

    code = INCOMPLETE


def _reference(row: Row) -> str:
    return str(row["reference"])


def perform(context: Context, actions: Iterable[Action], name: Callable[[Row], str] = _reference) -> int:
    """Do all actions, or say what they would be.

    One that fails does not stop the others. The rows come as they are done, also in a pipe: what was done must be
    known even if the next one fails.

    Args:
        context: of the command.
        actions: what to do, in this order.
        name: what a row is called in the format `name`.

    Returns:
        The exit code.
    """
    outcomes: list[Status] = []
    codes: list[int] = []

    def rows() -> Iterator[Row]:
        for action in actions:
            row, code = _outcome(context, action)
            outcomes.append(row["status"])
            codes.append(code)
            yield row

    actions = list(actions)
    print_outcomes(context, rows(), name, ahead=[_planned(action) for action in actions])
    bad = sum(status in ("failed", "changed") for status in outcomes)
    if bad == 0:
        return DONE
    if bad < len(outcomes) or "changed" in outcomes:
        return INCOMPLETE
    return codes[0] if len(set(codes)) == 1 else FAILED


def print_outcomes(
    context: Context,
    rows: Iterable[Row],
    name: Callable[[Row], str] = _reference,
    *,
    ahead: Sequence[Row] | None = None,
) -> None:
    """Print what was done, as it is known.

    Args:
        context: of the command.
        rows: have the fields of `COLUMNS`.
        name: what a row is called in the format `name`.
        ahead: rows to measure a table by, if each row has to show at once.
    """
    measured = None if ahead is None else [{**row, "digest": _WIDEST} for row in ahead]
    printing = context.printing(stream=True)._replace(ahead=measured)
    if printing.format == "name" and not printing.fields:
        # In a pipe a name stands for what was done: others go on with it. The summary tells of all.
        left = _Left()
        print_rows(
            context.terminal, printing, COLUMNS, left.counted(rows), lambda row: name(row) if _is_done(row) else None
        )
        left.tell(context)
    else:
        print_rows(context.terminal, printing, COLUMNS, rows, name)


def _is_done(row: Row) -> bool:
    return row["status"] in ("done", "planned")


class _Left:
    """Counts what was left, because names in a pipe do not tell of it."""

    def __init__(self) -> None:
        self._all = 0
        self._reasons: list[str] = []

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, which are counted as they pass."""
        for row in rows:
            self._all += 1
            if row["status"] in ("skipped", "changed"):
                self._reasons.append(row["reason"])
            yield row

    def tell(self, context: Context) -> None:
        """Say it in one line."""
        left = len(self._reasons)
        if not left:
            return
        is_dry = context.options.dry_run
        verb = "would be" if is_dry else "was" if left == 1 else "were"
        nothing = f"nothing {'would be' if is_dry else 'was'} done: " if left == self._all else ""
        why = self._reasons[0] if len(set(self._reasons)) == 1 else "`-o table` says why"
        context.terminal.note(f"{nothing}{counted(left, 'item')} {verb} left: {why}")


def _outcome(context: Context, action: Action) -> tuple[Row, int]:
    row = _planned(action)
    if context.options.dry_run:
        return row, DONE
    try:
        outcome = action.do()
    except (acr.AcrError, CommandError) as raised:
        error = explained(context, raised)
        status: Status = "changed" if isinstance(error, Changed) else "failed"
        tell(context.terminal, error, f"{action.name} {action.reference}")
        return {**row, "status": status, "reason": reason(error)}, exit_code(error)
    more = {"digest": outcome.digest or action.digest, "reason": outcome.skipped or outcome.reason}
    return {**row, **more, "status": "skipped" if outcome.skipped else "done"}, DONE


def _planned(action: Action) -> Row:
    return planned(action.name, action.reference, action.digest)


def planned(action: str, reference: str, digest: str | None) -> Row:
    """A row of something that is not done yet."""
    return {"action": action, "reference": reference, "digest": digest, "status": "planned", "reason": None}
