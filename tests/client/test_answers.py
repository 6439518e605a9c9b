"""Answers that ACR does not give, of registries that do less than the spec asks, or are wrong: taken, or refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

import acr
from acr import media_types
from tests.content import bytes_of
from tests.twin import Twin

ABC = acr.Digest.of(b"abc")
OTHER = acr.Digest.of(b"other")
UPLOADS = "/v2/app/blobs/uploads/"


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body as it is sent; the connection may be lost behind its last byte."""

    def __init__(self, content: bytes, *, lost: bool) -> None:
        self._content = content
        self._lost = lost

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._content), 400):
            yield self._content[at : at + 400]
        if self._lost:
            raise httpx.ReadError("lost")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Answer:
    """What a registry says. The names of headers are given with underscores."""

    def __init__(self, status: int, content: bytes = b"", *, lost: bool = False, **headers: str) -> None:
        self._status = status
        self._content = content
        self._lost = lost
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> httpx.Response:
        return httpx.Response(self._status, headers=self._headers, stream=Body(self._content, lost=self._lost))


OPENED = Answer(202, location=UPLOADS + "1")
LOST = httpx.ReadError("lost")


class Script:
    """A registry without tokens that gives its answers in order, whatever it is asked; `/v2/` is no question.

    An answer that is not asked for fails the test.
    """

    written: ClassVar[list[Script]] = []

    def __init__(self, *answers: Answer | Exception) -> None:
        self.written.append(self)
        self._left = list(answers)
        self.asked: list[str] = []
        self.targets: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(200)
        self.targets.append(request.url.raw_path.decode())
        self.asked.append(f"{request.method} {request.headers.get('content-range', '')}".rstrip())
        answer = self._left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer.response()

    @property
    def is_told(self) -> bool:
        return not self._left


@pytest.fixture(autouse=True)
def told_to_the_end() -> Iterator[None]:
    Script.written.clear()
    yield
    assert all(script.is_told for script in Script.written)


def answered(twin: Twin, *answers: Answer | Exception, **options: Any) -> tuple[acr.Repository, Script]:
    script = Script(*answers)
    registry = twin.connect("my.azurecr.io", transport=httpx.MockTransport(script), **options)
    return registry.repository("app"), script


@pytest.mark.parametrize(
    ("offset", "given", "expected", "actual"),
    [
        (0, Answer(206, b"01234", content_range="bytes 0-9/100"), 10, 5),
        (0, Answer(206, b"01234", content_range="bytes 0-4/100"), 10, 5),
        (0, Answer(206, b"01234", content_range="bytes 0-9/*"), 10, 5),
        (95, Answer(206, b"", content_range="bytes 95-99/100"), 5, 0),
        (2, Answer(200, b"01234", content_length="100"), 10, 3),
    ],
)
def test_a_chunk_is_never_short_of_what_the_blob_has(
    twin: Twin, offset: int, given: Answer, expected: int, actual: int
) -> None:
    repository, _ = answered(twin, given)
    with pytest.raises(acr.SizeMismatch) as caught:
        repository.blob(ABC).chunk(offset, 10)
    assert (caught.value.expected, caught.value.actual) == (expected, actual)


@pytest.mark.parametrize("offset", [3, 7])
@pytest.mark.parametrize("given", [Answer(200, b"abc"), Answer(200, b"abc", content_length="3")])
def test_a_blob_that_ends_before_a_chunk_is_an_error_without_ranges_too(twin: Twin, offset: int, given: Answer) -> None:
    repository, _ = answered(twin, given)
    with pytest.raises(acr.ResponseError, match=f"from byte {offset} on: the blob ends before that") as caught:
        repository.blob(ABC).chunk(offset, 10)
    assert caught.value.status == 416


ELSEWHERE = (
    "/v2/other/blobs/uploads/1",
    "/v2/app/x/blobs/uploads/1",
    "/v2/app%2Fx/blobs/uploads/1",
    "/v2/app/manifests/v1",
    "/V2/app/manifests/v1",
    "/v2/app/blobs/sha256:0",
    "/acr/v1/app/_tags/v1",
    "/oauth2/token",
    "../../manifests/v1",
)


