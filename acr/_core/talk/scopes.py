"""Scopes: what a token allows.

The form is that of the distribution project's "Token Authentication"; the actions on metadata are ACR's own.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from acr.errors import ProtocolViolation


@attrs.frozen
class Scope:
    """A resource and what may be done with it.

    Args:
        kind: `repository` or `registry`.
        name: of the repository, or `catalog`.
        actions: such as `pull`, `push`, `delete`, `metadata_read`, `metadata_write`.

    The order of actions has no meaning, and ACR's is not stable: two scopes are the same if their sets are.

    >>> Scope.parse("repository:a:push,pull") == Scope.parse("repository:a:pull,push")
    True
    >>> str(Scope.parse("repository:a:push,pull"))
    'repository:a:pull,push'
    """

    kind: str
    name: str
    actions: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read `kind:name:action,action`; the name may hold colons (a port).

        Raises:
            ProtocolViolation: it is no scope.
        """
        kind, _, rest = text.partition(":")
        name, colon, actions = rest.rpartition(":")
        allowed = frozenset(actions.split(","))
        if not (kind and name and colon and all(allowed) and text.isascii() and text.isprintable()):
            raise ProtocolViolation(f"malformed scope: {text[:200]!r}")
        return cls(kind, name, allowed)

    def covers(self, other: Scope) -> bool:
        """Whether a token for this scope does for the other one."""
        return (self.kind, self.name) == (other.kind, other.name) and self.actions >= other.actions

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(sorted(self.actions))}"


Scopes = frozenset[Scope]
"""What one operation needs: mostly one scope; mounting needs one for each of two repositories."""


def parse_scopes(text: str) -> Scopes:
    """Read the `scope` of a challenge: scopes separated by spaces."""
    return frozenset(Scope.parse(part) for part in text.split())


def cover(have: Scopes, need: Scopes) -> bool:
    """Whether a token for `have` does for `need`."""
    return all(any(scope.covers(wanted) for scope in have) for wanted in need)


def catalog() -> Scopes:
    """To list repositories."""
    return frozenset({Scope("registry", "catalog", frozenset("*"))})


def repository(name: str, actions: Iterable[str]) -> Scopes:
    """To do something with one repository."""
    return frozenset({Scope("repository", name, frozenset(actions))})


def read_metadata(name: str) -> Scopes:
    """To list tags and manifests, and to read properties."""
    return repository(name, ["metadata_read"])


def write_metadata(name: str) -> Scopes:
    """To update properties."""
    return repository(name, ["metadata_write"])


def pull(name: str) -> Scopes:
    """To get manifests and blobs."""
    return repository(name, ["pull"])


def push(name: str) -> Scopes:
    """To put manifests and blobs."""
    return repository(name, ["pull", "push"])


def delete(name: str) -> Scopes:
    """To delete a repository and what is in it, and to cancel an upload."""
    return repository(name, ["delete"])
