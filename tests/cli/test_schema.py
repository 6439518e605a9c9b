"""docs/cli.schema.json says what is printed: each command's JSON, whole and by lines, and all of standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import acr
from acr.cli._commands import COMMANDS, find
from acr.cli._parsing import module_of
from acr.emulator import Emulator
from tests.cleanup.aged import DAY, Clock
from tests.cli.conftest import Acr
from tests.cli.test_purge import EXAMPLE, POLICY
from tests.upkeep import push_image
from tools import cli_schema

SCHEMA = json.loads((Path(__file__).resolve().parent.parent.parent / "docs" / "cli.schema.json").read_text())

LINES = (
    "ls", "ls --long", "ls team/app", "tags team/app", "tags team/app --untagged", "digest team/app:v1.0",
    "show team/app:v1.0", "show team/app:latest", "show team/model:v1", "tree team/app:v1.0", "tree team/model:v1",
    "locks", "locks team/app --kind tag", "du", "du --by tag", "du --by registry", "du --by type", "fsck",
    "cp team/app:v1.0 prod/app", "cp team/app:latest oci:images",
    "cp oci:images prod/other", "push team/files:v1 a.txt", "push team/files:v1 a.txt --no-clobber",
    "pull team/model:v1 down", "pull team/app:v1.1 oci:images",
    "attach team/app:v1.0 a.txt --artifact-type application/spdx+json", "index create team/app:both v1.0",
    "tag team/app:v1.0 stable", "tag team/app:v1.0 stable", "lock team/app:v1.0", "unlock team/app:v1.0",
    "untag team/app:stable --yes", "rm team/app:latest --yes", "rm team/app:v1.1 --dry-run",
    "rm --repository team/model --confirm team/model", "whoami", "whoami --repository team/app", "doctor",
    "purge plan policy.toml", "purge plan policy.toml --kept", "purge explain plan.json team/app:latest",
    "purge test bad.toml", "purge apply plan.json --dry-run", "purge apply plan.json --yes", "trash", "trash team/app",
    "restore team/app:pr-1", "lock team/app:v1.1 --deep", "unlock team/app:v1.1 --deep",
    "doctor --repository team/app", "token --scope repository:team/app:pull",
)  # fmt: skip


@pytest.fixture
def acr_emulator(aged: tuple[Emulator, Clock]) -> Emulator:
    return aged[0]


def valid(name: str) -> Callable[[Any], None]:
    return jsonschema_rs.validator_for({**SCHEMA, "$ref": f"#/$defs/{name}"}).validate


def errors_are_valid(text: str) -> None:
    for line in text.splitlines():
        valid("stderr-line")(json.loads(line))


def test_each_output_is_as_the_schema_says(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, aged: tuple[Emulator, Clock]
) -> None:
    push_image(app, "pr-1", tag="pr-1")
    push_image(there.repository("team/gone"), "gone", tag="v1")
    there.repository("team/gone").delete()
    aged[1].now += 30 * DAY
    Path("policy.toml").write_text(POLICY)
    Path("bad.toml").write_text(f"{POLICY}{EXAMPLE}")
    acr.save_plan(acr.Policy(POLICY).plan(there.inventory(cache=False)), "plan.json")
    Path("a.txt").write_text("a")
    there.repository("team/model").push_artifact(["a.txt"], tag="v1")
    push_image(there.repository("team/more"), "signature", tag=f"sha256-{'0' * 64}.sig")  # fsck finds an orphan
    app.tag("v1.1").update(can_write=False)
    app.manifest("v1.1").update(can_delete=False)
    seen = set()
    for line in LINES:
        words = line.split()
        found = find(words)
        assert found is not None
        name = found[0].replace(" ", "-")
        seen.add(found[0])
        done = acr_here(*words, "-o", "json", "--debug")
        assert done.code in (0, 3) or name == "purge-test", (line, done.err)
        valid(name)(done.json)
        errors_are_valid(done.err)
        if name not in ("tree", "token", "rm"):
            name = name if name in ("show", "whoami") else f"{name}-row"
            for one in acr_here(*words, "-o", "jsonl").lines:
                valid(name)(json.loads(one))
    assert seen == {name for name, one in COMMANDS.items() if hasattr(module_of(one), "COLUMNS")} | {"token"}


def test_each_error_is_as_the_schema_says(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    for words in (
        ["nonsense"],
        ["rm", "x"],
        ["show", "team/app:nothing"],
        ["tags", "nothing"],
        ["cp", "team/app:v1.0", "127.0.0.1:1/app", "--retries", "1"],
        ["push", "team/x:v1", "nothing.txt"],
        ["token"],
        ["untag", "team/app:nothing", "--yes"],
    ):
        done = acr_here(*words, "-o", "json")
        assert done.code in (1, 2, 5), words
        assert any("error" in json.loads(line) for line in done.err.splitlines()), words
        errors_are_valid(done.err)


def test_the_schema_refuses_what_is_wrong() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        valid("digest")([{"digest": "x", "reference": "x", "media_type": "x", "size": None}])
    with pytest.raises(jsonschema_rs.ValidationError):
        valid("tree")({"digest": "x"})
    with pytest.raises(jsonschema_rs.ValidationError):
        valid("stderr-line")({"error": {"code": 1}})


def test_the_schema_is_made_from_the_columns() -> None:
    assert json.loads(cli_schema.schema()) == SCHEMA
