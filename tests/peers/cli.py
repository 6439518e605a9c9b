"""Clients in the same words: what each can do, and skopeo, crane, oras and regctl, which are programs.

Layouts are folders as in `images`; references are `registry/name:tag` or `registry/name@digest`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Literal

from tests.peers.images import TAG
from tests.peers.tools import installed, run


class Client(ABC):
    """A client, signed in to a registry that speaks plain HTTP."""

    name: ClassVar[str]

    @abstractmethod
    def __init__(self, home: Path, registry: str, username: str, password: str) -> None:
        """Sign in.

        Args:
            home: folder for its settings.
            registry: host and port.
            username: who to sign in as.
            password: and with what.
        """

    @abstractmethod
    def push(self, layout: Path, reference: str) -> None: ...
    @abstractmethod
    def pull(self, reference: str, layout: Path) -> None: ...


class Program(Client):
    """A client that is a program: all that it can do, too."""

    kind: ClassVar[Literal["go", "skopeo"]] = "go"

    def __init__(self, home: Path, registry: str, username: str, password: str) -> None:
        found = installed(self.kind)
        self._program = found if found.is_file() else found / self.name
        self._home = home
        self.registry = registry
        self.sign_in(username, password)

    @abstractmethod
    def sign_in(self, username: str, password: str) -> None: ...
    @abstractmethod
    def copy(self, source: str, target: str) -> None: ...
    @abstractmethod
    def digest(self, reference: str) -> str: ...
    @abstractmethod
    def tags(self, repository: str) -> list[str]: ...
    @abstractmethod
    def delete(self, reference: str) -> None: ...

    def run(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run it; gives its output."""
        return run(self._program, *arguments, home=self._home, stdin=stdin)


class Skopeo(Program):
    name = "skopeo"
    kind = "skopeo"

    def sign_in(self, username: str, password: str) -> None:
        self.run(
            "login", "--tls-verify=false", "--username", username, "--password-stdin", self.registry, stdin=password
        )

    def push(self, layout: Path, reference: str) -> None:
        self._copy(f"oci:{layout}:{TAG}", f"docker://{reference}", "--dest-tls-verify=false")

    def pull(self, reference: str, layout: Path) -> None:
        self._copy(f"docker://{reference}", f"oci:{layout}:{TAG}", "--src-tls-verify=false")

    def copy(self, source: str, target: str) -> None:
        options = "--src-tls-verify=false", "--dest-tls-verify=false"
        self._copy(f"docker://{source}", f"docker://{target}", *options)

    def digest(self, reference: str) -> str:
        found = self.run("inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{reference}")
        return found.strip()

    def tags(self, repository: str) -> list[str]:
        found: list[str] = json.loads(self.run("list-tags", "--tls-verify=false", f"docker://{repository}"))["Tags"]
        return found

    def delete(self, reference: str) -> None:
        self.run("delete", "--tls-verify=false", f"docker://{reference}")

    def _copy(self, source: str, target: str, *options: str) -> None:
        # The policy is a file of Debian's package; without the option it refuses all where that file is missing.
        self.run("--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests", *options, source, target)


class Crane(Program):
    name = "crane"

    def sign_in(self, username: str, password: str) -> None:
        self.run("auth", "login", self.registry, "--username", username, "--password-stdin", stdin=password)

    def push(self, layout: Path, reference: str) -> None:
        self.run("push", layout, reference)

    def pull(self, reference: str, layout: Path) -> None:
        self.run("pull", "--format=oci", reference, layout)

    def copy(self, source: str, target: str) -> None:
        self.run("copy", source, target)

    def digest(self, reference: str) -> str:
        return self.run("digest", reference).strip()

    def tags(self, repository: str) -> list[str]:
        return self.run("ls", repository).split()

    def delete(self, reference: str) -> None:
        self.run("delete", reference)


class Oras(Program):
    name = "oras"

    def sign_in(self, username: str, password: str) -> None:
        self.run("login", "--plain-http", "--username", username, "--password-stdin", self.registry, stdin=password)

    def push(self, layout: Path, reference: str) -> None:
        self.run("cp", "--from-oci-layout", f"{layout}:{TAG}", "--to-plain-http", reference)

    def pull(self, reference: str, layout: Path) -> None:
        self.run("cp", "--from-plain-http", reference, "--to-oci-layout", f"{layout}:{TAG}")

    def copy(self, source: str, target: str) -> None:
        self.run("cp", "--from-plain-http", source, "--to-plain-http", target)

    def digest(self, reference: str) -> str:
        return self.run("resolve", "--plain-http", reference).strip()

    def tags(self, repository: str) -> list[str]:
        return self.run("repo", "tags", "--plain-http", repository).split()

    def delete(self, reference: str) -> None:
        self.run("manifest", "delete", "--plain-http", "--force", reference)


class Regctl(Program):
    name = "regctl"

    def sign_in(self, username: str, password: str) -> None:
        self.run("registry", "set", self.registry, "--tls", "disabled", "--skip-check")
        self.run("registry", "login", self.registry, "--user", username, "--pass-stdin", stdin=password)

    def push(self, layout: Path, reference: str) -> None:
        self.copy(f"ocidir://{layout}:{TAG}", reference)

    def pull(self, reference: str, layout: Path) -> None:
        self.copy(reference, f"ocidir://{layout}:{TAG}")

    def copy(self, source: str, target: str) -> None:
        self.run("image", "copy", source, target)

    def digest(self, reference: str) -> str:
        return self.run("image", "digest", reference).strip()

    def tags(self, repository: str) -> list[str]:
        return self.run("tag", "ls", repository).split()

    def delete(self, reference: str) -> None:
        self.run("manifest", "delete", reference)


PROGRAMS: tuple[type[Program], ...] = (Skopeo, Crane, Oras, Regctl)
