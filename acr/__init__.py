"""A client for Azure Container Registry (ACR), sync and async.

>>> from acr import Registry
>>> with Registry("my.azurecr.io") as registry:  # doctest: +SKIP
...     for tag in registry.repository("team/app").tags(order_by="newest"):
...         print(tag.name, tag.digest)

`Registry` and `AsyncRegistry` have the same names. Handles are lazy, and verbs do the requests. Errors are one tree,
drawn in `acr.errors`. `acr.emulator` is a local registry for tests.
"""

from typing import TYPE_CHECKING

from acr.facades.handles import RepositoryBlob, RepositoryManifest, RepositoryTag
from acr.facades.registry import Registry, Repository
from acr.facades.streams import BlobStream, Listing, Upload
from acr.outside.docker_config import DockerConfig
from acr.outside.entra import default_credential
from acr.values import errors, media_types
from acr.values.credentials import Credential, Keyring, RefreshToken, TokenCredential, UsernamePassword
from acr.values.descriptor import Descriptor, Platform
from acr.values.digest import Digest, Hasher
from acr.values.errors import (
    AcrError,
    CredentialError,
    Denied,
    DigestMismatch,
    ErrorInfo,
    IntegrityError,
    InvalidInput,
    InvalidReference,
    LimitExceeded,
    Locked,
    NotFound,
    ProtocolViolation,
    RateLimited,
    ResponseError,
    ServerError,
    SizeMismatch,
    TransferError,
    TransportError,
    Unauthorized,
    UnsupportedDigest,
)
from acr.values.files import File
from acr.values.manifest import Manifest
from acr.values.options import Retries, Timeouts
from acr.values.page import Page
from acr.values.progress import Done, Item, Moved, Progress, ProgressEvent, Retried, Skipped, Started
from acr.values.properties import (
    DeletedRepository,
    ManifestProperties,
    Permissions,
    RelatedManifest,
    RepositoryProperties,
    TagProperties,
)
from acr.values.pulled import Pulled
from acr.values.version import __version__

if TYPE_CHECKING:
    from acr.facades.async_handles import AsyncRepositoryBlob, AsyncRepositoryManifest, AsyncRepositoryTag
    from acr.facades.async_registry import AsyncRegistry, AsyncRepository
    from acr.facades.async_streams import AsyncBlobStream, AsyncListing, AsyncUpload

__all__ = [
    "AcrError",
    "AsyncBlobStream",
    "AsyncListing",
    "AsyncRegistry",
    "AsyncRepository",
    "AsyncRepositoryBlob",
    "AsyncRepositoryManifest",
    "AsyncRepositoryTag",
    "AsyncUpload",
    "BlobStream",
    "Credential",
    "CredentialError",
    "DeletedRepository",
    "Denied",
    "Descriptor",
    "Digest",
    "DigestMismatch",
    "DockerConfig",
    "Done",
    "ErrorInfo",
    "File",
    "Hasher",
    "IntegrityError",
    "InvalidInput",
    "InvalidReference",
    "Item",
    "Keyring",
    "LimitExceeded",
    "Listing",
    "Locked",
    "Manifest",
    "ManifestProperties",
    "Moved",
    "NotFound",
    "Page",
    "Permissions",
    "Platform",
    "Progress",
    "ProgressEvent",
    "ProtocolViolation",
    "Pulled",
    "RateLimited",
    "RefreshToken",
    "Registry",
    "RelatedManifest",
    "Repository",
    "RepositoryBlob",
    "RepositoryManifest",
    "RepositoryProperties",
    "RepositoryTag",
    "ResponseError",
    "Retried",
    "Retries",
    "ServerError",
    "SizeMismatch",
    "Skipped",
    "Started",
    "TagProperties",
    "Timeouts",
    "TokenCredential",
    "TransferError",
    "TransportError",
    "Unauthorized",
    "UnsupportedDigest",
    "Upload",
    "UsernamePassword",
    "__version__",
    "default_credential",
    "errors",
    "media_types",
]


def __getattr__(name: str) -> object:
    """The async half, loaded when it is asked for: asyncio alone takes a quarter of the time to import this package."""
    if name.startswith("Async") and name in __all__:
        from acr.facades import async_handles, async_registry, async_streams

        for module in (async_registry, async_handles, async_streams):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