@pytest.mark.parametrize("location", ELSEWHERE)
def test_an_upload_that_leads_to_something_else_is_refused(twin: Twin, location: str) -> None:
    """Its bytes would go there, and to cancel it would delete what is there."""
    repository, _ = answered(twin, Answer(202, location=location))
    with pytest.raises(acr.ProtocolViolation, match="from an upload to app to something else|malformed"):
        repository.start_upload()
    repository, script = answered(twin)
    with pytest.raises(acr.ProtocolViolation, match="from an upload to app to something else|malformed"):
        repository.resume_upload(location)
    assert script.asked == []


def test_an_upload_that_moves_to_something_else_is_refused(twin: Twin) -> None:
    repository, _ = answered(twin, OPENED, Answer(202, location="/v2/other/blobs/uploads/1", range="0-2"))
    upload = repository.start_upload()
    with pytest.raises(acr.ProtocolViolation, match="from an upload to app to something else"):
        upload.write(b"abc")
    assert upload.location == UPLOADS + "1"


@pytest.mark.parametrize(
    "location",
    ["/v2/app/blobs/upload/1", "/artifacts-uploads/namespaces/app/uploads/1", "/prefix/v2/app/blobs/uploads/1"],
)
def test_an_upload_may_be_where_other_makes_have_it(twin: Twin, location: str) -> None:
    repository, _ = answered(twin, Answer(202, location=location))
    assert repository.start_upload().location == location


def test_a_chunk_at_the_end_of_a_blob_is_shorter(twin: Twin) -> None:
    answers = (
        Answer(206, b"bc", content_range="bytes 1-2/3"),
        Answer(206, b"bc", content_range="bytes 1-2/*"),
        Answer(200, b"abc", content_length="3"),
        Answer(200, b"abc"),
    )
    repository, _ = answered(twin, *answers)
    assert [repository.blob(ABC).chunk(1, 10).content for _ in answers] == [b"bc"] * 4


@pytest.mark.parametrize(
    ("call", "given", "refusal"),
    [
        pytest.param(
            lambda r: r.blob(ABC).exists(),
            Answer(200, content_type="text/html; charset=utf-8", content_length="3"),
            "was answered with a web page",
            id="a page to log in at",
        ),
        pytest.param(
            lambda r: r.blob(ABC).chunk(0, 3),
            Answer(200, b"abc", content_encoding="gzip"),
            "'gzip' although identity was asked for",
            id="a blob is compressed",
        ),
        pytest.param(
            lambda r: r.blob(ABC).chunk(2, 2),
            Answer(206, b"bc", content_range="bytes 1-2/3"),
            "from byte 1 on although 2 was asked for",
            id="another part of a blob",
        ),
        pytest.param(
            lambda r: r.download_blob(ABC).read(),
            Answer(307, location="http://storage.example/blob"),
            "plain http at storage.example",
            id="a blob would go over plain http",
        ),
        pytest.param(
            lambda r: r.manifest(acr.Digest.of(b"{}")).get(),
            Answer(200, b"{}"),
            "without a Content-Type",
            id="a type is missing",
        ),
        pytest.param(
            lambda r: r.start_upload(), Answer(202), "to app without a Location", id="an upload has no location"
        ),
        pytest.param(
            lambda r: r.resume_upload(UPLOADS + "1"), Answer(204), "without a Range", id="an upload has no status"
        ),
    ],
)
def test_an_answer_that_cannot_be_right_is_refused(
    twin: Twin, call: Callable[[acr.Repository], object], given: Answer, refusal: str
) -> None:
    repository, _ = answered(twin, given)
    with pytest.raises(acr.ProtocolViolation, match=refusal):
        call(repository)


