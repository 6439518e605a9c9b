"""One call of each public method that sends requests, for tests of what bounds any call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import acr
from acr.media_types import OCI_MANIFEST

Call: TypeAlias = Callable[[acr.Registry, Path], object]


def calls_of(digest: str) -> dict[str, Call]:
    """The calls, by name. They get a client, and a folder of their own.

    Args:
        digest: of the blob that they read.
    """
    return {
        "repositories": lambda r, _: list(r.repositories()),
        "properties": lambda r, _: r.repository("app").properties(),
        "update": lambda r, _: r.repository("app").update(can_write=False),
        "delete": lambda r, _: r.repository("app").delete(),
        "tags": lambda r, _: list(r.repository("app").tags()),
        "tag_names": lambda r, _: list(r.repository("app").tag_names()),
        "manifests": lambda r, _: list(r.repository("app").manifests()),
        "put_manifest": lambda r, _: r.repository("app").put_manifest(b"{}", media_type=OCI_MANIFEST),
        "download_blob": lambda r, _: r.repository("app").download_blob(digest).read(),
        "download_blob into a file": lambda r, path: r.repository("app").download_blob(digest, path / "blob"),
        "mount_blob": lambda r, _: r.repository("app").mount_blob(digest, "other"),
        "start_upload": lambda r, _: r.repository("app").start_upload(),
        "resume_upload": lambda r, _: r.repository("app").resume_upload("/v2/app/blobs/uploads/1"),
        "push_artifact": lambda r, _: r.repository("app").push_artifact([], tag="v1", subject="v2"),
        "tag.properties": lambda r, _: r.repository("app").tag("v1").properties(),
        "tag.update": lambda r, _: r.repository("app").tag("v1").update(can_delete=False),
        "tag.delete": lambda r, _: r.repository("app").tag("v1").delete(),
        "manifest.get": lambda r, _: r.repository("app").manifest("v1").get(),
        "manifest.properties": lambda r, _: r.repository("app").manifest("v1").properties(),
        "manifest.update": lambda r, _: r.repository("app").manifest("v1").update(can_delete=False),
        "manifest.delete": lambda r, _: r.repository("app").manifest(digest).delete(),
        "manifest.referrers": lambda r, _: list(r.repository("app").manifest("v1").referrers()),
        "manifest.attach": lambda r, _: r.repository("app").manifest("v1").attach([], artifact_type="a/b"),
        "blob.chunk": lambda r, _: r.repository("app").blob(digest).chunk(0, 10),
        "blob.open": lambda r, _: r.repository("app").blob(digest).open().read(10),
        "blob.delete": lambda r, _: r.repository("app").blob(digest).delete(),
    }
