"""Reading: makes the rules of a policy file. What is wrong is an error with its line, before anything else happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

import attrs

from acr._policy.lines import read_toml
from acr._policy.patterns import Repositories, Tags, check_repository_glob, check_tag_glob, compiled
from acr._policy.protection import OWN, Protected, protected_pattern, read_references
from acr._policy.pulls import Pulls, read_pulls
from acr._policy.rules import FLOOR, Conditions, Leftovers, Rule
from acr._policy.section import Section
from acr._policy.unlocking import Unlock, read_unlock
from acr._policy.versions import Range
from acr._values.durations import exact_duration
from acr._values.reference import check_repository, check_tag
from acr.errors import AcrError, InvalidPolicy

Read = Callable[[str], str]
"""Reads a file that a policy names. It raises an InvalidInput if it cannot."""

_TOP: Final = "purge"
_WHEN: Final = "older_than, keep_newest, keep_at_most or not_pulled_for"


@attrs.frozen(kw_only=True)
class Row:
    """A line of an example: an item, and what is to become of it.

    Args:
        line: of the policy file.
        tag: name of the tag; None for an untagged manifest.
        age: since it was pushed.
        goes: whether it is expected to go.
        rule: the rule that is expected to decide; None if that does not matter.
        pulled: since it was pulled; None if it never was.
        is_locked: whether it is locked.
    """

    line: int
    tag: str | None
    age: timedelta
    goes: bool
    rule: str | None = None
    pulled: timedelta | None = None
    is_locked: bool = False


@attrs.frozen(kw_only=True)
class Example:
    """A made-up repository, and what is to become of what is in it."""

    repository: str
    rows: Sequence[Row]


@attrs.frozen(kw_only=True)
class Rules:
    """All that a policy says.

    Args:
        protected: what stays, whatever else is said.
        unlock: items whose locks do not keep them.
        rules: the first that matches a tag decides.
        untagged: the first that matches a repository decides about its untagged manifests.
        orphans: the same for attachments of what is gone.
        pulls: who was pulled when; None if no file says it.
        max_deletions: nothing is deleted if there is more to delete.
        max_share: nor if more of the manifests of a repository would go.
        examples: made-up repositories.
        files: the content of the files that it names.
        lines: the line of each rule, by name.
    """

    protected: Sequence[Protected] = ()
    unlock: Sequence[Unlock] = ()
    rules: Sequence[Rule] = ()
    untagged: Sequence[Leftovers] = ()
    orphans: Sequence[Leftovers] = ()
    pulls: Pulls | None = None
    max_deletions: int | None = None
    max_share: float | None = None
    examples: Sequence[Example] = ()
    files: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    lines: Mapping[str, int] = attrs.field(factory=dict, repr=False)


def read_rules(text: str, source: str, read: Read) -> Rules:
    """Read a policy.

    Args:
        text: TOML.
        source: name of the file, for errors.
        read: reads the files that it names.

    Raises:
        InvalidPolicy: it has a mistake.
    """
    document = read_toml(text, source)
    whole = Section(document, (), document.data)
    top = whole.table(_TOP)
    whole.finish()
    if top is None:
        raise whole.error(f"the file has no table [{_TOP}]")
    reading = _Reading(top, read)
    return reading.rules()


class _Reading:
    """The reading of one policy."""

    def __init__(self, top: Section, read: Read) -> None:
        self._top = top
        self._read = read
        self._files: dict[str, str] = {}
        self._lines: dict[str, int] = {}

    def rules(self) -> Rules:
        """Read everything."""
        top = self._top
        protected = [Protected(where="ACR's continuous patching", repository=OWN, tag="*")]
        for at, text in enumerate(top.texts("protect")):
            protected += self._told(top, partial(_protected, text), "protect", at)
        for at, name in enumerate(top.texts("protect_from")):
            protected += read_references(self._file(name, "protect_from", at), name)
        names = enumerate(top.texts("unlock"))
        unlock = [self._told(top, partial(read_unlock, text), "unlock", at) for at, text in names]
        pulled_from = top.text("pulled_from")
        pulls = None if pulled_from is None else read_pulls(self._file(pulled_from, "pulled_from"), pulled_from)
        max_deletions, max_share = top.count("max_deletions", least=1), top.share("max_share")
        rules = [self._rule(one, number) for number, one in enumerate(top.tables("rule"), 1)]
        untagged = [self._untagged(one) for one in top.tables("untagged")]
        orphans = [self._orphans(one) for one in top.tables("orphans")]
        examples = [self._example(one) for one in top.tables("example")]
        top.finish()
        if not (rules or untagged or orphans):
            raise top.error("the policy has no rule: write [[purge.rule]], [purge.untagged] or [purge.orphans]")
        return Rules(
            protected=protected,
            unlock=unlock,
            rules=rules,
            untagged=untagged,
            orphans=orphans,
            pulls=pulls,
            max_deletions=max_deletions,
            max_share=max_share,
            examples=examples,
            files=self._files,
            lines=self._lines,
        )

    def _file(self, name: str, *path: str | int) -> str:
        try:
            self._files[name] = self._read(name)
        except InvalidPolicy:
            raise
        except AcrError as error:
            raise self._top.error(f"{name}: {error}", *path) from None
        return self._files[name]

    @staticmethod
    def _told(section: Section, make: Callable[[], Any], *path: str | int) -> Any:
        """Make something, and tell the line if that fails."""
        try:
            return make()
        except AcrError as error:
            raise section.error(f"{path[0]}: {error}", *path) from None

    def _repositories(self, section: Section) -> Repositories:
        patterns = section.texts("repositories")
        for at, pattern in enumerate(patterns):
            self._told(section, partial(check_repository_glob, pattern), "repositories", at)
        return Repositories(patterns) if patterns else Repositories()

    def _tags(self, section: Section) -> Tags:
        tags = section.table("tags", 'say what it is: { glob = ["pr-*"] }, { regex = "…" } or { semver = ">=1" }')
        if tags is None:
            return Tags()
        globs, regex, semver = tags.texts("glob"), tags.text("regex"), tags.text("semver")
        tags.finish()
        if sum((bool(globs), regex is not None, semver is not None)) != 1:
            raise tags.error("tags: expected one of glob, regex and semver")
        for at, glob in enumerate(globs):
            self._told(tags, partial(check_tag_glob, glob), "glob", at)
        return Tags(
            globs,
            None if regex is None else self._told(tags, partial(compiled, regex), "regex"),
            None if semver is None else self._told(tags, partial(Range.parse, semver), "semver"),
        )

    def _name(self, section: Section, default: str) -> str:
        name = section.text("name") or default
        if not name.isprintable() or len(name) > 100:
            raise section.error("name: expected at most 100 characters, and none that controls a terminal", "name")
        if name in self._lines:
            raise section.error(f"name: line {self._lines[name]} has a rule named {name!r}, too", "name")
        self._lines[name] = section.line()
        return name

    def _rule(self, section: Section, number: int) -> Rule:
        name = self._name(section, f"rule {number}")
        repositories, tags = self._repositories(section), self._tags(section)
        keep = section.text("keep")
        if keep not in (None, "all"):
            raise section.error(f'keep: expected "all", got {keep[:40]!r}; for a number write keep_newest', "keep")
        conditions, group_by = self._conditions(section), self._group_by(section)
        keeps_subject = section.switch("keeps_subject", True)
        section.finish()
        if keep == "all" and conditions != Conditions():
            raise section.error('keep = "all" goes with no condition: nothing of this rule is ever deleted', "keep")
        if keep is None and not _says_what_goes(conditions):
            raise section.error(f'the rule says nothing about what goes: write keep = "all", or {_WHEN}')
        if group_by is not None and not _counts(conditions):
            raise section.error(
                "group_by has no effect without keep_newest, keep_at_most or only_if_more_than", "group_by"
            )
        return Rule(
            name=name,
            repositories=repositories,
            tags=tags,
            keep_all=keep == "all",
            conditions=conditions,
            group_by=group_by,
            keeps_subject=keeps_subject,
        )

    def _group_by(self, section: Section) -> re.Pattern[str] | None:
        text = section.text("group_by")
        if text is None:
            return None
        pattern: re.Pattern[str] = self._told(section, partial(compiled, text), "group_by")
        if not pattern.groups:
            raise section.error('group_by: expected a group in parentheses, such as "pr-([0-9]+)-.*"', "group_by")
        return pattern

    def _conditions(self, section: Section) -> Conditions:
        found = Conditions(
            older_than=self._age(section, "older_than"),
            not_pulled_for=self._age(section, "not_pulled_for"),
            keep_newest=section.count("keep_newest"),
            keep_at_most=section.count("keep_at_most"),
            only_if_more_than=section.count("only_if_more_than"),
        )
        if found.not_pulled_for is not None and not self._top.has("pulled_from"):
            raise section.error(
                "not_pulled_for needs a file of pulls: write pulled_from under [purge]", "not_pulled_for"
            )
        if found.keep_at_most is not None and found.keep_newest is not None:
            if found.keep_newest > found.keep_at_most:
                raise section.error("keep_newest is larger than keep_at_most", "keep_newest")
            if found.older_than is None and found.not_pulled_for is None:
                raise section.error(
                    "keep_newest and keep_at_most do not go together without older_than or not_pulled_for: what is"
                    " between them would be kept by one, and deleted by the other",
                    "keep_at_most",
                )
        return found

    @staticmethod
    def _age(section: Section, key: str) -> timedelta | None:
        length = section.duration(key)
        if length is not None and timedelta(0) < length < FLOOR:
            raise section.error(
                f"{key}: {exact_duration(length)} is less than an hour, and nothing younger than that ever goes; m is"
                " minutes, so for months write days, such as 180d",
                key,
            )
        return length

    def _untagged(self, section: Section) -> Leftovers:
        name, repositories = self._name(section, self._free_name(section, "untagged")), self._repositories(section)
        conditions, untagged_for = self._conditions(section), self._age(section, "untagged_for")
        section.finish()
        if untagged_for is None and not _says_what_goes(conditions):
            raise section.error(f"the table says nothing about what goes: write untagged_for, {_WHEN}")
        return Leftovers(name=name, repositories=repositories, conditions=conditions, untagged_for=untagged_for)

    def _orphans(self, section: Section) -> Leftovers:
        name, repositories = self._name(section, self._free_name(section, "orphans")), self._repositories(section)
        older_than = self._age(section, "older_than")
        section.finish()
        if older_than is None:
            raise section.error("orphans need older_than: an attachment may be pushed before what it is attached to")
        return Leftovers(name=name, repositories=repositories, conditions=Conditions(older_than=older_than))

    def _free_name(self, section: Section, kind: str) -> str:
        return kind if kind not in self._lines else f"{kind} of line {section.line()}"

    def _example(self, section: Section) -> Example:
        repository = section.text("repository")
        rows = list(self._rows(section))
        section.finish()
        if repository is None or not rows:
            raise section.error("an example needs a repository, and items")
        self._told(section, partial(check_repository, repository), "repository")
        return Example(repository=repository, rows=rows)

    def _rows(self, section: Section) -> Iterator[Row]:
        seen: set[str] = set()
        for one in section.tables("items"):
            tag, age, expect = one.text("tag"), one.duration("age"), one.text("expect")
            pulled, rule, is_locked = one.duration("pulled"), one.text("rule"), one.switch("locked", False)
            one.finish()
            if age is None or expect not in ("keep", "delete"):
                raise one.error('an item needs an age, such as "12d", and expect = "keep" or "delete"')
            if pulled is not None and not self._top.has("pulled_from"):
                raise one.error("pulled has no meaning without pulled_from under [purge]", "pulled")
            if tag is not None:
                self._told(one, partial(check_tag, tag), "tag")
                if tag in seen:
                    raise one.error(f"tag: {tag[:60]!r} is there twice", "tag")
                seen.add(tag)
            yield Row(
                line=one.line(),
                tag=tag,
                age=age,
                goes=expect == "delete",
                rule=rule,
                pulled=pulled,
                is_locked=is_locked,
            )


def _protected(text: str) -> list[Protected]:
    return list(protected_pattern(text, f"protect {text}"))


def _says_what_goes(conditions: Conditions) -> bool:
    found = (conditions.older_than, conditions.not_pulled_for, conditions.keep_newest, conditions.keep_at_most)
    return any(one is not None for one in found)


def _counts(conditions: Conditions) -> bool:
    found = (conditions.keep_newest, conditions.keep_at_most, conditions.only_if_more_than)
    return any(one is not None for one in found)
