"""What the emulator has for tests of upkeep: collection, ABAC, limits, quarantine, caches, replicas that lag."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

import acr
from acr.emulator import Emulator, Stored
from tests.content import push_image, push_index


class Clock:
    """A clock that goes on when somebody says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0 - 1_700_000_000 % 60  # a minute begins

    def __call__(self) -> float:
        return self.now


def admin(emulator: Emulator) -> Callable[..., httpx.Response]:
    """Sends requests as the admin."""

    def send(method: str, path: str, **more: object) -> httpx.Response:
        login = (emulator.username, emulator.password)
        return httpx.request(method, emulator.url + path, auth=login, **more)  # type: ignore[arg-type]

    return send


def client(emulator: Emulator, *scopes: str) -> acr.Registry:
    credential = emulator.credential(scopes=scopes or None)
    return acr.Registry(emulator.url, credential, retries=acr.Retries(limit=0))


def test_collect_takes_what_nothing_leads_to(acr_emulator: Emulator) -> None:
    with client(acr_emulator) as registry:
        app, other = registry.repository("app"), registry.repository("other")
        image = push_image(app, tag="v1", layer=b"layer")
        push_image(other, tag="v1", layer=b"layer")
        app.upload_blob(b"nobody's")
        assert acr_emulator.stored == Stored(
            blobs=5 + 8 + len(b'{"os": "linux", "architecture": "amd64"}'), manifests=image.size
        )
        assert acr_emulator.collect() == 8
        app.manifest(image.digest).delete()
        assert acr_emulator.collect() == 0  # the other repository has it all
        assert not app.blob(acr.Digest.of(b"layer")).exists()
        assert other.blob(acr.Digest.of(b"layer")).exists()
        other.manifest(image.digest).delete()
        acr_emulator.collect()
        assert acr_emulator.stored == Stored(0, 0)


def test_abac() -> None:
    with Emulator(abac=True) as emulator:
        with client(emulator) as registry:
            push_image(registry.repository("app"), tag="v1")
            with pytest.raises(acr.Unauthorized):
                list(registry.repositories())
            for scopes, granted in (("repository:*:pull", 0), ("repository:app:pull", 1), ("registry:catalog:*", 0)):
                token = registry.access_token([scopes])
                assert len(claims(token)["access"]) == granted
            assert "aad_identity" in claims(registry.refresh_token())
        with client(emulator, "registry:catalog:*", "repository:app:metadata_read") as registry:
            assert list(registry.repositories()) == ["app"]
        with acr.Registry(emulator.url, acr.UsernamePassword(emulator.username, emulator.password)) as registry:
            assert list(registry.repositories()) == ["app"]


def test_without_abac_nothing_is_as_with_it(acr_emulator: Emulator) -> None:
    with client(acr_emulator) as registry:
        assert len(claims(registry.access_token(["repository:*:pull"]))["access"]) == 1
        assert "aad_identity" not in claims(registry.refresh_token())


def claims(token: str) -> dict[str, Any]:
    import jwt

    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


