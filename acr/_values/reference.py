"""Names from the outside: login servers, repositories, tags, references. All are checked here, once, before any use."""

import ipaddress
import re
from typing import Final, Literal
from urllib.parse import urlsplit

import attrs

from acr._values.arguments import check_flag
from acr._values.digest import Digest, looks_like_digest
from acr._values.home import public_in
from acr._values.plain import Plain
from acr.errors import InvalidReference

# OCI distribution spec, "Pulling manifests".
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST: Final = re.compile("[a-z0-9+._-]+:[0-9a-f]{32,}")
_REFERENCE: Final = re.compile(
    rf"(?P<name>{_REPOSITORY.pattern})(?=[:@])(?::(?P<tag>{_TAG.pattern}))?(?:@(?P<digest>{_DIGEST.pattern}))?"
)
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_AZURE: Final = re.compile(r"[a-zA-Z0-9-]+(?:\.[a-z0-9-]+)?\.azurecr\.[a-z]{2,3}")
_NOT_IN_ENDPOINTS: Final = frozenset(" ?#")
_PORTS: Final = {"https": 443, "http": 80}
_LONGEST_NAME: Final = 255


def looks_like_acr(host: str) -> bool:
    """Whether a host is by its name a registry of Azure, in whichever of its clouds.

    >>> looks_like_acr("my.azurecr.io"), looks_like_acr("my.azurecr.us"), looks_like_acr("docker.io")
    (True, True, False)
    """
    return _AZURE.fullmatch(host) is not None


def check_repository(name: str) -> str:
    """Return `name` if it is a repository name.

    Raises:
        InvalidReference: it is not.

    >>> check_repository("team/app")
    'team/app'
    >>> check_repository("Team/app")
    Traceback (most recent call last):
    acr.errors.InvalidReference: expected a repository name, got 'Team/app': lower-case letters, digits and \
single separators (. _ - /), such as team/app
    """
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or _REPOSITORY.fullmatch(name) is None:
        raise InvalidReference(
            f"expected a repository name, got {_shown(name)}: lower-case letters, digits and single separators"
            " (. _ - /), such as team/app"
        )
    return name


def repository_in(host: str, name: str) -> str:
    """Return `name` if it is a repository name, and no reference that names more.

    Args:
        host: the registry's, with its port, if it has one.
        name: of the repository.

    Raises:
        InvalidReference: it is not; the text names the call that was meant.

    >>> repository_in("my.azurecr.io", "my.azurecr.io/app")
    Traceback (most recent call last):
    acr.errors.InvalidReference: 'my.azurecr.io/app' begins with a host: pass repository('app')
    >>> repository_in("my.azurecr.io", "app:v1")
    Traceback (most recent call last):
    acr.errors.InvalidReference: 'app:v1' names a manifest: pass repository('app').manifest('v1')
    """
    if isinstance(name, str):
        first, slash, rest = name.partition("/")
        if slash and (first.lower() == host or looks_like_acr(first)):
            raise InvalidReference(f"{_shown(name)} begins with a host: pass repository({_shown(rest)})")
        found = _REFERENCE.fullmatch(name)
        if found is not None:
            repository, reference = found["name"], found["digest"] or found["tag"]
            call = f"repository({_shown(repository)}).manifest({_shown(reference)})"
            raise InvalidReference(f"{_shown(name)} names a manifest: pass {call}")
    return check_repository(name)


def possible_repositories(name: str) -> tuple[str, ...]:
    """What a name may mean as a repository: what follows the host, if it begins with one.

    >>> possible_repositories("my.azurecr.io/app"), possible_repositories("localhost:5000/app")
    (('app',), ('app',))
    >>> possible_repositories("my.team/app")  # a name of a repository may have a dot, too
    ('my.team/app', 'app')
    """
    first, slash, rest = name.partition("/")
    if not slash or not rest:
        return (name,)
    if ":" in first or looks_like_acr(first):
        return (rest,)
    return (name, rest) if "." in first else (name,)


