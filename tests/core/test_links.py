"""Links out of answers: Link, Location, Range, Content-Range. None may lead to another host, or take for ever."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, settings, strategies as st

from acr._core.talk.links import content_range, local_target, next_link, uploaded
from acr._values.reference import Endpoint
from acr.errors import ProtocolViolation
from tests.patience import no_backtracking

CATALOG = "/acr/v1/_catalog?last=library%2Fbusybox&n=1&orderby="
MANIFESTS = "/acr/v1/library%2Fhello-world/_manifests?last=sha256%3A40d0&n=1&orderby="


@pytest.mark.parametrize(
    ("header", "target"),
    [
        pytest.param(None, None, id="no header"),
        pytest.param("", None, id="empty"),
        pytest.param(" ,\t", None, id="separators alone"),
        pytest.param(f'<{CATALOG}>; rel="next"', CATALOG, id="as recorded: catalog"),
        pytest.param(f'<{MANIFESTS}>; rel="next"', MANIFESTS, id="as recorded: manifests"),
        pytest.param('<https://my.azurecr.io/a?b=c>; rel="next"', "https://my.azurecr.io/a?b=c", id="absolute"),
        pytest.param("</a>;rel=next", "/a", id="without quotes"),
        pytest.param('\t</a> ;\tRel = "NEXT" ', "/a", id="case and spaces"),
        pytest.param("</z> \t , \t </a> \t ; \t rel \t = \t next \t ; \t x \t", "/a", id="spaces and tabs"),
        pytest.param("</z>;rel=prev,</y>;x,</a>;rel=next", "/a", id="no spaces"),
        pytest.param('</a>; title=""; x=; rel=next', "/a", id="empty values"),
        pytest.param('</a>; rel="prev  next last"', "/a", id="several relations"),
        pytest.param('</a>; rel="prev", </b>; rel="next"', "/b", id="several links"),
        pytest.param('</a>; rel="next", </b>; rel="next"', "/a", id="the first of two"),
        pytest.param('</a>, </b>, </c>; x; rel="next"', "/c", id="links without parameters"),
        pytest.param('</a?x=1,2;3>; rel="next"', "/a?x=1,2;3", id="comma and semicolon in the target"),
        pytest.param('</a>; title="b, </c>; d"; rel="next"', "/a", id="comma and semicolon in quotes"),
        pytest.param('</a>; title="b\\"; c"; rel="next"', "/a", id="escaped quote"),
        pytest.param("</a>; title*=UTF-8''b; rel=next", "/a", id="extended parameter"),
        pytest.param('<>; rel="next"', "", id="empty target"),
        pytest.param('</a>; rel="prev"', None, id="another relation"),
        pytest.param("</a>", None, id="no relation"),
        pytest.param("</a>; rel", None, id="relation without value"),
        pytest.param('</a>; rel="nextish"', None, id="relation that begins alike"),
        pytest.param('</a>; xrel="next"', None, id="parameter that ends alike"),
        pytest.param('</a>; title="x; rel=next"', None, id="relation within another value"),
        pytest.param('</a>; title="x; rel=next"; rel=prev', None, id="relation within another value, before it"),
        pytest.param("</a>; rel=prev; rel=next", None, id="of two relations the first counts"),
        pytest.param("</a>; rel=Xnext", None, id="relation that ends alike"),
        pytest.param('</a>; rel="nextX"', None, id="relation that begins alike, in quotes"),
        pytest.param("</a>; rel=next ,\t", "/a", id="separators behind it"),
    ],
)
def test_the_next_link_is_found(header: str | None, target: str | None) -> None:
    assert next_link(header) == target


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("/acr/v1/_catalog?last=a&n=1", id="no brackets at all"),  # on these the Go SDK panics
        pytest.param('</a; rel="next"', id="no closing bracket"),
        pytest.param('/a>; rel="next"', id="no opening bracket"),
        pytest.param(">", id="closing bracket alone"),
        pytest.param("<", id="opening bracket alone"),
        pytest.param('<<a>>; rel="next"', id="brackets in brackets"),
        pytest.param('</a> rel="next"', id="no semicolon"),
        pytest.param('</a>; rel="next', id="quote left open"),
        pytest.param('</a>; rel="next" x', id="text after the value"),
        pytest.param('</a>; rel="next" </b>', id="no comma"),
        pytest.param('</a </b>; rel="next"', id="bracket in brackets"),
        pytest.param('</a>; ; rel="next"', id="empty parameter"),
        pytest.param('</a>; rel="prev", /b; rel="next"', id="second link without brackets"),
        pytest.param("</a>; rel=next\n", id="line end"),
        pytest.param("</a>; rel=next, X", id="a word behind it"),
    ],
)
def test_what_is_no_link_header_is_refused_rather_than_taken_for_the_end(header: str) -> None:
    with pytest.raises(ProtocolViolation, match="malformed Link header"):
        next_link(header)


MANY = 50_000
HOSTILE = {
    "opening brackets": "<" * MANY,
    "one target": "<" + "a" * MANY,
    "spaces before a value": "</a>;a=" + " " * MANY + '\xe9"',
    "spaces before a relation": "</a>;rel=" + " " * MANY + 'x"',
    "spaces after a name": "</a>;a" + " " * MANY + '"',
    "spaces after a target": "</a>" + " " * MANY + "x",
    "spaces and semicolons": "</a>" + " ;" * MANY + "x",
    "one name": "</a>;" + "a" * MANY + '"',
    "names": "</a>" + ";a" * MANY + '"',
    "relations": "</a>" + "; rel" * MANY + '"',
    "parameters": "</a>" + ";a=b" * MANY + '"',
    "backslashes": '</a>;a="' + "\\" * MANY,
    "escaped quotes": '</a>;a="' + '\\"' * MANY,
    "links": "</a>," * MANY + '"',
    "commas": "," * MANY + '"',
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_hostile_link_headers_are_not_tried_in_every_way(header: str) -> None:
    with no_backtracking(), pytest.raises(ProtocolViolation):
        next_link(header)


LIKELY = st.lists(
    st.sampled_from(["<", ">", ";", ",", "=", '"', "\\", " ", "rel", "next", "/a", "</b>", '; rel="next"', "é", "\n"])
).map("".join)


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(st.one_of(st.text(), LIKELY))
def test_any_link_header_gives_a_target_in_it_or_our_error(header: str) -> None:
    try:
        target = next_link(header)
    except ProtocolViolation:
        return

    assert target is None or f"<{target}>" in header


REGISTRY = Endpoint.parse("my.azurecr.io")
LOCAL = Endpoint.parse("http://127.0.0.1:5000")
BASE = "/v2/team/app/blobs/uploads/"
RECORDED = "/v2/library/hello-world/blobs/uploads/1b2c?_nouploadcache=false&_state=Zm9v-_%3D%3D"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        pytest.param(RECORDED, RECORDED, id="as recorded"),
        pytest.param(
            "/acr/v1/a%2Fb/_tags?last=x&orderby=", "/acr/v1/a%2Fb/_tags?last=x&orderby=", id="escapes are kept"
        ),
        pytest.param("1b2c?x=y", f"{BASE}1b2c?x=y", id="relative to the folder"),
        pytest.param("../1b2c", "/v2/team/app/blobs/1b2c", id="relative to the folder above"),
        pytest.param("?n=2", f"{BASE}?n=2", id="query alone"),
        pytest.param("https://my.azurecr.io/v2/x?y=z", "/v2/x?y=z", id="absolute"),
        pytest.param("HTTPS://My.AzureCR.io:443/v2/x", "/v2/x", id="case and default port"),
        pytest.param("//my.azurecr.io/v2/x", "/v2/x", id="host without scheme"),
        pytest.param("https://my.azurecr.io", "/", id="no path"),
        pytest.param("https://my.azurecr.io?n=2", "/?n=2", id="no path but a query"),
        pytest.param("/v2/x#y", "/v2/x", id="a fragment is dropped"),
        pytest.param("/../../x", "/x", id="above the root is the root"),
    ],
)
def test_a_link_of_the_registry_becomes_path_and_query(link: str, target: str) -> None:
    assert local_target(REGISTRY, BASE, link) == target


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v2/x",
        "//evil.example/v2/x",
        "https://my.azurecr.io.evil.example/",
        "https://evil.example/my.azurecr.io",
        "https://my.azurecr.io:444/v2/x",
        "//my.azurecr.io:444/v2/x",
        "http://my.azurecr.io/v2/x",
        "http://my.azurecr.io:443/v2/x",
        "https://sub.my.azurecr.io/",
        "https://my.azurecr.io./",
        "https://127.0.0.1/",
    ],
)
def test_a_link_to_another_origin_is_refused(link: str) -> None:
    with pytest.raises(
        ProtocolViolation, match=r"^a link leads from (my\.azurecr\.io to another host|https to plain http)"
    ):
        local_target(REGISTRY, BASE, link)


def test_a_link_that_is_refused_does_not_tell_its_state() -> None:
    registry = Endpoint.parse("my.azurecr.io")
    with pytest.raises(ProtocolViolation, match="malformed link") as caught:
        local_target(registry, "/v2/", "/v2/a/blobs/uploads/1\\?_state=SECRET")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://user:hunter2@my.azurecr.io/",
        "https://my.azurecr.io@evil.example/",
        "https://my.azurecr.io\\@evil.example/",
        "/\\evil.example/x",
        "\\\\evil.example\\x",
        "////evil.example/x",
        "/.//evil.example/x",
        "https://my.azurecr.io//evil.example/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://my.azurecr.io/x",
        "https://[::1/x",
        "https://my.azurecr.io:99999/",
        "https://my.azurecr.io:0/",
        "/a b",
        "/a\tb",
        "/a\r\nX-Injected: 1",
        "/a\0",
        "/é",
    ],
)
def test_a_malformed_link_is_refused(link: str) -> None:
    with pytest.raises(ProtocolViolation, match="^malformed link"):
        local_target(REGISTRY, BASE, link)


@pytest.mark.parametrize("link", ["/v2/x", "http://127.0.0.1:5000/v2/x", "//127.0.0.1:5000/v2/x"])
def test_a_registry_on_plain_http_may_link_to_itself(link: str) -> None:
    assert local_target(LOCAL, "/v2/", link) == "/v2/x"


@pytest.mark.parametrize("link", ["http://127.0.0.1/v2/x", "https://127.0.0.1:5000/v2/x", "http://localhost:5000/v2/x"])
def test_a_registry_on_plain_http_may_link_to_nothing_else(link: str) -> None:
    with pytest.raises(ProtocolViolation, match="another host"):
        local_target(LOCAL, "/v2/", link)


def test_an_error_does_not_repeat_a_long_link() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        local_target(REGISTRY, BASE, "/" + " " * 10_000)

    assert len(str(caught.value)) < 300


@settings(derandomize=True, deadline=None, max_examples=1500)
@given(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                ["/", "//", "https:", "http:", ":443", ":", "@", "?", "#", ".", "..", "%2f", "[", "]", "\\"]
            )
            | st.sampled_from(["my.azurecr.io", "evil.example", "a", " ", "\t", "&"])
        ).map("".join),
    )
)
def test_any_link_leads_to_the_registry_or_to_our_error(link: str) -> None:
    try:
        target = local_target(REGISTRY, BASE, link)
    except ProtocolViolation:
        return

    assert target.startswith("/")
    assert target.isascii()
    for url in (f"{REGISTRY}{target}", urljoin(f"{REGISTRY}{BASE}", target)):
        assert (urlsplit(url).scheme, urlsplit(url).netloc) == ("https", "my.azurecr.io")
    assert local_target(REGISTRY, BASE, target) == target


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (None, None),
        ("0-0", 0),  # so says ACR of an upload that has begun, not of one byte
        ("0--1", 0),  # and so says zot
        ("0-1", 2),
        ("0-1238", 1239),
        (" 0-1238 ", 1239),
        ("bytes=0-9", 10),
        ("0-" + "9" * 18, 10**18),
        ("0-5368709119", 5 * 1024**3),  # beyond 32 bits, where the Go SDK ends
    ],
)
def test_a_range_tells_what_an_upload_has(header: str | None, size: int | None) -> None:
    assert uploaded(header) == size


@pytest.mark.parametrize(
    "header", ["", "0", "-", "0-", "-5", "1-2", "0--2", "0-x", "0-1,3-4", "0-1/*", "0x0-5", "0-٣", "0-" + "9" * 19]
)
def test_other_ranges_are_refused(header: str) -> None:
    with pytest.raises(ProtocolViolation, match="malformed Range header"):
        uploaded(header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes 256-511/1044", (256, 511, 1044)),
        ("bytes 0-0/1", (0, 0, 1)),
        ("bytes 5-9/*", (5, 9, None)),
        ("Bytes 5-9/10", (5, 9, 10)),
        (f"bytes 0-{10**18 - 2}/{10**18 - 1}", (0, 10**18 - 2, 10**18 - 1)),
        (f"bytes {10**17}-{10**17}/*", (10**17, 10**17, None)),
        ("bytes 4294967296-5368709119/5368709120", (2**32, 5 * 1024**3 - 1, 5 * 1024**3)),
    ],
)
def test_a_content_range_tells_first_last_and_size(header: str, expected: tuple[int, int, int | None]) -> None:
    assert content_range(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "0",
        "bytes",
        "bytes */1044",
        "bytes 0-9",
        "0-9/10",
        "bytes=0-9/10",
        "bytes 9-0/10",
        "bytes 0-10/10",
        "bytes 0-9/x",
        "bytes -1-9/10",
        "bytes 0-٣/10",
        "items 0-9/10",
        "bytes 0-9/10, 20-29/30",
        "bytes 0-" + "9" * 19,
    ],
)
def test_other_content_ranges_are_refused(header: str) -> None:
    with pytest.raises(ProtocolViolation, match="Content-Range header"):
        content_range(header)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.one_of(st.text(), st.text("0123456789-/*= bytes")), st.sampled_from([uploaded, content_range]))
def test_any_range_is_read_or_our_error(header: str, read: Callable[[str], object]) -> None:
    try:
        read(header)
    except ProtocolViolation as error:
        assert len(str(error)) < 500  # noqa: PT017 - any text may be right, too
