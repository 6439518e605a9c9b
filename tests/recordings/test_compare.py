"""The comparison of replies sees each thing that it is there to see."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import urlsplit

import attrs
import pytest

from tests.recordings.compare import mismatches
from tests.recordings.recording import Entry, Headers, Reply

UUID = "0a1b2c3d-0000-4000-8000-0123456789ab"
Change = Callable[[Reply], Reply]


def _location(offset: int = 0, host: str = "", name: str = "app") -> str:
    facts = {"Name": name, "UUID": UUID, "Offset": offset, "StartedAt": "2023-01-11T13:49:50.571158055Z"}
    state = base64.urlsafe_b64encode(bytes(32) + json.dumps(facts).encode()).decode().replace("=", "%3D")
    return f"{host}/v2/app/blobs/uploads/{UUID}?_nouploadcache=false&_state={state}"


def _challenge(host: str, actions: str = "pull,push", more: str = "") -> str:
    return f'Bearer realm="https://{host}/oauth2/token",service="{host}",scope="repository:app:{actions}"{more}'


def _reply(host: str) -> Reply:
    body = json.dumps(
        {"registry": host, "tag": {"name": "v1", "signed": False, "time": None}, "sizes": [1, 2]}
    ).encode()
    pairs = [
        ("content-length", str(len(body))),
        ("content-type", "application/json; charset=utf-8"),
        ("date", "Tue, 13 Dec 2022 07:11:20 GMT"),
        ("strict-transport-security", "max-age=1"),
        ("strict-transport-security", "max-age=1"),
        ("x-ms-request-id", UUID),
        ("link", '</acr/v1/_catalog?last=a&n=1&orderby=>; rel="next"'),
        ("location", _location()),
        ("www-authenticate", _challenge(host)),
        ("x-ms-ratelimit-remaining-calls-per-second", "166.65"),
    ]
    return Reply(200, Headers(tuple(pairs)), body)


RECORDED = Entry(
    index=0,
    method="GET",
    url=urlsplit("https://my.azurecr.io/acr/v1/app/_tags/v1"),
    headers=Headers(()),
    body=b"",
    reply=_reply("my.azurecr.io"),
    authorized=True,
)
OWN = "127.0.0.1:54321"


def _compared(reply: Reply) -> list[str]:
    return [found.what for found in mismatches(RECORDED, reply, OWN, "my.azurecr.io")]


def _without(name: str) -> Change:
    return lambda reply: _with_headers(reply, [pair for pair in reply.headers.pairs if pair[0] != name])


def _with(name: str, value: str) -> Change:
    return lambda reply: _with_headers(_without(name)(reply), [*_without(name)(reply).headers.pairs, (name, value)])


def _with_headers(reply: Reply, pairs: list[tuple[str, str]]) -> Reply:
    return attrs.evolve(reply, headers=Headers(tuple(pairs)))


def _with_body(old: bytes, new: bytes) -> Change:
    return lambda reply: attrs.evolve(reply, body=reply.body.replace(old, new))


def test_names_ids_and_the_order_of_actions_may_differ() -> None:
    reply = _with("www-authenticate", _challenge(OWN, "push,pull"))(_reply(OWN))
    reply = _with("x-ms-request-id", UUID.replace("0", "f"))(reply)
    reply = _with("date", "Wed, 14 Dec 2022 07:11:20 GMT")(reply)
    reply = _with("x-ms-ratelimit-remaining-calls-per-second", "8.000000")(reply)
    assert _compared(reply) == []


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda reply: attrs.evolve(reply, status=201), ["status"]),
        (_without("date"), ["date"]),
        (_without("link"), ["link"]),
        (_with("etag", '"1"'), ["etag"]),
        (_with("strict-transport-security", "max-age=1"), ["strict-transport-security"]),
        (_with("content-type", "application/json"), ["content-type"]),
        (_with("content-length", "1"), ["content-length"]),
        (_with("date", "2022-12-13"), ["date"]),
        (_with("x-ms-request-id", "1"), ["x-ms-request-id"]),
        (_with("x-ms-ratelimit-remaining-calls-per-second", "8"), ["x-ms-ratelimit-remaining-calls-per-second"]),
        (_with("link", '</acr/v1/_catalog?last=a&n=1>; rel="next"'), ["link"]),
        (_with("www-authenticate", _challenge(OWN, "pull")), ["www-authenticate.scope"]),
        (_with("www-authenticate", _challenge(OWN, more=',error="x"')), ["www-authenticate.error"]),
        (_with("www-authenticate", _challenge("else.where")), ["www-authenticate.realm", "www-authenticate.service"]),
        (_with("www-authenticate", _challenge(OWN).replace("https:", "http:")), ["www-authenticate.realm scheme"]),
        (_with("location", _location(7)), ["location._state.offset"]),
        (_with("location", _location(name="other")), ["location._state.name"]),
        (_with("location", _location().replace("/app/", "/b/")), ["location.path"]),
        (_with("location", _location().replace("_nouploadcache=false&", "")), ["location._nouploadcache"]),
        (
            _with("location", _location(host="https://else.where")),
            ["location.container", "location.path", "location.relative", "location.scheme"],
        ),
        (_with_body(b'"v1"', b'"v2"'), ["body.tag.name"]),
        (_with_body(b'"v1"', b"1"), ["body.tag.name"]),
        (_with_body(b"false", b"0"), ["body.tag.signed"]),
        (_with_body(b'"time": null', b'"more": null'), ["body.tag.more", "body.tag.time"]),
        (_with_body(b'"name": "v1", "signed": false', b'"signed": false, "name": "v1"'), ["body.tag order"]),
        (_with_body(b"[1, 2]", b"[1]"), ["body.sizes"]),
        (_with_body(b"[1, 2]", b"[2, 1]"), ["body.sizes[]", "body.sizes[]"]),
        (_with_body(b"}", b"} "), ["body"]),
        (lambda reply: _with("content-type", "text/plain")(_with_body(b"{", b"<")(reply)), ["body", "content-type"]),
    ],
)
def test_a_change_is_seen(change: Change, seen: list[str]) -> None:
    assert sorted(_compared(change(_reply(OWN)))) == seen
