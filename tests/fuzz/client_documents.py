"""The client's parsers of JSON documents: manifests, configs, tokens, docker's config.json, states of uploads."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any, Final

import acr
from acr import media_types
from acr._core.images.graph import parts_of
from acr._core.images.selection import select
from acr._core.talk import refusals
from acr._core.talk.scopes import pull
from acr._core.talk.token_exchanges import claims, lifetime
from acr._outside.credentials import docker_config
from acr._shells.stepping import run
from acr._values.descriptor import Descriptor, Platform, read_descriptor
from acr._values.digest import Digest
from acr._values.manifest import Manifest, as_referrer
from acr._values.platforms import choose
from acr._values.upload_state import UploadState
from acr.errors import CredentialError, InvalidInput, ProtocolViolation, TransferError, UnsupportedDigest
from tests.fuzz.parser import DIGEST, Parser, documents, scratch

AMD: Final = Platform("linux", "amd64")
ARM: Final = Platform("linux", "arm64")
CONFIG: Final = b'{"architecture":"amd64","os":"linux"}'

DESCRIPTOR: Final = {"mediaType": media_types.OCI_LAYER, "digest": DIGEST, "size": 5}
IMAGE: Final[dict[str, Any]] = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_MANIFEST,
    "config": {"mediaType": media_types.OCI_CONFIG, "digest": str(Digest.of(CONFIG)), "size": len(CONFIG)},
    "layers": [{**DESCRIPTOR, "annotations": {"org.opencontainers.image.title": "a/b.txt"}}, DESCRIPTOR],
    "annotations": {"org.opencontainers.image.created": "2024-01-01T00:00:00Z"},
}
ATTACHED: Final = {
    **IMAGE,
    "artifactType": "application/spdx+json",
    "subject": {"mediaType": media_types.OCI_MANIFEST, "digest": DIGEST, "size": 1},
}
INDEX: Final[dict[str, Any]] = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_INDEX,
    "manifests": [
        {
            **DESCRIPTOR,
            "mediaType": media_types.OCI_MANIFEST,
            "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"},
        },
        {
            **DESCRIPTOR,
            "mediaType": media_types.OCI_MANIFEST,
            "digest": f"sha256:{'0' * 64}",
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        },
    ],
}
DOCKER: Final = {
    **IMAGE,
    "mediaType": media_types.DOCKER_MANIFEST,
    "layers": [
        {
            **DESCRIPTOR,
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "urls": ["https://x/y"],
        }
    ],
}
DOCKER_LIST: Final = {**INDEX, "mediaType": media_types.DOCKER_MANIFEST_LIST}
SCHEMA1: Final = {
    "schemaVersion": 1,
    "name": "a",
    "tag": "v1",
    "architecture": "amd64",
    "fsLayers": [{"blobSum": DIGEST}],
    "history": [{"v1Compatibility": "{}"}],
    "signatures": [
        {"header": {"jwk": {"crv": "P-256", "kid": "x"}, "alg": "ES256"}, "signature": "x", "protected": "y"}
    ],
}
CACHE: Final = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_INDEX,
    "manifests": [{**DESCRIPTOR, "mediaType": media_types.OCI_LAYER_GZIP}],
}


def _manifest(media_type: str) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        manifest = Manifest(data, media_type)
        everything = (
            manifest.artifact_type, manifest.annotations, manifest.config, manifest.subject, manifest.layers,
            manifest.manifests, as_referrer(manifest),
        )  # fmt: skip
        for one in (*manifest.layers, *manifest.manifests):
            json.dumps(one.to_json())
        return everything

    return read


def _graph(media_type: str) -> Callable[[bytes], object]:
    return lambda data: parts_of(Manifest(data, media_type))


def _own_type(data: bytes) -> Manifest:
    manifest = Manifest.of(data)
    assert manifest.content == data
    return manifest


def _of_object(data: bytes) -> Manifest | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return Manifest.of(value, media_types.OCI_MANIFEST)


def _chosen(data: bytes) -> Descriptor:
    return choose(Manifest(data, media_types.OCI_INDEX), ARM, "the index")


def _descriptor(data: bytes) -> Descriptor | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    tolerant = read_descriptor(value, "the entry")
    assert all(isinstance(problem, str) for problem in tolerant.odd)
    strict = Descriptor.from_json(value, "the descriptor")
    assert Descriptor.from_json(strict.to_json(), "it") == strict == tolerant
    return strict


class _Source:
    """The bytes of a config."""

    is_seekable = False

    def __init__(self, content: bytes) -> None:
        self.size: int | None = len(content)
        self._content = content

    async def read(self, count: int) -> bytes:
        return self._content[:count]

    async def seek(self, offset: int) -> None:
        raise AssertionError

    async def aclose(self) -> None:
        pass


def _config(data: bytes) -> Manifest:
    """The platform of an image by its config."""
    descriptor = {"mediaType": media_types.OCI_CONFIG, "digest": str(Digest.of(data)), "size": len(data)}
    image = Manifest.of({**IMAGE, "config": descriptor})

    async def no_other(digest: Digest) -> Manifest:
        raise AssertionError(digest)

    return run(select(image, AMD, "the image", no_other, lambda _: _Source(data)))


def token(payload: bytes) -> str:
    """A JWT."""
    parts = (b'{"alg":"RS256","typ":"JWT"}', payload, b"signature")
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _claims(data: bytes) -> object:
    """What the client makes of a token's claims."""
    told = token(data)
    seconds = lifetime(told, None)
    assert math.isfinite(seconds)
    found = claims(told)
    hint = refusals.lacking(found, pull("team/app"), is_abac=True)
    assert hint is None or isinstance(hint, str)
    return found or None


