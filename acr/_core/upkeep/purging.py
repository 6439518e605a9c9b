"""Purging: carries a plan out, repository by repository. On any doubt a line is kept, and told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import attrs

from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._cleanup.applying.limits import check_age, check_max_age, check_unlock, exceeded
from acr._cleanup.applying.report import PurgeItem, PurgeReport
from acr._cleanup.plan import Plan, parts_of
from acr._cleanup.plan_text import left_bare
from acr._core.storage import Journal
from acr._core.talk.remote import Remote
from acr._core.talk.session import Session
from acr._core.upkeep.evidence import NO_ANSWER
from acr._core.upkeep.pace import MOST_AT_ONCE, Pace
from acr._core.upkeep.purging_one import RepositoryPurge
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.unlocking import Unlocking
from acr._core.upkeep.watching import Planned, Watch
from acr._text import printable
from acr._values.arguments import check_callback, check_count, wrong_kind
from acr._values.reference import Reference, check_repository
from acr.errors import (
    AcrError,
    CredentialError,
    NoMetadataApi,
    PlanRefused,
    RateLimited,
    TransferError,
    TransportError,
)

_SHOWN: Final = 20

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
        unlock: references of what the plan unlocks. What is not among them is kept.
    """

    journal: Journal
    rate: float | None
    concurrency: int
    max_age: timedelta
    max_deletions: int | None
    max_share: float | None
    progress: Tell | None
    unlock: Iterable[str | Reference]

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
        InvalidInput: it is no plan, or the plan is for another registry, or the journal belongs to another plan that is
            not done.
        InvalidReference: the plan names a repository that cannot be.
        PlanRefused: the plan exceeds a limit, or is too old. Nothing was deleted.
        TransferError: the journal cannot be opened. Nothing was deleted.
        NoMetadataApi: the registry is of another make.
    """
    if not isinstance(plan, Plan):
        raise wrong_kind("plan", plan, "a Plan, as Policy.plan makes it")
    plan_lines = parts_of(plan)[1]
    refusal = exceeded(plan, session.registry.netloc, max_deletions=options.max_deletions, max_share=options.max_share)
    unlock = check_unlock(plan, options.unlock)
    for name in {plan_lines.texts[row] for row in plan_lines.repository}:
        check_repository(name)
    record = Record(session.runtime, options.journal)
    if refusal is not None and not record.is_there:
        raise refusal
    locks = Unlocking(session, record)
    work = _Purge(session, plan, options, record, locks, unlock, clock)
    try:
        wrong = await record.open(plan, anew=refusal is None)
        await locks.put_back()  # what a process that was killed has left
        if wrong is not None:
            raise refusal or wrong
        return await work.run(refusal)
    except BaseException as error:
        locks.tell(error)
        raise
    finally:
        await record.close()


class _Purge:
    """One run of a plan."""

    def __init__(
        self,
        session: Session,
        plan: Plan,
        options: Options,
        record: Record,
        locks: Unlocking,
        unlock: frozenset[str],
        clock: Callable[[], float],
    ) -> None:
        self._session = session
        self._plan = plan
        self._options = options
        self._record = record
        self._locks = locks
        self._unlock = unlock
        self._clock = clock
        self._pace = Pace(session.runtime, options.rate)
        self._is_young = False
        self._refusal: PlanRefused | None = None
        self._noted: frozenset[str] = frozenset()
        self._has_failed_to_tell = False
        self._looked_at: set[str] = set()
        self._done = 0
        self._deleted: list[str] = []
        self._absent: list[str] = []
        self._kept: list[PurgeItem] = []
        self._back: list[PurgeItem] = []
        self._broken: list[PurgeItem] = []
        self._unfinished: dict[str, str] = {}
        self._notes: list[str] = []
        self._frees = 0
        self._bare: list[str] = []

    async def run(self, refusal: PlanRefused | None) -> PurgeReport:
        """Carry it out.

        Args:
            refusal: why nothing may be deleted. What an earlier process deleted and is needed is put back all the same.

        Raises:
            PlanRefused: nothing was deleted by this call.
        """
        self._refusal, self._noted = refusal, self._record.repositories
        stopped = ""
        for one in self._repositories():
            if self._refusal is not None and one.name not in self._noted:
                continue
            if stopped:
                self._unfinished[one.name] = stopped
            else:
                stopped = await self._carry_out(one)
            self._take(one)
            stopped = self._tell() or stopped
        await self._locks.put_back()
        self._broken += self._locks.left()
        if self._refusal is not None:
            raise self._told_refusal(self._refusal)
        if self._bare:
            self._notes.append(left_bare(self._bare, len(self._bare)))
        report = PurgeReport(
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
        with suppress(TransferError):  # the report counts more
            await (self._record.finish() if report.is_whole else self._record.again())
        return report

    async def _carry_out(self, one: RepositoryPurge) -> str:
        """Work on a repository. Return why the whole run ends; empty if it goes on."""
        try:
            await self._work_on(one)
        except PlanRefused:
            raise
        except (TransportError, CredentialError, RateLimited, TransferError, NoMetadataApi) as error:
            if not self._has_begun(one):
                raise
            self._unfinished[one.name] = str(error)
            if isinstance(error, TransferError):  # the disk is full, and the registry answers
                await self._end(one)
            return f"not reached, because the run ended in {one.name}: {error}"
        except AcrError as error:
            self._unfinished[one.name] = str(error)
            await self._end(one)
        return ""

    @staticmethod
    async def _end(one: RepositoryPurge) -> None:
        """Look at a repository for the last time, as far as that is possible."""
        with suppress(AcrError):
            await one.end()

    async def _work_on(self, one: RepositoryPurge) -> None:
        date = await one.begin()
        self._looked_at.add(one.name)
        if date is not None and not self._is_young and self._refusal is None:
            self._check_age(date)
            self._is_young = True
        await (one.run() if self._refusal is None else one.put_back())

    def _check_age(self, date: str) -> None:
        """See that the plan is young enough. If an earlier process has deleted something, that is put back first.

        Raises:
            PlanRefused: it is not, and there is nothing to put back.
        """
        try:
            check_age(self._plan, self._now(date), self._options.max_age)
        except PlanRefused as refusal:
            if not self._noted:
                raise
            self._refusal = refusal

    def _has_begun(self, one: RepositoryPurge) -> bool:
        """Whether there is something to tell that an error alone would not."""
        return bool(self._deleted or self._back or self._broken or self._refusal) or one.has_begun

    def _told_refusal(self, refusal: PlanRefused) -> PlanRefused:
        """The refusal, with what was done although the plan is refused."""
        told = [
            *(f"put back: {one}" for one in self._back),
            *(f"not whole: {one}" for one in self._broken),
            *(f"unfinished: {name}: {why}" for name, why in self._unfinished.items()),
        ]
        if not told:
            return refusal
        more = f"; and {len(told) - _SHOWN:,} more" if len(told) > _SHOWN else ""
        return PlanRefused(printable(f"{refusal}. Of what was deleted before: {'; '.join(told[:_SHOWN])}{more}"))

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
            doomed = Doomed((self._plan.deletions[number] for number in numbers), self._unlock)
            planned = Planned(frozenset(str(kept.digest(number)) for number in stays[repository]))
            watch = Watch(remote, doomed, planned, concurrency)
            yield RepositoryPurge(
                remote, doomed, watch, self._record, locks=self._locks, pace=self._pace, concurrency=concurrency
            )

    def _take(self, one: RepositoryPurge) -> None:
        """Take in what became of a repository."""
        for node in one.doomed.nodes.values():
            self._take_node(one, node)
        self._bare += one.bare()
        self._broken += one.not_whole()
        self._notes += one.notes
        self._done += len(one.doomed.nodes)

    def _tell(self) -> str:
        """Tell the progress. Return why the whole run ends; empty if it goes on."""
        if self._options.progress is None or self._has_failed_to_tell or self._refusal is not None:
            return ""
        try:
            self._options.progress(self._done, len(self._plan.deletions))
        except Exception as error:
            if not (self._deleted or self._back or self._broken):
                raise
            self._has_failed_to_tell = True
            why = f"progress raised {type(error).__name__}"
            self._notes.append(f"{why}: {error}")
            return f"not reached, because {why}"
        return ""

    def _take_node(self, one: RepositoryPurge, node: Node) -> None:
        reference = node.reference(one.name)
        if node.doubt:
            self._broken.append(PurgeItem(reference=reference, why=node.doubt))
        if node.state is State.GONE:
            self._deleted.append(reference)
            self._frees += node.frees
        elif node.state is State.ABSENT:
            self._absent.append(reference)
        elif node.state is State.BACK:
            self._back.append(PurgeItem(reference=reference, why=node.why))
        elif node.is_sent:
            self._broken.append(PurgeItem(reference=reference, why=NO_ANSWER))
        elif node.state in (State.WANTED, State.LOST, State.DOUBTFUL):
            self._broken.append(PurgeItem(reference=reference, why=node.why))
        elif node.state is State.WAITING and (doubt := self._doubt_unseen(one.name, node)):
            self._broken.append(PurgeItem(reference=reference, why=doubt))
        else:
            why = node.why or node.state.value
            self._kept.append(PurgeItem(reference=reference, why=why, is_withheld=node.is_withheld))

    def _doubt_unseen(self, repository: str, node: Node) -> str:
        """What an earlier run may have done to a line of a repository that this run has not seen; empty if nothing."""
        if repository in self._looked_at:
            return ""
        moved_to = self._record.moved_to(repository, node)
        if moved_to is not None:
            return f"an earlier run deleted it when it had moved to {moved_to}, and this run could not put it back"
        if self._record.has(repository, node):
            return "an earlier run noted it, and this run could not look: nobody knows whether it is deleted"
        return ""
