"""The emulator as its users have it: start it, point a client at it, look at what arrived, let things go wrong."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from acr._values.home import public_in
from acr.emulator._access.entra import AsyncEntraCredential, EntraCredential
from acr.emulator._access.gate import Gate
from acr.emulator._access.tokens import Secrets, Tokens, parse_scopes
from acr.emulator._routes.registry import Registry
from acr.emulator._routes.storage import Storage
from acr.emulator._server.application import Front, RegistryApplication
from acr.emulator._server.faults import Fault, Faults
from acr.emulator._server.records import Origin, RequestRecord
from acr.emulator._server.server import OriginServer, ServerThread, listen
from acr.emulator._settings import AUDIENCES, Settings
from acr.emulator._store.content import Content, FolderContent, MemoryContent
from acr.emulator._store.metadata import Metadata
from acr.emulator._store.uploads import Uploads

ADMIN: Final = "admin"
_SECRETS: Final = "secrets.json"
_MOST_RECORDS: Final = 100_000


@public_in("acr.emulator")
class Emulator:
    """A registry on this machine. Use it as a context manager, or call `start` and `stop`.

    Args:
        data: folder to keep everything in, also the keys of its tokens; None keeps it in memory. For one emulator
            at a time.
        port: of the registry; 0 takes a free one.
        storage_port: of the blob store that downloads are redirected to; 0 takes a free one.
        host: address to listen on.
        tls: files of a certificate and of its key, in PEM. The registry and the blob store then speak https and nothing
            else. Downloads from 127.0.0.1 are redirected to localhost, so it should be for both.
        anonymous_pull: let anyone pull and list.
        refresh_lifetime: seconds that refresh tokens live. This and the next three are ACR's own by default.
        access_lifetime: seconds that access tokens live.
        anonymous_lifetime: seconds that access tokens for anonymous pull live.
        redirect_lifetime: seconds that a redirect to the blob store is good for.
        audiences: of Entra tokens that are accepted. Only those of `credential` are looked into.
        clock: the time, in seconds since the epoch; give another one to test expiry.

    Raises:
        OSError: the port is taken, or the folder cannot be used, or it holds what no emulator has put there.
        ssl.SSLError: `tls` are no certificate and its key. It is an OSError.

    >>> with Emulator() as registry:
    ...     registry.url.startswith("http://127.0.0.1:"), registry.requests
    (True, [])
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int = 0,
        storage_port: int = 0,
        host: str = "127.0.0.1",
        tls: tuple[Path, Path] | None = None,
        anonymous_pull: bool = False,
        refresh_lifetime: float = 11_700,
        access_lifetime: float = 4_500,
        anonymous_lifetime: float = 1_200,
        redirect_lifetime: float = 1_200,
        audiences: Iterable[str] = AUDIENCES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = Settings(
            anonymous_pull=anonymous_pull,
            refresh_lifetime=refresh_lifetime,
            access_lifetime=access_lifetime,
            anonymous_lifetime=anonymous_lifetime,
            redirect_lifetime=redirect_lifetime,
            audiences=tuple(audiences),
            clock=clock,
        )
        self._tls = None if tls is None else _tls_context(*tls)
        self._records: deque[RequestRecord] = deque(maxlen=_MOST_RECORDS)
        self._faults = Faults()
        self._thread = ServerThread()
        content: Content
        if data is None:
            secret, content, database = Secrets(), MemoryContent(), None
        else:
            _claim(data)
            secret, content, database = Secrets.load(data / _SECRETS), FolderContent(data), data / "metadata.db"
        with ExitStack() as opened:
            metadata = opened.enter_context(closing(Metadata(database)))
            self._listeners = [opened.enter_context(listen(host, number)) for number in (port, storage_port)]
            self._opened = opened.pop_all()
        ports = [listener.getsockname()[1] for listener in self._listeners]
        self.login_server: str = f"{_host_to_connect_to(host)}:{ports[0]}"
        self._tokens = Tokens(self._settings, secret, self.login_server)
        self._tokens.add_password(ADMIN, secret.password, None)
        self._password = secret.password
        self._registry = Registry(
            settings=self._settings,
            secret=secret,
            gate=Gate(self._tokens),
            metadata=metadata,
            content=content,
            uploads=Uploads(content),
            login_server=self.login_server,
            storage_port=ports[1],
        )

    @property
    def url(self) -> str:
        """Where the registry is: `http://127.0.0.1:PORT`. `login_server` is the same without the scheme."""
        return f"{'https' if self._tls else 'http'}://{self.login_server}"

    @property
    def username(self) -> str:
        """Name of the admin user, who may do everything."""
        return ADMIN

    @property
    def password(self) -> str:
        """Password of the admin user. In a folder it stays the same."""
        return self._password

    @property
    def requests(self) -> list[RequestRecord]:
        """What arrived so far, at both origins, in order of arrival: the last 100,000."""
        return list(self._records)

    @property
    def open_uploads(self) -> list[str]:
        """Ids (`Docker-Upload-UUID`) of the upload sessions that nobody has committed or cancelled, oldest first."""
        return self._registry.uploads.ids

    def clear_requests(self) -> None:
        """Forget what arrived."""
        self._records.clear()

    def credential(self, *, scopes: Iterable[str] | None = None, lifetime: float = 3600) -> EntraCredential:
        """An Entra credential, such as azure-identity has.

        Args:
            scopes: what its user may do, as `repository:NAME:ACTION,ACTION`, where NAME may end in `*`, or
                `registry:catalog:*`; None for everything.
            lifetime: seconds that its tokens live.
        """
        grants = None if scopes is None else parse_scopes(scopes)
        return EntraCredential(self._tokens, self._settings, grants, lifetime)

    def async_credential(self, *, scopes: Iterable[str] | None = None, lifetime: float = 3600) -> AsyncEntraCredential:
        """The same for asynchronous code."""
        return AsyncEntraCredential(self.credential(scopes=scopes, lifetime=lifetime))

    def add_token(self, name: str, password: str, scopes: Iterable[str]) -> None:
        """Add a repository-scoped token: a name and a password that may do what the scopes say, and no more.

        Args:
            name: the token's name.
            password: its password.
            scopes: as for `credential`. ACR's actions are pull, push, delete, metadata_read, metadata_write.
        """
        self._tokens.add_password(name, password, scopes)

    def fail(
        self,
        *,
        times: int = 1,
        method: str | None = None,
        path_contains: str = "",
        origin: Origin | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        drop: bool = False,
        drop_after: int | None = None,
        after: bool = False,
        delay: float = 0,
    ) -> Fault:
        """Let the next requests that fit go wrong. Faults are tried in the order they were added.

        Args:
            times: how many requests.
            method: only those of this method.
            path_contains: only those whose path and query contain this, as sent or with escapes undone.
            origin: only those to the `registry` or to the `storage` that downloads are redirected to.
            status: answer with this status,
            headers: these headers,
            body: and this body.
            drop: take the request, then close the connection without an answer.
            drop_after: answer, but close the connection after so many bytes of the body.
            after: with `status` or `drop`: the operation is done all the same, only its answer is lost.
            delay: wait so many seconds first. Alone, it makes an answer late.

        Raises:
            ValueError: the arguments do not go together.
        """
        fault = Fault(
            left=times,
            method=method,
            path_contains=path_contains,
            origin=origin,
            status=status,
            headers=headers or {},
            body=body,
            drop=drop,
            drop_after=drop_after,
            after=after,
            delay=delay,
        )
        self._faults.add(fault)
        return fault

    def reset(self) -> None:
        """Drop all content, and faults that wait. Tokens stay good, and so do the records of requests."""
        self._faults.clear()
        self._thread.call(self._registry.reset)

    def start(self) -> Emulator:
        """Serve, in a thread of its own."""
        self._thread.start(self._servers)
        return self

    def stop(self) -> None:
        """Close all connections, and what is open in the folder."""
        self._thread.stop()
        self._registry.uploads.clear()
        self._opened.close()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _servers(self) -> list[OriginServer]:
        registry = self._registry
        storage = Storage(registry.content, registry.secret, registry.settings)
        return [
            self._origin_server("registry", RegistryApplication(registry, self._tokens)),
            self._origin_server("storage", storage),
        ]

    def _origin_server(self, origin: Origin, app: ASGIApp) -> OriginServer:
        # The server makes the application's connections, and the application cuts them.
        server: OriginServer
        front = Front(app, origin, self._records, self._faults, lambda scope: server.cut(scope))  # noqa: PLW0108 - it is not there yet
        server = OriginServer(front, self._listeners[0 if origin == "registry" else 1], self._tls)
        return server


def _claim(folder: Path) -> None:
    """Make the folder, or see that it is an emulator's: `reset` and each start delete in it."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / _SECRETS).exists():
        raise FileExistsError(f"{folder} is not empty, and no emulator has made it")


def _tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _host_to_connect_to(host: str) -> str:
    address = ipaddress.ip_address(host) if host[-1:].isdigit() or ":" in host else None
    if address is None:
        return host
    if address.is_unspecified:  # stands for all addresses of this machine, and is none that one can connect to
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return str(address) if address.version == 4 else f"[{address}]"
