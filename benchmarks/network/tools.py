"""How each client is told to do a job, each at its defaults: the whole process is what is measured."""

from __future__ import annotations

import compileall
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs

from benchmarks.network.building import go_program
from benchmarks.programs import ROOT, find, limit, need

Command: TypeAlias = "list[str | Path]"
Verb = Literal["blob", "pull", "push", "copy", "artifact", "first", "tags"]

_HERE: Final = Path(__file__).parent


@attrs.frozen
class Task:
    """What a client is told to do.

    Args:
        verb: what.
        host: the registry.
        repository: in it.
        path: of the layout that is pushed, or of what is made here.
        digest: of the blob.
        size: of the blob.
        other: the registry that is copied to.
        target: the repository there.
        files: of an artifact.
        token: an access token, for programs that know no login.
        storage: where the blob is, for programs that know no registry.
        certificate: of all hosts.
    """

    verb: Verb
    host: str
    repository: str
    path: Path = Path()
    digest: str = ""
    size: int = 0
    other: str = ""
    target: str = ""
    files: tuple[Path, ...] = ()
    token: str = attrs.field(default="", repr=False)
    storage: str = ""
    certificate: Path = Path()

    @property
    def name(self) -> str:
        """Of the repository, with its registry."""
        return f"{self.host}/{self.repository}"

    @property
    def source(self) -> str:
        """Of the image."""
        return f"{self.name}:v1"

    @property
    def copied(self) -> str:
        """Of its copy."""
        return f"{self.other}/{self.target}:v1"

    @property
    def arguments(self) -> Command:
        """Of our own scripts."""
        match self.verb:
            case "blob":
                more: Command = [self.digest, self.path]
            case "pull" | "push":
                more = [self.path]
            case "copy":
                more = [self.other, self.target]
            case "artifact":
                more = [*self.files]
            case _:
                more = []
        return [self.verb, self.host, self.repository, *more]


Tool: TypeAlias = "Callable[[Task], Command | None]"
"""The command of a task; None if the client has no such job. Raises Missing if it is not here."""


def ours(tree: Path = ROOT) -> Tool:
    """This project, or another state of it. Its modules are compiled, as an installer does it."""
    for package in ("acr", "generated"):
        compileall.compile_dir(tree / package, quiet=1)

    def command(task: Task) -> Command:
        paths = f"{tree}:{tree / 'generated'}"
        return ["env", f"PYTHONPATH={paths}", sys.executable, _HERE / "ours.py", *task.arguments]

    return command


def crane(task: Task) -> Command | None:
    """Crane."""
    program = find("crane")
    match task.verb:
        case "blob":
            return _into(task.path, program, "blob", f"{task.name}@{task.digest}")
        case "pull":
            return [program, "pull", "--format=oci", task.source, task.path]
        case "push":
            return [program, "push", task.path, task.source]
        case "copy":
            return [program, "copy", task.source, task.copied]
        case "first":
            return [program, "digest", task.source]
        case "tags":
            return [program, "ls", task.name]
    return None


def oras(*options: str) -> Tool:
    """oras, with options of its copy."""

    def command(task: Task) -> Command | None:
        program = find("oras")
        match task.verb:
            case "pull":
                return [program, "cp", *options, task.source, "--to-oci-layout", f"{task.path}:v1"]
            case "push":
                return [program, "cp", *options, "--from-oci-layout", f"{task.path}:v1", task.source]
            case "copy":
                return [program, "cp", *options, task.source, task.copied]
        return None if options else _oras_alone(program, task)

    return command


def _oras_alone(program: Path, task: Task) -> Command | None:
    match task.verb:
        case "blob":
            return [program, "blob", "fetch", "--output", task.path, f"{task.name}@{task.digest}"]
        case "artifact":
            kind = ["--artifact-type", "application/vnd.bench"]
            return [program, "push", "--disable-path-validation", *kind, task.source, *task.files]
        case "first":
            return [program, "resolve", task.source]
        case "tags":
            return [program, "repo", "tags", task.name]
    return None


def regctl(task: Task) -> Command | None:
    """Regctl."""
    program = find("regctl")
    match task.verb:
        case "blob":
            return _into(task.path, program, "blob", "get", task.name, task.digest)
        case "pull":
            return [program, "image", "copy", task.source, f"ocidir://{task.path}:v1"]
        case "push":
            return [program, "image", "copy", f"ocidir://{task.path}:v1", task.source]
        case "copy":
            return [program, "image", "copy", task.source, task.copied]
        case "artifact":
            media_type = "application/octet-stream"
            files = [word for file in task.files for word in ("--file-media-type", media_type, "--file", file)]
            kind = ["--artifact-type", "application/vnd.bench", "--file-title", "--strip-dirs"]
            return [program, "artifact", "put", *kind, *files, task.source]
        case "first":
            return [program, "image", "digest", task.source]
        case "tags":
            return [program, "tag", "ls", task.name]


