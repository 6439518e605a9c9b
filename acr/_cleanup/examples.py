"""Examples: tables in a policy that say what is to become of made-up tags. The rules are tried on them."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import attrs

from acr._cleanup.plan_values import Deletion, Kept
from acr._cleanup.planning import make_plan
from acr._inventory.builder import Builder, NewManifest, NewRepository, NewTag
from acr._inventory.marks import Flag
from acr._inventory.tables import Tables
from acr._policy.pulls import Pulls
from acr._policy.reading import Example, Row, Rules
from acr._text import printable
from acr._values.home import public_in
from acr._values.plain import Plain
from acr.media_types import OCI_MANIFEST

_MICROSECOND = timedelta(microseconds=1)
_NOW = 400 * 365 * 86_400_000_000  # late enough for an age of a hundred years
_FREE = int(Flag.CAN_READ | Flag.CAN_WRITE | Flag.CAN_LIST | Flag.CAN_DELETE)
_LOCKED = int(Flag.CAN_READ | Flag.CAN_LIST)


@public_in("acr")
@attrs.frozen(kw_only=True)
class ExampleFailure(Plain):
    """An item of an example that does not become what the example says.

    Args:
        line: the line of the policy file.
        item: the tag, or the untagged manifest.
        expected: what the example says: `delete` or `keep`.
        found: what the rules say.
        rule: the rule that decides; None if none does.
        why: the reason.
    """

    line: int
    item: str
    expected: Literal["delete", "keep"]
    found: Literal["delete", "keep"]
    rule: str | None
    why: str

    def __str__(self) -> str:
        rule = f" by the rule {self.rule!r}" if self.rule else ""
        return printable(f"{self.item}: expected {self.expected}, found {self.found}{rule} ({self.why})")


def failures(rules: Rules) -> Iterator[ExampleFailure]:
    """The items of all examples that fail."""
    for example in rules.examples:
        yield from _failures(rules, example)


def _failures(rules: Rules, example: Example) -> Iterator[ExampleFailure]:
    plan = make_plan(_tables(example), attrs.evolve(rules, pulls=_pulls(rules, example)), {})
    found: dict[str, Deletion | Kept] = {one.reference: one for one in plan.kept}
    found |= {one.reference: one for one in plan.deletions}
    for row in example.rows:
        one = found[f"{example.repository}:{row.tag}" if row.tag else f"{example.repository}@{_digest(row)}"]
        goes = isinstance(one, Deletion)
        if goes is not row.goes or row.rule not in (None, one.rule):
            yield ExampleFailure(
                line=row.line,
                item=one.reference if row.tag else f"an untagged manifest in {example.repository}",
                expected=_word(row.goes),
                found=_word(goes),
                rule=one.rule,
                why=f"expected the rule {row.rule}" if goes is row.goes else one.reason,
            )


def _word(goes: bool) -> Literal["delete", "keep"]:
    return "delete" if goes else "keep"


def _digest(row: Row) -> str:
    return f"sha256:{_content(row).hex()}"


def _content(row: Row) -> bytes:
    """A digest that no other item has."""
    return hashlib.sha256(f"line {row.line}, {row.tag}".encode()).digest()


def _tables(example: Example) -> Tables:
    """A registry with one repository. Each tag has a manifest of its own."""
    times = {row: _NOW - row.age // _MICROSECOND for row in example.rows}
    builder = Builder()
    builder.add(
        NewRepository(
            name=example.repository,
            created=0,
            updated=0,
            manifest_count=len(example.rows),
            tag_count=sum(row.tag is not None for row in example.rows),
            flags=_FREE,
            manifests=[
                NewManifest(
                    content=_content(row),
                    size=1,
                    media_type=OCI_MANIFEST,
                    created=times[row],
                    updated=times[row],
                    flags=int(Flag.LISTED) | (_LOCKED if row.is_locked and row.tag is None else _FREE),
                )
                for row in example.rows
            ],
            tags=[
                NewTag(
                    name=row.tag,
                    content=_content(row),
                    created=times[row],
                    updated=times[row],
                    flags=_LOCKED if row.is_locked else _FREE,
                )
                for row in example.rows
                if row.tag is not None
            ],
        )
    )
    return builder.build(registry="an.example", started=_NOW, finished=_NOW, catalog=[example.repository])


def _pulls(rules: Rules, example: Example) -> Pulls | None:
    if rules.pulls is None:
        return None
    pulled = {
        (example.repository, row.tag or _digest(row)): _NOW - row.pulled // _MICROSECOND
        for row in example.rows
        if row.pulled is not None
    }
    return Pulls(rules.pulls.source, 0, _NOW, pulled)
