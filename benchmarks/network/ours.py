"""This project, a job for each start: `python ours.py JOB HOST REPOSITORY ARGUMENT...`; measured as a whole process.

It uses what older states of this project have, too, so that they can be measured beside this one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from acr import Layout, Registry, Repository, UsernamePassword

_LOGIN = UsernamePassword("bench", "no-secret")


def blob(repository: Repository, digest: str, path: str) -> None:
    """A blob into a file."""
    repository.download_blob(digest, Path(path))


def pull(repository: Repository, path: str) -> None:
    """An image into the folder of a layout."""
    repository.pull("v1", Layout(Path(path)))


def push(repository: Repository, path: str) -> None:
    """An image from the folder of a layout."""
    repository.push(Layout(Path(path)), "v1", tag="v1")


def artifact(repository: Repository, *files: str) -> None:
    """Files as an artifact."""
    repository.push_artifact([Path(file) for file in files], tag="v1", artifact_type="application/vnd.bench")


def first(repository: Repository) -> None:
    """One small call."""
    repository.manifest("v1").head()


def tags(repository: Repository) -> None:
    """All tags, with what the registry tells of them."""
    sys.stderr.write(f"{sum(1 for _ in repository.tags())}\n")


_JOBS: dict[str, Callable[..., None]] = {
    "blob": blob,
    "pull": pull,
    "push": push,
    "artifact": artifact,
    "first": first,
    "tags": tags,
}


def main(job: str, host: str, repository: str, *arguments: str) -> None:
    """Do a job."""
    with Registry(host, _LOGIN) as registry:
        if job != "copy":
            _JOBS[job](registry.repository(repository), *arguments)
            return
        other, target = arguments
        if other == host:
            registry.copy(f"{repository}:v1", f"{target}:v1")
            return
        with Registry(other, _LOGIN) as second:
            registry.copy(f"{repository}:v1", f"{target}:v1", to=second)


if __name__ == "__main__":
    main(*sys.argv[1:])
