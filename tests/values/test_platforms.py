"""Which manifest of an index is the one for a platform."""

from __future__ import annotations

from typing import Any

import pytest

import acr
from acr import media_types
from acr._values.descriptor import platform_of
from acr._values.platforms import choose


def index_of(*platforms: str | None) -> acr.Manifest:
    entries: list[dict[str, Any]] = []
    for number, platform in enumerate(platforms):
        digest = acr.Digest.of(b"%d" % number)
        wanted = None if platform is None else acr.Platform.parse(platform)
        entries.append(acr.Descriptor(media_types.OCI_MANIFEST, digest, 1, platform=wanted).to_json())
    return acr.Manifest.of({"mediaType": media_types.OCI_INDEX, "manifests": entries})


ARM = ("linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8")
AMD = ("linux/amd64", "linux/amd64/v2", "linux/amd64/v3")
WINDOWS = ("windows/amd64:10.0.17763.5329", "windows/amd64:10.0.20348.2227", "linux/amd64")


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        (("linux/amd64", "linux/arm64"), "linux/arm64", 1),
        (("linux/amd64", "linux/arm64"), "linux/arm64/v8", 1),
        (ARM, "linux/arm64", 3),
        (ARM, "linux/arm", 2),
        (ARM, "linux/arm/v6", 1),
        (AMD, "linux/amd64", 0),
        (AMD, "linux/amd64/v3", 2),
        (("linux/ppc64le/power9",), "linux/ppc64le", 0),
        (WINDOWS, "windows/amd64:10.0.20348", 1),
        (WINDOWS, "windows/amd64:10.0.17763.5329", 0),
        (("linux/amd64",), None, 0),
        ((None,), None, 0),
        (("linux/amd64", "unknown/unknown"), None, 0),
        ((None, "linux/amd64"), "linux/amd64", 1),
    ],
)
def test_the_one_that_fits_is_chosen(there: tuple[str | None, ...], wanted: str | None, chosen: int) -> None:
    index = index_of(*there)
    assert choose(index, platform_of(wanted), "it") == index.manifests[chosen]


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ((), None),
        (("linux/amd64", "linux/arm64"), None),
        (("linux/amd64",), "linux/arm64"),
        ((None,), "linux/amd64"),
        (("linux/arm/v5", "linux/arm/v6"), "linux/arm"),
        (WINDOWS, "windows/amd64"),
        (WINDOWS, "windows/amd64:10.0.2"),
        (WINDOWS, "windows/arm64:10.0.17763"),
        (("linux/amd64",), "linux/amd64:5.10"),
    ],
)
def test_where_none_fits_or_several_do_the_error_tells_which_there_are(
    there: tuple[str | None, ...], wanted: str | None
) -> None:
    with pytest.raises(acr.InvalidInput, match="it is an index of .*: pass platform=") as caught:
        choose(index_of(*there), platform_of(wanted), "it")
    assert all(name in str(caught.value) for name in there if name)


def test_the_error_says_which_platform_is_missing() -> None:
    with pytest.raises(acr.InvalidInput) as caught:
        choose(index_of("linux/amd64", "linux/arm64"), platform_of("plan9/386"), "it")
    assert str(caught.value) == (
        "it is an index of linux/amd64, linux/arm64, without plan9/386: pass platform= with one of them"
    )
    with pytest.raises(acr.InvalidInput) as caught:
        choose(index_of("linux/amd64", "linux/arm64"), None, "it")
    assert str(caught.value) == "it is an index of linux/amd64, linux/arm64: pass platform= with one of them"


@pytest.mark.parametrize(("count", "end"), [(20, "linux/a19"), (21, "linux/a19 and 1 more"), (5000, "and 4980 more")])
def test_the_error_names_as_many_platforms_as_somebody_reads(count: int, end: str) -> None:
    """There may be as many as a manifest of 4 MiB holds."""
    with pytest.raises(acr.InvalidInput) as caught:
        choose(index_of(*[f"linux/a{number}" for number in range(count)]), platform_of("plan9/386"), "it")
    assert f"{end}, without plan9/386: pass platform=" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_one_image_that_is_listed_twice_is_one() -> None:
    entry = index_of("linux/amd64").json["manifests"][0]
    index = acr.Manifest.of({"mediaType": media_types.OCI_INDEX, "manifests": [entry, entry]})
    assert choose(index, platform_of("linux/amd64"), "it") == index.manifests[0]


@pytest.mark.parametrize("text", ["linux", "linux/", "/amd64", "a/b/c/d", "linux/amd64:", ""])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(acr.InvalidInput, match="expected a platform"):
        acr.Platform.parse(text)
