"""The clean-ups that the documents show, on a registry that is old enough for them: what is kept stays whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import acr
from acr._core.upkeep.pace import Pace
from tests.cleanup.aged import DAY, emulated
from tests.docs.test_documents import run_example
from tests.upkeep import assert_whole, everything_in, push_image, push_nested, push_release

PROJECT = Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
EXAMPLES = [
    (name, one)
    for name in ("README.md", "docs/cleanup.md")
    for one in BLOCK.findall((PROJECT / name).read_text())
    if ".purge(" in one
]


async def at_once(pace: Pace) -> None:
    """In place of `Pace.wait`: what is deleted does not depend on the time between two deletions."""


@pytest.mark.parametrize("example", [example for _, example in EXAMPLES], ids=[name for name, _ in EXAMPLES])
def test_a_clean_up_takes_old_pull_requests_and_nothing_else(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Pace, "wait", at_once)
    with emulated() as (emulator, clock), acr.Registry(emulator.url, emulator.credential()) as registry:
        app = registry.repository("team/app")
        shared = push_image(app, "shared")
        for tag in ("v1", "pr-1", "prod-2"):
            push_release(app, tag, fallback=True)
        push_nested(app, "pr-2", shared)
        push_nested(app, "v2", shared)
        untagged = push_image(app, "untagged").digest
        app.push_artifact([], tag="sbom-of-it", artifact_type="application/spdx+json", subject=untagged)
        clock.now += 30 * DAY
        push_release(app, "pr-3")
        before = everything_in(app)
        run_example(example, emulator)
        tags, manifests = everything_in(app)
        assert before[0] - tags >= {"pr-1", "pr-2"}
        assert {tag for tag in tags if not tag.startswith("sha256-")} == {"v1", "prod-2", "v2", "pr-3", "sbom-of-it"}
        assert len(before[1] - manifests) == 7 + 3  # a release of seven manifests; two indexes and an image
        for tag in ("v1", "prod-2", "pr-3"):
            assert_whole(app, tag)
        for reference in (*tags, *manifests):
            app.pull(reference, acr.Memory())


def test_the_readme_needs_ten_lines() -> None:
    (example,) = [example for name, example in EXAMPLES if name == "README.md"]
    assert len([line for line in example.splitlines() if line]) <= 10


def test_the_page_begins_with_a_dry_look() -> None:
    text = (PROJECT / "docs/cleanup.md").read_text()
    first = BLOCK.findall(text)[0]
    assert text.startswith("# Clean up: a dry look\n")
    assert ".plan(" in first
    assert not re.search(r"\.(?:delete|purge)\(", first)
