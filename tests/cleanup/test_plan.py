"""Plans: values that print, travel as JSON, and can be explained and compared."""

from __future__ import annotations

import json
import pickle
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import jsonschema_rs
import pytest

from acr import Inventory
from acr._cleanup.plan import Plan
from acr._cleanup.policy import Policy
from acr._inventory.builder import Builder, NewRepository, NewTag
from acr._outside.plan_file import load_plan, save_plan
from acr.errors import DigestMismatch, InvalidInput, InvalidReference, ProtocolViolation, TransferError
from tests.cleanup.made import ALL, UNTAGGED, index, plan_of
from tests.cleanup.policies import random_policy
from tests.cleanup.scenes import DAY, NOW, Item, random_scene
from tests.cleanup.test_invariants import plan_of as random_plan
from tests.inventory.graphs import Store, named_after
from tests.inventory.test_usage import image


@pytest.fixture
def store() -> Store:
    store = Store()
    images = [image(store, "team/app", name) for name in (b"amd64", b"arm64")]
    top = index(store, "team/app", *images, tag="v1")
    image(store, "team/app", b"signature", tag=f"{named_after(top)}.sig")
    image(store, "team/app", b"amd64", b"more", tag="shares-a-layer")
    image(store, "base", b"lonely")
    return store


@pytest.fixture
def plan(store: Store) -> Plan:
    about = {("team/app", "shares-a-layer"): Item(age=DAY)}
    return plan_of(store, ALL + UNTAGGED, about)


def test_a_plan_tells_what_goes_why_and_what_it_frees(plan: Plan) -> None:
    first = plan.deletions[1]
    assert (first.repository, first.kind, first.name, first.frees) == ("team/app", "tag", first.name, 0)
    assert plan.registry == "made.up"
    assert plan.at == datetime(2024, 10, 4, tzinfo=UTC)
    assert sum(one.frees for one in plan.deletions) == plan.frees == plan.frees_at_least
    assert plan.stays_shared == len(b"amd64{}")  # the layer and the config of the image that stays
    assert plan.time_needed() == timedelta(minutes=len(plan.deletions) / 250)
    assert plan.time_needed(60) == timedelta(seconds=len(plan.deletions))
    with pytest.raises(InvalidInput, match="rate"):
        plan.time_needed(0)


def test_a_plan_prints(plan: Plan) -> None:
    lines = str(plan).splitlines()
    assert lines[0].startswith("made.up as of 2024-10-04 00:00 UTC: 2 tags and 5 manifests go, and free ")
    assert lines[1].split() == ["tags", "manifests", "frees", "goes", "by", "the", "rule"]
    assert "delete team/app:v1 (all: older than 2d (100d))" in lines
    at = lines.index("tags  manifests  stays, with all that it needs, because")
    assert lines[at + 1] == "   1          1  the rule all keeps it"
    assert plan.summary.splitlines() == lines[: at + 2]
    assert lines[-1] == "note: if soft delete is on, the bytes are free only when its days are over"
    assert repr(plan) == "<Plan for made.up: 2 tags and 5 manifests go>"
    assert plan._repr_html_().startswith("<p>made.up as of")


def test_a_plan_tells_how_long_it_takes(store: Store) -> None:
    """It told a minute for what takes two seconds."""
    assert len(plan_of(store, ALL + UNTAGGED).deletions) == 9
    assert "It takes about 3 s at 250 deletions a minute." in plan_of(store, ALL + UNTAGGED).summary
    for count, told in ((122, "about 59 s"), (124, "about 1 min"), (126, "about 2 min")):
        many = Store()
        for number in range(count):
            image(many, "many", str(number).encode(), tag=f"t{number}")
        assert f"It takes {told} at 250 deletions a minute." in plan_of(many, ALL + UNTAGGED).summary


def test_a_plan_explains(plan: Plan) -> None:
    arm = next(one for one in plan.deletions if one.why == "it is part of")
    told = plan.explain(arm.reference)
    assert (told.goes, told.rule, len(told.chain)) == (True, "all", 3)
    assert str(told).splitlines()[2].strip() == "team/app:v1 goes: all: older than 2d (100d)"
    assert not plan.explain("made.up.io/team/app:shares-a-layer").goes
    for text, error in (("team/app:v9", InvalidInput), ("team/app", InvalidInput), ("Team", InvalidReference)):
        with pytest.raises(error):
            plan.explain(text)


def test_what_names_say_cannot_act_upon_a_terminal() -> None:
    builder = Builder()
    for name in ("\x1b[2J", "<script>alert(1)</script>"):
        builder.add(
            NewRepository(
                name=name,
                created=0,
                updated=0,
                manifest_count=0,
                tag_count=1,
                flags=15,
                manifests=[],
                tags=[NewTag(name="\x1b[31m<b>", content=bytes(32), created=0, updated=0, flags=15)],
            )
        )
    inventory = Inventory(builder.build(registry="\x1b[0m<i>", started=NOW, finished=NOW, catalog=[]))
    plan = Policy(f"[purge]\n{ALL}").plan(inventory)
    for text in (str(plan), *map(str, plan.kept)):
        assert "\x1b" not in text
    assert not re.search("<(?:script|b|i)>", plan._repr_html_())


def test_rows_are_flat(plan: Plan) -> None:
    rows = plan.rows()
    assert len(rows) == len(plan.deletions)
    assert {type(value) for row in rows for value in row.values()} <= {str, int, bool, datetime, type(None)}
    assert len(plan.rows("kept")) == len(plan.kept)
    with pytest.raises(InvalidInput, match="deletions, kept"):
        plan.rows("all")  # type: ignore[arg-type]


