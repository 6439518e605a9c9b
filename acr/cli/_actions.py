"""Actions: what a command has done, would do, or could not do, item by item. Each is printed as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

import acr
from acr.cli._context import Context
from acr.cli._errors import hint_of, reason
from acr.cli._exits import DONE, FAILED, INCOMPLETE, NOT_SIGNED_IN, CommandError
from acr.cli._rows import Column, Printing, Row, print_rows

Status = Literal["done", "planned", "failed", "changed", "skipped"]

COLUMNS: Final = (
    Column("action", "text", "what is done", 1),
    Column("reference", "text", "to what", 0),
    Column("status", "text", "done, planned (--dry-run), failed, changed (meanwhile, so it was left) or skipped", 1),
    Column("digest", "text", "digest of the manifest", 3, lambda row: str(row["digest"] or "-")[:19]),
    Column("reason", "text", "why it was not done", 2),
)


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

    fields = tuple(field.strip() for field in context.options.fields.split(",")) if context.options.fields else ()
    shown = _without_failures(rows()) if context.format == "name" and not fields else rows()
    printing = Printing(context.format, fields, stream=True)
    print_rows(context.terminal, printing, COLUMNS, shown, name)
    bad = sum(status in ("failed", "changed") for status in outcomes)
    if bad == 0:
        return DONE
    if bad < len(outcomes) or "changed" in outcomes:
        return INCOMPLETE
    return NOT_SIGNED_IN if set(codes) == {NOT_SIGNED_IN} else FAILED


def _without_failures(rows: Iterable[Row]) -> Iterator[Row]:
    """In a pipe a name stands for what was done: others go on with it."""
    return (row for row in rows if row["status"] in ("done", "planned"))


def _outcome(context: Context, action: Action) -> tuple[Row, int]:
    row: dict[str, str | None] = {
        "action": action.name,
        "reference": action.reference,
        "digest": action.digest,
        "reason": None,
    }
    if context.options.dry_run:
        return {**row, "status": "planned"}, DONE
    try:
        outcome = action.do()
    except (acr.AcrError, CommandError) as error:
        from acr.cli._errors import exit_code  # most actions succeed

        status: Status = "changed" if isinstance(error, Changed) else "failed"
        hint = hint_of(error)
        context.terminal.warn(f"{action.name} {action.reference}: {reason(error)}{f' ({hint})' if hint else ''}")
        return {**row, "status": status, "reason": reason(error)}, exit_code(error)
    row |= {"digest": outcome.digest or action.digest, "reason": outcome.skipped or outcome.reason}
    return {**row, "status": "skipped" if outcome.skipped else "done"}, DONE
