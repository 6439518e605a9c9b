"""The emulator as its users have it: start it, point a client at it, look at what arrived, let things go wrong."""

import os
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import attrs
from starlette.types import ASGIApp

from acr._values.home import public_in
from acr.emulator._access.entra import AsyncEntraCredential, EntraCredential
from acr.emulator._access.tokens import parse_scopes
from acr.emulator._parts import ADMIN, Parts, assemble
from acr.emulator._routes.registry import Registry
from acr.emulator._routes.storage import Storage
from acr.emulator._server.application import Front, RegistryApplication
from acr.emulator._server.faults import Fault, Faults
from acr.emulator._server.records import Origin, RequestRecord
from acr.emulator._server.server import OriginServer, ServerThread
from acr.emulator._settings import Settings

AnyPath: TypeAlias = str | os.PathLike[str]

_MOST_RECORDS: Final = 100_000


def _no_records() -> deque[RequestRecord]:
    return deque(maxlen=_MOST_RECORDS)


def _path(path: AnyPath | None) -> Path | None:
    return None if path is None else Path(path)


def _two_paths(paths: tuple[AnyPath, AnyPath] | None) -> tuple[Path, Path] | None:
    return None if paths is None else (Path(paths[0]), Path(paths[1]))


@public_in("acr.emulator")
@attrs.frozen(eq=False, repr=False)
class Emulator(Settings):
    """A registry on this machine. Use it as a context manager, or call `start` and `stop`.

    It behaves as its `Settings` say, which are arguments, too: `Emulator(anonymous_pull=True)`.

    Args:
        data: folder to keep everything in, also the keys of its tokens; None keeps it in memory. For one emulator
            at a time.
        port: of the registry; 0 takes a free one.
        storage_port: of the blob store that downloads are redirected to; 0 takes a free one.
        host: address to listen on. Who can reach it can do everything: docs/emulator.md, "Who can reach it".
        tls: files of a certificate and of its key, in PEM. The registry and the blob store then speak https and nothing
            else. Downloads from 127.0.0.1 are redirected to localhost, so it should be for both.
        self_signed: speak https with a certificate of its own making, the file `certificate`, which clients have to
            trust. With `data` it is kept there.
        password: of the admin user; None for a random one, which in a folder stays the same.
        seed: what an empty registry begins with: an OCI image layout, whose folder names the repository, or a file in
            TOML, described in docs/emulator.md.

    Raises:
        OSError: the port is taken, or the folder cannot be used, or it holds what no emulator has put there, or what
            `seed` names cannot be read.
        ssl.SSLError: `tls` are no certificate and its key. It is an OSError.
        ValueError: the arguments do not go together, or `seed` says what cannot be.

    >>> with Emulator() as registry:
    ...     registry.url.startswith("http://127.0.0.1:"), registry.requests
    (True, [])
    """

    data: Path | None = attrs.field(default=None, converter=_path)
    port: int = attrs.field(default=0, kw_only=True)
    storage_port: int = attrs.field(default=0, kw_only=True)
    host: str = attrs.field(default="127.0.0.1", kw_only=True)
    tls: tuple[Path, Path] | None = attrs.field(default=None, kw_only=True, converter=_two_paths)
    self_signed: bool = attrs.field(default=False, kw_only=True)
    _password: str | None = attrs.field(default=None, kw_only=True, alias="password")
    seed: Path | None = attrs.field(default=None, kw_only=True, converter=_path)
    _records: deque[RequestRecord] = attrs.field(init=False, factory=_no_records)
    _faults: Faults = attrs.field(init=False, factory=Faults)
    _thread: ServerThread = attrs.field(init=False, factory=ServerThread)
    _parts: Parts = attrs.field(init=False, default=attrs.Factory(lambda self: self._assembled(), takes_self=True))

    def _assembled(self) -> Parts:
        attrs.validate(self)  # by itself attrs does so last of all, when sockets are open
        return assemble(
            self,
            data=self.data,
            host=self.host,
            ports=(self.port, self.storage_port),
            tls=self.tls,
            self_signed=self.self_signed,
            password=self._password,
            seed=self.seed,
        )

    @property
    def _registry(self) -> Registry:
        return self._parts.registry

    @property
    def login_server(self) -> str:
        """Name of the registry: `127.0.0.1:PORT`."""
        return self._registry.login_server

    @property
    def url(self) -> str:
        """Where the registry is: `http://127.0.0.1:PORT`."""
        return f"{'https' if self._parts.tls else 'http'}://{self.login_server}"

    @property
    def certificate(self) -> Path | None:
        """File of the certificate that clients have to trust, in PEM; None without TLS.

        If the emulator made it and has no `data`, `stop` deletes it.
        """
        return self._parts.certificate

    @property
    def username(self) -> str:
        """Name of the admin user, who may do everything."""
        return ADMIN

    @property
    def password(self) -> str:
        """Password of the admin user. In a folder it stays the same."""
        return self._registry.secret.password

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
        return EntraCredential(self._registry.tokens, self, grants, lifetime)

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
        self._registry.tokens.add_password(name, password, scopes)

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

    def start(self) -> "Emulator":
        """Serve, in a thread of its own."""
        self._thread.start(self._servers)
        return self

    def stop(self) -> None:
        """Close all connections, and what is open in the folder."""
        self._thread.stop()
        self._registry.uploads.clear()
        self._parts.opened.close()

    def __repr__(self) -> str:
        return f"Emulator({self.url!r})"

    def __enter__(self) -> "Emulator":
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _servers(self) -> list[OriginServer]:
        content, secret = self._registry.content, self._registry.secret
        return [
            self._origin_server("registry", RegistryApplication(self._registry)),
            self._origin_server("storage", Storage(content, secret, self)),
        ]

    def _origin_server(self, origin: Origin, app: ASGIApp) -> OriginServer:
        # The server makes the application's connections, and the application cuts them.
        server: OriginServer
        front = Front(app, origin, self, self._records, self._faults, lambda scope: server.cut(scope))  # noqa: PLW0108 - it is not there yet
        server = OriginServer(front, self._parts.listeners[0 if origin == "registry" else 1], self._parts.tls)
        return server
