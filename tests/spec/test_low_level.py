"""acr_rest alone: requests that read their own answers, headers of any client, pages, failures, what is not known."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Mapping
from email.message import Message
from pathlib import Path
from typing import Any

import acr_rest
import attrs
import httpx
import pytest
from acr_rest import InvalidResponse, Request, Response, api, models, next_page, parse_failure, source, types
from acr_rest.api import (
    complete_upload,
    get_access_token,
    get_blob,
    get_manifest,
    get_manifests,
    get_referrers,
    get_repositories,
    get_tag_names,
    get_tags,
    mount_blob,
    start_upload,
    update_tag_properties,
    upload_chunk,
)

from tests.fuzz.rest import DOCUMENTS

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "0123456789abcdef" * 4
TIME = "2021-03-12T19:48:54.1234567Z"
TAG = {"name": "v1", "digest": DIGEST, "createdTime": TIME, "lastUpdateTime": TIME}
PAGE = {"registry": "r", "imageName": "team/app", "tags": [TAG]}
SECRET = "c0ffee-5ecret"


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


# ---- Names and scopes ------------------------------------------------------------------------


def test_each_operation_has_a_name_of_its_own_in_one_list() -> None:
    assert len(dir(api)) == source.OPERATIONS
    for name in dir(api):
        module = getattr(api, name)
        assert module.__name__.rpartition(".")[2] == name
        assert not name.startswith(("container_registry", "authentication"))
    with pytest.raises(AttributeError, match="get_nonsense"):
        _ = api.get_nonsense  # type: ignore[attr-defined]


def test_each_operation_says_which_scopes_it_needs() -> None:
    document = json.loads((ROOT / "spec" / "openapi.json").read_text(encoding="utf-8"))
    declared = {op["operationId"]: op["x-scopes"] for item in document["paths"].values() for op in item.values()}
    found = {getattr(api, name).OPERATION_ID: list(getattr(api, name).SCOPES) for name in dir(api)}
    assert found == declared


LINK = "/v2/team/app/blobs/uploads/8a1c?_state=x"


@pytest.mark.parametrize(
    ("request_", "scopes"),
    [
        (get_repositories.build_request(), ("registry:catalog:*",)),
        (get_tags.build_request("team/app"), ("repository:team/app:metadata_read",)),
        (get_blob.build_request("team/app", DIGEST), ("repository:team/app:pull",)),
        (start_upload.build_request("a"), ("repository:a:pull,push",)),
        (mount_blob.build_request("a", from_="b", mount=DIGEST), ("repository:a:pull,push", "repository:b:pull")),
        (upload_chunk.build_request(LINK, content=b""), ("repository:team/app:pull,push",)),
        (upload_chunk.build_request("/v2/team%2Fapp/blobs/uploads/1", content=b""), ("repository:team/app:pull,push",)),
        (upload_chunk.build_request("/artifacts-uploads/1", content=b""), ()),
        (get_access_token.build_request(grant_type="password", scope=["s"], service="r"), ()),
    ],
)
def test_a_request_has_its_scopes(request_: Request[Any], scopes: tuple[str, ...]) -> None:
    assert request_.scopes == scopes


# ---- Requests that read their own answers ----------------------------------------------------


def message(pairs: list[tuple[str, str]]) -> Any:
    found = Message()
    for name, value in pairs:
        found[name] = value
    return found.items()


HEADERS: dict[str, Callable[[list[tuple[str, str]]], Any]] = {
    "dict": dict,
    "lower": lambda pairs: {name.lower(): value for name, value in pairs},
    "upper": lambda pairs: {name.upper(): value for name, value in pairs},
    "httpx": httpx.Headers,
    "pairs": lambda pairs: pairs,
    "bytes": lambda pairs: [(name.encode(), value.encode()) for name, value in pairs],
    "generator": iter,
    "http.client": message,
}


@pytest.mark.parametrize("make", HEADERS.values(), ids=HEADERS)
def test_headers_are_read_in_any_case_and_form(make: Callable[[list[tuple[str, str]]], Any]) -> None:
    headers = make([("Content-Type", "application/json"), ("Link", '</next>; rel="next"')])
    assert get_tags.build_request("a").parse(200, headers, as_bytes(PAGE)).link == '</next>; rel="next"'


def test_headers_are_read_in_any_case_by_a_module_too() -> None:
    result = get_tags.parse(Response(200, {"LINK": "</next>"}, as_bytes(PAGE)))
    assert result.link == "</next>"


def test_a_header_that_is_there_twice_is_joined() -> None:
    links = [("Link", '</a>; rel="prev"'), ("link", '</b>; rel="next"')]
    request = get_tags.build_request("a")
    page = request.parse(200, links, as_bytes(PAGE))
    following = next_page(request, page)
    assert following is not None
    assert following.target == "/b"


def test_a_response_can_be_made_of_a_response() -> None:
    first = Response(201, {"Link": "x"})
    assert attrs.evolve(first, status=200) == Response(200, {"link": "x"})


def test_a_failure_is_no_answer_that_the_operation_has() -> None:
    with pytest.raises(InvalidResponse, match="ContainerRegistry_GetTags, status 404"):
        get_tags.build_request("a").parse(404, {}, b"{}")


def test_a_request_that_is_made_by_hand_has_no_parser() -> None:
    with pytest.raises(TypeError, match="made by hand"):
        Request[Any]("GET", "/", {}).parse(200, {})


# ---- Pages -----------------------------------------------------------------------------------


def page_after(link: str | None, base_url: str | None = None) -> Request[get_tags.Result] | None:
    request = get_tags.build_request("team/app", n=2)
    headers = {} if link is None else {"Link": link}
    return next_page(request, request.parse(200, headers, as_bytes(PAGE)), base_url=base_url)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        (
            '</acr/v1/team%2Fapp/_tags?last=v2&n=2&orderby=>; rel="next"',
            "/acr/v1/team%2Fapp/_tags?last=v2&n=2&orderby=",
        ),
        ("<?last=v2&n=2>; rel=next", "/acr/v1/team/app/_tags?last=v2&n=2"),
        ("<_tags?last=v2>;rel='next'", "/acr/v1/team/app/_tags?last=v2"),
        ('</a>; rel="prev", </b>; title="x, y"; REL="last NEXT"', "/b"),
        ('</b#part>; rel="next"', "/b"),
    ],
)
def test_a_relative_link_leads_to_the_next_page(link: str, target: str) -> None:
    following = page_after(link)
    assert following is not None
    assert following == attrs.evolve(get_tags.build_request("team/app"), target=target)
    assert following.parse(200, {}, as_bytes(PAGE)).body.tags[0].name == "v1"


@pytest.mark.parametrize("link", [None, "", '</a>; rel="prev"', "</a>"])
def test_the_last_page_has_no_link_to_a_next_one(link: str | None) -> None:
    assert page_after(link) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/acr/v1/team/app/_tags",
        "//evil.example/x",
        "/\\evil.example/x",
        "http://my.azurecr.io/x",
        "https://my.azurecr.io:444/x",
        "https://my.azurecr.io@evil.example/x",
        "https://user@my.azurecr.io/x",
        "file:///etc/passwd",
        "/a b",
        "/a\x7fb",
        "///evil.example",
        "https://[::1",
        "https://my.azurecr.io:x/",
        "https://my.azurecr.io//evil.example/x",
    ],
)
@pytest.mark.parametrize("base_url", [None, "https://my.azurecr.io"])
def test_no_link_leads_to_another_host(link: str, base_url: str | None) -> None:
    with pytest.raises(InvalidResponse, match="ContainerRegistry_GetTags, status 200: header link: "):
        page_after(f'<{link}>; rel="next"', base_url)


@pytest.mark.parametrize("base", ["https://my.azurecr.io", "https://MY.azurecr.io:443/", "https://my.azurecr.io/"])
def test_an_absolute_link_to_the_same_host_is_taken_if_the_host_is_known(base: str) -> None:
    following = page_after('<https://my.azurecr.io/acr/v1/b/_tags?last=x>; rel="next"', base)
    assert following is not None
    assert following.target == "/acr/v1/b/_tags?last=x"


@pytest.mark.parametrize("link", ["</a; rel=next", "a", '</a>; rel="next" <', '</a>; rel="next'])
def test_a_link_that_is_malformed_does_not_end_the_listing(link: str) -> None:
    with pytest.raises(InvalidResponse, match="header link: malformed"):
        page_after(link)


def test_a_link_to_the_same_page_does_not_go_in_a_circle() -> None:
    same = get_tags.build_request("team/app", n=2).target
    with pytest.raises(InvalidResponse, match="the same page again"):
        page_after(f'<{same}>; rel="next"')


def test_each_listing_can_be_paged() -> None:
    bodies: list[tuple[Request[Any], object]] = [
        (get_repositories.build_request(), {"repositories": []}),
        (get_tag_names.build_request("a"), {"name": "a", "tags": []}),
        (get_manifests.build_request("a"), {"manifests": []}),
        (get_referrers.build_request("a", DIGEST), {"manifests": []}),
    ]
    for request, body in bodies:
        page = request.parse(200, {"LINK": "</next>; rel=next"}, as_bytes(body))
        following = next_page(request, page)
        assert following is not None
        assert (following.target, following.operation, following.scopes) == ("/next", request.operation, request.scopes)


# ---- What is odd -----------------------------------------------------------------------------


def test_one_odd_entry_does_not_lose_the_page() -> None:
    odd = [{**TAG, "digest": None}, "v9", {**TAG, "createdTime": SECRET}, {"digest": DIGEST}, None]
    content = as_bytes({**PAGE, "tags": [TAG, *odd, {**TAG, "name": "v2"}], "more": [1]})
    request = get_tags.build_request("team/app")
    page, unread = request.parse_leniently(200, {"Link": "</x>; rel=next"}, content)
    assert [tag.name for tag in page.body.tags] == ["v1", "v2"]
    assert page.link == "</x>; rel=next"
    assert [(entry.place, entry.problem) for entry in unread] == [
        ("tags[1]", "digest: expected a string, got null"),
        ("tags[2]", "expected an object, got a string"),
        ("tags[3]", "createdTime: expected an RFC 3339 time, got a string"),
        ("tags[4]", "name: missing"),
        ("tags[5]", "expected an object, got null"),
    ]
    assert [entry.value for entry in unread] == odd
    assert SECRET not in repr(unread)
    with pytest.raises(InvalidResponse, match=r"tags\[1\]: digest"):
        request.parse(200, {}, content)


def test_a_page_that_is_right_is_read_leniently_as_otherwise() -> None:
    request = get_tags.build_request("team/app")
    assert request.parse_leniently(200, {}, as_bytes(PAGE)) == (request.parse(200, {}, as_bytes(PAGE)), [])


def test_an_entry_of_an_entry_makes_the_whole_entry_odd() -> None:
    entry = {"digest": DIGEST, "createdTime": TIME, "lastUpdateTime": TIME, "tags": ["v1", 5]}
    page, unread = get_manifests.build_request("a").parse_leniently(200, {}, as_bytes({"manifests": [entry]}))
    assert page.body.manifests == []
    assert [(entry.place, entry.problem) for entry in unread] == [
        ("manifests[0]", "tags[1]: expected a string, got a number")
    ]


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"tags": 5}', b'{"registry": 1, "tags": [{}]}'])
def test_what_is_no_page_is_refused_leniently_too(content: bytes) -> None:
    with pytest.raises(InvalidResponse):
        get_tags.build_request("a").parse_leniently(200, {}, content)
    with pytest.raises(InvalidResponse):
        get_tags.build_request("a").parse_leniently(500, {}, as_bytes(PAGE))


# ---- What is not known -----------------------------------------------------------------------

KNOWN_MODELS = [getattr(models, name) for name in dir(models) if hasattr(getattr(models, name), "from_dict")]


@pytest.mark.parametrize("model", KNOWN_MODELS, ids=lambda model: model.__name__)
def test_each_model_keeps_what_it_does_not_know(model: Any) -> None:
    document = DOCUMENTS[model.__name__]
    data = {key: value for key, value in document.items() if key not in model.from_dict(document).additional_properties}
    without = model.from_dict(data)
    assert without.additional_properties is types.NOTHING
    made = model.from_dict({**data, "unheard-of": SECRET})
    assert made.additional_properties == {"unheard-of": SECRET}
    assert SECRET not in repr(made)
    if model is models.Annotations:  # whose other members are data
        assert made.to_dict()["unheard-of"] == SECRET
    else:
        assert SECRET not in json.dumps(made.to_dict())
        assert made == without
    for again in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert (again, again.additional_properties) == (made, made.additional_properties)
    assert copy.deepcopy(without).additional_properties is types.NOTHING
    assert pickle.loads(pickle.dumps(without)).additional_properties is types.NOTHING


def test_the_empty_mapping_that_all_share_cannot_be_changed() -> None:
    nothing = models.TagAttributesBase.from_dict(TAG).additional_properties
    assert nothing is models.Annotations().additional_properties is models.AcrErrors().additional_properties
    assert (dict(nothing), len(nothing), repr(nothing), nothing == {}) == ({}, 0, "{}", True)
    for change in ("__setitem__", "update", "setdefault", "__ior__", "pop"):
        assert not hasattr(nothing, change)
    with pytest.raises(KeyError):
        _ = nothing["x"]


def test_null_and_absent_are_no_members_that_are_not_known() -> None:
    tag = models.TagAttributesBase.from_dict({**TAG, "signed": None, "changeableAttributes": None})
    assert tag.additional_properties is types.NOTHING


def test_what_is_not_known_does_not_get_into_a_request() -> None:
    read = models.TagChangeableAttributes.from_dict({"deleteEnabled": True, "unheard-of": SECRET})
    request = update_tag_properties.build_request("app", "v1", body=read)
    assert request.content == b'{"deleteEnabled":true}'


def test_a_model_stays_frozen_and_is_one_of_its_class() -> None:
    tag = models.TagAttributesBase.from_dict(TAG)
    assert type(tag) is models.TagAttributesBase
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        tag.name = "other"  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(tag, "name")
    assert hash(tag) == hash(models.TagAttributesBase.from_dict({**TAG, "more": 1}))
    assert attrs.evolve(tag, name="v2").name == "v2"


def test_a_class_that_extends_a_model_reads_itself() -> None:
    @attrs.frozen(kw_only=True)
    class Ours(models.TagAttributesBase):
        colour: str = "red"

    tag = Ours.from_dict({**TAG, "more": 1})
    assert (type(tag), tag.name, tag.colour, tag.additional_properties) == (Ours, "v1", "red", {"more": 1})


def test_any_mapping_is_an_object() -> None:
    class Other(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return TAG[key]

        def __iter__(self) -> Any:
            return iter(TAG)

        def __len__(self) -> int:
            return len(TAG)

    assert models.TagAttributesBase.from_dict(Other()) == models.TagAttributesBase.from_dict(TAG)


# ---- Failures --------------------------------------------------------------------------------


def test_a_failure_is_read_into_its_model() -> None:
    detail = [{"Type": "repository", "Name": "app", "Action": "pull"}]
    body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": detail}], "more": 1}
    challenge = 'Bearer realm="https://r/oauth2/token",service="r"'
    headers = httpx.Headers({"WWW-Authenticate": challenge, "Retry-After": "5"})
    headers["X-Ms-Correlation-Request-Id"] = "a-b"
    failure = parse_failure(401, headers, as_bytes(body))
    assert failure.body is not None
    (error,) = failure.body.errors
    assert (error.code, error.message, error.detail) == ("UNAUTHORIZED", "authentication required", detail)
    assert (failure.status, failure.retry_after, failure.request_id) == (401, "5", "a-b")
    assert failure.challenge == challenge


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"5", b"\xff", b"[" * 60_000, b'{"errors": 5}', b"1" * 70_000]
)
def test_a_failure_that_cannot_be_read_is_a_failure_all_the_same(content: bytes) -> None:
    assert parse_failure(502, {}, content) == acr_rest.Failure(502)


JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiIx.{SECRET}"


@pytest.mark.parametrize(
    "echo",
    [
        JWT,
        f"got Authorization: Bearer {SECRET}",
        f"refresh_token={SECRET}",
        f'{{"access_token": "{SECRET}"}}',
        f"https://x.blob.core.windows.net/b?se=1&sig={SECRET}",
        f"/v2/app/blobs/uploads/{SECRET}?_state={SECRET}",
    ],
)
def test_a_failure_has_no_secret_even_if_the_server_repeats_it(echo: str) -> None:
    body = {
        "errors": [{"code": echo, "message": echo, "detail": [{"Name": echo, echo: 1, "password": SECRET}]}],
        echo: 1,
    }
    headers = {"WWW-Authenticate": f"Bearer {SECRET}", "Retry-After": echo, "x-ms-correlation-request-id": echo}
    failure = parse_failure(401, headers, as_bytes(body))
    assert failure.body is not None
    everything = repr(failure) + json.dumps(failure.body.to_dict()) + repr(failure.body.additional_properties)
    assert SECRET not in everything


def test_a_failure_is_bounded_and_fit_to_be_printed() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    error = {"code": "A" * 5_000, "message": "\x1b[2J\n", "detail": deep}
    failure = parse_failure(400, {}, as_bytes({"errors": [error]}))
    assert failure.body is not None
    assert len(failure.body.errors[0].code or "") <= 2_001
    assert failure.body.errors[0].message == "\\x1b[2J\\n"
    many = parse_failure(400, {}, as_bytes({"errors": [{"code": "A"}] * 3_000}))
    assert many.body is not None
    assert len(many.body.errors) == 100
    assert repr(failure.body.errors[0].detail).count("[") <= 10


# ---- No secret in a repr ---------------------------------------------------------------------

STATE = f"/v2/team/app/blobs/uploads/{SECRET}?_nouploadcache=false&_state={SECRET}"


def test_no_repr_of_a_request_shows_the_state_of_an_upload_or_a_token() -> None:
    requests: list[Request[Any]] = [
        upload_chunk.build_request(STATE, content=SECRET.encode()),
        complete_upload.build_request(STATE, digest=DIGEST),
        get_access_token.build_request(grant_type="refresh_token", scope=[], service="r", refresh_token=SECRET),
        Request("GET", "/v2/", {"Authorization": f"Bearer {SECRET}"}),
    ]
    for request in requests:
        assert SECRET not in repr(request)
        assert request.method in repr(request)
    assert "/v2/team/app/blobs/uploads/…" in repr(requests[0])
    assert "Authorization" in repr(requests[3])


SHOWN = {
    "content_range",
    "content_type",
    "docker_content_digest",
    "etag",
    "oci_filters_applied",
    "oci_subject",
    "range_",
}
SHOWN |= {"status", "body", "content_length"}


@pytest.mark.parametrize("name", dir(api))
def test_no_repr_of_an_answer_shows_what_may_be_a_secret(name: str) -> None:
    module = getattr(api, name)
    for item in attrs.fields(module.Result):
        if item.name not in SHOWN:
            assert item.repr is False, item.name


def test_the_answers_with_signed_urls_and_states_do_not_show_them() -> None:
    url = f"https://x.blob.core.windows.net/b?sig={SECRET}"
    moved = get_blob.build_request("a", DIGEST).parse(307, {"Location": url, "Docker-Content-Digest": DIGEST})
    opened = start_upload.build_request("a").parse(202, {"Location": STATE, "Docker-Upload-UUID": SECRET})
    manifest = get_manifest.build_request("a", "v1").parse(200, {"Content-Type": "a/b"}, SECRET.encode())
    token = get_access_token.build_request(grant_type="password", scope=[], service="r")
    answered = token.parse(200, {}, as_bytes({"access_token": SECRET, "refresh_token": SECRET}))
    page = get_tags.build_request("a").parse(200, {"Link": f"<{STATE}>; rel=next"}, as_bytes({**PAGE, "x": SECRET}))
    response = Response(307, {"Location": url, "Set-Cookie": SECRET}, SECRET.encode())
    for shown in (moved, opened, manifest, answered, page, response):
        assert SECRET not in repr(shown)
    assert (moved.location, opened.location, manifest.content) == (url, STATE, SECRET.encode())
    assert DIGEST in repr(moved)