@pytest.mark.parametrize(
    ("call", "given", "what", "expected", "actual"),
    [
        (
            lambda r: r.manifest(ABC).head(),
            Answer(200, content_type=media_types.OCI_MANIFEST, content_length="9", docker_content_digest=OTHER),
            f"the manifest app@{ABC}",
            ABC,
            OTHER,
        ),
        (
            lambda r: r.manifest(OTHER).head(),
            Answer(200, content_type=media_types.OCI_MANIFEST, content_length="9", docker_content_digest=ABC),
            f"the manifest app@{OTHER}",
            OTHER,
            ABC,
        ),
        (
            lambda r: r.manifest("v1").get(),
            Answer(200, b"{}", content_type=media_types.OCI_MANIFEST, docker_content_digest=OTHER),
            "the manifest app@v1",
            OTHER,
            acr.Digest.of(b"{}"),
        ),
        (
            lambda r: r.put_manifest(b"{}", media_type=media_types.OCI_MANIFEST),
            Answer(201, docker_content_digest=OTHER),
            f"the stored manifest app:{acr.Digest.of(b'{}')}",
            acr.Digest.of(b"{}"),
            OTHER,
        ),
    ],
)
def test_another_manifest_than_was_meant_is_refused(
    twin: Twin, call: Callable[[acr.Repository], object], given: Answer, what: str, expected: str, actual: str
) -> None:
    repository, _ = answered(twin, given)
    with pytest.raises(acr.DigestMismatch) as caught:
        call(repository)
    assert str(caught.value) == f"{what}: expected {expected}, got {actual}"
    assert (caught.value.expected, caught.value.actual) == (expected, actual)


def test_a_type_that_is_none_is_told_with_the_manifest_that_has_it(twin: Twin) -> None:
    repository, _ = answered(twin, Answer(200, content_type="a", docker_content_digest=ABC, content_length="2"))
    with pytest.raises(acr.ProtocolViolation, match=r"^the manifest app@v1: .*'a'"):
        repository.manifest("v1").head()


def test_what_a_registry_need_not_tell_is_found_out(twin: Twin) -> None:
    manifest = Answer(200, b"{}", content_type=media_types.OCI_MANIFEST)
    repository, script = answered(twin, Answer(200, content_type=media_types.OCI_MANIFEST), manifest)
    assert repository.manifest("v1").head().digest == acr.Digest.of(b"{}")
    assert script.asked == ["HEAD", "GET"]
    repository, _ = answered(twin, Answer(201, location="/v2/app/manifests/v1"))
    assert repository.put_manifest(b"{}", media_type=media_types.OCI_MANIFEST).digest == acr.Digest.of(b"{}")
    repository, _ = answered(twin, OPENED, Answer(201))
    assert repository.upload_blob(b"abc") == acr.Descriptor(media_types.OCTET_STREAM, ABC, 3)


def test_properties_without_flags_allow_everything(twin: Twin) -> None:
    time = "2026-01-01T00:00:00Z"
    manifest = {"digest": ABC, "imageSize": 2, "createdTime": time, "lastUpdateTime": time}
    content = json.dumps({"registry": "my.azurecr.io", "imageName": "app", "manifest": manifest})
    repository, _ = answered(twin, Answer(200, content.encode()))
    found = repository.manifest(ABC).properties()
    assert (found.can_read, found.can_write, found.can_list, found.can_delete) == (True, True, True, True)


def test_an_index_of_indexes_is_not_guessed_at(twin: Twin, tmp_path: Path) -> None:
    def index(*of: acr.Descriptor) -> acr.Manifest:
        return acr.Manifest.of(
            {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [one.to_json() for one in of]}
        )

    inner = index()
    outer = index(inner.descriptor)
    given = [Answer(200, m.content, content_type=m.media_type) for m in (outer, inner)]
    repository, _ = answered(twin, *given)
    with pytest.raises(acr.ProtocolViolation, match="app:v1 is an index of indexes"):
        repository.pull("v1", tmp_path)


def test_a_download_whose_connection_is_lost_behind_its_last_byte_is_whole(twin: Twin) -> None:
    repository, script = answered(twin, Answer(200, b"abc", lost=True, content_length="3"))
    assert repository.download_blob(ABC).read() == b"abc"
    assert script.asked == ["GET"]
    repository, script = answered(twin, Answer(200, b"abc", lost=True), Answer(416))
    assert repository.download_blob(ABC).read() == b"abc"
    assert script.asked == ["GET", "GET"]


def test_a_registry_that_knows_no_ranges_has_what_came_before_passed_over(twin: Twin) -> None:
    content = bytes_of(3000)
    began = Answer(200, content[:1000], lost=True, content_length="3000")
    repository, _ = answered(twin, began, Answer(200, content))
    assert repository.download_blob(acr.Digest.of(content)).read() == content


# Uploads: after each answer both sides must agree how far they are.


