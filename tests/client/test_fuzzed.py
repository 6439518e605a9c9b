"""What fuzzing has found: answers, files and arguments that led to an exception of Python's, or to a wrong one."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr
from acr import media_types
from acr._core.talk.refusals import actions_on
from tests.makes.registry import OtherMake, refused
from tests.shells.script import ONCE, Script, gives, head
from tests.twin import Twin

UNUSABLE = ("/v2ps:/1?_state=x", "/v2/app/blobs/uploads/%2e%2e/1", "/v2/app/blobs/uploads/..%2F1?_state=x")


@pytest.mark.parametrize("location", UNUSABLE)
def test_an_upload_at_a_place_that_cannot_be_sent_back_is_refused(twin: Twin, location: str) -> None:
    answer = gives(head(0, f"Location: {location}", status="202 Accepted"))
    with Script(answer) as script, pytest.raises(acr.ProtocolViolation, match="malformed link"):
        twin.connect(script.url, retries=ONCE).repository("app").start_upload()


@pytest.mark.parametrize("location", UNUSABLE)
@pytest.mark.parametrize("call", ["status", "write"])
def test_an_upload_that_moves_to_such_a_place_is_refused(twin: Twin, location: str, call: str) -> None:
    opened = gives(head(0, "Location: /v2/app/blobs/uploads/1", status="202 Accepted"))
    moved = gives(head(0, f"Location: {location}", "Range: 0-0", status="202 Accepted"))
    with Script(opened, moved) as script:
        upload = twin.connect(script.url, retries=ONCE).repository("app").start_upload()
        with pytest.raises(acr.ProtocolViolation, match="malformed link"):
            upload.status() if call == "status" else upload.write(b"abc")


def test_a_state_with_such_a_place_is_refused(twin: Twin) -> None:
    with Script(gives(head(0))) as script, pytest.raises(acr.ProtocolViolation, match="malformed link"):
        twin.connect(script.url).repository("app").resume_upload(UNUSABLE[0])


def test_a_full_page_that_ends_with_half_a_character_is_told(twin: Twin) -> None:
    """The next page is asked for by the last name, which no URL has room for."""
    body = rb'{"name":"app","tags":["a","\ud800"]}'
    answer = gives(head(len(body), "Content-Type: application/json") + body)
    with Script(answer) as script, pytest.raises(acr.ProtocolViolation, match="UTF-8 cannot write"):
        list(twin.connect(script.url, retries=ONCE).repository("app").tag_names(page_size=2))


ATTACHED: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_MANIFEST,
    "config": {"mediaType": media_types.OCI_EMPTY, "digest": str(acr.Digest.of(b"{}")), "size": 2},
    "layers": [],
    "subject": {"mediaType": media_types.OCI_MANIFEST, "digest": str(acr.Digest.of(b"subject")), "size": 7},
}
TAG = f"sha256-{acr.Digest.of(b'subject').hex}"


def index(manifests: str) -> bytes:
    return f'{{"schemaVersion":2,"mediaType":"{media_types.OCI_INDEX}","manifests":{manifests}}}'.encode()


@pytest.mark.parametrize("listed", ["5", '{"a":1}', "true", '"text"', "[NaN]", "[1e999]"])
def test_an_index_of_referrers_that_is_none_is_told_and_left_alone(twin: Twin, listed: str) -> None:
    with OtherMake(referrers=refused(404)) as make:
        make.add("app", b"{}")
        before = make.add("app", index(listed), media_types.OCI_INDEX, tag=TAG)
        repository = twin.connect(make.url).repository("app")
        with pytest.raises(acr.ProtocolViolation, match="the index of the referrers of sha256:"):
            repository.put_manifest(acr.Manifest.of(ATTACHED))
        assert make.tags["app"][TAG] == before


def test_an_entry_with_half_a_character_stays_in_the_index_of_referrers(twin: Twin) -> None:
    entry = rb'{"mediaType":"a/b","digest":"sha256:' + b"0" * 64 + rb'","size":1,"annotations":{"a":"\ud800"}}'
    with OtherMake(referrers=refused(404)) as make:
        make.add("app", b"{}")
        make.add("app", index(f"[{entry.decode()}]"), media_types.OCI_INDEX, tag=TAG)
        twin.connect(make.url).repository("app").put_manifest(acr.Manifest.of(ATTACHED))
        _, content = make.manifests["app"][make.tags["app"][TAG]]
        assert entry in content
        assert len(json.loads(content)["manifests"]) == 2


@pytest.mark.parametrize("length", ["9" * 5000, "٣", "²", "-1", ""])
def test_a_length_that_is_no_number_of_bytes_is_none(twin: Twin, length: str) -> None:
    """Our own connections refuse it; what a transport of the caller's lets through is not known."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = [(b"Content-Length", length.encode())]
        return httpx.Response(
            200, headers=headers, stream=httpx.ByteStream(b"" if request.method == "HEAD" else b"abc")
        )

    repository = twin.connect("my.azurecr.io", transport=httpx.MockTransport(answer)).repository("app")
    digest = acr.Digest.of(b"abc")
    assert repository.download_blob(digest).read() == b"abc"
    with pytest.raises(acr.ProtocolViolation, match="does not tell the size"):
        repository.blob(digest).head()


