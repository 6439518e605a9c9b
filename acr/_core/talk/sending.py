"""Sending: one request out and its answer in, errors as ours."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import attrs
from acr_rest.redaction import redact
from acr_rest.types import AnyRequest as Request, Headers, Response

from acr._core.runtime import Body, Incoming, Lines, Outgoing, Runtime
from acr._core.talk import bodies
from acr._core.talk.attempts import Attempts, Problem, may_pass
from acr._core.talk.deadline import deadline, traffic
from acr._core.talk.failures import failure
from acr._core.talk.learned import Learned
from acr._core.talk.redaction import shown_header, shown_path, without_query
from acr._values.options import Retries
from acr._values.reference import Endpoint
from acr._values.traffic import OnRequest, OnResponse, RequestInfo, ResponseInfo
from acr.errors import LimitExceeded

_LOG: Final = logging.getLogger("acr")

JSON_LIMIT: Final = 1024 * 1024
"""Bytes of an answer that is read into memory, if it is no listing."""

_MOST_LINES: Final = 32
"""Connections that the large blobs of a client have beside the first one of each. A buffer of each is in memory."""


@attrs.frozen
class Sender:
    """Sends the requests of one client.

    Args:
        runtime: the world outside.
        retries: when to try again.
        user_agent: of every request.
        on_request: told of each request before it goes out.
        on_response: told of the head of each answer.
        total: seconds that one call may take; None for any time.
        home: the client's registry. Hooks see no query of what goes to another host.
        learned: what the registry's answers have taught this client; made anew.
        lines: the connections of all ranges of large blobs, beside the first one of each blob.
    """

    runtime: Runtime
    retries: Retries
    user_agent: str
    on_request: OnRequest | None
    on_response: OnResponse | None
    total: float | None = None
    home: Endpoint | None = None
    learned: Learned = attrs.field(factory=Learned, init=False)
    lines: Lines = attrs.field(factory=lambda: Lines(_MOST_LINES), init=False)

    async def send(
        self, endpoint: Endpoint, request: Request, authorization: str | None, *, is_large: bool = False
    ) -> Incoming:
        """Send once, and give the answer with its body unread; the caller closes it.

        Args:
            endpoint: where to.
            request: what.
            authorization: the header of that name, or None.
            is_large: the answer may have a large body, to be read by `readinto`.

        Raises:
            ResponseError: the answer is an error.
            TransportError: there is none.
        """
        outgoing = self._outgoing(endpoint, request, authorization, is_large=is_large)
        if self.on_request is not None:
            self.on_request(self._told(outgoing))
        throttle = self.learned.throttles.of(endpoint, is_home=self.home in (None, endpoint))
        era = throttle.era
        began = 0.0 if self.on_response is None else self.runtime.now()
        incoming = await self.runtime.send(outgoing)
        throttle.note(era, incoming.status)
        if _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug("%s %s at %s: %d", request.method, shown_path(request.target), endpoint.netloc, incoming.status)
        if "warning" in incoming.headers:
            for warning in self.learned.warnings.new(incoming.headers["warning"]):
                _LOG.warning("%s warns: %s", endpoint.netloc, warning)
        if self.on_response is not None:
            told = {name: shown_header(name, value) for name, value in incoming.headers.items()}
            try:
                self.on_response(ResponseInfo(self._told(outgoing), incoming.status, told, self.runtime.now() - began))
            except BaseException:
                await incoming.aclose()
                raise
        if incoming.status >= 400:
            raise await failure(request, endpoint.netloc, incoming)
        return incoming

    def _outgoing(self, endpoint: Endpoint, request: Request, authorization: str | None, *, is_large: bool) -> Outgoing:
        content = request.content
        if not (content is None or isinstance(content, bytes | Body)):
            raise TypeError("the core sends bytes, or a Body, whose length is known")
        headers = {**request.headers, "User-Agent": self.user_agent, "Accept-Encoding": "identity"}
        if authorization is not None:
            headers["Authorization"] = authorization
        return Outgoing(
            request.method, endpoint, request.target, headers, content, self.deadline(), is_large, traffic()
        )

    def _told(self, request: Outgoing) -> RequestInfo:
        """What a hook may know of a request."""
        headers = {name: redact(value) for name, value in request.headers.items() if name != "Authorization"}
        # Of an upload the query is the state, under names that each make of registry chooses.
        is_open = self.home in (None, request.endpoint) and "upload" not in request.target.partition("?")[0].lower()
        url = f"{request.endpoint}{request.target}"
        return RequestInfo(request.method, redact(url) if is_open else without_query(url), headers)

    async def exchange(self, endpoint: Endpoint, request: Request, authorization: str | None) -> Response:
        """Send with the given header or none, read the answer, and try again if that helps. Errors as of `send`."""

        async def once() -> Response:
            return await read(request, await self.send(endpoint, request, authorization))

        return await self.attempts().run(once)

    async def connect(self, endpoint: Endpoint) -> None:
        """Have a connection for the next request of the current call. If that fails, the request will tell why."""
        await self.runtime.connect(endpoint, self.deadline())

    def attempts(self, passes: Callable[[Problem], bool] = may_pass) -> Attempts:
        """The tries of something that this client begins now; see `Attempts`."""
        return Attempts(self, passes)

    def deadline(self) -> float | None:
        """When the current call must be over; None if it may take any time."""
        return deadline(self.runtime, self.total)


async def read(request: Request, incoming: Incoming, *, limit: int = JSON_LIMIT, option: str | None = None) -> Response:
    """Read an answer to its end, and close it.

    Args:
        request: the request.
        incoming: the answer to it.
        limit: the bytes that the body may have.
        option: the option that sets the limit, or None.

    Raises:
        LimitExceeded: the body is larger.
        TransportError: it broke off.
    """

    def what() -> str:
        return f"the answer to {request.method} {shown_path(request.target)}"

    try:
        if request.method != "HEAD" and (bodies.size(incoming.headers.get("content-length")) or 0) > limit:
            raise LimitExceeded(what(), limit=limit, option=option)  # none of it need be read
        body = await bodies.read(incoming, limit, what, option=option)
    finally:
        await incoming.aclose()
    if "content-encoding" in incoming.headers:
        body = bodies.decoded(body, incoming.headers["content-encoding"], limit, what(), option=option)
    return Response(incoming.status, Headers(incoming.headers), body)  # their names are in lower case already
