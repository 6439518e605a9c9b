"""The terminal: what is written where, in which colours, and how wide. Nothing from outside is printed raw."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Mapping
from typing import BinaryIO, Final, Literal, TextIO

import acr
from acr.cli._exits import Closed

BOLD: Final = "1"
DIM: Final = "2"
RED: Final = "31"
YELLOW: Final = "33"

_NARROWEST: Final = 20
_WITH_UNIT: Final = re.compile(r"(\d) ([KMGTP]i?B|B|min|s)\b")
_NO_WIDTH: Final = ("Mn", "Me")
_BLOCK: Final = 64 * 1024


class Terminal:
    """The three streams of the process. Data goes to standard output, and all else to standard error."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.stdin: TextIO = _or_nothing(sys.stdin, "r")
        self.stdout: TextIO = _or_nothing(sys.stdout, "w")
        self.stderr: TextIO = _or_nothing(sys.stderr, "w")
        self.quiet = False
        self.as_json = False
        """Whether each line of standard error is an object, so that programs can read it."""
        for stream in (self.stdout, self.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # whatever the encoding lacks
        self.shows_rows: bool = _is_tty(self.stdout)
        self.shows_notes: bool = _is_tty(self.stderr)
        self.can_ask: bool = _is_tty(self.stdin) and self.shows_notes

    @property
    def moves(self) -> bool:
        """Whether progress may be drawn over itself."""
        return self.shows_notes and not self.quiet and not self.environ.get("CI") and self.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        """The columns of the terminal; 80 if nobody knows."""
        told = self.environ.get("COLUMNS", "")
        if told.isascii() and told.isdigit() and int(told[:6]) > 0:
            return max(_NARROWEST, int(told[:6]))
        for stream in (self.stdout, self.stderr):
            try:
                return max(_NARROWEST, os.get_terminal_size(stream.fileno()).columns or 80)
            except (OSError, ValueError):
                continue
        return 80

    @property
    def draws(self) -> bool:
        """Whether the encoding of standard output has the lines of a tree."""
        return (self.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")

    def style(self, text: str, code: str, *, notes: bool = False) -> str:
        """Colour a text, if colours are wanted.

        Args:
            text: what is printed; it must be printable already.
            code: one of the codes above.
            notes: the text goes to standard error.
        """
        return f"\x1b[{code}m{text}\x1b[0m" if self._has_colours(notes=notes) else text

    def _has_colours(self, *, notes: bool) -> bool:
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return True
        return (self.shows_notes if notes else self.shows_rows) and self.environ.get("TERM") != "dumb"

    def write(self, text: str) -> None:
        """Write data.

        Raises:
            Closed: nobody reads it any more.
        """
        try:
            self.stdout.write(text)
        except OSError as error:
            raise _closed(error) from None

    def write_bytes(self, content: bytes) -> None:
        """Write data as it is, such as the bytes of a manifest.

        Raises:
            Closed: nobody reads it any more.
        """
        try:
            self.stdout.flush()
            self.stdout.buffer.write(content)
            self.stdout.buffer.flush()
        except OSError as error:
            raise _closed(error) from None

    def copy_from(self, file: BinaryIO) -> None:
        """Write what a file holds from here on.

        Raises:
            Closed: nobody reads it any more.
        """
        while block := file.read(_BLOCK):
            self.write_bytes(block)

    def flush(self) -> None:
        """Send what was written.

        Raises:
            Closed: nobody reads it any more.
        """
        try:
            self.stdout.flush()
        except OSError as error:
            raise _closed(error) from None

    def note(self, text: str, *, dim: bool = True, wraps: bool = False) -> None:
        """Say something that is no data, unless `--quiet` was given. The text is escaped.

        Args:
            text: what to say.
            dim: it matters less than the data.
            wraps: it is prose, so lines may end between its words, but for a number and its unit. A command to copy
                is none.
        """
        if not self.quiet:
            shown = acr.printable(text)
            if wraps and self.shows_notes:
                shown = _wrapped(shown, self.width)
            self._tell("note", text, self.style(shown, DIM, notes=True) if dim else shown)

    def warn(self, text: str) -> None:
        """Say something that the user should know even with `--quiet`. The text is escaped."""
        self._tell("warning", text, f"acr: {self.style('warning:', YELLOW, notes=True)} {acr.printable(text)}")

    def trace(self, text: str) -> None:
        """Say what `--debug` asks for. The text is escaped."""
        self._tell("debug", text, acr.printable(text))

    def _tell(self, kind: str, text: str, shown: str) -> None:
        self.say(json.dumps({kind: text}) if self.as_json else shown)

    def say(self, text: str, end: str = "\n") -> None:
        """Write to standard error what is printable already. If nobody reads it, that is no fault."""
        try:
            self.stderr.write(text + end)
            self.stderr.flush()
        except (OSError, ValueError):
            pass

    def abandon(self) -> None:
        """Let Python end without another try to write to a stream that is closed."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stdout.fileno())
            os.close(null)
        except (OSError, ValueError):
            pass


def _or_nothing(stream: TextIO | None, mode: Literal["r", "w"]) -> TextIO:
    """A stream of the process. Python has None for one that was closed when the program began, as by `>&-`."""
    return open(os.devnull, mode, encoding="utf-8") if stream is None else stream  # noqa: PTH123 - it has no path


def _is_tty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _closed(error: OSError) -> Exception:
    is_closed = isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)
    return Closed() if is_closed else error


def width_of(text: str) -> int:
    r"""The columns that a printable text takes.

    >>> width_of("abc"), width_of("日本"), width_of("e\u0301")
    (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(one) in _NO_WIDTH else 2 if _is_wide(one) else 1 for one in text)


def shortened(text: str, width: int) -> str:
    """A printable text in at most so many columns, with an ellipsis if something is left out.

    >>> shortened("application/json", 8), shortened("short", 8)
    ('applica…', 'short')
    """
    if width_of(text) <= width:
        return text
    kept, used = [], 0
    for one in text:
        used += width_of(one)
        if used > width - 1:
            break
        kept.append(one)
    return "".join(kept) + "…"


def _wrapped(text: str, width: int) -> str:
    r"""A text in lines.

    >>> _wrapped("it stores 11.5 KiB; untagged 0 B", 31)
    'it stores 11.5 KiB; untagged\n0 B'
    """
    import textwrap  # most commands do without it

    whole = _WITH_UNIT.sub("\\1\0\\2", text)  # no printable text has a null character
    return textwrap.fill(whole, width, break_long_words=False, break_on_hyphens=False).replace("\0", " ")


def _is_wide(one: str) -> bool:
    return unicodedata.east_asian_width(one) in "WF"


def binary_stdin(terminal: Terminal) -> BinaryIO:
    """Standard input as bytes."""
    return terminal.stdin.buffer
