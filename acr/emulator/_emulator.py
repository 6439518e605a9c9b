"""The emulator as its users have it: start it, point a client at it, look at what arrived, let things go wrong."""

import os
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import attrs
from starlette.types import ASGIApp

from acr._values.home import public_in
from acr.emulator import _arguments as arguments
from acr.emulator._access.entra import AsyncEntraCredential, EntraCredential
from acr.emulator._access.tokens import NOBODY, parse_scopes
from acr.emulator._parts import ADMIN, Parts, assemble
from acr.emulator._routes.registry import Registry
from acr.emulator._routes.storage import Storage
from acr.emulator._server.application import Front, RegistryApplication
from acr.emulator._server.faults import Fault, Faults
from acr.emulator._server.records import Origin, RequestRecord
from acr.emulator._server.server import OriginServer, ServerThread, begin_to_listen
from acr.emulator._settings import Settings
from acr.emulator._store.collecting import Stored, collect, stored
from acr.errors import InvalidInput

AnyPath: TypeAlias = str | os.PathLike[str]

_MOST_RECORDS: Final = 100_000


def _no_records() -> deque[RequestRecord]:
    return deque(maxlen=_MOST_RECORDS)


def _data_path(path: AnyPath | None) -> Path | None:
    return None if path is None else arguments.path("data: expected the path of a folder", path)


def _seed_path(path: AnyPath | None) -> Path | None:
    return None if path is None else arguments.path("seed: expected the path of a layout or a recipe", path)


def _two_paths(paths: tuple[AnyPath, AnyPath] | None) -> tuple[Path, Path] | None:
    if paths is None:
        return None
    expected = "tls: expected the paths of a certificate and of its key"
    if not isinstance(paths, tuple | list) or len(paths) != 2:
        raise InvalidInput(f"{expected}, got {paths!r}")
    certificate, key = paths
    return arguments.path(expected, certificate), arguments.path(expected, key)


