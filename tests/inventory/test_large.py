"""Large registries: a million manifests are looked at within a minute and a gibibyte (`make test-upkeep`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

MANIFESTS = int(os.environ.get("ACR_UPKEEP_MANIFESTS", "10000"))


def run(*arguments: str, module: str = "large") -> str:
    command = [sys.executable, "-m", f"tests.inventory.{module}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_large_registry(tmp_path: Path) -> None:
    """The time counts if the registry is large: it is that of the processor, as the machine may be busy."""
    run("make", str(MANIFESTS), str(tmp_path / "it"))
    found = json.loads(run("measure", str(tmp_path / "it")))
    assert found["manifests"] == MANIFESTS
    assert found["tags"] == MANIFESTS * 3 // 10
    assert found["findings"] == 0
    assert found["MiB"] < 1024 * max(0.2, MANIFESTS / 1_000_000)
    if MANIFESTS >= 1_000_000:
        assert max(found["load"], found["usage"], found["check"]) < 60, found


def test_a_cold_reading_gets_each_manifest_once_and_a_warm_one_none() -> None:
    """28,000 in 300 repositories by `make test-upkeep`."""
    count = min(MANIFESTS // 35, 28_000)
    found = json.loads(run(str(count), module="cold_and_warm"))
    repositories = -(-count // 93)
    for reading in (found["cold"], found["warm"]):
        assert reading["manifests"] == count
        assert reading["listings"] == 1 + 4 * repositories
        assert reading["tokens"] <= repositories + 1
    assert found["cold"]["manifests fetched"] == count
    assert "manifests fetched" not in found["warm"]
