"""Plans as JSON: one item a line, so that a reviewer can read and compare them. The form is `plan_schema.SCHEMA`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from acr._cleanup.columns import NONE, Line, Lines, Texts
from acr._cleanup.plan_values import PlanHead
from acr._inventory.marks import to_number, to_time
from acr._inventory.tables import pack
from acr._values.digest import received_digest
from acr._values.fields import integer, list_of, object_of, optional_text, text, text_map, texts
from acr._values.plain import plain
from acr.errors import DigestMismatch, ProtocolViolation

SCHEMA_NAME: Final = "acr-cleanup-plan/1"
_WHERE: Final = "the plan"
_LARGEST: Final = 2**62


def head_fields(head: PlanHead, deletions: Lines, kept: Lines) -> dict[str, Any]:
    """What a plan says of itself."""
    tags, kept_tags = deletions.count_tags(), kept.count_tags()
    return {
        "schema": SCHEMA_NAME,
        "registry": head.registry,
        "policy": dict(sorted(head.policy.items())),
        "inventory": {
            "started": plain(head.at),
            "finished": plain(head.finished),
            "repositories": head.repositories,
            "whole_registry": head.is_whole,
        },
        "totals": {
            "tags": tags,
            "manifests": len(deletions) - tags,
            "kept_tags": kept_tags,
            "kept_manifests": len(kept) - kept_tags,
            "frees": {"at_least": head.frees if head.is_certain else 0, "at_most": head.frees},
            "stays_shared": head.stays_shared,
            "minutes_at_250_a_minute": -(-len(deletions) // 250),
        },
        "stops": list(head.stops),
        "warnings": list(head.warnings),
    }


def _item(lines: Lines, number: int) -> dict[str, Any]:
    """What a deletion and something that stays have in common. What is not known is left out."""
    told = lines.texts
    found: dict[str, Any] = {"repository": told[lines.repository[number]]}
    if lines.name[number]:
        found["kind"], found["name"] = "tag", lines.name[number]
    else:
        found["kind"] = "manifest"
    found["digest"] = str(lines.digest(number))
    if lines.media_type[number] and told[lines.media_type[number]]:
        found["media_type"] = told[lines.media_type[number]]
    if lines.updated[number] != NONE:
        found["updated"] = plain(to_time(lines.updated[number]))
    if told[lines.rule[number]]:
        found["rule"] = told[lines.rule[number]]
    found["why"] = told[lines.why[number]]
    if lines.via[number] != NONE:
        found["via"] = lines.label(lines.via[number])
    return found


def deletion_items(lines: Lines) -> Iterator[dict[str, Any]]:
    """Each deletion."""
    for number in range(len(lines)):
        found = _item(lines, number)
        if not lines.name[number]:
            found["frees"] = lines.frees[number]
        if lines.unlocks[number]:
            found["unlocks"] = True
        yield found


def kept_items(lines: Lines) -> Iterator[dict[str, Any]]:
    """Each thing that stays."""
    for number in range(len(lines)):
        found = _item(lines, number)
        if lines.is_bare[number]:
            found["loses_tags"] = True
        yield found


def digest_of(head: PlanHead, deletions: Lines, kept: Lines) -> str:
    """The sha256 of all that a plan says.

    It is that of lines of JSON with sorted keys and without spaces: the head, the deletions, an empty line, and what
    stays. How a file is laid out does not count.
    """
    hasher = hashlib.sha256()

    def take(value: Mapping[str, Any]) -> None:
        hasher.update(json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n")

    take(head_fields(head, deletions, kept))
    for item in deletion_items(deletions):
        take(item)
    hasher.update(b"\n")
    for item in kept_items(kept):
        take(item)
    return hasher.hexdigest()


def to_dict(head: PlanHead, deletions: Lines, kept: Lines) -> dict[str, Any]:
    """The whole plan."""
    return {
        **head_fields(head, deletions, kept),
        "sha256": digest_of(head, deletions, kept),
        "delete": list(deletion_items(deletions)),
        "keep": list(kept_items(kept)),
    }


def text_of(head: PlanHead, deletions: Lines, kept: Lines, sha256: str) -> Iterator[str]:
    """The whole plan as pieces of text, one item a line."""
    yield "{\n"
    for key, value in {**head_fields(head, deletions, kept), "sha256": sha256}.items():
        yield f" {json.dumps(key)}: {json.dumps(value)},\n"
    for key, items in (("delete", deletion_items(deletions)), ("keep", kept_items(kept))):
        yield f" {json.dumps(key)}: ["
        comma = "\n  "
        for item in items:
            yield comma + json.dumps(item)
            comma = ",\n  "
        yield "\n ]" + (",\n" if key == "delete" else "\n")
    yield "}\n"


def from_dict(data: Mapping[str, Any]) -> tuple[PlanHead, Lines, Lines]:
    """Read a plan.

    Raises:
        ProtocolViolation: it is none, or of another version.
        DigestMismatch: somebody changed it.
    """
    object_of(data, _WHERE)
    schema = text(data, "schema", _WHERE)
    if schema != SCHEMA_NAME:
        raise ProtocolViolation(f"{_WHERE} is of the form {schema[:60]!r}: expected {SCHEMA_NAME}")
    shared = Texts()
    deletions, kept = _lines(data, "delete", shared), _lines(data, "keep", shared)
    inventory = object_of(data.get("inventory"), f"{_WHERE}.inventory")
    totals = object_of(data.get("totals"), f"{_WHERE}.totals")
    frees = object_of(totals.get("frees"), f"{_WHERE}.totals.frees")
    most, least = _size(frees, "at_most"), _size(frees, "at_least")
    if least not in (0, most):
        raise ProtocolViolation(f"{_WHERE}.totals.frees: at_least is neither 0 nor at_most")
    head = PlanHead(
        registry=text(data, "registry", _WHERE),
        at=_time(inventory, "started"),
        finished=_time(inventory, "finished"),
        is_whole=_truth(inventory, "whole_registry"),
        repositories=_size(inventory, "repositories"),
        is_certain=least == most,
        policy=text_map(data, "policy", _WHERE),
        frees=most,
        stays_shared=_size(totals, "stays_shared"),
        warnings=texts(data, "warnings", _WHERE),
        stops=texts(data, "stops", _WHERE),
    )
    expected, actual = text(data, "sha256", _WHERE), digest_of(head, deletions, kept)
    if expected != actual or dict(totals) != head_fields(head, deletions, kept)["totals"]:
        told = "the plan was changed, or is damaged; to take something off, plan again with protect="
        raise DigestMismatch(f"{told}, or with protect in the policy", expected=expected[:100], actual=actual)
    return head, deletions, kept


def _lines(data: Mapping[str, Any], key: str, shared: Texts) -> Lines:
    lines = Lines(shared)
    wanted: list[tuple[int, str, str]] = []
    places: dict[tuple[str, str], int] = {}
    for at, entry in enumerate(list_of(data, key, _WHERE)):
        where = f"{_WHERE}.{key}[{at}]"
        item = object_of(entry, where)
        line = _line(item, where)
        number = lines.add(line)
        if places.setdefault((line.repository, lines.label(number)), number) != number:
            raise ProtocolViolation(f"{where} is there twice")
        via = optional_text(item, "via", where)
        if via is not None:
            wanted.append((number, line.repository, via))
    for number, repository, via in wanted:
        found = places.get((repository, via))
        if found is None:
            raise ProtocolViolation(f"{_WHERE}.{key}[{number}].via: there is no such line")
        lines.via[number] = found
    return lines


def _line(item: Mapping[str, Any], where: str) -> Line:
    kind, name = text(item, "kind", where), optional_text(item, "name", where) or ""
    if kind not in ("tag", "manifest") or (kind == "tag") is not bool(name):
        raise ProtocolViolation(f"{where}: expected a tag with a name, or a manifest without one")
    frees = item.get("frees")
    return Line(
        repository=text(item, "repository", where),
        name=name,
        digest=pack(received_digest(text(item, "digest", where), where)),
        media_type=optional_text(item, "media_type", where) or "",
        updated=NONE if item.get("updated") is None else to_number(_time(item, "updated", where)),
        rule=optional_text(item, "rule", where) or "",
        why=text(item, "why", where),
        frees=0 if frees is None else _size(item, "frees", where),
        is_bare=item.get("loses_tags") is not None and _truth(item, "loses_tags", where),
        unlocks=item.get("unlocks") is not None and _truth(item, "unlocks", where),
    )


def _size(data: Mapping[str, Any], key: str, where: str = _WHERE) -> int:
    value = integer(data, key, where)
    if not 0 <= value <= _LARGEST:
        raise ProtocolViolation(f"{where}.{key}: expected a size, got {str(value)[:30]}")
    return value


def _truth(data: Mapping[str, Any], key: str, where: str = _WHERE) -> bool:
    value = data.get(key)
    if not isinstance(value, bool):
        raise ProtocolViolation(f"{where}.{key}: expected true or false, got {type(value).__name__}")
    return value


def _time(data: Mapping[str, Any], key: str, where: str = _WHERE) -> datetime:
    value = text(data, key, where)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ProtocolViolation(f"{where}.{key}: {value[:40]!r} is no time")
    return time
