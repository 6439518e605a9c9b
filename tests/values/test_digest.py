"""Digests: which texts are one, and how content becomes one."""

from __future__ import annotations

import copy
import hashlib
import pickle
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from acr._values.digest import Digest, Hasher, is_empty, looks_like_digest, received_digest
from acr.errors import AcrError, DigestMismatch, InvalidInput, InvalidReference, ProtocolViolation, UnsupportedDigest

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("text", "algorithm"), [("sha256:" + "0a" * 32, "sha256"), ("sha512:" + "f9" * 64, "sha512"), (EMPTY, "sha256")]
)
def test_a_digest_is_the_text_it_was_made_of(text: str, algorithm: str) -> None:
    digest = Digest(text)

    assert digest == text
    assert str(digest) == text
    assert hash(digest) == hash(text)
    assert {text: 1}[digest] == 1
    assert (digest.algorithm, digest.hex) == tuple(text.split(":"))
    assert digest.algorithm == algorithm
    assert repr(digest) == f"Digest('{text}')"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "latest",
        "app:v1",
        "my.azurecr.io:5000",
        "sha256",
        "sha256:",
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "sha256:" + "a" * 64 + "\n",
        " sha256:" + "a" * 64,
        "SHA256:" + "a" * 64,
        "sha256:" + "٣" * 64,
        "sha256:../" + "a" * 61,
        "sha512:" + "a" * 64,
        "sha256+sha512:" + "a" * 64 + "/",
        ":" + "a" * 64,
        "sha256+:" + "a" * 64,
        "md5:" + "a" * 31,
        b"sha256:" + b"a" * 64,
        None,
    ],
)
def test_what_is_malformed_is_no_digest(text: Any) -> None:
    with pytest.raises(InvalidReference, match="expected a digest"):
        Digest(text)


def test_the_error_shows_the_beginning_of_what_is_none() -> None:
    shown = f"'{'x' * 199}"
    with pytest.raises(InvalidReference) as caught:
        Digest("x" * 300)
    assert str(caught.value) == f"expected a digest, sha256:… or sha512:…, got {shown}"


@pytest.mark.parametrize(("algorithm", "length"), [("sha256", 64), ("sha512", 128)])
def test_the_error_says_how_many_digits_there_are(algorithm: str, length: int) -> None:
    text = f"{algorithm}:{'a' * 300}"
    with pytest.raises(InvalidReference) as caught:
        Digest(text)
    told = f"expected a digest with {length} lower-case hexadecimal digits, got '{text[:199]}"
    assert str(caught.value) == told


def test_what_cannot_be_hashed_is_told() -> None:
    with pytest.raises(UnsupportedDigest, match=f"^the algorithm '{'m' * 100}' is not supported: expected sha256"):
        Hasher("m" * 101)
    data: Any = "text"
    with pytest.raises(InvalidInput, match="^data: expected bytes, got str$"):
        Hasher().update(data)


@pytest.mark.parametrize(
    "text",
    [
        "md5:" + "a" * 32,
        "sha384:" + "a" * 96,
        "blake3:" + "a" * 64,
        "blake3:" + "0123456789" * 7,
        "sha256+b64:" + "YQ==" * 11,
        "a.b_c+d-e:" + "=_-" * 11,
    ],
)
def test_other_algorithms_are_named_as_unsupported(text: str) -> None:
    with pytest.raises(UnsupportedDigest, match="not supported") as caught:
        Digest(text)

    assert isinstance(caught.value, ValueError)
    assert text.partition(":")[0] in str(caught.value)


@settings(derandomize=True, deadline=None)
@given(st.text())
def test_any_text_is_a_digest_or_our_error(text: str) -> None:
    with suppress(AcrError):
        assert Digest(text) == text


def test_a_digest_is_not_made_twice() -> None:
    digest = Digest(EMPTY)

    assert Digest(digest) is digest


def test_a_digest_survives_copying_and_pickling() -> None:
    digest = Digest(EMPTY)

    for twin in (copy.deepcopy(digest), pickle.loads(pickle.dumps(digest))):
        assert (twin, type(twin)) == (digest, Digest)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_content_is_hashed_by_either_algorithm(algorithm: str) -> None:
    assert Digest.of(b"abc", algorithm=algorithm) == f"{algorithm}:{hashlib.new(algorithm, b'abc').hexdigest()}"


def test_content_is_not_hashed_by_another_algorithm() -> None:
    with pytest.raises(UnsupportedDigest, match="^the algorithm 'md5' is not supported"):
        Digest.of(b"abc", algorithm="md5")


@settings(derandomize=True, deadline=None)
@given(st.lists(st.binary(max_size=64)))
def test_pieces_hash_like_the_whole(pieces: list[bytes]) -> None:
    hasher = Hasher()
    for piece in pieces:
        hasher.update(piece)

    assert hasher.digest() == Digest.of(b"".join(pieces))
    assert hasher.size == sum(map(len, pieces))


def test_a_copied_hasher_goes_its_own_way() -> None:
    hasher = Hasher("sha512")
    hasher.update(b"kept")
    twin = hasher.copy()
    hasher.update(b"lost")

    assert (twin.digest(), twin.size, twin.algorithm) == (Digest.of(b"kept", algorithm="sha512"), 4, "sha512")


def test_verify_names_both_digests() -> None:
    hasher = Hasher()
    hasher.update(b"other")
    hasher.verify(Digest.of(b"other"), "the blob")

    with pytest.raises(DigestMismatch, match=r"^the blob: expected sha256:e3b0.*, got sha256:") as caught:
        hasher.verify(Digest(EMPTY), "the blob")

    assert (caught.value.expected, caught.value.actual) == (EMPTY, Digest.of(b"other"))


@pytest.mark.parametrize(("text", "meant"), [("v1", False), ("sha256:zz", True), (":", True), ("sha256", False)])
def test_a_colon_makes_it_meant_as_a_digest(text: str, meant: bool) -> None:
    assert looks_like_digest(text) is meant


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_digest_of_nothing_is_known_by_either_algorithm(algorithm: str) -> None:
    assert is_empty(Digest.of(b"", algorithm=algorithm))
    assert not is_empty(Digest.of(b"0", algorithm=algorithm))


def test_a_hasher_tells_what_it_has() -> None:
    hasher = Hasher("sha512")
    hasher.update(memoryview(b"abc"))

    assert repr(hasher) == "<Hasher sha512, 3 bytes>"
    assert repr(Hasher()) == "<Hasher sha256, 0 bytes>"


def test_a_malformed_digest_of_an_answer_is_the_registrys_fault() -> None:
    assert received_digest(EMPTY, "Docker-Content-Digest") == EMPTY
    with pytest.raises(ProtocolViolation, match=r"^Docker-Content-Digest: expected a digest.*got 'sha256:zz'"):
        received_digest("sha256:zz", "Docker-Content-Digest")
    with pytest.raises(UnsupportedDigest):
        received_digest("md5:" + "a" * 32, "Docker-Content-Digest")
