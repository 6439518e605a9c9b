"""Mutated command lines: whatever is typed, there is no traceback, and nothing goes that was not named.

`ACR_MUTATED=10000` runs as many of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

import acr
from acr.cli._commands import COMMANDS, find
from acr.cli._exits import MEANINGS
from acr.cli._parsing import module_of
from acr.emulator import Emulator
from tests.cleanup.aged import DAY, Clock
from tests.cli.conftest import Acr, call, everything
from tests.cli.test_purge import POLICY
from tests.upkeep import push_image

COUNT = int(os.environ.get("ACR_MUTATED", "200"))
ODD = (
    "", "-", "--", "=", ":", "@", "/", "..", "*", "team/", ":v1", "@sha256:", "a" * 300, "\x1b[31m", "\n", "\0",
    "\udc80", "é", "日本", "-1", "--yes", "--dry-run", "--output", "json", "--fields", ",", "--limit", "0", "9" * 20,
    "team/app", "team/app:latest", "[::1]:5000/x", "http://", "https://[", "oci:", "oci::", "x:y/z:w", "@file", "%s",
    "{}", "--registry", "--timeout", "nan", "--what", "--repository", "--confirm", "-o", "-n", "-y", "--retries", "1e9",
)  # fmt: skip
SKIPPED = ("emulator",)
"""It would listen until it is stopped."""


def mutated(words: Sequence[str], random_: random.Random) -> list[str]:
    found = list(words)
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(found) + 1)
        act = random_.randrange(6)
        if act == 0:
            found.insert(at, random_.choice(ODD))
        elif act == 1 and at < len(found):
            found[at] = random_.choice(ODD)
        elif act == 2 and at < len(found):
            del found[at]
        elif act == 3 and at < len(found):
            word = found[at]
            cut = random_.randrange(len(word) + 1)
            found[at] = word[:cut] + random_.choice(ODD)[:3] + word[cut:]
        elif act == 4 and at < len(found):
            found.insert(random_.randrange(len(found)), found.pop(at))
        elif at < len(found):
            found.insert(at, found[at])
    return found


@pytest.fixture
def acr_emulator(aged: tuple[Emulator, Clock]) -> Emulator:
    return aged[0]


def test_mutated_command_lines(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, aged: tuple[Emulator, Clock],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Deletion needs an explicit reference, so only what the line names may go, or what its plan lists."""
    acr_emulator = aged[0]
    push_image(app, "old", tag="pr-1")
    aged[1].now += 30 * DAY
    monkeypatch.setattr(acr, "default_credential", acr_emulator.credential, raising=False)
    there.repository("keep/me").push_artifact([], tag="v1")
    for name in ("model.onnx", "sbom.json", "README.md"):
        Path(name).write_text(name)
    Path("policy.toml").write_text(POLICY)
    plan = acr.Policy(POLICY).plan(there.inventory(cache=False))
    acr.save_plan(plan, "plan.json")
    planned = {(one.repository, f"{one.name} {one.digest}" if one.name else str(one.digest)) for one in plan.deletions}
    assert len(planned) == 2
    examples = [
        line.split("#")[0].split()[1:]
        for name, command in COMMANDS.items()
        if name not in SKIPPED
        for line in module_of(command).EXAMPLES
    ]
    random_ = random.Random(15)
    before = everything(there)
    for number in range(COUNT):
        words = mutated([word.strip("'") for word in random_.choice(examples)], random_)
        if words and words[0] in SKIPPED:
            continue
        words = [word.replace("my.azurecr.io", acr_emulator.login_server) for word in words]
        dead = ["--registry", "127.0.0.1:1"] if number % 5 == 0 and "login" not in words else []
        done = call([*words, *dead, "--retries", "0"] if words and find(words) else words)
        assert done.code in MEANINGS, words
        after = everything(there)
        lost = {
            (name, item)
            for name, (tags, manifests) in before.items()
            for item in (*tags, *manifests)
            if name not in after or item not in (*after[name][0], *after[name][1])
        }
        is_purge = words[:2] == ["purge", "apply"] and {"--yes", "-y"} & set(words)
        for name, item in lost - (planned if is_purge else set()):
            text = " ".join(words)
            assert name in text, (words, name, item)
            assert item.partition(" ")[0] in text or "--repository" in text or words[0] in ("tag", "cp", "push"), words
        before = after
