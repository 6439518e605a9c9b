"""Reads a registry of 300 repositories and 28,000 manifests from the emulator, cold and warm, and tells what it took.

`python -m tests.inventory.cold_and_warm [MANIFESTS]`; `test_large.py` runs it with fewer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import acr
from acr import media_types
from acr.emulator import Emulator
from acr.emulator._store.items import NewManifest
from tests.inventory.memory import peak

IN_A_REPOSITORY = 93


def fill(emulator: Emulator, manifests: int) -> int:
    """Put images of five layers, and an index for each two of them, into repositories. Without requests."""
    metadata = emulator._registry.metadata
    total = 0
    while total < manifests:
        name = f"team/app{total // IN_A_REPOSITORY:04}"
        images: list[dict[str, Any]] = []
        for at in range(min(IN_A_REPOSITORY, manifests - total)):
            layer = {"mediaType": media_types.OCI_LAYER_GZIP, "size": 1000 + at}
            layers = [{**layer, "digest": str(acr.Digest.of(f"{name}{at}{number}".encode()))} for number in range(5)]
            fields: dict[str, Any] = {"mediaType": media_types.OCI_MANIFEST, "layers": layers}
            if at % 3 == 2:
                platform = {"os": "linux", "architecture": "amd64"}
                children = [{**images[-1], "platform": platform}, {**images[-2], "platform": platform}]
                fields = {"mediaType": media_types.OCI_INDEX, "manifests": children}
            content = json.dumps(fields).encode()
            digest = acr.Digest.of(content)
            images.append({"mediaType": fields["mediaType"], "digest": str(digest), "size": len(content)})
            new = NewManifest(
                digest=digest,
                media_type=fields["mediaType"],
                content=content,
                image_size=0,
                architecture=None,
                os=None,
                config_media_type=None,
                artifact_type=None,
                subject=None,
                annotations={},
            )
            metadata.put_manifest(name, new, f"v{at}" if at % 3 == 2 else None, 16_000_000_000_000_000)
            total += 1
    return total


def read(url: str, token: str, cache: str) -> dict[str, float]:
    """Read the inventory, in this process."""
    began, began_cpu = time.perf_counter(), time.process_time()
    with acr.Registry(url, acr.UsernamePassword("admin", token)) as registry:
        inventory = registry.inventory(cache=cache, rate=None)
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - began_cpu,
        "manifests": sum(1 for _ in inventory.manifests()),
        "MiB": peak(),
    }


def measure(manifests: int) -> dict[str, dict[str, float]]:
    """Read it twice, each time in a process of its own."""
    found: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as cache, Emulator(password="secret") as emulator:
        fill(emulator, manifests)
        for name in ("cold", "warm"):
            emulator.clear_requests()
            command = [sys.executable, "-m", "tests.inventory.cold_and_warm", "read", emulator.url, "secret", cache]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            kinds = Counter(_kind(record.path) for record in emulator.requests)
            found[name] = {**json.loads(done.stdout), **kinds}
        found["cache"] = {"bytes": sum(file.stat().st_size for file in Path(cache).iterdir())}
    return found


def _kind(path: str) -> str:
    if path.startswith("/oauth2"):
        return "tokens"
    if path.startswith("/acr/v1"):
        return "listings"
    return "manifests fetched" if "/manifests/" in path else "other"


if __name__ == "__main__":
    if sys.argv[1:2] == ["read"]:
        sys.stdout.write(json.dumps(read(*sys.argv[2:5])))
    else:
        sys.stdout.write(json.dumps(measure(int(sys.argv[1]) if sys.argv[1:] else 28_000), indent=2) + "\n")
