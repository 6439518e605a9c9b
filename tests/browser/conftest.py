"""A browser, and a proxy that takes down whatever leaves it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.browser.chromium import Chromium, profile


class Sink:
    """A proxy that answers nothing, and keeps the first line of each request."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.requests: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with closing(connection):
                line = connection.recv(65536).partition(b"\r\n")[0].decode(errors="replace")
                if line:
                    self.requests.append(line)
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Sink(listener)
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="session")
def browser(sink: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    port = sink._listener.getsockname()[1]
    with profile(tmp_path_factory.mktemp("browser")) as folder, Chromium(folder, f"127.0.0.1:{port}") as chromium:
        yield chromium
