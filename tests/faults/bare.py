"""What is in an emulator, or in a layout on disk: looked at with http.client, json and hashlib, and nothing of acr."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote, urlsplit

from acr.emulator import Emulator
from tests.faults.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Image, Manifest, digest_of

_ANY: Final = ", ".join((OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST))


class Bare:
    """The admin of an emulator, in plain HTTP. Nothing of it is tried twice. Use it as a context manager.

    Args:
        emulator: which one; it is talked to past any proxy.
        repository: what is looked at.
    """

    def __init__(self, emulator: Emulator, repository: str) -> None:
        self._emulator = emulator
        self._repository = repository
        self._registry = HTTPConnection(emulator.login_server, timeout=10)
        self._storage: HTTPConnection | None = None
        self._headers = {"Authorization": f"Bearer {self._token()}", "Accept": _ANY}

    def __enter__(self) -> Bare:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._registry.close()
        if self._storage is not None:
            self._storage.close()

    def load(self, image: Image, tag: str | None) -> None:
        """Put an image there, with its referrers."""
        for content in image.blobs.values():
            self.put_blob(content)
        for manifest in (*image.manifests, *image.referrers):
            self.put_manifest(manifest, tag if manifest is image.root and tag is not None else manifest.digest)

    def put_blob(self, content: bytes) -> str:
        """Put a blob there, and give its digest."""
        digest = digest_of(content)
        location = self._ask("POST", "blobs/uploads/", expected=202)[0].headers["Location"]
        self._ask("PUT", f"{location}&digest={digest}", content, expected=201)
        return digest

    def put_manifest(self, manifest: Manifest, reference: str) -> None:
        """Put a manifest there."""
        self._ask(
            "PUT", f"manifests/{reference}", manifest.content, {"Content-Type": manifest.media_type}, expected=201
        )

    def put_json(self, manifest: dict[str, Any], reference: str) -> None:
        """Put an OCI manifest there that is given as JSON."""
        self.put_manifest(Manifest(OCI_MANIFEST, json.dumps(manifest).encode()), reference)

    def manifest(self, reference: str) -> Manifest | None:
        """A manifest, by tag or digest."""
        reply, content = self._ask("GET", f"manifests/{reference}")
        if reply.status == 404:
            return None
        assert reply.status == 200, content
        return Manifest(reply.headers["Content-Type"], content)

    def blob(self, digest: str) -> bytes | None:
        """A blob."""
        reply, content = self._ask("GET", f"blobs/{digest}")
        if reply.status == 404:
            return None
        assert reply.status == 307, content
        place = urlsplit(reply.headers["Location"])
        self._storage = self._storage or HTTPConnection("127.0.0.1", place.port, timeout=10)
        self._storage.request("GET", f"{place.path}?{place.query}")
        with self._storage.getresponse() as stored:
            content = stored.read()
            assert stored.status == 200, content
        return content

    def tree(self, reference: str) -> set[str]:
        """Digests of all that a manifest refers to, and its own; each was read, and is right.

        Raises:
            AssertionError: something is missing, or wrong.
        """
        root = self.manifest(reference)
        assert root is not None, f"{self._repository}:{reference} is not there"

        def manifest(digest: str) -> bytes | None:
            found = root if digest == root.digest else self.manifest(digest)
            return None if found is None else found.content

        return _tree(root.entry(), manifest, self.blob)

    def _token(self) -> str:
        pair = f"{self._emulator.username}:{self._emulator.password}".encode()
        scope = quote(f"repository:{self._repository}:pull,push")
        path = f"/oauth2/token?service={self._emulator.login_server}&scope={scope}"
        self._registry.request("GET", path, headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"})
        token: str = json.loads(self._registry.getresponse().read())["access_token"]
        return token

    def _ask(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        expected: int | None = None,
    ) -> tuple[HTTPResponse, bytes]:
        target = path if path.startswith("/") else f"/v2/{self._repository}/{path}"
        self._registry.request(method, target, content, {**self._headers, **(headers or {})})
        reply = self._registry.getresponse()
        body = reply.read()
        assert expected in (None, reply.status), body
        return reply, body


def check_layout(folder: Path) -> dict[str | None, str]:
    """Look at a layout, which may be unfinished, or not there at all: nothing of it may be wrong.

    Returns:
        Digests in its index, by tag; under None the last one that has none.

    Raises:
        AssertionError: a file is not of its digest, or is none of a layout; or something in the index is incomplete.
    """
    if not folder.exists():
        return {}
    blobs: dict[str, bytes] = {}
    for path in (path for path in folder.rglob("*") if not path.is_dir()):
        place = path.relative_to(folder).parts
        if len(place) == 3 and place[:2] == ("blobs", "sha256"):
            content = path.read_bytes()
            digest = f"sha256:{path.name}"
            assert digest_of(content) == digest, f"{path.name} has other content"
            blobs[digest] = content
        else:
            assert place in {("oci-layout",), ("index.json",)}, f"{'/'.join(place)} was left behind"
    if not (folder / "index.json").exists():
        return {}
    index = json.loads((folder / "index.json").read_bytes())
    assert json.loads((folder / "oci-layout").read_bytes())["imageLayoutVersion"] == "1.0.0"
    for entry in index["manifests"]:
        _tree(entry, blobs.get, blobs.get)
    named = "org.opencontainers.image.ref.name"
    return {(entry.get("annotations") or {}).get(named): entry["digest"] for entry in index["manifests"]}


Find = Callable[[str], bytes | None]


def _tree(entry: dict[str, Any], manifest: Find, blob: Find) -> set[str]:
    content = manifest(entry["digest"])
    _check(entry, content)
    parsed = json.loads(content or b"")
    found = {entry["digest"]}
    for child in parsed.get("manifests", []):
        found |= _tree(child, manifest, blob)
    leaves = [*parsed.get("layers", []), *([parsed["config"]] if "config" in parsed else [])]
    for leaf in {leaf["digest"]: leaf for leaf in leaves}.values():
        _check(leaf, blob(leaf["digest"]))
        found.add(leaf["digest"])
    return found


def _check(entry: dict[str, Any], content: bytes | None) -> None:
    assert content is not None, f"{entry['digest']}, {entry['mediaType']}, is missing"
    assert len(content) == entry["size"], f"{entry['digest']} has {len(content)} bytes, expected {entry['size']}"
    assert digest_of(content) == entry["digest"], f"{entry['digest']} has other content"
