"""HTTP: what both shells do alike. They speak httpcore's language: direct, and by way of proxies.

httpx's client would log URLs (a redirect to storage carries a signature), keep cookies, follow redirects and decode
bodies; none of that is wanted here. Without it, and without its requests and answers, a small call takes a quarter less
than httpx's own (benchmarks/RESULTS.md). Its transports that callers bring are used by way of `acr._shells.foreign`.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import quote, urlsplit

import attrs
import certifi
import httpcore

from acr._core.runtime import Body, Outgoing
from acr._core.talk.redaction import redact_log, shown, shown_path
from acr._shells import proxies
from acr._shells.patience import Patience, Slow, Watch
from acr._shells.proxies import usable
from acr._values.options import Timeouts
from acr._values.reference import Endpoint
from acr.errors import InvalidInput, TooSlow, TransportError

_PIECE: Final = 1024 * 1024
"""Bytes of a body that are handed over at once. A whole chunk as `bytes` would be kept alive by a cycle."""

_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))
"""What may stand in the first line of a request. A redirect may hold something else."""

_LONGEST: Final = 64 * 1024

_AUTHORITIES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name certificate authorities. The first that is set counts; those of requests and curl are set by
companies for all programs."""

MOST_CONNECTIONS: Final = 64
"""To one place, at the same time."""

KEPT: Final = 60.0
"""Seconds that an idle connection is kept."""


class _Mapped:
    """What goes wrong with a socket becomes an error of httpcore.

    Args:
        late: if it took too long.
        lost: if anything else did.
    """

    def __init__(self, late: type[Exception], lost: type[Exception]) -> None:
        self._late = late
        self._lost = lost

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, TimeoutError):
            raise self._late(str(error)) from error
        if isinstance(error, OSError):
            raise self._lost(str(error)) from error


CONNECTING: Final = _Mapped(httpcore.ConnectTimeout, httpcore.ConnectError)
READING: Final = _Mapped(httpcore.ReadTimeout, httpcore.ReadError)
WRITING: Final = _Mapped(httpcore.WriteTimeout, httpcore.WriteError)


def _check_proxy(_: object, __: object, proxy: str | None) -> None:
    if proxy is not None:
        usable(proxy, "proxy")


def _check_timeouts(timeouts: Timeouts) -> Timeouts:
    if not isinstance(timeouts, Timeouts):
        raise InvalidInput(f"timeouts={timeouts!r}: pass Timeouts(connect={timeouts!r}, read={timeouts!r})")
    return timeouts


def _check_context(_: object, __: object, context: ssl.SSLContext | None) -> None:
    if not isinstance(context, ssl.SSLContext | None):
        raise InvalidInput(
            f"ssl_context={context!r}: pass ssl.create_default_context(cafile={context!r}), or name the file in"
            " SSL_CERT_FILE"
        )


@attrs.frozen(kw_only=True)
class Network:
    """How the registry is reached.

    Args:
        timeouts: how long to wait.
        proxy: URL of a proxy for all requests; by default what the environment says (HTTPS_PROXY, NO_PROXY, …).
        ssl_context: for own certificate authorities or client certificates; by default certifi's authorities, or what
            SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names.

    Raises:
        InvalidInput: the proxy is no URL. It is not shown: it may hold a password.
    """

    timeouts: Timeouts = attrs.field(converter=_check_timeouts)
    proxy: str | None = attrs.field(default=None, repr=False, validator=_check_proxy)  # it may hold a password
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, validator=_check_context)
    _environment: Mapping[str, str] = attrs.field(factory=proxies.of_environment, init=False, repr=False)

    def proxy_for(self, place: Endpoint) -> str | None:
        """The proxy on the way to a place, or None."""
        if self.proxy is not None:
            return self.proxy
        return proxies.proxy_for(place, self._environment)

    def context_for(self, place: Endpoint, proxy: str | None) -> ssl.SSLContext:
        """The TLS of the way to a place."""
        if self.ssl_context is not None:
            return self.ssl_context
        if place.scheme == "http" and (proxy is None or not proxy.startswith("https")):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and trusts nobody
        for name in _AUTHORITIES:
            if os.environ.get(name):
                return _default_context(name, os.environ[name])
        return _default_context("certifi", certifi.where())

    def watch(self, request: Outgoing, clock: Callable[[], float]) -> Watch:
        """What bounds the time of a request.

        Args:
            request: it.
            clock: of the runtime, which the deadline is by.
        """
        return Watch(self.timeouts, request.deadline, clock, request.traffic)

    def to_connect(self, deadline: float | None, clock: Callable[[], float]) -> Patience:
        """How long a connection is waited for that is made before there is a request. Arguments as of `watch`."""
        return Patience.of(self.timeouts.connect, Watch(self.timeouts, deadline, clock))

    def outgoing(
        self,
        request: Outgoing,
        content: Iterable[bytes] | AsyncIterable[bytes] | None,
        extensions: Mapping[str, object],
    ) -> httpcore.Request:
        """A request as httpcore takes it: with host and length.

        Args:
            request: it.
            content: its body, in pieces.
            extensions: its time-outs, as of `Watch.extensions`.

        Raises:
            UnicodeEncodeError: a header is not ASCII.
            httpcore.LocalProtocolError: the target is longer than any server reads.
        """
        if len(request.target) > _LONGEST:
            raise httpcore.LocalProtocolError("the target is too long")
        place = request.endpoint
        headers = [(b"Host", place.netloc.encode("ascii"))]
        headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in request.headers.items()]
        if request.content is not None or request.method in ("PATCH", "POST", "PUT"):
            headers.append((b"Content-Length", b"%d" % _length(request.content)))
        return httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=place.scheme.encode("ascii"),
                host=place.host.encode("ascii"),
                port=place.port,
                target=quote(request.target, safe=_VISIBLE).encode("ascii"),
            ),
            headers=headers,
            content=content,
            extensions=dict(extensions),
        )


