"""A client for Azure Container Registry (ACR), sync and async.

Example:
    with Registry("my.azurecr.io") as registry:
        for tag in registry.repository("team/app").tags(order_by="newest"):
            print(tag.name, tag.digest)

`Registry` and `AsyncRegistry` have the same names. Handles are lazy, and verbs do the requests. Errors are one tree,
drawn in `acr.errors`. `acr.emulator` is a local registry for tests.
"""

TYPE_CHECKING = False  # as of typing, which takes longer to load than the rest of this file

# Each name stands here twice: for type checkers, and by module for loading. tests/house compares the two.
if TYPE_CHECKING:
    from acr import errors as errors, media_types as media_types, protocols as protocols
    from acr._cleanup.applying.report import PurgeItem as PurgeItem, PurgeReport as PurgeReport
    from acr._cleanup.examples import ExampleFailure as ExampleFailure
    from acr._cleanup.plan import Plan as Plan
    from acr._cleanup.plan_values import (
        Deletion as Deletion,
        Explanation as Explanation,
        Kept as Kept,
        PlanChanges as PlanChanges,
    )
    from acr._cleanup.policy import Policy as Policy
    from acr._facades.async_handles import (
        AsyncRepositoryBlob as AsyncRepositoryBlob,
        AsyncRepositoryManifest as AsyncRepositoryManifest,
        AsyncRepositoryTag as AsyncRepositoryTag,
    )
    from acr._facades.async_registry import AsyncRegistry as AsyncRegistry
    from acr._facades.async_repository import AsyncRepository as AsyncRepository
    from acr._facades.async_streams import (
        AsyncBlobStream as AsyncBlobStream,
        AsyncListing as AsyncListing,
        AsyncUpload as AsyncUpload,
    )
    from acr._facades.handles import (
        RepositoryBlob as RepositoryBlob,
        RepositoryManifest as RepositoryManifest,
        RepositoryTag as RepositoryTag,
    )
    from acr._facades.options import ArtifactFile as ArtifactFile
    from acr._facades.readers import AsyncBlobReader as AsyncBlobReader, BlobReader as BlobReader
    from acr._facades.registry import Registry as Registry
    from acr._facades.repository import Repository as Repository
    from acr._facades.streams import BlobStream as BlobStream, Listing as Listing, Upload as Upload
    from acr._inventory.inventory import Inventory as Inventory
    from acr._inventory.records import (
        InventoryManifest as InventoryManifest,
        InventoryProgress as InventoryProgress,
        InventoryRepository as InventoryRepository,
        InventoryTag as InventoryTag,
    )
    from acr._inventory.reports import (
        Check as Check,
        Finding as Finding,
        FindingKind as FindingKind,
        InventoryChanges as InventoryChanges,
        RepositoryUsage as RepositoryUsage,
        TagUsage as TagUsage,
        Usage as Usage,
    )
    from acr._outside.credentials.docker_config import DockerConfig as DockerConfig
    from acr._outside.credentials.entra import default_credential as default_credential
    from acr._outside.inventory_file import load_inventory as load_inventory, save_inventory as save_inventory
    from acr._outside.journal import unfinished_plan as unfinished_plan
    from acr._outside.layouts.docker_archive import DockerArchive as DockerArchive
    from acr._outside.layouts.layout import Layout as Layout, Memory as Memory
    from acr._outside.plan_file import load_plan as load_plan, save_plan as save_plan
    from acr._outside.policy_file import load_policy as load_policy
    from acr._outside.sinks import Downloadable as Downloadable
    from acr._outside.sources import SyncUploadable as SyncUploadable, Uploadable as Uploadable
    from acr._outside.verifying import VerifyingReader as VerifyingReader
    from acr._text import printable as printable
    from acr._values.access import Access as Access
    from acr._values.chunk import Chunk as Chunk
    from acr._values.credentials import RefreshToken as RefreshToken, UsernamePassword as UsernamePassword
    from acr._values.descriptor import Descriptor as Descriptor, Platform as Platform
    from acr._values.digest import Digest as Digest, Hasher as Hasher
    from acr._values.files import File as File
    from acr._values.image import Image as Image
    from acr._values.locks import (
        LockedItem as LockedItem,
        LockItem as LockItem,
        LockState as LockState,
        Unlocked as Unlocked,
    )
    from acr._values.manifest import Manifest as Manifest
    from acr._values.options import Limits as Limits, Retries as Retries, Timeouts as Timeouts
    from acr._values.page import Page as Page
    from acr._values.progress import (
        Done as Done,
        Item as Item,
        Mounted as Mounted,
        Moved as Moved,
        Progress as Progress,
        ProgressEvent as ProgressEvent,
        Retried as Retried,
        Skipped as Skipped,
        Started as Started,
    )
    from acr._values.properties import (
        DeletedRepository as DeletedRepository,
        ManifestProperties as ManifestProperties,
        Order as Order,
        Permissions as Permissions,
        RelatedManifest as RelatedManifest,
        RepositoryProperties as RepositoryProperties,
        TagProperties as TagProperties,
    )
    from acr._values.pulled import Pulled as Pulled
    from acr._values.reference import Reference as Reference
    from acr._values.traffic import (
        OnRequest as OnRequest,
        OnResponse as OnResponse,
        RequestInfo as RequestInfo,
        ResponseInfo as ResponseInfo,
    )
    from acr._values.trash import (
        Restored as Restored,
        TrashedManifest as TrashedManifest,
        TrashedRepository as TrashedRepository,
        TrashedTag as TrashedTag,
    )
    from acr._values.unpacking import UnpackLimits as UnpackLimits
    from acr._values.upload_state import UploadState as UploadState
    from acr._values.version import __version__ as __version__
    from acr.errors import (
        AcrError as AcrError,
        CredentialError as CredentialError,
        Denied as Denied,
        DigestMismatch as DigestMismatch,
        ErrorInfo as ErrorInfo,
        IncompleteInventory as IncompleteInventory,
        IntegrityError as IntegrityError,
        InvalidInput as InvalidInput,
        InvalidPolicy as InvalidPolicy,
        InvalidReference as InvalidReference,
        LimitExceeded as LimitExceeded,
        Locked as Locked,
        NoMetadataApi as NoMetadataApi,
        NotFound as NotFound,
        NotPicklable as NotPicklable,
        PlanRefused as PlanRefused,
        ProtocolViolation as ProtocolViolation,
        RateLimited as RateLimited,
        ResponseError as ResponseError,
        ServerError as ServerError,
        SizeMismatch as SizeMismatch,
        TooSlow as TooSlow,
        TransferError as TransferError,
        TransportError as TransportError,
        Unauthorized as Unauthorized,
        UnsupportedDigest as UnsupportedDigest,
    )
    from acr.protocols import (
        Credential as Credential,
        Keyring as Keyring,
        Local as Local,
        Readable as Readable,
        Sink as Sink,
        TokenCredential as TokenCredential,
        Writable as Writable,
    )
