"""Titles of files: which may become a path, and which never do."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings, strategies as st

from acr._values.files import File, check_title, nested
from acr.errors import InvalidInput, InvalidReference


@pytest.mark.parametrize(
    "title",
    [
        "a",
        "sbom.json",
        "models/v1/model.onnx",
        ".env",
        "...",
        "a..b",
        "a b",
        "größe.txt",
        "模型.bin",
        "🚀",
        "~",
        "ab:c",
    ],
)
def test_relative_names_become_paths(title: str) -> None:
    assert check_title(title) == PurePosixPath(title)


BAD = {
    "nothing": ["", "/", "//"],
    "absolute": ["/etc/passwd", "//host/share"],
    "climbs": ["..", "../x", "a/..", "a/../../b", "a/../b", "./../x"],
    "odd parts": [".", "./a", "a/.", "a//b", "a/"],
    "drives": ["C:", "c:x", "C:/x", "z:\\x"],
    "backslashes": ["\\", "..\\x", "a\\b", "\\\\host\\share"],
    "control characters": ["a\0b", "a\n", "\r", "a\tb", "\x1b[31m", "a\x7f", "a\x85"],
    "unseen unicode": ["a\u202eexe.txt", "a\u200bb", "a\u2028b", "\ufeffa", "a\ud800", "a\xa0b"],
}


@pytest.mark.parametrize("title", [title for titles in BAD.values() for title in titles])
def test_other_titles_are_refused(title: str) -> None:
    with pytest.raises(InvalidReference, match="expected a relative file name") as caught:
        check_title(title)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "title",
    [
        ".model.bin.0123456789abcdef.part",
        "a/.x.0123456789ABCDEF.PART",
        ".docs.0123456789abcdef.layer/x",
        ".docs.0123456789abcdef.layer. .",
        ".docs.0123456789abcdef.part::$DATA",
    ],
)
def test_the_names_of_files_while_they_are_downloaded_are_no_titles(title: str) -> None:
    with pytest.raises(InvalidReference, match="while they are downloaded"):
        check_title(title)


def test_a_title_has_an_end() -> None:
    check_title("a" * 1024)
    with pytest.raises(InvalidReference, match="has over 1024 characters"):
        check_title("a" * 1025)


@pytest.mark.parametrize(
    "title", ["model.0123456789abcdef.part", ".model.part", ".x.0123456789abcdef.part.gz", ".0123456789abcdef.layer"]
)
def test_names_that_are_much_like_those_are_titles(title: str) -> None:
    assert str(check_title(title)) == title


def test_a_title_is_not_deeper_than_an_archive_may_be() -> None:
    check_title("/".join(["a"] * 200))
    with pytest.raises(InvalidReference, match="is deeper than 200 folders"):
        check_title("/".join(["a"] * 201))


def test_a_title_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidReference, match="expected text, got PosixPath|expected text, got WindowsPath"):
        File(Path("x"), title=Path("a/b"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("titles", "found"),
    [
        ([], None),
        (["a", "b", "a-b", "ab/c", "a.b/c"], None),
        (["a/b", "a/c", "b/a"], None),
        (["a/b/c", "a-b", "a"], ("a", "a/b/c")),
        (["x/a/b", "x/a!", "x/a"], ("x/a", "x/a/b")),
    ],
)
def test_a_title_within_another_is_found(titles: list[str], found: tuple[str, str] | None) -> None:
    assert nested(map(PurePosixPath, titles)) == (None if found is None else tuple(map(PurePosixPath, found)))


def test_an_error_does_not_repeat_a_long_title() -> None:
    with pytest.raises(InvalidReference) as caught:
        check_title("../" * 10_000)

    assert len(str(caught.value)) < 300


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.text("ab./\\:\0~ é", max_size=12))
def test_a_title_that_is_taken_stays_in_its_folder(title: str) -> None:
    try:
        path = check_title(title)
    except InvalidReference:
        return

    assert not path.is_absolute()
    assert ".." not in path.parts
    assert str(path) == title


def test_a_file_is_titled_by_its_own_name() -> None:
    file = File("some/folder/sbom.json")

    assert (file.path, file.title) == (Path("some/folder/sbom.json"), "sbom.json")
    assert (file.media_type, file.annotations) == ("application/octet-stream", {})


def test_a_title_may_be_given() -> None:
    assert File(Path("/absolute/x"), title="docs/y").title == "docs/y"


@pytest.mark.parametrize("path", ["..", ".", "/", "a/.."])
def test_a_path_without_a_name_gives_no_title(path: str) -> None:
    with pytest.raises(InvalidReference):
        File(Path(path))


@pytest.mark.parametrize("media_type", ["", "text", "text/*", "text/plain; charset=utf-8", None])
def test_a_media_type_that_is_none_is_refused(media_type: str) -> None:
    with pytest.raises(InvalidInput, match="expected a media type"):
        File("x", media_type=media_type)


def test_a_title_that_could_not_be_pulled_is_not_pushed() -> None:
    with pytest.raises(InvalidReference):
        File(Path("x"), title="../x")
