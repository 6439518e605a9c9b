"""Traffic: what a client's hooks are told of its requests and answers. Nothing in it is secret."""

from collections.abc import Callable, Mapping

import attrs

from acr._values.home import public_in


@public_in("acr")
@attrs.frozen
class RequestInfo:
    """A request as it goes out.

    Args:
        method: HTTP method.
        url: with signatures and upload states taken out.
        headers: without Authorization.
    """

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(hash=False)


@public_in("acr")
@attrs.frozen
class ResponseInfo:
    """The head of an answer.

    Args:
        request: what it answers.
        status: HTTP status.
        headers: names in lower case, signatures and upload states taken out.
        seconds: from the request to the head of its answer.
    """

    request: RequestInfo
    status: int
    headers: Mapping[str, str] = attrs.field(hash=False)
    seconds: float


OnRequest = Callable[[RequestInfo], None]
OnResponse = Callable[[ResponseInfo], None]
