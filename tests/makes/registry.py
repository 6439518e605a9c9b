"""A registry of another make: OCI's API on a real socket, with the manners that were met elsewhere as switches.

It is no emulator: it does what its switches say, checks little, and tells what it was asked.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote

import attrs

import acr
from acr import media_types

_NAME: Final = r"/v2/(?P<name>.+)"
_UPLOAD: Final = re.compile(rf"{_NAME}/blobs/uploads/(?P<rest>[0-9a-f-]*)")
_BLOB: Final = re.compile(rf"{_NAME}/blobs/(?P<rest>[^/]+)")
_MANIFEST: Final = re.compile(rf"{_NAME}/manifests/(?P<rest>[^/]+)")
_REFERRERS: Final = re.compile(rf"{_NAME}/referrers/(?P<rest>[^/]+)")
_TAGS: Final = re.compile(rf"{_NAME}/tags/(?P<rest>list)")
_FALLBACK: Final = re.compile(r"(sha256|sha512)-([0-9a-f]{64,128})")

HTML: Final = b"<!doctype html><title>Welcome</title>"


@attrs.frozen(kw_only=True)
class Said:
    """An answer.

    Args:
        status: of HTTP.
        body: of it; a HEAD is answered without.
        headers: beside its length.
        length: what it says of its length: a wrong one, or None for nothing. Without a body only.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    length: int | None = attrs.field(default=attrs.Factory(lambda self: len(self.body), takes_self=True))


def refused(status: int, code: str = "UNSUPPORTED", detail: object = None) -> Said:
    """An error with a body as OCI has it."""
    body = json.dumps({"errors": [{"code": code, "message": "no", "detail": detail}]}).encode()
    return Said(status=status, body=body, headers={"Content-Type": "application/json"})


@attrs.define(kw_only=True)
class Manners:
    """What a registry does otherwise than ACR does it. By default it does all as the spec has it.

    Args:
        statuses: of successes, by what was done: start, patch, commit, manifest, delete, cancel, mount, status, blob.
        head_blob: the answer to a HEAD of a blob; given the right one.
        head_manifest: the same of a manifest.
        get_blob: headers of a blob.
        storage_head: what the place says to HEAD that blobs are redirected to; None where nothing is redirected.
        storage_get: the same of GET.
        largest: bytes of a chunk; above them it is refused with 416.
        smallest: bytes of a chunk that is not the last, as OCI-Chunk-Min-Length tells.
        insists: it refuses smaller ones.
        crumb: bytes that it takes of each PATCH, whatever the chunk has; None for all.
        second: the status of a second PATCH of an upload, which is then gone; a success, if its bytes are dropped.
        lost: uploads are gone after so many of their PATCHes.
        no_status: the status with which it refuses to tell how far an upload got.
        no_mount: the status with which it refuses to mount.
        mounts_lie: a mount is told as done, and is not.
        subject_tags: the tag `sha256-…` gives the manifest of that digest.
        referrers: what it says to the referrers API; None where it knows it.
        links: whether a listing links to its next page.
        looks_at_last: whether `last` counts: `no`; `yes`; `from`, if it is on the next page once more; or `go`, as
            go-containerregistry has it, beyond whose end is the first page again.
        metadata: what it says to ACR's own API.
        catalog: whether it lists its repositories.
        locked: tags that cannot be moved, and the refusal.
        gzipped: whether JSON comes as gzip, asked or not.
        warning: a Warning header of each answer.
        realm: who issues its tokens; None where everybody may do everything.
        token: what it says to who asks it for a token.
    """

    statuses: dict[str, int] = attrs.field(factory=dict)
    head_blob: Callable[[Said], Said] = lambda said: said
    head_manifest: Callable[[Said], Said] = lambda said: said
    get_blob: dict[str, str] = attrs.field(factory=dict)
    storage_head: int | None = None
    storage_get: int = 200
    largest: int | None = None
    smallest: int = 0
    insists: bool = True
    crumb: int | None = None
    second: int | None = None
    lost: int | None = None
    no_status: int | None = None
    no_mount: int | None = None
    mounts_lie: bool = False
    subject_tags: bool = False
    referrers: Said | None = None
    links: bool = True
    looks_at_last: str = "yes"
    metadata: Said = Said(status=404, body=b"404 page not found\n", headers={"Content-Type": "text/plain"})
    catalog: bool = True
    locked: dict[str, Said] = attrs.field(factory=dict)
    gzipped: bool = False
    warning: str | None = None
    realm: str | None = None
    token: Said = attrs.field(factory=lambda: _json({"token": "for-anybody"}))


