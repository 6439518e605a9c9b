"""What the client makes of a registry's answers: whole answers, read by the call that they are an answer to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import acr
from acr import media_types
from acr._values.digest import Digest
from acr.errors import (
    CredentialError,
    IntegrityError,
    LimitExceeded,
    ProtocolViolation,
    ResponseError,
)
from tests.fuzz.client_documents import ATTACHED, IMAGE, INDEX, token
from tests.fuzz.parser import DIGEST, Parser, scratch
from tests.fuzz.rest import DOCUMENTS
from tests.fuzz.wire import NOTHING, Call, registry

BLOB: Final = b"0123456789"
_BLOB: Final = str(Digest.of(BLOB))
_EMPTY_DIGEST: Final = str(Digest.of(b""))
_IMAGE: Final = json.dumps(IMAGE).encode()
_DIGEST_OF_IMAGE: Final = str(Digest.of(_IMAGE))
_JSON: Final = "Content-Type: application/json; charset=utf-8"
_LOCATION: Final = "Location: /v2/team/app/blobs/uploads/1?_nouploadcache=false&_state=x%3D"

REFUSALS: Final = (ResponseError, ProtocolViolation, IntegrityError, LimitExceeded, CredentialError)
"""What a registry can bring a call to raise. That an argument is wrong is not among it."""


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    """An answer."""
    return "\n".join([str(status), *headers, "", ""]).encode() + body


def _json(document: Any, *headers: str, status: int = 200) -> bytes:
    return answer(status, _JSON, *headers, body=json.dumps(document).encode())


def _read(
    call: Call,
    path: str,
    *then: bytes,
    others: Mapping[str, list[bytes]] = {},
    credential: acr.Credential | None = None,
) -> Callable[[bytes], object]:
    """The first answer at a path is the input; then come others."""

    def read(data: bytes) -> object:
        with registry({**others, path: [data, *(then or (NOTHING,))]}, credential) as client:
            found = call(client)
            return True if found is None else found

    return read


def _app(call: Callable[[acr.Repository], object]) -> Call:
    return lambda client: call(client.repository("team/app"))


def _listing(call: Callable[[acr.Repository], Any]) -> Call:
    return _app(lambda app: list(call(app)))


def _call(name: str, call: Call, path: str, seeds: tuple[bytes, ...], *then: bytes, **more: Any) -> Parser:
    return Parser(f"answer_{name}", _read(call, path, *then, **more), seeds, REFUSALS)


def _page(model: str, link: str, **changed: Any) -> tuple[bytes, ...]:
    document = {**DOCUMENTS[model], **changed}
    return (_json(document), _json(document, f'Link: <{link}>; rel="next"'))


_ACR: Final = "/acr/v1/team/app"
_OCI: Final = "/v2/team/app"
_EMPTY: Final = {
    "catalog": _json({"repositories": []}),
    "names": _json({"name": "team/app", "tags": None}),
    "tags": _json({**DOCUMENTS["TagList"], "tags": None}),
    "manifests": _json({**DOCUMENTS["AcrManifests"], "manifests": None}),
    "index": _json({**INDEX, "manifests": []}),
}

LISTINGS: Final = (
    _call(
        "catalog",
        lambda client: list(client.repositories()),
        "/acr/v1/_catalog",
        _page("Repositories", "/acr/v1/_catalog?last=a&n=2&orderby="),
        _EMPTY["catalog"],
    ),
    _call(
        "catalog_of_others",
        lambda client: list(client.repositories(page_size=2)),
        "/v2/_catalog",
        _page("Repositories", "/v2/_catalog?last=a&n=2"),
        _EMPTY["catalog"],
        others={"/acr/": [answer(404)]},
    ),
    _call(
        "tag_names",
        _listing(lambda app: app.tag_names(page_size=2)),
        f"{_OCI}/tags/list",
        _page("RepositoryTags", "/v2/team/app/tags/list?last=v2&n=2"),
        _EMPTY["names"],
    ),
    _call(
        "tags",
        _listing(lambda app: app.tags()),
        f"{_ACR}/_tags",
        _page("TagList", "/acr/v1/team%2Fapp/_tags?last=v1"),
        _EMPTY["tags"],
    ),
    _call(
        "manifests",
        _listing(lambda app: app.manifests()),
        f"{_ACR}/_manifests",
        _page("AcrManifests", "/acr/v1/team%2Fapp/_manifests?last=sha256%3A00"),
        _EMPTY["manifests"],
    ),
    _call(
        "referrers",
        _listing(lambda app: app.manifest(DIGEST).referrers()),
        f"{_OCI}/referrers/",
        (_json(INDEX), _json({**INDEX, "manifests": []}, f'Link: <{_OCI}/referrers/{DIGEST}?next=1>; rel="next"')),
        _EMPTY["index"],
    ),
    _call(
        "referrers_tag",
        _app(lambda app: app.put_manifest(acr.Manifest.of(ATTACHED), tag="v1")),
        f"{_OCI}/manifests/sha256-",
        tuple(
            answer(200, f"Content-Type: {media_types.OCI_INDEX}", body=json.dumps(one).encode())
            for one in (INDEX, {**INDEX, "manifests": None})
        ),
        answer(201),
        others={f"{_OCI}/manifests/": [answer(201)]},
    ),
)

PROPERTIES: Final = (
    _call("repository", _app(lambda app: app.properties()), _ACR, (_json(DOCUMENTS["RepositoryAttributes"]),)),
    _call("tag", _app(lambda app: app.tag("v1").properties()), f"{_ACR}/_tags/", (_json(DOCUMENTS["TagAttributes"]),)),
    _call(
        "manifest_properties",
        _app(lambda app: app.manifest(DIGEST).properties()),
        f"{_ACR}/_manifests/",
        (_json(DOCUMENTS["ManifestAttributes"]),),
    ),
    _call(
        "update_repository",
        _app(lambda app: app.update(can_list=False)),
        _ACR,
        (_json(DOCUMENTS["RepositoryAttributes"]), answer(204)),
        _json(DOCUMENTS["RepositoryAttributes"]),
    ),
    _call(
        "update_tag",
        _app(lambda app: app.tag("v1").update(can_list=False)),
        f"{_ACR}/_tags/",
        (_json(DOCUMENTS["TagAttributes"]), answer(200)),
        _json(DOCUMENTS["TagAttributes"]),
    ),
    _call(
        "update_manifest",
        _app(lambda app: app.manifest(DIGEST).update(can_list=False)),
        f"{_ACR}/_manifests/",
        (_json(DOCUMENTS["ManifestAttributes"]), answer(200)),
        _json(DOCUMENTS["ManifestAttributes"]),
    ),
    _call(
        "delete_repository",
        _app(lambda app: app.delete()),
        _ACR,
        (_json(DOCUMENTS["DeletedRepository"], status=202), answer(202)),
    ),
)

_TOLD: Final = f"Docker-Content-Digest: {_DIGEST_OF_IMAGE}"

CONTENT: Final = (
    _call(
        "manifest",
        _app(lambda app: _carried(app.manifest("v1").get())),
        f"{_OCI}/manifests/",
        (
            answer(200, f"Content-Type: {media_types.OCI_MANIFEST}", _TOLD, body=_IMAGE),
            answer(200, f"Content-Type: {media_types.OCI_MANIFEST}", body=_IMAGE),
            answer(200, "Content-Type: application/json", body=_IMAGE),
            answer(200, body=json.dumps(INDEX).encode()),
        ),
    ),
    _call(
        "manifest_head",
        _app(lambda app: app.manifest("v1").head()),
        f"{_OCI}/manifests/",
        (answer(200, f"Content-Type: {media_types.OCI_MANIFEST}", _TOLD, f"Content-Length: {len(_IMAGE)}"),),
        answer(200, f"Content-Type: {media_types.OCI_MANIFEST}", _TOLD, body=_IMAGE),
    ),
    _call(
        "put_manifest",
        _app(lambda app: app.put_manifest(acr.Manifest.of(_IMAGE), tag="v1")),
        f"{_OCI}/manifests/",
        (answer(201, _TOLD, "Location: /x"), answer(202)),
    ),
    _call(
        "blob_head",
        _app(lambda app: app.blob(_BLOB).head()),
        f"{_OCI}/blobs/",
        (answer(200, "Content-Length: 10"), answer(200, "Content-Length: 10", f"Docker-Content-Digest: {_BLOB}")),
        answer(206, "Content-Range: bytes 0-0/10", body=b"0"),
    ),
    _call(
        "blob",
        _app(lambda app: app.download_blob(_BLOB).read()),
        f"{_OCI}/blobs/",
        (answer(200, "Content-Length: 10", body=BLOB), answer(200, body=BLOB)),
        answer(206, "Content-Range: bytes 5-9/10", body=BLOB[5:]),
    ),
    _call(
        "chunk",
        _app(lambda app: app.blob(_BLOB).chunk(2, 5)),
        f"{_OCI}/blobs/",
        (answer(206, "Content-Range: bytes 2-6/10", body=BLOB[2:7]), answer(200, "Content-Length: 10", body=BLOB)),
    ),
    _call(
        "has_chunk",
        _app(lambda app: app.blob(_BLOB).has_chunk(2, 5)),
        f"{_OCI}/blobs/",
        (answer(200, "Content-Length: 10"), answer(206, "Content-Range: bytes 2-6/10")),
        answer(206, "Content-Range: bytes 0-0/10", body=b"0"),
    ),
    _call(
        "redirect",
        _app(lambda app: app.download_blob(_BLOB).read()),
        f"{_OCI}/blobs/",
        (
            answer(307, "Location: https://my.blob.core.windows.net/c/d?se=1&sig=x%3D"),
            answer(302, "Location: /elsewhere?a=b"),
            answer(301, "Location: https://my.azurecr.io:8443/x"),
        ),
        others={"/": [answer(200, body=BLOB)]},
    ),
)


def _carried(manifest: acr.Manifest) -> acr.Manifest:
    """See that a manifest can be put somewhere else as what it is."""
    registry({f"{_OCI}/manifests/": [answer(201)]}).repository("team/app").put_manifest(manifest)
    return manifest


def _written(app: acr.Repository) -> int:
    upload = app.start_upload()
    upload.write(BLOB)
    upload.commit()
    return upload.offset


def _uploaded(app: acr.Repository) -> acr.Descriptor:
    return app.upload_blob(BLOB)


def _checkpoint(data: bytes) -> object:
    """A state that an earlier process has left, for an upload that goes on from there."""
    with scratch() as folder:
        content, place = folder / "content", folder / "checkpoint"
        content.write_bytes(BLOB)
        place.write_bytes(data)
        answers = {
            f"{_OCI}/blobs/uploads/": [answer(202, _LOCATION)],
            f"{_OCI}/blobs/uploads/1": [answer(204, "Range: 0-4"), answer(202, _LOCATION, "Range: 0-9"), answer(201)],
            f"{_OCI}/blobs/sha256": [answer(404)],
        }
        with registry(answers) as client:
            client.repository("team/app").upload_blob(content, checkpoint=place)
            return True


_STATE: Final = json.dumps(
    acr.UploadState(
        registry="my.azurecr.io", repository="team/app", location="/v2/team/app/blobs/uploads/1?_state=x", offset=5,
        digest=Digest.of(BLOB), size=10,
    ).to_json()
).encode()  # fmt: skip

_SESSION: Final = f"{_OCI}/blobs/uploads/1"
_OPENED: Final = {f"{_OCI}/blobs/uploads/": [answer(202, _LOCATION)]}

UPLOADS: Final = (
    _call(
        "start_upload",
        _app(_written),
        f"{_OCI}/blobs/uploads/",
        (
            answer(202, _LOCATION, "Range: 0-0", "OCI-Chunk-Min-Length: 5"),
            answer(202, "Location: https://my.azurecr.io/v2/team/app/blobs/uploads/1"),
        ),
        others={_SESSION: [answer(202, "Range: 0-9"), answer(201)]},
    ),
    _call(
        "chunk_taken",
        _app(_written),
        _SESSION,
        (answer(202, _LOCATION, "Range: 0-9"), answer(201, _LOCATION), answer(204)),
        answer(201, f"Docker-Content-Digest: {_BLOB}"),
        others=_OPENED,
    ),
    _call(
        "commit",
        _app(lambda app: app.start_upload().commit(_EMPTY_DIGEST)),
        _SESSION,
        (answer(201, f"Docker-Content-Digest: {Digest.of(b'')}", "Location: /x"), answer(204)),
        others=_OPENED,
    ),
    _call(
        "status",
        _app(lambda app: app.resume_upload("/v2/team/app/blobs/uploads/1?_state=x").status()),
        _SESSION,
        (answer(204, _LOCATION, "Range: 0-9", "Docker-Upload-UUID: 1"), answer(200, "Range: bytes=0-9")),
        answer(204, "Range: 0-9"),
    ),
    _call(
        "mount",
        _app(lambda app: app.mount_blob(_BLOB, "other")),
        f"{_OCI}/blobs/uploads/",
        (answer(201, f"Docker-Content-Digest: {_BLOB}", f"Location: {_OCI}/blobs/{_BLOB}"), answer(202, _LOCATION)),
        others={_SESSION: [answer(204)]},
    ),
    Parser("checkpoint", _checkpoint, (_STATE,), (*REFUSALS, acr.InvalidInput)),
)

_ACCESS: Final = [{"type": "repository", "name": "team/app", "actions": ["pull", "metadata_read"]}]
_TOKEN: Final = token(json.dumps({"exp": 1_800_000_000, "iat": 1_700_000_000, "access": _ACCESS, "sub": "me"}).encode())
_ISSUED: Final = _json({"access_token": _TOKEN, "expires_in": 300})
_CHALLENGE: Final = 'Www-Authenticate: Bearer realm="https://my.azurecr.io/oauth2/token",service="my.azurecr.io"'
_ASKS: Final[dict[str, list[bytes]]] = {"/v2/": [answer(401, _CHALLENGE)]}
_NAMES: Final = {f"{_OCI}/tags/list": [_json(DOCUMENTS["RepositoryTags"])]}


def _checked(client: acr.Registry) -> acr.Access:
    access = client.check("team/app")
    assert access.identity is None or isinstance(access.identity, str)
    assert all(isinstance(action, str) for action in access.actions or ())
    return access


def _with_claims(data: bytes) -> object:
    """A client whose tokens have the claims."""
    told = token(data)
    answers = {**_ASKS, "/oauth2/token": [_json({"access_token": told})]}
    with registry(answers, acr.RefreshToken(told)) as client:
        return _checked(client)


_LIST: Final = _listing(lambda app: app.tag_names())

ACCESS: Final = (
    _call(
        "ping", lambda client: client.ping(), "/v2/", (answer(200, body=b"{}"), answer(401, _CHALLENGE), answer(200))
    ),
    _call(
        "challenge",
        _LIST,
        "/v2/",
        (
            answer(401, _CHALLENGE),
            answer(401, "Www-Authenticate: Basic realm=x"),
            answer(401, 'Www-Authenticate: Bearer realm="https://my.azurecr.io/t/é?a=b c",service="é"'),
        ),
        others={**_NAMES, "/": [_ISSUED]},
        credential=acr.UsernamePassword("me", "hunter2"),
    ),
    _call(
        "challenge_to_nobody",
        _LIST,
        "/v2/",
        (answer(401, _CHALLENGE), answer(401, 'Www-Authenticate: Bearer realm="https://auth.example/token"')),
        others={**_NAMES, "/": [_ISSUED]},
    ),
    _call(
        "refused_scope",
        _LIST,
        f"{_OCI}/tags/list",
        (
            answer(401, f'{_CHALLENGE},scope="repository:team/app:pull,push"'),
            answer(401, f'{_CHALLENGE},scope="repository:team/app:pull repository:other:pull"'),
            *_NAMES[f"{_OCI}/tags/list"],
        ),
        *_NAMES[f"{_OCI}/tags/list"],
        others={**_ASKS, "/oauth2/token": [_ISSUED]},
    ),
    _call(
        "token", _LIST, "/oauth2/token", (_ISSUED, _json({"token": "x", "expires_in": 5})), others={**_ASKS, **_NAMES}
    ),
    _call(
        "token_for_password",
        _LIST,
        "/oauth2/token",
        (_ISSUED, _json({"token": "x"})),
        others={**_ASKS, **_NAMES},
        credential=acr.UsernamePassword("me", "hunter2"),
    ),
    _call(
        "token_for_refresh_token",
        lambda client: client.access_token(["repository:a:pull"]),
        "/oauth2/token",
        (_ISSUED,),
        others=_ASKS,
        credential=acr.RefreshToken("a.b.c"),
    ),
    _call(
        "refresh_token",
        lambda client: client.exchange_entra_token("a.b.c"),
        "/oauth2/exchange",
        (_json({"refresh_token": _TOKEN}), _json({"refresh_token": "opaque"})),
        others=_ASKS,
    ),
    Parser(
        "answer_check",
        _with_claims,
        tuple(
            json.dumps(one).encode()
            for one in (
                {"exp": 1_800_000_000, "iat": 1_700_000_000, "access": _ACCESS, "sub": "me", "aad_identity": "x"},
                {"exp": 1e9, "access": [{"type": "registry", "name": "catalog", "actions": ["*"]}]},
            )
        ),
        REFUSALS,
    ),
)


def _error(data: bytes) -> object:
    with registry({f"{_OCI}/tags/list": [data]}) as client:
        try:
            return list(client.repository("team/app").tag_names())
        except ResponseError as refusal:
            error = refusal
    said = [str(error), *(text for one in error.errors for text in (one.code, one.message))]
    assert all(text.isprintable() for text in said)
    return error


_ERRORS: Final = Parser(
    "answer_error",
    _error,
    (
        _json(DOCUMENTS["AcrErrors"], "X-Ms-Correlation-Request-Id: 1-2-3", status=404),
        _json(DOCUMENTS["AcrErrors"], "Retry-After: 5", "Date: Sat, 28 Nov 2026 10:00:00 GMT", status=429),
        _json(
            DOCUMENTS["AcrErrors"],
            "Retry-After: Sat, 28 Nov 2026 10:00:05 GMT",
            "Date: Sat, 28 Nov 2026 10:00:00 GMT",
            status=503,
        ),
        answer(403, "Content-Type: text/html", body=b"<html>no \x1b[2J</html>"),
        _json({"errors": [{"code": "REGISTRY_DISALLOWED_OPERATION", "message": "locked"}]}, status=405),
    ),
    (ProtocolViolation,),
)

PARSERS: Final = (*LISTINGS, *PROPERTIES, *CONTENT, *UPLOADS, *ACCESS, _ERRORS)
