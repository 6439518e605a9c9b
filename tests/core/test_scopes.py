"""Scopes: how they are read and printed, and which token does for which."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from acr._core.talk import scopes
from acr._core.talk.scopes import Scope, cover, parse_scopes
from acr.errors import ProtocolViolation


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:app:pull", Scope("repository", "app", frozenset({"pull"}))),
        (
            "repository:library/hello-world:pull,push",
            Scope("repository", "library/hello-world", frozenset({"pull", "push"})),
        ),
        ("repository:host:5000/app:pull", Scope("repository", "host:5000/app", frozenset({"pull"}))),
        ("registry:catalog:*", Scope("registry", "catalog", frozenset({"*"}))),
    ],
)
def test_a_scope_is_read_and_printed_alike(text: str, scope: Scope) -> None:
    assert Scope.parse(text) == scope
    assert str(scope) == text


def test_the_order_of_actions_has_no_meaning() -> None:
    # Two of four recorded challenges of one registry say it this way round.
    swapped = Scope.parse("repository:app:push,pull")

    assert swapped == Scope.parse("repository:app:pull,push,pull")
    assert len({swapped, Scope.parse("repository:app:pull,push")}) == 1
    assert str(swapped) == "repository:app:pull,push"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "repository",
        "repository:app",
        "repository:app:",
        "repository::pull",
        ":app:pull",
        "::",
        "repository:app:pull,",
        "repository:app:,",
        "repository:app:pull,,push",
    ],
)
def test_other_scopes_are_refused(text: str) -> None:
    with pytest.raises(ProtocolViolation, match="malformed scope"):
        Scope.parse(text)


def test_an_error_shows_200_characters_of_what_is_no_scope() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        Scope.parse("x" * 201)
    assert str(caught.value) == f"malformed scope: '{'x' * 200}'"


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.one_of(st.text(), st.text("ab:,* /")))
def test_any_text_is_a_scope_that_prints_and_reads_back_or_our_error(text: str) -> None:
    try:
        scope = Scope.parse(text)
    except ProtocolViolation:
        return

    assert Scope.parse(str(scope)) == scope


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" ", 0),
        ("repository:a:pull", 1),
        ("repository:a:pull  repository:b:pull,push", 2),
        ("repository:a:pull repository:a:pull", 1),
    ],
)
def test_a_challenge_may_name_several_scopes(text: str, count: int) -> None:
    assert len(parse_scopes(text)) == count


@pytest.mark.parametrize(
    ("have", "need", "does"),
    [
        ("repository:a:pull", "repository:a:pull", True),
        ("repository:a:pull,push", "repository:a:pull", True),
        ("repository:a:pull", "repository:a:pull,push", False),
        ("repository:a:pull", "repository:b:pull", False),
        ("repository:a:pull", "registry:a:pull", False),
        ("repository:a:pull", "repository:a/b:pull", False),
        ("repository:a:metadata_read", "repository:a:pull", False),
        ("repository:a:pull repository:b:pull", "repository:b:pull", True),
        ("repository:a:pull repository:b:pull", "repository:a:pull repository:b:pull", True),
        ("repository:a:pull", "repository:a:pull repository:b:pull", False),
        ("repository:a:pull", "", True),
        ("", "repository:a:pull", False),
    ],
)
def test_a_token_does_for_what_it_covers(have: str, need: str, does: bool) -> None:
    assert cover(parse_scopes(have), parse_scopes(need)) is does


@pytest.mark.parametrize(
    ("needed", "text"),
    [
        (scopes.catalog(), "registry:catalog:*"),
        (scopes.read_metadata("a/b"), "repository:a/b:metadata_read"),
        (scopes.write_metadata("a/b"), "repository:a/b:metadata_write"),
        (scopes.pull("a/b"), "repository:a/b:pull"),
        (scopes.push("a/b"), "repository:a/b:pull,push"),
        (scopes.delete("a/b"), "repository:a/b:delete"),
    ],
)
def test_operations_need_what_the_recorded_challenges_name(needed: scopes.Scopes, text: str) -> None:
    assert [str(scope) for scope in needed] == [text]
    assert parse_scopes(text) == needed
