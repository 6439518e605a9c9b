"""A plan over a large registry, in a process of its own: `python -m tests.cleanup.large FILE`."""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

from acr import load_inventory
from acr._cleanup.policy import Policy
from acr._inventory.inventory import tables_of
from acr._outside.plan_file import save_plan
from tests.inventory.memory import peak

POLICY = """
[purge]
protect = ["v1"]

[[purge.rule]]
name = "early"
repositories = ["team00*", "!team001/app00100"]
tags = { glob = ["v?", "v1?"] }
keep = "all"

[[purge.rule]]
name = "old"
tags = { regex = "v[0-9]+" }
older_than = "100d"
keep_newest = 20
keep_at_most = 100

[purge.untagged]
older_than = "500d"
keep_newest = 3

[purge.orphans]
older_than = "1d"
"""


def measure(path: Path) -> dict[str, float]:
    """Seconds of the processor that each step takes, and the peak of memory in MiB after it."""
    found: dict[str, float] = {}
    began = time.process_time()
    inventory = load_inventory(path)
    found["load"] = time.process_time() - began
    manifests = tables_of(inventory).manifests
    for at, created in enumerate(manifests.created):  # the made-up registry says nothing of later changes
        manifests.updated[at] = created
    gc.collect()
    began = time.process_time()
    plan = Policy(POLICY).plan(inventory)
    found["plan"] = time.process_time() - began
    found["MiB"] = peak()
    found["deletions"], found["kept"], found["frees"] = len(plan.deletions), len(plan.kept), plan.frees
    began = time.process_time()
    text = str(plan)
    found["print"] = time.process_time() - began
    found["lines"] = len(text.splitlines())
    began = time.process_time()
    save_plan(plan, path.with_suffix(".json"))
    found["save"] = time.process_time() - began
    found["bytes"] = path.with_suffix(".json").stat().st_size
    found["MiB after saving"] = peak()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]))))
