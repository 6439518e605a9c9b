"""Each operation of spec/openapi.json is reached by a public method, in sync and in async code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import pytest
from acr_rest import api
from acr_rest.types import AnyRequest

import acr
from acr._core.runtime import Incoming
from acr._core.talk.scopes import Scope, Scopes
from acr._core.talk.session import Session
from acr.emulator import Emulator
from tests.content import push_image
from tests.contract.document import operations
from tests.contract.watch import Traffic
from tests.twin import Twin

NAME: Final = "team/app"
LAYER: Final = b"layer"
SCOPE: Final = f"repository:{NAME}:pull"


@attrs.frozen
class World:
    """A client of an emulator that has one image, tagged v1."""

    twin: Twin
    emulator: Emulator
    registry: acr.Registry
    repository: acr.Repository
    image: acr.Descriptor

    @property
    def layer(self) -> acr.RepositoryBlob:
        """The layer of the image."""
        return self.repository.blob(acr.Digest.of(LAYER))

    def refresh_token(self) -> str:
        """A refresh token, got in another way than by the operation that is to be shown."""
        return self.registry.refresh_token()

    def with_password(self) -> acr.Registry:
        """A client with the password of the admin user."""
        return self.twin.connect(
            self.emulator.url, acr.UsernamePassword(self.emulator.username, self.emulator.password)
        )

    def upload(self) -> acr.Upload:
        """A new upload session."""
        return self.repository.start_upload()


CALLS: Final[dict[str, Callable[[World], object]]] = {
    "Authentication_ExchangeAadAccessTokenForAcrRefreshToken": lambda w: w.registry.exchange_entra_token("a.b.c"),
    "Authentication_ExchangeAcrRefreshTokenForAcrAccessToken": lambda w: w.registry.exchange_refresh_token(
        w.refresh_token(), [SCOPE]
    ),
    "Authentication_GetAcrAccessTokenFromLogin": lambda w: w.with_password().access_token([SCOPE]),
    "ContainerRegistryBlob_CancelUpload": lambda w: w.upload().cancel(),
    "ContainerRegistryBlob_CheckBlobExists": lambda w: w.layer.exists(),
    "ContainerRegistryBlob_CheckChunkExists": lambda w: w.layer.has_chunk(1, 2),
    "ContainerRegistryBlob_CompleteUpload": lambda w: w.upload().commit(),
    "ContainerRegistryBlob_DeleteBlob": lambda w: w.layer.delete(),
    "ContainerRegistryBlob_GetBlob": lambda w: w.repository.download_blob(w.layer.digest).read(),
    "ContainerRegistryBlob_GetChunk": lambda w: w.layer.chunk(1, 2),
    "ContainerRegistryBlob_GetUploadStatus": lambda w: w.upload().status(),
    "ContainerRegistryBlob_MountBlob": lambda w: w.registry.repository("other").mount_blob(w.layer.digest, NAME),
    "ContainerRegistryBlob_StartUpload": lambda w: w.repository.start_upload(),
    "ContainerRegistryBlob_UploadChunk": lambda w: w.upload().write(b"abc"),
    "ContainerRegistry_CheckDockerV2Support": lambda w: w.registry.ping(),
    "ContainerRegistry_CheckManifestExists": lambda w: w.repository.manifest("v1").head(),
    "ContainerRegistry_CreateManifest": lambda w: w.repository.put_manifest(
        w.repository.manifest("v1").get(), tag="v2"
    ),
    "ContainerRegistry_DeleteManifest": lambda w: w.repository.manifest(w.image.digest).delete(),
    "ContainerRegistry_DeleteRepository": lambda w: w.repository.delete(),
    "ContainerRegistry_DeleteTag": lambda w: w.repository.tag("v1").delete(),
    "ContainerRegistry_GetManifest": lambda w: w.repository.manifest("v1").get(),
    "ContainerRegistry_GetManifestProperties": lambda w: w.repository.manifest(w.image.digest).properties(),
    "ContainerRegistry_GetManifests": lambda w: list(w.repository.manifests()),
    "ContainerRegistry_GetProperties": lambda w: w.repository.properties(),
    "ContainerRegistry_GetReferrers": lambda w: list(w.repository.manifest(w.image.digest).referrers()),
    "ContainerRegistry_GetRepositories": lambda w: list(w.registry.repositories()),
    "ContainerRegistry_GetTagNames": lambda w: list(w.repository.tag_names()),
    "ContainerRegistry_GetTagProperties": lambda w: w.repository.tag("v1").properties(),
    "ContainerRegistry_GetTags": lambda w: list(w.repository.tags()),
    "ContainerRegistry_UpdateManifestProperties": lambda w: w.repository.manifest(w.image.digest).update(
        can_delete=False
    ),
    "ContainerRegistry_UpdateProperties": lambda w: w.repository.update(can_list=False),
    "ContainerRegistry_UpdateTagAttributes": lambda w: w.repository.tag("v1").update(can_write=False),
}
"""By operation, the public method that there is for it."""

UNREACHED: Final[dict[str, str]] = {}
"""Operations that no public method reaches, each with the reason."""

CHALLENGES: Final = {"ContainerRegistry_CheckDockerV2Support"}
"""Operations that are asked for their refusal: it tells where tokens are to be had."""


@pytest.fixture
def world(twin: Twin, registry: acr.Registry, acr_emulator: Emulator) -> World:
    """A registry with one image."""
    repository = registry.repository(NAME)
    return World(twin, acr_emulator, registry, repository, push_image(repository, tag="v1", layer=LAYER))


def test_each_operation_is_in_the_table_or_has_a_reason() -> None:
    assert {operation.id for operation in operations()} == CALLS.keys() | UNREACHED.keys()
    assert not CALLS.keys() & UNREACHED.keys()


@pytest.mark.parametrize("operation_id", CALLS)
def test_a_public_method_reaches(operation_id: str, world: World, traffic: Traffic) -> None:
    before = len(traffic.exchanges)
    CALLS[operation_id](world)
    seen = [e for e in traffic.exchanges[before:] if e.operation is not None and e.operation.id == operation_id]
    assert seen, f"{operation_id} was not called"
    assert all(e.by_client for e in seen)
    expected = {401} if operation_id in CHALLENGES else range(200, 400)
    assert all(e.status in expected for e in seen), [e.status for e in seen]


SCOPES: Final[dict[str, tuple[str, ...]]] = {
    getattr(api, name).OPERATION_ID: getattr(api, name).SCOPES for name in dir(api)
}
"""By operation, what the description says that a token must allow."""


@pytest.mark.parametrize("operation_id", [name for name in CALLS if SCOPES[name]])
def test_the_client_asks_for_the_scopes_that_the_description_says(
    operation_id: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[AnyRequest, Scopes]] = []
    way = Session.open

    def spy(session: Session, request: AnyRequest, *, scopes: Scopes, **options: bool) -> Awaitable[Incoming]:
        asked.append((request, scopes))
        return way(session, request, scopes=scopes, **options)

    monkeypatch.setattr(Session, "open", spy)
    CALLS[operation_id](world)
    assert SCOPES[operation_id] in {SCOPES[request.operation] for request, _ in asked}  # GetChunk goes out as GetBlob
    for request, scopes in asked:
        assert frozenset(Scope.parse(scope) for scope in request.scopes) == scopes, request
