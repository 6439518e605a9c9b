"""The grammar of media types (RFC 6838, section 4.2). The types themselves are in `acr.media_types`."""

from __future__ import annotations

import re
from typing import Final

from acr.errors import InvalidInput
from acr.media_types import OCI_MANIFEST

_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/(?:[A-Za-z0-9!#$&^_.+-]{1,127}|\*)|\*/\*")
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TYPE: Final = re.compile(f"{_NAME}/{_NAME}")


def check_media_range(text: str) -> str:
    """Return `text` if it is a media type, or a range of them such as `*/*` (RFC 6838, section 4.2).

    Raises:
        InvalidInput: it is not.
    """
    return _checked(text, _MEDIA_TYPE, OCI_MANIFEST)


def check_media_type(text: str) -> str:
    """Return `text` if it is a media type that content can have: no range, and without parameters (RFC 6838, 4.2).

    Raises:
        InvalidInput: it is not.
    """
    return _checked(text, _TYPE, "application/spdx+json")


def _checked(text: str, pattern: re.Pattern[str], example: str) -> str:
    if not isinstance(text, str) or pattern.fullmatch(text) is None:
        raise InvalidInput(f"expected a media type such as {example}, got {str(text)[:100]!r}")
    return text


def essence(content_type: str) -> str:
    """The media type without its parameters, in lower case (RFC 9110, section 8.3.1).

    >>> essence("Application/JSON; charset=utf-8")
    'application/json'
    """
    return content_type.partition(";")[0].strip().lower()
