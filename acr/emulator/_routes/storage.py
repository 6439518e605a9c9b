"""The second origin: a blob store as Azure's, which takes a signed URL and nothing else for a permission."""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import uuid
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from acr._values.digest import Digest
from acr.emulator._access.secrets import Secrets
from acr.emulator._settings import Settings
from acr.emulator._store.content import Content
from acr.emulator._wire import Headers

BLOCK: Final = 1024 * 1024

_PATH: Final = re.compile(r"/[0-9a-f]{32}//docker/registry/v2/blobs/(sha256|sha512)/[0-9a-f]{2}/([0-9a-f]+)/data")
# Azure storage knows no suffix ranges (bytes=-5), and ignores a Range that it does not understand.
_RANGE: Final = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")
_VERSION: Final = "2016-05-31"


def signed_url(secret: Secrets, settings: Settings, digest: Digest) -> str:
    """Path and query under which a blob can be read for a while; the double slash is Azure's."""
    path = f"/{secret.registry_id}//docker/registry/v2/blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"
    expiry = datetime.fromtimestamp(settings.clock() + settings.redirect_lifetime, UTC)
    se = expiry.strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {
        "se": se,
        "sig": _signature(secret, path, se),
        "sp": "r",
        "spr": "https,http",
        "sr": "b",
        "sv": _VERSION,
        "regid": secret.registry_id,
    }
    return f"{path}?{urlencode(query)}"


class Storage:
    """The blob store, as an ASGI application."""

    def __init__(self, content: Content, secret: Secrets, settings: Settings) -> None:
        self._content = content
        self._secret = secret
        self._settings = settings
        self._started = formatdate(settings.clock(), usegmt=True).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        refused = self._refused(request)
        if refused is not None:
            await refused(scope, receive, send)
            return
        match = _PATH.fullmatch(scope["path"])
        try:
            if match is None:
                raise FileNotFoundError
            digest = Digest(f"{match[1]}:{match[2]}")
            file = self._content.open(digest)
        except (ValueError, FileNotFoundError):
            await _error(404, "BlobNotFound", "The specified blob does not exist.")(scope, receive, send)
            return
        with file:
            size = file.seek(0, 2)
            first, last, partial = _range(request.headers.get("range"), size)
            if partial and first >= size:
                text = "The range specified is invalid for the current size of the resource."
                refused = _error(416, "InvalidRange", text)
                refused.headers["Content-Range"] = f"bytes */{size}"
                await refused(scope, receive, send)
                return
            headers = [*_blob_headers(digest), (b"Last-Modified", self._started)]
            headers.append((b"Content-Length", str(last - first + 1).encode()))
            if partial:
                headers.append((b"Content-Range", f"bytes {first}-{last}/{size}".encode()))
            await send({"type": "http.response.start", "status": 206 if partial else 200, "headers": headers})
            left = 0 if request.method == "HEAD" else last - first + 1
            file.seek(first)
            while left > BLOCK:
                block = await asyncio.to_thread(file.read, BLOCK)
                left -= len(block)
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": file.read(left)})

    def _refused(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD"):
            return _error(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
        if "authorization" in request.headers:
            # A client that forwards its registry token to another origin is found out here, as in Azure.
            return _error(
                400,
                "InvalidAuthenticationInfo",
                "Authentication information is not given in the correct format. Check the value of Authorization"
                " header.",
            )
        query = request.query_params
        se = query.get("se", "")
        signature = _signature(self._secret, request.scope["path"], se)
        now = datetime.fromtimestamp(self._settings.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # Both times are UTC in one format, so they compare as text.
        if not hmac.compare_digest(query.get("sig", "").encode(), signature.encode()) or se <= now:
            return _error(
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of Authorization header is formed"
                " correctly including the signature.",
            )
        return None


def storage_headers() -> Headers:
    """The headers that every reply of the blob store has."""
    return [
        (b"Server", b"Windows-Azure-Blob/1.0"),
        (b"Server", b"Microsoft-HTTPAPI/2.0"),
        (b"x-ms-request-id", str(uuid.uuid4()).encode()),
        (b"x-ms-version", _VERSION.encode()),
    ]


def _range(header: str | None, size: int) -> tuple[int, int, bool]:
    """First and last byte that are wanted, and whether that is a part."""
    match = _RANGE.fullmatch(header or "")
    if match is None or (match[2] and int(match[2]) < int(match[1])):
        return 0, size - 1, False
    return int(match[1]), min(int(match[2] or size), size - 1), True


def _blob_headers(digest: Digest) -> Headers:
    found = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": f'"0x8D{digest.hex[:13].upper()}"',
        "x-ms-blob-type": "AppendBlob",
        "x-ms-lease-state": "available",
        "x-ms-lease-status": "unlocked",
        "x-ms-server-encrypted": "true",
    }
    return [(name.encode(), value.encode()) for name, value in found.items()]


def _error(status: int, code: str, message: str) -> Response:
    text = (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Response(text, status, {"Content-Type": "application/xml", "x-ms-error-code": code})


def _signature(secret: Secrets, path: str, expiry: str) -> str:
    return base64.b64encode(secret.sign(f"{path}\n{expiry}")).decode()