@pytest.mark.parametrize(
    ("answers", "refusal"),
    [
        ([Answer(202, range="0-0")], "0 bytes after a chunk, expected 4"),
        ([Answer(202, range="0-4")], "5 bytes after a chunk, expected 4"),
        ([Answer(503), Answer(204, range="0-4")], "5 bytes, expected 0 to 4"),
    ],
)
def test_an_upload_that_has_other_bytes_than_were_sent_is_given_up(
    twin: Twin, answers: list[Answer], refusal: str
) -> None:
    repository, _ = answered(twin, OPENED, *answers)
    with pytest.raises(acr.ProtocolViolation, match=refusal):
        repository.start_upload().write(b"abcd")


def test_an_upload_may_not_lose_what_it_had(twin: Twin) -> None:
    repository, _ = answered(twin, OPENED, Answer(202, range="0-3"), Answer(503), Answer(204, range="0-1"))
    upload = repository.start_upload()
    upload.write(b"abcd")
    with pytest.raises(acr.ProtocolViolation, match="2 bytes, expected 4 to 8"):
        upload.write(b"efgh")


def test_only_what_the_registry_lacks_is_sent_again(twin: Twin) -> None:
    repository, script = answered(
        twin,
        OPENED,
        Answer(202),
        Answer(503),
        Answer(204, range="0-5"),
        LOST,
        Answer(204, range="0-6"),
        Answer(202),
        Answer(201),
    )
    upload = repository.start_upload()
    for data in (b"abcd", b"efgh"):
        upload.write(data)
    assert upload.offset == 8
    assert upload.commit().digest == acr.Digest.of(b"abcdefgh")
    assert script.asked[1:] == ["PATCH 0-3", "PATCH 4-7", "GET", "PATCH 6-7", "GET", "PATCH 7-7", "PUT"]


def test_a_registry_may_take_part_of_a_chunk(twin: Twin) -> None:
    repository, script = answered(twin, OPENED, Answer(202, range="0-1"), Answer(202, range="0-3"))
    repository.start_upload().write(b"abcd")
    assert script.asked == ["POST", "PATCH 0-3", "PATCH 2-3"]
    repository, script = answered(twin, OPENED, *(Answer(202, range=f"0-{end}") for end in (1, 5, 7)), Answer(201))
    assert repository.upload_blob(iter([b"abcdefgh"]), chunk_size=4).size == 8
    assert script.asked == ["POST", "PATCH 0-3", "PATCH 2-5", "PATCH 6-7", "PUT"]


@pytest.mark.parametrize("status", [404, 408, 416, 500, 502, 503, 504])
def test_after_an_answer_that_leaves_it_open_the_registry_is_asked(twin: Twin, status: int) -> None:
    repository, script = answered(twin, OPENED, Answer(status), Answer(204, range="0-0"), Answer(202))
    repository.start_upload().write(b"abcd")
    assert script.asked[1:] == ["PATCH 0-3", "GET", "PATCH 0-3"]


@pytest.mark.parametrize("status", [400, 403, 405, 409, 413, 501])
def test_an_answer_that_leaves_nothing_open_is_an_error(twin: Twin, status: int) -> None:
    repository, script = answered(twin, OPENED, Answer(status))
    with pytest.raises(acr.ResponseError) as caught:
        repository.start_upload().write(b"abcd")
    assert caught.value.status == status
    assert script.asked[1:] == ["PATCH 0-3"]


def test_an_upload_of_one_byte_is_not_taken_for_an_empty_one(twin: Twin) -> None:
    """`Range: 0-0` stands for both."""
    repository, script = answered(
        twin, OPENED, Answer(202, range="0-0"), Answer(503), Answer(204, range="0-0"), Answer(202, range="0-1")
    )
    upload = repository.start_upload()
    upload.write(b"a")
    upload.write(b"b")
    assert script.asked[1:] == ["PATCH 0-0", "PATCH 1-1", "GET", "PATCH 1-1"]


def test_a_blob_stored_under_another_digest_is_an_error(twin: Twin) -> None:
    repository, _ = answered(twin, OPENED, Answer(201, docker_content_digest=OTHER), Answer(202))
    with pytest.raises(acr.DigestMismatch, match="^the blob stored in app: expected") as caught:
        repository.upload_blob(b"abc")
    assert (caught.value.expected, caught.value.actual) == (ABC, OTHER)


