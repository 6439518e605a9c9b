"""Who may do what on registries that others wrote, and what none of them has: ACR's metadata API, and its tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import acr
from tests.content import push_image
from tests.registries.conftest import new_repository
from tests.registries.servers import CREDENTIAL, Server
from tests.twin import Twin

WRONG = "hunter2-and-more"

ACR_ONLY: dict[str, Callable[[acr.Registry, acr.Repository], object]] = {
    "properties": lambda _, repository: repository.properties(),
    "update": lambda _, repository: repository.update(can_write=False),
    "delete": lambda _, repository: repository.delete(),
    "tags": lambda _, repository: list(repository.tags()),
    "manifests": lambda _, repository: list(repository.manifests(order_by="newest")),
    "tag.properties": lambda _, repository: repository.tag("v1").properties(),
    "tag.update": lambda _, repository: repository.tag("v1").update(can_delete=False),
    "tag.delete": lambda _, repository: repository.tag("v1").delete(),
    "manifest.properties": lambda _, repository: repository.manifest("v1").properties(),
    "manifest.update": lambda _, repository: repository.manifest("v1").update(can_read=False),
}


def test_ping(registry: acr.Registry) -> None:
    registry.ping()


def test_repositories_are_listed_by_the_catalog_of_docker(registry: acr.Registry, repository: acr.Repository) -> None:
    """If the registry has none of ACR's own (issue 9, line 20)."""
    push_image(repository, tag="v1")
    assert repository.name in list(registry.repositories())


@pytest.mark.parametrize("operation", ACR_ONLY)
def test_what_acr_alone_has_is_told(registry: acr.Registry, repository: acr.Repository, operation: str) -> None:
    push_image(repository, tag="v1")
    with pytest.raises(acr.NoMetadataApi, match=r"no ACR metadata API; tag_names\(\)"):
        ACR_ONLY[operation](registry, repository)
    assert list(repository.tag_names()) == ["v1"]


def test_there_are_no_tokens_to_be_had(registry: acr.Registry) -> None:
    with pytest.raises(acr.ProtocolViolation, match="takes no tokens"):
        registry.access_token(["repository:team/app:pull"])


@pytest.mark.parametrize(
    "credential",
    [None, acr.UsernamePassword(CREDENTIAL.username, WRONG), acr.UsernamePassword("nobody", CREDENTIAL.password)],
    ids=["anonymous", "wrong password", "wrong name"],
)
def test_who_is_not_known_may_do_nothing(twin: Twin, guarded: Server, credential: acr.UsernamePassword | None) -> None:
    said: list[Any] = []
    repository = new_repository(twin.connect(guarded.url, credential, on_request=said.append, on_response=said.append))
    for call in (lambda: repository.upload_blob(b"abc"), lambda: list(repository.tag_names())):
        with pytest.raises(acr.Unauthorized) as caught:
            call()
        said += [caught.value, caught.value.args, caught.value.__cause__, caught.value.__context__]
    assert twin.slept == []
    for secret in (WRONG, CREDENTIAL.password):
        assert secret not in repr(said)


def test_a_token_is_of_no_use_where_a_password_is_wanted(twin: Twin, guarded: Server) -> None:
    repository = new_repository(twin.connect(guarded.url, acr.RefreshToken("eyJ")))
    with pytest.raises(acr.CredentialError, match="UsernamePassword"):
        repository.upload_blob(b"abc")
