"""What a plan is made of, as values: deletions, what stays, explanations, changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import attrs

from acr._inventory.reports import shown_size
from acr._text import printable
from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.plain import Plain


@attrs.frozen(kw_only=True)
class PlanHead:
    """What a plan says of itself.

    Args:
        registry: login server.
        at: when the reading of the inventory began, by the registry's clock.
        finished: when it ended.
        is_whole: whether all repositories of the registry were read.
        repositories: number of repositories that were read.
        is_certain: whether nothing is left unread that may use the same contents.
        policy: the files of the policy, with the sha256 of each.
        frees: bytes that are freed at the most.
        stays_shared: bytes that what goes uses and something else, too.
        warnings: what a reader should know.
        stops: which limits are exceeded.
    """

    registry: str
    at: datetime
    finished: datetime
    is_whole: bool
    repositories: int
    is_certain: bool
    policy: Mapping[str, str]
    frees: int
    stays_shared: int
    warnings: Sequence[str]
    stops: Sequence[str]


class _Item:
    """What a deletion and something that stays have in common."""

    __slots__ = ()

    repository: str
    name: str | None
    digest: Digest
    why: str
    via: str | None
    rule: str | None

    @property
    def reference(self) -> str:
        """The tag with its repository, or the manifest with its repository and digest."""
        return f"{self.repository}:{self.name}" if self.name else f"{self.repository}@{self.digest}"

    @property
    def reason(self) -> str:
        """Why, with the rule that decides."""
        text = f"{self.why} {self.via}" if self.via else self.why
        return printable(f"{self.rule}: {text}" if self.rule and not self.via else text)


@public_in("acr")
@attrs.frozen(kw_only=True)
class Deletion(Plain, _Item):
    """A line of a plan: a tag or a manifest that goes.

    Args:
        kind: `tag` or `manifest`.
        repository: name of the repository.
        name: name of the tag; None for a manifest.
        digest: digest of the manifest, or of the one that the tag points to.
        media_type: type of the manifest; None for a tag, or if nobody knows it.
        updated: when it was pushed or moved.
        rule: the rule that takes it.
        why: the reason. If there is a `via`, that completes it.
        via: the tag or the digest, in the same repository, because of which it goes; None if it goes by itself.
        frees: bytes that its deletion frees, after the deletions before it. Only manifests free something.
        unlocks: whether it is locked, and the policy names it to be unlocked. `Registry.purge` deletes it only if the
            caller names it, too.
    """

    kind: Literal["tag", "manifest"]
    repository: str
    name: str | None
    digest: Digest
    media_type: str | None
    updated: datetime | None
    rule: str | None
    why: str
    via: str | None
    frees: int
    unlocks: bool = False

    def __str__(self) -> str:
        size = f", {shown_size(self.frees)}" if self.frees else ""
        lock = "; it is locked, and unlocked first" if self.unlocks else ""
        return printable(f"{self.reference}{size} ({self.reason}{lock})")


@public_in("acr")
@attrs.frozen(kw_only=True)
class Kept(Plain, _Item):
    """A line of a plan: a tag or a manifest that stays.

    Args:
        kind: `tag` or `manifest`.
        repository: name of the repository.
        name: name of the tag; None for a manifest.
        digest: digest of the manifest, or of the one that the tag points to.
        media_type: type of the manifest; None for a tag, or if nobody knows it.
        updated: when it was pushed or moved; None if nobody knows.
        rule: the rule that keeps it; None if none does.
        why: the reason. If there is a `via`, that completes it.
        via: the tag or the digest, in the same repository, because of which it stays; None if it stays for itself.
        loses_tags: whether it is a manifest all of whose tags go. A retention policy of the registry may then take it.
    """

    kind: Literal["tag", "manifest"]
    repository: str
    name: str | None
    digest: Digest
    media_type: str | None
    updated: datetime | None
    rule: str | None
    why: str
    via: str | None
    loses_tags: bool

    def __str__(self) -> str:
        return printable(f"{self.reference} ({self.reason})")


@public_in("acr")
@attrs.frozen(kw_only=True)
class Explanation(Plain):
    """Why a tag or a manifest goes or stays.

    Args:
        reference: what was asked for.
        goes: whether it goes.
        rule: the rule that decides in the end; None if none does.
        chain: the reasons, a sentence each. The first is about the reference, and each is explained by the next.
    """

    reference: str
    goes: bool
    rule: str | None
    chain: Sequence[str]

    def __str__(self) -> str:
        return "\n".join("  " * depth + text for depth, text in enumerate(self.chain))


@public_in("acr")
@attrs.frozen(kw_only=True)
class PlanChanges(Plain):
    """What differs between two plans.

    Args:
        new: what only the later one deletes, as references.
        gone: what only the earlier one deletes.
        same: number of deletions that both have.
        frees: bytes that the later one frees more; negative if it frees less.
    """

    new: Sequence[str]
    gone: Sequence[str]
    same: int
    frees: int

    def __str__(self) -> str:
        lines = [f"+ {printable(one)}" for one in self.new] + [f"- {printable(one)}" for one in self.gone]
        return "\n".join([f"{len(self.new):,} new, {len(self.gone):,} gone, {self.same:,} the same", *lines])
