"""What an emulator is made of, put together before it serves: keys, content, listening sockets, a certificate."""

from __future__ import annotations

import ipaddress
import socket
import sqlite3
import ssl
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import attrs

from acr.emulator._access.gate import Gate
from acr.emulator._access.secrets import Secrets
from acr.emulator._access.tokens import Tokens
from acr.emulator._arguments import said
from acr.emulator._routes.registry import Registry
from acr.emulator._seeding.seed import plant
from acr.emulator._server.server import reserve
from acr.emulator._settings import Settings
from acr.emulator._store.content import Content, FolderContent, MemoryContent
from acr.emulator._store.lock import LOCK, locked
from acr.emulator._store.metadata import Metadata
from acr.emulator._store.uploads import Uploads
from acr.errors import InvalidInput

ADMIN: Final = "admin"
_SECRETS: Final = "secrets.json"


@attrs.frozen(kw_only=True)
class Parts:
    """What an emulator is made of.

    Args:
        registry: all that its routes need.
        listeners: the sockets of the registry and of the blob store, which do not listen yet.
        tls: what they speak TLS with; None if they do not.
        certificate: the file of their certificate.
        opened: closes all that was opened.
    """

    registry: Registry
    listeners: tuple[socket.socket, socket.socket]
    tls: ssl.SSLContext | None
    certificate: Path | None
    opened: ExitStack


def assemble(
    settings: Settings,
    *,
    data: Path | None,
    host: str,
    ports: tuple[int, int],
    tls: tuple[Path, Path] | None,
    self_signed: bool,
    password: str | None,
    seed: Path | None,
) -> Parts:
    """Open and make everything, or nothing. The arguments are those of `Emulator`."""
    if tls is not None and self_signed:
        raise InvalidInput("tls and self_signed do not go together")
    if ports[0] == ports[1] != 0:
        raise InvalidInput(f"port and storage_port are both {ports[0]}: name two, or 0 for any free one")
    with ExitStack() as opened:
        secret, content, metadata = _open_store(data, password, opened)
        files = _certificate(data, host, opened) if self_signed else tls
        first, second = (opened.enter_context(reserve(host, port)) for port in ports)
        login_server = f"{_host_to_connect_to(host)}:{first.getsockname()[1]}"
        tokens = Tokens(settings, secret, login_server)
        tokens.add_password(ADMIN, secret.password, None)
        registry = Registry(
            settings=settings,
            secret=secret,
            tokens=tokens,
            gate=Gate(tokens),
            metadata=metadata,
            content=content,
            uploads=Uploads(content),
            login_server=login_server,
            storage_port=second.getsockname()[1],
        )
        if seed is not None:
            plant(seed, metadata, content, now=registry.now())
        return Parts(
            registry=registry,
            listeners=(first, second),
            tls=None if files is None else _tls_context(*files),
            certificate=None if files is None else files[0],
            opened=opened.pop_all(),
        )


def _open_store(data: Path | None, password: str | None, opened: ExitStack) -> tuple[Secrets, Content, Metadata]:
    content: Content
    if data is None:
        secret, content, database = Secrets(), MemoryContent(), None
    else:
        try:
            _claim(data, opened)
            secret, content, database = Secrets.load(data / _SECRETS), FolderContent(data), data / "metadata.db"
        except OSError as error:
            raise said(error, f"the folder {data} cannot be used", "name another folder") from None
    if password is not None:
        secret = attrs.evolve(secret, password=password)
    try:
        metadata = Metadata(database)
    except sqlite3.DatabaseError as error:
        raise OSError(f"{database} cannot be used ({error}): delete its folder, or name another one") from None
    return secret, content, opened.enter_context(closing(metadata))


def _claim(folder: Path, opened: ExitStack) -> None:
    """Make the folder, or see that it is an emulator's: `reset` and each start delete in it. Then lock it."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(path.name != LOCK for path in folder.iterdir()) and not (folder / _SECRETS).exists():
        raise FileExistsError(f"{folder} is not empty, and no emulator has made it: name another folder")
    opened.enter_context(locked(folder))


def _certificate(data: Path | None, host: str, opened: ExitStack) -> tuple[Path, Path]:
    # Imported by those alone that want one made: it takes a while.
    from acr.emulator._server.certificate import self_signed

    folder = data or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="acr-emulator-")))
    return self_signed(folder, [_host_to_connect_to(host).strip("[]"), "localhost", "127.0.0.1", "::1"])


def _tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    def ask() -> str:
        raise InvalidInput(f"tls: the key {key} has a password; the emulator takes a key without one")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, ask)
    except OSError as error:
        raise said(
            error, f"tls: {certificate} with {key} cannot be used", "name a certificate and its key in PEM"
        ) from None
    return context


def _host_to_connect_to(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:  # stands for all addresses of this machine, and is none that one can connect to
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return str(address) if address.version == 4 else f"[{address}]"
