"""oras for Python at work on a registry; prints what it found, as JSON.

    oras_python.py REGISTRY USERNAME PASSWORD TOKEN REPOSITORY

It runs in an environment of its own. TOKEN is an access token for all that it does: with name and password it cannot
push, as it answers every challenge with the first token it got, which is for pull alone.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from oras.client import OrasClient  # type: ignore[import-not-found]


def main(registry: str, username: str, password: str, token: str, repository: str) -> dict[str, Any]:
    target = f"{registry}/{repository}"
    Path("file.txt").write_text("from oras\n")
    client = OrasClient(hostname=registry, insecure=True)
    client.login(username, password, hostname=registry)
    try:
        client.push(f"{target}:v1", files=["file.txt"])
        refused = None
    except ValueError as error:
        refused = "UNAUTHORIZED" in str(error)

    pusher = OrasClient(hostname=registry, insecure=True)
    pusher.auth.set_token_auth(token)
    for tag in ("v1", "v2"):
        pusher.push(f"{target}:{tag}", files=["file.txt"], manifest_annotations={"tag": tag})

    reader = OrasClient(hostname=registry, insecure=True)
    reader.login(username, password, hostname=registry)
    (pulled,) = reader.pull(f"{target}:v1", outdir="pulled")
    tags = reader.get_tags(target)
    manifest = reader.get_manifest(f"{target}:v2")
    deleted = pusher.delete_tags(target, ["v2"])
    return {
        "refused": refused,
        "pulled": hashlib.sha256(Path(pulled).read_bytes()).hexdigest(),
        "tags": tags,
        "manifest": manifest["annotations"],
        "deleted": deleted,
        "left": reader.get_tags(target),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
