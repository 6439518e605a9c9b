"""A recipe: a small TOML that names repositories, tags, platforms and ages. The images are made up from it.

[[image]]
repository = "team/app"
tags = ["1.0", "latest"]                      # without tags, nothing but the digest names it
platforms = ["linux/amd64", "linux/arm64"]    # several make an index; linux/amd64 if left out
age = "90d"                                   # since it was pushed, in s, m, h, d or w; nothing if left out
size = 4096                                   # bytes of the file in each platform's layer; 1024 if left out

[[layout]]
repository = "team/base"
path = "layouts/base"                         # an OCI image layout; relative to the recipe
age = "2w"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from acr._values.descriptor import Platform
from acr._values.reference import check_repository, check_tag
from acr.errors import InvalidInput

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGE: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_OLDEST: Final = 30 * 365 * 86_400
_LARGEST: Final = 2**30


@attrs.frozen(kw_only=True)
class Image:
    """An image to be made up.

    Args:
        repository: where it is.
        tags: its tags.
        platforms: its platforms; more than one make it an index.
        age: seconds since it was pushed.
        size: bytes of the file in each platform's layer.
    """

    repository: str
    tags: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = (Platform("linux", "amd64"),)
    age: int = 0
    size: int = 1024


@attrs.frozen(kw_only=True)
class LayoutOf:
    """An OCI image layout to be read.

    Args:
        repository: where its images shall be.
        path: its folder.
        age: seconds since they were pushed.
    """

    repository: str
    path: str
    age: int = 0


def parse(text: str) -> list[Image | LayoutOf]:
    """Read a recipe.

    Raises:
        ValueError: it is no TOML, or says what cannot be.
    """
    try:
        recipe = tomllib.loads(text)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    _check_keys(recipe, {"image", "layout"}, "it")
    found: list[Image | LayoutOf] = []
    for key, read in (("image", _image), ("layout", _layout)):
        for number, table in enumerate(_tables(recipe, key), 1):
            what = f"{key} {number}"
            try:
                found.append(read(table, what))
            except InvalidInput as error:  # of a name in it, which does not say where it is
                raise ValueError(f"{what}: {error}") from None
    return found


def _image(table: Mapping[str, Any], what: str) -> Image:
    _check_keys(table, {field.name for field in attrs.fields(Image)}, what)
    size = table.get("size", 1024)
    if isinstance(size, bool) or not (isinstance(size, int) and 0 <= size <= _LARGEST):
        raise ValueError(f"{what}: size is a number of bytes, {_LARGEST} at the most")
    platforms = tuple(Platform.parse(one) for one in _texts(table, "platforms", ["linux/amd64"], what))
    if not platforms or len(set(platforms)) < len(platforms):
        raise ValueError(f"{what}: platforms names each platform once, and one at least")
    return Image(
        repository=_repository(table, what),
        tags=tuple(check_tag(tag) for tag in _texts(table, "tags", [], what)),
        platforms=platforms,
        age=_age(table, what),
        size=size,
    )


def _layout(table: Mapping[str, Any], what: str) -> LayoutOf:
    _check_keys(table, {field.name for field in attrs.fields(LayoutOf)}, what)
    path = table.get("path")
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"{what}: path is missing: the folder of an OCI image layout")
    return LayoutOf(repository=_repository(table, what), path=path, age=_age(table, what))


def _tables(recipe: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    tables = recipe.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"write each {key} under a line [[{key}]]")
    return tables


def _check_keys(table: Mapping[str, Any], known: set[str], what: str) -> None:
    for key in table:
        if key not in known:
            raise ValueError(f"{what} has the key {key!r}; expected are {', '.join(sorted(known))}")


def _repository(table: Mapping[str, Any], what: str) -> str:
    if "repository" not in table:
        raise ValueError(f"{what}: repository is missing")
    return check_repository(table["repository"])


def _texts(table: Mapping[str, Any], key: str, default: list[str], what: str) -> list[str]:
    texts = table.get(key, default)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{what}: {key} is a list of texts")
    return texts


def _age(table: Mapping[str, Any], what: str) -> int:
    text = table.get("age", "0s")
    match = _AGE.fullmatch(text) if isinstance(text, str) else None
    seconds = int(match[1]) * _UNITS[match[2]] if match else _OLDEST + 1
    if seconds > _OLDEST:
        raise ValueError(f'{what}: age is a text such as "90d", in s, m, h, d or w, and 30 years at the most')
    return seconds
