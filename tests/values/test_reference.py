"""Names from the outside: repositories, tags, references and login servers, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from acr._values.digest import Digest
from acr._values.reference import Endpoint, Reference, check_reference, check_repository, check_tag
from acr.errors import InvalidReference, UnsupportedDigest

DIGEST = "sha256:" + "a" * 64
NOT_TEXT: list[Any] = [None, 5, b"team/app"]


@pytest.mark.parametrize(
    "name", ["a", "0", "team/app", "a.b", "a_b", "a__b", "a-b", "a---b", "a/b/c/d", "x" * 255, "library/hello-world"]
)
def test_repository_names_are_taken(name: str) -> None:
    assert check_repository(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Team/app",
        "/app",
        "app/",
        "team//app",
        "..",
        "team/../app",
        "./app",
        ".app",
        "app.",
        "a..b",
        "a___b",
        "a.-b",
        "_a",
        "-a",
        "a b",
        "a\n",
        "a:v1",
        "a@b",
        "a%2Fb",
        "a?b",
        "a#b",
        "a\\b",
        "é",
        "٣",
        "x" * 256,
        *NOT_TEXT,
    ],
)
def test_other_repository_names_are_refused(name: Any) -> None:
    with pytest.raises(InvalidReference, match="expected a repository name"):
        check_repository(name)


@pytest.mark.parametrize("tag", ["v1", "_", "1.0", "latest", "A-b_c.d", "x" * 128])
def test_tags_are_taken(tag: str) -> None:
    assert check_tag(tag) == tag


@pytest.mark.parametrize(
    "tag", ["", ".v1", "-v1", "v1\n", "v 1", "a/b", "a:b", "..", "a%2F", "é", "x" * 129, DIGEST, *NOT_TEXT]
)
def test_other_tags_are_refused(tag: Any) -> None:
    with pytest.raises(InvalidReference, match="expected a tag"):
        check_tag(tag)


@pytest.mark.parametrize(("reference", "kind"), [("v1", str), (DIGEST, Digest), (Digest(DIGEST), Digest)])
def test_a_reference_is_a_tag_or_a_digest(reference: str, kind: type) -> None:
    checked = check_reference(reference)

    assert (checked, type(checked)) == (reference, kind)


@pytest.mark.parametrize("reference", ["", "sha256:abc", "app:v1", "../v1", *NOT_TEXT])
def test_other_references_are_refused(reference: Any) -> None:
    with pytest.raises(InvalidReference):
        check_reference(reference)


def test_a_reference_by_an_unknown_algorithm_is_unsupported() -> None:
    with pytest.raises(UnsupportedDigest):
        check_reference("md5:" + "a" * 32)


@pytest.mark.parametrize("check", [check_repository, check_tag])
def test_an_error_does_not_repeat_a_long_name(check: Any) -> None:
    with pytest.raises(InvalidReference) as caught:
        check("!" * 10_000)

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("check", [check_repository, check_tag])
def test_checking_a_long_name_takes_no_time(check: Any) -> None:
    for name in ("a" * 200_000 + "!", "a-" * 100_000, "a" + "-" * 200_000, "a/" * 100_000):
        with pytest.raises(InvalidReference):
            check(name)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("my.azurecr.io", "https://my.azurecr.io"),
        ("My.AzureCR.io", "https://my.azurecr.io"),
        ("https://my.azurecr.io", "https://my.azurecr.io"),
        ("https://my.azurecr.io/", "https://my.azurecr.io"),
        ("HTTPS://my.azurecr.io", "https://my.azurecr.io"),
        ("my.azurecr.io:443", "https://my.azurecr.io"),
        ("my.azurecr.io:5000", "https://my.azurecr.io:5000"),
        ("my-reg.westeurope.data.azurecr.io", "https://my-reg.westeurope.data.azurecr.io"),
        ("localhost", "https://localhost"),
        ("localhost:5000", "https://localhost:5000"),
        ("registry:5000", "https://registry:5000"),
        ("https://registry", "https://registry"),
        ("10.0.0.1", "https://10.0.0.1"),
        ("[::1]", "https://[::1]"),
        ("[2001:DB8::1]:5000", "https://[2001:db8::1]:5000"),
        ("http://localhost", "http://localhost"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_login_servers_become_origins(text: str, url: str) -> None:
    endpoint = Endpoint.parse(text)

    assert str(endpoint) == url
    assert endpoint.netloc == url.partition("://")[2]
    assert Endpoint.parse(url) == endpoint


def test_an_ipv6_host_has_brackets_in_its_netloc_only() -> None:
    endpoint = Endpoint.parse("http://[::1]:5000")

    assert (endpoint.scheme, endpoint.host, endpoint.port, endpoint.netloc) == ("http", "::1", 5000, "[::1]:5000")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "://my.azurecr.io",
        "//my.azurecr.io",
        "https:my.azurecr.io",
        "http:/127.0.0.1",
        " my.azurecr.io",
        "my.azurecr.io ",
        "my.azurecr.io\n",
        "my.azure\tcr.io",
        "my.azurecr.io\0",
        "my.azurecr.io/v2",
        "my.azurecr.io/team/app:v1",
        "my.azurecr.io?",
        "my.azurecr.io?a=b",
        "my.azurecr.io#",
        "my.azurecr.io:0",
        "my.azurecr.io:65536",
        "my.azurecr.io:-1",
        "my.azurecr.io:https",
        "my.azurecr.io:1_0",
        "my.azurecr.io:٣",
        "my_reg.azurecr.io",
        "-my.azurecr.io",
        "my-.azurecr.io",
        "my..azurecr.io",
        ".azurecr.io",
        "мой.azurecr.io",
        "::1",
        "[::1",
        "[::g]",
        "[1.2.3.4]",
        "ftp://my.azurecr.io",
        "oci://my.azurecr.io",
        "javascript://my.azurecr.io",
        "a." * 60_000 + "!",
        *NOT_TEXT,
    ],
)
def test_other_login_servers_are_refused(text: Any) -> None:
    with pytest.raises(InvalidReference) as caught:
        Endpoint.parse(text)

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text", ["user:hunter2@my.azurecr.io", "https://user:hunter2@my.azurecr.io/", "hunter2@x", "@"]
)
def test_user_info_is_refused_and_never_echoed(text: str) -> None:
    with pytest.raises(InvalidReference, match="pass a credential instead") as caught:
        Endpoint.parse(text)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["myregistry", "my-reg"])
def test_a_bare_name_is_answered_with_a_suggestion(text: str) -> None:
    with pytest.raises(InvalidReference, match=rf"did you mean '{text}\.azurecr\.io'"):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://my.azurecr.io",
        "http://10.0.0.1",
        "http://0.1.2.3",
        "http://localhost.evil.example",
        "http://[2001:db8::1]",
    ],
)
def test_plain_http_to_another_machine_needs_to_be_allowed(text: str) -> None:
    with pytest.raises(InvalidReference, match="allow_http=True"):
        Endpoint.parse(text)

    assert str(Endpoint.parse(text, allow_http=True)) == text


@pytest.mark.parametrize(
    ("text", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("[::1]", True), ("10.0.0.1", False), ("my.azurecr.io", False)],
)
def test_loopback_is_known(text: str, loopback: bool) -> None:
    assert Endpoint.parse(text).is_loopback is loopback


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.one_of(st.text(), st.text("abc.:/@[]0159-%?#\\\t", max_size=20).map("https://{}".format)))
def test_any_text_is_a_login_server_or_our_error(text: str) -> None:
    try:
        endpoint = Endpoint.parse(text, allow_http=True)
    except InvalidReference:
        return

    assert Endpoint.parse(str(endpoint), allow_http=True) == endpoint


@settings(derandomize=True)
@given(
    st.one_of(st.text(), st.text("ab.-_/:@A0"), st.text("0123456789abcdef").map("sha256:{}".format)),
    st.sampled_from([check_repository, check_tag, check_reference]),
)
def test_any_text_is_a_name_that_stays_as_it_is_or_our_error(text: str, check: Callable[[str], str]) -> None:
    try:
        found = check(text)
    except (InvalidReference, UnsupportedDigest):
        return

    assert found == text
    assert not {"..", ".", ""} & set(found.split("/"))  # so that it can stand in a path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app", Reference("app")),
        ("team/app:v1", Reference("team/app", "v1")),
        (f"team/app@{DIGEST}", Reference("team/app", digest=Digest(DIGEST))),
        (f"team/app:v1@{DIGEST}", Reference("team/app", "v1", Digest(DIGEST))),
        ("my.azurecr.io/app:v1", Reference("app", "v1", registry="my.azurecr.io")),
        (f"localhost:5000/team/app@{DIGEST}", Reference("team/app", digest=Digest(DIGEST), registry="localhost:5000")),
        ("localhost/app", Reference("app", registry="localhost")),
        ("[::1]:5000/app:v1", Reference("app", "v1", registry="[::1]:5000")),
    ],
)
def test_a_reference_is_read_and_written_alike(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "@",
        "app:",
        "app@",
        ":v1",
        f"@{DIGEST}",
        "App:v1",
        "app:v 1",
        "app:v1:v2",
        "app@sha256:aa",
        "localhost:x/app",
        "my.azurecr.io/App",
        "my.azurecr.io/",
        "app:v1/v2",
        f"app@{DIGEST}:v1",
        f"app@{DIGEST}@{DIGEST}",
        "../app:v1",
        *NOT_TEXT,
    ],
)
def test_what_is_no_reference(text: Any) -> None:
    with pytest.raises(InvalidReference):
        Reference.parse(text)
