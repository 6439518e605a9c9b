"""What each recorded SDK test did, in this client's words, and where it ended. A row for each file.

A step is a call, and what must come of it: mostly what is in the reply of an entry, named by its index. Digests and
bodies are read off the recording, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
from acr_rest.api.container_registry import (
    delete_manifest,
    get_manifest_properties,
)
from acr_rest.api.container_registry_blob import complete_upload

import acr
from acr import media_types
from tests.recordings.steps import (
    Expected,
    Scene,
    Step,
    blob,
    content,
    deleted,
    descriptor,
    error,
    just,
    listed,
    manifest,
    pages,
    refused,
    repository,
    size,
    tag,
    token,
)

HELLO: Final = "hello-world"
TEST: Final = "hello-world-test"
LIBRARY: Final = "library/hello-world"
ARTIFACT: Final = "oci-artifact"
BLOB: Final = media_types.OCTET_STREAM
DOCKER: Final = media_types.DOCKER_MANIFEST
WRONG: Final = "sha256:00000000"
FOUR: Final = ("can_read", "can_write", "can_list", "can_delete")


@attrs.frozen
class Row:
    """A file and its steps."""

    file: str
    steps: tuple[Step, ...]


def row(file: str, *steps: tuple[Callable[[Scene], object], Expected]) -> Row:
    """A row of the table."""
    return Row(file, tuple(Step(*step) for step in steps))


# fmt: off
TABLE: Final = (
    # Blobs
    row("go/TestBlobClient_CheckBlobExists.json",
        (lambda it: it.repository(HELLO).blob(it.item(3)).head(), descriptor(3, BLOB))),
    row("go/TestBlobClient_CheckChunkExists.json",
        (lambda it: it.repository(HELLO).blob(it.item(3)).has_chunk(0, 300), just(True))),
    row("js/deleteblob_should_succeed_when_trying_to_delete_a_nonexistent_blob.json",
        (lambda it: it.repository(ARTIFACT).blob(it.item(3)).delete(missing_ok=True), just(None))),

    # Uploads
    row("go/TestBlobClient_StartUpload.json",
        (lambda it: it.start(TEST), size(3)),
        (lambda it: it.upload.cancel(), just(None))),
    row("go/TestBlobClient_uploadChunk.json",
        (lambda it: it.repository(HELLO).download_blob(it.item(3)).read(), blob(3)),
        (lambda it: it.start(TEST), size(6)),
        (lambda it: it.write(9), size(9)),
        (lambda it: it.upload.cancel(), just(None))),
    row("go/TestBlobClient_CompleteUpload_uploadByChunk.json",
        (lambda it: it.repository(HELLO).download_blob(it.item(3)).read(), blob(3)),
        (lambda it: it.start(TEST), size(6)),
        (lambda it: it.write(9), size(9)),
        (lambda it: it.write(12), size(12)),
        (lambda it: it.upload.commit(), descriptor(15, BLOB, bytes_of=[9, 12]))),
    row("go/TestBlobClient_completeUpload_wrongDigest.json",
        (lambda it: it.repository(HELLO).download_blob(it.item(3)).read(), blob(3)),
        (lambda it: it.start(TEST), size(6)),
        (lambda it: it.write(9), size(9)),
        (lambda it: it.upload.commit(WRONG), refused(acr.InvalidReference)),
        (lambda it: it.below(complete_upload.build_request(it.upload.location, digest=WRONG), complete_upload.parse,
                             TEST, "pull,push"), error(12, acr.ResponseError))),
    row("js/can_upload_blob.json",
        (lambda it: it.start(ARTIFACT), size(3)),
        (lambda it: it.write(4), size(4)),
        (lambda it: it.upload.commit(), descriptor(5, BLOB, bytes_of=[4])),
        (lambda it: it.repository(ARTIFACT).download_blob(it.item(6)).read(), blob(7))),
    row("net/CanGetBlobLocation.json",
        (lambda it: it.start(ARTIFACT), size(3)),
        (lambda it: it.write(6), size(6)),
        (lambda it: it.upload.commit(), descriptor(9, BLOB, bytes_of=[6])),
        (lambda it: it.repository(ARTIFACT).download_blob(it.item(12)).read() == it.body(6), just(True)),
        (lambda it: it.repository(ARTIFACT).blob(it.item(15)).delete(), just(None))),

    # Manifests
    row("go/TestClient_GetManifest.json",
        (lambda it: it.repository(HELLO).manifest("latest").get(), content(3))),
    row("go/TestClient_GetManifest_wrongTag.json",
        (lambda it: it.repository(HELLO).manifest("wrong-tag").get(), error(3, acr.NotFound))),
    row("go/TestClient_UploadManifest.json",
        (lambda it: it.repository(HELLO).manifest("latest").get(), content(3)),
        (lambda it: it.repository(HELLO).put_manifest(it.body(6), tag="test"), descriptor(6, DOCKER, bytes_of=[6]))),
    row("go/TestClient_DeleteManifest.json",
        (lambda it: it.repository(HELLO).tag("latest").properties(), tag(3)),
        (lambda it: it.repository(HELLO).manifest(it.item(6)).delete(), just(None)),
        (lambda it: it.repository(TEST).manifest(it.item(9)).delete(), just(None))),
    row("go/TestClient_DeleteManifest_wrongDigest.json",
        (lambda it: it.repository(HELLO).manifest("error-digest").delete(), refused(acr.InvalidInput)),
        (lambda it: it.below(delete_manifest.build_request(HELLO, "error-digest"), delete_manifest.parse,
                             HELLO, "delete"), error(3, acr.ResponseError))),
    row("net/CanDownloadDockerManifest_AcceptMultipleMediaTypes.json",
        (lambda it: it.repository(LIBRARY).manifest(it.item(3)).get(accept=[DOCKER, media_types.OCI_MANIFEST]),
         content(3))),
    row("java/downloadManifestListManifest.json",
        (lambda it: it.repository(LIBRARY).manifest("latest").get(), content(2)),
        (lambda it: it.repository(LIBRARY).blob(it.item(4)).delete(missing_ok=True), just(None)),
        (lambda it: it.repository(LIBRARY).blob(it.item(6)).delete(missing_ok=True), just(None)),
        (lambda it: it.repository(LIBRARY).manifest(it.item(8)).delete(), error(8, acr.NotFound))),

    # Properties of manifests
    row("go/TestClient_GetManifestProperties.json",
        (lambda it: it.repository(HELLO).manifest(it.item(3)).properties(), manifest(3)),
        (lambda it: it.repository(HELLO).manifest("latest").properties(), manifest(9))),
    row("go/TestClient_GetManifestProperties_wrongDigest.json",
        (lambda it: it.repository(HELLO).manifest("sha256:wrong-digest"), refused(acr.InvalidReference)),
        (lambda it: it.below(get_manifest_properties.build_request(HELLO, "wrong-digest"),
                             get_manifest_properties.parse, HELLO, "metadata_read"), error(0, acr.NotFound))),
    row("go/TestClient_UpdateManifestProperties.json",
        (lambda it: it.repository(HELLO).tag("latest").properties(), tag(3)),
        (lambda it: it.repository(HELLO).manifest(it.item(6)).update(can_write=False), manifest(6)),
        (lambda it: it.repository(HELLO).manifest(it.item(9)).update(can_write=True), manifest(9))),
    row("go/TestClient_UpdateManifestProperties_wrongDigest.json",
        (lambda it: it.repository(HELLO).manifest("wrong-digest").update(can_write=False), error(3, acr.NotFound))),
    row("python/test_update_manifest_properties.json",
        (lambda it: it.repository(LIBRARY).tag("latest").properties(), tag(2)),
        (lambda it: it.repository(LIBRARY).manifest(it.item(5)).properties(), manifest(5)),
        (lambda it: it.repository(LIBRARY).manifest("latest").update(**dict.fromkeys(FOUR, True)),
         error(11, acr.Unauthorized))),

    # Tags
    row("go/TestClient_GetTagProperties.json",
        (lambda it: it.repository(HELLO).tag("latest").properties(), tag(3))),
    row("go/TestClient_GetDigest.json",
        (lambda it: it.repository(HELLO).tag("latest").properties(), tag(3))),
    row("go/TestClient_GetTagProperties_wrongTag.json",
        (lambda it: it.repository(HELLO).tag("wrong-tag").properties(), error(3, acr.NotFound))),
    row("go/TestClient_UpdateTagProperties_wrongTag.json",
        (lambda it: it.repository(HELLO).tag("wrong-tag").update(can_write=False), error(3, acr.NotFound))),
    row("js/deletes_a_given_tag.json",
        (lambda it: it.repository(LIBRARY).tag("test-delete").delete(), just(None)),
        (lambda it: it.repository(LIBRARY).tag("test-delete").properties(), error(6, acr.NotFound))),

    # Repositories
    row("go/TestClient_GetRepositoryProperties_wrongName.json",
        (lambda it: it.repository("wrong-name").properties(), error(3, acr.NotFound))),
    row("go/TestClient_UpdateRepositoryProperties_wrongRepository.json",
        (lambda it: it.repository("wrong-repository").update(can_write=False), error(3, acr.NotFound))),
    row("go/TestClient_DeleteRepository.json",
        (lambda it: it.repository(HELLO).delete(), deleted(3))),
    row("js/sets_repository_properties.json",
        (lambda it: it.repository(LIBRARY).properties(), repository(3)),
        (lambda it: it.repository(LIBRARY).update(**dict.fromkeys(FOUR, False)), repository(6)),
        (lambda it: it.repository(LIBRARY).update(**dict.fromkeys(FOUR, True)), repository(7))),

    # Listings
    row("go/TestClient_NewListManifestsPager_wrongRepositoryName.json",
        (lambda it: pages(it.repository("wrong-name").manifests()), error(3, acr.NotFound))),
    row("go/TestClient_NewListTagsPager_wrongRepositoryName.json",
        (lambda it: pages(it.repository("wrong-name").tags()), error(3, acr.NotFound))),
    row("js/should_list_registry_manifests_by_pages.json",
        (lambda it: pages(it.repository(LIBRARY).manifests(page_size=1), 2), listed(3, 4))),
    row("js/should_list_tags_by_pages.json",
        (lambda it: pages(it.repository(LIBRARY).tags(page_size=1), 2), listed(3, 4))),
    row("js/should_list_repositories_by_pages.json",
        (lambda it: pages(it.registry.repositories(page_size=1)), listed(3, 4))),
    row("java/listRepositoryNamesWithPageSize.json",
        (lambda it: pages(it.registry.repositories(page_size=1)), listed(2, 4, 6)),
        (lambda it: pages(it.registry.repositories(page_size=1)), listed(9, 11, 13))),
    row("python/test_list_repository_names_by_page.yaml",
        (lambda it: pages(it.registry.repositories(page_size=2)), listed(2, 5))),
    row("python/test_list_tag_properties.json",
        (lambda it: pages(it.repository(LIBRARY).tags()), listed(2))),
    row("net/CanGetTagsOrdered_sync.json",
        (lambda it: it.repository(it.name(3)).tag("v1").properties(), tag(3)),
        (lambda it: pages(it.repository(it.name(3)).tags(order_by="oldest", digest=it.digest(3))), listed(6))),

    # Tokens
    row("go/Test_authenticationPolicy_anonymousAccess.json",
        (lambda it: pages(it.registry.repositories()), listed(2)),
        (lambda it: it.repository(HELLO).update(can_delete=True), error(5, acr.Unauthorized))),
    row("go/Test_authenticationPolicy_getAccessToken_live_anonymous.json",
        (lambda it: it.registry.access_token(["registry:catalog:*"]), token(0))),
)
# fmt: on
