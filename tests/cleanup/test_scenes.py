"""The scenes in which other tools do harm, A to I (`../shared/studies/field.md`, section 2.2), and what a plan says."""

from __future__ import annotations

import attrs
import pytest

from acr import Digest, Inventory, media_types
from acr._cleanup.policy import Policy
from acr._inventory.builder import Builder, NewRepository, NewTag
from acr._inventory.inventory import tables_of
from acr._inventory.joining import _manifests
from acr._inventory.tables import Tables, pack
from acr.errors import InvalidPolicy
from tests.cleanup.made import ALL, UNTAGGED, attached, descriptor, gone, index, plan_of, scene_of
from tests.cleanup.scenes import DAY, FREE, HOUR, NOW, Item
from tests.inventory.graphs import MISSING, Store, named_after
from tests.inventory.test_usage import image


@pytest.fixture
def store() -> Store:
    return Store()


LOCKED = Item(is_locked=True)


def test_a_the_images_of_a_locked_index_stay(store: Store) -> None:
    """acr-cli skips the index before it notes its images, and deletes these."""
    images = [image(store, "app", name) for name in (b"amd64", b"arm64")]
    top = index(store, "app", *images, tag="v1")
    lonely = image(store, "app", b"lonely")
    assert gone(plan_of(store, UNTAGGED, {("app", top): LOCKED})) == {lonely}
    plan = plan_of(store, ALL + UNTAGGED, {("app", top): LOCKED})  # a lock of the manifest keeps its tag, too
    assert gone(plan) == {lonely}
    assert str(plan.explain(f"app@{images[0]}")).splitlines() == [
        f"app@{images[0]} stays: it is part of {top}",
        f"  app@{top} stays: it is locked: can_delete is off",
    ]


def test_a_so_do_those_of_a_locked_tag_at_every_depth_with_what_is_attached(store: Store) -> None:
    images = [image(store, "app", name) for name in (b"amd64", b"arm64")]
    inner = index(store, "app", *images)
    index(store, "app", inner, tag="v1")
    sbom = attached(store, "app", images[0])
    image(store, "app", b"signature", tag=f"{named_after(sbom)}.sig")
    assert gone(plan_of(store, ALL + UNTAGGED, {("app", "v1"): LOCKED})) == set()


def test_b_an_index_that_is_attached_stays_with_its_images(store: Store) -> None:
    """acr-cli spares its images and forgets the index itself."""
    subject = image(store, "app", b"layer", tag="v1")
    child = image(store, "app", b"child")
    top = index(store, "app", child, subject=descriptor(subject))
    assert gone(plan_of(store, UNTAGGED)) == set()
    plan = plan_of(store, ALL + UNTAGGED)
    assert gone(plan) == {"v1", subject, child, top}
    order = [one.digest for one in plan.deletions if one.kind == "manifest"]
    assert order in ([top, child, subject], [top, subject, child])


def test_c_the_untagged_subject_of_a_tagged_sbom_stays(store: Store) -> None:
    subject = image(store, "app", b"layer")
    sbom = attached(store, "app", subject, tag="sbom")
    assert gone(plan_of(store, UNTAGGED)) == set()
    # By its rule, the tag goes. The SBOM stays with its subject, which the rule for untagged manifests keeps.
    plan = plan_of(store, ALL + '[purge.untagged]\nolder_than = "1000d"\n')
    assert gone(plan) == {"sbom"}
    assert [one.digest for one in plan.kept if one.loses_tags] == [sbom]
    assert any(f"left without a tag: app@{sbom}." in text for text in plan.warnings)
    assert gone(plan_of(store, ALL + UNTAGGED)) == {"sbom", subject, sbom}


