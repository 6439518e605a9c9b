"""A file that is not there: each command that reads one says so, exits with 2, and has sent nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import acr
from acr.cli._commands import COMMANDS
from acr.cli._parsing import parser_of
from acr.emulator import Emulator
from tests.cli.conftest import Acr
from tests.cli.test_purge import POLICY

LINES = (
    "push team/x:v1 nothing",
    "push team/x:v1 there nothing:text/plain",
    "push team/x:v1 oci:nothing",
    "push team/x:v1 oci:nothing:v1",
    "push team/x:v1 docker-archive:nothing",
    "cp oci:nothing team/x",
    "cp oci:nothing:v1 team/x",
    "cp oci-archive:nothing team/x",
    "cp docker-archive:nothing team/x",
    "attach team/app:v1.0 nothing --artifact-type a/b",
    "purge plan nothing",
    "purge plan there --load nothing",
    "purge apply nothing --yes",
    "purge apply nothing --dry-run",
    "purge explain nothing team/app:v1.0",
    "purge test nothing",
    "purge test there nothing",
    "purge test there/nothing",
    "du --load nothing",
    "du --load there --load nothing",
    "fsck --load nothing",
    "unlock --state nothing",
    "restore team/app:v1.0 --journal nothing",
    "restore team/app:v1.0 --journal nothing --dry-run",
    "ls --ca-file nothing",
    "emulator --seed nothing",
    "emulator --tls nothing nothing",
)


@pytest.mark.parametrize("line", LINES)
def test_a_file_that_is_missing(acr_here: Acr, acr_emulator: Emulator, line: str) -> None:
    """Some exited with 1, which says that the command line was right."""
    Path("there").write_text(POLICY)
    done = acr_here(*line.split())
    assert (done.code, done.out) == (2, "")
    assert "nothing" in done.err.splitlines()[0]
    assert not acr_emulator.requests


@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith(("push", "cp"))])
def test_a_link_that_leads_nowhere(acr_here: Acr, acr_emulator: Emulator, line: str) -> None:
    Path("there").write_text(POLICY)
    Path("nothing").symlink_to("gone")
    done = acr_here(*line.split())
    assert (done.code, "nothing" in done.err) == (2, True)
    assert not acr_emulator.requests


def test_a_file_that_is_there_and_cannot_be_read(acr_here: Acr, app: acr.Repository) -> None:
    """It is named rightly, so that is a failure."""
    Path("folder").mkdir()
    for line in ("purge apply folder --yes", "purge explain folder team/app:v1.0", "du --load folder"):
        assert acr_here(*line.split()).code == 1


def test_a_command_that_reads_a_file_has_a_line() -> None:
    """So that the next one is told alike."""
    written = {"--save", "--out", "--html", "--checkpoint", "--state", "--journal"}
    for name in COMMANDS:
        for action in parser_of(name)._actions:
            option = action.option_strings[-1] if action.option_strings else ""
            if action.metavar in ("FILE", "PLAN", "POLICY") and option not in written | {"--ca-file"}:
                assert any(line.startswith(name) and option in line for line in LINES), (name, option)
