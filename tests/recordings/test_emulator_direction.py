"""The recorded requests are sent to the emulator: its replies must be the recorded ones, but for what is listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.recordings import artefacts, tally
from tests.recordings.artefacts import Artefact, artefact_of
from tests.recordings.client_table import TABLE
from tests.recordings.compare import Mismatch
from tests.recordings.differences import OF_EMULATOR, OfEmulator
from tests.recordings.emulator_replay import Compared, replay

FILES = [row.file for row in TABLE]

Replay = Callable[[str], tuple[Compared, ...]]


@pytest.fixture(name="replay")
def replay_over_tls(recordings: None, certificate: tuple[Path, Path]) -> Replay:
    return lambda file: replay(file, certificate)


@pytest.mark.parametrize("file", FILES)
def test_the_emulator_answers_as_the_registry_did(replay: Replay, file: str) -> None:
    compared = replay(file)
    listed = 0
    for one in compared:
        found = list(_beside_artefacts(one))
        explained = [mismatch for mismatch in found if _explanations(file, mismatch)]
        place = f"entry {one.entry.index}: {one.entry.method} {one.entry.target}"
        assert explained == found, f"{place} is not as recorded, and that is not listed"
        listed += bool(explained)
    tally.add("emulator", compared=len(compared), with_a_deliberate_difference=listed)


@pytest.mark.parametrize("difference", OF_EMULATOR, ids=lambda one: one.what)
def test_a_listed_difference_occurs(replay: Replay, difference: OfEmulator) -> None:
    found = ((file, mismatch) for file in FILES for one in replay(file) for mismatch in _beside_artefacts(one))
    assert any(difference.explains(file, mismatch.what, mismatch.replied) for file, mismatch in found)


@pytest.mark.parametrize("artefact", artefacts.TABLE, ids=lambda one: f"{one.recorder}, {one.what}")
def test_a_listed_artefact_occurs(replay: Replay, artefact: Artefact) -> None:
    found = ((one, mismatch) for file in FILES for one in replay(file) for mismatch in one.mismatches)
    assert any(_artefact_of(one, mismatch) is artefact for one, mismatch in found)


def test_no_mismatch_is_explained_twice(replay: Replay) -> None:
    found = ((file, mismatch) for file in FILES for one in replay(file) for mismatch in _beside_artefacts(one))
    assert all(len(_explanations(file, mismatch)) <= 1 for file, mismatch in found)


def _beside_artefacts(one: Compared) -> Iterator[Mismatch]:
    return (mismatch for mismatch in one.mismatches if _artefact_of(one, mismatch) is None)


def _artefact_of(one: Compared, mismatch: Mismatch) -> Artefact | None:
    return artefact_of(one.recording.recorder, mismatch.what, mismatch.recorded)


def _explanations(file: str, mismatch: Mismatch) -> list[OfEmulator]:
    return [one for one in OF_EMULATOR if one.explains(file, mismatch.what, mismatch.replied)]
