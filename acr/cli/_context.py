"""The context of a command: its options, its terminal, its clients, and how it prints."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, cast

from acr.cli._access import Clients
from acr.cli._config import Config, load
from acr.cli._exits import Usage
from acr.cli._output.progress import Progress, Reading
from acr.cli._output.rows import Column, Format, Printing, Row, print_rows
from acr.cli._output.terminal import Terminal
from acr.cli._references import Names, Place

_FILTERS: Final = ("match", "older_than", "newer_than", "larger_than", "locked", "kind")


class Context:
    """What a command works with.

    Args:
        options: of the command line.
        terminal: the streams of the process.
    """

    def __init__(self, options: Namespace, terminal: Terminal) -> None:
        self.options = options
        self.terminal = terminal
        self._clients: Clients | None = None

    @cached_property
    def config(self) -> Config:
        """The user's own settings."""
        return load(self.terminal.environ)

    @cached_property
    def names(self) -> Names:
        """Reads references."""
        return Names(self.options, self.terminal.environ, self.config)

    @property
    def clients(self) -> Clients:
        """The clients, one for each registry."""
        if self._clients is None:
            self._clients = Clients(self.options, self.terminal, self.config, self.names)
        return self._clients

    @property
    def format(self) -> Format:
        """The format of the output: tables for people, one name a line for programs."""
        if self.options.output is not None:
            return cast("Format", self.options.output)
        return "table" if self.terminal.shows_rows else "name"

    @property
    def is_json(self) -> bool:
        """Whether the output is JSON."""
        return self.options.output in ("json", "jsonl")

    def print_rows(
        self, columns: Sequence[Column], rows: Iterable[Row], name: Callable[[Row], str], *, what: str | None = None
    ) -> bool:
        """Print a listing; see `_rows.print_rows`.

        Args:
            columns: the fields that each row has.
            rows: are read as they are printed.
            name: what a row is called, for the format `name`.
            what: the items, such as `tags`, so that people are told if there are none.

        Returns:
            Whether there were any.
        """
        printing = self.printing(stream=getattr(self.options, "stream", False))
        found = print_rows(self.terminal, printing, columns, rows, name)
        if not found and what is not None and self.terminal.shows_notes and self.format in ("table", "name"):
            is_filtered = any(getattr(self.options, one, None) for one in _FILTERS)
            self.terminal.note(f"no {what}{' match' if is_filtered else ''}", dim=False)
        return found

    def printing(self, *, stream: bool) -> Printing:
        """How rows are printed.

        Args:
            stream: as they come, also in a pipe.

        Raises:
            Usage: a summary is asked for, and there is no place for it.
        """
        summary = None
        if getattr(self.options, "summary", False):
            summary = self.terminal.environ.get("GITHUB_STEP_SUMMARY")
            if not summary:
                raise Usage("--summary: the variable GITHUB_STEP_SUMMARY is not set")
        fields = tuple(field.strip() for field in self.options.fields.split(",")) if self.options.fields else ()
        return Printing(self.format, fields, stream, summary)

    def or_latest(self, place: Place) -> str:
        """The tag or digest to read; `latest` if the reference has neither, which is told."""
        if place.reference is None:
            self.terminal.note(f"{place} names no tag: taking {place.named('latest')}")
            place.tag = "latest"
        return place.reference or "latest"

    def progress(self) -> Progress:
        """A display of what moves, for a `with` statement."""
        return Progress(self.terminal, enabled=self._draws)

    def reading(self) -> Reading:
        """A display of what is read of a registry, for a `with` statement."""
        return Reading(self.terminal, enabled=self._draws)

    @property
    def _draws(self) -> bool:
        return self.terminal.moves and not self.options.no_progress

    def close(self) -> None:
        """Close all clients."""
        if self._clients is not None:
            self._clients.close()


def path_arguments(texts: Iterable[str]) -> list[str]:
    """Paths as the user typed them.

    Raises:
        Usage: one has a null character, which no path has.
    """
    paths = list(texts)
    for path in paths:
        if "\0" in path:
            raise Usage(f"{path!r} is no path")
    return [os.fspath(path) for path in paths]


def files_there(texts: Iterable[str]) -> list[str]:
    """Paths of files that a command is about to read.

    Raises:
        Usage: there is nothing at one of them.
    """
    paths = path_arguments(texts)
    for path in paths:
        try:
            Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            raise Usage(f"there is no file {path!r}") from None
        except (OSError, ValueError):
            pass  # whoever reads it says why it cannot be read
    return paths
