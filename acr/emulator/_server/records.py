"""What arrived at the emulator: one record per request, for tests that count."""

from typing import Literal

import attrs

from acr._values.home import public_in

Origin = Literal["registry", "storage"]
"""The registry itself, or the blob store that it redirects downloads to."""


@public_in("acr.emulator")
@attrs.define
class RequestRecord:
    """One request as it arrived, and how it was answered.

    Args:
        method: HTTP method.
        path: path and query, as sent.
        headers: request headers by lower-case name; of Authorization only the scheme.
        origin: which of the two origins it was for.
        status: HTTP status of the answer; 0 while there is none, and where the connection was cut instead.
        received: bytes of the request body that arrived.
        sent: bytes of the response body.
    """

    method: str
    path: str
    headers: dict[str, str]
    origin: Origin
    status: int = 0
    received: int = 0
    sent: int = 0
