"""Is spec/ true to what was published, and written in our own words?

The published Swagger file is no part of this repository; where it is absent, what needs it is skipped.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "spec"
PUBLISHED = ROOT.parent / "shared" / "upstream" / "containerregistry-2021-07-01.json"

needs_published = pytest.mark.skipif(
    not PUBLISHED.exists(), reason="the published Swagger file is not next to this checkout"
)

PROSE = {"description", "title", "summary"}
NOT_FACTS = PROSE | {"example", "x-ms-examples"}


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def facts(node: Any, names: bool = False) -> Any:
    """The document without prose, and with its order. Below `properties`, keys are names, and all count."""
    if isinstance(node, dict):
        return [
            (key, facts(value, names=not names and key == "properties"))
            for key, value in node.items()
            if names or key not in NOT_FACTS
        ]
    return [facts(item) for item in node] if isinstance(node, list) else node


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in PROSE and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)


def plain(text: str) -> str:
    """Lower case words alone, so that a moved comma does not make a copy ours."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def operation_ids(document: dict[str, Any]) -> list[str]:
    items = [*document["paths"].values(), *document.get("x-ms-paths", {}).values()]
    return [operation["operationId"] for item in items for operation in item.values()]


@needs_published
def test_the_facts_are_those_of_the_published_file() -> None:
    assert facts(load(SPEC / "containerregistry.json")) == facts(load(PUBLISHED))


@needs_published
@pytest.mark.parametrize("name", ["containerregistry.json", "openapi.json"])
def test_no_text_is_that_of_the_published_file(name: str) -> None:
    published = {plain(text) for text in texts(load(PUBLISHED))} - {""}
    assert {plain(text) for text in texts(load(SPEC / name))} & published == set()


@needs_published
def test_no_sentence_of_the_published_file_is_in_spec() -> None:
    """Shorter texts are words that anyone would use; those are covered, whole, by the test above."""
    sentences = {
        plain(sentence)
        for text in texts(load(PUBLISHED))
        for sentence in re.split(r"(?<=[.!?])\s", text)
        if len(plain(sentence).split()) >= 6
    }
    files = [path for path in SPEC.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) >= 10
    for path in files:
        text = plain(path.read_text(encoding="utf-8"))
        assert [sentence for sentence in sentences if sentence in text] == [], path.name


def test_there_are_no_examples() -> None:
    text = (SPEC / "containerregistry.json").read_text(encoding="utf-8")
    assert '"x-ms-examples"' not in text
    assert '"example"' not in text


def test_the_number_of_operations() -> None:
    published = operation_ids(load(SPEC / "containerregistry.json"))
    corrected = operation_ids(load(SPEC / "openapi.json"))
    assert (len(published), len(corrected)) == (29, 32)
    assert set(corrected) - set(published) == {
        "ContainerRegistry_CheckManifestExists",
        "ContainerRegistry_GetReferrers",
        "ContainerRegistry_GetTagNames",
    }


def test_every_correction_has_one_effect_and_a_reason() -> None:
    # Read as text: a YAML parser is a tool of the code generator, and no dependency of the tests.
    overlay = (SPEC / "overlay.yaml").read_text(encoding="utf-8")
    actions = overlay.split("\n  - target: ")[1:]
    assert len(actions) > 40
    for action in actions:
        fields = re.findall(r"^    (\w+):", action, flags=re.MULTILINE)
        assert fields in (["description", "update"], ["description", "remove"]), action
        reason = re.search(r"^    description:(.*?)^    \w", action, flags=re.MULTILINE | re.DOTALL)
        assert reason, action
        assert len(reason[1].split()) >= 4, action


def test_every_reference_of_the_corrected_document_leads_somewhere() -> None:
    document = load(SPEC / "openapi.json")
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)))
    assert references
    for reference in references:
        node = document
        for key in reference.split("/"):
            assert key in node, reference
            node = node[key]


def test_no_reference_has_siblings_which_openapi_ignores() -> None:
    def check(node: Any) -> None:
        if isinstance(node, dict):
            assert "$ref" not in node or len(node) == 1, node
            for value in node.values():
                check(value)
        elif isinstance(node, list):
            for item in node:
                check(item)

    check(load(SPEC / "openapi.json"))
