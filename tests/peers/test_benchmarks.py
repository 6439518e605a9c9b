"""All benchmarks run, with all that `make bench` installs, at a tiny size."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_all_of_them(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHON": sys.executable}
    setup = subprocess.run([ROOT / "benchmarks" / "setup.sh"], env=env, capture_output=True, text=True, check=False)
    assert setup.returncode == 0, setup.stderr
    output = tmp_path / "results.md"
    command: list[str | Path] = [
        setup.stdout.strip(),
        "-m",
        "benchmarks",
        "--size",
        "1",
        "--rounds",
        "1",
        "--output",
        output,
    ]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "failed:" not in done.stderr
    assert output.read_text().startswith("# Benchmarks")