@public_in("acr.emulator")
@attrs.frozen(eq=False, repr=False)
class Emulator(Settings):
    """A registry on this machine. Use it as a context manager, or call `start` and `stop`.

    It also takes each of `Settings` as an argument: `Emulator(anonymous_pull=True)`.

    Args:
        data: folder to keep all content and the keys of tokens in. None keeps them in memory. One emulator at a time
            can use a folder.
        port: port of the registry; 0 takes a free one.
        storage_port: port of the blob store that downloads are redirected to; 0 takes a free one.
        host: address to listen on. Anybody who can reach it can do everything: docs/emulator.md, "Who can reach it".
        tls: files of a certificate and of its key, in PEM. The registry and the blob store then speak https only.
            Downloads from 127.0.0.1 are redirected to localhost, so the certificate should name both.
        self_signed: speak https with a certificate that the emulator makes. Clients have to trust the file
            `certificate`. With `data` the emulator keeps it there.
        password: password of the admin user. None makes a random one, which stays the same in a folder.
        seed: content for an empty registry: an OCI image layout, whose folder names the repository, or a file in TOML,
            which docs/emulator.md describes.

    Raises:
        OSError: the port is taken, or the folder cannot be used, or it has files of somebody else, or `seed` cannot be
            read.
        ssl.SSLError: `tls` is not a certificate and its key. It is an OSError.
        InvalidInput: an argument cannot be right, the arguments do not go together, or `seed` is malformed.

    >>> with Emulator() as registry:
    ...     registry.url.startswith("http://127.0.0.1:"), registry.requests
    (True, [])
    """

    data: Path | None = attrs.field(default=None, converter=_data_path)
    port: int = attrs.field(default=0, kw_only=True, validator=arguments.port)
    storage_port: int = attrs.field(default=0, kw_only=True, validator=arguments.port)
    host: str = attrs.field(default="127.0.0.1", kw_only=True, validator=arguments.address)
    tls: tuple[Path, Path] | None = attrs.field(default=None, kw_only=True, converter=_two_paths)
    self_signed: bool = attrs.field(default=False, kw_only=True, validator=arguments.true_or_false)
    _password: str | None = attrs.field(default=None, kw_only=True, alias="password")
    seed: Path | None = attrs.field(default=None, kw_only=True, converter=_seed_path)
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
            password=None if self._password is None else arguments.password("password", self._password),
            seed=self.seed,
        )

    @property
    def _registry(self) -> Registry:
        return self._parts.registry

    @property
    def _scheme(self) -> str:
        return "https" if self._parts.tls else "http"

    @property
    def login_server(self) -> str:
        """The login server of the registry: `127.0.0.1:PORT`.

        Raises:
            InvalidInput: nobody would answer there: the emulator has not been started.
        """
        if self._thread.state == "new":
            raise InvalidInput("the emulator has not been started: use it in a with statement, or call start()")
        return self._registry.login_server

    @property
    def url(self) -> str:
        """The URL of the registry: `http://127.0.0.1:PORT`.

        Raises:
            InvalidInput: nobody would answer there: the emulator has not been started.
        """
        return f"{self._scheme}://{self.login_server}"

    @property
    def certificate(self) -> Path | None:
        """The file of the certificate that clients have to trust, in PEM; None without TLS.

        If the emulator made it and has no `data`, `stop` deletes it.
        """
        return self._parts.certificate

    @property
    def username(self) -> str:
        """The name of the admin user, who may do everything."""
        return ADMIN

    @property
    def password(self) -> str:
        """The password of the admin user. In a folder it stays the same."""
        return self._registry.secret.password

    @property
    def requests(self) -> list[RequestRecord]:
        """The last 100,000 requests that arrived at the registry and the blob store, oldest first."""
        return list(self._records)

    @property
    def open_uploads(self) -> list[str]:
        """Ids (`Docker-Upload-UUID`) of the upload sessions that nobody has committed or cancelled, oldest first."""
        return self._registry.uploads.ids

    def clear_requests(self) -> None:
        """Empty `requests`."""
        self._records.clear()

    def credential(self, *, scopes: Iterable[str] | None = None, lifetime: float = 3600) -> EntraCredential:
        """Make an Entra credential, with the methods that azure-identity's have.

        Args:
            scopes: what its user may do: `repository:NAME:ACTION,ACTION` (NAME may end in `*`) or `registry:catalog:*`.
                None allows everything.
            lifetime: how long its tokens are valid, in seconds.

        Raises:
            InvalidInput: a scope is none, or the lifetime is no number.
        """
        grants = None if scopes is None else parse_scopes(arguments.scopes(scopes))
        return EntraCredential(self._registry.tokens, self, grants, arguments.seconds("lifetime", lifetime))

    def async_credential(self, *, scopes: Iterable[str] | None = None, lifetime: float = 3600) -> AsyncEntraCredential:
        """Make an Entra credential for async code, with the methods that those of `azure.identity.aio` have.

        Args:
            scopes: as for `credential`.
            lifetime: how long its tokens are valid, in seconds.

        Raises:
            InvalidInput: a scope is none, or the lifetime is no number.
        """
        return AsyncEntraCredential(self.credential(scopes=scopes, lifetime=lifetime))

    def add_token(self, name: str, password: str, scopes: Iterable[str]) -> None:
        """Add a repository-scoped token: a name and a password with the permissions that the scopes list.

        Args:
            name: name of the token. If there is such a token already, this one replaces it.
            password: password of the token.
            scopes: as for `credential`. ACR's actions are pull, push, delete, metadata_read and metadata_write; `*` is
                all of them.

        Raises:
            InvalidInput: the name is empty, has a colon or is the registry's own; the password is empty; or a scope
                is none.
        """
        tokens = self._registry.tokens
        name = arguments.user_name(name, (ADMIN, NOBODY))
        tokens.add_password(name, arguments.password(f"token {name}", password), arguments.scopes(scopes))

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
        """Make the next matching requests go wrong. If several faults match a request, the oldest counts.

        Args:
            times: how many requests go wrong.
            method: match only requests with this method, in upper or lower case.
            path_contains: match only requests whose path and query contain this, as sent or with escapes decoded.
            origin: match only requests to the `registry`, or to the `storage` that downloads are redirected to.
            status: answer with this status.
            headers: headers of that answer.
            body: body of that answer.
            drop: take the request, then close the connection without an answer.
            drop_after: answer, but close the connection after this many bytes of the body.
            after: with `status` or `drop`: perform the operation, and lose its answer only.
            delay: wait this many seconds first. Alone, it makes the answer late.

        Returns:
            The fault. Its `left` says for how many requests it still waits.

        Raises:
            InvalidInput: an argument cannot be right, or the arguments do not go together.
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

    @property
    def stored(self) -> Stored:
        """The bytes that are stored now."""
        return self._thread.call(lambda: stored(self._registry.metadata, self._registry.content))

    def collect(self) -> int:
        """Remove the blobs that no manifest of their repository names, as ACR does after a while.

        Returns:
            The bytes that are free now.
        """
        return self._thread.call(lambda: collect(self._registry.metadata, self._registry.content))

    def add_cache(self, repository: str, source: str) -> None:
        """Make a repository a pull-through cache of another one of this emulator.

        A manifest that is asked for there is imported from the source first, with its blobs. Answers with manifests
        then have the header X-Azure-Origin.

        Args:
            repository: name of the cache.
            source: name of the repository that it takes manifests from.
        """
        self._registry.caches[repository] = source

    def reset(self) -> None:
        """Drop all content and all waiting faults. Tokens stay valid, and `requests` stays as it is.

        Raises:
            InvalidInput: the emulator has been stopped.
        """
        self._check_not_stopped()
        self._faults.clear()
        self._thread.call(self._registry.reset)

    def start(self) -> "Emulator":
        """Begin to serve, in a thread. An emulator starts once.

        Raises:
            InvalidInput: it has been started already, or stopped.
            OSError: another program has taken the port since this emulator was made.
        """
        self._check_not_stopped()
        if self._thread.state == "serving":
            raise InvalidInput("the emulator has been started already")
        try:
            begin_to_listen(self._parts.listeners)
            self._thread.start(self._servers)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close all connections and all files of the folder, which another emulator can use then."""
        self._thread.stop()
        self._registry.uploads.clear()
        self._parts.opened.close()

    def _check_not_stopped(self) -> None:
        if self._thread.state == "stopped":
            raise InvalidInput("the emulator has been stopped, and does not start again: make another one")

    def __repr__(self) -> str:
        return f"Emulator('{self._scheme}://{self._registry.login_server}')"

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
