# Made by `make facades` from acr/_facades/async_registry.py: change that file, then run the command.
"""Sync: a registry."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from acr._core.images import copying as copies
from acr._core.listed import catalog
from acr._core.talk import checking, token_calls as issue
from acr._facades.options import open_session
from acr._facades.repository import Repository
from acr._facades.streams import Listing
from acr._shells.blocking import BlockingRuntime, Transport, run
from acr._shells.http import Network
from acr._values.access import Access
from acr._values.credentials import DEFAULT_AUDIENCE
from acr._values.descriptor import Descriptor
from acr._values.home import public_in
from acr._values.options import Retries, Timeouts
from acr._values.progress import Progress
from acr._values.reference import Endpoint, repository_in
from acr._values.traffic import OnRequest, OnResponse
from acr._values.travel import stays
from acr.errors import InvalidInput
from acr.protocols import Credential


@public_in("acr")
@stays("endpoint and credential")
class Registry:
    """A registry, as sync code sees it. It may be used from several threads at once.

    Args:
        endpoint: login server (`my.azurecr.io`) or URL. Plain http is accepted for loopback hosts only.
        credential: an azure-identity credential, `UsernamePassword`, `RefreshToken`, `DockerConfig`; None is anonymous.
        audience: of the Entra token that is exchanged.
        allow_http: accept plain http for other hosts, too.
        token_hosts: hosts beside the registry's own that may issue its tokens, and be sent the credential.
        retries: how often to try again, and how long to wait before.
        timeouts: how long to wait for the network.
        proxy: URL of a proxy; by default what the environment says.
        ssl_context: for own certificate authorities, or client certificates.
        user_agent: put before the client's own.
        on_request: called with each request before it goes out, secrets taken out.
        on_response: called with the head of each answer, secrets taken out.
        transport: of httpx, in the place of the client's own; it is closed with the client, and knows no proxy.
        clock: seconds that only go forward; tests put their own here, to let tokens expire.
        sleep: waits between retries; tests put their own here.

    Raises:
        InvalidReference: the endpoint is no login server, or is plain http to another machine.
        CredentialError: the credential is of no known kind, or is async in sync code.

    Example:
        with Registry("my.azurecr.io") as registry:
            for name in registry.repositories():
                print(name)
    """

    def __init__(
        self,
        endpoint: str,
        credential: Credential | None = None,
        *,
        audience: str = DEFAULT_AUDIENCE,
        allow_http: bool = False,
        token_hosts: Iterable[str] = (),
        retries: Retries = Retries(),
        timeouts: Timeouts = Timeouts(),
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str | None = None,
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        network = Network(timeouts=timeouts, proxy=proxy, ssl_context=ssl_context)
        self._session = open_session(
            BlockingRuntime(network, transport, clock=clock, sleep=sleep),
            Endpoint.parse(endpoint, allow_http=allow_http),
            credential,
            audience=audience,
            token_hosts=token_hosts,
            retries=retries,
            user_agent=user_agent,
            on_request=on_request,
            on_response=on_response,
        )

    @property
    def login_server(self) -> str:
        """Host, and port where it has one."""
        return self._session.registry.netloc

    def repositories(self, *, page_size: int | None = None, last: str | None = None) -> Listing[str]:
        """List the names of all repositories.

        Args:
            page_size: names of a page, at most 1,000; by default the registry's own.
            last: begin behind this name.

        Returns:
            A lazy listing. Walking it raises Unauthorized where the credential may not list the catalog.
        """
        return Listing(catalog.repositories(self._session, page_size=page_size, last=last))

    def repository(self, name: str) -> Repository:
        """A repository by its name. Nothing is sent.

        Raises:
            InvalidReference: it is no repository name.
        """
        return Repository(self._session, repository_in(self.login_server, name))

    def copy(
        self,
        source: str,
        target: str,
        *,
        to: Registry | None = None,
        platform: str | None = None,
        referrers: bool = False,
        concurrency: int = 4,
        progress: Progress | None = None,
    ) -> Descriptor:
        """Copy an image, an index of images or an artifact to another repository, or another registry, as it is.

        Within one registry blobs are mounted: none of their bytes move. Else they pass through here, and what the
        target has already is not sent.

        Args:
            source: such as `team/app:v1`, or `team/app@sha256:…`.
            target: such as `prod/app:v1`. Without a tag it gets the source's, or has its digest alone.
            to: the registry of the target; this one by default.
            platform: copy one manifest of an index alone, such as `linux/arm64`; an image by itself must be for it.
            referrers: copy what is attached to it, too.
            concurrency: blobs that move at the same time, at most 16.
            progress: called with events.

        Returns:
            The descriptor of its manifest.

        Raises:
            InvalidReference: source or target is malformed, or the source has neither tag nor digest.
            InvalidInput: the index has no such platform.
            NotFound: there is no such source.
            LimitExceeded: it has more manifests than one copy may have.
            DigestMismatch, SizeMismatch: what came is not what it should be.
            ResponseError, TransportError, CredentialError: it could not be had, or not be sent.

        Example:
            registry.copy("team/app:v1", "prod/app")
        """
        if not isinstance(to, Registry | None):
            raise InvalidInput(f"to: expected a {type(self).__name__}, not {type(to).__name__}")
        there = self._session if to is None else to._session  # noqa: SLF001 - it is of the same kind
        options = copies.Options(platform=platform, referrers=referrers, concurrency=concurrency, progress=progress)
        return run(copies.copy(self._session, source, there, target, options=options))

    def ping(self) -> None:
        """Ask whether there is a registry at the endpoint. No credential is used.

        Raises:
            ProtocolViolation: a web page is there: a login page, or a proxy.
            ResponseError: something else is there.
            TransportError: nothing is there.
        """
        run(self._session.ping())

    def check(self, repository: str | None = None) -> Access:
        """Tell who the client is to the registry, and what it may do there. Nothing is changed.

        Args:
            repository: a repository to ask about; without one, only the client and the catalog are.

        Returns:
            What the registry's tokens say. It comes only if the credential works.

        Raises:
            CredentialError: the credential is refused; the text says why, as far as it is known.
            ProtocolViolation: a web page is there: a login page, or a proxy.
            ResponseError, TransportError: there is no registry.

        Example:
            access = registry.check("team/app")
            print(access.identity, access.expires, sorted(access.actions or ()))
        """
        return run(checking.check(self._session, repository))

    def refresh_token(self) -> str:
        """The ACR refresh token of the client's credential, for `docker login` and other clients.

        Its user name is `00000000-0000-0000-0000-000000000000`. It lives about three hours.

        Raises:
            CredentialError: the credential is neither an Entra credential nor a refresh token.
        """
        return run(issue.refresh_token(self._session))

    def access_token(self, scopes: Iterable[str]) -> str:
        """An access token of the client's credential, for requests of your own.

        Args:
            scopes: such as `repository:team/app:pull,push`, or `registry:catalog:*`.

        Raises:
            CredentialError: no token could be had.
            InvalidInput: a scope is malformed.
        """
        return run(issue.access_token(self._session, scopes))

    def exchange_entra_token(
        self, token: str | None = None, *, refresh_token: str | None = None, tenant: str | None = None
    ) -> str:
        """Exchange an Entra token for an ACR refresh token.

        Args:
            token: an Entra token for the registry's audience.
            refresh_token: a refresh token of Entra, beside the token or in its place.
            tenant: of the tokens; ACR finds it out where it is left out.

        Raises:
            CredentialError: the registry refuses it.
            InvalidInput: there is neither token.
        """
        return run(issue.exchange_entra_token(self._session, token, refresh_token, tenant))

    def exchange_refresh_token(self, token: str, scopes: Iterable[str]) -> str:
        """Exchange an ACR refresh token for an access token.

        Args:
            token: a refresh token.
            scopes: such as `repository:team/app:pull,push`, or `registry:catalog:*`.

        Raises:
            CredentialError: the registry refuses it.
            InvalidInput: a scope is malformed.
        """
        return run(issue.exchange_refresh_token(self._session, token, scopes))

    def close(self) -> None:
        """Close all connections."""
        run(self._session.runtime.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.login_server}>"