@cache
def _default_context(name: str, path: str) -> ssl.SSLContext:
    """The TLS of all clients whose authorities are in a file or folder. Made once: reading them takes some 15 ms."""
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise InvalidInput(f"{name}={path}: no certificates can be read from it: {error}") from error


def pieces(content: bytes) -> Iterator[bytes]:
    """A body in pieces."""
    view = memoryview(content)
    for at in range(0, len(view), _PIECE):
        yield bytes(view[at : at + _PIECE])


def _length(content: bytes | Body | None) -> int:
    return content.size if isinstance(content, Body) else len(content or b"")


def lower(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Headers of an answer, names in lower case, repeated ones joined by commas.

    A proxy and the registry behind it may both send one and the same: that is one.
    """
    found: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), _text(value)
        if key not in found:
            found[key] = text
            continue
        values = repeated.setdefault(key, [found[key]])
        if text not in values:
            values.append(text)
            found[key] = ", ".join(values)
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


UNSENDABLE: Final = (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol, UnicodeError)
"""What is raised of a request that no retry can help. Their texts may quote a header, and so a token."""

LOST: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProxyError,
    httpcore.RemoteProtocolError,
)
"""What is raised if there is no answer, or not all of it."""


def failed(
    request: Outgoing, error: Exception, watch: Watch, proxy: str | None = None
) -> TransportError | InvalidInput:
    """What httpcore raised, as ours. The URL's query is left out: it may hold a signature.

    Args:
        request: what was sent.
        error: what httpcore raised.
        watch: of the request.
        proxy: the way to the place.
    """
    where = f"{request.method} {shown_path(request.target)[:300]} at {request.endpoint.netloc}"
    if isinstance(error, UNSENDABLE):
        return InvalidInput(
            f"{where} cannot be sent: an argument is too long, or has characters that HTTP has no room for"
        )
    kind: type[TransportError] = TransportError
    is_final = False
    reason = str(error) or type(error).__name__
    if isinstance(error, Slow):
        kind = TooSlow
    elif isinstance(error, httpcore.TimeoutException | TimeoutError) and watch.is_over:
        kind, is_final = TooSlow, True
        reason = f"the time for the whole call is over (Timeouts.total={watch.total})"
    elif isinstance(error, httpcore.PoolTimeout):
        reason = f"{reason}: close streams that you no longer read, or raise Timeouts.pool"
    elif isinstance(error, httpcore.TimeoutException | TimeoutError):
        reason = f"timed out ({type(error).__name__})"
    elif isinstance(error, httpcore.ProxyError):
        reason = f"refused ({reason}): {_PROXY_HELP}"
    elif isinstance(error, httpcore.ConnectError):
        tls = _tls_error(error)
        help_ = _TLS_HELP if isinstance(tls, ssl.SSLCertVerificationError) else ""
        if tls is not None and tls.reason in NO_TLS:
            help_ = _plain(request.endpoint, proxy)
        is_final = bool(help_)
        reason = f"cannot connect: {reason}{help_}"
    if proxy is not None:
        reason = f"by way of the proxy {_address(proxy)}: {reason}"
    problem = kind(f"{where}: {shown(reason)[:1000]}")
    problem.exhausted = is_final  # nothing of it passes by itself
    problem.timed_out = isinstance(error, Slow | httpcore.ReadTimeout | TimeoutError)
    return problem


_DEPTH: Final = 16
_PROXY_HELP: Final = "check HTTPS_PROXY, NO_PROXY or proxy=; a name and password go into its URL"
_TLS_HELP: Final = (
    "; if the registry's certificate is of an authority of your own, name its file in SSL_CERT_FILE, or pass"
    " ssl_context="
)


NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"})
"""What OpenSSL calls an answer that is no TLS: its versions differ."""


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """What Python's TLS says of a connection that failed. It is the cause, at some depth."""
    for _ in range(_DEPTH):  # an exception that is raised again and again may be its own context, at some depth
        if error is None or isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _plain(place: Endpoint, proxy: str | None) -> str:
    """What to do about an answer in plain text."""
    if proxy is not None and urlsplit(proxy).scheme == "https":
        return "; what answered speaks no TLS: if the proxy speaks plain http, write its URL with http://"
    more = "" if place.is_loopback else ", and pass allow_http=True"
    return f"; what answered speaks no TLS, but plain http perhaps: if that is meant, write http://{place.netloc}{more}"


def _address(proxy: str) -> str:
    """A proxy's URL without name and password."""
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def unusable(proxy: str | None) -> InvalidInput:
    """What a proxy is that httpcore cannot use. It is not shown whole: it may hold a password."""
    scheme = urlsplit(proxy or "").scheme
    return InvalidInput(f"the proxy of the scheme {scheme!r} cannot be used; for SOCKS, install httpcore[socks]")


_AUTH: Final = re.compile(r"auth=\(.*?\)(?=,? |$)")
"""The password of a SOCKS proxy."""


class _Redacted(logging.Filter):
    """Takes signatures and tokens out of what httpcore logs at DEBUG: it prints all headers of an answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _AUTH.sub("auth=[redacted]", redact_log(record.getMessage())), None
        return True


for _name in ("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks"):
    logging.getLogger(_name).addFilter(_Redacted())
