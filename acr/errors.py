"""The errors of this package: one tree, so that `except AcrError` catches all that it raises on purpose.

    AcrError
    ├── InvalidInput          (also a ValueError) an argument that cannot be right; no request was sent
    │   └── InvalidReference  a malformed login server, repository, tag, digest or link
    ├── CredentialError       no token could be had from the credential, or it is of the wrong kind
    ├── TransportError        no answer: connection refused or lost, TLS failure, time-out
    ├── ResponseError         the registry answered with an error
    │   ├── Unauthorized      401: the token lacks the scope, or there is none
    │   ├── Denied            403: firewall, role, policy
    │   ├── NotFound          404
    │   │   └── NoMetadataApi     the registry is none of ACR's: it has no properties, locks and catalog
    │   ├── Locked            the item is locked, or the registry disallows the operation
    │   ├── RateLimited       429
    │   └── ServerError       5xx
    ├── IntegrityError        bytes that are not what they should be
    │   ├── DigestMismatch
    │   ├── SizeMismatch
    │   └── UnsupportedDigest (also a ValueError) an algorithm other than sha256 and sha512
    ├── LimitExceeded         more bytes or files than the protocol (a manifest over 4 MiB) or the caller allows
    ├── ProtocolViolation     an answer that the protocol does not allow
    └── TransferError         push or pull failed; `side` says where

No error carries a token, a password or a signed URL: what comes from the outside is redacted before it gets here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import attrs


class AcrError(Exception):
    """Base of every error that this package raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        # By itself an exception is made anew from its text alone, and worker processes would fail on ours, which take
        # more than that.
        return _remade, (type(self), self.args), self.__dict__


def _remade(kind: type[AcrError], args: tuple[object, ...]) -> AcrError:
    return kind.__new__(kind, *args)


class InvalidInput(AcrError, ValueError):
    """An argument that cannot be right. Nothing was sent."""


class InvalidReference(InvalidInput):
    """A malformed login server, repository, tag, digest or link."""


class CredentialError(AcrError):
    """No token could be had from the credential, or it is of the wrong kind."""


class TransportError(AcrError):
    """The registry did not answer: connection refused or lost, TLS failure, time-out.

    Attributes:
        exhausted: whether the client's retries were used up on it.
        repeated: whether an earlier attempt, whose answer was lost, may have done what was asked for.
    """

    exhausted: bool = False
    repeated: bool = False


@attrs.frozen
class ErrorInfo:
    """One entry of an error body.

    Args:
        code: the registry's code, such as `NAME_UNKNOWN`.
        message: its text.
        detail: any JSON value; ACR sends an array, an object, a string or null (OCI distribution spec, "Error Codes").
    """

    code: str
    message: str = ""
    detail: Any = None


class ResponseError(AcrError):
    """The registry answered with an error.

    Attributes:
        status: the HTTP status.
        errors: the entries of the error body; empty where the body was no JSON.
        codes: their codes.
        detail: the first entry's detail.
        correlation_id: X-Ms-Correlation-Request-Id, which Azure support asks for; None where there was none.
        retry_after: seconds that the registry asked to wait; None where it did not.
        challenge: the WWW-Authenticate header, which names the scope that is missing; None where there was none.
        exhausted: whether the client's retries were used up on it.
        repeated: whether an earlier attempt, whose answer was lost, may have done what was asked for.
    """

    exhausted: bool = False
    repeated: bool = False

    def __init__(
        self,
        message: str,
        *,
        status: int,
        errors: Sequence[ErrorInfo] = (),
        correlation_id: str | None = None,
        retry_after: float | None = None,
        challenge: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errors: tuple[ErrorInfo, ...] = tuple(errors)
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        self.challenge = challenge

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the error body, in its order."""
        return tuple(error.code for error in self.errors)

    @property
    def detail(self) -> Any:
        """The detail of the first entry, or None."""
        return self.errors[0].detail if self.errors else None


class Unauthorized(ResponseError):
    """401: the token does not have the scope that the operation needs, or there is none."""


class Denied(ResponseError):
    """403: a firewall rule, a missing role or a policy refused it."""


class NotFound(ResponseError):
    """404: no such repository, tag, manifest, blob or upload."""


class NoMetadataApi(NotFound):
    """The registry has no ACR metadata API: it is another make, which knows manifests, blobs and tag names only."""


class Locked(ResponseError):
    """The item is locked against it, or the registry disallows the operation."""


class RateLimited(ResponseError):
    """429: too many requests."""


class ServerError(ResponseError):
    """5xx: the registry failed."""


class IntegrityError(AcrError):
    """Bytes that are not what they should be."""


class DigestMismatch(IntegrityError):
    """Content whose digest is not the expected one.

    Attributes:
        expected: the digest that was asked for.
        actual: the digest of what came.
    """

    def __init__(self, what: str, *, expected: str, actual: str) -> None:
        super().__init__(f"{what}: expected {expected}, got {actual}")
        self.expected = expected
        self.actual = actual


class SizeMismatch(IntegrityError):
    """Content whose size is not the expected one.

    Attributes:
        expected: bytes expected.
        actual: bytes that came.
    """

    def __init__(self, what: str, *, expected: int, actual: int) -> None:
        super().__init__(f"{what}: expected {expected} bytes, got {actual}")
        self.expected = expected
        self.actual = actual


class UnsupportedDigest(IntegrityError, ValueError):
    """A digest of an algorithm other than sha256 and sha512."""


class LimitExceeded(AcrError):
    """More bytes, or more files, than the protocol or the caller allows.

    Attributes:
        limit: the most that is allowed, in bytes where no other unit was named.
    """

    def __init__(self, what: str, *, limit: int, unit: str = "bytes") -> None:
        super().__init__(f"{what} is larger than the {limit} {unit} allowed")
        self.limit = limit


class ProtocolViolation(AcrError):
    """An answer that the protocol does not allow."""


class TransferError(AcrError):
    """A push or a pull failed; the cause is chained.

    Attributes:
        side: `source` or `target`: which end failed.
    """

    def __init__(self, message: str, *, side: Literal["source", "target"]) -> None:
        super().__init__(message)
        self.side: Literal["source", "target"] = side
