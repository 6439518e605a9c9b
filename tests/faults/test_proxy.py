"""The proxy does what it is told, and nothing else; the weather is the same for the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from random import Random
from typing import ClassVar
from urllib.parse import urlsplit

import httpx
import pytest

from acr.emulator import Emulator
from tests.emulator.user import User
from tests.faults.proxy import Clock, Direction, FaultProxy
from tests.faults.seeds import seeded
from tests.faults.weather import Asked, Fault, Kind, Weather, draw

PULL = "repository:app:pull"
PUSH = "repository:app:pull,push"


class Script(Weather):
    """Faults in the order in which they are to come, which they must."""

    written: ClassVar[list[Script]] = []

    def __init__(self, *faults: Fault) -> None:
        self.written.append(self)
        super().__init__("", rate=1, most=len(faults))
        self.faults = list(faults)

    def fault_for(self, asked: Asked) -> Fault | None:
        return self.faults.pop(0) if self.faults else None


@pytest.fixture(autouse=True)
def come_to_the_end() -> Iterator[None]:
    Script.written.clear()
    yield
    assert not any(script.faults for script in Script.written)


@pytest.fixture
def user(acr_emulator: Emulator) -> Iterator[User]:
    user = User(acr_emulator)
    with user.http:
        yield user


def ask(
    url: str, method: str, path: str, token: str | None = None, content: bytes | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request(method, path, content, {"Authorization": f"Bearer {token}"} if token else {})
        with connection.getresponse() as reply:
            return reply, reply.read()
    finally:
        connection.close()


def test_all_goes_through_in_good_weather(user: User) -> None:
    content = Random(0).randbytes(3_000_000)
    moved: Counter[tuple[str, Direction]] = Counter()

    def count(asked: Asked, direction: Direction, size: int) -> None:
        moved[asked.method, direction] += size

    with FaultProxy(user.registry, Script(), moved=count) as proxy:
        refused, _ = ask(proxy.url, "GET", "/v2/")
        assert f'realm="{proxy.url}/oauth2/token"' in refused.headers["WWW-Authenticate"]
        started, _ = ask(proxy.url, "POST", "/v2/app/blobs/uploads/", user.token(PUSH))
        assert len(user.registry.open_uploads) == 1
        location = started.headers["Location"]
        chunk, _ = ask(proxy.url, "PATCH", location, user.token(PUSH), content)
        digest = user.push_blob("app", content)
        done, _ = ask(proxy.url, "PUT", f"{chunk.headers['Location']}&digest={digest}", user.token(PUSH))
        assert (started.status, chunk.status, done.status) == (202, 202, 201)
        redirect, _ = ask(proxy.url, "GET", f"/v2/app/blobs/{digest}", user.token(PULL))
        place = urlsplit(redirect.headers["Location"])
        assert place.port not in (urlsplit(proxy.url).port, user.registry._registry.storage_port)
        reply, stored = ask(f"http://{place.netloc}", "GET", f"{place.path}?{place.query}")
        assert (reply.status, stored) == (200, content)
        assert ask(proxy.url, "HEAD", f"/v2/app/blobs/{digest}", user.token(PULL))[0].headers["Content-Length"]
        assert proxy.journal == []
        assert proxy.untold == set()
        assert moved["PATCH", "up"] == 3_000_000
        proxy.settle()
    assert moved["GET", "down"] > 3_000_000


def test_an_answer_in_chunks(user: User) -> None:
    for number in range(25):  # their names do not fit into a body that has a length
        user.push_artifact("app", f"{number}-{'x' * 100}", annotations={"number": str(number)})
    direct = user.send("GET", "/v2/app/tags/list", PULL)
    assert "content-length" not in direct.headers
    with FaultProxy(user.registry, Script()) as proxy:
        assert ask(proxy.url, "GET", "/v2/app/tags/list", user.token(PULL))[1] == direct.content


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("where", [0.0, 0.5, 0.999999])
def test_a_request_that_is_cut(user: User, where: float, reset: bool) -> None:
    location = user.send("POST", "/v2/app/blobs/uploads/", PUSH).headers["Location"]
    with FaultProxy(user.registry, Script(Fault(kind="cut the request", where=where, reset=reset))) as proxy:
        with pytest.raises((ConnectionError, HTTPException)):
            ask(proxy.url, "PATCH", location, user.token(PUSH), bytes(1_000_000))
        assert proxy.journal == [
            f"PATCH {location.partition('?')[0]}: cut the request at {where:.3f}{', reset' if reset else ''}"
        ]
        assert ask(proxy.url, "PATCH", location, user.token(PUSH), bytes(10))[0].headers["Range"] == "0-9"


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("where", [0.0, 0.3, 0.999999])
def test_an_answer_that_is_cut(user: User, where: float, reset: bool) -> None:
    digest = user.push_blob("app", bytes(1_000_000))
    with FaultProxy(user.registry, Script()) as proxy:
        location = ask(proxy.url, "GET", f"/v2/app/blobs/{digest}", user.token(PULL))[0].headers["Location"]
        proxy._weather = Script(Fault(kind="cut the answer", where=where, reset=reset))
        place = urlsplit(location)
        with pytest.raises((ConnectionError, HTTPException)) as caught:
            ask(f"http://{place.netloc}", "GET", f"{place.path}?{place.query}")
        if where and not reset:
            assert isinstance(caught.value, IncompleteRead)
            assert caught.value.expected is not None
            assert len(caught.value.partial) + caught.value.expected == 1_000_000
            assert abs(len(caught.value.partial) - where * 1_000_000) < 1_000
        assert len(ask(f"http://{place.netloc}", "GET", f"{place.path}?{place.query}")[1]) == 1_000_000


@pytest.mark.parametrize("kind", ["cut the answer", "lose the answer", "refuse late"])
def test_an_upload_that_the_client_is_not_told_of(user: User, kind: Kind) -> None:
    with FaultProxy(user.registry, Script(Fault(kind=kind, where=0.9, status=502))) as proxy:
        token = {"Authorization": f"Bearer {user.token(PUSH)}"}
        try:  # with httpx: http.client takes a head that breaks off for a whole one
            reply = httpx.post(f"{proxy.url}/v2/app/blobs/uploads/", headers=token)
            assert (kind, reply.status_code) == ("refuse late", 502)
        except httpx.TransportError:
            assert kind != "refuse late"
        assert proxy.untold == set(user.registry.open_uploads) != set()
        later, _ = ask(proxy.url, "POST", "/v2/app/blobs/uploads/", user.token(PUSH))
        assert ask(proxy.url, "PATCH", later.headers["Location"], user.token(PUSH), b"abc")[0].status == 202
        assert proxy.untold < set(user.registry.open_uploads)


def test_an_upload_that_the_client_has_not_waited_for(user: User) -> None:
    with FaultProxy(user.registry, Script()) as proxy:
        assert ask(proxy.url, "POST", "/v2/app/blobs/uploads/", user.token(PUSH))[0].status == 202
        proxy.settle()
        assert proxy.untold == set(user.registry.open_uploads)
        before = proxy.untold
        connection = HTTPConnection(urlsplit(proxy.url).netloc, timeout=5)
        connection.request("POST", "/v2/app/blobs/uploads/", headers={"Authorization": f"Bearer {user.token(PUSH)}"})
        with connection.getresponse() as reply:
            location = reply.headers["Location"]
        assert ask(proxy.url, "PATCH", location, user.token(PUSH), b"abc")[0].status == 202
        connection.close()
        proxy.settle()
        assert ask(proxy.url, "PATCH", reply.headers["Location"], user.token(PUSH), b"abc")[0].status == 404
        assert proxy.untold == before


@pytest.mark.parametrize("early", [False, True])
def test_a_refusal(user: User, early: bool) -> None:
    fault = Fault(kind="refuse", status=429, headers={"Retry-After": "3"}, body=b"busy", early=early)
    with FaultProxy(user.registry, Script(fault, fault)) as proxy:
        reply, body = ask(proxy.url, "GET", "/v2/")
        assert (reply.status, reply.headers["Retry-After"], body) == (429, "3", b"busy")
        assert reply.headers["Connection"] == ("close" if early else None)
        assert ask(proxy.url, "HEAD", "/v2/app/blobs/x")[1] == b""
        assert user.registry.requests == []
        assert ask(proxy.url, "GET", "/v2/")[0].status == 401


def test_tokens_expire() -> None:
    clock = Clock()
    with Emulator(clock=clock) as emulator:
        user = User(emulator)
        leap = Fault(kind="expire", seconds=4_600)
        with user.http, FaultProxy(emulator, Script(leap), clock=clock) as proxy:
            token = user.token(PULL)
            assert ask(proxy.url, "GET", "/v2/", token)[0].status == 401
            assert ask(proxy.url, "GET", "/v2/", user.token(PULL))[0].status == 200


def test_a_delay_changes_nothing(user: User) -> None:
    with FaultProxy(user.registry, Script(Fault(kind="delay", seconds=0.001))) as proxy:
        assert ask(proxy.url, "GET", "/v2/")[0].status == 401
        assert proxy.journal == ["GET /v2/: delay, 0.001 s"]


def test_the_weather_is_that_of_its_seed() -> None:
    asked = [Asked("GET", f"/v2/app/blobs/sha256:{n % 7}", "registry") for n in range(200)]
    drawn = [[Weather.of(seed).fault_for(a) for a in asked] for seed in (5, 5, 6)]
    assert drawn[0] == drawn[1] != drawn[2]
    weather = Weather(1, rate=1, most=3)
    faults = [weather.fault_for(a) for a in asked]
    assert sum(fault is not None for fault in faults) == 3
    weather = Weather(1, rate=1, most=3)
    weather.clear_up()
    assert not any(weather.fault_for(a) for a in asked)


def test_every_fault_is_drawn() -> None:
    faults = [draw(seeded(seed, "test"), Asked("GET", "/v2/", "registry")) for seed in range(2_000)]
    assert {fault.kind for fault in faults} == {
        "cut the request",
        "cut the answer",
        "lose the answer",
        "refuse",
        "refuse late",
        "delay",
        "expire",
    }
    assert {fault.status for fault in faults} == {0, 408, 429, 500, 502, 503, 504}
    assert {fault.headers.get("Retry-After", "")[-3:] for fault in faults} == {"", "0", "1", "2.5", "GMT", "oon", "600"}
    assert all(fault.where < 1 for fault in faults)
    for asked in (Asked("GET", "/blob", "storage"), Asked("POST", "/oauth2/token", "registry")):
        assert "expire" not in {draw(seeded(seed, "test"), asked).kind for seed in range(500)}


def test_a_cancel_gets_through_in_any_weather() -> None:
    weather = Weather(1, rate=1, most=99)
    spared = [
        Asked("DELETE", "/v2/app/blobs/uploads/1?_state=x", "registry"),
        Asked("POST", "/oauth2/token", "registry", b"grant_type=refresh_token&scope=repository%3Aapp%3Adelete"),
        Asked("GET", "/oauth2/token?scope=repository:app:delete&service=x", "registry"),
        Asked("POST", "/oauth2/exchange", "registry", b"grant_type=access_token"),
    ]
    assert [weather.fault_for(asked) for asked in spared] == [None] * 4
    assert weather.fault_for(Asked("DELETE", "/v2/app/blobs/sha256:1", "registry"))
    assert weather.fault_for(Asked("POST", "/oauth2/token", "registry", b"scope=repository%3Aapp%3Apull"))
