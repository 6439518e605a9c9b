"""schemathesis against the emulator: requests made from spec/openapi.json, right ones and wrong ones.

All its checks are on, but for those in `OFF`, which say why. Those on what several calls do together
(`use_after_free`, `ensure_resource_availability`, `object_level_authorization`) need links between operations or a
second user, of which the document tells nothing: they pass by themselves.
"""

from __future__ import annotations

import copy
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig

import acr
from acr.emulator import Emulator
from tests.content import image_manifest
from tests.contract.document import load, operations
from tests.contract.watch import Traffic

SEED: Final = 20210701
EXAMPLES: Final = 10
"""Random requests of each operation, beside those that schemathesis makes for each constraint of the document."""

REPOSITORY: Final = "team/app"
LAYER: Final = b"layer"
CONFIG: Final = b'{"architecture":"amd64","os":"linux"}'
IMAGE: Final = acr.Manifest.of(
    image_manifest(
        acr.Descriptor(acr.media_types.OCI_CONFIG, acr.Digest.of(CONFIG), len(CONFIG)),
        [acr.Descriptor(acr.media_types.OCI_LAYER, acr.Digest.of(LAYER), len(LAYER))],
    )
)
HOST: Final = "registry.test"
SESSION: Final = "00000000-0000-0000-0000-000000000000"
STATE: Final = "the newest"
REFRESH_TOKEN: Final = "a live one"

_LAX: Final = "no body, and null, leave a lock as it is; quarantine is not the emulator's"

OFF: Final = {
    "ContainerRegistry_UpdateProperties": {"negative_data_rejection": _LAX},
    "ContainerRegistry_UpdateTagAttributes": {"negative_data_rejection": _LAX},
    "ContainerRegistry_UpdateManifestProperties": {"negative_data_rejection": _LAX},
    "ContainerRegistry_CreateManifest": {
        "positive_data_acceptance": "to the document a manifest is bytes; what must be in them, it does not say"
    },
    "ContainerRegistryBlob_MountBlob": {
        "negative_data_rejection": "without `from` and `mount` the same request opens an upload, as StartUpload"
    },
    "ContainerRegistryBlob_CompleteUpload": {
        "positive_data_acceptance": "the digest must be that of the bytes, which no schema can ask for"
    },
    "ContainerRegistryBlob_UploadChunk": {
        "positive_data_acceptance": "Content-Range must begin where the upload is, which no schema can ask for"
    },
    "ContainerRegistry_GetManifest": {
        "response_schema_conformance": "a manifest is bytes to the document; schemathesis reads the JSON in them"
    },
    "ContainerRegistryBlob_CheckChunkExists": {
        "negative_data_rejection": "without Range the same request is CheckBlobExists",
        "missing_required_header": "the same",
    },
    "ContainerRegistryBlob_GetChunk": {
        "negative_data_rejection": "without Range the same request is GetBlob",
        "missing_required_header": "the same",
        "allow_header_conformance": "DELETE of the same path is in the document under another key",
    },
    "Authentication_ExchangeAcrRefreshTokenForAcrAccessToken": {
        "negative_data_rejection": "without a scope the token is good for nothing, as with Docker's token server"
    },
}
"""By operation, the checks that are switched off, each with the reason."""

TAKES_ANY: Final = {
    "ContainerRegistryBlob_StartUpload": {"name"},  # it makes the repository
    "ContainerRegistryBlob_MountBlob": {"name", "from", "mount"},  # what cannot be mounted is to be uploaded
    "ContainerRegistry_GetReferrers": {"name", "digest"},  # nothing refers to what is not there: no failure
    "ContainerRegistryBlob_GetUploadStatus": {"_state"},  # also one of the past
    "ContainerRegistryBlob_CancelUpload": {"_state"},
}
"""Parameters that are left as they are: the operation succeeds with other values than those that are there."""


