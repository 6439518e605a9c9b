"""Deliberate differences from the recordings, one by one, each with its reason.

A test fails on a difference that is not here, and on one here that no longer occurs.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

import attrs


@attrs.frozen
class OfEmulator:
    """Where the emulator does not answer as the registry did.

    Args:
        files: pattern of the names of the recordings.
        what: the mismatch, in the words of `compare.Mismatch`.
        reply: what the emulator has in its place; None for nothing.
        reason: why.
    """

    files: str
    what: str
    reply: object
    reason: str

    def explains(self, file: str, what: str, reply: object) -> bool:
        """Whether it is about this mismatch."""
        return fnmatchcase(file, self.files) and (self.what, self.reply) == (what, reply)


_BOOKKEEPING: Final = "Azure's own notes about how it keeps the blob; they tell a client nothing that it needs"
_SCANNER: Final = "the verdict of a vulnerability scanner, which the emulator has none of"

OF_EMULATOR: Final = (
    OfEmulator("*", "location.spr", "https,http", "the signed URL of a blob is good for an emulator without TLS, too"),
    OfEmulator("*", "x-ms-blob-committed-block-count", None, _BOOKKEEPING),
    OfEmulator("*", "x-ms-copy-completion-time", None, _BOOKKEEPING),
    OfEmulator("*", "x-ms-copy-id", None, _BOOKKEEPING),
    OfEmulator("*", "x-ms-copy-progress", None, _BOOKKEEPING),
    OfEmulator("*", "x-ms-copy-source", None, _BOOKKEEPING),
    OfEmulator("*", "x-ms-copy-status", None, _BOOKKEEPING),
    OfEmulator("js/can_upload_blob.json", "x-ms-meta-acr_to_delete", None, _BOOKKEEPING),
    OfEmulator("js/can_upload_blob.json", "x-ms-meta-acr_to_delete_timestamp", None, _BOOKKEEPING),
    OfEmulator("js/*", "body.manifests[].changeableAttributes.quarantineState", None, _SCANNER),
    OfEmulator("js/*", "body.manifests[].changeableAttributes.quarantineDetails", None, _SCANNER),
    OfEmulator(
        "python/test_update_manifest_properties.json",
        "connection",
        "keep-alive",
        "nginx closes a connection after so many requests; this emulator's keeps it",
    ),
)

PROBE: Final = "asks /v2/ first"
REFUSED: Final = "refuses what cannot be right"
FOLLOWED: Final = "follows the redirect"


@attrs.frozen
class OfClient:
    """Where the client goes another way than the SDK to the same end.

    Args:
        files: pattern of the names of the recordings.
        way: what it does.
        reason: why.
    """

    files: str
    way: str
    reason: str


OF_CLIENT: Final = (
    OfClient(
        "*",
        PROBE,
        "one refusal tells realm and service for all requests, and a token serves as long as it lives: the SDKs have"
        " each request refused once, and ask for a token each time",
    ),
    OfClient(
        "go/TestBlobClient_completeUpload_wrongDigest.json",
        REFUSED,
        "eight zeros are no sha256: the client says so before it sends them; the recorded refusal is shown to the"
        " layers below",
    ),
    OfClient(
        "go/TestClient_DeleteManifest_wrongDigest.json",
        REFUSED,
        "a manifest is deleted by digest only, and a tag is seen to be none; the recorded 405 is shown to the layers"
        " below",
    ),
    OfClient(
        "go/TestClient_GetManifestProperties_wrongDigest.json",
        REFUSED,
        "a reference that is neither tag nor digest is refused (one that is a tag is looked up first); the recorded 404"
        " is shown to the layers below",
    ),
    OfClient(
        "net/CanGetBlobLocation.json",
        FOLLOWED,
        "the SDK's internal test stops at the redirect; this client has no call that does, so the blob store, which was"
        " not recorded, serves what was uploaded",
    ),
)


def ways_of(file: str) -> set[str]:
    """What the client does otherwise with a file."""
    return {one.way for one in OF_CLIENT if fnmatchcase(file, one.files)}