def test_a_blob_stored_under_no_digest_is_an_error(twin: Twin) -> None:
    repository, _ = answered(twin, OPENED, Answer(201, docker_content_digest="sha256:zz"))
    with pytest.raises(acr.ProtocolViolation, match="^Docker-Content-Digest: expected a digest.*got 'sha256:zz'"):
        repository.start_upload().commit()


def test_the_newest_location_and_name_of_a_session_count(twin: Twin) -> None:
    repository, _ = answered(
        twin,
        Answer(204, range="0-3", location=UPLOADS + "2", docker_upload_uuid="name"),
        Answer(204, range="0-3"),
    )
    upload = repository.resume_upload(UPLOADS + "1")
    assert (upload.location, upload.uuid, upload.offset) == (UPLOADS + "2", "name", 4)
    assert upload.status() == 4
    assert (upload.location, upload.uuid, upload.offset) == (UPLOADS + "2", "name", 4)


def test_a_commit_is_sent_what_is_missing_or_found_done(twin: Twin) -> None:
    missing, there = Answer(404), Answer(200, content_length="3")
    gone = Answer(404)  # what a session is that has become a blob
    repository, script = answered(twin, OPENED, Answer(500), missing, Answer(204, range="0-1"), LOST, there, gone)
    assert repository.upload_blob(b"abc").size == 3
    assert script.asked == ["POST", "PUT", "HEAD", "GET", "PUT", "HEAD", "DELETE"]


@pytest.mark.parametrize("status", [404, 416])
def test_an_upload_that_the_registry_has_lost_begins_anew(twin: Twin, status: int) -> None:
    gone = Answer(status, b"no such upload")
    begun = [OPENED, Answer(202), gone, gone]  # the second chunk, and the question how far it got
    repository, script = answered(twin, *begun, OPENED, Answer(202), Answer(202), Answer(201))
    events: list[acr.ProgressEvent] = []
    assert repository.upload_blob(b"abcdef", chunk_size=3, progress=events.append).size == 6
    assert script.asked == [
        *["POST", "PATCH 0-2", "PATCH 3-5", "GET"],
        *["POST", "PATCH 0-2", "PATCH 3-5", "PUT"],
    ]
    item = acr.Item("a blob", 6)
    why = f"PATCH {UPLOADS}… at my.azurecr.io: {status} with no content type, beginning 'no such upload'"
    moved = acr.Moved(item, 3)
    again = [acr.Retried(item, 0, why), moved, moved, acr.Done(item)]
    assert events == [acr.Started(item), moved, moved, *again]


THRICE = acr.Retries(limit=2, base=1, jitter=lambda: 1.0)


def test_an_upload_that_is_lost_again_and_again_is_given_up(twin: Twin) -> None:
    gone = Answer(404)
    repository, script = answered(twin, *([OPENED, gone, gone, gone] * 3)[:-1], retries=THRICE)
    with pytest.raises(acr.NotFound):
        repository.upload_blob(b"abc")
    assert script.asked == ["POST", "PUT", "HEAD", "GET"] * 2 + ["POST", "PUT", "DELETE"]
    assert twin.slept == [1, 2]  # before each question how far it got


def test_an_upload_that_is_refused_does_not_begin_anew(twin: Twin) -> None:
    repository, script = answered(twin, OPENED, Answer(403), Answer(202))
    with pytest.raises(acr.Denied):
        repository.upload_blob(b"abc")
    assert script.asked == ["POST", "PUT", "DELETE"]
    assert twin.slept == []


def test_a_chunk_is_sent_as_often_as_the_retries_allow(twin: Twin) -> None:
    repository, script = answered(twin, OPENED, *([Answer(503), Answer(204, range="0-0")] * 3)[:-1], retries=THRICE)
    with pytest.raises(acr.ServerError) as caught:
        repository.start_upload().write(b"abc")
    assert caught.value.exhausted
    assert script.asked[1:] == ["PATCH 0-2", "GET", "PATCH 0-2", "GET", "PATCH 0-2"]
    assert twin.slept == [1, 2]


def test_a_commit_is_sent_as_often_as_the_retries_allow(twin: Twin) -> None:
    failing = [Answer(503), Answer(404), Answer(204, range="0-0")]
    repository, script = answered(twin, OPENED, *(failing * 3)[:-2], retries=THRICE)
    with pytest.raises(acr.ServerError):
        repository.start_upload().commit()
    assert script.asked[1:] == ["PUT", "HEAD", "GET", "PUT", "HEAD", "GET", "PUT"]
    assert twin.slept == [1, 2]


