"""Rows: how a listing is printed, as a table on a terminal, as names in a pipe, or as JSON, CSV and TSV.

In a pipe, nothing is written before the listing is whole: a program must not take half a list for all of it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, BinaryIO, Final, Literal, NamedTuple, TypeVar, cast

import acr
from acr.cli._exits import Incomplete, Usage
from acr.cli._output.layout import Layout
from acr.cli._output.summary import Summary
from acr.cli._output.terminal import BOLD, Terminal, width_of
from acr.cli._output.words import with_short_digests

T = TypeVar("T")

Row = Mapping[str, Any]
Format = Literal["table", "name", "json", "jsonl", "csv", "tsv"]
FORMATS: Final[tuple[Format, ...]] = ("table", "name", "json", "jsonl", "csv", "tsv")

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB", "PiB")
_AT_ONCE: Final = 200
"""Rows of a table that are measured together. On a terminal they show before the next ones have come."""

_IN_MEMORY: Final = 8 * 1024**2
_ESCAPED_IN_TSV: Final = str.maketrans({"\\": "\\\\"})


Kind = Literal["text", "integer", "size", "time", "boolean", "texts", "map", "object", "objects", "trees"]
"""What a value is; `trees` are objects of the same fields as the row."""


class Column(NamedTuple):
    """A field of a listing.

    Args:
        key: its name in JSON, CSV and `--fields`.
        kind: what its values are.
        about: what it says, for docs/cli.md.
        rank: when a narrow table drops it: the highest rank first. 0 is never dropped, and None is in no table unless
            `--fields` names it.
        show: what a table has in its place. The default goes by the kind.
        title: the head of the column in a table.
        null: it may be null.
        optional: it may be missing, though `--fields` does not leave it out.
        items: the fields of each of some objects.
        wraps: it is the last column of tables, and has sentences, which are wrapped.
        shortens: it has references. One that is longer than a line of the terminal shows the beginning of its digest.
    """

    key: str
    kind: Kind
    about: str
    rank: int | None = None
    show: Callable[[Row], str] | None = None
    title: str | None = None
    null: bool = False
    optional: bool = False
    items: tuple[Column, ...] = ()
    wraps: bool = False
    shortens: bool = False

    @property
    def is_number(self) -> bool:
        """Whether a table has numbers there, one below the other."""
        return self.kind in ("size", "integer") and self.show is None

    @property
    def head(self) -> str:
        """Its title in a table."""
        return self.title or self.key.replace("_", " ")


class Printing(NamedTuple):
    """How to print rows.

    Args:
        format: of the output.
        fields: the columns that were asked for, in their order; empty for the usual ones.
        stream: write rows as they come, also in a pipe.
        summary: a file that a table in Markdown is appended to, as GitHub's step summary.
        ahead: rows to measure a table by, if each row has to show as soon as it is known.
    """

    format: Format
    fields: Sequence[str] = ()
    stream: bool = False
    summary: str | None = None
    ahead: Sequence[Row] | None = None


def walk(listing: Iterable[T], what: str) -> Iterator[T]:
    """Walk a listing of the client.

    Raises:
        Incomplete: it broke off after its first items.
        AcrError: it failed before.
    """
    begun = False
    try:
        for item in listing:
            begun = True
            yield item
    except acr.AcrError as error:
        if begun:
            raise Incomplete(f"{what} broke off, so it is not whole") from error
        raise


def print_rows(
    terminal: Terminal,
    printing: Printing,
    columns: Sequence[Column],
    rows: Iterable[Row],
    name: Callable[[Row], str | None],
) -> bool:
    """Print rows on standard output.

    Args:
        terminal: where to.
        printing: how.
        columns: the fields that each row has.
        rows: are read as they are printed.
        name: what a row is called, for the format `name`; None if it is left out there.

    Returns:
        Whether there was a row.

    Raises:
        Usage: there is no column of a name that `--fields` has.
        Incomplete, AcrError: as the rows do. In a pipe nothing was written then.
    """
    chosen = _chosen(columns, printing.fields)
    summary = _Noting(printing, chosen)
    pieces = _pieces(terminal, printing, chosen, summary.noted(rows), name)
    if terminal.shows_rows or printing.stream:
        for piece in pieces:
            terminal.write(piece)
            terminal.flush()
    else:
        import tempfile  # help does without it

        encoding = terminal.stdout.encoding or "utf-8"
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            for piece in pieces:
                spool.write(piece.encode(encoding, "backslashreplace"))
            spool.seek(0)
            terminal.copy_from(cast("BinaryIO", spool))
    summary.append()
    return summary.has_rows


class _Noting:
    """Takes note of rows for the summary, if one is wanted."""

    def __init__(self, printing: Printing, columns: Sequence[Column]) -> None:
        self._columns = columns if printing.fields else _shown_in_tables(columns)
        heads = [(column.head, column.is_number) for column in self._columns]
        self._summary = None if printing.summary is None else Summary(printing.summary, heads)
        self.has_rows = False

    def noted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.has_rows = True
            if self._summary is not None:
                self._summary.note(cell(column, row) for column in self._columns)
            yield row

    def append(self) -> None:
        if self._summary is not None:
            self._summary.append()


def summed(printing: Printing, columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[Row]:
    """Rows that a command prints as text. The summary has them as a table, if one is wanted.

    Raises:
        OSError: the file of the summary cannot be written.
    """
    summary = _Noting(printing, columns)
    yield from summary.noted(rows)
    summary.append()


def as_json(value: object) -> Any:
    """A value of a row as JSON has it: times as RFC 3339."""
    if isinstance(value, datetime):
        return time_of(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool | int | float):
        return value
    return [as_json(one) for one in value] if isinstance(value, Iterable) else str(value)


def time_of(moment: datetime) -> str:
    """A time as RFC 3339 writes it, in UTC.

    >>> time_of(datetime(2026, 11, 28, 12, 0, 5, tzinfo=UTC))
    '2026-11-28T12:00:05Z'
    """
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def size_of(count: int) -> str:
    """A number of bytes for people.

    >>> [size_of(count) for count in (0, 1023, 1536, 5 * 1024**3)]
    ['0 B', '1023 B', '1.5 KiB', '5.0 GiB']
    """
    if count < 1024:
        return f"{count} B"
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"


def _chosen(columns: Sequence[Column], fields: Sequence[str]) -> Sequence[Column]:
    known = {column.key: column for column in columns}
    unknown = [field for field in fields if field not in known]
    if unknown:
        raise Usage(f"--fields: there is no field {unknown[0]!r}", hint=f"there are {', '.join(known)}")
    return [known[field] for field in fields] if fields else columns


def _pieces(
    terminal: Terminal,
    printing: Printing,
    columns: Sequence[Column],
    rows: Iterable[Row],
    name: Callable[[Row], str | None],
) -> Iterator[str]:
    if printing.format == "table":
        wanted = columns if printing.fields else _shown_in_tables(columns)
        return _table(terminal, wanted, rows, printing.ahead)
    if printing.format == "name":
        if printing.fields:
            return ("\t".join(cell(column, row) for column in columns) + "\n" for row in rows)
        names = map(name, rows)
        return (acr.printable(one) + "\n" for one in names if one is not None)
    if printing.format in ("json", "jsonl"):
        texts = (json.dumps({column.key: as_json(row.get(column.key)) for column in columns}) for row in rows)
        return _array(texts) if printing.format == "json" else (f"{text}\n" for text in texts)
    return _separated(columns, rows, is_csv=printing.format == "csv")


def _array(texts: Iterable[str]) -> Iterator[str]:
    before = "["
    for text in texts:
        yield f"{before}\n  {text}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _separated(columns: Sequence[Column], rows: Iterable[Row], *, is_csv: bool) -> Iterator[str]:
    keys = [column.key for column in columns]
    if not is_csv:
        yield "\t".join(keys) + "\n"
        for row in rows:
            yield "\t".join(_plain(row.get(key)).translate(_ESCAPED_IN_TSV) for key in keys) + "\n"
        return
    for values in chain([keys], ([_plain(row.get(key)) for key in keys] for row in rows)):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        yield line.getvalue()


def _plain(value: object) -> str:
    """A value in a cell of CSV and TSV."""
    value = as_json(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(_plain(one) for one in value)
    return acr.printable(value if isinstance(value, str) else json.dumps(value))


def _shown_in_tables(columns: Sequence[Column]) -> Sequence[Column]:
    return [column for column in columns if column.rank is not None]


def cell(column: Column, row: Row) -> str:
    """A value in a cell of a table."""
    if column.show is not None:
        return acr.printable(column.show(row))
    value = row.get(column.key)
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if column.kind == "size" and isinstance(value, int):
        return size_of(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _plain(value)


def _table(
    terminal: Terminal, columns: Sequence[Column], rows: Iterable[Row], ahead: Sequence[Row] | None
) -> Iterator[str]:
    """Lines of a table. Rows are measured in blocks, so that the first ones can show at once."""
    most = _AT_ONCE if ahead is None else 1
    titles = [column.head for column in columns]
    room = terminal.width if terminal.shows_rows else None
    waiting = iter(rows)
    layout: Layout | None = None
    while True:
        block, failed = _some(waiting, most)
        cells = [_cells(columns, row, room) for row in block]
        if layout is None:
            sample = cells if ahead is None else [_cells(columns, row, room) for row in ahead]
            measured = [[width_of(one) for one in column] for column in zip(titles, *sample, strict=True)]
            layout = Layout(columns, measured, room)
            if cells:
                yield terminal.style(layout.heads(titles), BOLD) + "\n"
        for line in cells:
            yield layout.line(line) + "\n"
        if failed is not None:
            raise failed
        if len(block) < most:
            return


def _cells(columns: Sequence[Column], row: Row, room: int | None) -> list[str]:
    cells = [cell(column, row) for column in columns]
    for at, column in enumerate(columns):
        if column.shortens and room is not None and width_of(cells[at]) > room:
            cells[at] = with_short_digests(cells[at])
    return cells


def _some(rows: Iterator[Row], most: int) -> tuple[list[Row], Exception | None]:
    """The next rows, and the error that ended them: what came before it shows all the same."""
    block: list[Row] = []
    try:
        block.extend(islice(rows, most))
    except (Incomplete, acr.AcrError) as error:
        return block, error
    return block, None
