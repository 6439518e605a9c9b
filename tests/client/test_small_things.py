"""What every caller asks for: does it exist, what is it, wait for it, rows and JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.content import image_manifest, push_image, push_index
from tests.twin import Twin


def push_labelled(repository: acr.Repository, config: dict[str, Any], tag: str) -> acr.Descriptor:
    blob = repository.upload_blob(json.dumps(config).encode())
    return repository.put_manifest(image_manifest(blob, [repository.upload_blob(b"layer")]), tag=tag)


def test_exists(registry: acr.Registry) -> None:
    app = registry.repository("app")
    assert not app.exists()
    assert not app.tag("v1").exists()
    push_image(app, tag="v1")
    assert app.exists()
    assert app.tag("v1").exists()
    assert not app.tag("v2").exists()


def test_an_image(registry: acr.Registry) -> None:
    app = registry.repository("app")
    config = {
        "os": "linux",
        "architecture": "arm64",
        "variant": "v8",
        "created": "2026-01-02T03:04:05.123456789Z",
        "config": {"Labels": {"a": "b", "odd": 1}, "Cmd": ["run"]},
    }
    pushed = push_labelled(app, config, "v1")
    image = app.image("v1")
    assert (image.digest, image.index) == (pushed.digest, None)
    assert image.platform == acr.Platform("linux", "arm64", "v8")
    assert image.created is not None
    assert image.created.isoformat() == "2026-01-02T03:04:05.123456+00:00"
    assert dict(image.labels) == {"a": "b"}
    assert image.config["config"]["Cmd"] == ["run"]
    assert [layer.digest for layer in image.layers] == [acr.Digest.of(b"layer")]
    assert image.size == pushed.size + len(json.dumps(config)) + len(b"layer")
    assert json.loads(json.dumps(image.to_dict()))["labels"] == {"a": "b"}


def test_an_image_of_an_index(registry: acr.Registry) -> None:
    app = registry.repository("app")
    index = push_index(app, tag="v1", platforms=["linux/amd64", "linux/arm64"])
    image = app.image("v1", platform="linux/arm64")
    assert (image.index, str(image.platform)) == (index.digest, "linux/arm64")
    assert image.digest != index.digest
    with pytest.raises(acr.InvalidInput, match="pass platform="):
        app.image("v1")
    with pytest.raises(acr.InvalidInput, match="pass platform="):
        app.image("v1", platform="windows/amd64")
    with pytest.raises(acr.NotFound):
        app.image("v2")


@pytest.mark.parametrize(
    "config", [{}, {"config": None}, {"config": {"Labels": []}, "created": 1}, {"created": "soon"}]
)
def test_an_image_with_an_odd_config(registry: acr.Registry, config: dict[str, Any]) -> None:
    app = registry.repository("app")
    push_labelled(app, config, "v1")
    image = app.image("v1")
    assert (image.platform, image.created, dict(image.labels)) == (None, None, {})


def test_what_is_no_image(registry: acr.Registry) -> None:
    app = registry.repository("app")
    app.push_artifact([], tag="sbom", artifact_type="application/spdx+json")
    with pytest.raises(acr.InvalidInput, match="no image, but application/spdx"):
        app.image("sbom")


class Clock:
    """A clock that goes on while somebody sleeps; after some seconds something happens."""

    def __init__(self, twin: Twin, at: float, event: Any) -> None:
        self.now = 0.0
        self._twin, self._at, self._event = twin, at, event

    def time(self) -> float:
        return self.now

    @property
    def sleep(self) -> Any:
        def sleep(seconds: float) -> None:
            self.now += seconds
            if self.now >= self._at:
                self._event()

        async def sleep_async(seconds: float) -> None:
            sleep(seconds)

        return sleep if self._twin.colour == "sync" else sleep_async


@pytest.mark.parametrize("at", [0, 1, 7, 11])
def test_waiting_for_a_tag(twin: Twin, acr_emulator: Emulator, at: float) -> None:
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as other:
        app = other.repository("app")
        clock = Clock(twin, at, lambda: push_image(app, tag="v1"))
        registry = twin.connect(acr_emulator.url, acr_emulator.credential(), clock=clock.time, sleep=clock.sleep)
        tag = registry.repository("app").tag("v1")
        if at <= 10:
            assert tag.wait(seconds=10, interval=3).name == "v1"
            assert at <= clock.now <= at + 3
        else:
            with pytest.raises(acr.NotFound, match="did not appear within 10 s"):
                tag.wait(seconds=10, interval=3)
            assert clock.now == 10


@pytest.mark.parametrize("options", [{"seconds": -1}, {"interval": 0}])
def test_waiting_makes_no_sense(registry: acr.Registry, options: dict[str, float]) -> None:
    with pytest.raises(acr.InvalidInput, match="expected seconds"):
        registry.repository("app").tag("v1").wait(**options)


@pytest.mark.parametrize("page_size", [1, 2, None])
def test_repositories_with_a_prefix(registry: acr.Registry, page_size: int | None) -> None:
    for name in ("base", "team/app", "team/web", "teams"):
        push_image(registry.repository(name), tag="v1")
    assert list(registry.repositories(prefix="team/", page_size=page_size)) == ["team/app", "team/web"]
    assert list(registry.repositories(prefix="", page_size=page_size)) == ["base", "team/app", "team/web", "teams"]
    assert list(registry.repositories(prefix="x", page_size=page_size)) == []
    if page_size is not None:
        (first, *_) = registry.repositories(prefix="team/", page_size=page_size).pages()
        rest = registry.repositories(prefix="team/").pages(continuation=first.continuation)
        assert "team/web" in [name for page in rest for name in page.items]


def test_rows(registry: acr.Registry) -> None:
    app = registry.repository("app")
    image = push_image(app, tag="v1")
    (row,) = app.tags().rows()
    assert row["name"] == "v1"
    assert type(row["digest"]) is str
    assert isinstance(row["created"], datetime)
    assert row["can_delete"] is True
    (row,) = app.manifests().rows()
    assert (row["digest"], row["tags"], row["related"]) == (image.digest, ["v1"], [])
    assert registry.repositories().rows() == [{"name": "app"}]


def test_values_are_ready_for_json(registry: acr.Registry) -> None:
    app = registry.repository("app")
    push_image(app, tag="v1")
    inventory = registry.inventory(cache=False, rate=None)
    values = [
        app.properties(),
        app.tag("v1").properties(),
        app.manifest("v1").properties(),
        app.manifest("v1").head(),
        app.image("v1"),
        registry.check("app"),
        next(iter(app.tags().pages())),
        acr.Reference.parse("app:v1"),
        app.blob(acr.Digest.of(b"layer")).chunk(0, 2),
        inventory.usage(),
        inventory.check(),
        inventory.compare(inventory),
        next(inventory.manifests()),
    ]
    for value in values:
        assert json.loads(json.dumps(value.to_dict())) == value.to_dict(), value
    assert app.tag("v1").properties().to_dict()["created"].endswith("Z")
    assert values[-1].to_dict()["platform"] == "linux/amd64"


def test_listings_say_what_they_list(registry: acr.Registry) -> None:
    app = registry.repository("team/app")
    digest = acr.Digest.of(b"")
    assert "Listing of repositories at" in repr(registry.repositories())
    assert "begin with 'team/'" in repr(registry.repositories(prefix="team/"))
    assert "Listing of tags of team/app at" in repr(app.tags())
    assert f"tags of team/app@{digest}" in repr(app.tags(digest=digest))
    assert "names of tags of team/app" in repr(app.tag_names())
    assert "manifests of team/app" in repr(app.manifests())
    assert f"referrers of team/app@{digest}" in repr(app.manifest(digest).referrers())
    assert "referrers of team/app:v1" in repr(app.manifest("v1").referrers())


def test_pages_are_tables_in_a_notebook(registry: acr.Registry) -> None:
    app = registry.repository("app")
    for tag in ("v1", "v2"):
        push_image(app, tag=tag)
    first, last = app.tags(page_size=1).pages()
    assert "<td>v1</td>" in first._repr_html_()
    assert "There are more pages." in first._repr_html_()
    assert "more" not in last._repr_html_()
    assert "<th>name</th>" in next(iter(registry.repositories().pages()))._repr_html_()
    odd = acr.Page(["<script>alert(1)</script>\x1b[2J\ud800"])._repr_html_()
    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J" in odd
    odd.encode()


def test_a_page_without_items_is_an_empty_table() -> None:
    assert acr.Page([])._repr_html_() == "<table><thead><tr></tr></thead><tbody></tbody></table>"


def test_findings_are_a_table_in_a_notebook() -> None:
    finding = acr.Finding(kind="orphan", repository="app", tags=("<b>", "v2"), text="<i>", advice="x")
    shown = acr.Check(findings=[finding] * 150, manifests=1)._repr_html_()
    assert "150 findings" in shown
    assert "and 50 more findings" in shown
    assert "&lt;b&gt; v2" in shown
    assert "<i>" not in shown
