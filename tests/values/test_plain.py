"""What the client gives is ready for JSON: each value of `acr` has `to_dict()`, or a reason why not."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

import acr
from tests.values.test_travel import CLASSES, VALUES

NOT_GIVEN = {
    *("DockerConfig", "RefreshToken", "UsernamePassword"),  # credentials
    *("File", "Limits", "Retries", "Timeouts", "UnpackLimits"),  # what callers pass
    "UploadState",  # it is secret, and has its own form
    "ErrorInfo",  # a part of an error
}
PLAIN: list[Any] = [value for value in VALUES if hasattr(value, "to_dict")]


def test_each_value_is_ready_for_json_or_is_not_given() -> None:
    values = {name for name, kind in CLASSES.items() if attrs.has(kind)}
    assert {name for name in values if not hasattr(CLASSES[name], "to_dict")} == NOT_GIVEN


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_json_gives_back_what_was_written(value: Any) -> None:
    found = value.to_dict()
    assert json.loads(json.dumps(found)) == found
    if attrs.has(type(value)):
        assert found.keys() == {field.name for field in attrs.fields(type(value))}
    else:  # a Plan, which has a schema of its own
        assert type(value).from_dict(found).to_dict() == found


def test_a_value_within_a_value_is_an_object() -> None:
    event = acr.Moved(acr.Item("model.onnx", 5, acr.Digest.of(b"")), 3)
    assert event.to_dict() == {
        "item": {"name": "model.onnx", "size": 5, "digest": str(acr.Digest.of(b""))},
        "count": 3,
    }
    manifest = acr.Manifest.of('{"mediaType": "a/b"}')
    assert manifest.to_dict() == {
        "content": "eyJtZWRpYVR5cGUiOiAiYS9iIn0=",
        "media_type": "a/b",
        "digest": str(manifest.digest),
    }
    assert "json" not in manifest.to_dict()
