"""Answers that ACR does not give, and other registries do: what was done is never told as failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import attrs
from acr_rest.types import Response

T = TypeVar("T")

NO_HEAD: Final = frozenset({405, 501})
"""What a registry answers that knows no HEAD. A GET tells the same."""


def done(parse: Callable[[Response], T], usual: int) -> Callable[[Response], T]:
    """A parser that takes any success (2xx) for the one that ACR has.

    The OCI spec names one status for each success, and registries give others: ECR 201 for a chunk, others 200 or 204
    where something was deleted or stored.

    Args:
        parse: the operation's own parser.
        usual: the status that it knows.
    """

    def read(reply: Response) -> T:
        return parse(attrs.evolve(reply, status=usual) if _is_success(reply) else reply)

    return read


def told(parse: Callable[[Response], T]) -> Callable[[Response], T | None]:
    """A parser of the answer to what changes something: None if it succeeded, and the answer tells nothing of it."""

    def read(reply: Response) -> T | None:
        return None if _is_success(reply) and not reply.body else parse(reply)

    return read


def _is_success(reply: Response) -> bool:
    return reply.status // 100 == 2
