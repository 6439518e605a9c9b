"""The belt: blocks of a download are hashed and written in other threads while the network goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs

from acr._core.runtime import Runtime

if TYPE_CHECKING:
    from concurrent.futures import Future


@attrs.frozen
class _Block:
    """A block that is being taken.

    Args:
        begun: what takes it.
        buffer: where it lies.
        after: is called when it was taken.
    """

    begun: Sequence[Future[None]]
    buffer: memoryview
    after: Callable[[], None] | None


class Belt:
    """The buffers of one connection. They are used again and again: fresh ones cost as much as receiving into them.

    Args:
        runtime: the world outside.
        size: bytes of a buffer.
        most: how many buffers there are, at the most.
    """

    def __init__(self, runtime: Runtime, size: int, most: int) -> None:
        self._runtime = runtime
        self._size = size
        self._most = most
        self._waiting: deque[_Block] = deque()
        self.buffer: memoryview = memoryview(bytearray(size))
        """What to receive into. It is another one after each `put`."""

    async def put(self, begun: Sequence[Future[None]], after: Callable[[], None] | None = None) -> None:
        """Let the buffer go with what takes its block, and provide the next one.

        Args:
            begun: what takes the block, in other threads.
            after: is called when all of them are done.

        Raises:
            Exception: what one of those raised that took an earlier block.
        """
        self._waiting.append(_Block(begun, self.buffer, after))
        if len(self._waiting) < self._most and not all(one.done() for one in self._waiting[0].begun):
            self.buffer = memoryview(bytearray(self._size))
        else:
            self.buffer = await self._taken()

    async def drain(self) -> None:
        """Wait until all blocks are taken. Errors as of `put`."""
        while self._waiting:
            await self._taken()

    async def _taken(self) -> memoryview:
        """Wait until the block that came first is taken, and give its buffer."""
        block = self._waiting.popleft()
        for one in block.begun:
            await self._runtime.result(one)
        if block.after is not None:
            block.after()
        return block.buffer
