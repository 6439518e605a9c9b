"""The grammar of WWW-Authenticate: what is read, what is refused, and in how much time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from acr._core.talk.challenge import Challenge, parse_challenges
from acr.errors import ProtocolViolation
from tests.patience import no_backtracking

RECORDED = (
    'Bearer realm="https://my.azurecr.io/oauth2/token",service="my.azurecr.io",'
    'scope="repository:library/hello-world:pull,push",error="insufficient_scope"'
)


def bearer(**parameters: str) -> Challenge:
    return Challenge("bearer", parameters)


def test_a_recorded_challenge_is_read() -> None:
    assert parse_challenges(RECORDED) == (
        bearer(
            realm="https://my.azurecr.io/oauth2/token",
            service="my.azurecr.io",
            scope="repository:library/hello-world:pull,push",
            error="insufficient_scope",
        ),
    )


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" \t,, ,", [], id="separators alone"),
        pytest.param("Bearer", [bearer()], id="scheme alone"),
        pytest.param("BEARER Realm=x", [bearer(realm="x")], id="case of scheme and names"),
        pytest.param('Bearer a="X"', [bearer(a="X")], id="case of values is kept"),
        pytest.param("Bearer a=x", [bearer(a="x")], id="token"),
        pytest.param('Bearer a=""', [bearer(a="")], id="empty quoted string"),
        pytest.param('Bearer a="b,c=\\"d\\", e=f"', [bearer(a='b,c="d", e=f')], id="commas and escapes in quotes"),
        pytest.param('Bearer a="\\\\",b="\\x"', [bearer(a="\\", b="x")], id="escapes of what needs none"),
        pytest.param('Bearer a="\xe9\t"', [bearer(a="\xe9\t")], id="obs-text and tab"),
        pytest.param('Bearer a="//x=",b="?"', [bearer(a="//x=", b="?")], id="equals signs in quotes"),
        pytest.param('Bearer \t a\t= "b" \t,\tc ="d" ', [bearer(a="b", c="d")], id="spaces everywhere"),
        pytest.param("Bearer a \t = \t b \t , \t c=d", [bearer(a="b", c="d")], id="more spaces everywhere"),
        pytest.param("X abc= \t , \t Y", [Challenge("x", token68="abc="), Challenge("y")], id="spaces behind token68"),
        pytest.param('Bearer a="\\\t\\ \\\xe9"', [bearer(a="\t \xe9")], id="escapes of spaces and obs-text"),
        pytest.param("Bearer a=b,,, ,c=d,", [bearer(a="b", c="d")], id="empty elements"),
        pytest.param("Bearer ,a=b", [bearer(a="b")], id="empty first element"),
        pytest.param("Negotiate abc==", [Challenge("negotiate", token68="abc==")], id="token68"),
        pytest.param("X aZ09-._~+/", [Challenge("x", token68="aZ09-._~+/")], id="all of token68"),
        pytest.param("X a=", [Challenge("x", token68="a=")], id="token68 that looks like a parameter"),
        pytest.param("Basic, Bearer", [Challenge("basic"), bearer()], id="two schemes alone"),
        pytest.param(
            'Negotiate abc=, Basic realm="x, y=\\"z\\"" , Bearer a=b,c=d,NTLM',
            [
                Challenge("negotiate", token68="abc="),
                Challenge("basic", {"realm": 'x, y="z"'}),
                bearer(a="b", c="d"),
                Challenge("ntlm"),
            ],
            id="several",
        ),
        pytest.param("Bearer a=1, Bearer a=2", [bearer(a="1"), bearer(a="2")], id="the same twice"),
    ],
)
def test_what_follows_the_grammar_is_read(header: str, challenges: list[Challenge]) -> None:
    assert parse_challenges(header) == tuple(challenges)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param('Bearer a="b', id="quote left open"),
        pytest.param('Bearer a="b\\"', id="closing quote escaped"),
        pytest.param("Bearer a=,b=c", id="missing value"),
        pytest.param("Bearer a=b,c=", id="missing last value"),
        pytest.param("Bearer =b", id="missing name"),
        pytest.param("Bearer a=b,=c", id="missing second name"),
        pytest.param('Bearer a="b"c', id="text after a quoted string"),
        pytest.param('Bearer a="b" c="d"', id="missing comma"),
        pytest.param("Bearer a=b c=d", id="missing comma between tokens"),
        pytest.param("Bearer realm=https://r/t", id="value that needs quotes"),
        pytest.param("Bearer a=b,A=c", id="repeated parameter"),
        pytest.param("a=b", id="parameter without scheme"),
        pytest.param('"Bearer" a=b', id="quoted scheme"),
        pytest.param("Bearer/1.0 a=b", id="no token as scheme"),
        pytest.param("Bearer a=b\n", id="line end"),
        pytest.param("Bearer\0", id="control character"),
        pytest.param('Bearer a="\x7f"', id="control character in quotes"),
        pytest.param('Bearer a="\n"', id="line end in quotes"),
        pytest.param('Bearer a="\u2014"', id="beyond latin-1"),
        pytest.param('Bearer \xe9="x"', id="obs-text in a name"),
        pytest.param("Negotiate abc==d", id="text after token68"),
    ],
)
def test_what_does_not_is_refused(header: str) -> None:
    with pytest.raises(ProtocolViolation, match="malformed WWW-Authenticate header at character"):
        parse_challenges(header)


def test_an_error_does_not_repeat_a_long_header() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        parse_challenges("Bearer " + "a" * 10_000 + '"')

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("header", [RECORDED, 'x a="\\"\\\\,"', "x abc==", "x"])
def test_a_challenge_prints_as_it_is_read(header: str) -> None:
    [challenge] = parse_challenges(header)

    assert parse_challenges(str(challenge)) == (challenge,)


TEXT = st.text(st.characters(max_codepoint=0xFF), max_size=60)
LIKELY = st.lists(
    st.sampled_from(["Bearer", "a", "B", "=", ",", " ", "\t", '"', "\\", '"x"', "realm=", 'k="', "/", "==", "é", "\n"])
).map("".join)


@pytest.mark.parametrize(
    ("header", "at"), [("é", 0), ("Bearer=", 6), ("Bearer a=é", 7), ("Bearer a=b, a=c", 12), ("Bearer a=b c", 11)]
)
def test_a_refusal_tells_where(header: str, at: int) -> None:
    with pytest.raises(ProtocolViolation, match=f"at character {at}: "):
        parse_challenges(header)


def test_a_challenge_without_parameters_prints_its_scheme_alone() -> None:
    assert str(bearer()) == "bearer"
    assert str(bearer(a="", b='"\\')) == 'bearer a="",b="\\"\\\\"'


@settings(derandomize=True, deadline=None, max_examples=1500)
@given(st.one_of(st.text(), TEXT, LIKELY))
def test_any_text_is_refused_or_prints_and_parses_back_to_the_same(header: str) -> None:
    try:
        challenges = parse_challenges(header)
    except ProtocolViolation:
        return

    assert parse_challenges(", ".join(map(str, challenges))) == challenges


NAME = st.text("abcXYZ019!#$%&'*+.^_`|~-", min_size=1)
VALUE = st.text(st.sampled_from('\t !~\xff"\\,=ab'))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.tuples(NAME, st.dictionaries(NAME.map(str.lower), VALUE)), max_size=4))
def test_any_challenges_that_are_printed_are_read_back(parts: list[tuple[str, dict[str, str]]]) -> None:
    challenges = tuple(Challenge(scheme.lower(), parameters) for scheme, parameters in parts)

    assert parse_challenges(",".join(map(str, challenges))) == challenges


MANY = 50_000
HOSTILE = {
    "one token": "B " + "a" * MANY + '"',
    "one quoted string": 'B a="' + "x" * MANY,
    "backslashes": 'B a="' + "\\" * MANY,
    "escaped quotes": 'B a="' + '\\"' * MANY,
    "quotes": "B a=" + '"' * MANY,
    "spaces": "B" + " " * MANY + '"',
    "spaces after a name": "B a" + " " * MANY + '"',
    "spaces before a value": "B a=" + " " * MANY + "/",
    "spaces after a value": "B a=b" + " " * MANY + "x",
    "commas": "B a=b" + " ," * MANY + "\xe9",
    "equals signs": "B a" + "=" * MANY + '"',
    "schemes": "a, " * MANY + '"',
    "scheme and token68": "a b," * MANY + '"',
    "parameters": "B " + "".join(f"a{i}=b," for i in range(MANY)) + '"',
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_hostile_headers_are_not_tried_in_every_way(header: str) -> None:
    with no_backtracking(), pytest.raises(ProtocolViolation):
        parse_challenges(header)