def blob_digest(text: str) -> Digest:
    """The digest that names a blob.

    Raises:
        InvalidReference: it is none.
        UnsupportedDigest: it is one of an unknown algorithm.
    """
    if isinstance(text, str) and not looks_like_digest(text) and _TAG.fullmatch(text):
        raise InvalidReference(
            f"expected a digest, which names a blob, got {text!r}: for a tag, pass manifest({text!r})"
        )
    return Digest(text)


def check_tag(tag: str) -> str:
    """Return `tag` if it is a tag.

    Raises:
        InvalidReference: it is not.
    """
    if isinstance(tag, str) and _DIGEST.fullmatch(tag):
        raise InvalidReference(f"expected a tag, got the digest {_shown(str(tag))}: pass manifest({_shown(str(tag))})")
    if not isinstance(tag, str) or _TAG.fullmatch(tag) is None:
        raise InvalidReference(
            f"expected a tag, got {_shown(tag)}: up to 128 letters, digits, '.', '_' and '-', the first none of . -"
        )
    return tag


def check_reference(reference: str) -> str:
    """Return `reference` if it is a tag or a digest (then as `Digest`).

    Raises:
        InvalidReference: it is neither.
        UnsupportedDigest: it is a digest of an unknown algorithm.

    >>> check_reference("v1"), check_reference("sha256:" + "a" * 64).__class__.__name__
    ('v1', 'Digest')
    """
    if not isinstance(reference, str) or not looks_like_digest(reference):
        return check_tag(reference)
    if "/" in reference.partition(":")[0] or "@" in reference:
        raise InvalidReference(
            f"expected a tag or a digest, got {_shown(reference)}: name it without the repository before it"
        )
    return Digest(reference)


def _check_registry(registry: str) -> str:
    return Endpoint.parse(registry).netloc


@public_in("acr")
@attrs.frozen
class Reference(Plain):
    """The name of a manifest: `[registry/]repository[:tag][@digest]`.

    Args:
        repository: name of the repository.
        tag: tag, or None.
        digest: digest, or None. If there is a tag as well, the digest counts.
        registry: login server, with its port if it has one, or None.

    Raises:
        InvalidReference: a part is malformed.
        UnsupportedDigest: the digest has an unknown algorithm.
    """

    repository: str = attrs.field(converter=check_repository)
    tag: str | None = attrs.field(default=None, converter=attrs.converters.optional(check_tag))
    digest: Digest | None = attrs.field(default=None, converter=attrs.converters.optional(Digest))
    registry: str | None = attrs.field(default=None, converter=attrs.converters.optional(_check_registry), kw_only=True)

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read a reference. Its first part is a registry if it has a dot or a port, or is `localhost`, as in docker.

        Args:
            text: such as `team/app:v1`, `my.azurecr.io/team/app:v1` or `team/app@sha256:…`.

        Raises:
            InvalidReference: a part is malformed.
            UnsupportedDigest: the digest has an unknown algorithm.

        >>> Reference.parse("team/app:v1")
        Reference(repository='team/app', tag='v1', digest=None, registry=None)
        >>> reference = Reference.parse("localhost:5000/app:v1@sha256:" + "a" * 64)
        >>> reference.registry, reference.repository, reference.tag, reference.digest[:10]
        ('localhost:5000', 'app', 'v1', 'sha256:aaa')
        >>> str(reference)[:25]
        'localhost:5000/app:v1@sha'
        """
        if not isinstance(text, str):
            raise InvalidReference(f"expected a reference such as team/app:v1, got {_shown(text)}")
        first, slash, rest = text.partition("/")
        has_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
        name, at, digest = (rest if has_registry else text).partition("@")
        name, colon, tag = name.partition(":")
        if "/" in tag:
            raise InvalidReference(
                f"expected a reference such as team/app:v1, got {_shown(text)}, whose tag has a slash"
            )
        return cls(name, tag if colon else None, digest if at else None, registry=first if has_registry else None)

    def __str__(self) -> str:
        registry = f"{self.registry}/" if self.registry else ""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{registry}{self.repository}{tag}{digest}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


@attrs.frozen
class Endpoint:
    """Where a registry is: scheme, host and port. Made by `Endpoint.parse`. Equal ones are one origin (RFC 6454).

    Args:
        scheme: `https`, or `http` for a registry on this machine.
        host: host name or IP address, lower case, IPv6 without brackets.
        port: None for the scheme's own, also if it was named.
    """

    scheme: Literal["https", "http"]
    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str, *, allow_http: bool = False) -> "Endpoint":
        """Read a login server (`my.azurecr.io`) or a URL without a path (`http://127.0.0.1:5000`).

        Args:
            text: what the caller named.
            allow_http: accept plain http for hosts that are not loopback.

        Raises:
            InvalidReference: it is neither, or is plain http to another machine.

        >>> str(Endpoint.parse("My.azurecr.io"))
        'https://my.azurecr.io'
        >>> Endpoint.parse("http://localhost:5000").netloc
        'localhost:5000'
        >>> Endpoint.parse("http://my.azurecr.io")
        Traceback (most recent call last):
        acr.errors.InvalidReference: 'http://my.azurecr.io': plain http is accepted for loopback hosts only; \
