"""What an inventory tells: usage, check, and changes, as values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import attrs

from acr._text import counted, printable
from acr._values.arguments import wrong_kind
from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.plain import Plain, html_table
from acr._values.travel import travels

_MOST_SHOWN = 100
"""Findings that a notebook shows."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def shown_size(size: int) -> str:
    """A size for people.

    >>> shown_size(0), shown_size(1023), shown_size(73_400_320), shown_size(-2048)
    ('0 B', '1,023 B', '70.0 MiB', '-2.0 KiB')
    """
    value, unit = float(abs(size)), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    sign = "-" if size < 0 else ""
    return f"{sign}{value:,.1f} {_UNITS[unit]}" if unit else f"{sign}{abs(size):,} B"


@public_in("acr")
@attrs.frozen(kw_only=True)
class TagUsage(Plain):
    """The bytes that a tag uses.

    Args:
        name: name of the tag.
        total: bytes of all that the tag leads to: its manifest, platforms, blobs, and what is attached to these.
        exclusive: bytes that only this tag leads to. They are freed if the tag is deleted with all that it alone leads
            to. 0 if another tag points to the same manifest, and for signatures and the like, which belong to an image.
    """

    name: str
    total: int
    exclusive: int

    @property
    def shared(self) -> int:
        """Bytes that something else leads to, too."""
        return self.total - self.exclusive


@public_in("acr")
@attrs.frozen(kw_only=True)
class RepositoryUsage(Plain):
    """The bytes that a repository uses.

    Args:
        name: name of the repository.
        total: bytes of its contents, each counted once.
        exclusive: bytes that no other repository has. They are freed if the repository is deleted.
        untagged: the part of `exclusive` that no tag leads to.
        manifests: number of its manifests.
        tags: its tags, by name.
    """

    name: str
    total: int
    exclusive: int
    untagged: int
    manifests: int
    tags: Sequence[TagUsage] = attrs.field(repr=lambda tags: f"<{counted(len(tags), 'tag')}>")

    @property
    def shared(self) -> int:
        """Bytes that other repositories have, too."""
        return self.total - self.exclusive


@public_in("acr")
@travels
@attrs.frozen(kw_only=True)
class Usage(Plain):
    """The bytes that a registry stores. It stores a content once, however many images share it.

    Args:
        registry: login server of the registry.
        at: when the inventory was read.
        is_whole: whether all repositories of the registry were read. If not, all numbers are those of a part.
        blobs: bytes of all blobs, each counted once.
        manifests: bytes of all manifests, each counted once.
        untagged: bytes that no tag leads to.
        orphaned: bytes that only orphans lead to: attachments whose subject is missing.
        streaming: bytes that only artifact streaming uses.
        repositories: usage by repository, by name.
        by_media_type: bytes by type of the content, the largest first.
        by_month: bytes by the month in which they were first pushed, such as `2026-11`. So it is the growth.
        by_age: bytes by the age of their first push. This and `by_month` have `unknown` if the registry does not tell.
        caveats: what the numbers leave out.
    """

    registry: str
    at: datetime
    is_whole: bool
    blobs: int
    manifests: int
    untagged: int
    orphaned: int
    streaming: int
    repositories: Sequence[RepositoryUsage] = attrs.field(repr=lambda items: f"<{counted(len(items), 'repository')}>")
    by_media_type: Mapping[str, int] = attrs.field(hash=False)
    by_month: Mapping[str, int] = attrs.field(hash=False)
    by_age: Mapping[str, int] = attrs.field(hash=False)
    caveats: Sequence[str] = ()

    @property
    def unique(self) -> int:
        """Bytes of all blobs and manifests, each counted once."""
        return self.blobs + self.manifests

    def rows(self, by: Literal["repository", "tag"] = "repository") -> list[dict[str, Any]]:
        """Make flat rows, one for each repository or each tag. pandas and polars take them.

        Args:
            by: `repository` or `tag`.

        Raises:
            InvalidInput: `by` is something else.
        """
        if by not in ("repository", "tag"):
            raise wrong_kind("by", by, "repository or tag")
        if by == "tag":
            return [
                {
                    "repository": repository.name,
                    "tag": tag.name,
                    "total": tag.total,
                    "exclusive": tag.exclusive,
                    "shared": tag.shared,
                }
                for repository in self.repositories
                for tag in repository.tags
            ]
        return [
            {
                "repository": one.name,
                "total": one.total,
                "exclusive": one.exclusive,
                "shared": one.shared,
                "untagged": one.untagged,
                "manifests": one.manifests,
                "tags": len(one.tags),
            }
            for one in self.repositories
        ]

    def _lines(self, most: int = 20) -> list[tuple[str, str, str, str]]:
        """The largest repositories, for people."""
        largest = sorted(self.repositories, key=lambda one: (-one.exclusive, -one.total, one.name))
        return [
            (shown_size(one.exclusive), shown_size(one.total), shown_size(one.untagged), printable(one.name))
            for one in largest[:most]
        ]

    @property
    def _subject(self) -> str:
        """What the numbers are about, for people."""
        registry = printable(self.registry)
        if self.is_whole:
            return f"{registry} stores"
        count = len(self.repositories)
        read = counted(count, "repository")
        was, uses = ("was", "uses") if count == 1 else ("were", "use")
        return f"the {read} that {was} read of {registry} {uses}"

    def __str__(self) -> str:
        head = (
            f"{self._subject} {shown_size(self.unique)}: blobs {shown_size(self.blobs)}, manifests"
            f" {shown_size(self.manifests)}; untagged {shown_size(self.untagged)}, orphaned {shown_size(self.orphaned)}"
        )
        rows = [("exclusive", "total", "untagged", "repository"), *self._lines()]
        widths = [max(len(row[at]) for row in rows) for at in range(3)]
        lines = ["  ".join([*(row[at].rjust(widths[at]) for at in range(3)), row[3]]) for row in rows]
        left = len(self.repositories) - 20
        more = [f"and {counted(left, 'more repository')}"] if left > 0 else []
        return "\n".join([head, *lines, *more, *self.caveats])

    def _repr_html_(self) -> str:
        from html import escape  # not needed by most programs

        head, *rows = [("exclusive", "total", "untagged", "repository"), *self._lines()]
        cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        heads = "".join(f"<th>{name}</th>" for name in head)
        title = f"{escape(self._subject)} {shown_size(self.unique)}"
        notes = "".join(f"<p>{escape(caveat)}</p>" for caveat in self.caveats)
        return f"<p>{title}</p><table><thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>{notes}"