@attrs.define
class _Upload:
    name: str
    content: bytearray = attrs.field(factory=bytearray)
    chunks: list[int] = attrs.field(factory=list)


class OtherMake:
    """A registry. Use it as a context manager.

    Attributes:
        asked: each request, as `METHOD /path?query`, without what stands for an upload; `/v2/` is left out.
        chunks: bytes of each PATCH that arrived, taken or not.
        headers: of each request in `asked`.
        order: of the tags, if it is not that of the alphabet.
    """

    def __init__(self, **manners: Any) -> None:
        self.manners = Manners(**manners)
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.chunks: list[int] = []
        self.order: list[str] = []
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.uploads: dict[str, _Upload] = {}
        self._lock = threading.Lock()
        make = self

        class Handler(_Handler):
            registry = make

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.netloc = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.netloc}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, name: str, content: bytes, media_type: str | None = None, *, tag: str | None = None) -> acr.Digest:
        """Put a blob, or with a media type a manifest, where it can be had."""
        digest = acr.Digest.of(content)
        if media_type is None:
            self.blobs.setdefault(name, {})[digest] = content
        else:
            self.manifests.setdefault(name, {})[digest] = (media_type, content)
        if tag is not None:
            self.tags.setdefault(name, {})[tag] = digest
        return digest

    def add_image(self, name: str, layer: bytes = b"layer", *, tag: str | None = None, **more: Any) -> acr.Digest:
        """Put an image of one layer where it can be had."""
        config = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
        kinds = {media_types.OCI_CONFIG: config, media_types.OCI_LAYER: layer}
        parts = [acr.Descriptor(kind, self.add(name, content), len(content)) for kind, content in kinds.items()]
        image = {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": parts[0].to_json(),
            "layers": [parts[1].to_json()],
            **more,
        }
        return self.add(name, json.dumps(image).encode(), media_types.OCI_MANIFEST, tag=tag)

    def count(self, beginning: str) -> int:
        """How many requests begin so."""
        return sum(asked.startswith(beginning) for asked in self.asked)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Said:
        """What is said to a request."""
        path, _, query = target.partition("?")
        path = unquote(path)
        with self._lock:
            if path == "/v2/" and self.manners.realm is None:
                return Said(status=200, body=b"{}")
            if path.startswith("/token"):
                self.asked.append(f"{method} {target}")
                self.headers.append(headers)
                return self.manners.token
            if self.manners.realm is not None and headers.get("authorization") != "Bearer for-anybody":
                challenge = f'Bearer realm="{self.manners.realm}/token",service="other"'
                return attrs.evolve(refused(401, "UNAUTHORIZED"), headers={"WWW-Authenticate": challenge})
            if path == "/v2/":
                return Said(status=200, body=b"{}")
            shown = _UPLOAD.sub(r"/v2/\g<name>/blobs/uploads/", target)
            self.asked.append(f"{method} {shown}")
            self.headers.append(headers)
            values = {key: values[0] for key, values in parse_qs(query).items()}
            said = self._routed(method, path, values, headers, body)
        return said if self.manners.warning is None else _with(said, Warning=self.manners.warning)

    def _routed(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Said:
        if path.startswith("/acr/v1/"):
            return self.manners.metadata
        if path.startswith("/storage/"):
            return self._storage(method, path.removeprefix("/storage/"), headers)
        if path == "/v2/_catalog":
            known = sorted(self.manifests.keys() | self.blobs.keys())
            return self._list("/v2/_catalog", known, query, "repositories") if self.manners.catalog else refused(404)
        if match := _UPLOAD.fullmatch(path):
            return self._upload(method, match["name"], match["rest"], query, body)
        if match := _BLOB.fullmatch(path):
            return self._blob(method, match["name"], match["rest"], headers)
        if match := _MANIFEST.fullmatch(path):
            return self._manifest(method, match["name"], match["rest"], headers, body)
        if match := _REFERRERS.fullmatch(path):
            return self._referrers(match["name"], match["rest"])
        if match := _TAGS.fullmatch(path):
            known = self.order or sorted(self.tags.get(match["name"], ()))
            return self._list(path, known, query, "tags")
        return Said(status=404, body=b"404 page not found\n")

    def _done(self, what: str, usual: int, said: Said | None = None) -> Said:
        said = said or Said(status=usual)
        return attrs.evolve(said, status=self.manners.statuses.get(what, usual))

    # ---- Blobs -------------------------------------------------------------------------------

    def _blob(self, method: str, name: str, digest: str, headers: Mapping[str, str]) -> Said:
        content = self.blobs.get(name, {}).get(digest)
        if content is None:
            return refused(404, "BLOB_UNKNOWN")
        if method == "DELETE":
            del self.blobs[name][digest]
            return self._done("delete", 202)
        if self.manners.storage_head is not None:
            place = f"/storage/{name}@{digest}"
            return Said(status=307, body=b'<a href="elsewhere">', headers={"Location": place})
        said = _bytes(content, headers, self.manners.get_blob)
        return self.manners.head_blob(said) if method == "HEAD" else said

    def _storage(self, method: str, place: str, headers: Mapping[str, str]) -> Said:
        status = self.manners.storage_head if method == "HEAD" else self.manners.storage_get
        if status != 200:
            return Said(status=status or 404, body=b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        name, _, digest = place.partition("@")
        said = _bytes(self.blobs[name][digest], headers, self.manners.get_blob)
        return self.manners.head_blob(said) if method == "HEAD" else said

    # ---- Uploads -----------------------------------------------------------------------------

    def _upload(self, method: str, name: str, rest: str, query: Mapping[str, str], body: bytes) -> Said:
        if method == "POST":
            return self._start(name, query)
        upload = self.uploads.get(rest)
        if upload is None:
            return refused(404, "BLOB_UPLOAD_UNKNOWN")
        if method == "PATCH":
            return self._patch(rest, upload, body)
        if method == "PUT":
            return self._commit(rest, upload, query["digest"], body)
        if method == "DELETE":
            del self.uploads[rest]
            return self._done("cancel", 204)
        if self.manners.no_status is not None:
            return refused(self.manners.no_status)
        return self._done("status", 204, self._where(rest, upload, 204))

    def _start(self, name: str, query: Mapping[str, str]) -> Said:
        if "mount" in query:
            digest, source = query["mount"], query["from"]
            if self.manners.no_mount is not None:
                return refused(self.manners.no_mount)
            if self.manners.mounts_lie:
                return self._done("mount", 201)
            if digest in self.blobs.get(source, {}):
                self.add(name, self.blobs[source][digest])
                return self._done("mount", 201)
        upload = self.uploads[identity := str(uuid.uuid4())] = _Upload(name)
        said = self._where(identity, upload, 202)
        told = {"OCI-Chunk-Min-Length": str(self.manners.smallest)} if self.manners.smallest else {}
        return self._done("start", 202, _with(said, **told))

    def _patch(self, identity: str, upload: _Upload, body: bytes) -> Said:
        self.chunks.append(len(body))
        if self.manners.largest is not None and len(body) > self.manners.largest:
            return refused(416, "SIZE_INVALID")
        if self.manners.insists and upload.chunks and upload.chunks[-1] < self.manners.smallest:
            return refused(400, "SIZE_INVALID")
        if self.manners.lost is not None and len(upload.chunks) >= self.manners.lost:
            del self.uploads[identity]
            return refused(404, "BLOB_UPLOAD_INVALID")
        if upload.chunks and self.manners.second is not None:
            if self.manners.second < 300:
                return self._where(identity, upload, self.manners.second)
            del self.uploads[identity]
            return refused(self.manners.second, "BLOB_UPLOAD_INVALID")
        upload.content += body[: self.manners.crumb]
        upload.chunks.append(len(body))
        return self._done("patch", 202, self._where(identity, upload, 202))

    def _commit(self, identity: str, upload: _Upload, digest: str, body: bytes) -> Said:
        content = bytes(upload.content) + body
        del self.uploads[identity]
        if acr.Digest.of(content, algorithm=acr.Digest(digest).algorithm) != digest:
            return refused(400, "DIGEST_INVALID")
        self.blobs.setdefault(upload.name, {})[digest] = content
        return self._done("commit", 201)

    def _where(self, identity: str, upload: _Upload, status: int) -> Said:
        end = max(len(upload.content) - 1, 0)
        return Said(
            status=status, headers={"Location": f"/v2/{upload.name}/blobs/uploads/{identity}", "Range": f"0-{end}"}
        )

    # ---- Manifests ---------------------------------------------------------------------------

    def _manifest(self, method: str, name: str, reference: str, headers: Mapping[str, str], body: bytes) -> Said:
        known = self.manifests.setdefault(name, {})
        if method == "PUT":
            return self._put(name, reference, headers.get("content-type", ""), body)
        digest = reference if ":" in reference else self.tags.get(name, {}).get(reference)
        standing = _FALLBACK.fullmatch(reference)
        if digest is None and self.manners.subject_tags and standing:
            digest = f"{standing[1]}:{standing[2]}"
        if digest is None or digest not in known:
            return refused(404, "MANIFEST_UNKNOWN")
        if method == "DELETE":
            del known[digest]
            return self._done("delete", 202)
        media_type, content = known[digest]
        said = Said(status=200, body=content, headers={"Content-Type": media_type, "Docker-Content-Digest": digest})
        if method == "HEAD":
            return self.manners.head_manifest(said)
        return _zipped(said) if self.manners.gzipped else said

    def _put(self, name: str, reference: str, media_type: str, body: bytes) -> Said:
        if reference in self.manners.locked:
            return self.manners.locked[reference]
        parsed = json.loads(body)
        parts = [parsed["config"], *parsed["layers"]] if "config" in parsed else []
        missing = [one["digest"] for one in parts if one["digest"] not in self.blobs.get(name, {})]
        if missing:
            return refused(400, "MANIFEST_BLOB_UNKNOWN", missing[0])
        tag = None if ":" in reference else reference
        digest = self.add(name, body, media_type, tag=tag)
        told = (
            {"OCI-Subject": parsed["subject"]["digest"]} if "subject" in parsed and not self.manners.referrers else {}
        )
        return self._done("manifest", 201, Said(status=201, headers={"Docker-Content-Digest": digest, **told}))

    def _referrers(self, name: str, subject: str) -> Said:
        if self.manners.referrers is not None:
            return self.manners.referrers
        found = []
        for digest, (media_type, content) in self.manifests.get(name, {}).items():
            with suppress(KeyError):
                if json.loads(content)["subject"]["digest"] == subject:
                    found.append({"mediaType": media_type, "digest": digest, "size": len(content)})
        return _json({"schemaVersion": 2, "manifests": found}, media_types.OCI_INDEX)

    def _list(self, path: str, known: list[str], query: Mapping[str, str], key: str) -> Said:
        last, n = query.get("last"), int(query.get("n", "0"))
        at = known.index(last) if last in known else None
        beyond = known[at + 1 :] if at is not None else [name for name in known if last is None or name > last]
        if self.manners.looks_at_last == "from" and at is not None:
            beyond = known[at:]
        if self.manners.looks_at_last == "no" or (self.manners.looks_at_last == "go" and not beyond):
            beyond = known
        page = beyond[:n] if n else beyond
        said = _json({"name": "app", key: page})
        if self.manners.links and len(page) < len(beyond):
            said = _with(said, Link=f"<{path}?n={n}&last={page[-1]}>; rel='next'")
        return _zipped(said) if self.manners.gzipped else said


def _bytes(content: bytes, headers: Mapping[str, str], more: Mapping[str, str]) -> Said:
    """A blob, or the range of it that is asked for."""
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
    more = {"Content-Type": "application/octet-stream", **more}
    if wanted is None:
        return Said(status=200, body=content, headers=more)
    first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
    if first > last:
        return Said(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
    told = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
    return Said(status=206, body=content[first : last + 1], headers={**more, **told})


def _json(value: object, media_type: str = "application/json") -> Said:
    return Said(status=200, body=json.dumps(value).encode(), headers={"Content-Type": media_type})


def _with(said: Said, **headers: str) -> Said:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return attrs.evolve(said, headers={**said.headers, **named})


def _zipped(said: Said) -> Said:
    body = gzip.compress(said.body)
    return Said(status=said.status, body=body, headers={**said.headers, "Content-Encoding": "gzip"})


class _Handler(BaseHTTPRequestHandler):
    """Between sockets and answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body go out together
    registry: OtherMake

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        if len(body) < length:  # who sent it has gone: nothing of it counts
            self.close_connection = True
            return
        said = self.registry.answer(self.command, self.path, headers, body)
        self.send_response_only(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        if said.length is not None and said.status != 204:
            self.send_header("Content-Length", str(said.length))
        elif said.status != 204 and self.command != "HEAD":
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD" and said.status != 204:
            with suppress(OSError):  # who asked for one byte has gone
                self.wfile.write(said.body)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = _answer  # noqa: N815 - http.server wants these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""
