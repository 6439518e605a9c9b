"""One chunk: whether a registry takes one chunk of an upload and no other, as ECR does. Then a blob goes in one."""

from __future__ import annotations

from typing import Final

from acr._core.blobs.feed import Feed
from acr._core.blobs.upload_sessions import REFUSALS, UploadSession, is_out_of_step
from acr._core.talk.attempts import Problem
from acr._core.talk.chunking import Chunking
from acr.errors import Locked, ProtocolViolation, ResponseError

_ENOUGH: Final = 4
"""Second chunks that are lost until a registry is taken for one that takes none."""

_HELP: Final = "the registry may take all of a blob in one chunk only: pass a path, or bytes, which can be sent so"


class OneChunk:
    """Whether all of a blob goes in one chunk.

    Args:
        chunking: what other uploads have found out of the registry.
        feed: the bytes.
    """

    def __init__(self, chunking: Chunking, feed: Feed) -> None:
        self._chunking = chunking
        self._feed = feed
        self._suspicions = 0
        self.is_due: bool = chunking.takes_one and feed.size is not None
        """Whether it goes so."""

    def seems_due(self, error: Problem | ProtocolViolation, upload: UploadSession, *, is_commit: bool) -> bool:
        """Whether an error makes it seem that the registry takes one chunk only, and all can be sent in one.

        The registry refuses the second chunk: by an error that cannot be got over in another way; or although it said
        of the first one that something was created; or again and again. Or it answers the second chunk with a success,
        and forgets it (aws/containers-roadmap#2831).

        Raises:
            ProtocolViolation: it has forgotten the second chunk, and the source cannot be read again.
        """
        if self.is_due or self._chunking.takes_many or is_commit or not _is_of_second_chunk(error, upload):
            return False
        if isinstance(error, ResponseError) and not self._is_enough(error, upload):
            return False
        if self._feed.size is not None and self._feed.is_at_hand:
            return True
        if isinstance(error, ProtocolViolation):
            raise ProtocolViolation(f"{error}; {_HELP}")
        if isinstance(error, ResponseError):
            error.hint = _HELP
        return False

    def _is_enough(self, error: ResponseError, upload: UploadSession) -> bool:
        """Whether the refusals of second chunks are enough to believe it."""
        self._suspicions += 1
        return upload.says_created or self._suspicions >= _ENOUGH or not is_out_of_step(error)

    def switch(self, *, is_due: bool) -> None:
        """From now on all of the blob goes in one chunk, or in several; that of the next uploads, too."""
        self.is_due = self._chunking.takes_one = is_due
        self._chunking.takes_many = not is_due


def _is_of_second_chunk(error: Problem | ProtocolViolation, upload: UploadSession) -> bool:
    """Whether the registry refuses the second chunk of a session, or has forgotten it."""
    if isinstance(error, ProtocolViolation):
        return upload.took_nothing and upload.chunks == 2
    if not isinstance(error, ResponseError) or isinstance(error, Locked):
        return False
    return upload.chunks == 1 and error.status in REFUSALS
