"""The command line: `acr`, `acr-client`, `python -m acr`. It uses the public names of `acr`, as any program does.

`main` answers `--version` by itself. All else is in `_program`, and each command in a module of `_commands`. A command
imports the client when it runs, so help and completion stay quick.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as of typing, which takes longer to load than all that `--version` does
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: the arguments, without the name of the program. The default is those of this process.

    Returns:
        The exit code: docs/cli.md, "Exit codes".
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        import acr

        try:
            if sys.stdout is not None:  # it was closed when the program began
                print(f"acr-client {acr.__version__}", flush=True)  # noqa: T201 - it is what was asked for
            return 0
        except OSError:
            pass  # the program tries again, and says what is wrong
    try:
        from acr.cli._program import run  # so that the version is told without it
    except KeyboardInterrupt:
        return 130

    return run(arguments)
