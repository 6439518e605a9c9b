"""Microsoft's SDK: `python microsoft.py JOB HOST REPOSITORY ARGUMENT...`.

It moves images blob by blob, as its examples do. It signs in with a token of Entra: it takes no other login.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from azure.containerregistry import ContainerRegistryClient  # type: ignore[import-untyped, import-not-found, unused-ignore]


class _Token(NamedTuple):
    token: str
    expires_on: int


class _Credential:
    def get_token(self, *scopes: str, **options: object) -> _Token:
        """A token, good for an hour."""
        return _Token("a token of Entra", int(time.time()) + 3600)


def _blob(client: Any, repository: str, digest: str, path: Path) -> None:
    with path.open("wb") as file:
        for block in client.download_blob(repository, digest):
            file.write(block)


def _path(layout: str, digest: str) -> Path:
    return Path(layout) / "blobs" / digest.replace(":", "/")


def _pull(client: Any, repository: str, layout: str) -> None:
    found = client.get_manifest(repository, "v1")
    folder = Path(layout) / "blobs" / "sha256"
    folder.mkdir(parents=True)
    for blob in (found.manifest["config"], *found.manifest["layers"]):
        _blob(client, repository, blob["digest"], _path(layout, blob["digest"]))
    _path(layout, found.digest).write_text(json.dumps(found.manifest))


def _push(client: Any, repository: str, layout: str) -> None:
    (entry,) = json.loads((Path(layout) / "index.json").read_text())["manifests"]
    text = _path(layout, entry["digest"]).read_bytes()
    manifest = json.loads(text)
    for blob in (manifest["config"], *manifest["layers"]):
        with _path(layout, blob["digest"]).open("rb") as file:
            client.upload_blob(repository, file)
    client.set_manifest(repository, io.BytesIO(text), tag="v1")


def _artifact(client: Any, repository: str, *files: str) -> None:
    layers = []
    for file in files:
        with Path(file).open("rb") as source:
            digest, size = client.upload_blob(repository, source)
        layers.append({"mediaType": "application/octet-stream", "digest": digest, "size": size})
    digest, size = client.upload_blob(repository, io.BytesIO(b"{}"))
    config = {"mediaType": "application/vnd.bench", "digest": digest, "size": size}
    media_type = "application/vnd.oci.image.manifest.v1+json"
    client.set_manifest(
        repository,
        {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers},
        tag="v1",
        media_type=media_type,
    )


def main(job: str, host: str, repository: str, *arguments: str) -> None:
    """Do a job."""
    with ContainerRegistryClient(f"https://{host}", _Credential()) as client:
        if job == "blob":
            _blob(client, repository, arguments[0], Path(arguments[1]))
        elif job == "first":
            client.get_tag_properties(repository, "v1")
        elif job == "tags":
            sys.stderr.write(f"{sum(1 for _ in client.list_tag_properties(repository))}\n")
        elif job == "artifact":
            _artifact(client, repository, *arguments)
        else:
            (_pull if job == "pull" else _push)(client, repository, arguments[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
