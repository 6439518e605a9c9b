"""The checks themselves: what keeps to the document passes, and what does not is found and told."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest

import acr
from acr.emulator import Emulator
from tests.contract.document import operations
from tests.contract.exchanges import OUTSIDE, UNDESCRIBED_BODIES, Exchange
from tests.contract.watch import Traffic
from tests.patience import until

DIGEST = str(acr.Digest.of(b""))
TAGS = {"registry": "my.azurecr.io", "imageName": "app", "tags": None}


def exchange(method: str, target: str, headers: dict[str, str] | None = None, **rest: Any) -> Exchange:
    path, _, query = target.partition("?")
    headers = {"host": "my.azurecr.io", **(headers or {})}
    return Exchange(method=method, path=path, query=query, headers=headers, scheme="bearer", by_client=True, **rest)


def answer(body: object, status: int = 200, **headers: str) -> dict[str, Any]:
    content = {"content-type": "application/json; charset=utf-8", **headers}
    return {"status": status, "answer_headers": content, "answer_body": json.dumps(body).encode()}


@pytest.mark.parametrize(
    ("method", "target", "headers", "operation_id"),
    [
        ("GET", "/v2/", {}, "ContainerRegistry_CheckDockerV2Support"),
        ("GET", "/v2/a/b/c/manifests/v1", {}, "ContainerRegistry_GetManifest"),
        ("GET", f"/v2/a/manifests/manifests/{DIGEST}", {}, "ContainerRegistry_GetManifest"),
        ("GET", "/acr/v1/_catalog", {}, "ContainerRegistry_GetRepositories"),
        ("GET", "/acr/v1/catalog", {}, "ContainerRegistry_GetProperties"),
        ("GET", "/acr/v1/a/b/_tags", {}, "ContainerRegistry_GetTags"),
        ("GET", "/acr/v1/a/b/_tags/_tags", {}, "ContainerRegistry_GetTagProperties"),
        ("POST", "/v2/a/b/blobs/uploads/", {}, "ContainerRegistryBlob_StartUpload"),
        ("POST", f"/v2/a/b/blobs/uploads/?mount={DIGEST}&from=c", {}, "ContainerRegistryBlob_MountBlob"),
        ("PATCH", "/v2/a/b/blobs/uploads/1?_state=x", {}, "ContainerRegistryBlob_UploadChunk"),
        ("GET", f"/v2/a/b/blobs/{DIGEST}", {}, "ContainerRegistryBlob_GetBlob"),
        ("GET", f"/v2/a/b/blobs/{DIGEST}", {"range": "bytes=0-"}, "ContainerRegistryBlob_GetChunk"),
        ("HEAD", f"/v2/a/b/blobs/{DIGEST}", {"range": "bytes=0-"}, "ContainerRegistryBlob_CheckChunkExists"),
    ],
)
def test_the_operation_of_a_request(method: str, target: str, headers: dict[str, str], operation_id: str) -> None:
    found = exchange(method, target, headers)
    assert found.operation is not None
    assert found.operation.id == operation_id
    assert not [problem for problem in found.problems() if "body" not in problem]


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        (exchange("GET", "/v2/A/manifests/v1"), "no operation is GET /v2/A/manifests/v1"),
        (exchange("POST", "/v2/"), "no operation"),
        (exchange("GET", "/acr/v1/app?n=1"), "the query parameter 'n' is not declared"),
        (exchange("GET", "/acr/v1/app/_tags?n=0"), "query parameter n: it breaks minimum"),
        (exchange("GET", "/acr/v1/app/_tags?n=1&n=2"), "query parameter n: it is given more than once"),
        (exchange("GET", "/acr/v1/app/_tags?n="), "query parameter n: it breaks type"),
        (exchange("GET", "/acr/v1/app/_tags?orderby=newest"), "query parameter orderby: it breaks pattern"),
        (exchange("GET", "/oauth2/token?service=a"), "the query parameter 'scope' is missing"),
        (exchange("GET", "/oauth2/token?service=a&scope=b"), "Authorization is bearer, which it does not take"),
        (exchange("GET", "/acr/v1/app", {"range": "bytes=0-"}), "the header 'range' is not declared"),
        (exchange("GET", "/v2/", {"content-type": "text/plain"}), "a body, or a Content-Type, and none is declared"),
        (exchange("GET", "/v2/", sent=True), "a body, or a Content-Type, and none is declared"),
        (exchange("PATCH", "/acr/v1/app"), "the body is missing"),
        (exchange("PATCH", "/acr/v1/app", sent=True), "the body has no Content-Type"),
        (
            exchange("PATCH", "/acr/v1/app", {"content-type": "text/plain"}, sent=True),
            "the body is text/plain; declared are application/json",
        ),
        (
            exchange("PATCH", "/acr/v1/app", {"content-type": "application/json"}, sent=True, body=b"{"),
            "the body is no JSON",
        ),
        (
            exchange("PATCH", "/acr/v1/app", {"content-type": "application/json"}, sent=True, body=b'{"listed":1}'),
            "the body: it breaks",
        ),
        (
            exchange(
                "POST",
                "/oauth2/token",
                {"content-type": "application/x-www-form-urlencoded"},
                sent=True,
                body=b"service=a&grant_type=refresh_token",
            ),
            "the body: it breaks required",
        ),
        (exchange("GET", "/acr/v1/app/_tags", **answer([])), "200: the body: it breaks"),
        (exchange("GET", "/acr/v1/app/_tags", **answer({**TAGS, "link": ""})), "200: the body: it breaks"),
        (exchange("GET", "/acr/v1/app/_tags", **answer({**TAGS, "tags": [{}]})), "['tags'][0] breaks"),
        (exchange("GET", "/acr/v1/app/_tags", **answer(TAGS, page="2")), "200: the header 'page' is not declared"),
        (exchange("GET", "/acr/v1/app/_tags", **answer({"errors": 1}, 404)), "404: the body: ['errors'] breaks"),
        (exchange("DELETE", "/acr/v1/app/_tags/v1", **answer({"errors": 1}, 404)), "404: the body: ['errors'] breaks"),
        (exchange("DELETE", "/acr/v1/app/_tags/v1", **answer({}, 202)), "202: it has a body, and none is declared"),
        (
            exchange("GET", "/acr/v1/app/_tags", status=200, answer_headers={}, answer_body=b"{}"),
            "200: the body is of no type; declared are application/json",
        ),
        (
            exchange("HEAD", f"/v2/app/blobs/{DIGEST}", status=200, answer_headers={"content-length": "many"}),
            "200: header content-length: it breaks type",
        ),
    ],
)
def test_a_violation_is_told(seen: Exchange, problem: str) -> None:
    found = seen.problems()
    assert any(problem in one for one in found), found


def test_what_is_told_names_the_operation_and_no_values() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = b"service=a&scope=b&grant_type=s3cret"
    (problem,) = exchange("POST", "/oauth2/token", headers, sent=True, body=body).problems()[1:]
    assert problem.startswith("Authentication_ExchangeAcrRefreshTokenForAcrAccessToken: POST /oauth2/token: ")
    assert "s3cret" not in problem


def test_an_answer_that_keeps_to_it_passes() -> None:
    assert exchange("GET", "/acr/v1/app/_tags", **answer(TAGS)).problems() == []
    assert exchange("GET", "/acr/v1/app/_tags").problems() == []  # there was no answer


def test_the_emulator_is_watched(acr_emulator: Emulator, traffic: Traffic) -> None:
    """Also where a fault swallows the request; and a test that left this in its traffic would fail."""
    acr_emulator.fail(path_contains="_catalog", status=500, body=b"not JSON")
    agent = {"User-Agent": "acr-client/0"}
    for target in ("/acr/v1/_catalog?size=1", "/acr/v1/_catalog?size=2"):
        httpx.get(f"{acr_emulator.url}{target}", headers=agent, verify=False)  # noqa: S501 - plain http
    (problem,) = traffic.problems()
    assert (
        problem == "ContainerRegistry_GetRepositories: GET /acr/v1/_catalog: the query parameter 'size' is not declared"
    )
    assert [exchange.status for exchange in traffic.exchanges] == [0, 401]
    traffic.exchanges.clear()


def test_a_request_that_breaks_off_lacks_no_body(acr_emulator: Emulator, traffic: Traffic) -> None:
    head = b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nUser-Agent: acr-client/0\r\nContent-Length: 9\r\n"
    with socket.create_connection(("127.0.0.1", int(acr_emulator.login_server.rpartition(":")[2]))) as connection:
        connection.sendall(head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")
    until(lambda: traffic.exchanges and traffic.exchanges[0].broken)
    (seen,) = traffic.exchanges
    assert (seen.by_client, seen.sent, seen.problems()) == (True, False, [])


def test_what_others_send_is_not_looked_at_but_the_answers_are(acr_emulator: Emulator, traffic: Traffic) -> None:
    httpx.get(f"{acr_emulator.url}/acr/v1/_catalog?size=1", verify=False)  # noqa: S501 - plain http
    (seen,) = traffic.exchanges
    assert (seen.by_client, seen.status, seen.problems()) == (False, 401, [])
    seen.answer_body = b'{"errors":{}}'
    assert len(seen.problems()) == 1
    traffic.exchanges.clear()


def test_what_is_let_through_exists() -> None:
    answers = {(op.id, status) for op in operations() for status in op.answers}
    assert {(operation_id, str(status)) for operation_id, status in UNDESCRIBED_BODIES} <= answers


@pytest.mark.parametrize(("method", "path"), OUTSIDE)
def test_what_is_outside_of_the_description_is_listed_with_a_reason(method: str, path: str) -> None:
    seen = exchange(method, f"{path}?n=2&last=a", {"accept": "application/json"})
    assert seen.operation is None
    assert seen.problems() == []
    assert OUTSIDE[method, path]
    assert exchange(method, f"{path}s").problems()
