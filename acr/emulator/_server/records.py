"""The requests that arrived at the emulator, for tests that count."""

from typing import Literal

import attrs

from acr._values.home import public_in

Origin = Literal["registry", "storage"]
"""The registry, or the blob store that it redirects downloads to."""


@public_in("acr.emulator")
@attrs.define
class RequestRecord:
    """One request that arrived, and its answer.

    Args:
        method: HTTP method.
        path: path and query, as sent.
        headers: headers by name in lower case. Of Authorization, it keeps the scheme only.
        origin: the server that it arrived at, `registry` or `storage`.
        status: HTTP status of the answer; 0 before the answer, and if the connection was cut instead.
        received: bytes of the request's body that arrived.
        sent: bytes of the answer's body that were sent.
    """

    method: str
    path: str
    headers: dict[str, str]
    origin: Origin
    status: int = 0
    received: int = 0
    sent: int = 0
