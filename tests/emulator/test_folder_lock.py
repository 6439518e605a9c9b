"""A data folder is one emulator's at a time: a second one would delete the uploads of the first."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acr._values.digest import Digest
from acr.emulator import Emulator
from acr.emulator.__main__ import main
from tests.emulator.user import User

PUSH = "repository:app:pull,push"


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """An emulator that serves, in a process of its own."""
    command = [sys.executable, "-m", "acr.emulator", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            yield process
        finally:
            process.kill()


def told(folder: Path, process: int) -> str:
    return f"another emulator uses the folder {folder} (process {process}): stop it, or name another folder"


def test_the_second_process_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with another_process(tmp_path) as process:
        (tmp_path / "drafts" / "an-open-upload").write_bytes(b"chunk")
        with pytest.raises(BlockingIOError) as caught:
            Emulator(tmp_path)
        assert str(caught.value) == told(tmp_path, process.pid)
        assert main(["--data", str(tmp_path)]) == 1
        assert capsys.readouterr().err == f"acr.emulator: {told(tmp_path, process.pid)}\n"
        assert (tmp_path / "drafts" / "an-open-upload").read_bytes() == b"chunk"


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_a_process_that_ended_holds_nothing(tmp_path: Path, how: str) -> None:
    with another_process(tmp_path) as process:
        getattr(process, how)()
        process.wait(10)
        with Emulator(tmp_path) as registry:
            assert registry.url


def test_the_second_one_of_a_process_is_refused(tmp_path: Path) -> None:
    with Emulator(tmp_path) as registry:
        user = User(registry)
        with user.http:
            token = {"Authorization": f"Bearer {user.token(PUSH)}"}
            location = user.http.post("/v2/app/blobs/uploads/", headers=token).headers["Location"]
            location = user.http.patch(location, content=b"chunk", headers=token).headers["Location"]
            with pytest.raises(BlockingIOError) as caught:
                Emulator(tmp_path)
            assert str(caught.value) == told(tmp_path, os.getpid())
            digest = Digest.of(b"chunk")
            assert user.http.put(f"{location}&digest={digest}", headers=token).status_code == 201
    with Emulator(tmp_path) as registry, User(registry).http:
        assert registry.open_uploads == []


def test_one_that_was_made_and_never_started_holds_the_folder_as_long_as_it_lives(tmp_path: Path) -> None:
    registry = Emulator(tmp_path)
    with pytest.raises(BlockingIOError):
        Emulator(tmp_path)
    registry.stop()
    Emulator(tmp_path).stop()


def test_one_that_cannot_begin_holds_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(OSError, match="seed nowhere cannot be read"):
            Emulator(tmp_path, seed="nowhere")
    with Emulator(tmp_path):
        pass


def test_what_the_lock_says_counts_for_nothing(tmp_path: Path) -> None:
    """Killed between its lock and its keys, an emulator leaves a folder that is still its own."""
    (tmp_path / "lock").write_bytes(b"1\nnonsense" * 100)
    with Emulator(tmp_path):
        assert (tmp_path / "lock").read_bytes() == str(os.getpid()).encode()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no forks")
def test_a_forked_child_keeps_neither_the_folder_nor_the_port(tmp_path: Path) -> None:
    read, write = os.pipe()
    begun, begins = os.pipe()
    with Emulator(tmp_path) as registry:
        port = int(registry.login_server.rpartition(":")[2])
        child = os.fork()
        if child == 0:
            os.close(write)
            os.write(begins, b"1")
            os.read(read, 1)  # until the parent has seen enough
            os._exit(0)
    try:
        with Emulator(tmp_path):
            pass
        os.read(begun, 1)  # what is closed in the child is closed now
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
    finally:
        os.close(write)
        os.close(read)
        os.close(begun)
        os.close(begins)
        os.waitpid(child, 0)
