"""What a registry must have held for a recording to have come about: read off its replies, and put into an emulator.

It is put there by way of the emulator's store, since most recordings name manifests and blobs by digests whose content
they do not have: what stands in for that content has the recorded digest, size and times, and not its bytes.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

import attrs

from acr import media_types
from acr._values.digest import Digest
from acr.emulator import Emulator
from acr.emulator._store.items import NewManifest
from acr.emulator._wire import TICKS
from tests.recordings.recording import Entry, Recording

_LONG_AGO: Final = 1_600_000_000 * TICKS
_METADATA: Final = re.compile(r"/acr/v1/(?P<name>.+?)(?:/(?P<kind>_tags|_manifests)(?:/(?P<item>.+))?)?")
_CONTENT: Final = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<item>[^/]+)")
_UPLOAD: Final = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/.*")
_CONFIG: Final = json.dumps({"architecture": "amd64", "os": "linux"}).encode()


@attrs.define
class _Repository:
    """A repository: manifests and blobs by digest, and tags with what they point at and since when."""

    manifests: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    tags: dict[str, tuple[str, int]] = attrs.field(factory=dict)
    blobs: dict[str, bytes] = attrs.field(factory=dict)
    times: tuple[int, int] | None = None
    counts: tuple[int, int] = (1, 0)

    def add_manifest(self, digest: str, **facts: Any) -> None:
        """Add a manifest, or what else is known of one."""
        self.manifests.setdefault(digest, {}).update(facts)

    def add_tag(self, tag: dict[str, Any]) -> None:
        """Add a tag and what it points at; what was first told of it holds."""
        digest, since = self.tags.get(tag["name"], (tag["digest"], _LONG_AGO))
        self.tags[tag["name"]] = digest, ticks(tag.get("createdTime")) if since == _LONG_AGO else since
        self.add_manifest(digest)


def seed(emulator: Emulator, recording: Recording) -> None:
    """Put into an emulator what the registry held when the recording began."""
    for name, repository in _State(recording).repositories.items():
        _fill_up(repository)
        _put(emulator, name, repository)


def ticks(text: str | None) -> int:
    """A time of ACR's as the emulator keeps it, exactly; long ago where nothing is known.

    >>> ticks("1970-01-01T00:00:01.0000002Z")
    10000002
    """
    if text is None:
        return _LONG_AGO
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * TICKS + int(fraction.ljust(7, "0"))


class _State:
    def __init__(self, recording: Recording) -> None:
        self.repositories: dict[str, _Repository] = {}
        self._made: set[str] = set()
        self._asked = {entry.target for entry in recording.entries}
        for entry in recording.answers:
            self._learn(entry)

    def _of(self, name: str) -> _Repository:
        return self.repositories.setdefault(name, _Repository())

    def _learn(self, entry: Entry) -> None:
        path = unquote(entry.url.path)
        if path == "/acr/v1/_catalog" and entry.reply.status == 200:
            for name in entry.reply.json["repositories"]:
                self._of(name)
        elif match := _UPLOAD.fullmatch(path):
            if entry.reply.status == 201:
                self._made.add(entry.reply.headers.get("docker-content-digest"))
        elif match := _CONTENT.fullmatch(path):
            self._learn_content(entry, *match.group("name", "kind", "item"))
        elif match := _METADATA.fullmatch(path):
            self._learn_metadata(entry, *match.group("name", "kind", "item"))

    def _learn_content(self, entry: Entry, name: str, kind: str, item: str) -> None:
        reply = entry.reply
        if reply.status >= 400 or item in self._made:
            return
        repository = self._of(name)
        if kind == "blobs":
            repository.blobs[item] = reply.body or bytes(int(reply.headers.get("content-length")))
            return
        if entry.method == "PUT":
            manifest = json.loads(entry.body)
            repository.blobs[manifest["config"]["digest"]] = _CONFIG.ljust(manifest["config"]["size"])
            repository.blobs |= {layer["digest"]: bytes(layer["size"]) for layer in manifest["layers"]}
            return
        digest = reply.headers.get("docker-content-digest") or item
        if entry.method == "GET":
            repository.add_manifest(digest, content=reply.body, mediaType=reply.headers.get("content-type"))
        else:
            repository.add_manifest(digest)
        if item != digest:
            repository.add_tag({"name": item, "digest": digest})

    def _learn_metadata(self, entry: Entry, name: str, kind: str | None, item: str | None) -> None:
        if b'"NAME_UNKNOWN"' in entry.reply.body or entry.reply.headers.get("content-type").startswith("text/plain"):
            return
        repository = self._of(name)
        if entry.reply.status >= 400:
            return  # there is no such tag, yet the repository is there
        if entry.method == "DELETE" and item is not None:
            digest = entry.reply.headers.get("x-ms-int-docker-content-digest")
            repository.add_tag({"name": item, "digest": digest})
            return
        body = entry.reply.json
        if entry.method == "DELETE":
            for digest in body["manifestsDeleted"]:
                repository.add_manifest(digest)
            for tag in body["tagsDeleted"]:
                repository.add_tag({"name": tag, "digest": body["manifestsDeleted"][0]})
        elif kind is None:
            repository.times = ticks(body["createdTime"]), ticks(body["lastUpdateTime"])
            repository.counts = body["manifestCount"], body["tagCount"]
        elif kind == "_tags":
            for tag in body["tags"] if item is None else [body["tag"]]:
                repository.add_tag(tag)
        else:
            for manifest in body["manifests"] if item is None else [body["manifest"]]:
                repository.add_manifest(**manifest)
                for tag in manifest.get("tags", ()):
                    repository.add_tag({"name": tag, "digest": manifest["digest"]})
        if self._goes_on(entry):
            self._add_one_more(repository, kind)

    def _goes_on(self, entry: Entry) -> bool:
        """Whether a listing has a page that the recording did not ask for."""
        link = entry.reply.headers.get("link")
        return bool(link) and link[1:].partition(">")[0] not in self._asked

    def _add_one_more(self, repository: _Repository, kind: str | None) -> None:
        last = max(repository.manifests)
        if kind == "_tags":
            repository.add_tag({"name": f"{max(repository.tags)}-next", "digest": last})
        else:
            repository.add_manifest(_made_up(15))


def _fill_up(repository: _Repository) -> None:
    """Add manifests and tags that were counted but never named; one manifest at least, or there is no repository."""
    manifests, tags = repository.counts
    for number in range(len(repository.manifests), manifests):
        repository.add_manifest(_made_up(number))
    for number in range(len(repository.tags), tags):
        repository.add_tag({"name": f"made-up-{number}", "digest": next(iter(repository.manifests))})


def _made_up(number: int) -> str:
    return f"sha256:{number:x}".ljust(7 + 64, f"{number:x}")


def _put(emulator: Emulator, name: str, repository: _Repository) -> None:
    store, content = emulator._registry.metadata, emulator._registry.content
    manifests = {digest: _manifest(digest, facts) for digest, facts in repository.manifests.items()}
    first, last = repository.times or (_LONG_AGO, _LONG_AGO)
    for digest, manifest in manifests.items():
        created = repository.manifests[digest].get("createdTime")
        store.put_manifest(name, manifest, None, first if created is None else ticks(created))
    for tag, (digest, created) in repository.tags.items():
        store.put_manifest(name, manifests[digest], tag, created)
    store.put_manifest(name, next(iter(manifests.values())), None, last)
    for blob, data in repository.blobs.items():
        draft = content.draft()
        draft.write(data)
        content.keep(draft, Digest(blob))
        store.add_blob(name, Digest(blob))


def _manifest(digest: str, facts: dict[str, Any]) -> NewManifest:
    content = facts.get("content")
    if content is None:  # an index lists what its metadata lists
        children = [{"digest": one["digest"], "platform": one} for one in facts.get("references", [])]
        content = json.dumps({"manifests": children}).encode()
    return NewManifest(
        digest=Digest(digest),
        media_type=facts.get("mediaType", media_types.DOCKER_MANIFEST),
        content=content,
        image_size=facts.get("imageSize", 0),
        architecture=facts.get("architecture"),
        os=facts.get("os"),
        config_media_type=facts.get("configMediaType"),
        artifact_type=None,
        subject=None,
        annotations={},
    )
