"""What an empty registry begins with."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import acr
from acr import media_types
from acr._values.digest import Digest
from acr.emulator import Emulator
from acr.emulator._seeding import recipe
from acr.errors import InvalidInput
from tests.emulator.user import ANY, User, plain

SEED = Path(__file__).with_name("seed.toml")
NOW = 1_700_000_000
DAY = 86_400
READ = "repository:team/app:metadata_read"
PULL = "repository:team/app:pull"


def seeded(seed: Path, **rest: Any) -> Emulator:
    return Emulator(seed=seed, clock=lambda: float(NOW), **rest)


def tags_of(user: User, name: str) -> dict[str, Any]:
    found = user.send("GET", f"/acr/v1/{name}/_tags", f"repository:{name}:metadata_read").json()["tags"] or []
    return {tag["name"]: tag for tag in found}


def test_a_recipe() -> None:
    with seeded(SEED) as registry:
        user = User(registry)
        with user.http:
            tags = tags_of(user, "team/app")
            assert [(name, tag["lastUpdateTime"]) for name, tag in tags.items()] == [
                ("1.0", "2023-08-16T22:13:20Z"),
                ("2.0", "2023-11-13T10:13:20Z"),
                ("latest", "2023-11-13T10:13:20Z"),
            ]
            manifests = user.send("GET", "/acr/v1/team/app/_manifests?orderby=timeasc", READ).json()["manifests"]
            kinds = sorted((item.get("os", ""), *item.get("tags", ["-"])) for item in manifests)
            assert kinds == [("", "2.0", "latest"), *[("linux", "-")] * 3, ("linux", "1.0"), ("windows", "-")]
            assert manifests[0]["tags"] == ["1.0"]
            assert manifests[1]["createdTime"] == "2023-09-15T22:13:20Z"
            index = user.send("GET", "/v2/team/app/manifests/latest", PULL, {"Accept": ANY}).json()
            platforms = [entry["platform"] for entry in index["manifests"]]
            assert platforms[2] == {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2762"}
            image = user.send("GET", f"/v2/team/app/manifests/{index['manifests'][1]['digest']}", PULL).json()
            place = user.send("GET", f"/v2/team/app/blobs/{image['layers'][0]['digest']}", PULL).headers["Location"]
            tar = gzip.decompress(plain.get(place).content)
            with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
                assert [member.size for member in archive] == [100_000]
            assert user.send("GET", "/acr/v1/team/app", READ).json()["createdTime"] == "2023-08-16T22:13:20Z"
            assert user.send("GET", "/acr/v1/team/app", READ).json()["lastUpdateTime"] == "2023-11-13T10:13:20Z"


def test_the_recipe_of_the_document_is_one() -> None:
    document = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    assert [one.repository for one in recipe.parse(block)] == ["team/app", "team/base"]


def test_the_same_recipe_makes_the_same_bytes() -> None:
    found = []
    for _ in range(2):
        with seeded(SEED) as registry:
            user = User(registry)
            with user.http:
                found.append(tags_of(user, "team/app"))
    assert found[0] == found[1]


def test_only_an_empty_registry_is_seeded(tmp_path: Path) -> None:
    with seeded(SEED, data=tmp_path / "data") as registry:
        user = User(registry)
        with user.http:
            user.send("DELETE", "/acr/v1/team/app/_tags/1.0", "repository:team/app:delete")
    with seeded(SEED, data=tmp_path / "data") as registry:
        user = User(registry)
        with user.http:
            assert list(tags_of(user, "team/app")) == ["2.0", "latest"]
            registry.reset()
            assert user.send("GET", "/acr/v1/_catalog", "registry:catalog:*").json() == {"repositories": []}


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """A layout of an index, its name a repository's."""
    with Emulator() as registry, acr.Registry(registry.url, registry.credential()) as client:
        app = client.repository("app")
        config = app.upload_blob(b'{"architecture":"arm64","os":"linux"}')
        layer = app.upload_blob(bytes(3_000_000))
        image = app.put_manifest(
            {
                "schemaVersion": 2,
                "mediaType": media_types.OCI_MANIFEST,
                "config": {**config.to_json(), "mediaType": media_types.OCI_CONFIG},
                "layers": [{**layer.to_json(), "mediaType": media_types.OCI_LAYER}],
            }
        )
        index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [image.to_json()]}
        app.put_manifest(index, tag="v1")
        app.pull("v1", acr.Layout(tmp_path / "my-app"))
    return tmp_path / "my-app"


