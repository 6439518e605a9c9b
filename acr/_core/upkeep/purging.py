"""Purging: carries a plan out, repository by repository. On any doubt a line is kept, and told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import attrs

from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._cleanup.applying.limits import check_age, check_limits, check_max_age
from acr._cleanup.applying.report import PurgeItem, PurgeReport
from acr._cleanup.plan import Plan, parts_of
from acr._core.storage import Journal
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._core.upkeep.pace import MOST_AT_ONCE, Pace
from acr._core.upkeep.purging_one import RepositoryPurge
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.watching import Planned, Watch
from acr._values.arguments import check_callback, check_count, wrong_kind
from acr._values.reference import check_repository
from acr.errors import (
    AcrError,
    CredentialError,
    NoMetadataApi,
    PlanRefused,
    RateLimited,
    TransferError,
    TransportError,
)

Tell = Callable[[int, int], None]


@attrs.frozen(kw_only=True)
class Options:
    """How to carry a plan out.

    Args:
        journal: what goes is noted there first.
        rate: deletions a minute; None for as many as there are.
        concurrency: reads at the same time.
        max_age: how old the plan may be.
        max_deletions: how many lines the plan may have; None for no limit beside those of the policy.
        max_share: which part of the manifests of one repository may go; None for no limit beside those of the policy.
        progress: is told how many lines are done, and how many there are.
    """

    journal: Journal
    rate: float | None
    concurrency: int
    max_age: timedelta
    max_deletions: int | None
    max_share: float | None
    progress: Tell | None

    def __attrs_post_init__(self) -> None:
        check_count("concurrency", self.concurrency, most=MOST_AT_ONCE)
        check_max_age(self.max_age)
        check_callback("progress", self.progress)


async def purge(
    session: Session, plan: Plan, options: Options, *, clock: Callable[[], float] = time.time
) -> PurgeReport:
    """Carry a plan out.

    Args:
        session: the client.
        plan: what goes.
        options: how.
        clock: seconds since 1970, if the registry does not tell the time.

    Raises:
        InvalidInput: it is no plan, or the plan is for another registry, or the journal belongs to another plan.
        InvalidReference: the plan names a repository that cannot be.
        PlanRefused: the plan exceeds a limit, or is too old. Nothing was deleted.
        TransferError: the journal cannot be opened. Nothing was deleted.
        NoMetadataApi: the registry is of another make.
    """
    if not isinstance(plan, Plan):
        raise wrong_kind("plan", plan, "a Plan, as Policy.plan makes it")
    plan_lines = parts_of(plan)[1]
    check_limits(plan, session.registry.netloc, max_deletions=options.max_deletions, max_share=options.max_share)
    for name in {plan_lines.texts[row] for row in plan_lines.repository}:
        check_repository(name)
    record = Record(session.runtime, options.journal)
    work = _Purge(session, plan, options, record, clock)
    try:
        await record.open(plan)
        return await work.run()
    finally:
        await record.close()


class _Purge:
    """One run of a plan."""

    def __init__(
        self, session: Session, plan: Plan, options: Options, record: Record, clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._plan = plan
        self._options = options
        self._record = record
        self._clock = clock
        self._pace = Pace(session.runtime, options.rate)
        self._is_young = False
        self._is_deaf = False
        self._done = 0
        self._deleted: list[str] = []
        self._absent: list[str] = []
        self._kept: list[PurgeItem] = []
        self._back: list[PurgeItem] = []
        self._broken: list[PurgeItem] = []
        self._unfinished: dict[str, str] = {}
        self._notes: list[str] = []
        self._frees = 0
        self._bare = 0

    async def run(self) -> PurgeReport:
        """Carry it out."""
        stopped = ""
        for one in self._repositories():
            if stopped:
                self._unfinished[one.name] = stopped
            else:
                stopped = await self._carry_out(one)
            self._take(one)
            stopped = self._tell() or stopped
        if self._bare:
            self._notes.append(
                f"{self._bare:,} manifests were kept, and have lost their tags. A retention policy of the registry may"
                " take them: lock them, or tag them"
            )
        return PurgeReport(
            registry=self._plan.registry,
            plan=self._plan.sha256,
            deleted=tuple(self._deleted),
            absent=tuple(self._absent),
            kept=tuple(self._kept),
            put_back=tuple(self._back),
            not_whole=tuple(self._broken),
            unfinished=self._unfinished,
            frees=self._frees,
            notes=tuple(self._notes),
        )

    async def _carry_out(self, one: RepositoryPurge) -> str:
        """Work on a repository. Return why the whole run ends; empty if it goes on."""
        try:
            date = await one.begin()
            if date is not None and not self._is_young:
                check_age(self._plan, self._now(date), self._options.max_age)
                self._is_young = True
            await one.run()
        except (PlanRefused, NoMetadataApi):
            raise
        except (TransportError, CredentialError, RateLimited, TransferError) as error:
            if not self._deleted and not any(node.state is State.GONE for node in one.doomed.nodes.values()):
                raise
            self._unfinished[one.name] = str(error)
            return f"not reached, because the run ended in {one.name}: {error}"
        except AcrError as error:
            self._unfinished[one.name] = str(error)
            with suppress(AcrError):
                await one.end()
        return ""

    def _now(self, date: str) -> datetime:
        with suppress(TypeError, ValueError):
            return parsedate_to_datetime(date).astimezone(UTC)
        return datetime.fromtimestamp(self._clock(), UTC)

    def _repositories(self) -> Iterator[RepositoryPurge]:
        """The work on each repository that has something to delete, in the order of the plan."""
        _, deletions, kept = parts_of(self._plan)
        lines: dict[int, list[int]] = {}
        for number, repository in enumerate(deletions.repository):
            lines.setdefault(repository, []).append(number)
        stays: dict[int, list[int]] = {repository: [] for repository in lines}
        for number, repository in enumerate(kept.repository):
            if repository in stays and not kept.name[number]:
                stays[repository].append(number)
        concurrency = self._options.concurrency
        for repository, numbers in lines.items():
            remote = Remote(self._session, deletions.texts[repository])
            doomed = Doomed(self._plan.deletions[number] for number in numbers)
            planned = Planned(frozenset(str(kept.digest(number)) for number in stays[repository]))
            watch = Watch(remote, doomed, planned, concurrency)
            yield RepositoryPurge(remote, doomed, watch, self._record, pace=self._pace, concurrency=concurrency)

    def _take(self, one: RepositoryPurge) -> None:
        """Take in what became of a repository."""
        tagged = {str(node.digest) for node in one.doomed.nodes.values() if node.name and node.is_ended}
        for node in one.doomed.nodes.values():
            self._take_node(one, node)
            self._bare += node.state is State.HELD and node.key in tagged
        self._broken += [*one.broken, *one.missing()]
        self._notes += one.notes
        self._done += len(one.doomed.nodes)

    def _tell(self) -> str:
        """Tell the progress. Return why the whole run ends; empty if it goes on."""
        if self._options.progress is None or self._is_deaf:
            return ""
        try:
            self._options.progress(self._done, len(self._plan.deletions))
        except Exception as error:
            if not self._deleted:
                raise
            self._is_deaf = True
            why = f"progress raised {type(error).__name__}"
            self._notes.append(f"{why}: {error}")
            return f"not reached, because {why}"
        return ""

    def _take_node(self, one: RepositoryPurge, node: Node) -> None:
        reference = f"{one.name}:{node.name}" if node.name else f"{one.name}@{node.digest}"
        if node.state is State.GONE:
            self._deleted.append(reference)
            self._frees += node.frees
        elif node.state is State.ABSENT:
            self._absent.append(reference)
        elif node.state is State.BACK:
            self._back.append(PurgeItem(reference=reference, why=node.why))
        elif node.state in (State.WANTED, State.LOST, State.DOUBTFUL):
            self._broken.append(PurgeItem(reference=reference, why=node.why))
        else:
            self._kept.append(PurgeItem(reference=reference, why=node.why or node.state.value))