FindingKind = Literal[
    "missing-manifest",
    "missing-child",
    "missing-blob",
    "wrong-size",
    "unreadable",
    "hidden",
    "moving",
    "miscounted",
    "dangling-subject",
    "orphan",
    "no-platform",
    "odd-size",
]
"""What `Inventory.check` and `Registry.verify_blobs` find."""


@public_in("acr")
@attrs.frozen(kw_only=True)
class Finding(Plain):
    """Something that is wrong in a registry, or that an inventory does not know.

    Args:
        kind: what it is.
        repository: name of the repository.
        digest: digest of the manifest or blob that it is about; None if it is about the repository.
        tags: the tags that it breaks, by name. Empty if it breaks none.
        text: what was found.
        advice: what to do about it.
    """

    kind: FindingKind
    repository: str
    digest: Digest | None = None
    tags: Sequence[str] = ()
    text: str
    advice: str

    def __str__(self) -> str:
        broken = f" It breaks {_some(self.tags)}." if self.tags else ""
        return printable(f"{self.repository}: {self.kind}: {self.text}.{broken} {self.advice}")


def _some(names: Sequence[str], most: int = 5) -> str:
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {counted(left, 'more tag')}" if left > 0 else "")


@public_in("acr")
@attrs.frozen(kw_only=True)
class Check(Plain):
    """What is wrong in a registry.

    Args:
        findings: all findings, by repository.
        manifests: number of manifests that were looked at.
        blobs: number of blobs that were asked for, once for each repository; 0 if nobody asked.
        is_whole: whether all repositories of the registry were read. If not, nobody looked for orphans.
    """

    findings: Sequence[Finding] = attrs.field(repr=lambda items: f"<{counted(len(items), 'finding')}>")
    manifests: int
    blobs: int = 0
    is_whole: bool = True

    @property
    def broken(self) -> Sequence[Finding]:
        """The findings that break tags."""
        return [finding for finding in self.findings if finding.tags]

    def rows(self) -> list[dict[str, Any]]:
        """Make flat rows, one for each finding. pandas and polars take them."""
        return [
            {
                "kind": one.kind,
                "repository": one.repository,
                "digest": None if one.digest is None else str(one.digest),
                "tags": " ".join(one.tags),
                "text": one.text,
                "advice": one.advice,
            }
            for one in self.findings
        ]

    def __str__(self) -> str:
        looked = counted(self.manifests, "manifest") + (f" and {counted(self.blobs, 'blob')}" if self.blobs else "")
        part = [] if self.is_whole else ["Orphans were not looked for: only a part of the registry was read."]
        return "\n".join([f"{counted(len(self.findings), 'finding')} in {looked}", *part, *map(str, self.findings)])

    def _repr_html_(self) -> str:
        left = len(self.findings) - _MOST_SHOWN
        more = f"<p>and {counted(left, 'more finding')}</p>" if left > 0 else ""
        return f"<p>{counted(len(self.findings), 'finding')}</p>{html_table(self.rows()[:_MOST_SHOWN])}{more}"


@public_in("acr")
@attrs.frozen(kw_only=True)
class InventoryChanges(Plain):
    """What differs between two inventories of one registry. Tags are written `repository:tag`.

    Args:
        new_repositories: repositories that only the later one has.
        gone_repositories: repositories that only the earlier one has.
        new_tags: tags that only the later one has.
        gone_tags: tags that only the earlier one has.
        moved_tags: tags that point to another manifest in the later one.
        new_manifests: number of manifests that only the later one has, in all repositories.
        gone_manifests: number of manifests that only the earlier one has.
        grown: bytes that each repository has more in the later one, the largest growth first; negative if it shrank.
        not_compared: repositories that only one of the two has read, and of which nobody knows whether the registry had
            them at the time of the other. They count nowhere else.
    """

    new_repositories: Sequence[str]
    gone_repositories: Sequence[str]
    new_tags: Sequence[str]
    gone_tags: Sequence[str]
    moved_tags: Sequence[str]
    new_manifests: int
    gone_manifests: int
    grown: Sequence[tuple[str, int]]
    not_compared: Sequence[str] = ()

    def __str__(self) -> str:
        counts = [
            counted(len(names), what)
            for what, names in (
                ("new repository", self.new_repositories),
                ("gone repository", self.gone_repositories),
                ("new tag", self.new_tags),
                ("gone tag", self.gone_tags),
                ("moved tag", self.moved_tags),
            )
            if names
        ]
        growth = [f"{'+' if size >= 0 else ''}{shown_size(size)}  {printable(name)}" for name, size in self.grown[:20]]
        left = [
            f"{counted(len(self.not_compared), 'repository')} could not be compared: only one inventory has read them"
        ]
        more = left if self.not_compared else []
        return "\n".join([", ".join(counts) or "no tag has changed", *growth, *more])
