"""The parsers of acr_rest: each model, each operation's answer, and what it makes of links and names."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import acr_rest
from acr_rest import models, types
from acr_rest.types import InvalidResponse, Response

from tests.fuzz.parser import DIGEST, Parser, documents, text

_TIME: Final = "2021-07-01T12:34:56.1234567Z"
_PLATFORM: Final = {
    "os": "windows",
    "architecture": "amd64",
    "os.version": "10.0.1",
    "os.features": ["win32k"],
    "variant": "v1",
}
_ANNOTATIONS: Final = {"org.opencontainers.image.created": _TIME, "org.opencontainers.image.title": "a", "other": "b"}
_DESCRIPTOR: Final = {
    "mediaType": "a/b",
    "digest": DIGEST,
    "size": 5,
    "urls": ["https://x"],
    "annotations": _ANNOTATIONS,
    "data": "e30=",
    "artifactType": "c/d",
    "platform": _PLATFORM,
}
_ENTRY: Final = {"mediaType": "a/b", "digest": DIGEST, "size": 5, "platform": _PLATFORM}
_FLAGS: Final = {"deleteEnabled": True, "writeEnabled": False, "listEnabled": True, "readEnabled": None}
_REFERENCE: Final = {"digest": DIGEST, "architecture": "arm64", "os": "linux"}
_MANIFEST: Final = {
    "digest": DIGEST,
    "createdTime": _TIME,
    "lastUpdateTime": _TIME,
    "imageSize": 5,
    "architecture": "amd64",
    "os": "linux",
    "references": [_REFERENCE],
    "configMediaType": "a/b",
    "tags": ["v1"],
    "mediaType": "c/d",
    "changeableAttributes": {**_FLAGS, "quarantineState": "Passed", "quarantineDetails": "{}"},
}
_TAG: Final = {
    "name": "v1",
    "digest": DIGEST,
    "createdTime": _TIME,
    "lastUpdateTime": "2021-07-01T12:34:56+02:00",
    "signed": False,
    "changeableAttributes": _FLAGS,
}
_HERE: Final = {"registry": "my.azurecr.io", "imageName": "team/app"}
_JWK_HEADER: Final = {"crv": "P-256", "kid": "x", "kty": "EC", "x": "y", "y": "z"}
_JWK: Final = {"jwk": _JWK_HEADER, "alg": "ES256"}
_SIGNATURE: Final = {"header": _JWK, "signature": "s", "protected": "p"}
_SCHEMA1: Final = {
    "schemaVersion": 1,
    "name": "a",
    "tag": "v1",
    "architecture": "amd64",
    "fsLayers": [{"blobSum": DIGEST}],
    "history": [{"v1Compatibility": "{}"}],
    "signatures": [_SIGNATURE],
}
_IMAGE: Final = {
    "schemaVersion": 2,
    "mediaType": "a/b",
    "config": _DESCRIPTOR,
    "layers": [_DESCRIPTOR],
    "annotations": _ANNOTATIONS,
}
_INDEX: Final = {"schemaVersion": 2, "mediaType": "a/b", "manifests": [_ENTRY, _ENTRY], "annotations": _ANNOTATIONS}

DOCUMENTS: Final[Mapping[str, dict[str, Any]]] = {
    "AccessToken": {"access_token": "a.b.c", "token": "a.b.c", "expires_in": 300, "issued_at": _TIME},
    "AcrErrorInfo": {"code": "NAME_UNKNOWN", "message": "unknown", "detail": [{"a": 1}, None]},
    "AcrErrors": {"errors": [{"code": "NAME_UNKNOWN", "message": "unknown", "detail": {}}, {"code": "X"}]},
    "AcrManifests": {**_HERE, "manifests": [_MANIFEST, _MANIFEST]},
    "Annotations": _ANNOTATIONS,
    "DeletedRepository": {"manifestsDeleted": [DIGEST], "tagsDeleted": ["v1", "v2"]},
    "Descriptor": _DESCRIPTOR,
    "FsLayer": {"blobSum": DIGEST},
    "History": {"v1Compatibility": "{}"},
    "ImageSignature": _SIGNATURE,
    "JWK": _JWK,
    "JWKHeader": _JWK_HEADER,
    "Manifest": {"schemaVersion": 2},
    "ManifestAttributes": {**_HERE, "manifest": _MANIFEST},
    "ManifestAttributesBase": _MANIFEST,
    "ManifestAttributesManifest": {"references": [_REFERENCE]},
    "ManifestAttributesManifestReferences": _REFERENCE,
    "ManifestChangeableAttributes": {**_FLAGS, "quarantineState": "Passed", "quarantineDetails": "{}"},
    "ManifestList": _INDEX,
    "ManifestListAttributes": _ENTRY,
    "ManifestWrapper": {**_SCHEMA1, **_IMAGE, **_INDEX},
    "OCIIndex": _INDEX,
    "OCIManifest": _IMAGE,
    "Platform": _PLATFORM,
    "Referrers": {**_INDEX, "manifests": [_DESCRIPTOR]},
    "RefreshToken": {"refresh_token": "a.b.c"},
    "Repositories": {"repositories": ["a", "team/app"]},
    "RepositoryAttributes": {
        **_HERE,
        "createdTime": _TIME,
        "lastUpdateTime": _TIME,
        "manifestCount": 1,
        "tagCount": 2,
        "changeableAttributes": _FLAGS,
    },
    "RepositoryChangeableAttributes": _FLAGS,
    "RepositoryTags": {"name": "team/app", "tags": ["v1", "v2"]},
    "TagAttributes": {**_HERE, "tag": _TAG},
    "TagAttributesBase": _TAG,
    "TagAttributesTag": {"signatureRecord": "x"},
    "TagChangeableAttributes": _FLAGS,
    "TagList": {**_HERE, "tags": [_TAG, _TAG]},
    "V1Manifest": _SCHEMA1,
    "V2Manifest": _IMAGE,
}
"""For each model what it reads."""

BODIES: Final[Mapping[str, str]] = {
    "Authentication_ExchangeAadAccessTokenForAcrRefreshToken": "RefreshToken",
    "Authentication_ExchangeAcrRefreshTokenForAcrAccessToken": "AccessToken",
    "Authentication_GetAcrAccessTokenFromLogin": "AccessToken",
    "ContainerRegistry_DeleteRepository": "DeletedRepository",
    "ContainerRegistry_GetManifestProperties": "ManifestAttributes",
    "ContainerRegistry_GetManifests": "AcrManifests",
    "ContainerRegistry_GetProperties": "RepositoryAttributes",
    "ContainerRegistry_GetReferrers": "Referrers",
    "ContainerRegistry_GetRepositories": "Repositories",
    "ContainerRegistry_GetTagNames": "RepositoryTags",
    "ContainerRegistry_GetTagProperties": "TagAttributes",
    "ContainerRegistry_GetTags": "TagList",
    "ContainerRegistry_UpdateManifestProperties": "ManifestAttributes",
    "ContainerRegistry_UpdateProperties": "RepositoryAttributes",
    "ContainerRegistry_UpdateTagAttributes": "TagAttributes",
}
"""For each operation whose answer has a body of JSON its model."""

_HEADERS: Final = (
    f"Docker-Content-Digest: {DIGEST}\nContent-Length: 12\nLocation: /v2/a/blobs/uploads/1?_state=x\nRange: 0-5"
    '\nDocker-Upload-UUID: 1\nLink: </v2/>; rel="next"\nContent-Range: bytes 0-5/6\nOCI-Subject: x\nETag: "x"'
)

OPERATIONS: Final[tuple[ModuleType, ...]] = tuple(
    importlib.import_module(".".join(("acr_rest", *path.relative_to(folder).with_suffix("").parts)))
    for folder in (Path(acr_rest.__file__).parent,)
    for path in sorted((folder / "api").rglob("*.py"))
    if path.name != "__init__.py"
)


def _model(name: str) -> Parser:
    model = getattr(models, name)

    def read(data: bytes) -> object:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return None
        found = model.from_dict(value)
        with suppress(RecursionError):  # Python reads a detail of more levels than it can write
            assert model.from_dict(found.to_dict()) == found
        return found

    return Parser(name, read, documents(DOCUMENTS[name]), (ValueError,))


def _operation(module: ModuleType) -> Parser:
    body = documents(DOCUMENTS[BODIES[module.OPERATION_ID]])[0] if module.OPERATION_ID in BODIES else b"{}"

    def seed(status: int) -> bytes:
        return f"{status}\n{_HEADERS}\n\n".encode() + body

    def read(data: bytes) -> object:
        head, _, content = data.partition(b"\n\n")
        status, *lines = head.decode("latin-1").split("\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        number = int(status) if status.isascii() and status.isdigit() and len(status) < 5 else 0
        return module.parse(Response(number, headers, content))

    taken = [seed(status) for status in (200, 201, 202, 204, 206, 307, 404) if _takes(read, seed(status))]
    return Parser(module.OPERATION_ID, read, tuple(taken), (InvalidResponse,))


def _takes(read: Callable[[bytes], object], data: bytes) -> bool:
    try:
        read(data)
    except InvalidResponse:
        return False
    return True


PARSERS: Final = (
    *map(_model, DOCUMENTS),
    *map(_operation, OPERATIONS),
    Parser(
        "rest_link",
        lambda data: types.link(text(data)),
        (b"/v2/a/blobs/uploads/1?_state=x%3D", b"v2/team/app/blobs/uploads/1?_nouploadcache=false", b"x"),
        (ValueError,),
    ),
    Parser("rest_path", lambda data: types.path_value(text(data), safe="/"), (b"team/app", b"v1"), (ValueError,)),
    Parser(
        "rest_time",
        lambda data: types.date_time(text(data)),
        (_TIME.encode(), b"2021-07-01T12:34:56Z", b"2021-07-01T12:34:56.5+02:00", b"2021-07-01 12:34:56-00:30"),
        (ValueError,),
    ),
)
