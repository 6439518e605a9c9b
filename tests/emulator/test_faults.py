"""Faults on purpose, and the records of what arrived."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from acr._values.digest import Digest
from acr.emulator import Emulator
from tests.emulator.user import User, plain

PUSH = "repository:app:pull,push"


def test_records(user: User, registry: Emulator) -> None:
    user.send("POST", "/v2/a%2Fb/blobs/uploads/?x=1", headers={"X-Own": "1"}, content=b"12345")
    (record,) = registry.requests
    assert (record.method, record.path, record.status) == ("POST", "/v2/a%2Fb/blobs/uploads/?x=1", 401)
    assert (record.origin, record.received, record.sent > 200) == ("registry", 5, True)
    assert record.headers["x-own"] == "1"
    registry.clear_requests()
    assert registry.requests == []
    user.send("GET", "/v2/", "some:scope:x")
    assert [record.headers.get("authorization") for record in registry.requests] == ["Basic", "Bearer"]
    assert user.registry.password not in repr(registry.requests)


def test_status(user: User, registry: Emulator) -> None:
    fault = registry.fail(
        times=2, method="get", path_contains="/v2/", status=503, headers={"Retry-After": "1"}, body=b"busy"
    )
    assert user.send("POST", "/v2/app/blobs/uploads/").status_code == 401
    for left in (1, 0):
        reply = user.send("GET", "/v2/")
        assert (reply.status_code, reply.text, reply.headers["Retry-After"]) == (503, "busy", "1")
        assert fault.left == left
        assert "X-Ms-Correlation-Request-Id" in reply.headers
    assert user.send("GET", "/v2/").status_code == 401
    assert [record.status for record in registry.requests] == [401, 503, 503, 401]


def test_path_with_escapes_undone(user: User, registry: Emulator) -> None:
    registry.fail(path_contains="/a/b/", status=500)
    assert user.send("GET", "/v2/a%2Fb/tags/list").status_code == 500


def test_drop_before_the_operation(user: User, registry: Emulator) -> None:
    token = {"Authorization": f"Bearer {user.token(PUSH)}"}
    location = user.http.post("/v2/app/blobs/uploads/", headers=token).headers["Location"]
    registry.fail(method="PATCH", drop=True)
    with pytest.raises(httpx.TransportError):
        user.http.patch(location, content=b"x" * 100_000, headers=token)
    assert registry.requests[-1].status == 0
    assert registry.requests[-1].received == 100_000
    assert user.http.get(location, headers=token).headers["Range"] == "0-0"


@pytest.mark.parametrize("how", [{"drop": True}, {"status": 502}])
def test_lost_answer(user: User, registry: Emulator, how: dict[str, Any]) -> None:
    token = {"Authorization": f"Bearer {user.token(PUSH)}"}
    location = user.http.post("/v2/app/blobs/uploads/", headers=token).headers["Location"]
    registry.fail(method="PATCH", after=True, **how)
    try:
        assert user.http.patch(location, content=b"12345", headers=token).status_code == 502
    except httpx.TransportError:
        assert "drop" in how
    assert user.http.patch(location, content=b"12345", headers=token).status_code == 404
    assert user.http.get(location, headers=token).headers["Range"] == "0-4"


@pytest.mark.parametrize("count", [0, 3, 2_000_000])
def test_answer_that_breaks_off(user: User, registry: Emulator, count: int) -> None:
    digest = user.push_blob("app", bytes(3_000_000))
    location = user.send("GET", f"/v2/app/blobs/{digest}", "repository:app:pull").headers["Location"]
    registry.fail(origin="storage", drop_after=count)
    received = b""
    with plain.stream("GET", location) as reply, pytest.raises(httpx.RemoteProtocolError):
        for piece in reply.iter_raw():
            received += piece
    assert len(received) == count == registry.requests[-1].sent
    assert Digest.of(plain.get(location).content) == digest


def test_answer_that_is_shorter_than_the_break(user: User, registry: Emulator) -> None:
    registry.fail(drop_after=1_000_000)
    assert user.send("GET", "/v2/").status_code == 401


def test_late_answer(user: User, registry: Emulator) -> None:
    registry.fail(delay=0.001)
    assert user.send("GET", "/v2/").status_code == 401
    registry.fail(delay=60)
    with pytest.raises(httpx.ReadTimeout):
        user.send("GET", "/v2/", timeout=httpx.Timeout(10, read=0.05))


def test_stop_does_not_wait_for_late_answers() -> None:
    with Emulator() as registry:
        registry.fail(delay=30)
        with pytest.raises(httpx.ReadTimeout):
            plain.get(f"{registry.url}/v2/", timeout=httpx.Timeout(10, read=0.05))
    assert [record.status for record in registry.requests] == [0]  # by now there is none


@pytest.mark.parametrize("wrong", [{}, {"status": 500, "drop": True}, {"drop_after": 1, "after": True}])
def test_arguments_that_do_not_go_together(registry: Emulator, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fault|after"):
        registry.fail(**wrong)
