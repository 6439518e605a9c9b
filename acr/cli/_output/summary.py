"""The summary of a job: a table in Markdown, appended to the file that GITHUB_STEP_SUMMARY names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from acr.cli._output.words import counted

_MOST: Final = 512 * 1024
"""Characters of a table. GitHub drops the summary of a step if it has more than 1 MiB."""

_ESCAPED: Final = str.maketrans(
    {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;", **{one: f"\\{one}" for one in "\\`*_[]|#!~"}}
)


class Summary:
    """Takes note of the rows that are printed. Those that are too many are counted.

    Args:
        path: of the file.
        heads: the titles of the columns, each with whether it has numbers.
    """

    def __init__(self, path: str, heads: Sequence[tuple[str, bool]]) -> None:
        self._path = path
        self._lines = [
            _line(_escaped(title) for title, _ in heads),
            _line("---:" if is_number else "---" for _, is_number in heads),
        ]
        self._size = sum(map(len, self._lines))
        self._left_out = 0

    def note(self, cells: Iterable[str]) -> None:
        """Take note of a row."""
        line = _line(map(_escaped, cells))
        if self._left_out or self._size + len(line) > _MOST:
            self._left_out += 1
        else:
            self._size += len(line)
            self._lines.append(line)

    def append(self) -> None:
        """Append the table to the file.

        Raises:
            OSError: it cannot be written.
        """
        more = f"\n{counted(self._left_out, 'more row')} left out.\n" if self._left_out else ""
        with open(self._path, "a", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - the user's own path
            file.writelines(self._lines)
            file.write(f"{more}\n")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED)
