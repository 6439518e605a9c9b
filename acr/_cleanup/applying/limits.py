"""Limits: why a plan must not be carried out."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from acr._cleanup.plan import Plan, parts_of
from acr._values.arguments import check_count, check_number, wrong_kind
from acr.errors import InvalidInput, PlanRefused


def check_limits(plan: Plan, registry: str, *, max_deletions: int | None, max_share: float | None) -> None:
    """Refuse a plan that exceeds a limit, or is of another registry. This needs no request.

    Args:
        plan: the plan.
        registry: the registry that it is to be carried out in.
        max_deletions: how many lines it may have.
        max_share: which part of the manifests of one repository may go, from 0 to 1.

    Raises:
        InvalidInput: it is of another registry, or a limit makes no sense.
        PlanRefused: it exceeds a limit.
    """
    if plan.registry != registry:
        raise InvalidInput(f"the plan is for {plan.registry}, and not for {registry}")
    if max_deletions is not None:
        check_count("max_deletions", max_deletions, least=0)
    if max_share is not None:
        check_number("max_share", max_share, lambda share: 0 <= share <= 1, "a part from 0 to 1, such as 0.5")
    found = list(plan.stops)
    if max_deletions is not None and len(plan.deletions) > max_deletions:
        found.append(f"{len(plan.deletions):,} deletions, and max_deletions is {max_deletions:,}")
    if max_share is not None:
        found += _too_large_shares(plan, max_share)
    if found:
        more = f"; and {len(found) - 5:,} more" if len(found) > 5 else ""
        raise PlanRefused(f"the plan exceeds a limit: {'; '.join(found[:5])}{more}")


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
        f"{deletions.texts[row]}: {count:,} of {all_of[row]:,} manifests go, and max_share is {most:g}"
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
