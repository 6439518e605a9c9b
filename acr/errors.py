"""The errors of this package: one tree, which begins with `AcrError`.

`except AcrError` catches each error that this package raises on purpose:

    AcrError
    ├── InvalidInput          an argument cannot be right; no request was sent (also a ValueError)
    │   ├── InvalidPolicy     a clean-up policy has a mistake, at a line
    │   ├── InvalidReference  a login server, repository, tag, digest or link is malformed
    │   └── NotPicklable      a client belongs to its process: make one in each (also a TypeError)
    ├── CredentialError       the credential yields no token, or has the wrong kind
    ├── TransportError        no answer: connection refused or lost, TLS failure, time-out
    │   └── TooSlow           the call, or the network, is slower than `Timeouts` allows
    ├── ResponseError         the registry answered with an error
    │   ├── Unauthorized      401: the token lacks a scope, or there is no token
    │   ├── Denied            403: a firewall, a role or a policy
    │   ├── NotFound          404
    │   │   └── NoMetadataApi     the registry lacks ACR's properties, locks and catalog
    │   ├── Locked            the item is locked, or the registry disallows the operation
    │   ├── RateLimited       429
    │   └── ServerError       5xx
    ├── IntegrityError        the bytes are wrong
    │   ├── DigestMismatch    their digest is wrong
    │   ├── SizeMismatch      there are too many or too few
    │   └── UnsupportedDigest the algorithm is neither sha256 nor sha512 (also a ValueError)
    ├── LimitExceeded         more bytes, files or pages than the protocol or the caller allows
    ├── IncompleteInventory   some repositories could not be read
    ├── PlanRefused           a clean-up plan exceeds a limit, or is too old
    ├── ProtocolViolation     the protocol does not allow such an answer
    └── TransferError         a push or pull failed; `side` says at which end

No error contains a token, a password or a signed URL: the client redacts what it received before it makes an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from acr._text import counted, printable

_SHOWN = 5
"""How many repositories the text of an error names."""


class AcrError(Exception):
    """Base of each error that this package raises on purpose. You can print and log its text as it is."""

    def __str__(self) -> str:
        return printable(super().__str__())

    def __reduce__(self) -> tuple[object, ...]:
        # Python pickles an exception as its class and its text. Our classes need more, so unpickling in another process
        # would fail.
        return _remade, (type(self), self.args), self.__dict__


def _remade(kind: type[AcrError], args: tuple[object, ...]) -> AcrError:
    return kind.__new__(kind, *args)


class InvalidInput(AcrError, ValueError):
    """An argument cannot be right. The client has sent no request."""


class InvalidPolicy(InvalidInput):
    """A clean-up policy, or a file that it names, has a mistake.

    Attributes:
        source: the file.
        line: the line, from 1.
    """

    def __init__(self, message: str, *, source: str, line: int) -> None:
        super().__init__(f"{source}:{line}: {message}")
        self.source = source
        self.line = line


class InvalidReference(InvalidInput):
    """A login server, repository, tag, digest or link is malformed."""


class NotPicklable(InvalidInput, TypeError):
    """A client, or an object that it made, cannot be pickled or copied. Make one in each process."""


class CredentialError(AcrError):
    """The credential yields no token, or has the wrong kind."""


class TransportError(AcrError):
    """The registry did not answer: connection refused or lost, TLS failure, time-out.

    Attributes:
        exhausted: whether another try is useless: the retries are used up, the time for the call is over, or a
            certificate failed its verification.
        timed_out: whether the registry was connected, and its answer did not come in time.
    """

    exhausted: bool = False
    timed_out: bool = False


class TooSlow(TransportError):
    """The call took longer than the option `total` of `Timeouts`, or a body moved slower than its `least_rate`."""


@attrs.frozen
class ErrorInfo:
    """One entry of an error body (OCI distribution spec, "Error Codes").

    Args:
        code: the registry's code, such as `NAME_UNKNOWN`.
        message: the registry's text.
        detail: any JSON value. ACR sends an array, an object, a string or null.
    """

    code: str
    message: str = ""
    detail: Any = None


class ResponseError(AcrError):
    """The registry answered with an error.

    Attributes:
        status: the HTTP status.
        method: the HTTP method of the request, or None: the client may have found out by several requests.
        host: who answered, with the port if it is unusual, or None.
        path: of the request, as it was sent, or None. The query is left out, and so is the state of an upload if the
            path is one that the OCI distribution spec has.
        errors: the entries of the error body; empty if the body was not JSON.
        correlation_id: the header X-Ms-Correlation-Request-Id, which Azure support asks for, or None.
        retry_after: the seconds that the registry asked to wait, or None.
        challenge: the header WWW-Authenticate, which names the missing scope, or None.
        hint: the cause, or what to do next; None if the client does not know. The text of the error ends with it.
        exhausted: whether another try is useless: the retries are used up, or the time for the call is over.
    """

    exhausted: bool = False
    method: str | None = None  # an older version may have pickled an error without them
    host: str | None = None
    path: str | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int,
        method: str | None = None,
        host: str | None = None,
        path: str | None = None,
        errors: Sequence[ErrorInfo] = (),
        correlation_id: str | None = None,
        retry_after: float | None = None,
        challenge: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.method = method
        self.host = host
        self.path = path
        self.errors: tuple[ErrorInfo, ...] = tuple(errors)
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        self.challenge = challenge
        self.hint = hint

    def __str__(self) -> str:
        hint = f" ({printable(self.hint)})" if self.hint else ""
        correlation_id = f" [correlation id {self.correlation_id}]" if self.correlation_id else ""
        return f"{super().__str__()}{hint}{correlation_id}"

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the entries, in their order."""
        return tuple(error.code for error in self.errors)

    @property
    def detail(self) -> Any:
        """The detail of the first entry, or None."""
        return self.errors[0].detail if self.errors else None