def _docker_config(data: bytes) -> object:
    with scratch() as folder:
        path = folder / "config.json"
        path.write_bytes(data)
        return acr.DockerConfig(path).lookup("my.azurecr.io")


def _state(data: bytes) -> UploadState | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    state = UploadState.from_json(value)
    assert UploadState.from_json(json.loads(json.dumps(state.to_json()))) == state
    return state


_MALFORMED: Final = (ProtocolViolation, UnsupportedDigest)
_GRAPH: Final = (*_MALFORMED, TransferError)
_AUTH: Final = base64.b64encode(b"me:hunter2").decode()
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"

_ACCESS: Final = [{"type": "repository", "name": "team/app", "actions": ["pull"]}]

PARSERS: Final = (
    Parser("oci_manifest", _manifest(media_types.OCI_MANIFEST), documents(IMAGE, ATTACHED), _MALFORMED),
    Parser("oci_index", _manifest(media_types.OCI_INDEX), documents(INDEX, CACHE), _MALFORMED),
    Parser("docker_manifest", _manifest(media_types.DOCKER_MANIFEST), documents(DOCKER), _MALFORMED),
    Parser("docker_list", _manifest(media_types.DOCKER_MANIFEST_LIST), documents(DOCKER_LIST), _MALFORMED),
    Parser("schema1", _manifest(media_types.DOCKER_MANIFEST_SCHEMA1), documents(SCHEMA1), _MALFORMED),
    Parser("graph_of_manifest", _graph(media_types.OCI_MANIFEST), documents(IMAGE, ATTACHED, DOCKER), _GRAPH),
    Parser("graph_of_index", _graph(media_types.OCI_INDEX), documents(INDEX, CACHE, DOCKER_LIST), _GRAPH),
    Parser("own_type", _own_type, documents(IMAGE, INDEX, DOCKER), (InvalidInput,)),
    Parser("manifest_object", _of_object, documents(IMAGE, INDEX, ATTACHED), (InvalidInput,)),
    Parser("chosen", _chosen, documents(INDEX), (*_MALFORMED, InvalidInput)),
    Parser(
        "descriptor",
        _descriptor,
        documents(
            INDEX["manifests"][0], IMAGE["layers"][0], {**DESCRIPTOR, "urls": ["https://x/y"], "artifactType": "a/b"}
        ),
        _MALFORMED,
    ),
    Parser(
        "config",
        _config,
        (
            CONFIG,
            *documents({"architecture": "amd64", "os": "linux", "os.version": "1", "variant": "v1", "rootfs": {}}),
        ),
        (InvalidInput,),
    ),
    Parser(
        "claims",
        _claims,
        documents(
            {"exp": 1_800_000_000, "iat": 1_700_000_000, "access": _ACCESS, "sub": "me"},
            {"exp": 1_800_000_000, "nbf": 1, "aad_identity": "x", "access": [{"type": "registry", "name": "catalog"}]},
            {"exp": 1e9, "iat": 1.5, "access": None},
        ),
        (),
    ),
    Parser(
        "docker_config",
        _docker_config,
        documents(
            {"auths": {"my.azurecr.io": {"auth": _AUTH}}},
            {"auths": {"https://my.azurecr.io/v1/": {"identitytoken": "a.b.c"}, "docker.io": {}}, "credHelpers": {}},
            {"auths": {"my.azurecr.io/team": {"username": _NOBODY, "password": "a.b.c"}}, "credsStore": ""},
        ),
        (CredentialError,),
    ),
    Parser(
        "credential_helper",
        lambda data: docker_config._told(data, "docker-credential-x"),
        documents(
            {"ServerURL": "my.azurecr.io", "Username": "me", "Secret": "hunter2"},
            {"ServerURL": "my.azurecr.io", "Username": "<token>", "Secret": "a.b.c"},
        ),
        (CredentialError,),
    ),
    Parser(
        "upload_state",
        _state,
        documents(
            UploadState(
                registry="my.azurecr.io", repository="a", location="/v2/a/blobs/uploads/1?_state=x", offset=4
            ).to_json(),
            {
                "registry": "r.io",
                "repository": "a/b",
                "location": "/x?_state=y",
                "offset": 0,
                "algorithm": "sha512",
                "digest": DIGEST,
                "size": 10,
                "min_chunk_size": 5,
            },
        ),
        _MALFORMED,
    ),
)
