"""A reader that verifies: what it gives, and when it raises."""

from __future__ import annotations

import io
from typing import Any

import pytest

from acr import Digest, DigestMismatch, InvalidInput, InvalidReference, VerifyingReader


class Pieces(io.BytesIO):
    """A file that gives no more than two bytes at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(2 if size is not None and size > 2 else size)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [-1, 2, 3, 100])
def test_a_reader_gives_all_bytes_and_verifies_them_at_the_end(algorithm: str, size: int) -> None:
    reader = VerifyingReader(Pieces(b"abcde"), Digest.of(b"abcde", algorithm=algorithm))

    assert b"".join(iter(lambda: reader.read(size), b"")) == b"abcde"
    assert reader.read(size) == reader.read() == b""
    assert repr(reader) == f"<VerifyingReader of {Digest.of(b'abcde', algorithm=algorithm)}, 5 bytes read>"


@pytest.mark.parametrize("content", [b"abcd", b"abcdef", b"abcdE", b""])
def test_a_reader_raises_at_the_end_and_not_before(content: bytes) -> None:
    reader = VerifyingReader(io.BytesIO(content), Digest.of(b"abcde"))

    assert reader.read(0) == b""
    assert reader.read(len(content)) == content
    for size in (1, -1):  # and again: it is no more right when it is asked once more
        with pytest.raises(DigestMismatch, match=r"^what was read: expected sha256:36bbe.*, got sha256:") as caught:
            reader.read(size)
        assert caught.value.actual == Digest.of(content)


def test_a_reader_of_no_digest_is_refused() -> None:
    with pytest.raises(InvalidReference):
        VerifyingReader(io.BytesIO(b""), "v1")


@pytest.mark.parametrize(
    ("file", "told"), [("x", "file='x'"), (io, "file"), (None, "file=None")], ids=["text", "a module", "nothing"]
)
def test_what_cannot_be_read_is_refused(file: Any, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        VerifyingReader(file, Digest.of(b""))
    assert str(caught.value).startswith(f"{told}: expected a binary file, with read()")
