"""A way to a server on which connections break."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread


@contextmanager
def breaking(port: int, after: int) -> Iterator[int]:
    """Pass connections on to a server of this machine, and break each of them when so many bytes have come back.

    Args:
        port: of the server.
        after: bytes.

    Yields:
        The port to connect to.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_accept, args=(listener, port, after), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)  # lets go of who waits for a connection


def _accept(listener: socket.socket, port: int, after: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", port))
            Thread(target=_pass_on, args=(client, server, None), daemon=True).start()
            Thread(target=_pass_on, args=(server, client, after), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, left: int | None) -> None:
    with suppress(OSError):
        while left != 0 and (data := source.recv(min(65_536, left or 65_536))):
            target.sendall(data)
            left = None if left is None else left - len(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()  # each is the source of one thread
