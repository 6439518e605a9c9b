"""Exit codes, and the exceptions that lead to them."""

from __future__ import annotations

DONE = 0
FAILED = 1
USAGE = 2
INCOMPLETE = 3
FINDINGS = 4
NOT_SIGNED_IN = 5
INTERRUPTED = 130
TERMINATED = 143

MEANINGS = {
    DONE: "done",
    FAILED: "failed: nothing of what was asked for was done",
    USAGE: "the command line is wrong or names a file that is not there, or a question got no answer; nothing was done",
    INCOMPLETE: "not whole: a listing broke off, or a part of the work was refused or has changed meanwhile",
    FINDINGS: "there are findings, and `--exit-code` was given",
    NOT_SIGNED_IN: "not signed in: the registry does not accept who you are (401), or no credential yields a token",
    INTERRUPTED: "interrupted by Ctrl-C",
    TERMINATED: "terminated by SIGTERM",
}
"""What each code means, for docs/cli.md."""


class CommandError(Exception):
    """A command cannot do what it was asked to.

    Args:
        text: what is wrong. It is escaped when it is printed.
        hint: what to do next.
        code: the exit code.
    """

    code = FAILED

    def __init__(self, text: str, *, hint: str | None = None, code: int | None = None) -> None:
        super().__init__(text)
        self.hint = hint
        if code is not None:
            self.code = code


class Usage(CommandError):
    """The command line is wrong. Nothing was sent."""

    code = USAGE


class Incomplete(CommandError):
    """A part is missing. The `__cause__` says why."""

    code = INCOMPLETE


class Closed(Exception):
    """Whoever read standard output has closed it."""


class Terminated(KeyboardInterrupt):
    """SIGTERM has come. The client cleans up as after Ctrl-C."""
