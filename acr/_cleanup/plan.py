"""Plan: what goes, what stays, and why. It is a value: to make one, print one or load one changes nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Literal, TypeVar, overload

from acr._cleanup.columns import NONE, Lines
from acr._cleanup.plan_text import SHOWN, amount, html_of, summary_of, text_of
from acr._cleanup.plan_values import Deletion, Explanation, Kept, PlanChanges, PlanHead
from acr._inventory.marks import to_time
from acr._text import counted
from acr._values.home import public_in
from acr._values.plain import row_of
from acr._values.reference import Reference
from acr.errors import InvalidInput

T = TypeVar("T")


class _View(Sequence[T], Generic[T]):
    """Lines as values, which are made when they are asked for."""

    def __init__(self, lines: Lines, make: Callable[[Lines, int], T]) -> None:
        self._lines = lines
        self._make = make

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        if isinstance(at, slice):
            return [self._make(self._lines, number) for number in range(*at.indices(len(self)))]
        return self._make(self._lines, range(len(self))[at])

    def __iter__(self) -> Iterator[T]:
        return (self._make(self._lines, number) for number in range(len(self)))

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'line')}>"


@public_in("acr")
class Plan:
    """What a policy deletes from a registry, and what it keeps, with the reasons. It deletes nothing by itself.

    `Policy.plan` makes one, and `load_plan` loads one. The same policy makes the same plan of the same inventory.

    Example:
        from acr import Policy

        plan = Policy('purge.untagged.older_than = "7d"').plan(registry.inventory())
        print(plan)
        print(plan.explain("team/app:v1"))
    """

    __slots__ = ("_deletions", "_head", "_kept", "_sha256")

    SCHEMA: ClassVar[str] = "acr-cleanup-plan/1"
    """What the field `schema` of its JSON says."""

    def __init__(self, head: PlanHead, deletions: Lines, kept: Lines) -> None:
        self._head = head
        self._deletions = deletions
        self._kept = kept
        self._sha256: str | None = None

    @property
    def registry(self) -> str:
        """Login server of the registry."""
        return self._head.registry

    @property
    def at(self) -> datetime:
        """When the reading of the inventory began, by the clock of the registry. Ages count to then."""
        return self._head.at

    @property
    def policy(self) -> Mapping[str, str]:
        """The files that the policy was read from, with the sha256 of each."""
        return self._head.policy

    @property
    def deletions(self) -> Sequence[Deletion]:
        """What goes, in the order of the deletions: tags, then each manifest before those that it leads to."""
        return _View(self._deletions, _deletion)

    @property
    def unlocks(self) -> Sequence[str]:
        """What goes although it is locked, as references. `Registry.purge` deletes it only if `unlock=` names it."""
        return self._deletions.unlocked()

    @property
    def kept(self) -> Sequence[Kept]:
        """What stays, each thing with the reason."""
        return _View(self._kept, _kept)

    @property
    def frees(self) -> int:
        """The most bytes that are freed. Each shared blob counts once, and only if nothing that stays uses it."""
        return self._head.frees

    @property
    def frees_at_least(self) -> int:
        """The least bytes that are freed. 0 if something was not read that may use the same blobs."""
        return self._head.frees if self._head.is_certain else 0

    @property
    def stays_shared(self) -> int:
        """Bytes that what goes uses, and that stay because something else uses them, too."""
        return self._head.stays_shared

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader of the plan should know."""
        return self._head.warnings

    @property
    def stops(self) -> Sequence[str]:
        """Which limits of the policy it exceeds. A plan that exceeds one must not be carried out."""
        return self._head.stops

    @property
    def summary(self) -> str:
        """What goes by which rule, what it frees, and what stays because of what, as text. `str()` has items, too."""
        return summary_of(self._head, self._deletions, self._kept)

    @property
    def sha256(self) -> str:
        """Digest of all that it says, in hexadecimal digits. It tells plans apart, and shows that one was changed."""
        if self._sha256 is None:
            from acr._cleanup.plan_json import digest_of

            self._sha256 = digest_of(self._head, self._deletions, self._kept)
        return self._sha256

    def time_needed(self, rate: float = 250) -> timedelta:
        """Compute how long the deletions take.

        Args:
            rate: deletions a minute. The default is half of what ACR allows one identity on Basic and Standard.

        Raises:
            InvalidInput: the rate is no positive number.
        """
        if not rate > 0:
            raise InvalidInput(f"rate={rate!r}: expected deletions a minute, such as 250")
        return timedelta(minutes=len(self._deletions) / rate)

    def explain(self, reference: str | Reference) -> Explanation:
        """Tell what becomes of a tag or a manifest, and why.

        Args:
            reference: such as `team/app:v1` or `team/app@sha256:…`.

        Raises:
            InvalidReference: the reference is malformed.
            InvalidInput: the plan does not know it, because the inventory did not have it.
        """
        asked = Reference.parse(reference) if isinstance(reference, str) else reference
        if asked.tag is None and asked.digest is None:
            raise InvalidInput(f"{asked} names neither a tag nor a digest: write {asked}:latest")
        for lines, goes in ((self._deletions, True), (self._kept, False)):
            for number in lines.of(asked.repository):
                is_it = lines.digest(number) == asked.digest if asked.digest else lines.name[number] == asked.tag
                if is_it and bool(lines.name[number]) is (asked.digest is None):
                    return _explanation(lines, number, goes)
        raise InvalidInput(f"the plan does not know {asked}: the inventory did not have it")

    def compare(self, earlier: "Plan") -> PlanChanges:
        """Find what differs from an earlier plan.

        Args:
            earlier: the other plan.

        Raises:
            InvalidInput: it is of another registry.
        """
        if earlier.registry != self.registry:
            raise InvalidInput(f"the plans are of two registries: {earlier.registry} and {self.registry}")
        before, after = _references(parts_of(earlier)[1]), _references(self._deletions)
        return PlanChanges(
            new=tuple(sorted(after - before)),
            gone=tuple(sorted(before - after)),
            same=len(before & after),
            frees=self.frees - earlier.frees,
        )

    def rows(self, of: Literal["deletions", "kept"] = "deletions") -> list[dict[str, Any]]:
        """Make flat rows of native types. pandas and polars take them.

        Args:
            of: `deletions` or `kept`.

        Raises:
            InvalidInput: `of` is something else.
        """
        views: dict[str, Sequence[object]] = {"deletions": self.deletions, "kept": self.kept}
        if of not in views:
            raise InvalidInput(f"of={of!r}: expected {', '.join(views)}")
        return [row_of(item) for item in views[of]]

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON has it, ready for `json.dumps`. `Plan.from_dict` takes it back."""
        from acr._cleanup.plan_json import to_dict

        return to_dict(self._head, self._deletions, self._kept)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Plan":
        """Make a plan of what `to_dict` gave.

        Args:
            data: the fields.

        Raises:
            ProtocolViolation: it is no plan, or of another version.
            DigestMismatch: somebody changed it. To take a line off, let `Policy.plan` protect it.
        """
        from acr._cleanup.plan_json import from_dict

        return cls(*from_dict(data))

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema of what `to_dict` gives."""
        from acr._cleanup.plan_schema import SCHEMA

        return SCHEMA

    def __getstate__(self) -> dict[str, Any]:
        return self.to_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._head, self._deletions, self._kept = parts_of(type(self).from_dict(state))
        self._sha256 = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash((self.registry, self.at, len(self._deletions), len(self._kept)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.registry}: {amount(self._deletions)} go>"

    def __str__(self) -> str:
        return text_of(self._head, self._deletions, self._kept, [str(one) for one in self.deletions[:SHOWN]])

    def _repr_html_(self) -> str:
        return html_of(self._head, self._deletions, self._kept)


def parts_of(plan: Plan) -> tuple[PlanHead, Lines, Lines]:
    """What a plan is made of."""
    return plan._head, plan._deletions, plan._kept  # noqa: SLF001 - of this file


def _via(lines: Lines, number: int) -> str | None:
    return None if lines.via[number] == NONE else lines.label(lines.via[number])


def _common(lines: Lines, number: int) -> dict[str, Any]:
    """The fields that each line has."""
    texts = lines.texts
    return {
        "kind": "tag" if lines.name[number] else "manifest",
        "repository": texts[lines.repository[number]],
        "name": lines.name[number] or None,
        "digest": lines.digest(number),
        "media_type": texts[lines.media_type[number]] or None,
        "updated": None if lines.updated[number] == NONE else to_time(lines.updated[number]),
        "rule": texts[lines.rule[number]] or None,
        "why": texts[lines.why[number]],
        "via": _via(lines, number),
    }


def _deletion(lines: Lines, number: int) -> Deletion:
    return Deletion(**_common(lines, number), frees=lines.frees[number], unlocks=bool(lines.unlocks[number]))


def _kept(lines: Lines, number: int) -> Kept:
    return Kept(**_common(lines, number), loses_tags=bool(lines.is_bare[number]))


def _explanation(lines: Lines, number: int, goes: bool) -> Explanation:
    make: Callable[[Lines, int], Deletion | Kept] = _deletion if goes else _kept
    found = [make(lines, number)]
    seen = {number}
    while (number := lines.via[number]) != NONE and number not in seen:
        seen.add(number)
        found.append(make(lines, number))
    verb = "goes" if goes else "stays"
    return Explanation(
        reference=found[0].reference,
        goes=goes,
        rule=found[-1].rule,
        chain=tuple(f"{one.reference} {verb}: {one.reason}" for one in found),
    )


def _references(lines: Lines) -> set[str]:
    return {lines.reference(number) for number in range(len(lines))}
