"""What a row of the client's table is made of: a call, and what must come of it, read off the recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import unquote

import attrs
from acr_rest.types import AnyRequest as Request, Response

import acr
from acr._core.talk.scopes import repository as scopes_of
from acr._shells.stepping import run
from tests.recordings.recording import Entry, Recording
from tests.recordings.replay_server import ReplayServer
from tests.twin import Twin

T = TypeVar("T")
Expected = Callable[[Recording], object]


@attrs.define
class Scene:
    """A client that talks to a recording."""

    registry: acr.Registry
    recording: Recording
    server: ReplayServer
    twin: Twin
    _upload: acr.Upload | None = attrs.field(default=None, alias="upload")

    def repository(self, name: str) -> acr.Repository:
        """A repository."""
        return self.registry.repository(name)

    def item(self, index: int) -> str:
        """The digest that an entry's path ends in."""
        return unquote(self.recording.entries[index].url.path).rpartition("/")[2]

    def name(self, index: int) -> str:
        """The repository that an entry's reply is about."""
        name: str = self.recording.entries[index].reply.json["imageName"]
        return name

    def digest(self, index: int) -> str:
        """The digest of the tag in an entry's reply."""
        digest: str = self.recording.entries[index].reply.json["tag"]["digest"]
        return digest

    def body(self, index: int) -> bytes:
        """The body of an entry's request."""
        return self.recording.entries[index].body

    @property
    def upload(self) -> acr.Upload:
        """The upload that was started."""
        assert self._upload is not None
        return self._upload

    def start(self, repository: str) -> int:
        """Start an upload; gives how many bytes it has."""
        self._upload = self.repository(repository).start_upload()
        return self.upload.offset

    def write(self, index: int) -> int:
        """Upload the chunk of an entry; gives how many bytes the upload has then."""
        self.upload.write(self.body(index))
        return self.upload.offset

    def below(self, request: Request, parse: Callable[[Response], Any], repository: str, action: str) -> object:
        """Send a request that the facade refuses to make, through all that is below it."""
        session = self.registry._session
        pending = session.call(request, parse, scopes=scopes_of(repository, [action]))
        if self.twin.colour == "sync":
            return run(pending)
        assert self.twin._loop is not None
        return self.twin._loop.run_until_complete(pending)


@attrs.frozen
class Failed:
    """The registry answered with an error."""

    kind: str
    status: int
    errors: tuple[tuple[str, str, object], ...]


@attrs.frozen
class Refused:
    """The client did not even ask."""

    kind: str
    requests: int = 0


@attrs.frozen
class Step:
    """A call, and what must come of it."""

    call: Callable[[Scene], object]
    expected: Expected

    def outcome(self, scene: Scene) -> object:
        """What comes of the call: a value, or an error as a value."""
        before = scene.server.count
        try:
            return self.call(scene)
        except acr.InvalidInput as error:
            return Refused(type(error).__name__, scene.server.count - before)
        except acr.ResponseError as error:
            found = tuple((one.code, one.message, one.detail) for one in error.errors)
            return Failed(type(error).__name__, error.status, found)


def pages(listing: acr.Listing[T], most: int | None = None) -> list[tuple[list[T], str | None]]:
    """Items and continuation of each page, up to as many pages as the SDK's test took."""
    return [(list(page.items), page.continuation) for page in islice(listing.pages(), most)]


# ---- What must come of a call ----------------------------------------------------------------


def just(value: object) -> Expected:
    """A value that is in no reply."""
    return lambda _: value


def refused(kind: type[acr.InvalidInput]) -> Expected:
    """The client sees that it cannot be right."""
    return just(Refused(kind.__name__))


def error(index: int, kind: type[acr.ResponseError]) -> Expected:
    """The error of an entry's reply."""

    def expected(recording: Recording) -> Failed:
        reply = recording.entries[index].reply
        errors = reply.json["errors"] if reply.is_json else []
        found = tuple((one["code"], one["message"], one.get("detail")) for one in errors)
        return Failed(kind.__name__, reply.status, found)

    return expected


def tag(index: int) -> Expected:
    """The tag in an entry's reply."""
    return lambda recording: _tag(recording.entries[index], recording.entries[index].reply.json["tag"])


def manifest(index: int) -> Expected:
    """The properties of a manifest in an entry's reply."""
    return lambda recording: _manifest(recording.entries[index], recording.entries[index].reply.json["manifest"])


