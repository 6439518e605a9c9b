"""Report: what came of a plan that was carried out."""

from collections.abc import Mapping, Sequence

import attrs

from acr._inventory.reports import shown_size
from acr._text import printable
from acr._values.home import public_in
from acr._values.plain import Plain

_SHOWN = 20


@public_in("acr")
@attrs.frozen(kw_only=True)
class PurgeItem(Plain):
    """A tag or a manifest, and what became of it.

    Args:
        reference: such as `team/app:v1` or `team/app@sha256:…`.
        why: the reason.
        is_withheld: whether it was kept only because `unlock=` did not name it, or something that leads to it.
    """

    reference: str
    why: str
    is_withheld: bool = False

    def __str__(self) -> str:
        return printable(f"{self.reference} ({self.why})")


@public_in("acr")
@attrs.frozen(kw_only=True)
class PurgeReport(Plain):
    """What came of `Registry.purge`.

    Args:
        registry: login server of the registry.
        plan: the `sha256` of the plan.
        deleted: what was deleted, by this call or by earlier ones with the same journal.
        absent: what somebody else had deleted.
        kept: lines of the plan that were kept after all, each with the reason.
        put_back: what was deleted, turned out to be needed, and was put back.
        not_whole: what is kept and lacks something, or may lack something; what the registry said is gone, and still
            has or lists; and what nobody knows of a deletion whose answer was lost. Such a tag is in `deleted`, too.
        unfinished: repositories in which the work ended early, each with the reason. Call again to go on.
        frees: bytes that the deletions free, at the most.
        notes: what a reader should know.
    """

    registry: str
    plan: str
    deleted: Sequence[str]
    absent: Sequence[str]
    kept: Sequence[PurgeItem]
    put_back: Sequence[PurgeItem]
    not_whole: Sequence[PurgeItem]
    unfinished: Mapping[str, str]
    frees: int
    notes: Sequence[str]

    @property
    def is_whole(self) -> bool:
        """Whether all that is kept has what it needs, and no repository was left early. Lines may have been kept."""
        return not (self.not_whole or self.unfinished)

    def __str__(self) -> str:
        did = f"{len(self.deleted):,} deleted, which frees at most {shown_size(self.frees)}"
        rest = f"{len(self.kept):,} kept after all; {len(self.put_back):,} put back"
        lines = [f"{self.registry}: {did}; {len(self.absent):,} were gone; {rest}"]
        for head, items in (("kept", self.kept), ("put back", self.put_back), ("not whole", self.not_whole)):
            lines += [f"{head}: {one}" for one in items[:_SHOWN]]
            lines += [f"{head}: and {len(items) - _SHOWN:,} more"] if len(items) > _SHOWN else []
        lines += [f"unfinished: {name}: {why}" for name, why in self.unfinished.items()]
        lines += [f"note: {text}" for text in self.notes]
        return "\n".join(map(printable, lines))
