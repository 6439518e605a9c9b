"""Races: a registry that somebody else changes before each request of a purge; and what is true of it afterwards.

Who changes it keeps a ledger. What the purge may do is judged by the ledger and by the bytes of the manifests: the code
of the client has no part in that.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import attrs

import acr
from acr import Digest, media_types

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
        locked: tags and manifests that are locked.
    """

    fields: dict[Digest, Mapping[str, Any]] = attrs.field(factory=dict)
    tags: dict[str, Digest] = attrs.field(factory=dict)
    unpushed: set[Digest] = attrs.field(factory=set)
    touched: set[str] = attrs.field(factory=set)
    last_moment: set[str] = attrs.field(factory=set)
    locked: set[str] = attrs.field(factory=set)

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


class Writer:
    """Changes one repository, the same way for the same seed."""

    def __init__(self, registry: acr.Registry, seed: int) -> None:
        self.repository = registry.repository(NAME)
        self.dice = random.Random(seed)
        self.ledger = Ledger()
        self._count = 0
        self._lock = threading.RLock()
        self._is_busy = False
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

    # What it does.

    def put(self, fields: Mapping[str, Any], tag: str | None) -> Digest:
        pushed = self.repository.put_manifest(fields, tag=tag)
        self.ledger.fields[pushed.digest] = fields
        self.ledger.unpushed.discard(pushed.digest)
        if tag is not None:
            self.ledger.tags[tag] = pushed.digest
            self.ledger.touched.add(tag)
            self._set.add(tag)
        return pushed.digest

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
        """Do something before a request."""
        with self._lock:
            if self._is_busy:
                return
            self._is_busy = True
            try:
                self._act(request)
            finally:
                self._is_busy = False

    def _act(self, request: acr.RequestInfo) -> None:
        going = None
        if "/_tags?" in request.url:
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

    def _switch(self, digest: Digest, tag: str) -> None:
        flag = self.dice.choice(["can_write", "can_delete"])
        if self.dice.random() < 0.5:
            self.repository.manifest(digest).update(**{flag: False})
            self.ledger.locked.add(str(digest))
        else:
            self.repository.tag(tag).update(**{flag: False})
            self.ledger.locked.add(tag)

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
    tags = {one.name: one.digest for one in writer.repository.tags()}
    there = {one.digest for one in writer.repository.manifests()}
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
    for digest in set(ledger.fields) - there - ledger.unpushed:
        if str(digest) not in planned:
            wrong(str(digest), "was not in the plan")
    return Verdict(broken, unseeable)