def repository(index: int) -> Expected:
    """The properties of a repository in an entry's reply."""

    def expected(recording: Recording) -> acr.RepositoryProperties:
        body = recording.entries[index].reply.json
        return acr.RepositoryProperties(
            name=body["imageName"],
            manifest_count=body["manifestCount"],
            tag_count=body["tagCount"],
            **_times(body),
            **_permissions(body),
        )

    return expected


def listed(*indices: int) -> Expected:
    """The pages of a listing, each an entry."""
    return lambda recording: [_page(recording.entries[index]) for index in indices]


def deleted(index: int) -> Expected:
    """What went with a repository."""

    def expected(recording: Recording) -> acr.DeletedRepository:
        body = recording.entries[index].reply.json
        return acr.DeletedRepository(manifests=body["manifestsDeleted"], tags=body["tagsDeleted"])

    return expected


def blob(index: int) -> Expected:
    """The bytes of an entry's reply."""
    return lambda recording: recording.entries[index].reply.body


def size(index: int) -> Expected:
    """How many bytes an upload has by the Range of an entry's reply."""
    return lambda recording: _end_of_range(recording.entries[index])


def descriptor(index: int, media_type: str, bytes_of: Sequence[int] = ()) -> Expected:
    """What an entry's reply announces: its digest, and its size or that of the requests that made it."""

    def expected(recording: Recording) -> acr.Descriptor:
        headers = recording.entries[index].reply.headers
        sent = sum(len(recording.entries[one].body) for one in bytes_of)
        return acr.Descriptor(
            media_type, acr.Digest(headers.get("docker-content-digest")), sent or int(headers.get("content-length"))
        )

    return expected


def content(index: int) -> Expected:
    """The manifest that is an entry's reply."""

    def expected(recording: Recording) -> acr.Manifest:
        reply = recording.entries[index].reply
        digest = acr.Digest(reply.headers.get("docker-content-digest"))
        return acr.Manifest(reply.body, reply.headers.get("content-type"), digest=digest)

    return expected


def token(index: int) -> Expected:
    """The access token of an entry's reply."""
    return lambda recording: recording.entries[index].reply.json["access_token"]


# ---- From the wire's words to ours, by hand --------------------------------------------------


def _page(entry: Entry) -> tuple[list[object], str | None]:
    body = entry.reply.json
    link = entry.reply.headers.get("link")
    items: Iterable[object] = body.get("repositories", ())
    if "tags" in body:
        items = (_tag(entry, one) for one in body["tags"])
    elif "manifests" in body:
        items = (_manifest(entry, one) for one in body["manifests"])
    return list(items), link[1:].partition(">")[0] if link else None


def _tag(entry: Entry, found: Mapping[str, Any]) -> acr.TagProperties:
    return acr.TagProperties(
        repository=entry.reply.json["imageName"],
        name=found["name"],
        digest=acr.Digest(found["digest"]),
        signed=found["signed"],
        **_times(found),
        **_permissions(found),
    )


def _manifest(entry: Entry, found: Mapping[str, Any]) -> acr.ManifestProperties:
    return acr.ManifestProperties(
        repository=entry.reply.json["imageName"],
        digest=acr.Digest(found["digest"]),
        size=found["imageSize"],
        media_type=found["mediaType"],
        config_media_type=found.get("configMediaType"),
        architecture=found.get("architecture"),
        os=found.get("os"),
        tags=tuple(found.get("tags", ())),
        related=tuple(
            acr.RelatedManifest(digest=acr.Digest(one["digest"]), architecture=one["architecture"], os=one["os"])
            for one in found.get("references", ())
        ),
        quarantine_state=found["changeableAttributes"].get("quarantineState"),
        quarantine_details=found["changeableAttributes"].get("quarantineDetails"),
        **_times(found),
        **_permissions(found),
    )


def _times(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "created": datetime.fromisoformat(found["createdTime"]),
        "updated": datetime.fromisoformat(found["lastUpdateTime"]),
    }


def _permissions(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"can_{verb}": found["changeableAttributes"][f"{verb}Enabled"] for verb in ("read", "write", "list", "delete")
    }


def _end_of_range(entry: Entry) -> int:
    last = int(entry.reply.headers.get("range").partition("-")[2])
    return last + 1 if last else 0