@pytest.mark.parametrize("content_type", ["application/vnd.é+json", "nothing", "a/b c", f"a/{'b' * 200}"])
def test_a_manifest_of_what_is_no_media_type_is_refused(twin: Twin, content_type: str) -> None:
    """No header has room for it, so it could not be put anywhere else."""
    body = json.dumps(ATTACHED).encode()
    answer = gives(head(len(body), f"Content-Type: {content_type}") + body)
    with Script(answer) as script, pytest.raises(acr.ProtocolViolation, match="expected a media type"):
        twin.connect(script.url, retries=ONCE).repository("app").manifest("v1").get()
    own = json.dumps({**ATTACHED, "mediaType": content_type}).encode()
    answer = gives(head(len(own), "Content-Type: application/json") + own)
    with Script(answer) as script, pytest.raises(acr.ProtocolViolation, match="expected a media type"):
        twin.connect(script.url, retries=ONCE).repository("app").manifest("v1").get()


def test_the_head_of_such_a_manifest_is_refused(twin: Twin) -> None:
    digest = acr.Digest.of(b"x")
    answer = gives(head(5, "Content-Type: a/b c", f"Docker-Content-Digest: {digest}"))
    with Script(answer) as script, pytest.raises(acr.ProtocolViolation, match="expected a media type"):
        twin.connect(script.url, retries=ONCE).repository("app").manifest("v1").head()


@pytest.mark.parametrize("subject", [{"a": 1}, 5, ["me"], None])
def test_an_identity_is_a_text(twin: Twin, subject: object) -> None:
    parts = (b'{"alg":"RS256"}', json.dumps({"sub": subject}).encode(), b"signature")
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    with OtherMake() as make:
        make.manners.realm = make.url
        access = twin.connect(make.url, acr.RefreshToken(token)).check()
    assert access.identity is None


def test_actions_are_texts() -> None:
    access: list[Any] = [{"type": "repository", "name": "a", "actions": [{"x": 1}, None, [[]], "pull"]}]
    assert actions_on(access, "repository", "a") == {"pull"}


def test_an_object_of_more_levels_than_can_be_written_is_no_manifest() -> None:
    value: object = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(acr.InvalidInput, match="cannot be written as JSON"):
        acr.Manifest.of({"a": value}, media_types.OCI_MANIFEST)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), object(), b"x", {1, 2}], ids=lambda value: type(value).__name__
)
def test_an_object_that_is_no_json_is_no_manifest(value: object) -> None:
    with pytest.raises(acr.InvalidInput, match="cannot be written as JSON"):
        acr.Manifest.of({"a": value}, media_types.OCI_MANIFEST)


@pytest.mark.parametrize("odd", ["NaN", "1e999", "-Infinity"])
def test_an_index_of_a_layout_with_what_json_does_not_hold_is_left_alone(tmp_path: Path, odd: str) -> None:
    """Python reads it, and would write what nobody else can read."""
    path = tmp_path / "index.json"
    path.write_text(f'{{"schemaVersion":2,"manifests":[],"x":{odd}}}')
    before = path.read_bytes()
    layout = acr.Layout(tmp_path)
    manifest = acr.Manifest.of(ATTACHED)
    layout.put(manifest)
    layout.tag(manifest.descriptor, "v1")
    with pytest.raises(acr.ProtocolViolation, match="cannot be written again"):
        layout.commit()
    assert path.read_bytes() == before
