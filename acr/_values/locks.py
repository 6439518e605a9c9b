"""Locks, as values: what is locked, what a deep lock changed, and what came of taking one off."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from acr._text import printable
from acr._values.digest import Digest, received_digest
from acr._values.fields import list_of, object_of, optional_text, text
from acr._values.home import public_in
from acr._values.plain import Plain
from acr.errors import ProtocolViolation

_WHERE = "the state of a lock"


@public_in("acr")
@attrs.frozen(kw_only=True)
class LockItem(Plain):
    """A tag or a manifest, with the two permissions that a lock takes away.

    Args:
        kind: `tag` or `manifest`.
        name: name of the tag; None for a manifest.
        digest: digest of the manifest, or of the one that the tag points to.
        can_write: whether clients may overwrite and delete it.
        can_delete: whether clients may delete it.
    """

    kind: Literal["tag", "manifest"]
    name: str | None
    digest: Digest
    can_write: bool
    can_delete: bool

    def __str__(self) -> str:
        off = [name for name in ("can_write", "can_delete") if not getattr(self, name)]
        told = f" ({' and '.join(off)} off)" if off else ""
        return printable(f"{self.name or self.digest}{told}")


@public_in("acr")
@attrs.frozen(kw_only=True)
class LockedItem(Plain):
    """Something that is locked in a registry.

    Args:
        repository: name of the repository.
        kind: `repository`, `tag` or `manifest`.
        name: name of the tag; None for a manifest and a repository.
        digest: digest of the manifest, or of the one that the tag points to; None for a repository.
        can_write: whether clients may overwrite and delete it.
        can_delete: whether clients may delete it.
    """

    repository: str
    kind: Literal["repository", "tag", "manifest"]
    name: str | None
    digest: Digest | None
    can_write: bool
    can_delete: bool

    @property
    def reference(self) -> str:
        """What names it, without the registry."""
        if self.kind == "repository":
            return self.repository
        return f"{self.repository}:{self.name}" if self.name else f"{self.repository}@{self.digest}"

    def __str__(self) -> str:
        off = [name for name in ("can_write", "can_delete") if not getattr(self, name)]
        return printable(f"{self.reference} ({' and '.join(off)} off)")


@public_in("acr")
@attrs.frozen(kw_only=True)
class LockState(Plain):
    """What a lock is about, as it was before. `AsyncRepository.unlock` puts that back.

    Args:
        registry: login server of the registry.
        repository: name of the repository.
        reference: the tag or digest that was locked.
        items: what is locked now, each with the permissions that it had before, in the order of the locking.
    """

    registry: str
    repository: str
    reference: str
    items: Sequence[LockItem]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LockState":
        """Make a state of what `to_dict` gave. It can be kept as JSON.

        Args:
            data: the fields.

        Raises:
            ProtocolViolation: it is no such state.
        """
        object_of(data, _WHERE)
        return cls(
            registry=text(data, "registry", _WHERE),
            repository=text(data, "repository", _WHERE),
            reference=text(data, "reference", _WHERE),
            items=tuple(
                _item(entry, f"{_WHERE}.items[{at}]") for at, entry in enumerate(list_of(data, "items", _WHERE))
            ),
        )


@public_in("acr")
@attrs.frozen(kw_only=True)
class Unlocked(Plain):
    """What came of `AsyncRepository.unlock`.

    Args:
        items: what is unlocked, with the permissions that it has now.
        still_locked: what stays locked, and why, by tag or digest.
        absent: what is not there any more, by tag or digest.
    """

    items: Sequence[LockItem]
    still_locked: Mapping[str, str]
    absent: Sequence[str]


def _item(entry: object, where: str) -> LockItem:
    data = object_of(entry, where)
    name = optional_text(data, "name", where)
    return LockItem(
        kind="tag" if name else "manifest",
        name=name or None,
        digest=received_digest(text(data, "digest", where), where),
        can_write=_truth(data, "can_write", where),
        can_delete=_truth(data, "can_delete", where),
    )


def _truth(data: Mapping[str, Any], key: str, where: str) -> bool:
    value = data.get(key)
    if not isinstance(value, bool):
        raise ProtocolViolation(f"{where}.{key}: expected true or false, got {type(value).__name__}")
    return value