def live_document() -> dict[str, Any]:
    """The document, with values for its parameters that are good for something, and with the upload link spelled out.

    Requests that are wrong on purpose have others, and so the grammars of names are tried too.
    """
    document = copy.deepcopy(load())
    paths = document["paths"]
    # Whoever generates requests encodes the parts of a path, and the link goes out as it came. Of its query, the
    # registry looks at the state alone.
    steps = paths.pop("/{nextBlobUuidLink}")
    link = [("name", "path", _pattern_of_names(paths)), ("uuid", "path", {}), ("_state", "query", {})]
    for operation in steps.values():
        operation["parameters"] = [
            *(one for one in operation["parameters"] if one["name"] != "nextBlobUuidLink"),
            *(
                {"name": name, "in": place, "required": place == "path", "schema": {"type": "string", **grammar}}
                for name, place, grammar in link
            ),
        ]
    paths["/v2/{name}/blobs/uploads/{uuid}"] = steps
    for key, item in paths.items():
        for method, operation in item.items():
            left = TAKES_ANY.get(operation["operationId"], set())
            some = {name: found for name, found in good_values(key, method).items() if name not in left}
            operation["parameters"] = [narrowed(one, some) for one in operation.get("parameters", [])]
            for media in operation.get("requestBody", {}).get("content", {}).values():
                fields = media["schema"].get("properties", {})
                if "service" in fields:
                    fields["service"]["enum"] = [HOST]
    refresh = paths["/oauth2/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    refresh["properties"]["refresh_token"]["enum"] = [REFRESH_TOKEN]
    return document


def _pattern_of_names(paths: dict[str, Any]) -> dict[str, Any]:
    """The grammar of names of repositories."""
    schemas = {one["name"]: one["schema"] for one in paths["/v2/{name}/tags/list"]["get"]["parameters"]}
    found: dict[str, Any] = schemas["name"]
    return found


def good_values(key: str, method: str) -> dict[str, list[Any]]:
    """Values that are good for something, by the parameters of an operation."""
    missing = str(acr.Digest.of(b"nobody has this"))
    blobs, manifests = [str(acr.Digest.of(LAYER)), missing], [str(IMAGE.digest), missing]
    values: dict[str, list[Any]] = {
        "name": [REPOSITORY, "a__b/c-d.e"],
        "from": [REPOSITORY],
        "mount": blobs,
        "uuid": [SESSION],
        "_state": [STATE],
        "service": [HOST],
    }
    if "/uploads/" in key:
        values["digest"] = [str(acr.Digest.of(b"")), *blobs]
    elif "{digest}" in key:
        values["digest"] = blobs if "/blobs/" in key else manifests
    if "/_tags/" in key:
        values["reference"] = ["v1", "none"]
    elif "/manifests/" in key:
        values["reference"] = manifests if method == "delete" else ["v1", *manifests]
    return values


def narrowed(parameter: dict[str, Any], values: dict[str, list[Any]]) -> dict[str, Any]:
    """A parameter that has one of the values that are good for something, where there are such."""
    good = values.get(parameter["name"])
    if good is None:
        return parameter
    return {**parameter, "schema": {**parameter["schema"], "enum": good}, "example": good[0]}


def load_schema() -> schemathesis.BaseSchema:
    """What schemathesis makes of it."""
    load_all_checks()
    project = ProjectConfig(
        headers={"Host": HOST},
        generation=GenerationConfig(
            max_examples=EXAMPLES,
            deterministic=True,
            allow_extra_parameters=False,  # the document forbids none, and the registry ignores them
        ),
    )
    config = SchemathesisConfig(seed=SEED, projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_dict(live_document(), config=config)


schema = load_schema()


class Live:
    """An emulator, and what the requests lack that are made before there is one."""

    def __init__(self, emulator: Emulator, http: httpx.Client) -> None:
        self.url = emulator.url
        self.wanted: str | None = None
        self._emulator = emulator
        self._http = http
        login = f"{emulator.username}:{emulator.password}".encode()
        basic = f"Basic {b64encode(login).decode()}"
        query = {"service": HOST, "scope": ["repository:*:*", "registry:catalog:*"]}
        token = http.get("/oauth2/token", params=query, headers={"Authorization": basic}).json()["access_token"]
        self._authorization = {"Basic": basic, "Bearer": f"Bearer {token}"}
        form = {"grant_type": "access_token", "service": HOST, "access_token": "of Entra"}
        self._refresh_token: str = http.post("/oauth2/exchange", data=form).json()["refresh_token"]

    def renew(self) -> None:
        """Begin anew with one image."""
        self._emulator.reset()
        with acr.Registry(self.url, self._emulator.credential()) as registry:
            repository = registry.repository(REPOSITORY)
            for blob in (CONFIG, LAYER):
                repository.upload_blob(blob)
            repository.put_manifest(IMAGE, tag="v1")

    def fill(self, case: schemathesis.Case[Any]) -> None:
        """Put live values in the places of the examples that stand for them."""
        scheme = case.headers.get("Authorization", "")
        if scheme in self._authorization:
            case.headers["Authorization"] = self._authorization[scheme]
        if case.path_parameters.get("uuid") == SESSION:
            link = self._open_session()
            case.path_parameters["uuid"] = link.path.rpartition("/")[2]
            if case.query.get("_state") == STATE:
                case.query["_state"] = link.params["_state"]
        if isinstance(case.body, dict) and case.body.get("refresh_token") == REFRESH_TOKEN:
            case.body["refresh_token"] = self._refresh_token

    def _open_session(self) -> httpx.URL:
        path = f"/v2/{REPOSITORY}/blobs/uploads/"
        return httpx.URL(
            self._http.post(path, headers={"Authorization": self._authorization["Bearer"]}).headers["Location"]
        )


class Credentials:
    """Names what each operation takes; `Live.fill` puts it in."""

    def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> str:
        """The scheme."""
        return "Basic" if case.path == "/oauth2/token" else "Bearer"

    def set(self, case: schemathesis.Case[Any], data: str, context: schemathesis.AuthContext) -> None:
        """Put it in."""
        case.headers["Authorization"] = data


schema.auth(refresh_interval=None).skip_for(path=["/oauth2/exchange", "/oauth2/token"], method="POST")(Credentials)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """An emulator for all operations."""
    with Emulator() as emulator, httpx.Client(base_url=emulator.url, headers={"Host": HOST}) as http:
        yield Live(emulator, http)


@pytest.fixture(autouse=True)
def renewed(live: Live, traffic: Traffic) -> Iterator[None]:
    """For each operation there is an image again; and each must have been of use, not only refused what is wrong."""
    live.renew()
    yield
    answered = {e.status for e in traffic.exchanges if e.operation is not None and e.operation.id == live.wanted}
    assert any(200 <= status < 400 for status in answered), answered


@schema.parametrize()
def test_the_emulator_holds(case: schemathesis.Case[Any], live: Live) -> None:
    live.wanted = operation_id = case.operation.definition.raw["operationId"]
    if "#" in case.path and case.method == "DELETE":
        return  # tried as a method that the path has not; the document has it under the key without the fragment
    live.fill(case)
    off: list[Any] = [CHECKS.get_one(name) for name in OFF.get(operation_id, ())]
    case.call_and_validate(base_url=live.url, excluded_checks=off)


def test_the_checks_that_are_off_exist(live: Live) -> None:
    live.wanted = "ContainerRegistryBlob_StartUpload"
    assert {operation.id for operation in operations()} >= OFF.keys()
    assert set(CHECKS.get_all_names()) >= {name for checks in OFF.values() for name in checks}