else:
    # Names are loaded when they are asked for: pytest imports this package in every run of those who have it installed
    # (for the emulator's fixture), a command line wants to be quick, and the sync half is used without asyncio.
    _NAMES = {
        "": "errors media_types protocols",
        "_cleanup.applying.report": "PurgeItem PurgeReport",
        "_cleanup.examples": "ExampleFailure",
        "_cleanup.plan": "Plan",
        "_cleanup.plan_values": "Deletion Explanation Kept PlanChanges",
        "_cleanup.policy": "Policy",
        "_facades.async_handles": "AsyncRepositoryBlob AsyncRepositoryManifest AsyncRepositoryTag",
        "_facades.async_registry": "AsyncRegistry",
        "_facades.async_repository": "AsyncRepository",
        "_facades.async_streams": "AsyncBlobStream AsyncListing AsyncUpload",
        "_facades.handles": "RepositoryBlob RepositoryManifest RepositoryTag",
        "_facades.options": "ArtifactFile",
        "_facades.readers": "AsyncBlobReader BlobReader",
        "_facades.registry": "Registry",
        "_facades.repository": "Repository",
        "_facades.streams": "BlobStream Listing Upload",
        "_inventory.inventory": "Inventory",
        "_inventory.records": "InventoryManifest InventoryProgress InventoryRepository InventoryTag",
        "_inventory.reports": "Check Finding FindingKind InventoryChanges RepositoryUsage TagUsage Usage",
        "_outside.credentials.docker_config": "DockerConfig",
        "_outside.credentials.entra": "default_credential",
        "_outside.inventory_file": "load_inventory save_inventory",
        "_outside.journal": "unfinished_plan",
        "_outside.layouts.docker_archive": "DockerArchive",
        "_outside.layouts.layout": "Layout Memory",
        "_outside.plan_file": "load_plan save_plan",
        "_outside.policy_file": "load_policy",
        "_outside.sinks": "Downloadable",
        "_outside.sources": "SyncUploadable Uploadable",
        "_text": "printable",
        "_values.access": "Access",
        "_outside.verifying": "VerifyingReader",
        "_values.chunk": "Chunk",
        "_values.credentials": "RefreshToken UsernamePassword",
        "_values.descriptor": "Descriptor Platform",
        "_values.digest": "Digest Hasher",
        "_values.files": "File",
        "_values.image": "Image",
        "_values.locks": "LockedItem LockItem LockState Unlocked",
        "_values.manifest": "Manifest",
        "_values.options": "Limits Retries Timeouts",
        "_values.page": "Page",
        "_values.progress": "Done Item Mounted Moved Progress ProgressEvent Retried Skipped Started",
        "_values.properties": (
            "DeletedRepository ManifestProperties Order Permissions RelatedManifest RepositoryProperties TagProperties"
        ),
        "_values.pulled": "Pulled",
        "_values.reference": "Reference",
        "_values.traffic": "OnRequest OnResponse RequestInfo ResponseInfo",
        "_values.trash": "Restored TrashedManifest TrashedRepository TrashedTag",
        "_values.unpacking": "UnpackLimits",
        "_values.upload_state": "UploadState",
        "_values.version": "__version__",
        "protocols": "Credential Keyring Local Readable Sink TokenCredential Writable",
        "errors": (
            "AcrError CredentialError Denied DigestMismatch ErrorInfo IncompleteInventory IntegrityError "
            "InvalidInput InvalidPolicy InvalidReference LimitExceeded Locked NoMetadataApi NotFound NotPicklable "
            "PlanRefused ProtocolViolation RateLimited ResponseError ServerError SizeMismatch TooSlow TransferError "
            "TransportError Unauthorized UnsupportedDigest"
        ),
    }
    _HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}
    __all__ = sorted(_HOMES)  # noqa: PLE0605 - it is told once, in _NAMES

    def __getattr__(name: str) -> object:
        import sys  # and not importlib, which takes longer to load than the version takes to be told

        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        path = f"acr.{home or name}"
        __import__(path)
        module = sys.modules[path]
        globals()[name] = value = getattr(module, name) if home else module
        return value

    def __dir__() -> list[str]:
        return __all__
