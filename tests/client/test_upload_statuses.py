"""What each status of a refusal means to an upload: a session that is gone, one that tells nothing, one chunk only."""

from __future__ import annotations

import pytest

import acr
from acr.emulator import Emulator
from tests.armed import let_through
from tests.content import bytes_of
from tests.makes.registry import OtherMake
from tests.twin import Twin
from tests.uploading import Watcher

CONTENT = bytes_of(300)
STEP = 100
"""Bytes of a chunk."""


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 416, 501])
def test_an_upload_that_is_not_told_how_far_it_got_begins_anew(
    registry: acr.Registry, acr_emulator: Emulator, status: int
) -> None:
    """The session is cancelled, unless the registry says that it is gone."""
    let_through(acr_emulator, 1, method="PATCH")
    acr_emulator.fail(method="PATCH", status=503)
    acr_emulator.fail(method="GET", path_contains="/uploads/", status=status)
    watcher = Watcher()
    blob = registry.repository("app").upload_blob(CONTENT, chunk_size=STEP, progress=watcher)
    assert (blob.digest, watcher.at) == (acr.Digest.of(CONTENT), len(CONTENT))
    assert watcher.retried == [0]
    is_gone = status in (404, 410, 416)
    assert len(acr_emulator.open_uploads) == is_gone


@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("status", [201, 202, 400, 404, 405, 409, 410, 416, 501])
def test_a_registry_that_takes_no_second_chunk_gets_all_in_one(twin: Twin, status: int, *, created: bool) -> None:
    """A refusal that may mean something else counts at once only if the first chunk was answered with 201."""
    with OtherMake(second=status, statuses={"patch": 201} if created else {}) as make:
        twin.connect(make.url).repository("app").upload_blob(CONTENT, chunk_size=STEP)
        assert list(make.blobs["app"].values()) == [CONTENT]
    is_sure = created or status not in (404, 416)
    assert (make.chunks == [STEP, STEP, len(CONTENT)]) == is_sure
    assert make.chunks[-1] == len(CONTENT)


@pytest.mark.parametrize(
    ("passed", "status"), [*((0, status) for status in (400, 405, 409, 410, 501)), (1, 401), (1, 403), (1, 422)]
)
def test_a_chunk_that_is_refused_for_good_is_not_sent_in_another_way(
    registry: acr.Registry, acr_emulator: Emulator, passed: int, status: int
) -> None:
    """The first one, or a later one for a reason that has nothing to do with chunks."""
    let_through(acr_emulator, passed, method="PATCH")
    acr_emulator.fail(method="PATCH", status=status)
    with pytest.raises(acr.ResponseError) as caught:
        registry.repository("app").upload_blob(CONTENT, chunk_size=STEP)
    assert caught.value.status == status
    assert sum(r.method == "PATCH" for r in acr_emulator.requests) == passed + 1
    assert acr_emulator.open_uploads == []
