"""Upload states: there and back, checked, and silent about what they can do."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from acr._values.digest import Digest
from acr._values.upload_state import UploadState
from acr.errors import AcrError

STATE = UploadState(
    registry="my.azurecr.io",
    repository="team/app",
    location="/v2/team/app/blobs/uploads/1?_nouploadcache=false&_state=capability",
    offset=7,
    algorithm="sha512",
    digest=Digest.of(b"abc", algorithm="sha512"),
    size=9,
)


@pytest.mark.parametrize("state", [STATE, attrs.evolve(STATE, digest=None, size=None, algorithm="sha256", offset=0)])
def test_it_goes_through_json(state: UploadState) -> None:
    assert UploadState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_its_text_does_not_tell_the_capability() -> None:
    for text in (repr(STATE), str(STATE), f"{STATE}"):
        assert "capability" not in text
        assert "/v2/team/app/blobs/uploads/1" in text


@pytest.mark.parametrize(
    "change",
    [
        {"registry": 5},
        {"repository": None},
        {"location": ["x"]},
        {"offset": "7"},
        {"offset": -1},
        {"offset": True},
        {"size": -1},
        {"size": 1.5},
        {"algorithm": "md5"},
        {"algorithm": None},
        {"digest": "sha256:zz"},
        {"digest": 5},
    ],
)
def test_a_state_that_is_none_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(AcrError):
        UploadState.from_json({**STATE.to_json(), **change})


@pytest.mark.parametrize("value", [None, [], "text", 5, {}])
def test_something_else_is_refused(value: object) -> None:
    with pytest.raises(AcrError):
        UploadState.from_json(value)