class Unauthorized(ResponseError):
    """401: the token lacks a scope that the operation needs, or there is no token."""


class Denied(ResponseError):
    """403: a firewall rule, a missing role or a policy forbids the operation."""


class NotFound(ResponseError):
    """404: no such repository, tag, manifest, blob or upload."""


class NoMetadataApi(NotFound):
    """The registry lacks ACR's metadata API. It is of another make, and offers manifests, blobs and tag names only."""


class Locked(ResponseError):
    """A lock of the item forbids the operation, or the registry disallows it."""


class RateLimited(ResponseError):
    """429: the client sends too many requests."""


class ServerError(ResponseError):
    """5xx: the registry failed."""


class IntegrityError(AcrError):
    """The bytes are wrong."""


class DigestMismatch(IntegrityError):
    """The digest of the content is wrong.

    Attributes:
        expected: the expected digest.
        actual: the digest of the bytes that came.
    """

    def __init__(self, what: str, *, expected: str, actual: str) -> None:
        super().__init__(f"{what}: expected {expected}, got {actual}")
        self.expected = expected
        self.actual = actual


class SizeMismatch(IntegrityError):
    """The size of the content is wrong.

    Attributes:
        expected: the expected size, in bytes.
        actual: the number of bytes that came.
    """

    def __init__(self, what: str, *, expected: int, actual: int) -> None:
        super().__init__(f"{what}: expected {expected} bytes, got {actual}")
        self.expected = expected
        self.actual = actual


class UnsupportedDigest(IntegrityError, ValueError):
    """The algorithm of a digest is neither sha256 nor sha512."""


class LimitExceeded(AcrError):
    """There are more bytes, files or pages than the protocol or the caller allows. ACR allows 4 MiB for a manifest.

    Attributes:
        limit: the most that is allowed, in the unit that the text names.
        option: the option that sets the limit, such as "Limits.page", or None.
    """

    def __init__(
        self, what: str, *, limit: int, unit: str = "bytes", option: str | None = None, text: str | None = None
    ) -> None:
        more = f"; {option} sets this limit" if option else ""
        super().__init__(text or f"{what} is larger than the {limit} {unit} allowed{more}")
        self.limit = limit
        self.option = option


class IncompleteInventory(AcrError):
    """An inventory would not be whole, because some repositories could not be read.

    Attributes:
        registry: login server of the registry.
        unread: why, by the name of the repository. Empty if it was the catalog.
        catalog: why the catalog broke off, or could not be read; None if it was read.
    """

    def __init__(
        self, registry: str, unread: Mapping[str, AcrError], *, catalog: AcrError | None = None, names: int = 0
    ) -> None:
        if catalog is not None:
            how = f"broke off after {counted(names, 'repository')}" if names else "could not be read"
            text = f"the catalog of {registry} {how}: {catalog}. Try again, or name the repositories: repositories=[…]"
        else:
            first = [f"{name}: {error}" for name, error in list(unread.items())[:_SHOWN]]
            more = [f"and {len(unread) - _SHOWN:,} more"] if len(unread) > _SHOWN else []
            text = (
                f"{counted(len(unread), 'repository')} of {registry} could not be read: {'; '.join([*first, *more])}."
                " Check the names that you passed. Of a whole registry, repositories=['*', '!NAME'] leaves one out"
            )
        super().__init__(text)
        self.registry = registry
        self.unread: Mapping[str, AcrError] = dict(unread)
        self.catalog = catalog


class PlanRefused(AcrError):
    """A clean-up plan must not be carried out: it exceeds a limit, or is too old. The call has deleted nothing."""


class ProtocolViolation(AcrError):
    """The protocol does not allow such an answer.

    Attributes:
        is_page: whether the answer was a web page, such as one to log in at.
    """

    is_page: bool = False


class TransferError(AcrError):
    """A push or a pull failed. Its `__cause__` is the error behind it.

    Attributes:
        side: the end that failed, `source` or `target`.
    """

    def __init__(self, message: str, *, side: Literal["source", "target"]) -> None:
        super().__init__(message)
        self.side: Literal["source", "target"] = side