@pytest.mark.parametrize(
    ("limit", "method", "path"),
    [
        ("reads_per_minute", "GET", "/acr/v1/_catalog"),
        ("reads_per_minute", "HEAD", "/v2/app/manifests/v1"),
        ("reads_per_minute", "GET", f"/v2/app/referrers/{acr.Digest.of(b'')}"),
        ("referrers_per_minute", "GET", f"/v2/app/referrers/{acr.Digest.of(b'')}"),
        ("writes_per_minute", "PATCH", "/acr/v1/app"),
        ("deletes_per_minute", "DELETE", "/acr/v1/app/_tags/v1"),
    ],
)
def test_limits_count_down_to_the_end_of_the_minute(limit: str, method: str, path: str) -> None:
    clock = Clock()
    with Emulator(clock=clock, **{limit: 2}) as emulator:  # type: ignore[arg-type]
        send = admin(emulator)
        clock.now += 10
        assert [send(method, path).status_code for _ in range(2)].count(429) == 0
        for seconds in (50, 49.5, 1):
            clock.now = 60 * (clock.now // 60) + 60 - seconds
            answer = send(method, path)
            assert answer.status_code == 429
            assert answer.headers["Retry-After"] == str(-int(-seconds // 1))
            if method != "HEAD":
                assert answer.json()["errors"][0]["code"] == "TOOMANYREQUESTS"
        assert httpx.request(method, emulator.url + path).status_code == 401  # somebody else
        clock.now += 1
        assert send(method, path).status_code != 429


def test_tokens_are_limited_for_all_together() -> None:
    with Emulator(tokens_per_minute=1, clock=Clock()) as emulator:
        answers = [
            httpx.get(f"{emulator.url}/oauth2/token", params={"service": emulator.login_server}) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_a_catalog_that_breaks_off(page_size: int) -> None:
    with Emulator(catalog_breaks_after=2) as emulator, client(emulator) as registry:
        for name in ("a", "b", "c"):
            push_image(registry.repository(name), tag="v1")
        found = []
        with pytest.raises(acr.ServerError):
            for name in registry.repositories(page_size=page_size):
                found.append(name)  # noqa: PERF402 - what came before the error counts
        assert found == ["a", "b"]


def test_quarantine() -> None:
    with Emulator(quarantine=True) as emulator, client(emulator) as registry:
        app = registry.repository("app")
        image = push_image(app, tag="v1")
        assert app.manifest(image.digest).properties().quarantine_state == "Quarantined"
        with pytest.raises(acr.Denied):
            app.manifest("v1").get()
        answer = admin(emulator)("PATCH", f"/acr/v1/app/_manifests/{image.digest}", json={"quarantineState": "Passed"})
        assert answer.json()["manifest"]["changeableAttributes"]["quarantineState"] == "Passed"
        assert app.manifest("v1").get().digest == image.digest
        push_image(app, tag="v2")  # the same manifest: it has passed
        assert app.manifest("v2").get().digest == image.digest


def test_a_cache_imports_what_is_asked_for(acr_emulator: Emulator) -> None:
    with client(acr_emulator) as registry:
        source, cache = registry.repository("source"), registry.repository("cache")
        index = push_index(source, tag="v1", platforms=["linux/amd64", "linux/arm64"])
        acr_emulator.add_cache("cache", "source")
        with pytest.raises(acr.NotFound):
            cache.manifest("missing").get()
        children = cache.manifest("v1").get().manifests
        assert [one.digest for one in cache.manifests()] == [index.digest]
        cache.manifest(children[0].digest).get()
        assert {one.digest for one in cache.manifests()} == {index.digest, children[0].digest}
        pulled = acr.Memory()
        cache.pull("v1", pulled)
        answer = admin(acr_emulator)("GET", "/v2/cache/manifests/v1", headers={"Accept": acr.media_types.OCI_INDEX})
        assert answer.headers["X-Azure-Origin"] == "source"
        assert "X-Azure-Origin" not in admin(acr_emulator)("GET", "/v2/source/tags/list").headers


def test_a_replica_that_lags() -> None:
    clock = Clock()
    with Emulator(replica_lag=10, clock=clock) as emulator, client(emulator) as registry:
        app = registry.repository("app")
        image = push_image(app, tag="v1")
        assert [one.digest for one in app.manifests()] == [image.digest]
        with pytest.raises(acr.NotFound):
            app.manifest("v1").get()
        clock.now += 10
        assert app.manifest("v1").get().digest == image.digest


def test_the_date_is_that_of_the_clock() -> None:
    with Emulator(clock=Clock()) as emulator:
        assert httpx.get(f"{emulator.url}/v2/").headers.get_list("Date") == ["Tue, 14 Nov 2023 22:13:00 GMT"]
