"""Large registries: a plan over a million manifests takes a minute and a gibibyte at the most (`make test-upkeep`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.inventory.test_large import run

MANIFESTS = int(os.environ.get("ACR_UPKEEP_MANIFESTS", "10000"))


def test_a_plan_of_a_large_registry(tmp_path: Path) -> None:
    """The time counts if the registry is large: it is that of the processor, as the machine may be busy."""
    run("make", str(MANIFESTS), str(tmp_path / "it"))
    command = [sys.executable, "-m", "tests.cleanup.large", str(tmp_path / "it")]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["deletions"] + found["kept"] == MANIFESTS * 13 // 10
    assert found["deletions"] > MANIFESTS // 4
    assert found["lines"] < 60
    assert found["MiB"] < 1024 * max(0.2, MANIFESTS / 1_000_000)
    if MANIFESTS >= 1_000_000:
        assert found["plan"] < 60, found
