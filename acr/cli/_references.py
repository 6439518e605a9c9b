"""References: `[HOST/]REPO[:TAG|@DIGEST]`, and the registry of those that name none."""

from __future__ import annotations

import re
from typing import Any, Final

import acr
from acr.cli._config import Config
from acr.cli._exits import Usage
from acr.cli._filters import glob, is_pattern

_SCHEME: Final = re.compile(r"(?i)https?://")
_OTHER_SCHEME: Final = re.compile(r"(?i)(?:docker|oci)://")
"""What references to registries begin with in skopeo and in helm."""

_SHORT: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*")
_LOOPBACK: Final = re.compile(r"(?i)(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?")
_PORT: Final = re.compile(r".*:\d+")

AZURE: Final = (".azurecr.io", ".azurecr.cn", ".azurecr.us")
"""The domains of registries in Azure's clouds. Nobody else can have a host there."""


class Place:
    """What a reference names.

    Args:
        host: the registry, as `acr.Registry` takes it.
        repository: the repository.
        tag: the tag, or None.
        digest: the digest, or None.
        prefix: the host as the user typed it, with a slash; empty if the reference has none.
    """

    def __init__(
        self, host: str, repository: str, tag: str | None, digest: acr.Digest | None, prefix: str = ""
    ) -> None:
        self.host = host
        self.repository = repository
        self.tag = tag
        self.digest = digest
        self.prefix = prefix

    @property
    def reference(self) -> str | None:
        """The digest, or else the tag, or None."""
        return self.digest or self.tag

    def named(self, reference: str | None) -> str:
        """A reference to a tag or digest of the same repository, as the user would type it."""
        if reference is None:
            return f"{self.prefix}{self.repository}"
        return f"{self.prefix}{self.repository}{'@' if ':' in reference else ':'}{reference}"

    def __str__(self) -> str:
        return self.named(self.reference)