_REMEMBERED: Final = "/var/lib/containers"
"""Where skopeo keeps what it knows, if root runs it."""


def skopeo(task: Task) -> Command | None:
    """Skopeo. It copies images, and a blob only as the one layer of an image.

    It remembers where blobs are, in a file of the machine's. Then it mounts what it should push: the pulls before have
    told it where. So it gets a place of its own for that, which is empty each time.
    """
    program = find("skopeo")
    match task.verb:
        case "blob" | "pull":
            places = [f"docker://{task.source}", f"oci:{task.path}:v1"]
        case "push":
            places = [f"oci:{task.path}:v1", f"docker://{task.source}"]
        case "copy":
            places = [f"docker://{task.source}", f"docker://{task.copied}"]
        case "tags":
            return [program, "list-tags", f"docker://{task.name}"]
        case _:
            return None
    forgetful = f'mkdir -p {_REMEMBERED} && mount -t tmpfs tmpfs {_REMEMBERED} && exec "$@"'
    alone = ["unshare", "--mount", "sh", "-c", forgetful, "sh"]
    return [*alone, program, "--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests", *places]


def microsoft(task: Task) -> Command | None:
    """Microsoft's SDK. It copies nothing."""
    need("azure.containerregistry")
    if task.verb == "copy" or (task.verb in {"pull", "push"} and _is_index(task)):
        return None
    return [sys.executable, _HERE / "microsoft.py", *task.arguments]


def go_module(task: Task) -> Command | None:
    """The Go module azcontainerregistry."""
    if task.verb not in {"blob", "first", "tags"}:
        return None
    return [go_program("gomodule"), *task.arguments]


def curl(task: Task) -> Command | None:
    """curl, with a token from the beginning: it verifies nothing."""
    if task.verb != "blob":
        return None
    login = f"Authorization: Bearer {task.token}"
    return [
        find("curl"),
        "-sSfL",
        "-H",
        login,
        "-o",
        task.path,
        f"https://{task.host}/v2/{task.repository}/blobs/{task.digest}",
    ]


_PIECES: Final = 8


def curls(task: Task) -> Command | None:
    """Several curls, each with a range of its own, straight from the storage: what the line can give."""
    if task.verb != "blob":
        return None
    url, step = f"https://{task.storage}/store/{task.digest}?sig=x", -(-task.size // _PIECES)
    each = [
        f"'{find('curl')}' -sSf -r {at}-{min(at + step, task.size) - 1} -o '{task.path}.{at}' '{url}' &"
        for at in range(0, task.size, step)
    ]
    return ["sh", "-c", "\n".join([*each, "wait"])]


def c_program(task: Task) -> Command | None:
    """A program in C that hashes and writes: one connection, straight from the storage."""
    if task.verb != "blob":
        return None
    place: Command = [task.storage, "443", f"/store/{task.digest}?sig=x"]
    return [limit("download"), "--tls", task.certificate, "--file", task.path, *place]


TOOLS: Final[Mapping[str, Tool]] = {
    "crane": crane,
    "oras": oras(),
    "oras, 16 at once": oras("--concurrency", "16"),
    "regctl": regctl,
    "skopeo": skopeo,
    "Microsoft": microsoft,
    "Go module": go_module,
    "curl": curl,
    "limit: C, one connection": c_program,
    "limit: 8 curls, a range each": curls,
}
"""All but ours, in the order of the tables."""

ONCE: Final = frozenset({"skopeo", "Microsoft"})
"""Who is measured once only, since it takes long."""


def _into(path: Path, *command: str | Path) -> Command:
    """A command whose output goes into a file."""
    return ["sh", "-c", 'out=$1; shift; exec "$@" >"$out"', "sh", path, *command]


def _is_index(task: Task) -> bool:
    return task.path.name.endswith("index")


def environment(folder: Path, certificate: Path) -> Command:
    """Makes a command one that trusts the certificate, and has the login in a folder."""
    login = folder / "config.json"
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    trusted = [f"{name}={certificate}" for name in names]
    return ["env", *trusted, f"DOCKER_CONFIG={folder}", f"REGISTRY_AUTH_FILE={login}"]