use https, or pass allow_http=True
        """
        _check_text(text)
        check_flag("allow_http", allow_http)
        named, host, port = _split(text)
        if "://" not in text and port is None and _is_short(host):
            raise InvalidReference(f"expected a login server, got {text!r}: did you mean '{host}.azurecr.io'?")
        scheme = _scheme(text, named)
        endpoint = cls(scheme, host, None if port == _PORTS[scheme] else port)
        if endpoint.scheme == "http" and not (allow_http or endpoint.is_loopback):
            raise InvalidReference(
                f"{text!r}: plain http is accepted for loopback hosts only; use https, or pass allow_http=True"
            )
        return endpoint

    @property
    def netloc(self) -> str:
        """Host and port as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine."""
        return self.host == "localhost" or (_is_ip(self.host) and ipaddress.ip_address(self.host).is_loopback)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def _check_text(text: object) -> None:
    """See that a text can be a login server at all, before `urlsplit` drops tabs, line ends and empty queries of it."""
    if not isinstance(text, str):
        raise _no_login_server(text)
    if "@" in text:  # never echo what may be a password
        raise InvalidReference("a login server carries no user name or password: pass a credential instead")
    if not text.isascii() or not text.isprintable() or not _NOT_IN_ENDPOINTS.isdisjoint(text):
        raise _no_login_server(text)


def _split(text: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a login server or a URL."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidReference(
            f"expected a login server such as my.azurecr.io, or a URL, got {_shown(text)}: {error}"
        ) from None
    if port == 0 or parts.path not in ("", "/") or not (_is_ip(host) or _is_name(host)):
        raise _no_login_server(text)
    return parts.scheme, host, port


def _no_login_server(text: object) -> InvalidReference:
    return InvalidReference(f"expected a login server such as my.azurecr.io, or a URL, got {_shown(text)}")


def _is_short(host: str) -> bool:
    """Whether it is a name without a domain: most likely the registry's in the portal."""
    return "." not in host and host != "localhost" and not _is_ip(host)


def _scheme(text: str, scheme: str) -> Literal["https", "http"]:
    if scheme == "https":
        return "https"
    if scheme == "http":
        return "http"
    raise InvalidReference(f"{_shown(text)}: expected https, not {scheme!r}")


def _is_name(host: str) -> bool:
    """Whether it is a host name: RFC 1123, section 2.1. One that ends in a number is an address, if anything."""
    return len(host) <= 253 and _HOST.fullmatch(host) is not None and not host.rstrip(".").rpartition(".")[2].isdigit()


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
