"""Answers that ACR does not give, and other registries do: what was done is never told as failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs
from acr_rest.types import Response

from acr.errors import ProtocolViolation

T = TypeVar("T")

NO_HEAD: Final = frozenset({405, 501})
"""What a registry answers that knows no HEAD. A GET tells the same."""


def done(parse: Callable[[Response], T], usual: int) -> Callable[[Response], T]:
    """A parser that takes any success (2xx) for the one that ACR has.

    The OCI spec names one status for each success, and registries give others: ECR 201 for a chunk, others 200 or 204
    if something was deleted or stored.

    Args:
        parse: the operation's own parser.
        usual: the status that it knows.

    Returns:
        The parser. It raises ProtocolViolation if the status says that it was done, and the body has errors.
    """

    def read(reply: Response) -> T:
        if not _is_success(reply):
            return parse(reply)
        if _object(reply).get("errors"):
            raise ProtocolViolation(f"the registry answered {reply.status} with errors: nobody knows what was done")
        return parse(attrs.evolve(reply, status=usual))

    return read


def listed(reply: Response, name: str, found: Sequence[T]) -> Sequence[T]:
    """What a page of a listing has. A page without items must say so: it has the list, which may be null.

    Args:
        reply: the answer.
        name: the list's name in it.
        found: what was read of the list.

    Raises:
        ProtocolViolation: the answer has no such list. A proxy, or a failure that looks like a success, would
            otherwise end the listing early.
    """
    if not found and name not in _object(reply):
        raise ProtocolViolation(f"a page of a listing has no {name!r}")
    return found


def told(parse: Callable[[Response], T]) -> Callable[[Response], T | None]:
    """A parser of the answer to what changes something: None if it succeeded, and the answer tells nothing of it."""

    def read(reply: Response) -> T | None:
        return None if _is_success(reply) and not reply.body else parse(reply)

    return read


def _object(reply: Response) -> Mapping[str, Any]:
    """The JSON object that a body is; an empty one if it is something else."""
    if not reply.body.lstrip().startswith(b"{"):
        return {}
    try:
        value: Mapping[str, Any] = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return value


def _is_success(reply: Response) -> bool:
    return reply.status // 100 == 2
