"""The recorded replies are fed to the client: it must end where the recorded SDK ended, in sync and in async code."""

from __future__ import annotations

import attrs
import pytest

from tests.recordings import differences, tally
from tests.recordings.client_table import TABLE, Row
from tests.recordings.recording import load
from tests.recordings.replay_server import ReplayServer
from tests.recordings.steps import Refused, Scene
from tests.twin import Twin


@attrs.frozen
class _EntraToken:
    token: str
    expires_on: int


class _Entra:
    """Signs in to nothing: the recorded Entra tokens were sanitised to one word."""

    def get_token(self, *scopes: str, **kwargs: object) -> _EntraToken:
        return _EntraToken("Sanitized", 4_000_000_000)


@pytest.mark.usefixtures("recordings")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.file)
def test_the_client_ends_where_the_sdk_ended(row: Row, twin: Twin) -> None:
    recording = load(row.file)
    with ReplayServer(recording) as server:
        registry = twin.connect(server.url, None if recording.anonymous else _Entra())
        scene = Scene(registry, recording, server, twin)
        for step in row.steps:
            outcome = step.outcome(scene)
            if isinstance(outcome, Refused):
                server.ways.add(differences.REFUSED)
            assert outcome == step.expected(recording), server.problems
        registry.close()
    assert server.problems == []
    assert server.missing == [], "replies that the client never asked for"
    assert server.ways == differences.ways_of(row.file)
    assert twin.slept == []
    answers = len(recording.answers)
    tokens = len(server.served) - answers
    tally.add(
        f"client ({twin.colour})",
        answers_compared=answers,
        token_replies_used=tokens,
        round_trips_not_needed=len(recording.entries) - answers - tokens,
    )


def test_ways_are_those_of_known_files() -> None:
    for one in differences.OF_CLIENT:
        assert one.files == "*" or one.files in {row.file for row in TABLE}
