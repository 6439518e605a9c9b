"""Invariants: nothing that is reachable from what stays goes. 2,000 random registries; 20,000 by `make test-upkeep`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import attrs
import pytest

from acr import Digest, Inventory
from acr._cleanup.plan import Plan
from acr._cleanup.plan_values import Deletion, Kept
from acr._cleanup.policy import Policy
from acr.emulator._store.collecting import collect, stored
from tests.cleanup.policies import MadePolicy, random_policy
from tests.cleanup.scenes import HOUR, Item, Place, Scene, random_scene

GRAPHS = int(os.environ.get("ACR_UPKEEP_GRAPHS", "2000"))
CHUNK = 100


@attrs.frozen
class Outcome:
    """What a plan makes of a repository."""

    place: Place
    gone_tags: set[str]
    gone: list[Digest]
    order: list[Deletion]
    is_doubtful: bool
    known: set[Digest]

    @property
    def kept(self) -> set[Digest]:
        return set(self.place.fields) - set(self.gone)

    @property
    def kept_tags(self) -> set[str]:
        return set(self.place.tags) - self.gone_tags


def outcomes(scene: Scene, inventory: Inventory, plan: Plan) -> list[Outcome]:
    found = []
    for name, place in scene.places.items():
        known = {one.digest for one in inventory.manifests(name)}
        is_doubtful = place.is_doubtful(known)
        order = [one for one in plan.deletions if one.repository == name]
        tags = {one.name for one in order if one.name}
        gone = [one.digest for one in order if one.kind == "manifest"]
        found.append(Outcome(place, tags, gone, order, is_doubtful, known))
    return found


def plan_of(inventory: Inventory, made: MadePolicy) -> Plan:
    return Policy(made.toml(), files={"running.txt": "\n".join(made.running)}).plan(inventory)


def protected_digests(made: MadePolicy, place: Place, within: set[Digest] | None = None) -> set[Digest]:
    """Those that lead to something protected. `within` as of `Place.reach`."""
    running = {one for one in made.running if one.startswith("sha")}
    return {
        digest
        for digest in place.fields
        if any({str(one), *place.configs(one)} & running for one in place.reach(digest, within))
    }


@pytest.mark.parametrize("first", range(0, GRAPHS, CHUNK))
def test_nothing_that_is_reachable_from_what_stays_goes(first: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, first + CHUNK):
        scene = random_scene(seed)
        made = random_policy(seed, scene)
        inventory = scene.inventory()
        plan = plan_of(inventory, made)
        found = outcomes(scene, inventory, plan)
        for outcome in found:
            check_whole(outcome)
            check_guards(outcome, made)
            check_rules(outcome, made, scene)
            check_order(outcome)
        check_lines(scene, inventory, plan)
        is_certain = scene.is_whole and not any(outcome.is_doubtful for outcome in found)
        counts["tags"] += sum(one.kind == "tag" for one in plan.deletions)
        counts["manifests"] += sum(one.kind == "manifest" for one in plan.deletions)
        counts["unlocked"] += len(plan.unlocks)
        check_bytes(scene, plan, is_certain=is_certain)
        scene.store.metadata.close()
    assert counts["tags"] > CHUNK // 4, counts  # the plans are no empty ones
    assert counts["manifests"] > CHUNK // 4, counts
    assert counts["unlocked"] > 0 or first, counts


@pytest.mark.parametrize("seed", [12532])
def test_what_failed_once_holds(seed: int) -> None:
    """12532: a tag on what nobody can read may lead to something protected, and must not count among the newest."""
    scene = random_scene(seed)
    made = random_policy(seed, scene)
    inventory = scene.inventory()
    for outcome in outcomes(scene, inventory, plan_of(inventory, made)):
        check_whole(outcome)
        check_rules(outcome, made, scene)
    scene.store.metadata.close()


def check_whole(outcome: Outcome) -> None:
    """What stays has its children, its subject, its referrers, and what is attached to it by tags."""
    place, kept, tags = outcome.place, outcome.kept, outcome.kept_tags
    for digest in kept:
        assert place.children(digest) <= kept
        assert place.subject(digest) in {None, *kept}
    for digest in place.fields:
        if place.subject(digest) in kept:
            assert digest in kept
    for tag, target in place.tags.items():
        subject = place.named_after(tag)
        if tag in tags:
            assert target in kept
            assert subject in {None, *kept}
        if subject in kept:
            assert tag in tags


def check_guards(outcome: Outcome, made: MadePolicy) -> None:
    """What is locked, protected, new or in doubt stays."""
    place = outcome.place
    assert not (place.is_locked and outcome.order)
    assert not (outcome.is_doubtful and outcome.gone)
    if place.is_cache:
        assert place.name in {name for rule in made.rules for name in rule.repositories} or not outcome.order
    for one in outcome.order:
        item = place.about[one.name or one.digest]
        assert not made.is_held(place, one.name or one.digest)
        assert one.unlocks is item.is_locked
        assert item.age >= HOUR
        assert not (one.name and place.about[one.digest].is_locked and one.digest in outcome.kept)
        assert not (one.name and made.is_protected(one.name))
        assert f"some.where/{place.name}:{one.name}" not in made.running
    safe = protected_digests(made, place)
    assert not safe & set(outcome.gone)
    # Its manifest stays in any case. What a hidden manifest leads to nobody can know.
    safe = protected_digests(made, place, outcome.known)
    assert not [tag for tag in outcome.gone_tags if place.tags[tag] in safe]
    if outcome.is_doubtful:  # no manifest is left behind without a tag
        for digest in {place.tags[tag] for tag in outcome.gone_tags}:
            assert [tag for tag in outcome.kept_tags if place.tags[tag] == digest]


def check_rules(outcome: Outcome, made: MadePolicy, scene: Scene) -> None:
    """The rules are obeyed, and all that they take goes unless something speaks for it."""
    place = outcome.place
    safe = protected_digests(made, place)
    exempt = {
        tag
        for tag, digest in place.tags.items()
        if digest in safe or made.is_protected(tag) or f"some.where/{place.name}:{tag}" in made.running
    }
    going = made.going(place, exempt)
    for tag in outcome.gone_tags:
        subject = place.named_after(tag)
        if subject is not None:
            assert subject in outcome.gone  # attachments go with what they are attached to, and else never
        elif place.is_attached(tag):
            assert made.orphans is not None
            assert scene.is_whole
            assert not any(other.named_after(tag) for other in scene.places.values())
        else:
            follows = not made.keeps_subject(place, tag) and place.tags[tag] in outcome.gone
            assert tag in going or follows
    if not (place.is_locked or outcome.is_doubtful):
        held = {tag for tag, digest in place.tags.items() if is_held(place.about[digest]) or made.is_held(place, tag)}
        assert going - held <= outcome.gone_tags
    if made.untagged is None and made.orphans is None:  # then nothing goes but what a tag of the plan has left
        below = set()
        left = {place.tags[tag] for tag in outcome.gone_tags}
        while left:
            below |= left
            left = (
                {one for one in place.fields if place.subject(one) in left}
                | {child for one in left for child in place.children(one)}
                | {place.tags[tag] for tag in place.tags if place.named_after(tag) in left}
            )
            left -= below
        assert set(outcome.gone) <= below


def is_held(manifest: Item) -> bool:
    """Whether a manifest keeps its tags."""
    return manifest.is_locked or manifest.age < HOUR or manifest.is_hidden


def check_order(outcome: Outcome) -> None:
    """Tags come first, and no manifest that is still there leads to one that is gone."""
    kinds = [one.kind for one in outcome.order]
    assert kinds == sorted(kinds, reverse=True)
    place = outcome.place
    places = {digest: at for at, digest in enumerate(outcome.gone)}
    for digest, at in places.items():
        for one in (*place.children(digest), place.subject(digest)):
            if one is not None and one in places:
                assert at < places[one]


def check_lines(scene: Scene, inventory: Inventory, plan: Plan) -> None:
    """Each item of the inventory is in the plan once, and each reason refers to a line that is there."""
    expected = Counter([f"{one.repository}:{one.name}" for one in inventory.tags()])
    expected += Counter([f"{one.repository}@{one.digest}" for one in inventory.manifests()])
    lines: Sequence[Deletion | Kept] = [*plan.deletions, *plan.kept]
    assert Counter(one.reference for one in lines) == expected
    for group in (plan.deletions, plan.kept):
        names = {(one.repository, one.name or str(one.digest)) for one in group}
        assert all(one.why and (one.via is None or (one.repository, one.via) in names) for one in group)
    for one in plan.kept:
        if one.via is not None and one.kind == "manifest":
            assert_edge(scene.places[one.repository], one)
    assert all(one.rule for one in plan.deletions)


def assert_edge(place: Place, one: Kept) -> None:
    """A reason is true."""
    assert one.via is not None
    if one.why == "it is part of":
        assert one.digest in place.children(Digest(one.via))
    elif one.why == "it is attached to":
        assert place.subject(one.digest) == one.via
    elif one.why == "it has the tag":
        assert place.tags[one.via] == one.digest
    elif one.why == "it has the attachment":
        assert (place.subject(Digest(one.via)) if ":" in one.via else place.named_after(one.via)) == one.digest
    else:
        raise AssertionError(one.why)


def check_bytes(scene: Scene, plan: Plan, *, is_certain: bool) -> None:
    """What it frees is what the store has less afterwards. Each deletion frees what it says, too."""
    store = scene.store
    collect(store.metadata, store.content)
    before = stored(store.metadata, store.content)
    assert sum(one.frees for one in plan.deletions) == plan.frees
    for one in plan.deletions:
        if one.name:
            store.metadata.delete("tags", one.repository, [one.name], 2)
        else:
            store.metadata.delete("manifests", one.repository, [one.digest], 2)
    collect(store.metadata, store.content)
    after = stored(store.metadata, store.content)
    freed = before.blobs - after.blobs + before.manifests - after.manifests
    assert plan.frees_at_least <= freed <= plan.frees
    if is_certain:
        assert plan.frees_at_least == freed == plan.frees
