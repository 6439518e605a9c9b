"""From an error answer to an exception: what it tells, and what it never repeats."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from acr_rest.redaction import redact
from acr_rest.types import AnyRequest as Request
from hypothesis import given, settings, strategies as st

from acr._core.talk.failures import failure, retry_after
from acr._shells.stepping import run
from acr.errors import (
    Denied,
    Locked,
    NotFound,
    RateLimited,
    ResponseError,
    ServerError,
    TransportError,
    Unauthorized,
)
from tests.patience import no_backtracking

REQUEST = Request("GET", "/v2/team%2Fapp/blobs/uploads/1?_state=secret", {})
JSON = {"content-type": "application/json; charset=utf-8"}
JWT = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"RS256"}', b'{"sub":"me"}', b"\xfb\xff" * 40)
)
SAS = "https://x.blob.core.windows.net/c/d?se=2026-01-01&sig=hunter2%3D&sp=r&spr=https&sr=b&sv=2016-05-31&regid=77"


class Answer:
    """An answer with a given body, which counts what is read of it."""

    def __init__(self, status: int, *blocks: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers: Mapping[str, str] = headers or {}
        self.blocks = blocks
        self.given = 0
        self.closed = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for block in self.blocks:
            self.given += len(block)
            yield block

    async def readinto(self, buffer: memoryview) -> int:
        raise AssertionError("an error's body is read by chunks")

    def until(self, deadline: float | None) -> None:
        raise AssertionError("an error's body is read in the call that sent the request")

    async def aclose(self) -> None:
        self.closed = True


def error_of(answer: Answer) -> ResponseError:
    error = run(failure(REQUEST, "my.azurecr.io", answer))
    assert answer.closed
    return error


def body(*errors: dict[str, Any]) -> bytes:
    return json.dumps({"errors": list(errors)}).encode() + b"\n"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ResponseError),
        (401, Unauthorized),
        (403, Denied),
        (404, NotFound),
        (405, ResponseError),
        (409, ResponseError),
        (416, ResponseError),
        (423, Locked),
        (429, RateLimited),
        (500, ServerError),
        (503, ServerError),
        (599, ServerError),
    ],
)
def test_the_status_makes_the_kind(status: int, kind: type[ResponseError]) -> None:
    error = error_of(Answer(status, body({"code": "ODD", "message": "so it is"}), headers=JSON))

    assert type(error) is kind
    assert error.status == status
    assert error.codes == ("ODD",)
    assert f"GET /v2/team%2Fapp/blobs/uploads/… at my.azurecr.io: {status} ODD: so it is" in str(error)


@pytest.mark.parametrize("status", [403, 405, 409])
def test_a_locked_item_is_known_by_its_code_whatever_the_status(status: int) -> None:
    refused = {"code": "REGISTRY_DISALLOWED_OPERATION", "message": "The operation is disallowed on this registry"}
    error = error_of(Answer(status, body(refused), headers=JSON))

    assert type(error) is Locked
    assert "update(can_read=True)" in str(error)  # a GET: what forbids to write does not forbid it


@pytest.mark.parametrize(
    ("entry", "detail"),
    [
        ({}, None),
        ({"detail": None}, None),
        ({"detail": "digest parsing failed"}, "digest parsing failed"),
        ({"detail": {"Tag": "wrong-tag"}}, {"Tag": "wrong-tag"}),
        ({"detail": [{"Type": "repository", "Action": "pull"}]}, [{"Type": "repository", "Action": "pull"}]),
        ({"detail": 5}, 5),
        ({"detail": {"a": [None, True, 1.5]}}, {"a": [None, True, 1.5]}),
    ],
)
def test_a_detail_of_any_shape_is_kept(entry: dict[str, Any], detail: object) -> None:
    error = error_of(Answer(404, body({"code": "MANIFEST_UNKNOWN", "message": "no such", **entry}), headers=JSON))

    assert error.detail == detail


def test_every_entry_is_kept_in_order() -> None:
    error = error_of(Answer(400, body({"code": "A", "message": "a"}, {"code": "B"}, {"message": "c"}), headers=JSON))

    assert error.codes == ("A", "B", "UNKNOWN")
    assert [entry.message for entry in error.errors] == ["a", "", "c"]
    assert str(error).endswith("400 A: a; B; UNKNOWN: c")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"404 page not found\n", "text/plain; charset=utf-8"),
        (b"<html><h1>502 Bad Gateway</h1></html>", "text/html"),
        (b"<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code></Error>", "application/xml"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b'{"errors": "text"}', "application/json"),
        (b'{"errors": [5]}', "application/json"),
        (b'{"errors": [{"code": 5}]}', "application/json"),
        (b"\xff\xfe\x00", "application/octet-stream"),
        (b"[" * 60_000, "application/json"),
        (b'{"errors":[{"code":"A","detail":' + b"[" * 700 + b"]" * 700 + b"}]}", "application/json"),
    ],
)
def test_a_body_that_is_no_error_body_is_shown_from_its_beginning(content: bytes, content_type: str) -> None:
    error = error_of(Answer(404, content, headers={"content-type": content_type}))

    if error.codes != ("A",):  # how deep JSON may be differs from Python to Python
        assert error.errors == ()
        assert f"404 with {content_type}, beginning " in str(error)
    assert len(str(error)) < 1000


@pytest.mark.parametrize("content", [b"{}", b'{"errors": null}', b'{"errors": []}'])
def test_an_error_body_without_errors_is_shown_too(content: bytes) -> None:
    assert f"beginning {content.decode()!r}" in str(error_of(Answer(500, content)))


@pytest.mark.parametrize(
    ("status", "text"), [(404, "404 Not Found"), (502, "502 Bad Gateway"), (499, "499 without a body")]
)
def test_without_a_body_the_status_is_named(status: int, text: str) -> None:
    error = error_of(Answer(status))

    assert text in str(error)
    assert (error.errors, error.correlation_id, error.retry_after, error.challenge) == ((), None, None, None)


def test_headers_that_help_are_kept() -> None:
    headers = {
        "x-ms-correlation-request-id": "0a1b",
        "retry-after": "7",
        "www-authenticate": 'Bearer realm="https://my.azurecr.io/oauth2/token"',
    }
    error = error_of(Answer(429, headers=headers))

    assert (error.correlation_id, error.retry_after) == ("0a1b", 7)
    assert error.challenge == 'Bearer realm="https://my.azurecr.io/oauth2/token"'
    assert str(error).endswith("[correlation id 0a1b]")


def test_no_more_than_64_kib_are_read() -> None:
    answer = Answer(500, *[b"x" * 10_000] * 100)
    error = error_of(answer)

    assert answer.given == 70_000
    assert len(str(error)) < 400


def test_json_that_is_cut_there_is_shown_from_its_beginning() -> None:
    error = error_of(Answer(500, body({"code": "A", "message": "m" * 70_000}), headers=JSON))

    assert error.errors == ()
    assert len(str(error)) < 400


def test_an_answer_that_breaks_off_is_closed_and_keeps_its_status() -> None:
    class Broken(Answer):
        async def chunks(self) -> AsyncGenerator[bytes, None]:
            yield b"<html>gone"
            raise TransportError("lost")

    answer = Broken(500)
    found = run(failure(REQUEST, "my.azurecr.io", answer))

    assert answer.closed
    assert found.status == 500
    assert "<html>gone" in str(found)


@pytest.mark.parametrize(
    "entry",
    [
        {"code": "A", "message": f"token {JWT} expired"},
        {"code": "A", "message": f"cannot reach {SAS}"},
        {"code": f"A {JWT}"},
        {"code": "A", "detail": SAS},
        {"code": "A", "detail": [{"copySource": SAS, "tokens": [JWT]}]},
    ],
)
def test_echoed_secrets_are_nowhere_in_the_error(entry: dict[str, Any]) -> None:
    # Go writes "&" as an escape, so that redacting the raw body would not do.
    content = body(entry).replace(b"&", b"\\u0026")
    error = error_of(Answer(400, content, headers=JSON))
    told = f"{error} {error.errors}"

    assert error.codes[0].startswith("A")
    assert "hunter2" not in told
    assert JWT.rpartition(".")[2] not in told
    assert JWT.split(".")[1] not in told


def test_an_echoed_form_is_nowhere_in_the_error() -> None:
    detail = {"access_token": "opaque1", "sent": ["refresh_token=opaque2"], "Authorization": "opaque3"}
    content = body({"code": "A", "message": "password=opaque4 Basic opaque5", "detail": detail})
    error = error_of(Answer(400, content, headers=JSON))

    assert "opaque" not in f"{error} {error.errors}"
    assert "refresh_token=…" in str(error.errors)


@pytest.mark.parametrize("padding", range(100, 210, 10))
def test_secrets_that_are_cut_are_redacted_too(padding: int) -> None:
    told = str(error_of(Answer(500, b"x" * padding + b" " + JWT.encode() + b" " + SAS.encode())))

    assert "eyJ" not in told
    assert "hunter" not in told


def test_the_query_of_the_request_is_not_shown() -> None:
    assert "secret" not in str(error_of(Answer(404)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing to hide", "nothing to hide"),
        (f"a {JWT} b", "a … b"),
        (f'{{"token":"{JWT}"}}', '{"token":"…"}'),
        (f"{JWT},{JWT}", "…,…"),
        (f"{JWT}.{'x' * 20}.{'y' * 20}", "…"),  # encrypted ones have five parts
        ("eyJhbGciOi.eyJzdWI.", "…"),  # unsigned
        ("keyJohn.Smith.x", "keyJohn.Smith.x"),
        ("/b?sig=abc&x=1", "/b?sig=…&x=1"),
        ("/b?x=1&SIG=abc", "/b?x=1&SIG=…"),
        ("/b?x=1&amp;sig=abc</Url>", "/b?x=1&amp;sig=…</Url>"),
        ("/u?_nouploadcache=false&_state=Zm9v%3D%3D", "/u?_nouploadcache=false&_state=…"),
        ('"/b?sig=abc"', '"/b?sig=…"'),
        ("/b?design=abc", "/b?design=abc"),
        ("/b?X-Amz-Signature=abc&X-Amz-Date=1", "/b?X-Amz-Signature=…&X-Amz-Date=1"),
        ("/b?x=1&X-Amz-Security-Token=abc", "/b?x=1&X-Amz-Security-Token=…"),
        ("/b?X-Goog-Signature=abc", "/b?X-Goog-Signature=…"),
        ("/b?Expires=1&Signature=abc&Key-Pair-Id=K", "/b?Expires=1&Signature=…&Key-Pair-Id=…"),
        ("got Basic bWU6c2VjcmV0=, not this", "got Basic … not this"),
        ("Authorization: bearer opaque/123", "Authorization: bearer …"),
        ('{"Authorization":"Basic bWU6c2VjcmV0="}', '{"Authorization":"Basic …"}'),
        ("Bearer%20opaque", "Bearer%20…"),
        ('Bearer realm="https://r/token",service="r"', 'Bearer realm="https://r/token",service="r"'),
        (
            "Basic authentication is off; the Bearer token expired",
            "Basic authentication is off; the Bearer token expired",
        ),
        ("refresh_token=abc&grant_type=x", "refresh_token=…&grant_type=x"),
        ("grant_type=x&access_token=abc", "grant_type=x&access_token=…"),
        ("token=a identity_token=b identitytoken=c", "token=… identity_token=… identitytoken=…"),
        ("client_secret=a&assertion=b&password='c'", "client_secret=…&assertion=…&password='…'"),
        ("form: token%3Dabc%26x%3D1", "form: token%3D…%26x%3D1"),
        ('{"refresh_token": "a&b c", "x": "y"}', '{"refresh_token": "…", "x": "y"}'),
        ("sig=abc&x=1", "sig=…&x=1"),
    ],
)
def test_redaction_takes_out_tokens_and_signatures(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "unit", ["-eyJ", "eyJ-", "eyJa.", "eyJa..", " eyJa.b", "?sig=", "?sig", "eyJ.", "Basic ", "token=", 'token" ', "+"]
)
def test_hostile_texts_are_not_tried_in_every_way(unit: str) -> None:
    with no_backtracking():
        redact(unit * (1024 * 1024 // len(unit)))


NOW = "Wed, 21 Oct 2015 07:27:00 GMT"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("2.5", 2.5),
        (" 5 ", 5),
        ("-5", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", 60),
        ("Wed Oct 21 07:28:00 2015", 60),
        ("Wed, 21 Oct 2015 09:28:00 +0200", 60),
        ("Wed, 21 Oct 2015 07:26:00 GMT", 0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 -99999999999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, date=NOW) == seconds


@pytest.mark.parametrize(
    ("date", "until", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:27:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("Fri, 31 Dec 9999 23:59:50 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", 9),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:27:00 GMT", 0),
    ],
)
def test_a_date_is_measured_by_the_answer_s_own(date: str, until: str, seconds: float) -> None:
    """The clock of this machine may be an hour off, or ten years."""
    assert error_of(Answer(429, headers={"retry-after": until, "date": date})).retry_after == seconds


@pytest.mark.parametrize("date", [{}, {"date": ""}, {"date": "yesterday"}])
def test_without_a_date_of_its_own_it_is_measured_by_this_machine_s(date: dict[str, str]) -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    error = error_of(Answer(429, headers={"retry-after": in_an_hour, **date}))
    assert error.retry_after == pytest.approx(3600, abs=60)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(), st.text())
def test_any_dates_will_do(until: str, date: str) -> None:
    error = error_of(Answer(429, headers={"retry-after": until, "date": date}))
    assert error.retry_after is None or 0 <= error.retry_after < float("inf")


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(
    st.one_of(
        st.text(),
        st.text("0123456789+-.eE_ "),
        st.builds(
            "{}, {} Oct {} {}:{}:{} {}".format,
            st.sampled_from(["Wed", "Wednesday", ""]),
            *[st.one_of(st.integers(-1, 99), st.integers()) for _ in range(5)],
            st.sampled_from(["GMT", "+0200", "+9999", "", "Z"]),
        ),
    )
)
def test_any_retry_after_is_some_seconds_or_none(header: str) -> None:
    seconds = retry_after(header, date=NOW)

    assert seconds is None or 0 <= seconds < float("inf")


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(100, 999), st.lists(st.binary(), max_size=4), st.dictionaries(st.just("retry-after"), st.text()))
def test_any_answer_becomes_an_error(status: int, blocks: list[bytes], headers: dict[str, str]) -> None:
    assert error_of(Answer(status, *blocks, headers=headers)).status == status
