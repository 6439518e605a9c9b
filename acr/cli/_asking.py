"""Asking: nothing is deleted unless the user has said so, on a terminal or by an option."""

from __future__ import annotations

import acr
from acr.cli._context import Context
from acr.cli._exits import Usage

_LONGEST = 1000


def confirm(context: Context, question: str) -> None:
    """Ask whether to do something that cannot be undone.

    Args:
        context: of the command, which has the option `--yes`.
        question: what would be done; it is escaped.

    Raises:
        Usage: the answer is no, or nobody can be asked and `--yes` is missing.
    """
    if context.options.yes:
        return
    if not context.terminal.can_ask:
        raise Usage(f"{question} Nobody can be asked here", hint="pass --yes, or look first with --dry-run")
    if _answer(context, f"{question} [y/N] ").lower() not in ("y", "yes"):
        raise Usage("nothing was done: the answer was no")


def confirm_name(context: Context, question: str, name: str) -> None:
    """Ask for the name of what is to be deleted.

    Args:
        context: of the command, which has the option `--confirm`.
        question: what would be done; it is escaped.
        name: the only right answer.

    Raises:
        Usage: the answer is another one, or nobody can be asked and `--confirm` is missing.
    """
    given = context.options.confirm
    if given is None:
        if not context.terminal.can_ask:
            raise Usage(f"{question} Nobody can be asked here", hint=f"pass --confirm {name}, or look with --dry-run")
        given = _answer(context, f"{question} Type its name to go on: ")
    if given != name:
        raise Usage(f"nothing was done: {given!r} is not the name {name!r}")


def _answer(context: Context, question: str) -> str:
    context.terminal.say(acr.printable(question), end="")
    return context.terminal.stdin.readline(_LONGEST).strip()