def check(registry: Emulator, name: str, pushed: str) -> None:
    user = User(registry)
    with user.http:
        tag = tags_of(user, name)["v1"]
        assert tag["lastUpdateTime"] == pushed
        read = f"repository:{name}:metadata_read"
        manifests = user.send("GET", f"/acr/v1/{name}/_manifests", read).json()["manifests"]
        assert sorted(item.get("architecture", "") for item in manifests) == ["", "arm64"]
        assert user.send(
            "HEAD", f"/v2/{name}/blobs/{Digest.of(bytes(3_000_000))}", f"repository:{name}:pull"
        ).is_success


def test_a_layout(layout: Path) -> None:
    with seeded(layout) as registry:
        check(registry, "my-app", "2023-11-14T22:13:20Z")


def test_a_layout_in_a_recipe(layout: Path) -> None:
    file = layout.parent / "recipe.toml"
    file.write_text('[[layout]]\nrepository = "team/base"\npath = "my-app"\nage = "1d"\n')
    with seeded(file) as registry:
        check(registry, "team/base", "2023-11-13T22:13:20Z")


def _rename(layout: Path) -> Path:
    return layout.rename(layout.with_name("My App"))


def _take_a_blob(layout: Path) -> Path:
    (layout / "blobs" / "sha256" / Digest.of(bytes(3_000_000)).hex).unlink()
    return layout


def _change(path: str, content: bytes) -> Callable[[Path], Path]:
    def change(layout: Path) -> Path:
        (layout / path).write_bytes(content)
        return layout

    return change


def _change_index(layout: Path) -> Path:
    digest = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    return _change(f"blobs/sha256/{Digest(digest).hex}", b"{}")(layout)


def _take_the_name(layout: Path) -> Path:
    (layout / "oci-layout").unlink()
    return layout


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_rename, "expected a repository name, got 'My App'.*a recipe does"),
        (_take_a_blob, "No such file"),
        (_change("blobs/sha256/" + Digest.of(bytes(3_000_000)).hex, b"x"), "is not what its name says"),
        (_change_index, "is not what its name says"),
        (_change("index.json", b"[]"), "index.json is no image index"),
        (_change("index.json", b'{"manifests":[{"digest":"sha256:../../secret","mediaType":"x"}]}'), "no image index"),
        (_take_the_name, "no file oci-layout"),
    ],
)
def test_a_layout_that_is_none(layout: Path, change: Callable[[Path], Path], told: str, tmp_path: Path) -> None:
    changed = change(layout)
    with pytest.raises((InvalidInput, OSError), match=told):
        seeded(changed, data=tmp_path / "data")
    with Emulator(tmp_path / "data") as registry:  # nothing is half there
        user = User(registry)
        with user.http:
            assert user.send("GET", "/acr/v1/_catalog", "registry:catalog:*").json() == {"repositories": []}
    shutil.rmtree(changed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no = [toml", "no recipe"),
        ("a = " + "[" * 5000, "no recipe"),
        ('[image]\nrepository = "a"', r"\[\[image\]\]"),
        ("[[image]]\n", "image 1: repository is missing"),
        ('[[image]]\nrepository = "a"\n[[image]]\nrepository = "A"', "image 2: expected a repository name, got 'A'"),
        ("[[image]]\nrepository = 5", "expected a repository name, got 5"),
        ('[[image]]\nrepository = "a"\ntag = "v1"', "image 1 has the key 'tag'; expected are age, platforms"),
        ('[[image]]\nrepository = "a"\ntags = "v1"', "tags is a list of texts"),
        ('[[image]]\nrepository = "a"\ntags = ["a b"]', "image 1: expected a tag, got 'a b'"),
        ('[[image]]\nrepository = "a"\nplatforms = ["linux"]', "image 1: expected a platform, .* got 'linux'"),
        ('[[image]]\nrepository = "a"\nplatforms = []', "one at least"),
        ('[[image]]\nrepository = "a"\nplatforms = ["linux/amd64", "linux/amd64"]', "each platform once"),
        ('[[image]]\nrepository = "a"\nage = 5', "age is a text such as"),
        ('[[image]]\nrepository = "a"\nage = "999999w"', "30 years at the most"),
        ('[[image]]\nrepository = "a"\nsize = -1', "size is a number of bytes"),
        ('[[image]]\nrepository = "a"\nsize = true', "size is a number of bytes"),
        ('[[image]]\nrepository = "a"\nsize = 99999999999', "size is a number of bytes"),
        ('[[layout]]\nrepository = "a"', "path is missing"),
        ('[[layout]]\nrepository = "a"\npath = "nowhere"', "is no OCI image layout"),
        ('[[repository]]\nname = "a"', "it has the key 'repository'; expected are image, layout"),
        ("# " + "x" * 1_100_000, "more than 1048576 bytes"),
        ("\udcff", "no recipe"),
    ],
)
def test_a_recipe_that_is_none(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "recipe.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InvalidInput, match=told):
        Emulator(seed=file)
