"""Limits: why a plan must not be carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from acr._cleanup.plan import Plan, parts_of
from acr._text import counted
from acr._values.arguments import check_count, check_number, check_texts, wrong_kind
from acr._values.reference import Reference
from acr.errors import InvalidInput, PlanRefused


def check_unlock(plan: Plan, unlock: Iterable[str | Reference]) -> frozenset[str]:
    """See that a plan unlocks what a caller names.

    Args:
        plan: the plan.
        unlock: references. A registry before them must be that of the plan.

    Returns:
        The references as the plan has them.

    Raises:
        InvalidInput: the plan unlocks no such item, or this is no list of references.
    """
    if isinstance(unlock, Reference):
        unlock = [unlock]
    if isinstance(unlock, str | bytes | bytearray) or not isinstance(unlock, Iterable):
        raise wrong_kind("unlock", unlock, "a list of references such as team/app:v1")
    given = [str(one) if isinstance(one, Reference) else one for one in unlock]
    names = {one.removeprefix(f"{plan.registry}/") for one in check_texts("unlock", given, "team/app:v1")}
    unknown = sorted(names - set(plan.unlocks))
    if unknown:
        raise InvalidInput(
            f"unlock: the plan unlocks no {unknown[0][:300]!r}: name what `plan.unlocks` has, as it is written there"
        )
    return frozenset(names)


def exceeded(plan: Plan, registry: str, *, max_deletions: int | None, max_share: float | None) -> PlanRefused | None:
    """Find why a plan must be refused: it exceeds a limit. This needs no request.

    Args:
        plan: the plan.
        registry: the registry that it is to be carried out in.
        max_deletions: how many lines it may have.
        max_share: which part of the manifests of one repository may go, from 0 to 1.

    Raises:
        InvalidInput: it is of another registry, or a limit makes no sense.
    """
    if plan.registry != registry:
        raise InvalidInput(f"the plan is for {plan.registry}, and not for {registry}")
    if max_deletions is not None:
        check_count("max_deletions", max_deletions, least=0)
    if max_share is not None:
        check_number("max_share", max_share, lambda share: 0 <= share <= 1, "a part from 0 to 1, such as 0.5")
    found = list(plan.stops)
    if max_deletions is not None and len(plan.deletions) > max_deletions:
        found.append(f"{counted(len(plan.deletions), 'deletion')}, and max_deletions is {max_deletions:,}")
    if max_share is not None:
        found += _too_large_shares(plan, max_share)
    more = f"; and {len(found) - 5:,} more" if len(found) > 5 else ""
    return PlanRefused(f"the plan exceeds a limit: {'; '.join(found[:5])}{more}") if found else None


def _too_large_shares(plan: Plan, most: float) -> list[str]:
    _, deletions, kept = parts_of(plan)
    going: Counter[int] = Counter()
    all_of: Counter[int] = Counter()
    for lines, goes in ((deletions, True), (kept, False)):
        for name, repository in zip(lines.name, lines.repository, strict=True):
            if not name:
                going[repository] += goes
                all_of[repository] += 1
    return [
        f"{deletions.texts[row]}: {count:,} of {counted(all_of[row], 'manifest')} go, and max_share is {most:g}"
        for row, count in going.items()
        if count > most * all_of[row]
    ]


def check_max_age(max_age: timedelta) -> None:
    """See that a limit of the age of a plan is one.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(max_age, timedelta) or max_age < timedelta(0):
        raise wrong_kind("max_age", max_age, "a timedelta from 0 on, such as timedelta(days=1)")


def check_age(plan: Plan, now: datetime, max_age: timedelta) -> None:
    """Refuse a plan that is too old.

    Args:
        plan: the plan.
        now: the time, by the clock of the registry.
        max_age: how old it may be.

    Raises:
        PlanRefused: it is older, or from the future.
    """
    age = now - plan.at
    if age > max_age:
        raise PlanRefused(f"the plan is {_told(age)} old, and max_age is {_told(max_age)}: make a new one")
    if age < -timedelta(hours=1):
        raise PlanRefused(f"the plan is of {plan.at:%Y-%m-%d %H:%M} UTC, which is in the future for the registry")


def _told(age: timedelta) -> str:
    return str(timedelta(seconds=int(age.total_seconds())))
