"""oras for Python."""

# pyright: reportMissingImports=false
from __future__ import annotations

import hashlib
import time
from typing import Any

from oras.client import OrasClient  # type: ignore[import-not-found, unused-ignore]
from oras.oci import NewLayer  # type: ignore[import-not-found, unused-ignore]

from benchmarks.clients.job import Job, Told, done, main


def _client(job: Job) -> tuple[Any, str]:
    """A new client, and the repository as it names it."""
    scheme, _, host = job.url.partition("://")
    return OrasClient(hostname=host, insecure=scheme == "http"), f"{host}/{job.repository}"


def download(job: Job) -> Told:
    """A blob: into a file, as it does it, which verifies nothing; or into memory, and hashed then."""
    begin = time.perf_counter()
    client, repository = _client(job)
    if job.path is not None:
        client.download_blob(repository, job.digest, str(job.path))
        return done(begin, job.path.stat().st_size)
    content = client.get_blob(client.get_container(repository), job.digest).content
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == job.digest
    return done(begin, len(content))


def upload(job: Job) -> Told:
    """A blob from a file; it reads it once for the digest, and once to send it."""
    assert job.path is not None
    begin = time.perf_counter()
    client, repository = _client(job)
    answer = client.upload_blob(str(job.path), repository, NewLayer(str(job.path)))
    assert answer.status_code == 201, answer.text
    return done(begin, job.path.stat().st_size)


if __name__ == "__main__":
    main({"download": download, "upload": upload})
