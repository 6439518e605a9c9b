"""A client for Azure Container Registry (ACR), sync and async.

Example:
    with Registry("my.azurecr.io") as registry:
        for tag in registry.repository("team/app").tags(order_by="newest"):
            print(tag.name, tag.digest)

`Registry` and `AsyncRegistry` have the same names. Handles are lazy, and verbs do the requests. Errors are one tree,
drawn in `acr.errors`. `acr.emulator` is a local registry for tests.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acr.core.ports import Local
    from acr.facades.async_handles import AsyncRepositoryBlob, AsyncRepositoryManifest, AsyncRepositoryTag
    from acr.facades.async_registry import AsyncRegistry
    from acr.facades.async_repository import AsyncRepository
    from acr.facades.async_streams import AsyncBlobReader, AsyncBlobStream, AsyncListing, AsyncUpload
    from acr.facades.handles import RepositoryBlob, RepositoryManifest, RepositoryTag
    from acr.facades.options import Artifact
    from acr.facades.registry import Registry
    from acr.facades.repository import Repository
    from acr.facades.streams import BlobReader, BlobStream, Listing, Upload
    from acr.outside.docker_archive import DockerArchive
    from acr.outside.docker_config import DockerConfig
    from acr.outside.entra import default_credential
    from acr.outside.layout import Layout, Memory
    from acr.outside.sinks import Downloadable
    from acr.outside.sources import SyncUploadable, Uploadable
    from acr.values import errors, media_types
    from acr.values.credentials import Credential, Keyring, RefreshToken, TokenCredential, UsernamePassword
    from acr.values.descriptor import Descriptor, Platform
    from acr.values.digest import Digest, Hasher, VerifyingReader
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
        NoMetadataApi,
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
    from acr.values.progress import Done, Item, Mounted, Moved, Progress, ProgressEvent, Retried, Skipped, Started
    from acr.values.properties import (
        Chunk,
        DeletedRepository,
        ManifestProperties,
        Order,
        Permissions,
        RelatedManifest,
        RepositoryProperties,
        TagProperties,
    )
    from acr.values.pulled import Pulled
    from acr.values.traffic import RequestInfo, ResponseInfo
    from acr.values.upload_state import UploadState
    from acr.values.version import __version__

__all__ = [
    "AcrError",
    "Artifact",
    "AsyncBlobReader",
    "AsyncBlobStream",
    "AsyncListing",
    "AsyncRegistry",
    "AsyncRepository",
    "AsyncRepositoryBlob",
    "AsyncRepositoryManifest",
    "AsyncRepositoryTag",
    "AsyncUpload",
    "BlobReader",
    "BlobStream",
    "Chunk",
    "Credential",
    "CredentialError",
    "DeletedRepository",
    "Denied",
    "Descriptor",
    "Digest",
    "DigestMismatch",
    "DockerArchive",
    "DockerConfig",
    "Done",
    "Downloadable",
    "ErrorInfo",
    "File",
    "Hasher",
    "IntegrityError",
    "InvalidInput",
    "InvalidReference",
    "Item",
    "Keyring",
    "Layout",
    "LimitExceeded",
    "Listing",
    "Local",
    "Locked",
    "Manifest",
    "ManifestProperties",
    "Memory",
    "Mounted",
    "Moved",
    "NoMetadataApi",
    "NotFound",
    "Order",
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
    "RequestInfo",
    "ResponseError",
    "ResponseInfo",
    "Retried",
    "Retries",
    "ServerError",
    "SizeMismatch",
    "Skipped",
    "Started",
    "SyncUploadable",
    "TagProperties",
    "Timeouts",
    "TokenCredential",
    "TransferError",
    "TransportError",
    "Unauthorized",
    "UnsupportedDigest",
    "Upload",
    "UploadState",
    "Uploadable",
    "UsernamePassword",
    "VerifyingReader",
    "__version__",
    "default_credential",
    "errors",
    "media_types",
]

# Names are loaded when they are asked for: pytest imports this package in every run of those who have it installed (for
# the emulator's fixture), and a command line wants to be quick. Values are looked for from the ground up, not in httpx;
# all else has its place here, so that the sync half is found without asyncio, and layouts without either.
_VALUES = (
    "values.version",
    "values.errors",
    "values.digest",
    "values.descriptor",
    "values.manifest",
    "values.media_types",
    "values.credentials",
    "values.files",
    "values.options",
    "values.page",
    "values.progress",
    "values.properties",
    "values.pulled",
    "values.traffic",
    "values.upload_state",
    "values",
)
_HOMES = {
    "Local": "core.ports",
    "AsyncRepositoryBlob": "facades.async_handles",
    "AsyncRepositoryManifest": "facades.async_handles",
    "AsyncRepositoryTag": "facades.async_handles",
    "AsyncRegistry": "facades.async_registry",
    "AsyncRepository": "facades.async_repository",
    "AsyncBlobReader": "facades.async_streams",
    "AsyncBlobStream": "facades.async_streams",
    "AsyncListing": "facades.async_streams",
    "AsyncUpload": "facades.async_streams",
    "RepositoryBlob": "facades.handles",
    "RepositoryManifest": "facades.handles",
    "RepositoryTag": "facades.handles",
    "Artifact": "facades.options",
    "Registry": "facades.registry",
    "Repository": "facades.repository",
    "BlobReader": "facades.streams",
    "BlobStream": "facades.streams",
    "Listing": "facades.streams",
    "Upload": "facades.streams",
    "DockerArchive": "outside.docker_archive",
    "DockerConfig": "outside.docker_config",
    "default_credential": "outside.entra",
    "Layout": "outside.layout",
    "Memory": "outside.layout",
    "Downloadable": "outside.sinks",
    "SyncUploadable": "outside.sources",
    "Uploadable": "outside.sources",
}


def __getattr__(name: str) -> object:
    if name in __all__:
        for home in (_HOMES[name],) if name in _HOMES else _VALUES:
            module = import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                globals()[name] = value = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