def test_c_a_rule_may_let_the_tag_of_an_sbom_go_with_its_subject(store: Store) -> None:
    subject = image(store, "app", b"layer")
    sbom = attached(store, "app", subject, tag="sbom")
    rule = '[[purge.rule]]\ntags = { glob = ["sbom*"] }\nkeep = "all"\nkeeps_subject = false\n'
    plan = plan_of(store, rule + UNTAGGED)
    assert gone(plan) == {"sbom", subject, sbom}
    assert plan.explain("app:sbom").goes
    assert gone(plan_of(store, rule + UNTAGGED, {("app", subject): LOCKED})) == set()
    assert gone(plan_of(store, rule.replace("false", "true") + UNTAGGED)) == set()
    assert gone(plan_of(store, rule + UNTAGGED, {("app", "sbom"): Item(age=HOUR // 2)})) == set()


@pytest.mark.parametrize("suffix", [".sig", ".att", ".sbom", ".whatever-2", "", "-sbom", "_x"])
def test_d_signatures_go_with_their_images_and_not_before(store: Store, suffix: str) -> None:
    old, new = (image(store, "app", name, tag=name.decode()) for name in (b"old", b"new"))
    tags = {one: f"{named_after(one)}{suffix}" for one in (old, new)}
    signatures = {one: image(store, "app", b"signature of " + one.encode(), tag=tags[one]) for one in (old, new)}
    signature_of_the_signature = f"{named_after(signatures[old])}.sig"
    image(store, "app", b"deep", tag=signature_of_the_signature)
    about = {("app", "new"): Item(age=DAY)}
    plan = plan_of(store, ALL, about)
    assert {"old", old, tags[old], signatures[old], signature_of_the_signature} < gone(plan)
    assert not {"new", new, tags[new], signatures[new]} & gone(plan)
    assert gone(plan_of(store, '[[purge.rule]]\ntags = { glob = ["sha256-*"] }\nolder_than = "0d"\n', about)) == set()


def test_d_orphans_stay_unless_the_policy_says_so_and_the_whole_registry_was_read(store: Store) -> None:
    orphan = image(store, "app", b"signature", tag=f"{named_after(MISSING)}.sig")
    dangling = attached(store, "app", MISSING)
    elsewhere = image(store, "base", b"layer", tag="v1")
    image(store, "signatures", b"signature", tag=f"{named_after(elsewhere)}.sig")  # as COSIGN_REPOSITORY does it
    orphans = '[purge.orphans]\nolder_than = "1d"\n'
    assert gone(plan_of(store, ALL.replace("older_than", 'tags = { glob = ["x"] }\nolder_than') + UNTAGGED)) == set()
    assert gone(plan_of(store, orphans)) == {orphan, dangling, f"{named_after(MISSING)}.sig"}
    part = Policy(f"[purge]\n{orphans}").plan(scene_of(store, is_whole=False).inventory())
    assert gone(part) == {dangling}
    assert (part.frees_at_least, part.frees > 0) == (0, True)
    assert gone(plan_of(store, orphans, {("app", f"{named_after(MISSING)}.sig"): Item(age=HOUR)})) == {dangling}


def test_e_two_are_kept_of_six_and_two_manifests(store: Store) -> None:
    """acr-cli keeps two tags, and then two more manifests of those that the tags have just left."""
    digests = [image(store, "app", f"{at}".encode(), tag=f"v{at}") for at in range(6)]
    about = {("app", f"v{at}"): Item(age=(10 + at) * DAY) for at in range(6)}
    plan = plan_of(store, f"[[purge.rule]]\nkeep_newest = 2\n{UNTAGGED}keep_newest = 2\n", about)
    assert gone(plan) == {*(f"v{at}" for at in range(2, 6)), *digests[2:]}
    assert {one.name for one in plan.kept if one.name} == {"v0", "v1"}
    assert {one.digest for one in plan.kept if not one.name} == set(digests[:2])


@pytest.mark.parametrize("text", ["7days", "10d foo", "-1d", "1.5d", "30", "999999d"])
def test_f_a_typo_is_an_error_and_neither_nothing_nor_everything(store: Store, text: str) -> None:
    image(store, "app", b"layer", tag="v1")
    with pytest.raises(InvalidPolicy, match="policy:3: older_than"):
        plan_of(store, f'[[purge.rule]]\nolder_than = "{text}"\n')


def test_g_a_pattern_matches_the_whole_tag(store: Store) -> None:
    for tag in ("abc", "xabcx"):
        image(store, "app", tag.encode(), tag=tag)
    for tags in ('{ regex = "abc" }', '{ glob = ["abc"] }'):
        plan = plan_of(store, f'[[purge.rule]]\ntags = {tags}\nolder_than = "1d"\n')
        assert {one.name for one in plan.deletions if one.name} == {"abc"}


def test_h_what_goes_and_what_stays_is_told_for_each_item(store: Store) -> None:
    """acr-cli says "deleted tags: 0" though one was deleted. What apply did is for apply; a plan tells each item."""
    image(store, "app", b"layer", tag="v1")
    plan = plan_of(store, ALL)
    assert len(plan.deletions) == 2
    assert len(plan.kept) == 0


def test_i_a_part_of_a_registry_needs_no_catalog(store: Store) -> None:
    digest = image(store, "app", b"layer", tag="v1")
    inventory = scene_of(store, is_whole=False).inventory()
    assert inventory.catalog is None
    plan = Policy(f"[purge]\n{ALL}").plan(inventory)
    assert gone(plan) == {"v1", digest}
    assert plan.frees_at_least == 0 < plan.frees
    assert any("not read" in text for text in plan.warnings)


def test_what_a_cluster_runs_keeps_all_that_leads_to_it(store: Store) -> None:
    """A child, or its config, keeps the index, all tags on it, and what is attached."""
    images = [image(store, "app", name) for name in (b"amd64", b"arm64")]
    top = index(store, "app", *images, tag="v1")
    store.tag("app", top, "old-name")
    attached(store, "app", top, tag="sbom")
    config = store.fields("app", images[0])["config"]["digest"]
    other = image(store, "app", b"other", tag="v2", config={**descriptor(Digest.of(b"none")), "size": 4})
    for line in (images[0], f"docker-pullable://my.azurecr.io/app@{images[1]}", config):
        plan = plan_of(store, f'protect_from = ["running.txt"]\n{ALL}{UNTAGGED}', running=f"# running\n{line}\n")
        assert gone(plan) == {"v2", other}
        assert "protected by running.txt:2" in str(plan.explain("app:old-name"))
    plan = plan_of(store, f'protect_from = ["running.txt"]\n{ALL}', running="app:v9\nb.io/app\n")
    assert gone(plan) == set()  # a repository without a tag means all of its tags
    assert "running.txt:1 protects app:v9, which was not found" in plan.warnings


@pytest.mark.parametrize("host", ["", "my.azurecr.io/", "localhost:5000/", "x.io/"])
def test_a_registry_before_a_protected_tag_does_not_count(store: Store, host: str) -> None:
    image(store, "team/app", b"one", tag="prod-1")
    image(store, "team/app", b"two", tag="old")
    for entry in ("team/app:prod-1", "team/*:prod-*"):
        plan = plan_of(store, f'protect = ["{host}{entry}"]\n{ALL}')
        assert [one.name for one in plan.deletions if one.name] == ["old"]


def test_a_protected_tag_that_is_not_there_is_told(store: Store) -> None:
    image(store, "app", b"one", tag="v1")
    plan = plan_of(store, f'protect = ["app:v1", "app:prd-1", "app:x-*", "latest"]\n{ALL}')
    assert [one for one in plan.warnings if "not found" in one] == [
        "protect app:prd-1 protects app:prd-1, which was not found"
    ]


@pytest.mark.parametrize("host", ["", "my.azurecr.io/", "x.io/"])
def test_a_registry_before_a_pulled_repository_does_not_count(store: Store, host: str) -> None:
    image(store, "team/app", b"one", tag="used")
    image(store, "team/app", b"two", tag="unused")
    pulls = "# span: 2024-06-01T00:00:00Z 2024-10-04T00:00:00Z\nrepository,tag,time\n"
    pulls += f"{host}team/app,used,2024-10-01T00:00:00Z\n"
    policy = Policy(
        '[purge]\npulled_from = "pulls.csv"\n[[purge.rule]]\nnot_pulled_for = "90d"\n', files={"pulls.csv": pulls}
    )
    plan = policy.plan(scene_of(store).inventory())
    assert [one.name for one in plan.deletions if one.name] == ["unused"]


def test_what_is_in_doubt_stays_and_is_told(store: Store) -> None:
    images = [image(store, "app", name) for name in (b"amd64", b"arm64")]
    top = index(store, "app", *images, tag="v1")
    other = image(store, "app", b"other", tag="v2")
    store.tag("app", other, "v2-too")
    untagged = image(store, "app", b"untagged")
    policy = f'protect = ["v1", "v2"]\n{ALL}{UNTAGGED}'
    assert gone(plan_of(store, policy)) == {"v2-too", untagged}
    for about in (
        {("app", top): Item(is_unreadable=True)},  # it could lead to anything
        {("app", untagged): Item(is_hidden=True)},  # the registry counts more than it lists
    ):
        plan = plan_of(store, policy, about)
        assert gone(plan) == {"v2-too"}
        assert plan.warnings[0].startswith("app: no manifest goes, because of a doubt: ")
        assert plan.frees == 0
    plan = plan_of(store, f'protect = ["v1"]\n{ALL}', {("app", top): Item(is_unreadable=True)})
    assert gone(plan) == set()  # v2 and v2-too would leave a manifest that stays without any tag
    assert "its last tag" in str(plan.explain("app:v2"))


def test_a_missing_index_could_list_what_is_here(store: Store) -> None:
    untagged = image(store, "app", b"untagged")
    for media_type, found in ((media_types.OCI_MANIFEST, {untagged}), (media_types.OCI_INDEX, set())):
        entry = {**descriptor(MISSING), "mediaType": media_type}
        store.put("app", {"mediaType": media_types.OCI_INDEX, "manifests": [entry]}, "v1")
        assert gone(plan_of(store, f'protect = ["v1"]\n{UNTAGGED}')) == found


def test_a_manifest_that_another_one_names_as_a_layer_stays_with_it(store: Store) -> None:
    """It is no child by its place. But whoever pulls the one needs the other."""
    bundled = image(store, "app", b"bundled")
    entry = {**descriptor(bundled), "size": len(store.metadata.content("app", bundled))}
    store.put("app", {"mediaType": media_types.OCI_MANIFEST, "layers": [entry]}, "bundle")
    assert gone(plan_of(store, f'protect = ["bundle"]\n{UNTAGGED}')) == set()


def test_a_pull_through_cache_is_meant_only_by_its_name(store: Store) -> None:
    image(store, "cache/nginx", b"layer", tag="v1")
    scene = scene_of(store)
    scene.places["cache/nginx"].is_cache = True
    for repositories, count in (('["cache/*"]', 0), ('["*"]', 0), ('["cache/nginx"]', 2)):
        policy = f'[purge]\n[[purge.rule]]\nrepositories = {repositories}\nolder_than = "1d"\n'
        plan = Policy(policy).plan(scene.inventory())
        assert len(plan.deletions) == count, repositories
    assert "no rule names this pull-through cache" in str(Policy(f"[purge]\n{ALL}").plan(scene.inventory()).kept[0])


def test_untagged_for_counts_from_the_first_inventory_that_saw_it(store: Store) -> None:
    digests = [image(store, "app", name) for name in (b"one", b"two")]
    policy = '[purge.untagged]\nuntagged_for = "2d"\n'
    plan = plan_of(store, policy)  # no earlier inventory
    assert gone(plan) == set(digests)
    assert "untagged for 2d (100d, age of its push)" in plan.deletions[0].why
    about = {("app", one): Item(untagged_since=NOW - days * DAY) for one, days in zip(digests, (1, 3), strict=True)}
    plan = plan_of(store, policy, about)
    assert gone(plan) == {digests[1]}
    assert "since an inventory first saw it so" in plan.deletions[0].why
    about = {("app", digests[0]): Item(untagged_since=NOW), ("app", digests[1]): Item(untagged_since=NOW - 3 * DAY)}
    plan = plan_of(store, policy, about)  # the earlier inventory knew the other one as untagged, and this one not
    assert gone(plan) == {digests[1]}
    assert "an earlier inventory did not see it so" in str(plan.explain(f"app@{digests[0]}"))
    plan = plan_of(store, policy, dict.fromkeys([("app", one) for one in digests], Item(untagged_since=NOW)))
    assert gone(plan) == set()  # the earlier inventory saw tags on all


@pytest.mark.parametrize(
    ("span", "tags"),
    [
        ("2024-06-01T00:00:00Z 2024-10-04T00:00:00Z", {"unused"}),
        ("2024-08-01T00:00:00Z 2024-10-04T00:00:00Z", set()),  # it begins too late: nobody knows
        ("2024-06-01T00:00:00Z 2024-10-01T00:00:00Z", set()),  # it ends too early
    ],
)
def test_not_pulled_for(store: Store, span: str, tags: set[str]) -> None:
    """Now is 2024-10-04."""
    child = image(store, "app", b"child")
    index(store, "app", child, tag="by-its-child")
    by_digest = image(store, "app", b"by digest", tag="by-digest")
    for tag in ("used", "unused", "new"):
        image(store, "app", tag.encode(), tag=tag)
    pulls = f"# span: {span}\nrepository,digest,tag,time\n"
    pulls += f"app,{child},,2024-09-01T00:00:00Z\napp,{by_digest},,2024-09-01\napp,,used,2024-09-01\n"
    pulls += "app,,unused,2024-06-02T00:00:00Z\n"
    plan = plan_of(
        store,
        'pulled_from = "pulls.txt"\n[[purge.rule]]\nnot_pulled_for = "90d"\n',
        {("app", "new"): Item(age=20 * DAY)},
        pulls=pulls,
    )
    assert {one.name for one in plan.deletions if one.name} == tags
    if not tags:
        assert "nobody knows when it was pulled" in str(plan.explain("app:unused"))


@pytest.mark.parametrize(
    ("pulls", "goes"),
    [
        ("repository,tag,time\n", False),
        ("repository,tag,time\napp,kept,2024-09-01\n", False),
        ("repository,digest,tag,time\napp,,kept,2024-09-01\n", False),
        ("repository,digest,tag,time\n", True),
        ("repository,digest,tag,time\napp,sha256:{0},,2024-09-01\napp,,kept,2024-09-01\n", True),
    ],
)
def test_a_file_that_has_tags_alone_does_not_know_who_pulled_what_has_none(
    store: Store, pulls: str, goes: bool
) -> None:
    """A cluster may pull it by its digest each day."""
    image(store, "app", b"kept", tag="kept")
    digest = image(store, "app", b"untagged")
    policy = 'pulled_from = "pulls.txt"\n[purge.untagged]\nnot_pulled_for = "90d"\n'
    span = "# span: 2024-01-01T00:00:00Z 2024-10-05T00:00:00Z\n"
    plan = plan_of(store, policy, pulls=span + pulls.format("a" * 64))
    assert [one.digest for one in plan.deletions] == ([digest] if goes else [])
    if not goes:
        assert "pulls.txt has tags alone" in str(plan.explain(f"app@{digest}"))


def test_limits_stop_a_plan(store: Store) -> None:
    for at in range(4):
        image(store, "app", f"{at}".encode(), tag=f"v{at}")
    policy = "max_deletions = 5\nmax_share = 0.4\n[[purge.rule]]\nkeep_newest = 1\n"
    assert plan_of(store, policy).stops == (
        "app: 3 of 4 manifests go, and max_share is 0.4",
        "6 deletions, and max_deletions is 5",
    )
    assert plan_of(store, policy.replace("= 5", "= 6").replace("0.4", "0.75")).stops == ()


def test_a_reviewer_takes_something_off(store: Store) -> None:
    images = [image(store, "app", name) for name in (b"amd64", b"arm64")]
    index(store, "app", *images, tag="v1")
    other = image(store, "app", b"other", tag="v2")
    policy = Policy(f"[purge]\n{ALL}")
    inventory = scene_of(store).inventory()
    assert gone(policy.plan(inventory, protect=["app:v1"])) == {"v2", other}
    assert gone(policy.plan(inventory, protect=str(images[0]))) == {"v2", other}
    assert len(policy.plan(inventory).deletions) == 6


@pytest.mark.parametrize("what", ["a tag", "a manifest"])
def test_what_was_listed_twice_stays(store: Store, what: str) -> None:
    """One of two equal lines must not stay while the other one goes: they are the same item."""
    old, new = (image(store, "app", name, tag=name.decode()) for name in (b"old", b"new"))
    about = {("app", "old"): Item(age=30 * DAY), ("app", "new"): Item(age=3 * DAY)}
    inventory = scene_of(store, about).inventory()
    tables = tables_of(inventory)
    builder = Builder()
    new_tags = [_tag(tables, tag) for tag in range(2)]
    manifests = list(_manifests(tables, 0))
    if what == "a tag":
        new_tags.append(attrs.evolve(new_tags[0], content=pack(old)))  # new, which points to old by this line
    else:
        manifests.append(next(one for one in manifests if one.content == pack(old)))
    builder.add(
        NewRepository(
            name="app",
            created=0,
            updated=0,
            manifest_count=len(manifests),
            tag_count=len(new_tags),
            flags=FREE,
            manifests=manifests,
            tags=new_tags,
        )
    )
    twice = Inventory(builder.build(registry="made.up", started=NOW, finished=NOW, catalog=["app"]))
    policy = Policy(f'[purge]\nprotect = ["old"]\n[[purge.rule]]\nkeep_newest = 1\n{UNTAGGED}')
    assert gone(policy.plan(twice)) == set()
    assert "more than once" in policy.plan(twice).warnings[0]
    assert gone(Policy(f"[purge]\n{ALL}").plan(inventory)) == {"old", "new", old, new}


def _tag(tables: Tables, tag: int) -> NewTag:
    return NewTag(
        name=tables.tags.name[tag],
        content=tables.contents.digests.packed(tables.tags.content[tag]),
        created=tables.tags.created[tag],
        updated=tables.tags.updated[tag],
        flags=FREE,
    )
