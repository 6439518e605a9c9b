"""Checks: what `acr doctor` looks at, in the order in which one thing needs the other."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import acr
from acr.cli._context import Context
from acr.cli._errors import as_command, hint_of, reason
from acr.cli._missing import explained
from acr.cli._output.words import counted
from acr.cli._references import AZURE

Status = Literal["ok", "warning", "failed", "skipped"]

_PATIENCE: Final = 10.0
_SKEW: Final = timedelta(minutes=5)
_LIMITS: Final = {
    "Basic and Standard": "5,000 reads, 1,000 writes, 500 deletions a minute for one identity",
    "Premium": "10,000 reads, 2,000 writes, 2,000 deletions",
}
"""Rate limits as Microsoft documents them (container-registry-skus, June 2026)."""


class Check(NamedTuple):
    """What was found.

    Args:
        check: what was looked at.
        status: how it is.
        found: what was found.
        cure: what to do about it.
    """

    check: str
    status: Status
    found: str
    cure: str | None = None


def examine(context: Context, host: str) -> Iterator[Check]:
    """Look at everything. What comes after a failure is left out if it would fail for the same reason."""
    context.clients.keeps_answers = True
    parts = urlsplit(host)
    name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy = _proxy(parts.scheme, name)
    yield _told_proxy(proxy)
    if proxy is None:
        dns = _dns(name, port)
        yield dns
        if dns.status == "failed":
            return
        if parts.scheme == "https":
            tls = _tls(context, name, port)
            yield tls
            if tls.status == "failed":
                return
    challenge = _challenge(context, host)
    yield challenge
    if challenge.status == "failed":
        return
    yield _clock(context)
    yield from _access(context, host)
    if context.options.repository is None:
        yield Check("blobs", "skipped", "no repository was named", "pass --repository to see where blobs come from")
    else:
        yield _blobs(context, host)
    yield _limits(context)


def _proxy(scheme: str, name: str) -> str | None:
    found = getproxies().get(scheme) or getproxies().get("all")
    return None if not found or proxy_bypass(name) else found


def _told_proxy(proxy: str | None) -> Check:
    if proxy is None:
        return Check("proxy", "ok", "none is set for this host")
    parts = urlsplit(proxy)
    shown = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"  # without a password
    return Check("proxy", "ok", f"requests go through {shown}, which looks up names and may end TLS itself")


def _dns(name: str, port: int) -> Check:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        cure = "check the name; a private registry has it only in its own network (private DNS zone, VPN)"
        return Check("dns", "failed", f"{name} has no address: {getattr(error, 'strerror', None) or error}", cure)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    return Check("dns", "ok", f"{name} is {', '.join(addresses[:8])}")


def _tls(context: Context, name: str, port: int) -> Check:
    trust = context.clients.tls() or ssl.create_default_context()
    try:
        with (
            socket.create_connection((name, port), timeout=_PATIENCE) as plain,
            trust.wrap_socket(plain, server_hostname=name) as secured,
        ):
            certificate = secured.getpeercert() or {}
            version = secured.version()
    except ssl.SSLCertVerificationError as error:
        cure = "if a proxy or a private registry signs with its own authority, pass its certificate with --ca-file"
        return Check("tls", "failed", f"the certificate is not trusted: {error.verify_message}", cure)
    except ssl.SSLError as error:
        return Check("tls", "failed", f"no TLS: {error.reason}", f"it may speak plain http: write http://{name}:{port}")
    except OSError as error:
        cure = "a firewall, the registry's network rules, or a private endpoint may be in the way"
        return Check("tls", "failed", f"port {port} cannot be reached: {error.strerror or error}", cure)
    return Check("tls", "ok", f"{version}; the certificate is valid until {certificate.get('notAfter', 'unknown')}")


def _challenge(context: Context, host: str) -> Check:
    try:
        context.clients.registry(host).ping()
    except acr.AcrError as error:
        return _failed(context, "registry", error)
    answers = context.clients.answers
    told = answers[-1].headers.get("www-authenticate", "") if answers else ""
    return Check("registry", "ok", f"it answers; its challenge is {told or 'none: it asks for no credential'}")


def _clock(context: Context) -> Check:
    told = context.clients.answers[-1].headers.get("date", "") if context.clients.answers else ""
    try:
        offset = parsedate_to_datetime(told).astimezone(UTC) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return Check("clock", "skipped", "the registry does not say what time it is")
    seconds = round(offset.total_seconds())
    if abs(offset) > _SKEW:
        way = "behind" if seconds > 0 else "ahead"
        cure = "set the clock of this machine: tokens are valid for a time only"
        return Check("clock", "warning", f"this machine is {abs(seconds)} s {way} of the registry", cure)
    return Check("clock", "ok", f"this machine and the registry differ by {abs(seconds)} s")


def _access(context: Context, host: str) -> Iterator[Check]:
    """The credential, and what it grants."""
    try:
        credential = context.clients.credential(host)
        registry = context.clients.registry(host)
        access = registry.check(context.options.repository)
    except acr.AcrError as error:
        yield _failed(context, "credential", error)
        return
    who = f"{access.identity or 'anonymous'}, from {credential.source}"
    if credential.credential is None:
        yield Check("credential", "warning", credential.source, f"run `acr login {registry.login_server}`")
    else:
        yield Check("credential", "ok", who)
    if access.repository is not None and access.actions is not None:
        told = f"{', '.join(sorted(access.actions)) or 'nothing'} in {access.repository}"
        cure = None if "pull" in access.actions else f"it needs {_reader(access)}"
        yield Check("actions", "ok" if cure is None else "warning", told, cure)
    if access.abac:
        yield Check("abac", "ok", "roles are assigned by repository; AcrPull, AcrPush and AcrDelete count for nothing")
    if access.catalog is False:
        needed = (
            "the role Container Registry Repository Catalog Lister" if access.abac else "the scope registry:catalog:*"
        )
        yield Check("catalog", "warning", "repositories may not be listed", f"listing them takes {needed}")
    elif access.catalog:
        yield Check("catalog", "ok", "repositories may be listed")


def _reader(access: acr.Access) -> str:
    return (
        "the role Container Registry Repository Reader" if access.abac else "AcrPull, or content/read in the scope map"
    )


def _blobs(context: Context, host: str) -> Check:
    """Whether one byte of a blob comes, and from where."""
    repository = context.clients.registry(host).repository(context.options.repository)
    try:
        tag = next(iter(repository.tag_names(page_size=1)), None)
        if tag is None:
            return Check("blobs", "skipped", f"{repository.name} has no tags")
        manifest = repository.manifest(tag).get()
        if manifest.is_index and manifest.manifests:
            manifest = repository.manifest(manifest.manifests[0].digest).get()
        if manifest.config is None:
            return Check("blobs", "skipped", f"{repository.name}:{tag} has no blob")
        before = len(context.clients.answers)
        repository.blob(manifest.config.digest).chunk(0, 1)
    except acr.AcrError as error:
        cure = as_command(hint_of(error) or "")
        fires = "blobs come from another host (*.blob.core.windows.net or REGISTRY.REGION.data.azurecr.io): allow it"
        return Check("blobs", "failed", reason(error), f"{cure}; {fires}" if cure else fires)
    hosts = [urlsplit(answer.request.url).netloc for answer in context.clients.answers[before:]]
    return Check("blobs", "ok", f"they come from {hosts[-1] if hosts else 'the registry'}")


def _limits(context: Context) -> Check:
    told = {
        name: value
        for answer in context.clients.answers
        for name, value in answer.headers.items()
        if "ratelimit" in name.lower()
    }
    throttled = sum(answer.status == 429 for answer in context.clients.answers)
    if throttled:
        cure = "send fewer requests at once; all who are anonymous, or the admin user, share one limit"
        return Check("rate limits", "warning", f"throttled: {counted(throttled, 'request')}", cure)
    shown = ", ".join(f"{name} {value}" for name, value in sorted(told.items()))
    is_azure = any(urlsplit(one.request.url).netloc.endswith(AZURE) for one in context.clients.answers)
    documented = (
        f"; documented are, {'; '.join(f'{tier}: {limit}' for tier, limit in _LIMITS.items())}" if is_azure else ""
    )
    return Check("rate limits", "ok", f"{shown or 'the registry tells none'}{documented}")


def _failed(context: Context, check: str, error: Exception) -> Check:
    is_proxied = bool(os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"))
    cure = hint_of(explained(context, error))
    if cure is None or "acr doctor" in cure:
        cure = "the proxy may be in the way: NO_PROXY names hosts without one" if is_proxied else None
    return Check(check, "failed", reason(error), cure)
