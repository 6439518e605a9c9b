"""Sources of blobs that move from one store to another: out of a registry, or from this machine.

Neither opens anything before its first byte is read, or before somebody lets it begin: what the target is known to have
is never asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from acr._core.blobs.reading import Download
from acr._core.runtime import Runtime
from acr._core.talk.remote import Remote
from acr._values.descriptor import Descriptor
from acr.errors import AcrError, TransferError


class RegistrySource:
    """Implements `acr._core.runtime.Source` for a blob of a registry. Seeking re-requests the blob from the new offset.

    Args:
        remote: the repository.
        blob: the blob. More bytes than its size are an error.
    """

    is_seekable = True

    def __init__(self, remote: Remote, blob: Descriptor) -> None:
        self._remote = remote
        self._blob = blob
        self._download: Download | None = None
        self._failure: AcrError | None = None
        self.size: int | None = blob.size

    async def begin(self) -> None:
        """Let the first bytes come while something else is done. If they cannot be had, `read` says so."""
        self._download = self._from(0)
        try:
            await self._download.begin(memoryview(b""))
        except AcrError as error:
            self._failure = error

    async def read(self, count: int) -> bytes:
        """As of `Source`."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        download = self._download = self._download or self._from(0)
        buffer = memoryview(bytearray(count))
        filled = 0
        while filled < count and (got := await download.readinto(buffer[filled:])):
            filled += got
        if download.offset == self.size:  # nobody asks for more: look here that there is none
            await download.readinto(memoryview(bytearray(1)))
        return bytes(buffer[:filled])

    async def seek(self, offset: int) -> None:
        """As of `Source`."""
        await self.aclose()
        self._download = self._from(offset)

    async def aclose(self) -> None:
        """As of `Source`."""
        if self._download is not None:
            await self._download.aclose()

    def _from(self, offset: int) -> Download:
        blob = self._blob
        return Download(self._remote, blob.digest, offset=offset, size=blob.size)


class LocalSource:
    """Implements `acr._core.runtime.Source` for a blob on this machine.

    Args:
        runtime: the world outside.
        open_file: opens it, when its first byte is asked for.
        blob: what it is.
    """

    is_seekable = True

    def __init__(self, runtime: Runtime, open_file: Callable[[], BinaryIO], blob: Descriptor) -> None:
        self._runtime = runtime
        self._open_file = open_file
        self._file: BinaryIO | None = None
        self._what = f"the blob {blob.digest}"
        self.size: int | None = blob.size

    async def read(self, count: int) -> bytes:
        """As of `Source`."""
        return await self._runtime.blocking(self._read, count)

    async def seek(self, offset: int) -> None:
        """As of `Source`."""
        await self._runtime.blocking(self._seek, offset)

    async def aclose(self) -> None:
        """As of `Source`."""
        if self._file is not None:
            self._file.close()

    def _read(self, count: int) -> bytes:
        parts: list[bytes] = []
        missing = count
        try:
            while missing and (part := self._opened().read(missing)):  # a raw file may give less than asked
                parts.append(part)
                missing -= len(part)
        except OSError as error:
            raise self._unreadable(error) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _seek(self, offset: int) -> None:
        try:
            self._opened().seek(offset)
        except OSError as error:
            raise self._unreadable(error) from error

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = self._open_file()
        return self._file

    def _unreadable(self, error: OSError) -> TransferError:
        return TransferError(f"cannot read {self._what}: {error.strerror or error}", side="source")