def test_an_upload_without_a_connection_is_cancelled_all_the_same_but_once(twin: Twin) -> None:
    """There may be one again, and else it does not take long."""
    repository, script = answered(twin, OPENED, *[httpx.ConnectError("gone")] * 2, retries=acr.Retries(limit=0))
    with pytest.raises(acr.TransportError):
        repository.upload_blob(b"abc")
    assert script.asked == ["POST", "PUT", "DELETE"]


def test_relative_locations_are_of_the_session_itself(twin: Twin) -> None:
    repository, script = answered(
        twin,
        Answer(202, location="1"),
        Answer(202, location="2?_state=a/b?c"),
        Answer(202),
        Answer(202, location="?_state=d"),
        Answer(201),
    )
    upload = repository.start_upload()
    assert upload.location == UPLOADS + "1"
    upload.write(b"a")
    assert upload.location == UPLOADS + "2?_state=a/b?c"
    upload.write(b"b")
    assert upload.location == UPLOADS + "2?_state=a/b?c"
    upload.write(b"c")
    assert upload.location == UPLOADS + "2?_state=d"
    upload.commit()
    assert script.asked[1:] == ["PATCH 0-0", "PATCH 1-1", "PATCH 2-2", "PUT"]
    repository, _ = answered(twin, Answer(204, range="0-3"))
    assert repository.resume_upload("3").location == UPLOADS + "3"
    repository, script = answered(twin, Answer(202, location="4"), Answer(204))
    assert not repository.mount_blob(ABC, "base")
    assert script.targets[-1] == UPLOADS + "4"


def test_a_listing_whose_first_page_has_no_query_goes_on(twin: Twin) -> None:
    first = Answer(200, b'{"name":"app","tags":["a"]}', link="<list?last=a>; rel=next")
    last = Answer(200, b'{"name":"app","tags":["b"]}')
    repository, _ = answered(twin, first, last)
    pages = list(repository.tag_names().pages())
    assert [list(page.items) for page in pages] == [["a"], ["b"]]
    assert [page.continuation for page in pages] == ["/v2/app/tags/list?last=a", None]
    repository, _ = answered(twin, last)
    assert [list(page.items) for page in repository.tag_names().pages(continuation="/v2/app/tags/list")] == [["b"]]


def test_a_repository_that_is_not_there_is_not_taken_for_one_without_referrers(twin: Twin) -> None:
    repository, _ = answered(twin, Answer(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"repository unknown"}]}'))
    with pytest.raises(acr.NotFound) as caught:
        list(repository.manifest(ABC).referrers())
    assert caught.value.codes == ("NAME_UNKNOWN",)


def test_a_referrer_is_listed_once_however_often_it_is_put(twin: Twin) -> None:
    subject = acr.Descriptor(media_types.OCI_MANIFEST, ABC, 3)
    manifest = acr.Manifest.of(
        {"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST, "subject": subject.to_json(), "layers": []}
    )
    listed = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [manifest.descriptor.to_json()]}
    given = Answer(200, json.dumps(listed).encode(), content_type=media_types.OCI_INDEX)
    repository, script = answered(twin, Answer(201), given)
    repository.put_manifest(manifest)
    assert script.asked == ["PUT", "GET"]


def test_a_manifest_has_one_type(twin: Twin) -> None:
    repository, script = answered(twin)
    manifest = acr.Manifest.of({"schemaVersion": 2, "mediaType": media_types.OCI_MANIFEST, "layers": []})
    with pytest.raises(acr.InvalidInput, match="has one already"):
        repository.put_manifest(manifest, media_type=media_types.DOCKER_MANIFEST)
    assert script.asked == []


def test_sessions_and_blobs_can_be_shown(twin: Twin) -> None:
    repository, _ = answered(twin, OPENED, Answer(202))
    upload = repository.start_upload()
    upload.write(b"abc")
    assert repr(upload).endswith("Upload, 3 bytes>")
    assert repr(repository.blob(ABC)).endswith(f"Blob my.azurecr.io/app@{ABC}>")
