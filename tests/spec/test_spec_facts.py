"""Is spec/ true to what upstream publishes, and written in our own words?

Upstream's file is no part of this repository; where it is absent, what needs it is skipped.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from acr_rest import source

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "spec"
UPSTREAM = ROOT.parent / "shared" / "upstream"
LOCK = json.loads((SPEC / "upstream.lock").read_text(encoding="utf-8"))


def published() -> Path | None:
    """The file that spec/ was adopted from, by its digest."""
    for path in UPSTREAM.glob("*.json"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == LOCK["sha256"]:
            return path
    return None


PUBLISHED = published()
needs_published = pytest.mark.skipif(PUBLISHED is None, reason="the file of upstream.lock is not next to this checkout")

PROSE = {"description", "title", "summary"}
NOT_FACTS = PROSE | {"example", "x-ms-examples"}


def load(path: Path | None) -> Any:
    assert path is not None
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


def published_texts() -> set[str]:
    """The texts of all of upstream's states that are at hand."""
    return {text for path in UPSTREAM.glob("*.json") for text in texts(load(path))} - {"Azure Container Registry"}


@needs_published
def test_the_facts_are_those_of_the_published_file() -> None:
    assert facts(load(SPEC / "containerregistry.json")) == facts(load(PUBLISHED))


def test_the_description_has_no_texts_and_no_examples() -> None:
    assert list(texts(load(SPEC / "containerregistry.json"))) == []
    text = (SPEC / "containerregistry.json").read_text(encoding="utf-8")
    assert '"x-ms-examples"' not in text
    assert '"example"' not in text


@needs_published
def test_no_text_is_that_of_a_published_file() -> None:
    theirs = {plain(text) for text in published_texts()} - {""}
    ours = [*texts(load(SPEC / "openapi.json")), *yaml.safe_load((SPEC / "texts.yaml").read_text("utf-8")).values()]
    assert {plain(text) for text in ours} & theirs == set()


@needs_published
def test_no_sentence_of_a_published_file_is_in_spec() -> None:
    """Shorter texts are words that anyone would use; those are covered, whole, by the test above."""
    sentences = {
        plain(sentence)
        for text in published_texts()
        for sentence in re.split(r"(?<=[.!?])\s", text)
        if len(plain(sentence).split()) >= 6
    }
    files = [path for path in SPEC.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"corrections.yaml", "openapi.json", "texts.yaml"}
    for path in files:
        text = plain(path.read_text(encoding="utf-8"))
        assert [sentence for sentence in sentences if sentence in text] == [], path.name


def operation_ids(document: dict[str, Any]) -> list[str]:
    items = [*document["paths"].values(), *document.get("x-ms-paths", {}).values()]
    return [operation["operationId"] for item in items for operation in item.values()]


def test_the_counts_are_those_of_the_lock() -> None:
    ids = operation_ids(load(SPEC / "containerregistry.json"))
    corrected = operation_ids(load(SPEC / "openapi.json"))
    assert (len(ids), len(corrected)) == (LOCK["upstream"], LOCK["operations"])
    assert set(corrected) >= set(ids)
    assert len(load(SPEC / "openapi.json")["components"]["schemas"]) == LOCK["schemas"]


def test_the_package_says_what_the_lock_says() -> None:
    assert source.API_VERSION == LOCK["version"] == load(SPEC / "openapi.json")["info"]["version"]
    assert (LOCK["repository"], LOCK["path"]) == (source.UPSTREAM_REPOSITORY, source.UPSTREAM_PATH)
    assert (LOCK["commit"], LOCK["sha256"]) == (source.UPSTREAM_COMMIT, source.UPSTREAM_SHA256)
    assert (LOCK["emitter"], LOCK["operations"]) == (source.UPSTREAM_EMITTER, source.OPERATIONS)


def test_every_correction_says_what_it_expects_and_why() -> None:
    actions = yaml.safe_load((SPEC / "corrections.yaml").read_text(encoding="utf-8"))["corrections"]
    assert len(actions) > 100
    for action in actions:
        assert ("rename" in action) != ("after" in action), action
        assert len(action["why"].split()) >= 4, action
        assert action["seen"], action
        # None replaces a whole operation or schema: what is there already must be as named, or is left alone.
        places = [action["at"]] if isinstance(action["at"], str) else action["at"]
        if any(" > " not in place and place != "schemas" for place in places):
            assert action.get("before", "absent") in ("absent", "present"), action


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
