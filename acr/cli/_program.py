"""The program: from arguments to an exit code. No error of the user, the network or the registry is a traceback."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import acr
from acr.cli._commands import Command
from acr.cli._errors import exit_code, tell
from acr.cli._exits import DONE, FAILED, INTERRUPTED, TERMINATED, Closed, CommandError, Terminated
from acr.cli._output.terminal import Terminal
from acr.cli._parsing import module_of, parse


def run(arguments: Sequence[str]) -> int:
    """Run a command line, and return its exit code."""
    terminal = Terminal()
    command: Command | None = None
    terminal.as_json = _wants_json(arguments)
    try:
        with _on_terminate(), _logged(terminal):
            command, options = parse(arguments)
            terminal.quiet = options.quiet
            code = _do(command, options, terminal)
            terminal.flush()
            return code
    except SystemExit as ended:  # of argparse, after help
        return _flushed(terminal, ended.code if isinstance(ended.code, int) else DONE)
    except Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        return INTERRUPTED
    except (Closed, BrokenPipeError):  # the latter of argparse, which prints help by itself
        terminal.abandon()
        return DONE if command is None or command.reads else FAILED
    except (CommandError, acr.AcrError, OSError) as error:
        tell(terminal, error)
        return _flushed(terminal, exit_code(error))


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the output is to be JSON. Errors of the command line are told so, too, before it can be parsed."""
    found = ""
    for before, word in zip(("", *arguments), arguments, strict=False):
        if before in ("-o", "--output"):
            found = word
        elif word.startswith("-o") and word != "-o":
            found = word[2:].removeprefix("=")
        elif word.startswith("--output="):
            found = word.partition("=")[2]
    return found in ("json", "jsonl")


def _do(command: Command, options: argparse.Namespace, terminal: Terminal) -> int:
    from acr.cli._context import Context  # help does without it

    context = Context(options, terminal)
    try:
        code: int = module_of(command).run(context)
        return code
    except acr.AcrError as error:
        from acr.cli._missing import explained  # for errors alone

        told = explained(context, error)
        if told is error:
            raise
        raise told from told.__cause__
    finally:
        context.close()


def _flushed(terminal: Terminal, code: int) -> int:
    try:
        terminal.flush()
    except (Closed, OSError):
        terminal.abandon()
    return code


@contextmanager
def _on_terminate() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, so that it cleans up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(*_: Any) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Told(logging.Handler):
    """Passes what the client logs, such as a registry's own warnings, to the user."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        text = record.getMessage()
        if "; trying again in " in text:
            self._terminal.note(text)
        else:
            self._terminal.warn(text)


@contextmanager
def _logged(terminal: Terminal) -> Iterator[None]:
    log, handler = logging.getLogger("acr"), _Told(terminal)
    before, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = before