class Names:
    """Reads references with the registry that the user has named.

    Args:
        options: of the command line.
        environ: the environment.
        config: the user's own.
    """

    def __init__(self, options: Any, environ: Any, config: Config) -> None:
        self.given: str | None = getattr(options, "registry", None)
        self.default: str | None = self.given or environ.get("ACR_REGISTRY") or config.registry
        self.plain_http: bool = getattr(options, "plain_http", False)

    def host(self, text: str) -> str:
        """A registry as `acr.Registry` takes it, from a login server, a URL, or a short name (`my`).

        Raises:
            InvalidReference: it is none.
        """
        name = text.rstrip("/")
        if not _SCHEME.match(name):
            if _SHORT.fullmatch(name) and name.lower() != "localhost":
                name = f"{name}{AZURE[0]}"
            name = f"{'http' if self.plain_http or _LOOPBACK.fullmatch(name) else 'https'}://{name}"
        scheme, _, rest = name.partition("://")
        server = acr.Reference("any", registry=f"https://{rest}").registry  # checks it, and leaves out a usual port
        usual = ":80" if scheme.lower() == "http" else ":443"
        return f"{scheme.lower()}://{(server or rest).removesuffix(usual)}"

    def default_host(self) -> str:
        """The registry of references without a host.

        Raises:
            Usage: nobody has named one.
        """
        if not self.default:
            raise Usage(
                "which registry?",
                hint="name it in the reference (my.azurecr.io/team/app:v1), with --registry, or in ACR_REGISTRY",
            )
        return self.host(self.default)

    def is_default(self, server: str) -> bool:
        """Whether references without a host are of a login server."""
        return bool(self.default) and self.default_host().partition("://")[2] == server

    def place(self, text: str) -> Place:
        """Read a reference.

        Raises:
            Usage: no registry is named, or two are.
            InvalidReference: a part is malformed.
        """
        prefix, rest = self._split(text)
        found = acr.Reference.parse(f"localhost/{rest}")  # so that nothing of it is taken for a host
        host = self.host(prefix) if prefix else self.default_host()
        return Place(host, found.repository, found.tag, found.digest, f"{prefix}/" if prefix else "")

    def target(self, text: str) -> Place:
        """Read a reference to what is about to be made. A registry alone is none, though it reads as a repository.

        Raises:
            Usage: it names a registry alone, no registry is named, or two are.
            InvalidReference: a part is malformed.
        """
        if self.is_host(text):
            name = text.rstrip("/")
            raise Usage(
                f"{text!r} names a registry, and no repository of it",
                hint=f"write {name}/REPO; if a repository has this name, write HOST/{name}, or pass --registry HOST",
            )
        return self.place(text)

    def repository(self, text: str) -> Place:
        """Read the name of a repository.

        Raises:
            Usage: it has a tag or a digest, or no registry is named.
            InvalidReference: a part is malformed.
        """
        place = self.place(text)
        if place.reference is not None:
            raise Usage(f"{text!r} names a manifest: name the repository alone, {place.named(None)!r}")
        return place

    def exactly(self, text: str, verb: str) -> Place:
        """Read a reference that must have a tag or a digest, because the command changes what it names.

        Raises:
            Usage: it has neither.
            InvalidReference: a part is malformed.
        """
        place = self.place(text)
        if place.reference is None:
            more = f"; a whole repository goes by `acr rm --repository {place.named(None)}`" if verb == "rm" else ""
            raise Usage(
                f"{text!r} has neither a tag nor a digest, and {verb} takes no `latest` for it",
                hint=f"write {place.named('TAG')} or {place.named(None)}@sha256:…{more}",
            )
        if place.tag is not None and place.digest is not None:
            raise Usage(f"{text!r} has a tag and a digest: name one of them")
        return place

    def pattern(self, text: str) -> tuple[str, str, str]:
        """Read what may stand for several repositories: a name, a pattern, `PREFIX/`, or a registry for all it has.

        Returns:
            The registry, the name or pattern, and what stood before it.

        Raises:
            Usage: it has a tag or a digest, or no registry is named.
            InvalidReference: a part is malformed.
        """
        if self.is_host(text):
            return self.host(text), "*", f"{text.rstrip('/')}/"
        prefix, rest = self._split(text)
        if not is_pattern(rest) and not rest.endswith("/"):
            place = self.repository(text)
            return place.host, place.repository, place.prefix
        host = self.host(prefix) if prefix else self.default_host()
        return host, glob(f"{rest}*" if rest.endswith("/") else rest), f"{prefix}/" if prefix else ""

    def is_host(self, text: str) -> bool:
        """Whether a text without a slash is meant as a registry, for commands that take a registry or a repository."""
        if self.given:
            return False
        if _SCHEME.match(text):
            return "/" not in text.partition("://")[2].rstrip("/")
        name = text.rstrip("/")
        if "/" in name:
            return False
        first = name.partition(":")[0]
        is_named = "." in first or first == "localhost" or name.startswith("[")
        return is_named and (":" not in name or _PORT.fullmatch(name) is not None)

    def _split(self, text: str) -> tuple[str, str]:
        """The registry that a reference begins with, and the rest."""
        if (other := _OTHER_SCHEME.match(text)) is not None:
            raise Usage(f"{text!r}: a reference has no {other[0]}", hint=f"write {text[other.end() :]}")
        scheme = _SCHEME.match(text)
        start = scheme.end() if scheme else 0
        first, slash, rest = text[start:].partition("/")
        if scheme or (slash and first.lower().endswith(AZURE)):
            if self.given and self.host(self.given) != self.host(text[:start] + first):
                raise Usage(f"{text!r} names a registry, and --registry names another one, {self.given!r}")
            return text[:start] + first, rest
        is_host = bool(slash) and ("." in first or ":" in first or first == "localhost") and "*" not in first
        return (first, rest) if is_host and not self.given else ("", text)
