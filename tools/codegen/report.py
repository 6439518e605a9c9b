"""What another description changes, for those who decide whether and when to adopt it."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .compare import ADDITIVE, BREAKING, TEXT, Change, Comparison
from .consequences import Consequence, Users, consequences
from .corrections import APPLIED, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .build import Build

_HEADS: Final = {BREAKING: "Breaking", ADDITIVE: "Additive", TEXT: "Text and form"}
_SHOWN: Final = 3  # users of a name
_WIDTH: Final = 200  # of what is said of a change


@dataclass(frozen=True)
class Entry:
    """A change, with all that a reader wants to know of it.

    Attributes:
        tops: The operations, or the schema, of which it is true.
        masked: The corrections that put it right, by number; the package does not see it.
    """

    change: Change
    tops: list[str]
    masked: list[int]


@dataclass(frozen=True)
class Report:
    """All changes, and all Python names that change."""

    head: str
    entries: list[Entry]
    names: list[tuple[Consequence, list[str]]]

    @property
    def breaking(self) -> bool:
        """Whether a user of the package must change something, or upstream breaks what no correction puts right."""
        return any(name.breaking for name, _ in self.names) or any(
            entry.change.level == BREAKING and not entry.masked for entry in self.entries
        )

    def as_text(self) -> str:
        """Lines for a terminal."""
        lines = [self.head]
        for level, head in _HEADS.items():
            found = [entry for entry in self.entries if entry.change.level == level]
            if found:
                lines += ["", f"{head}: {len(found)}", *_lines(found)]
        if not self.entries:
            lines.append("No fact differs.")
        if self.names:
            lines += ["", f"Python names of the package: {len(self.names)}"]
            for name, users in self.names:
                more = f" and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
                used = f"; used at {', '.join(users[:_SHOWN])}{more}" if users else ""
                lines.append(f"  {'!' if name.breaking else '+'} {name}{used}")
        elif self.entries:
            lines += ["", "No Python name of the package changes."]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "head": self.head,
            "breaking": self.breaking,
            "changes": [
                {
                    "level": entry.change.level,
                    "place": entry.change.place,
                    "what": entry.change.what,
                    "operations_or_schema": entry.tops,
                    "corrections": entry.masked,
                }
                for entry in self.entries
            ],
            "python": [
                {"name": name.name, "fate": name.fate, "breaking": name.breaking, "of": name.top, "used_at": users}
                for name, users in self.names
            ],
        }


def _lines(entries: list[Entry]) -> list[str]:
    """A line for each entry, but one for all texts, and one for all schemas that are new, gone or renamed."""
    lines: list[str] = []
    listed: dict[str, list[str]] = {"renamed": [], "gone": [], "new": []}
    texts = 0
    for entry in entries:
        word = entry.change.what.partition(":")[0]
        if entry.change.what == "the text differs":
            texts += len(entry.tops)
        elif entry.change.top.startswith("schema ") and word in listed:
            names = [top.removeprefix("schema ") for top in entry.tops]
            listed[word] += [entry.change.what.partition(": ")[2]] if word == "renamed" else names
        else:
            lines.append(_line(entry))
    for word, names in listed.items():
        if names:
            lines.append(f"  {len(names)} schemas are {word}: {', '.join(names)}")
    return [*lines, *([f"  texts differ in {texts} operations and schemas"] if texts else [])]


def _line(entry: Entry) -> str:
    tops = entry.tops
    where = tops[0] if len(tops) == 1 else f"{len(tops)} {_kind(tops)} ({tops[0]} …)"
    masked = f" [put right by {_numbers(entry.masked)}]" if entry.masked else ""
    return f"  {where}: {textwrap.shorten(entry.change.what, _WIDTH, placeholder=' …')}{masked}"


def _kind(tops: list[str]) -> str:
    schemas = sum(top.startswith("schema ") for top in tops)
    return "schemas" if schemas == len(tops) else "places" if schemas else "operations"


def _numbers(numbers: list[int]) -> str:
    return f"correction{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _grouped(changes: Iterable[Change]) -> dict[Change, list[str]]:
    """Changes that say the same of several places, under the first of them; with all the operations or schemas."""
    result: dict[tuple[str, str], tuple[Change, list[str]]] = {}
    for change in changes:
        result.setdefault((change.level, change.what), (change, []))[1].append(change.top)
    return {change: list(dict.fromkeys(tops)) for change, tops in result.values()}


def compare(old: Build, new: Build, users: Path) -> Report:
    """Compare what upstream says in two descriptions, and what the package becomes of them."""
    found = Comparison(old.raw, new.raw)
    corrected = Comparison(old.form, new.form)
    visible = {_plain(change.place) for change in corrected.changes()}
    entries = []
    for change, tops in _grouped(found.changes()).items():
        inner = change.place.removeprefix(change.top)
        seen = any(_plain(top + inner) in visible for top in tops)
        masked = [] if seen else _corrections(change, old, new)
        entries.append(Entry(change, tops, masked))
    known = Users(users, "acr_rest")
    names = [(name, known.of(name)) for name in consequences(old.plan, new.plan, corrected)]
    matched = len(found.routes)
    head = (
        f"API version {old.raw['version']} -> {new.raw['version']}: {len(old.raw['operations'])} operations, "
        f"now {len(new.raw['operations'])}; {matched} are the same by route"
    )
    return Report(head, entries, names)


def _corrections(change: Change, old: Build, new: Build) -> list[int]:
    """The corrections that touch the place of a change, in one description or the other; the nearest of them."""
    exact, around = set(), set()
    at = _plain(change.place)
    for outcome in [*old.outcomes, *new.outcomes]:
        for place in _places(outcome):
            if at == place or place.startswith(f"{at} > "):
                exact.add(outcome.correction.number)
            elif at.startswith(f"{place} > "):
                around.add(outcome.correction.number)
    return sorted(exact or around)


def _places(outcome: Outcome) -> list[str]:
    places = [_plain(place) for place in outcome.places[APPLIED]]
    if outcome.correction.rename is None:
        return places
    prefix = "schema " if places == ["schemas"] else ""
    return [prefix + name if prefix else f"{place} > {name}" for place in places for name in outcome.correction.rename]


def _plain(place: str) -> str:
    """A place without the media type, which may be what a correction changes."""
    return re.sub(r" > content > [^>]+(?= > |$)", " > content", place)
