"""Marks: the numbers of an inventory's columns, and what they stand for."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta
from enum import IntEnum, IntFlag
from typing import Any, Final, TypeAlias

import attrs

Column: TypeAlias = "array[int]"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

UNKNOWN: Final = -1
"""A size or a time that the registry did not tell."""

LARGEST_SIZE: Final = 2**40
"""Bytes. ACR stores no blob above 200 GiB ("Azure Container Registry service tiers"). The sums of a million blobs of
this size, and more, fit into a column."""

LARGEST_COUNT: Final = 2**40
"""Manifests or tags of a repository. It says more than any registry has."""


class Kind(IntEnum):
    """What a manifest says of the content that it leads to."""

    CHILD = 0
    ATTESTATION = 1
    CONFIG = 2
    LAYER = 3
    FOREIGN = 4
    SUBJECT = 5


LEADS_DOWN: Final = frozenset({int(Kind.CHILD), int(Kind.ATTESTATION)})
"""Links to manifests that are parts of an index."""

MANIFESTS: Final = LEADS_DOWN | {int(Kind.SUBJECT)}
"""Links to manifests."""

BLOBS: Final = frozenset({int(Kind.CONFIG), int(Kind.LAYER)})
"""Links to blobs that the registry stores. A foreign layer is stored elsewhere."""


class Flag(IntFlag):
    """What is known of a repository, a manifest or a tag. The first four are the permissions."""

    CAN_READ = 1
    CAN_WRITE = 2
    CAN_LIST = 4
    CAN_DELETE = 8
    LISTED = 16
    """The listing has the manifest."""
    IS_NEW = 32
    """It was pushed, or has moved, since the reading began."""
    IS_MOVING = 64
    """The repository changed each time it was read."""
    IS_CACHE = 128
    """The repository is a pull-through cache of another registry."""
    IS_INDEX = 256
    """The manifest lists others."""
    HAS_PLATFORM = 512
    """The index names a platform at least once."""
    HAS_SUBJECT = 1024
    """The manifest is attached to another one, which is its last link."""
    READ = 2048
    """The bytes of the manifest were read, so its size is known."""


PERMISSIONS: Final = Flag.CAN_READ | Flag.CAN_WRITE | Flag.CAN_LIST | Flag.CAN_DELETE


def column(code: str) -> Any:
    """A column of numbers. The code is one of `array`: B, H, I, Q without a sign, and i, q with one."""
    return attrs.field(factory=lambda: array(code), metadata={"code": code})


def to_number(time: datetime) -> int:
    """A time as microseconds since 1970.

    >>> to_number(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return (time - _EPOCH) // _MICROSECOND


def to_time(number: int) -> datetime:
    """A time of microseconds since 1970.

    >>> to_time(1000005).isoformat()
    '1970-01-01T00:00:01.000005+00:00'
    """
    return _EPOCH + timedelta(microseconds=number)
