"""The recordings, where they lie beside the checkout; and, at the end, how much of them was compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificate import make_certificate
from tests.recordings import tally
from tests.recordings.client_table import TABLE
from tests.recordings.recording import FOLDER


@pytest.fixture
def recordings() -> None:
    """Skip where the recordings are absent."""
    if not FOLDER.is_dir():
        pytest.skip("the recordings of ACR's traffic (../shared/recordings) are not beside this checkout")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how much was compared."""
    if lines := list(tally.lines(len(TABLE))):
        terminalreporter.section("recorded traffic")
        for line in lines:
            terminalreporter.write_line(line)
