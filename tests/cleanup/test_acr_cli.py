"""What acr-cli's purge breaks, and what it cannot break: a release that is locked deeply. It is a double of acr-cli."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

import acr
from acr import media_types
from tests.cleanup.acr_cli import Options, purge
from tests.cleanup.aged import DAY, Clock, emulated
from tests.upkeep import assert_whole, everything_in, push_image, push_release

UNTAGGED = Options(untagged_only=True)
EVERYTHING = Options(filter=".*:.*", untagged=True)  # purge --filter '.*:.*' --ago 0d --untagged


@pytest.fixture
def there() -> Iterator[tuple[acr.Registry, Clock]]:
    with emulated() as (emulator, clock), acr.Registry(emulator.url, emulator.credential()) as registry:
        yield registry, clock


def now(clock: Clock) -> datetime:
    clock.now += 30 * DAY
    return datetime.fromtimestamp(clock.now, UTC)


def test_a_locked_index_loses_its_platforms(there: tuple[acr.Registry, Clock]) -> None:
    registry, clock = there
    app = registry.repository("team/app")
    index = push_release(app, "v1")
    app.manifest(index.digest).update(can_delete=False)
    purge(registry, now(clock), UNTAGGED)
    assert app.tag("v1").properties().digest == index.digest
    with pytest.raises(acr.NotFound):
        app.pull("v1", acr.Memory())
    # A plan keeps them: see tests/cleanup/test_scenes.py, which has each of the scenes.


def test_so_does_a_locked_tag_with_everything(there: tuple[acr.Registry, Clock]) -> None:
    registry, clock = there
    app = registry.repository("team/app")
    push_release(app, "v1")
    app.tag("v1").update(can_write=False, can_delete=False)
    purge(registry, now(clock), EVERYTHING)
    tags, _ = everything_in(app)
    assert tags == {"v1"}  # the signature's tag is gone
    app.pull("v1", acr.Memory())


def test_an_attached_index_goes_and_its_child_stays(there: tuple[acr.Registry, Clock]) -> None:
    registry, clock = there
    app = registry.repository("team/app")
    subject = push_image(app, "subject", tag="v1")
    child = push_image(app, "child")
    index = app.put_manifest(
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_INDEX,
            "manifests": [child.to_json()],
            "subject": subject.to_json(),
        }
    )
    purge(registry, now(clock), UNTAGGED)
    assert everything_in(app)[1] == {subject.digest, child.digest}
    assert index.digest not in everything_in(app)[1]


def test_the_subject_of_a_tagged_sbom_goes(there: tuple[acr.Registry, Clock]) -> None:
    registry, clock = there
    app = registry.repository("team/app")
    image = push_image(app, "image")
    sbom = app.push_artifact([], tag="sbom", artifact_type="application/spdx+json", subject=image.digest)
    purge(registry, now(clock), UNTAGGED)
    assert image.digest not in everything_in(app)[1]
    assert sbom.digest not in everything_in(app)[1]  # the registry deletes it with its subject, and the tag with it


def test_keep_two_leaves_four_manifests(there: tuple[acr.Registry, Clock]) -> None:
    registry, clock = there
    app = registry.repository("team/app")
    for number in range(6):
        push_image(app, f"image {number}", tag=f"v{number}")
    purge(registry, now(clock), Options(keep=2, untagged=True))
    tags, manifests = everything_in(app)
    assert (len(tags), len(manifests)) == (2, 4)


@pytest.mark.parametrize("options", [UNTAGGED, EVERYTHING, Options(filter="team/app:v.*", untagged=True)])
def test_a_release_that_is_locked_deeply_survives(there: tuple[acr.Registry, Clock], options: Options) -> None:
    registry, clock = there
    app = registry.repository("team/app")
    index = push_release(app, "v1", fallback=True)
    before = everything_in(app)
    push_release(app, "v2", fallback=True)
    untagged = push_image(app, "untagged").digest
    state = app.lock("v1", deep=True)
    purge(registry, now(clock), options)
    assert_whole(app, "v1")
    tags, manifests = everything_in(app)
    assert before[0] <= tags
    assert before[1] <= manifests
    assert untagged not in manifests  # it did its work
    app.unlock(state)
    assert not app.locks()
    assert app.manifest(index.digest).exists()
