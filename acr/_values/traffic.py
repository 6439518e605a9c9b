"""Traffic: what a client's hooks learn of its requests and answers. It contains no secrets."""

from collections.abc import Callable, Mapping

import attrs

from acr._values.home import public_in
from acr._values.plain import Plain
from acr._values.travel import travels


@public_in("acr")
@travels
@attrs.frozen
class RequestInfo(Plain):
    """A request, as the hook `on_request` receives it. It contains no secrets.

    Args:
        method: HTTP method.
        url: URL, without signatures and tokens. Of a request to another host, or of an upload, without its query.
        headers: headers, without Authorization.
    """

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(hash=False)


@public_in("acr")
@travels
@attrs.frozen
class ResponseInfo(Plain):
    """The head of an answer, as the hook `on_response` receives it. It contains no secrets.

    Args:
        request: the request.
        status: HTTP status.
        headers: headers by name in lower case, without signatures, tokens and cookies. A Location has no query.
        seconds: time from the request to the head of its answer.
    """

    request: RequestInfo
    status: int
    headers: Mapping[str, str] = attrs.field(hash=False)
    seconds: float


OnRequest = Callable[[RequestInfo], None]
"""A hook that the client calls before it sends a request."""

OnResponse = Callable[[ResponseInfo], None]
"""A hook that the client calls when the head of an answer has arrived."""
