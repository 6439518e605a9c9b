"""The registry at the far end of the line, and how the benchmark speaks to it past the line."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.network.building import go_program

USER: Final = "bench"
PASSWORD: Final = "no-secret"  # noqa: S105 - it opens nothing but this registry, and is in its source, too


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("control")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


@attrs.frozen
class Counted:
    """What the registries and their storage have seen of a job.

    Args:
        requests: that came.
        connections: that carried them.
        at_once: connections of a host, at the most.
        kinds: requests by method, kind and status.
        sent: bytes of bodies.
        received: bytes of bodies that were read.
    """

    requests: int
    connections: int
    at_once: int
    kinds: Mapping[str, int]
    sent: int
    received: int


class Control:
    """Tells the registry what it has, and asks what it saw.

    Args:
        path: of its socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def _tell(self, what: str, **values: object) -> Any:
        connection = _Unix(self._path)
        try:
            connection.request("POST", f"/{what}", json.dumps(values))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the registry does not {what}: {text.decode()}")
        return json.loads(text)

    def reset(self) -> None:
        """Count anew."""
        self._tell("reset")

    def counted(self) -> Counted:
        """What was counted since."""
        told = self._tell("counted")
        return Counted(**{field.name: told[field.name] for field in attrs.fields(Counted)})

    def seed(self, registry: str, repository: str, layout: Path, tag: str = "v1") -> None:
        """Give a repository the image of a layout, without a request."""
        self._tell("seed", registry=registry, repository=repository, layout=str(layout), tag=tag)

    def make_tags(self, registry: str, repository: str, count: int) -> None:
        """Give a repository so many tags."""
        self._tell("tags", registry=registry, repository=repository, count=count)

    def drop(self, registry: str, repository: str) -> None:
        """Forget a repository, and the blobs that no other one has."""
        self._tell("drop", registry=registry, repository=repository)

    def tagged(self, registry: str, repository: str, tag: str = "v1") -> str:
        """The digest that a tag points to; empty if there is none."""
        digest: str = self._tell("holds", registry=registry, repository=repository, tag=tag)["digest"]
        return digest

    def blobs(self, registry: str, repository: str) -> int:
        """How many blobs a repository has."""
        count: int = self._tell("holds", registry=registry, repository=repository)["blobs"]
        return count

    def set(self, registry: str, *, mounts: bool = True, most: int = 0) -> None:
        """Whether a registry grants mounts, and the largest body that it takes (0: any)."""
        self._tell("set", registry=registry, mounts=mounts, most=most)

    def token(self, registry: str, *scopes: str) -> str:
        """An access token."""
        token: str = self._tell("token", registry=registry, scopes=scopes)
        return token


Placed = Callable[[Sequence[str | Path]], Sequence[str | Path]]


@contextmanager
def origin(
    folder: Path,
    tls: tuple[Path, Path],
    storage: tuple[str, str],
    *registries: tuple[str, str],
    placed: Placed = list,
) -> Iterator[Control]:
    """Run registries, with one storage behind them.

    Args:
        folder: for the socket.
        tls: files of a certificate for all hosts, and of its key.
        storage: its host, with a port unless it is 443, and where it listens.
        registries: the same of each.
        placed: makes the command one that runs elsewhere, such as at the far end of a line.

    Raises:
        Missing: the registry cannot be built.
    """
    control = folder / "control"
    control.unlink(missing_ok=True)
    hosts = ["=".join(one) for one in (storage, *registries)]
    command = placed([go_program("registry"), *tls, control, *hosts])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("the registry does not begin")
            yield Control(control)
        finally:
            process.terminate()


def write_login(path: Path, hosts: Sequence[str]) -> None:
    """A file with a login, as docker keeps it and all of the programs read it."""
    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": secret} for host in hosts}}))