def test_views_are_sequences(plan: Plan) -> None:
    assert plan.deletions[-1] == list(plan.deletions)[-1] == plan.deletions[len(plan.deletions) - 1]
    assert plan.deletions[:2] == list(plan.deletions)[:2]
    with pytest.raises(IndexError):
        plan.deletions[len(plan.deletions)]
    assert repr(plan.deletions) == "<7 lines>"


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_plans_travel_as_json(first: int, tmp_path: Path) -> None:
    validator = jsonschema_rs.validator_for(Plan.json_schema())
    for seed in range(first, first + 50):
        scene = random_scene(seed)
        plan = random_plan(scene.inventory(), random_policy(seed, scene))
        data = plan.to_dict()
        validator.validate(data)
        copy = Plan.from_dict(json.loads(json.dumps(data)))
        assert copy == plan
        assert (list(copy.deletions), list(copy.kept)) == (list(plan.deletions), list(plan.kept))
        assert str(copy) == str(plan)
        assert copy.to_dict() == data
        save_plan(plan, tmp_path / "plan.json")
        text = (tmp_path / "plan.json").read_text()
        assert json.loads(text) == data
        assert text.count("\n") == len(plan.deletions) + len(plan.kept) + 14
        assert load_plan(tmp_path / "plan.json") == plan
        scene.store.metadata.close()


def test_the_same_policy_makes_the_same_plan(store: Store) -> None:
    plans = [plan_of(store, ALL + UNTAGGED) for _ in range(2)]
    assert plans[0] == plans[1]
    assert plans[0].sha256 == plans[1].sha256
    assert hash(plans[0]) == hash(plans[1])
    assert plans[0] != plan_of(store, ALL + UNTAGGED + "# other\n")  # the policy is in it, too


def test_a_plan_travels_by_pickle(plan: Plan) -> None:
    pickled = pickle.dumps(plan)
    assert b"._" not in pickled  # it names no private file
    assert pickle.loads(pickled) == plan


def change(data: dict[str, Any], where: list[Any], value: object) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(data))
    at: Any = copy
    for key in where[:-1]:
        at = at[key]
    if value is None:
        del at[where[-1]]
    else:
        at[where[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["delete", 0], None),  # a line is taken off: what it led to would dangle
        (["keep", 0], None),
        (["registry"], "other.azurecr.io"),
        (["delete", 0, "why"], "because"),
        (["totals", "tags"], 7),
        (["stops"], ["no"]),
        (["inventory", "started"], "2025-01-01T00:00:00Z"),
        (["sha256"], "0" * 64),
    ],
)
def test_a_plan_that_somebody_changed_is_refused(plan: Plan, where: list[Any], value: object) -> None:
    with pytest.raises((DigestMismatch, ProtocolViolation)) as refused:
        Plan.from_dict(change(plan.to_dict(), where, value))
    assert "the plan" in str(refused.value)


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        (["schema"], "acr-cleanup-plan/2", "expected acr-cleanup-plan/1"),
        (["schema"], None, "the plan.schema: expected a string"),
        (["delete"], {}, "the plan.delete: expected a list"),
        (["delete", 0], "x", "the plan.delete[0]: expected an object"),
        (["delete", 0, "digest"], "sha256:12", "the plan.delete[0]"),
        (["delete", 0, "kind"], "blob", "expected a tag with a name"),
        (["delete", 1, "name"], None, "expected a tag with a name"),
        (["delete", 0, "updated"], "yesterday", "is no time"),
        (["delete", 0, "updated"], "2025-01-01T00:00:00", "is no time"),
        (["delete", 6, "via"], "nothing", "there is no such line"),
        (["delete", 6, "frees"], -1, "expected a size"),
        (["keep", 0, "loses_tags"], "yes", "expected true or false"),
        (["inventory"], 7, "the plan.inventory: expected an object"),
        (["totals", "frees", "at_least"], 1, "at_least is neither"),
        (["warnings"], [1], "expected strings"),
    ],
)
def test_what_is_no_plan_is_refused(plan: Plan, where: list[Any], value: object, told: str) -> None:
    with pytest.raises(ProtocolViolation, match=re.escape(told)):
        Plan.from_dict(change(plan.to_dict(), where, value))


def test_files_that_are_no_plans(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="No such file"):
        load_plan(tmp_path / "nothing")
    for content in (b"", b"[]", b"\xff", b"[" * 100_000, b'{"schema": 7}'):
        (tmp_path / "it").write_bytes(content)
        with pytest.raises(ProtocolViolation):
            load_plan(tmp_path / "it")
    with pytest.raises(TransferError, match="cannot write the plan"):
        save_plan(plan, tmp_path / "no" / "folder")
    for nameless in ("", ".", "/"):
        with pytest.raises(TransferError):
            save_plan(plan, nameless)
    save_plan(plan, tmp_path / "it")
    assert (tmp_path / "it").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_plans_compare(store: Store, plan: Plan) -> None:
    later = plan_of(store, 'protect = ["v1"]\n' + ALL + UNTAGGED)
    changes = later.compare(plan)
    assert [one.partition("@")[0] for one in changes.new] == ["team/app:shares-a-layer", "team/app"]
    assert "team/app:v1" in changes.gone
    assert changes.frees == later.frees - plan.frees < 0
    assert str(changes).splitlines()[0] == f"2 new, {len(changes.gone)} gone, {changes.same} the same"
    other = Plan(attrs.evolve(plan._head, registry="other"), plan._deletions, plan._kept)
    with pytest.raises(InvalidInput, match="two registries"):
        plan.compare(other)
