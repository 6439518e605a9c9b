"""The registry of the network benchmark answers as ACR: tokens, redirects, uploads, mounts, pages; and it counts."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr
from benchmarks import content
from benchmarks.network.origin import PASSWORD, USER, Control, origin
from benchmarks.programs import Missing
from benchmarks.servers import free_ports
from tests.certificate import make_certificate
from tests.peers.images import check_same, digest_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its control is a Unix socket")


class Place:
    """Two registries and what tells them what they have."""

    def __init__(self, control: Control, hosts: tuple[str, str], certificate: Path, layout: Path) -> None:
        self.control, self.hosts, self.layout = control, hosts, layout
        self.trust = ssl.create_default_context(cafile=certificate)

    def connect(self, number: int = 0) -> acr.Registry:
        return acr.Registry(self.hosts[number], acr.UsernamePassword(USER, PASSWORD), ssl_context=self.trust)

    def asked(self, method: str, path: str, *scopes: str, **options: Any) -> httpx.Response:
        token = self.control.token(self.hosts[0], *scopes)
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        with httpx.Client(verify=self.trust) as client:
            return client.request(method, f"https://{self.hosts[0]}{path}", headers=headers, **options)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("origin")
    tls = make_certificate(folder)
    storage, one, two = (f"127.0.0.1:{port}" for port in free_ports(3))
    layout = content.write_image(folder / "layout", 3, 100_000, seed=1)
    try:
        with origin(folder, tls, (storage, storage), (one, one), (two, two)) as control:
            yield Place(control, (one, two), tls[0], layout)
    except Missing as error:
        pytest.skip(str(error))


def test_an_image_goes_there_and_back(place: Place, tmp_path: Path) -> None:
    with place.connect() as registry:
        registry.repository("there").push(acr.Layout(place.layout), "v1", tag="v1")
        assert place.control.tagged(place.hosts[0], "there") == digest_of(place.layout)
        place.control.reset()
        registry.repository("there").pull("v1", acr.Layout(tmp_path))
    check_same(tmp_path, place.layout)
    seen = place.control.counted()
    assert seen.kinds["GET blobs 307"] == seen.kinds["GET store 200"] == 4
    assert seen.kinds["GET manifests 200"] == 1
    assert seen.requests == sum(seen.kinds.values())
    assert 1 <= seen.at_once <= seen.connections
    assert seen.sent > 300_000 > seen.received


def test_what_is_seeded_is_pulled(place: Place, tmp_path: Path) -> None:
    index = content.write_index(tmp_path / "index", 3, 2, 1000, seed=50)
    place.control.seed(place.hosts[0], "seeded", index)
    with place.connect() as registry:
        registry.repository("seeded").pull("v1", acr.Layout(tmp_path / "pulled"))
    check_same(tmp_path / "pulled", index)


def test_a_token_opens_what_it_names(place: Place) -> None:
    place.control.seed(place.hosts[0], "strict", place.layout)
    path = f"/v2/strict/manifests/{digest_of(place.layout)}"
    assert place.asked("HEAD", path, "repository:strict:pull").status_code == 200
    refused = place.asked("HEAD", path, "repository:other:pull")
    assert refused.status_code == 401
    assert 'scope="repository:strict:pull"' in refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    uploads = "/v2/strict/blobs/uploads/"
    assert place.asked("POST", uploads, "repository:strict:pull").status_code == 401
    assert place.asked("POST", uploads, "repository:strict:pull,push").status_code == 202


def test_the_logins(place: Place) -> None:
    url = f"https://{place.hosts[0]}/oauth2"
    wanted = {"service": place.hosts[0], "scope": "repository:x:pull"}
    with httpx.Client(verify=place.trust) as client:
        assert client.get(f"{url}/token", params=wanted).status_code == 401
        assert "access_token" in client.get(f"{url}/token", params=wanted, auth=(USER, PASSWORD)).json()
        exchanged = client.post(f"{url}/exchange", data={"service": place.hosts[0], "access_token": "of Entra"})
        refresh = {"grant_type": "refresh_token", "refresh_token": exchanged.json()["refresh_token"]}
        assert "access_token" in client.post(f"{url}/token", data={**wanted, **refresh}).json()
        wrong = {**refresh, "refresh_token": "another"}
        assert client.post(f"{url}/token", data={**wanted, **wrong}).status_code == 401


def test_ranges_are_the_storages(place: Place) -> None:
    place.control.seed(place.hosts[0], "ranges", place.layout)
    layer = json.loads(content.manifest_of(place.layout).read_text())["layers"][0]
    whole = (place.layout / "blobs" / "sha256" / layer["digest"].removeprefix("sha256:")).read_bytes()
    moved = place.asked("GET", f"/v2/ranges/blobs/{layer['digest']}", "repository:ranges:pull")
    assert moved.status_code == 307
    with httpx.Client(verify=place.trust) as client:
        part = client.get(moved.headers["Location"], headers={"Range": "bytes=10-1009"})
        assert (part.status_code, part.content) == (206, whole[10:1010])
        assert part.headers["Content-Range"] == f"bytes 10-1009/{len(whole)}"
        assert client.get(moved.headers["Location"], headers={"Range": "bytes=99999999-"}).status_code == 416
        assert client.get(moved.headers["Location"], headers={"Authorization": "Bearer x"}).status_code == 403


def test_an_upload_goes_by_its_newest_address(place: Place) -> None:
    scope = "repository:uploads:pull,push"
    place.control.reset()
    first = place.asked("POST", "/v2/uploads/blobs/uploads/", scope).headers["Location"]
    second = place.asked("PATCH", first, scope, content=iter([b"123", b"45"]))
    assert (second.status_code, second.headers["Range"]) == (202, "0-4")
    assert place.asked("PATCH", first, scope, content=b"6789").status_code == 416
    newest = second.headers["Location"]
    assert place.asked("GET", newest, scope).headers["Range"] == "0-4"
    digest = f"sha256:{'5' * 64}"  # it is believed
    assert place.asked("PUT", f"{newest}&digest={digest}", scope).status_code == 201
    assert place.control.counted().received == 5  # what comes to an old address is not read
    assert place.asked("HEAD", f"/v2/uploads/blobs/{digest}", scope).headers["Content-Length"] == "5"
    assert place.asked("PUT", f"{newest}&digest={digest}", scope).status_code == 404


def test_mounts_are_granted_or_not(place: Place) -> None:
    place.control.seed(place.hosts[0], "mounted", place.layout)
    layer = json.loads(content.manifest_of(place.layout).read_text())["layers"][0]["digest"]
    path = f"/v2/target/blobs/uploads/?from=mounted&mount={layer}"
    both = ("repository:target:pull,push", "repository:mounted:pull")
    assert place.asked("POST", path, both[0]).status_code == 401
    assert place.asked("POST", path, *both).status_code == 201
    place.control.set(place.hosts[0], mounts=False)
    try:
        assert place.asked("POST", path, *both).status_code == 202
    finally:
        place.control.set(place.hosts[0])


def test_a_manifest_needs_its_blobs(place: Place) -> None:
    text = content.manifest_of(place.layout).read_bytes()
    headers = {"Content-Type": acr.media_types.OCI_MANIFEST}
    answer = place.asked(
        "PUT", "/v2/lacking/manifests/v1", "repository:lacking:pull,push", content=text, headers=headers
    )
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_tags_come_by_pages(place: Place) -> None:
    place.control.make_tags(place.hosts[0], "many", 2_500)
    scope = "repository:many:metadata_read"
    first = place.asked("GET", "/acr/v1/many/_tags", scope)
    assert len(first.json()["tags"]) == 100
    assert first.headers["Link"] == '</acr/v1/many/_tags?last=v0000099&n=100&orderby=>; rel="next"'
    assert len(place.asked("GET", "/acr/v1/many/_tags?n=9999", scope).json()["tags"]) == 1_000
    with place.connect() as registry:
        names = [tag.name for tag in registry.repository("many").tags(page_size=1_000)]
        assert names == list(registry.repository("many").tag_names())
    assert names == sorted(names)
    assert len(names) == 2_500


def test_referrers_are_listed(place: Place) -> None:
    place.control.seed(place.hosts[0], "subject", place.layout)
    with place.connect() as registry:
        repository = registry.repository("subject")
        attached = repository.push_artifact([], artifact_type="text/x-sbom", subject="v1")
        assert [one.digest for one in repository.manifest("v1").referrers()] == [attached.digest]


def test_a_copy_goes_to_the_other_registry(place: Place) -> None:
    place.control.seed(place.hosts[0], "copied", place.layout)
    with place.connect() as source, place.connect(1) as target:
        source.copy("copied:v1", "copied:v1", to=target)
    assert place.control.tagged(place.hosts[1], "copied") == digest_of(place.layout)
    place.control.drop(place.hosts[1], "copied")
    assert place.control.blobs(place.hosts[1], "copied") == 0
    assert place.control.blobs(place.hosts[0], "copied") == 4
