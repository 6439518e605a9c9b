"""Pulls: who was pulled when, as a file says it. ACR itself does not tell; its logs do."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from acr._policy.rules import Pull
from acr._text import counted
from acr._values.durations import exact_duration
from acr._values.reference import possible_repositories
from acr.errors import InvalidPolicy

_SPAN: Final = re.compile(r"# *span: *(\S+) +(\S+) *", re.IGNORECASE)
_UNIT: Final = re.compile(r" *\[([^\]]*)\]$")
_TIMES: Final = ("time", "timegenerated")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LATE: Final = timedelta(days=1)
"""How old the end of a file may be. What was pulled since then, the file does not know."""


@attrs.frozen
class Pulls:
    """The last pull of each item.

    Args:
        source: name of the file.
        first: the beginning of the time that the file covers, in microseconds since 1970.
        last: its end.
        times: the last pull, by repository and digest or tag.
        has_digests: whether it tells of pulls by digest.
    """

    source: str
    first: int
    last: int
    times: Mapping[tuple[str, str], int] = attrs.field(repr=False)
    has_digests: bool = True

    def since(self, repository: str, names: Iterable[str], now: int, length: timedelta) -> Pull:
        """What the file knows of the last pull of an item.

        Args:
            repository: name of the repository.
            names: the tag if there is one, and the digests of all that it leads to.
            now: the time of the inventory, in microseconds since 1970.
            length: of the time that is asked for, until now.
        """
        asked = list(names)
        times = (self.times.get((repository, name)) for name in asked)
        latest = max((time for time in times if time is not None), default=None)
        if latest is not None and now - latest <= length // _MICROSECOND:
            return Pull(True, max(0, now - latest))
        if self.first > now - length // _MICROSECOND:
            return Pull(False, why=f"{self.source} covers less than {exact_duration(length)}")
        if self.last < now - _LATE // _MICROSECOND:
            return Pull(False, why=f"{self.source} ends more than a day before the inventory")
        if not self.has_digests and all(":" in name for name in asked):
            return Pull(False, why=f"{self.source} has tags alone, and it has none")
        return Pull(True, None if latest is None else now - latest)


def read_pulls(text: str, source: str) -> Pulls:
    """Read a file of pulls: CSV with a header that names `repository`, `digest` or `tag` or both, and `time`.

    It covers the time from its first pull to its last. A line such as `# span: 2026-08-01T00:00:00Z
    2026-11-29T00:00:00Z` says that it covers more.

    Raises:
        InvalidPolicy: it is something else.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    head: list[str] | None = None
    span: tuple[int, int] | None = None
    times: dict[tuple[str, str], int] = {}
    has_digests = False
    try:
        for row in reader:
            if not any(field.strip() for field in row):
                continue
            if row[0].lstrip().startswith("#"):
                match = _SPAN.fullmatch(",".join(row).strip())
                span = (_time(match[1]), _time(match[2])) if match else span
            elif head is None:
                head = _head(row)
            else:
                has_digests = bool(_take(row, head, times).get("digest")) or has_digests
    except (csv.Error, ValueError) as error:
        raise InvalidPolicy(str(error), source=source, line=max(1, reader.line_num)) from None
    if head is None or (span is None and not times):
        raise InvalidPolicy("the file has no pulls, and no line that says its span", source=source, line=1)
    first, last = span or (min(times.values()), max(times.values()))
    return Pulls(source, first, last, times, has_digests or (not times and "digest" in head))


def _head(row: list[str]) -> list[str]:
    names = []
    for text in row:
        told = text.strip().lstrip("\ufeff").lower()
        name, unit = _UNIT.sub("", told), _UNIT.search(told)
        if name in _TIMES and unit is not None and unit[1] != "utc":  # it would be taken for UTC, and hours be missing
            raise ValueError(f"the times are in {unit[1][:40]!r}: export them in UTC")
        names.append("time" if name in _TIMES else name)
    if "repository" not in names or "time" not in names or not {"digest", "tag"} & set(names):
        raise ValueError("the first line must name the columns repository, digest or tag, and time")
    return names


def _take(row: list[str], head: list[str], times: dict[tuple[str, str], int]) -> Mapping[str, str]:
    """Take in a line. Return its fields."""
    if len(row) != len(head):
        raise ValueError(f"{counted(len(row), 'field')}, and the first line names {len(head)}")
    fields = dict(zip(head, (field.strip() for field in row), strict=True))
    names = [fields[key] for key in ("digest", "tag") if fields.get(key)]
    if not fields["repository"] or not names:
        raise ValueError("the line names no repository, or neither a digest nor a tag")
    time = _time(fields["time"])
    for repository in possible_repositories(fields["repository"]):
        for name in names:
            key = (repository, name)
            times[key] = max(time, times.get(key, time))
    return fields


def _time(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time: expected one such as 2026-11-29T12:00:00Z") from None
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
