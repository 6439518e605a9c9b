"""Answers of the blocking shell: a head, and a body that is read from its connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping

import httpcore

from acr._core.runtime import Outgoing
from acr._shells.direct import Buffered, Direct
from acr._shells.gathering import GATHERING, Stop, go_on
from acr._shells.http import LOST, failed, lower
from acr._shells.patience import Patience
from acr._shells.pieces import counted
from acr._shells.sockets import Call, shut
from acr.errors import InvalidInput, TransportError


class Answer:
    """Implements `acr._core.runtime.Incoming`.

    Args:
        request: what was asked.
        response: the answer as httpcore has it.
        leave: called once, when the answer is closed, with whether that went well. Only then its connection takes
            another request.
        patience: how long each wait for the body lasts.
        keep: called with the stream, if all of the body was read from the socket itself.
    """

    def __init__(
        self,
        request: Outgoing,
        response: httpcore.Response,
        leave: Callable[[bool], None] | None,
        patience: Patience,
        keep: Callable[[object], None] | None = None,
    ) -> None:
        self._request = request
        self._response = response
        self._leave = leave
        self._patience = patience
        self._keep = keep
        self._body: Direct | Buffered | None = None
        self._stop = GATHERING.stop
        self._joined: list[tuple[Stop, Call]] = []
        self.status = response.status
        self.headers: Mapping[str, str] = lower(response.headers)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            for chunk in counted(self._response.iter_stream()):
                yield chunk
        except LOST as error:
            go_on()  # it may have been cut
            raise failed(self._request, error, self._patience.watch) from error

    async def readinto(self, buffer: memoryview) -> int:
        go_on()
        try:
            if self._stop is not GATHERING.stop:
                self._join(GATHERING.stop)
            if self._body is None:
                direct = Direct.of(self._response, self.headers, self._patience) if self._request.is_large else None
                self._body = direct or Buffered(counted(self._response.iter_stream()))
            return self._body.readinto(buffer)
        except (*LOST, OSError, EOFError) as error:
            go_on()  # it may have been cut
            raise failed(self._request, error, self._patience.watch) from error

    def until(self, deadline: float | None) -> None:
        self._patience.watch.deadline = deadline

    async def aclose(self) -> None:
        (leave, self._leave), (keep, self._keep) = (self._leave, None), (self._keep, None)
        is_closed = False
        try:
            while self._joined:
                stop, call = self._joined.pop()
                stop.end(call)
            is_whole = isinstance(self._body, Direct) and self._body.is_read
            if keep is not None and is_whole and "close" not in self._tokens():
                keep(self._response.extensions.get("network_stream"))
            self._response.close()
            is_closed = True
        finally:
            if leave is not None:
                leave(is_closed)

    def _join(self, stop: Stop | None) -> None:
        """Let the gather that reads the answer cut it, too: it may have been asked for outside."""
        self._stop = stop
        stream = self._response.extensions.get("network_stream")
        if stop is not None and stream is not None:
            call = stop.begin()
            self._joined.append((stop, call))
            call.use(stream)

    def _tokens(self) -> str:
        return self.headers.get("connection", "").lower()

    def lost(self, why: str) -> TransportError | InvalidInput:
        """The error of who must not read it."""
        return failed(self._request, httpcore.ReadError(why), self._patience.watch)

    def cut(self) -> None:
        """Wake up a thread that waits for bytes, for the last time."""
        stream = self._response.extensions.get("network_stream")
        sock = None if stream is None else stream.get_extra_info("socket")
        if sock is not None:
            shut(sock)
