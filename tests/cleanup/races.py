"""Races: a registry that somebody else changes before each request of a purge; and what is true of it afterwards.

Who changes it keeps a ledger. What the purge may do is judged by the ledger and by the bytes of the manifests: the code
of the client has no part in that.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import attrs

import acr
from acr import Digest, media_types
from acr.emulator import Emulator

NAMED = re.compile(r"sha256-([0-9a-f]{64}).*")
NAME = "team/app"


@attrs.define
class Ledger:
    """What was pushed and by whom it was deleted.

    Args:
        fields: each manifest that there ever was.
        tags: where each tag should point to, if the plan were never carried out.
        unpushed: manifests that the writer deleted.
        touched: tags that the writer set.
        last_moment: tags and manifests that came within the last two requests of a deletion, and that no listing had
            shown before: if the deletion took them along, no request could tell.
        pushed: tags and manifests that the writer pushed since it had filled the registry.
        locked: when each tag and manifest was created that the writer locked, and whose lock is its own.
    """

    fields: dict[Digest, Mapping[str, Any]] = attrs.field(factory=dict)
    tags: dict[str, Digest] = attrs.field(factory=dict)
    unpushed: set[Digest] = attrs.field(factory=set)
    touched: set[str] = attrs.field(factory=set)
    last_moment: set[str] = attrs.field(factory=set)
    pushed: set[str] = attrs.field(factory=set)
    locked: dict[str, datetime] = attrs.field(factory=dict)

    def children(self, digest: Digest) -> set[Digest]:
        return {Digest(one["digest"]) for one in self.fields[digest].get("manifests", ())}

    def subject(self, digest: Digest) -> Digest | None:
        subject = self.fields[digest].get("subject")
        return Digest(subject["digest"]) if subject else None

    def below(self, digest: Digest) -> Iterator[Digest]:
        yield from self.children(digest)
        yield from (one for one in self.fields if self.subject(one) == digest)

    def reach(self, root: Digest) -> set[Digest]:
        found, left = {root}, [root]
        while left:
            for one in self.below(left.pop()):
                if one not in found:
                    found.add(one)
                    left.append(one)
        return found


class Interrupted(BaseException):
    """The run ends here, as by Ctrl-C."""


class Trouble:
    """Loses answers to deletions, and interrupts runs, the same way for the same seed.

    Args:
        emulator: whose answers are lost.
        seed: of the moments.
        writer: acts before that.
    """

    def __init__(self, emulator: Emulator, seed: int, writer: Writer) -> None:
        self._emulator = emulator
        self._dice = random.Random(f"trouble {seed}")
        self._writer = writer
        self.lost = 0
        self.moved = 0
        self.interrupted = 0
        self.may_interrupt = True

    def see(self, request: acr.RequestInfo) -> None:
        """Let the writer act before a request. Then perhaps let the request or its answer be lost, or the run end."""
        self._writer.see(request)
        if self.may_interrupt and self._dice.random() < 0.008:
            self.interrupted += 1
            raise Interrupted
        if request.method == "DELETE" and self._dice.random() < 0.3:
            self.lost += 1
            is_own = "/_tags/restoring-" in request.url  # nobody else sets a tag of that name
            if "/_tags/" in request.url and not is_own and self._dice.random() < 0.7:
                self.moved += self._writer.move(unquote(request.url).partition("?")[0].rpartition("/")[2])
            self._emulator.fail(times=1, method="DELETE", drop=True, after=self._dice.random() < 0.8)


class Writer:
    """Changes one repository, the same way for the same seed."""

    def __init__(self, registry: acr.Registry, seed: int) -> None:
        self.repository = registry.repository(NAME)
        self.dice = random.Random(seed)
        self.ledger = Ledger()
        self._count = 0
        self._lock = threading.RLock()
        self._is_busy = False
        self.begin()
        self._seen: set[str] = set()
        self._set: set[str] = set()
        self.going: set[str] = set()
        self.acts = 0
        blobs = [self.repository.upload_blob(content) for content in (b"{}", b"layer")]
        self._config, self._layer = (
            {"mediaType": kind, "digest": str(blob.digest), "size": blob.size}
            for kind, blob in zip((media_types.OCI_CONFIG, media_types.OCI_LAYER), blobs, strict=True)
        )

    # What is there at first.

    def fill(self) -> None:
        made: list[Digest] = []
        for number in range(self.dice.randint(4, 7)):
            tag = self.dice.choice([f"old{number}", f"old{number}", f"keep{number}", None])
            if made and self.dice.random() < 0.2:
                root = self.index([self.dice.choice(made), self.image(None)], tag)
            elif self.dice.random() < 0.6:
                images = [self.image(None), self.image(None)]
                made += images
                root = self.index(images, tag)
            else:
                root = self.image(tag)
            made.append(root)
            if self.dice.random() < 0.5:
                made.append(self.referrer(root))
            if self.dice.random() < 0.3:
                self.referrer(made[-1])
            if self.dice.random() < 0.4:
                self.sign(self.dice.choice(made))
        self.ledger.touched.clear()
        self.ledger.pushed.clear()

    def lock_some(self) -> list[str]:
        """Lock some of what a policy may take, and the manifests behind it. Return the references."""
        found: list[str] = []
        for tag, digest in sorted(self.ledger.tags.items()):
            if not tag.startswith("keep") and self.dice.random() < 0.5:
                self._lock_one(tag, "can_write", "can_delete")
                self._lock_one(str(digest), "can_delete")
                found += [f"{NAME}:{tag}", f"{NAME}@{digest}"]
        return found

    # What it does.

    def put(self, fields: Mapping[str, Any], tag: str | None) -> Digest:
        before = self._changed(tag)
        pushed = self.repository.put_manifest(fields, tag=tag)
        self.ledger.fields[pushed.digest] = fields
        self.ledger.unpushed.discard(pushed.digest)
        self.ledger.pushed |= {str(pushed.digest), *([] if tag is None else [tag])}
        is_refused = before is not None and before == self._changed(tag)  # locked, and there already: nothing is new
        if tag is not None and not is_refused:
            self.ledger.tags[tag] = pushed.digest
            self.ledger.touched.add(tag)
            self._set.add(tag)
        return pushed.digest

    def _changed(self, tag: str | None) -> datetime | None:
        """When a tag was set; None if there is none."""
        try:
            return None if tag is None else self.repository.tag(tag).properties().updated
        except acr.NotFound:
            return None

    def _fields(self, **more: Any) -> dict[str, Any]:
        self._count += 1
        return {"schemaVersion": 2, "annotations": {"number": str(self._count)}, **more}

    def image(self, tag: str | None, **more: Any) -> Digest:
        kind = media_types.OCI_MANIFEST
        return self.put(self._fields(mediaType=kind, config=self._config, layers=[self._layer], **more), tag)

    def index(self, children: list[Digest], tag: str | None) -> Digest:
        entries = [self._entry(child) for child in dict.fromkeys(children)]
        return self.put(self._fields(mediaType=media_types.OCI_INDEX, manifests=entries), tag)

    def _entry(self, digest: Digest) -> dict[str, Any]:
        return {"mediaType": str(self.ledger.fields[digest]["mediaType"]), "digest": str(digest), "size": 1}

    def referrer(self, subject: Digest, tag: str | None = None) -> Digest:
        return self.image(tag, subject=self._entry(subject), artifactType="application/spdx+json")

    def sign(self, digest: Digest) -> Digest:
        return self.image(f"sha256-{digest.hex}.sig")

    def see(self, request: acr.RequestInfo) -> None:
        """Do something before a request. What comes after the last look of a run comes too late for it."""
        with self._lock:
            if self._is_busy or (self.has_deleted and self._is_last_look(request)):
                return
            self._is_busy = True
            try:
                self._act(request)
            finally:
                self._is_busy = False

    def _is_last_look(self, request: acr.RequestInfo) -> bool:
        """Whether a run that has deleted lists all tags, or has done so, and has deleted nothing since."""
        if request.method == "DELETE":
            self._is_at_end = False
        elif f"v1/{NAME}/_tags?n=1000" in request.url:
            self._is_at_end = True
        return self._is_at_end

    def begin(self) -> None:
        """A run begins."""
        self.has_deleted = self._is_at_end = False

    def _act(self, request: acr.RequestInfo) -> None:
        going = None
        self.has_deleted = self.has_deleted or request.method == "DELETE"
        if "/_tags?" in request.url and "/_deleted/" not in request.url:
            self._seen |= set(self.ledger.tags)
        if request.method == "DELETE":
            name = unquote(request.url).partition("?")[0].rpartition("/")[2]
            going = Digest(name) if ":" in name else self.ledger.tags.get(name)
            if self.dice.random() < 0.3:
                self._try(going, name, is_last=True)
        elif "/_manifests/" in request.url:  # what is asked for just before a manifest is deleted
            if self.dice.random() < 0.15:
                self._try(None, "", is_last=True)
        elif self.dice.random() < 0.15:
            self._try(None, "")

    def _try(self, target: Digest | None, going: str, *, is_last: bool = False) -> None:
        """Do one thing. The registry may refuse it: what it is about may be locked, or gone."""
        known = set(self.ledger.fields)
        self._set.clear()
        try:
            self._one(target, going)
            self.acts += 1
        except (acr.Locked, acr.NotFound, acr.ResponseError):
            return
        if is_last:
            self.ledger.last_moment |= {
                *(self._set - (self._seen - self.going)),
                *map(str, set(self.ledger.fields) - known),
            }

    def _one(self, target: Digest | None, going: str) -> None:
        dice, ledger = self.dice, self.ledger
        alive = [one for one in ledger.fields if one not in ledger.unpushed]
        digest = target or dice.choice(alive)
        new = f"new{self._count}"
        tag = dice.choice([new, new, dice.choice(sorted(ledger.tags)), going if going and ":" not in going else new])
        what = dice.random()
        if what < 0.2:
            self.index([digest, *dice.sample(alive, 1)], dice.choice([tag, None]))
        elif what < 0.35:
            self.put(ledger.fields[digest], tag)
        elif what < 0.5:
            self.image(tag)
        elif what < 0.6:
            self.referrer(digest, dice.choice([new, None]))
        elif what < 0.68:
            self.sign(digest)
        elif what < 0.8:
            self._switch(digest, tag)
        elif what < 0.9 and not target:
            self._delete_tag(dice.choice(sorted(ledger.tags)))
        elif not target:
            self._delete(digest)

    def move(self, tag: str) -> bool:
        """Let a tag point to something else. Return whether it does: it may be locked."""
        others = [one for one in self.ledger.fields if one not in self.ledger.unpushed | {self.ledger.tags.get(tag)}]
        try:
            self.put(self.ledger.fields[self.dice.choice(others)], tag)
        except acr.ResponseError:
            return False
        return True

    def _switch(self, digest: Digest, tag: str) -> None:
        flag = self.dice.choice(["can_write", "can_delete"])
        self._lock_one(str(digest) if self.dice.random() < 0.5 else tag, flag)

    def _lock_one(self, key: str, *flags: str) -> None:
        item = self.repository.manifest(key) if ":" in key else self.repository.tag(key)
        self.ledger.locked[key] = item.update(**dict.fromkeys(flags, False)).created

    def _delete_tag(self, tag: str) -> None:
        self.repository.tag(tag).delete()
        self.ledger.tags.pop(tag, None)
        self.ledger.touched.discard(tag)

    def _delete(self, digest: Digest) -> None:
        """The registry deletes the tags of a manifest with it, and what is attached to it."""
        self.repository.manifest(digest).delete()
        gone, left = {digest}, [digest]
        while left:
            subject = left.pop()
            more = {one for one in self.ledger.fields if self.ledger.subject(one) == subject} - gone
            gone |= more
            left += more
        self.ledger.unpushed |= gone
        for tag in [tag for tag, target in self.ledger.tags.items() if target in gone]:
            del self.ledger.tags[tag]


@attrs.frozen
class Verdict:
    """What is wrong after all, and what nobody could have seen."""

    broken: list[str]
    unseeable: list[str]


def judge(writer: Writer, plan: acr.Plan, report: acr.PurgeReport) -> Verdict:
    """Judge what a purge left."""
    ledger = writer.ledger
    named = list(writer.repository.tags())
    listed = list(writer.repository.manifests())
    tags = {one.name: one.digest for one in named}
    there = {one.digest for one in listed}
    times = {one.name: (one.created, one.locked) for one in named}
    times |= {str(one.digest): (one.created, one.locked) for one in listed}
    told = "\n".join(f"{one.reference} {one.why}" for one in report.not_whole)
    planned = {one.name or str(one.digest) for one in plan.deletions}
    broken: list[str] = []
    unseeable: list[str] = []

    def wrong(name: str, text: str) -> None:
        if name not in told:
            (unseeable if name in ledger.last_moment else broken).append(f"{name}: {text}")

    for tag, target in tags.items():
        reached = ledger.reach(target)
        for one in reached - there - ledger.unpushed:
            wrong(str(one), f"the tag {tag} needs it")
        for one in reached & there:
            for name in ledger.tags:
                match = NAMED.fullmatch(name)
                if match and match[1] == one.hex and name not in tags:
                    wrong(name, f"it belongs to {one}, which the tag {tag} needs")
    for name, digest in ledger.tags.items():
        if (name in ledger.touched or name not in planned) and tags.get(name) != digest:
            wrong(name, f"should point to {digest}, and is {tags.get(name)}")
    for name, created in ledger.locked.items():
        if times.get(name) == (created, False):
            wrong(name, "its lock is off")
    _judge_report(writer, report, set(times), wrong)
    for digest in set(ledger.fields) - there - ledger.unpushed:
        if str(digest) not in planned:
            wrong(str(digest), "was not in the plan")
    return Verdict(broken, unseeable)


def _judge_report(writer: Writer, report: acr.PurgeReport, there: set[str], wrong: Callable[[str, str], None]) -> None:
    """Compare what a report says with what is there."""
    ledger = writer.ledger

    def key(reference: str) -> str:
        return reference.removeprefix(NAME)[1:]

    for one in (*report.kept, *report.put_back):
        name = key(one.reference)
        was_deleted = Digest(name) in ledger.unpushed if ":" in name else name not in ledger.tags
        if name not in there and not was_deleted:
            wrong(name, f"is told as kept or put back, and is gone: {one.why}")
    for reference in report.deleted:
        name = key(reference)
        if name in there and name not in ledger.pushed:
            wrong(name, "is told as deleted, and is there")
