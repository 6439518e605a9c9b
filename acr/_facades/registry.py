# Made by `make facades` from acr/_facades/async_registry.py: change that file, then run the command.
"""Sync: a registry."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from acr._core.talk.remote import Remote
from acr._facades.options import names_in, open_session
from acr._facades.repository import Repository
from acr._facades.streams import Listing
from acr._later import later
from acr._shells.stepping import run
from acr._values.arguments import check_text
from acr._values.credentials import DEFAULT_AUDIENCE
from acr._values.descriptor import Descriptor, Platform
from acr._values.home import public_in
from acr._values.options import Limits, Retries, Timeouts
from acr._values.reference import Endpoint, Reference, repository_in
from acr._values.traffic import OnRequest, OnResponse
from acr._values.travel import stays
from acr.errors import InvalidInput
from acr.protocols import Credential

if TYPE_CHECKING:
    from acr._cleanup import plan as plans
    from acr._cleanup.applying import report as reports
    from acr._core.images import copying as copies
    from acr._core.listed import catalog, trash
    from acr._core.talk import checking, token_calls as issue
    from acr._core.upkeep import all_locks, choosing, purging, reading as upkeep, verifying
    from acr._inventory import inventory as inventories, records, reports as findings
    from acr._outside import checkpoint as checkpoints, journal as journals, manifest_cache as caches
    from acr._shells import blocking as shell, http
    from acr._shells.blocking import Transport
    from acr._values import access, locks as locked, progress as events, properties as listed, trash as trashed
else:
    Transport = object  # for `typing.get_type_hints`
    shell = later("acr._shells.blocking")  # an import of the package loads no HTTP stack
    http = later("acr._shells.http")
    plans = later("acr._cleanup.plan")
    reports = later("acr._cleanup.applying.report")
    inventories = later("acr._inventory.inventory")
    records = later("acr._inventory.records")
    findings = later("acr._inventory.reports")
    access = later("acr._values.access")
    locked = later("acr._values.locks")
    events = later("acr._values.progress")
    listed = later("acr._values.properties")
    trashed = later("acr._values.trash")
    copies = later("acr._core.images.copying")
    catalog = later("acr._core.listed.catalog")
    trash = later("acr._core.listed.trash")
    checking = later("acr._core.talk.checking")
    issue = later("acr._core.talk.token_calls")
    all_locks = later("acr._core.upkeep.all_locks")
    choosing = later("acr._core.upkeep.choosing")
    purging = later("acr._core.upkeep.purging")
    upkeep = later("acr._core.upkeep.reading")
    verifying = later("acr._core.upkeep.verifying")
    checkpoints = later("acr._outside.checkpoint")
    journals = later("acr._outside.journal")
    caches = later("acr._outside.manifest_cache")


@public_in("acr")
@stays("endpoint and credential")
class Registry:
    """A registry, as sync code sees it. It may be used from several threads at once.

    Args:
        endpoint: login server (`my.azurecr.io`) or URL. Plain http is accepted for loopback hosts only.
        credential: an azure-identity credential, `UsernamePassword`, `RefreshToken`, `DockerConfig`; None is anonymous.
        audience: audience of the Entra token that the registry exchanges. The default is right in every Azure cloud.
        allow_http: also accept plain http for other hosts.
        token_hosts: hosts that may issue the registry's tokens and receive the credential, besides the registry's own.
        retries: how often to try again, and how long to wait before.
        timeouts: how long to wait for the network, and for a whole call.
        limits: how much to accept from the registry, if nothing else sets a limit.
        proxy: URL of a proxy. The default comes from the environment.
        ssl_context: TLS settings, such as certificate authorities or client certificates of your own.
        user_agent: text to put before the client's own user agent.
        on_request: called with each request before the client sends it. It sees no secrets.
        on_response: called with the head of each answer. It sees no secrets.
        transport: an httpx transport to use in place of the client's own connections. The client closes it, and uses no
            proxy with it.
        clock: returns seconds that only go forward. Tests pass their own, to let tokens expire.
        sleep: waits between retries. Tests pass their own.

    Raises:
        InvalidReference: the endpoint is malformed, or is plain http to another machine.
        InvalidInput: an option has the wrong kind, or a proxy or certificate file of the environment is unusable.
        CredentialError: the credential has an unknown kind, or is async in sync code.

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
        limits: Limits = Limits(),
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str | None = None,
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        network = http.Network(timeouts=timeouts, proxy=proxy, ssl_context=ssl_context)
        self._session = open_session(
            shell.BlockingRuntime(network, transport, clock=clock, sleep=sleep),
            Endpoint.parse(endpoint, allow_http=allow_http),
            credential,
            audience=audience,
            token_hosts=token_hosts,
            retries=retries,
            total=timeouts.total,
            limits=limits,
            user_agent=user_agent,
            on_request=on_request,
            on_response=on_response,
        )

    @property
    def login_server(self) -> str:
        """The host of the registry, with its port if that is unusual."""
        return self._session.registry.netloc

    def repositories(
        self, *, page_size: int | None = None, last: str | None = None, prefix: str | None = None
    ) -> Listing[str]:
        """List the names of all repositories: by ACR's catalog, or else by the one that other registries may have.

        Args:
            page_size: names on one page, at most 1,000. The default is the registry's own.
            last: begin after this name.
            prefix: list only names that begin with it, such as `team/`. The client reads the catalog in any case, so a
                page may be empty.

        Returns:
            A lazy listing. Walking it raises Unauthorized if the credential may not list the catalog, and
            NoMetadataApi if the registry has none.

        Raises:
            InvalidInput: an argument is invalid.
        """
        return Listing(catalog.repositories(self._session, page_size=page_size, last=last, prefix=prefix))

    def trashed_repositories(self, *, page_size: int | None = None) -> Listing[trashed.TrashedRepository]:
        """List the deleted repositories, if soft delete is on.

        Args:
            page_size: repositories on one page, at most 1,000.

        Returns:
            A lazy listing. Walking it raises NotFound if the registry has no such list.

        Raises:
            InvalidInput: the page size is not positive.
        """
        return Listing(trash.repositories(self._session, page_size=listed.check_page_size(page_size)))

    def locks(self, *, prefix: str | None = None) -> Listing[locked.LockedItem]:
        """List what is locked: repositories, tags and manifests. What is hidden from listings does not show.

        Args:
            prefix: look only at repositories whose names begin with it, such as `team/`.

        Returns:
            A lazy listing. Each of its pages is a repository. Walking it raises NoMetadataApi if the registry is of
            another make.

        Raises:
            InvalidInput: the prefix is no text.

        Example:
            for locked in registry.locks(prefix="team/"):
                print(locked)
        """
        return Listing(all_locks.AllLocks(self._session, check_text("prefix", prefix)))

    def repository(self, name: str) -> Repository:
        """Make a handle for a repository. This sends no request.

        Args:
            name: name of the repository, such as `team/app`.

        Raises:
            InvalidReference: the name is malformed.
        """
        return Repository(Remote(self._session, repository_in(self.login_server, name)))

    def copy(
        self,
        source: str,
        target: str,
        *,
        to: Registry | None = None,
        platform: str | Platform | None = None,
        referrers: bool | Literal["all"] = False,
        concurrency: int = 16,
        progress: events.Progress | None = None,
    ) -> Descriptor:
        """Copy an image, an index or an artifact to another repository or registry, byte for byte.

        Within one registry the client mounts blobs, and no bytes move. Otherwise the bytes pass through this machine,
        and the client skips what the target already has.

        Args:
            source: such as `team/app:v1` or `team/app@sha256:…`.
            target: such as `prod/app:v1`. Without a tag it gets the tag of the source, if that has one.
            to: the registry of the target. The default is this one.
            platform: copy only this platform of an index, such as `linux/arm64`; a single-platform image must match it.
            referrers: also copy what is attached to it, such as signatures. `"all"` includes what cosign keeps
                under tags (`sha256-….sig`, `.att`, `.sbom`); that takes three requests for each manifest.
            concurrency: how many connections it has to a registry, at most 32. As many blobs or manifests move at
                the same time; if they are large, eight at most, so that memory stays bounded.
            progress: called with events.

        Returns:
            The descriptor of the manifest that was copied.

        Raises:
            InvalidReference: the source or the target is malformed, or the source has neither a tag nor a digest.
            InvalidInput: the index has no such platform.
            NotFound: there is no such source.
            LimitExceeded: the source has more manifests than one copy may have.
            DigestMismatch, SizeMismatch: the source sent wrong bytes.
            ResponseError, TransportError, CredentialError: reading or writing failed.
            TransferError: a manifest of the source has a form that cannot be copied.
            ProtocolViolation: the answer is unusable.

        Example:
            registry.copy("team/app:v1", "prod/app")
        """
        if not isinstance(to, Registry | None):
            raise InvalidInput(f"to: expected a {type(self).__name__}, not {type(to).__name__}")
        there = self._session if to is None else to._session  # noqa: SLF001 - it is of the same kind
        options = copies.Options(platform=platform, referrers=referrers, concurrency=concurrency, progress=progress)
        return run(copies.copy(self._session, source, there, target, options=options))

    def inventory(
        self,
        *,
        repositories: str | os.PathLike[str] | Iterable[str] | None = None,
        rate: float | None = 2500,
        concurrency: int = 8,
        cache: bool | str | os.PathLike[str] = True,
        progress: Callable[[records.InventoryProgress], None] | None = None,
    ) -> inventories.Inventory:
        """Read what is in the registry: repositories, tags and manifests, and what leads to what.

        It takes a few requests for each repository, and one for each manifest that is not in the cache. A repository
        that changes meanwhile is read again, at most three times.

        Args:
            repositories: names and patterns (`team/*`; `*` stands for slashes, too), or a path of a file with one a
                line. One with `!` before it is left out. Without patterns, the catalog is not needed. The default is
                all repositories.
            rate: requests a minute. The default is half of what ACR allows one identity on its smallest tiers, so that
                production is not throttled. None sets no limit.
            concurrency: requests at the same time, at most 32.
            cache: where manifests are kept for the next inventory: True for the user's cache folder (`ACR_CACHE_DIR`
                names another one), a path of a folder, or False for no cache.
            progress: called with an `InventoryProgress` again and again. Sync code calls it from several threads.

        Returns:
            A picture of the registry that does not change.

        Raises:
            IncompleteInventory: some repositories, or the catalog, could not be read. It names all of them, each with
                its ResponseError or ProtocolViolation.
            InvalidInput: an argument is invalid, or a pattern matches no repository.
            TransferError: the file of names cannot be read.
            RateLimited, TransportError, CredentialError: nothing more can be read.
            NoMetadataApi: the registry is of another make, and tells nothing of its repositories.
            ResponseError: the registry refuses all of it.
            ProtocolViolation: the answer is unusable.

        Example:
            inventory = registry.inventory(repositories=["team/*"])
            print(inventory.usage())
            print(inventory.check())
        """
        options = upkeep.Options(
            choice=choosing.Choice.of(names_in(repositories)),
            rate=rate,
            concurrency=concurrency,
            cache=caches.open_cache(cache),
            progress=progress,
        )
        return run(upkeep.read(self._session, options))

    def verify_blobs(
        self,
        inventory: inventories.Inventory,
        *,
        rate: float | None = 2500,
        concurrency: int = 8,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> findings.Check:
        """Ask whether the registry has each blob that the manifests of an inventory name. No blob is downloaded.

        It takes `Inventory.blob_requests` requests. `Inventory.check` needs none, but does not see the blobs.

        Args:
            inventory: an inventory of this registry.
            rate: requests a minute. The default is half of what ACR allows one identity on its smallest tiers. None
                sets no limit.
            concurrency: requests at the same time, at most 32.
            checkpoint: path of a small file. If this process ends before it is done, a later call with the same
                inventory continues from there. The client removes the file at the end.
            progress: called with the number of blobs that were asked for, and the number of all.

        Returns:
            The blobs that are missing, or have another size than their manifests say, and the tags that this breaks.

        Raises:
            InvalidInput: the inventory belongs to another registry, or an argument is invalid.
            TransferError: the client cannot write the checkpoint.
            ResponseError, TransportError, CredentialError: the registry does not answer for a blob.
            ProtocolViolation: an answer is unusable.

        Example:
            check = registry.verify_blobs(registry.inventory(), checkpoint="verified")
            print(check)
        """
        return run(
            verifying.verify(
                self._session,
                inventories.tables_of(inventory),
                rate=rate,
                concurrency=concurrency,
                checkpoint=checkpoints.open_checkpoint(checkpoint, None),
                progress=progress,
            )
        )

    def purge(
        self,
        plan: plans.Plan,
        *,
        journal: str | os.PathLike[str],
        rate: float | None = 250,
        concurrency: int = 8,
        max_age: timedelta = timedelta(days=1),
        max_deletions: int | None = None,
        max_share: float | None = None,
        unlock: Iterable[str | Reference] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> reports.PurgeReport:
        """Carry a plan out: delete the tags and manifests that it lists, and nothing else.

        The client compares each line with the registry just before it deletes it. Before each 32 deletions, and at the
        end, it looks at what is new. A line that has changed is kept, with all that it leads to. What is deleted by
        then and turns out to be needed is put back from the journal.

        Args:
            plan: the plan. `Policy.plan` makes it.
            journal: path of a file for what goes: bytes, tags and locks. Only its owner may read it. If this process
                ends early, a later call with the same plan and journal goes on there. Keep it until you are content. A
                journal of another plan that is done is renamed: it gets the first 12 digits of that plan's `sha256`
                as its ending.
            rate: deletions a minute. The default is half of what ACR allows one identity on its smallest tiers. None
                sets no limit.
            concurrency: reads at the same time, at most 32. Deletions go one after another.
            max_age: how old the plan may be, by the clock of the registry.
            max_deletions: how many lines the plan may have. None sets no limit beside those of the policy.
            max_share: which part of the manifests of a repository may go, from 0 to 1. None sets no limit beside those
                of the policy.
            unlock: names of what is locked and may go, out of `plan.unlocks`. The client takes such a lock off just
                before the deletion, and puts it back if that fails. What the plan unlocks and you do not name is kept.
            progress: called after each repository with the number of lines that are done, and of all. If it raises, the
                run ends there, and the report tells so.

        Returns:
            What was deleted, what was kept after all, and why, and what was put back. A repository that refuses the
            client (403) ends by itself, and the report names it. If nothing more can be reached, the report names all
            that is left.

        Raises:
            PlanRefused: the plan exceeds a limit, or is too old. This call has deleted nothing. If an earlier one with
                this journal deleted something that is needed by now, this call has put it back, and the error says so.
            InvalidInput: the plan is for another registry, the journal belongs to another plan that is not
                done, the plan unlocks something else than `unlock` names, or an argument is invalid.
            TransferError: the journal cannot be opened, or another process uses it. The client has deleted nothing.
            NoMetadataApi: the registry is of another make.
            ResponseError, TransportError, CredentialError: nothing more can be reached, and the client has deleted
                nothing. Once a deletion was sent, by this call or by an earlier one, the report tells instead.
            ProtocolViolation: the journal is damaged.

        Example:
            from acr import Policy

            policy = Policy('purge.rule = [{ tags = { glob = ["pr-*"] }, older_than = "7d" }]')
            plan = policy.plan(registry.inventory())
            print(plan)
            print(registry.purge(plan, journal="plan.journal"))
        """
        options = purging.Options(
            journal=journals.open_journal(journal),
            rate=rate,
            concurrency=concurrency,
            max_age=max_age,
            max_deletions=max_deletions,
            max_share=max_share,
            unlock=unlock,
            progress=progress,
        )
        return run(purging.purge(self._session, plan, options))

    def ping(self) -> None:
        """Ask whether there is a registry at the endpoint. The client sends no credential.

        Raises:
            ProtocolViolation: the answer is a web page, of a login page or a proxy.
            ResponseError: the answer is an error.
            TransportError: there is no answer.
        """
        run(self._session.ping())

    def check(self, repository: str | None = None) -> access.Access:
        """Ask who the client is to the registry, and what it may do there. This changes nothing.

        Args:
            repository: a repository to ask about. Without one, the answer is about the client and the catalog.

        Returns:
            What the registry's tokens say. If this returns, the credential works.

        Raises:
            CredentialError: the registry refuses the credential. The text says why, if the client knows it.
            ProtocolViolation: the answer is a web page, of a login page or a proxy.
            ResponseError, TransportError: there is no registry.
            InvalidReference: the repository's name is malformed.

        Example:
            access = registry.check("team/app")
            print(access.identity, access.expires, sorted(access.actions or ()))
        """
        return run(checking.check(self._session, repository))

    def refresh_token(self) -> str:
        """Get an ACR refresh token for the client's credential, for `docker login` and other programs.

        The user name to log in with is `00000000-0000-0000-0000-000000000000`. The token is valid for about three
        hours.

        Raises:
            CredentialError: the credential is neither an Entra credential nor a refresh token.
            ResponseError, TransportError: the request failed.
            ProtocolViolation: the registry issues no tokens, or its answer is unusable.
        """
        return run(issue.refresh_token(self._session))

    def access_token(self, scopes: Iterable[str]) -> str:
        """Get an access token for the client's credential, for requests of your own.

        Args:
            scopes: such as `repository:team/app:pull,push` or `registry:catalog:*`.

        Raises:
            CredentialError: the credential yields no token.
            InvalidInput: a scope is malformed.
            ResponseError, TransportError: the request failed.
            ProtocolViolation: the registry issues no tokens, or its answer is unusable.
        """
        return run(issue.access_token(self._session, scopes))

    def exchange_entra_token(
        self, token: str | None = None, *, refresh_token: str | None = None, tenant: str | None = None
    ) -> str:
        """Exchange an Entra token for an ACR refresh token.

        Args:
            token: an Entra access token for the registry's audience.
            refresh_token: an Entra refresh token, in addition to the access token or in place of it.
            tenant: tenant of the tokens. Without it, ACR finds the tenant out.

        Raises:
            CredentialError: the registry refuses the tokens.
            InvalidInput: both tokens are missing.
            ResponseError, TransportError: the request failed.
            ProtocolViolation: the registry issues no tokens, or its answer is unusable.
        """
        return run(issue.exchange_entra_token(self._session, token, refresh_token, tenant))

    def exchange_refresh_token(self, token: str, scopes: Iterable[str]) -> str:
        """Exchange an ACR refresh token for an access token.

        Args:
            token: an ACR refresh token.
            scopes: such as `repository:team/app:pull,push` or `registry:catalog:*`.

        Raises:
            CredentialError: the registry refuses the token.
            InvalidInput: a scope is malformed.
            ResponseError, TransportError: the request failed.
            ProtocolViolation: the registry issues no tokens, or its answer is unusable.
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
