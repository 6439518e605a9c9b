"""The JSON Schema of plans (2020-12)."""

from __future__ import annotations

from typing import Any, Final

_COUNT: Final = {"type": "integer", "minimum": 0}
_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "string", "format": "date-time"}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _item(**more: Any) -> dict[str, Any]:
    return _object(
        ["repository", "kind", "digest", "why"],
        repository=_TEXT,
        kind={"enum": ["tag", "manifest"]},
        name={"type": "string", "minLength": 1, "description": "of a tag"},
        digest={"type": "string", "pattern": "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$"},
        media_type=_TEXT,
        updated=_TIME,
        rule={"type": "string", "description": "the rule of the policy that decides"},
        why={"type": "string", "description": "the reason; if there is a via, that completes it"},
        via={"type": "string", "description": "the tag or digest, of the same repository, because of which it is so"},
        **more,
    )


SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A plan of what a policy deletes from a registry, and of what it keeps",
    **_object(
        ["schema", "registry", "policy", "inventory", "totals", "stops", "warnings", "sha256", "delete", "keep"],
        schema={"const": "acr-cleanup-plan/1"},
        registry=_TEXT,
        policy={"type": "object", "additionalProperties": _TEXT, "description": "files, with the sha256 of each"},
        inventory=_object(
            ["started", "finished", "repositories", "whole_registry"],
            started=_TIME,
            finished=_TIME,
            repositories=_COUNT,
            whole_registry={"type": "boolean"},
        ),
        totals=_object(
            [
                "tags", "manifests", "kept_tags", "kept_manifests", "frees", "stays_shared", "minutes_at_250_a_minute",
            ],
            tags=_COUNT,
            manifests=_COUNT,
            kept_tags=_COUNT,
            kept_manifests=_COUNT,
            frees=_object(["at_least", "at_most"], at_least=_COUNT, at_most=_COUNT),
            stays_shared=_COUNT,
            minutes_at_250_a_minute=_COUNT,
        ),
        stops={"type": "array", "items": _TEXT, "description": "limits that it exceeds: it must not be carried out"},
        warnings={"type": "array", "items": _TEXT},
        sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
        delete={
            "type": "array",
            "items": _item(
                frees={**_COUNT, "description": "bytes, after the deletions before it"},
                unlocks={"type": "boolean", "description": "it is locked, and is unlocked before it is deleted"},
            ),
            "description": "in the order of the deletions",
        },
        keep={"type": "array", "items": _item(loses_tags={"type": "boolean"})},
    ),
}  # fmt: skip
