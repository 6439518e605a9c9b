"""The command line in tests: in process for most, and as the installed program, in a pipe or on a pseudo-terminal."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import acr
from acr.cli import main
from acr.emulator import Emulator
from tests.cleanup.aged import Clock, emulated
from tests.upkeep import push_image, push_release


@attrs.frozen
class Done:
    """What came of a command line."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Acr = Callable[..., Done]


class Stream(io.TextIOWrapper):
    """A standard stream in memory."""

    def __init__(self, *, content: bytes = b"", is_tty: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", write_through=True)
        self._is_tty = is_tty

    def isatty(self) -> bool:
        return self._is_tty

    @property
    def text(self) -> str:
        self.flush()
        content: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return content.decode()


def call(arguments: list[str], *, content: bytes = b"", tty: bool = False) -> Done:
    """Run a command line in this process."""
    streams = Stream(content=content, is_tty=tty), Stream(is_tty=tty), Stream(is_tty=tty)
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        code = main(arguments)
    done = Done(code, streams[1].text, streams[2].text)
    assert "Traceback" not in done.err
    return done


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has nothing set down, in a folder of their own."""
    for name in list(os.environ):
        if name.startswith(("ACR_", "DOCKER_", "AZURE_")) or name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "home" / ".docker"))
    monkeypatch.setenv("TERM", "xterm")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def acr_here(home: Path, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Acr:
    """Runs command lines against the emulator, signed in as its admin user."""
    monkeypatch.setenv("ACR_REGISTRY", acr_emulator.login_server)
    monkeypatch.setenv("ACR_USERNAME", acr_emulator.username)
    monkeypatch.setenv("ACR_PASSWORD", acr_emulator.password)

    def run(*arguments: str, content: bytes = b"", tty: bool = False) -> Done:
        return call(list(arguments), content=content, tty=tty)

    return run


@pytest.fixture
def aged() -> Iterator[tuple[Emulator, Clock]]:
    """A registry of last year, with a trash. A plan has something to delete there."""
    with emulated(trash="az") as found:
        yield found


@pytest.fixture
def there(acr_emulator: Emulator) -> Iterator[acr.Registry]:
    """A client, to prepare the registry and to see what came of it."""
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        yield registry


@pytest.fixture
def app(there: acr.Registry) -> acr.Repository:
    """The repository team/app: two signed releases of two platforms, and an image."""
    repository = there.repository("team/app")
    push_release(repository, "v1.0")
    push_release(repository, "v1.1")
    push_image(repository, "an image", tag="latest")
    return repository


def everything(registry: acr.Registry) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """All tags and manifests of all repositories."""
    found: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for name in registry.repositories():
        repository = registry.repository(name)
        tags = frozenset(f"{tag.name} {tag.digest}" for tag in repository.tags())
        found[name] = tags, frozenset(one.digest for one in repository.manifests())
    return found
