"""The headers that replies have in common."""

from __future__ import annotations

import httpx

from tests.emulator.user import User

SENT = {"x-ms-client-request-id": "my-id"}
IDS = {"x-ms-request-id", "x-ms-client-request-id"}
RATE = "x-ms-ratelimit-remaining-calls-per-second"


def names(reply: httpx.Response) -> set[str]:
    return {name.lower() for name in reply.headers}


def test_every_reply(user: User) -> None:
    user.push_image("app", "v1")
    for path, scope in [("/acr/v1/app", ""), ("/acr/v1/app", "repository:app:metadata_read"), ("/v2/", "a:b:c")]:
        reply = user.send("GET", path, scope)
        headers = reply.headers
        assert headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        assert headers["Server"] == "openresty"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Connection"] == "keep-alive"
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        assert headers.get_list("Strict-Transport-Security") == ["max-age=31536000; includeSubDomains"] * 2
        exposed = ["Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id"]
        assert headers.get_list("Access-Control-Expose-Headers") == exposed
        assert len(headers["X-Ms-Correlation-Request-Id"]) == 36
        assert "Date" in headers


def test_request_ids(user: User) -> None:
    digest = user.push_image("app", "v1")
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    reply = user.send("GET", "/v2/app/manifests/v1", "repository:app:pull", {**SENT, **accept})
    assert names(reply) >= IDS
    assert reply.headers["X-Ms-Client-Request-Id"] == "my-id"
    assert user.send("GET", "/v2/app/manifests/v1", "repository:app:pull").headers["X-Ms-Client-Request-Id"] == ""
    for path, scope in [
        ("/v2/app/manifests/v1", ""),
        ("/acr/v1/app", "repository:app:metadata_read"),
        ("/v2/app/blobs/" + user.push_blob("app", b"x"), "repository:app:pull"),
    ]:
        reply = user.send("GET", path, scope, SENT)
        assert not names(reply) & IDS, path
        assert RATE not in names(reply)
    reply = user.send("DELETE", f"/v2/app/manifests/{digest}", "repository:app:delete", SENT)
    assert names(reply) >= {*IDS, RATE}
    assert reply.headers[RATE] == "8.000000"
    reply = user.send("DELETE", "/acr/v1/app/_tags/v1", "repository:app:delete", SENT)
    assert names(reply) >= {*IDS, RATE}
    assert RATE not in names(user.send("DELETE", "/acr/v1/app", headers=SENT))


def test_connection_is_closed_for_who_wants_it(user: User) -> None:
    assert user.send("GET", "/v2/", headers={"Connection": "close"}).headers["Connection"] == "close"


def test_a_whole_url_is_taken_for_its_path(user: User) -> None:
    """As a proxy gets it (RFC 9112, section 3.2.2)."""
    with httpx.Client(proxy=user.registry.url) as client:
        for path in ("/v2/", "/v2/team/app/tags/list?n=1", "/acr/v1/a%2Fb"):
            reply = client.get(f"http://my.azurecr.io{path}")
            assert reply.status_code == 401
            assert (
                'realm="http://my.azurecr.io/oauth2/token",service="my.azurecr.io"' in reply.headers["www-authenticate"]
            )
