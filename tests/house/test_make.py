"""The Makefile destroys no environment that it has not made."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--directory", str(ROOT), *arguments]
    outer = ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "VENV")  # of the make that runs these tests
    environment = {name: value for name, value in os.environ.items() if name not in outer} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """An environment of another project."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pyvenv.cfg").write_text("home = /usr/bin")
    return tmp_path / "other"


@pytest.mark.parametrize("is_named", [True, False])
def test_an_environment_of_another_project_is_not_cleared(other: Path, is_named: bool) -> None:
    """It may be named to make, or be exported by the user's shell."""
    target = str(other / ".made")
    done = make(target, f"VENV={other}") if is_named else make(target, VENV=str(other))
    assert (done.returncode, [path.name for path in other.iterdir()]) == (2, ["pyvenv.cfg"])
    assert f"{other} was not made here" in done.stderr


def test_an_environment_behind_a_link_is_not_cleared(other: Path, tmp_path: Path) -> None:
    (other / ".made").touch()
    os.utime(other / ".made", (0, 0))
    (tmp_path / "link").symlink_to(other)
    done = make(str(tmp_path / "link" / ".made"), f"VENV={tmp_path / 'link'}")
    assert (done.returncode, (other / "pyvenv.cfg").exists()) == (2, True)
    assert "was not made here" in done.stderr


def test_clean_removes_no_environment_of_another_project(other: Path) -> None:
    """Nothing is removed at all then."""
    done = make("clean", f"VENV={other}")
    assert (done.returncode, (other / "pyvenv.cfg").exists(), (ROOT / "Makefile").exists()) == (2, True, True)
    assert "rm" not in done.stdout


def test_an_environment_that_was_made_here_may_be_removed(other: Path) -> None:
    (other / ".made").touch()
    done = make("--dry-run", "clean", f"VENV={other}")
    assert done.returncode == 0
    assert f'rm -rf "{other}" ' in done.stdout
