"""What the emulator reads of what comes from outside, each as a function of bytes that tells whether it took them.

Most of it is tried through the whole registry, as its server calls it, without sockets. An answer of 2xx or 3xx means
taken, one of 4xx refused, and there must be no other.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import attrs
from starlette.requests import Request
from starlette.types import ASGIApp

from acr import media_types
from acr._values.digest import Digest
from acr.emulator import Emulator
from acr.emulator._access.gate import basic_credentials
from acr.emulator._routes.blob_routes import _mount_of
from acr.emulator._routes.storage import Storage
from acr.emulator._seeding import layout, recipe
from acr.emulator._server.application import Front, RegistryApplication
from acr.emulator._server.faults import Faults
from acr.emulator._server.records import Origin
from acr.emulator._store.items import NewManifest
from acr.emulator._wire import TICKS, read_numbered
from tests.fuzz import emulator_seeds as seeds

_NOT_IN_TARGETS: Final = re.compile(rb"[^\x21-\x7e]")
_NOT_IN_HEADERS: Final = re.compile(rb"[^\t\x20-\x7e\x80-\xff]")
_EVERYTHING: Final = ("repository:*:*", "registry:catalog:*")
_NOW: Final = 1_700_000_000


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def taken(self) -> bool:
        """Whether the input was taken.

        Raises:
            AssertionError: it was neither taken nor refused.
        """
        assert 200 <= self.status < 500, f"{self.status}: {self.body[:200]!r}"
        return self.status < 400


class Bench:
    """A registry with one repository, which is asked without sockets."""

    def __init__(self) -> None:
        self.emulator = Emulator(
            clock=lambda: float(_NOW), strict_entra=True, mount_challenge=True, manifests_by_number=True
        )
        registry = self.emulator._registry
        self._loop = asyncio.new_event_loop()
        self._registry = self._front(RegistryApplication(registry), "registry")
        self._storage = self._front(Storage(registry.content, registry.secret, self.emulator), "storage")
        identity = registry.tokens.sign_in(self.emulator.username, self.emulator.password)
        assert identity is not None
        self.service = "registry.test"
        self.refresh_token = registry.tokens.refresh(identity)
        form = f"service={self.service}&grant_type=refresh_token&refresh_token={self.refresh_token}"
        scopes = "".join(f"&scope={scope}" for scope in _EVERYTHING)
        token = json.loads(self.ask("POST", "/oauth2/token", body=f"{form}{scopes}".encode()).body)["access_token"]
        self._authorization = f"Bearer {token}".encode()
        for blob in seeds.BLOBS:
            self.add_blob(blob)
        for number, name in enumerate(("v1", "v2", "12.04")):
            self._add_tag(name, number)

    def _front(self, app: ASGIApp, origin: Origin) -> Front:
        return Front(app, origin, self.emulator, deque(maxlen=1), Faults(), lambda scope: None)

    def close(self) -> None:
        """Close what is open."""
        self.emulator.stop()
        self._loop.close()

    def ask(
        self,
        method: str,
        target: str | bytes,
        headers: Mapping[str, str | bytes] | None = None,
        body: bytes = b"",
        *,
        storage: bool = False,
    ) -> Answer:
        """Send a request, as far as a server lets it through."""
        raw = target if isinstance(target, bytes) else target.encode()
        path, _, query = _NOT_IN_TARGETS.sub(b"", raw).partition(b"?")
        given = {"host": self.service, "content-length": str(len(body)), **(headers or {})}
        pairs = [(name.encode(), _as_header(value)) for name, value in given.items()]
        if "authorization" not in given and hasattr(self, "_authorization") and not storage:
            pairs.append((b"authorization", self._authorization))
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path.decode()), "raw_path": path, "query_string": query, "root_path": "", "headers": pairs,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        return self._loop.run_until_complete(self._call(self._storage if storage else self._registry, scope, body))

    async def _call(self, app: Front, scope: dict[str, Any], body: bytes) -> Answer:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))

    def filled(self, data: bytes) -> bytes:
        """With what is good here in the places of REFRESH and PASSWORD."""
        password = self.emulator.password.encode()
        return data.replace(b"REFRESH", self.refresh_token.encode()).replace(b"PASSWORD", password)

    def add_blob(self, content: bytes) -> Digest:
        """Put a blob into the repository."""
        registry = self.emulator._registry
        upload = registry.uploads.start(seeds.NAME, 0)
        upload.write(content)
        digest = upload.digest("sha256")
        registry.uploads.complete(upload, digest)
        registry.metadata.add_blob(seeds.NAME, digest)
        return digest

    def _add_tag(self, name: str, number: int) -> None:
        content = json.dumps({"number": number}).encode()
        new = NewManifest(
            digest=Digest.of(content), media_type="application/x", content=content, image_size=0, architecture=None,
            os=None, config_media_type=None, artifact_type=None, subject=None, annotations={},
        )  # fmt: skip
        self.emulator._registry.metadata.put_manifest(seeds.NAME, new, name, (_NOW + number) * TICKS)


def _as_header(value: str | bytes) -> bytes:
    return _NOT_IN_HEADERS.sub(b"", value if isinstance(value, bytes) else value.encode()).strip()


def manifest(bench: Bench, data: bytes) -> bool:
    """A manifest is pushed. What was taken is then served in each way that there is."""
    taken = False
    for kind in (media_types.OCI_MANIFEST, media_types.OCI_INDEX, media_types.DOCKER_MANIFEST, "application/x"):
        pushed = bench.ask("PUT", f"/v2/{seeds.NAME}/manifests/new", {"content-type": kind}, data)
        if not pushed.taken:
            continue
        taken = True
        digest = pushed.headers["docker-content-digest"]
        assert bench.ask("GET", f"/v2/{seeds.NAME}/manifests/{digest}").body == data
        for path in (f"/v2/{seeds.NAME}/manifests/new", f"/v2/{seeds.NAME}/referrers/{seeds.SUBJECT}"):
            assert bench.ask("GET", path).status in (200, 404)
        for path in ("", f"/_manifests/{digest}", "/_manifests"):
            json.loads(bench.ask("GET", f"/acr/v1/{seeds.NAME}{path}").body)
        assert bench.ask("DELETE", f"/v2/{seeds.NAME}/manifests/{digest}").status == 202
    return taken


def config(bench: Bench, data: bytes) -> bool:
    """The config of an image tells its platform."""
    descriptor = {"mediaType": media_types.OCI_CONFIG, "digest": bench.add_blob(data), "size": len(data)}
    body = json.dumps({"schemaVersion": 2, "config": descriptor}).encode()
    pushed = bench.ask("PUT", f"/v2/{seeds.NAME}/manifests/new", {"content-type": media_types.OCI_MANIFEST}, body)
    assert pushed.taken
    digest = pushed.headers["docker-content-digest"]
    told = json.loads(bench.ask("GET", f"/acr/v1/{seeds.NAME}/_manifests/{digest}").body)["manifest"]
    bench.ask("DELETE", f"/v2/{seeds.NAME}/manifests/{digest}")
    return "architecture" in told


def changes(bench: Bench, data: bytes) -> bool:
    """A PATCH of locks. It is undone, or all that follows would be refused."""
    answer = bench.ask("PATCH", f"/acr/v1/{seeds.NAME}/_tags/v1", {"content-type": "application/json"}, data)
    undo = json.dumps(dict.fromkeys(("deleteEnabled", "writeEnabled", "readEnabled", "listEnabled"), True)).encode()
    assert bench.ask("PATCH", f"/acr/v1/{seeds.NAME}/_tags/v1", body=undo).status == 200
    return answer.taken


def form(bench: Bench, data: bytes) -> bool:
    """A form for the token endpoints."""
    body = bench.filled(data)
    statuses = [bench.ask("POST", path, body=body).taken for path in ("/oauth2/exchange", "/oauth2/token")]
    return any(statuses)


def login(bench: Bench, data: bytes) -> bool:
    """An Authorization header, at the token endpoint and at the API: it is taken if it names a user and a password."""
    scheme, _, rest = bench.filled(data).partition(b" ")
    sent = b"Basic " + base64.b64encode(rest) if scheme == b"login" else scheme + b" " + rest
    query = f"/oauth2/token?service={bench.service}&scope=repository:a:pull"
    statuses = [bench.ask("GET", target, {"authorization": sent}).taken for target in (query, "/v2/")]
    return any(statuses) or basic_credentials(sent.decode("latin-1")) is not None


def entra(bench: Bench, data: bytes) -> bool:
    """The claims of an Entra token of another maker, with a signature that nobody can verify."""
    head, _, claims = data.partition(b"\n")
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (head, claims, b"signature"))
    token = quote(".".join(parts))
    body = f"service={bench.service}&grant_type=access_token&access_token={token}"
    return bench.ask("POST", "/oauth2/exchange", body=body.encode()).taken


def listing(bench: Bench, data: bytes) -> bool:
    """The query of a listing."""
    paths = [f"/acr/v1/{seeds.NAME}/_tags", f"/acr/v1/{seeds.NAME}/_manifests", "/acr/v1/_catalog", "/v2/_catalog",
             f"/v2/{seeds.NAME}/tags/list", f"/v2/{seeds.NAME}/referrers/{seeds.SUBJECT}"]  # fmt: skip
    answers = [bench.ask("GET", path.encode() + b"?" + data.replace(b"?", b"")) for path in paths]
    for answer in answers:
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
        assert link is None or bench.ask("GET", link[1]).status == 200
    statuses = [answer.taken for answer in answers]
    return all(statuses)


def number(bench: Bench, data: bytes) -> bool:
    """The `last` of a listing by time."""
    text = data.decode(errors="replace")
    return read_numbered(text, newest=True) is not None and read_numbered(text, newest=False) is not None


def scope(bench: Bench, data: bytes) -> bool:
    """The scopes that a token is asked for."""
    target = f"/oauth2/token?service={bench.service}&scope={quote(data)}"
    answer = bench.ask("GET", target, {"authorization": _basic(bench)})
    payload = json.loads(answer.body)["access_token"].split(".")[1]
    return bool(json.loads(base64.urlsafe_b64decode(payload + "=="))["access"])


def chunk(bench: Bench, data: bytes) -> bool:
    """The Content-Range of a chunk, which is as long as the range says if that is not too long."""
    location = bench.ask("POST", f"/v2/{seeds.NAME}/blobs/uploads/").headers["location"]
    last = data.rpartition(b"-")[2]
    body = bytes(min(int(last), 9_999) + 1 if last.isdigit() and len(last) < 20 else 10)
    answer = bench.ask("PATCH", location, {"content-range": data}, body)
    assert bench.ask("DELETE", location).status == 204
    return answer.taken


def upload_query(bench: Bench, data: bytes) -> bool:
    """The query with which an upload is ended; STATE stands for the newest state.

    It is taken, too, if the content has another digest than it names.
    """
    location = bench.ask("POST", f"/v2/{seeds.NAME}/blobs/uploads/").headers["location"]
    path, _, query = location.partition("?")
    filled = data.replace(b"STATE", query.encode()).replace(b"?", b"")
    answer = bench.ask("PUT", path.encode() + b"?" + filled, body=seeds.BLOBS[0])
    if not answer.taken:
        assert bench.ask("DELETE", location).status in (204, 404)
    return answer.taken or b"content does not match digest" in answer.body


def mount(bench: Bench, data: bytes) -> bool:
    """The query of a mount. It is taken if it names a blob and a repository; those need not be there."""
    answer = bench.ask("POST", b"/v2/elsewhere/blobs/uploads/?" + data.replace(b"?", b""))
    if answer.status == 202:
        assert bench.ask("DELETE", answer.headers["location"]).status == 204
    assert answer.taken
    query = _NOT_IN_TARGETS.sub(b"", data.replace(b"?", b""))
    wanted = _mount_of(Request({"type": "http", "query_string": query, "headers": []}))
    assert answer.status == 202 or wanted is not None
    return wanted is not None


def path(bench: Bench, data: bytes) -> bool:
    """The path of a request, with each method that some operation has. It is taken if it leads to one of them."""
    answers = [bench.ask(method, b"/" + data.replace(b"?", b"")) for method in ("GET", "HEAD", "POST")]
    return any(answer.taken or answer.body.startswith(b'{"errors":') for answer in answers)


def host(bench: Bench, data: bytes) -> bool:
    """The Host of a request, which the challenge repeats, and the place of a blob: it is taken if the blob has one."""
    assert bench.ask("GET", "/v2/", {"host": data, "authorization": ""}).status == 401
    answer = bench.ask("GET", f"/v2/{seeds.NAME}/blobs/{seeds.LAYER}", {"host": data})
    place = urlsplit(answer.headers["location"])
    return answer.taken and place.port == bench.emulator._registry.storage_port


def accept(bench: Bench, data: bytes) -> bool:
    """The Accept of a GET of an image by tag."""
    body = seeds.IMAGE
    bench.ask("PUT", f"/v2/{seeds.NAME}/manifests/image", {"content-type": media_types.OCI_MANIFEST}, body)
    return bench.ask("GET", f"/v2/{seeds.NAME}/manifests/image", {"accept": data}).taken


def stored(bench: Bench, data: bytes) -> bool:
    """The Range of a download, and what is signed of its URL; SIGNED stands for the path and query of one."""
    target, _, wanted = data.partition(b"\n")
    place = urlsplit(bench.ask("GET", f"/v2/{seeds.NAME}/blobs/{seeds.LAYER}").headers["location"])
    filled = target.replace(b"SIGNED", f"{place.path}?{place.query}".encode())
    return bench.ask("GET", filled, {"range": wanted}, storage=True).taken


def seed_recipe(bench: Bench, data: bytes) -> bool:
    """A recipe of what a registry begins with."""
    try:
        return bool(recipe.parse(data.decode()))
    except ValueError:
        return False


def seed_layout(bench: Bench, data: bytes) -> bool:
    """The index of an OCI image layout."""
    try:
        return bool(layout.descriptors(data, "index.json"))
    except ValueError:
        return False


def _basic(bench: Bench) -> str:
    login = f"{bench.emulator.username}:{bench.emulator.password}"
    return f"Basic {base64.b64encode(login.encode()).decode()}"


Parser = Callable[[Bench, bytes], bool]

PARSERS: Final[dict[Parser, tuple[bytes, ...]]] = {
    manifest: seeds.MANIFESTS,
    config: seeds.CONFIGS,
    changes: seeds.CHANGES,
    form: seeds.FORMS,
    login: seeds.LOGINS,
    entra: seeds.ENTRA,
    listing: seeds.LISTINGS,
    number: seeds.NUMBERS,
    scope: seeds.SCOPES,
    chunk: seeds.CHUNKS,
    upload_query: seeds.UPLOAD_QUERIES,
    mount: seeds.MOUNTS,
    path: seeds.PATHS,
    host: seeds.HOSTS,
    accept: seeds.ACCEPTS,
    stored: seeds.STORED,
    seed_recipe: seeds.RECIPES,
    seed_layout: seeds.LAYOUTS,
}
"""Each with its seeds."""
