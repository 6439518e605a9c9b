"""The workloads that move blobs and images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from benchmarks import content
from benchmarks.clients.job import NULL
from benchmarks.measuring import Figures, Run, Workload, client, run, whole
from benchmarks.nginx import BIG
from benchmarks.programs import find, limit, need
from benchmarks.servers import Sink, distribution, sink
from benchmarks.stage import Stage

AT_ONCE: Final = 4
"""Transfers at a time, where several go in parallel."""


def workloads(stage: Stage) -> list[Workload]:
    """All of them, in the order in which they are measured."""
    mib = stage.scale.mib
    blob = f"{mib} MiB"
    layers = f"an image of 8 layers of {stage.scale.layer // content.MIB} MiB"
    small = f"an image of {stage.scale.layers} layers of 64 KiB"
    return [
        Workload("download", f"Download {blob} and verify, not stored, HTTP, nginx", "MiB", lambda: _download(stage)),
        Workload(
            "download-tls", f"Download {blob} and verify, not stored, TLS, nginx", "MiB", lambda: _download_tls(stage)
        ),
        Workload(
            "download-guarded",
            f"Download {blob} and verify, not stored, TLS, tokens and a redirect as ACR has them, nginx",
            "MiB",
            lambda: _download_guarded(stage),
        ),
        Workload(
            "download-file", f"Download {blob} into a file on tmpfs, HTTP, nginx", "MiB", lambda: _download_file(stage)
        ),
        Workload("upload", f"Upload {blob} with digest to the sink, HTTP", "MiB", lambda: _upload(stage)),
        Workload(
            "upload-distribution",
            f"Upload {blob} with digest from a file to distribution, its store on tmpfs, HTTP",
            "MiB",
            lambda: _upload_distribution(stage),
        ),
        Workload("pull", f"Pull {layers} from distribution to tmpfs", "", lambda: _pull(stage, stage.image_of_8)),
        Workload("push", f"Push {layers} to distribution on tmpfs", "", lambda: _push(stage, stage.image_of_8)),
        Workload("pull-small", f"Pull {small} from distribution", "", lambda: _pull(stage, stage.image_of_200)),
        Workload("push-small", f"Push {small} to distribution", "", lambda: _push(stage, stage.image_of_200)),
        Workload(
            "parallel", f"{AT_ONCE} transfers of {blob} at once: memory at the peak", "MiB", lambda: _parallel(stage)
        ),
    ]


def place(url: str) -> tuple[str, str]:
    """Host and port of a server, for programs that take them apart."""
    parts = urlsplit(url)
    return str(parts.hostname), str(parts.port)


def _registry(url: str, repository: str) -> str:
    return f"{urlsplit(url).netloc}/{repository}"


def _needing(module: str, then: Run) -> Run:
    """A subject that needs a Python package."""

    def checked() -> Figures:
        need(module)
        return then()

    return checked


@contextmanager
def _download(stage: Stage) -> Iterator[Mapping[str, Run]]:
    blob, url = stage.blob, stage.nginx.http
    path = f"/v2/{BIG}/blobs/{blob.digest}"

    def by(name: str, verb: str = "download", target: Path | None = None) -> Run:
        return lambda: run(client(name, verb, url, BIG, digest=blob.digest, path=target))

    yield {
        "limit": lambda: run([limit("download"), *place(url), path], digest=blob.digest),
        "acr": by("ours"),
        "acr, file object": by("ours", target=NULL),
        "acr async": by("ours_async"),
        "httpx": by("plain_httpx"),
        "httpx async": by("plain_httpx", "async-download"),
        "Microsoft": _needing("azure.containerregistry", by("microsoft")),
        "oras-py": _needing("oras", by("oras_python")),
    }


@contextmanager
def _download_tls(stage: Stage) -> Iterator[Mapping[str, Run]]:
    blob, server = stage.blob, stage.nginx
    path = f"/v2/{BIG}/blobs/{blob.digest}"

    def by(name: str, verb: str = "download") -> Run:
        command = client(name, verb, server.tls, BIG, digest=blob.digest, certificate=server.certificate)
        return lambda: run(command)

    yield {
        "limit": lambda: run(
            [limit("download"), "--tls", server.certificate, *place(server.tls), path], digest=blob.digest
        ),
        "acr": by("ours"),
        "acr async": by("ours_async"),
        "httpx": by("plain_httpx"),
        "Microsoft": _needing("azure.containerregistry", by("microsoft")),
    }


@contextmanager
def _download_guarded(stage: Stage) -> Iterator[Mapping[str, Run]]:
    blob, server = stage.blob, stage.nginx

    def by(name: str) -> Run:
        command = client(
            name, "download", server.guarded, BIG, digest=blob.digest, certificate=server.certificate, signs_in=True
        )
        return lambda: run(command)

    yield {
        "acr": by("ours"),
        "Microsoft": _needing("azure.containerregistry", by("microsoft")),
    }


@contextmanager
def _download_file(stage: Stage) -> Iterator[Mapping[str, Run]]:
    blob, url = stage.blob, stage.nginx.http
    source = f"/v2/{BIG}/blobs/{blob.digest}"
    reference = _registry(url, BIG)
    assert stage.big_image

    def into(command: Callable[[Path], Sequence[str | Path]]) -> Run:
        def measured() -> Figures:
            with stage.scratch() as target:
                return run(command(target), digest=blob.digest)

        return measured

    def by(name: str) -> Callable[[Path], list[str]]:
        return lambda target: client(name, "download", url, BIG, digest=blob.digest, path=target)

    yield {
        "limit": into(lambda target: [limit("download"), "--file", target, *place(url), source]),
        "acr": into(by("ours")),
        "acr async": into(by("ours_async")),
        "acr, whole process": into(lambda target: whole(by("ours")(target))),
        "Microsoft": _needing("azure.containerregistry", into(by("microsoft"))),
        "oras-py": _needing("oras", into(by("oras_python"))),
        "skopeo": into(lambda target: _skopeo(f"docker://{reference}:v1", f"dir:{target}", "--src-tls-verify=false")),
        "oras": into(
            lambda target: whole(
                [find("oras"), "blob", "fetch", "--plain-http", "--output", target, f"{reference}@{blob.digest}"]
            )
        ),
    }


@contextmanager
def _upload(stage: Stage) -> Iterator[Mapping[str, Run]]:
    blob = stage.blob
    with sink(stage.folder / "sink") as server:

        def by(name: str, *, memory: bool = False) -> Run:
            return lambda: _counted(server, client(name, "upload", server.url, BIG, path=blob.path, memory=memory))

        def at_the_limit(*options: str) -> Run:
            return lambda: run([limit("upload"), *options, *place(server.url), BIG, blob.path], digest=blob.digest)

        yield {
            "limit": at_the_limit(),
            "limit, memory": at_the_limit("--memory"),
            "acr": by("ours"),
            "acr, memory": by("ours", memory=True),
            "acr async": by("ours_async"),
            "httpx": by("plain_httpx"),
            "Microsoft": _needing("azure.containerregistry", by("microsoft")),
        }


def _counted(server: Sink, command: Sequence[str | Path]) -> Figures:
    """Run an upload, and say how many times its bytes were sent."""
    before = server.received()
    figures = run(command)
    return attrs.evolve(figures, more={**figures.more, "sent": (server.received() - before) / figures.count})


@contextmanager
def _upload_distribution(stage: Stage) -> Iterator[Mapping[str, Run]]:
    blob, image = stage.blob, stage.big_image

    def by(name: str) -> Callable[[str], list[str]]:
        return lambda url: client(name, "upload", url, BIG, path=blob.path)

    yield {
        "acr": _into_new(stage, by("ours")),
        "acr async": _into_new(stage, by("ours_async")),
        "acr, whole process": _into_new(stage, lambda url: whole(by("ours")(url))),
        "httpx": _into_new(stage, by("plain_httpx")),
        "Microsoft": _needing("azure.containerregistry", _into_new(stage, by("microsoft"))),
        "oras-py": _needing("oras", _into_new(stage, by("oras_python"))),
        "skopeo": _into_new(stage, lambda url: _skopeo_push(image, _registry(url, BIG))),
    }


def _into_new(stage: Stage, command: Callable[[str], Sequence[str | Path]]) -> Run:
    """A push into a registry that has nothing yet: into another one, what it has would not be sent again."""

    def measured() -> Figures:
        with stage.scratch() as folder, distribution(folder) as url:
            return run(command(url))

    return measured


@contextmanager
def _pull(stage: Stage, image: Path) -> Iterator[Mapping[str, Run]]:
    with stage.scratch() as folder, distribution(folder) as url:
        content.push(image, url, "image")
        reference = f"{_registry(url, 'image')}:v1"

        def into(command: Callable[[Path], Sequence[str | Path]]) -> Run:
            def measured() -> Figures:
                with stage.scratch() as target:
                    return run(command(target))

            return measured

        def by(name: str) -> Callable[[Path], list[str]]:
            return lambda target: client(name, "pull", url, "image", path=target)

        yield {
            "acr": into(by("ours")),
            "acr async": into(by("ours_async")),
            "acr, whole process": into(lambda target: whole(by("ours")(target))),
            "skopeo": into(
                lambda target: _skopeo(f"docker://{reference}", f"oci:{target}:v1", "--src-tls-verify=false")
            ),
            "crane": into(lambda target: whole([find("crane"), "pull", "--format=oci", reference, target])),
            "oras": into(
                lambda target: whole(
                    [find("oras"), "cp", "--from-plain-http", reference, "--to-oci-layout", f"{target}:v1"]
                )
            ),
        }


@contextmanager
def _push(stage: Stage, image: Path) -> Iterator[Mapping[str, Run]]:
    def by(name: str) -> Callable[[str], list[str]]:
        return lambda url: client(name, "push", url, "image", path=image)

    def reference(url: str) -> str:
        return f"{_registry(url, 'image')}:v1"

    yield {
        "acr": _into_new(stage, by("ours")),
        "acr async": _into_new(stage, by("ours_async")),
        "acr, whole process": _into_new(stage, lambda url: whole(by("ours")(url))),
        "skopeo": _into_new(stage, lambda url: _skopeo_push(image, _registry(url, "image"))),
        "crane": _into_new(stage, lambda url: whole([find("crane"), "push", image, reference(url)])),
        "oras": _into_new(
            stage,
            lambda url: whole(
                [find("oras"), "cp", "--from-oci-layout", f"{image}:v1", "--to-plain-http", reference(url)]
            ),
        ),
    }


def _skopeo_push(image: Path, repository: str) -> list[str | Path]:
    return _skopeo(f"oci:{image}:v1", f"docker://{repository}:v1", "--dest-tls-verify=false")


def _skopeo(source: str, target: str, option: str) -> list[str | Path]:
    # Without --preserve-digests it would compress what random bytes cannot be compressed any more.
    return whole([find("skopeo"), "--insecure-policy", "copy", "--quiet", "--preserve-digests", option, source, target])


@contextmanager
def _parallel(stage: Stage) -> Iterator[Mapping[str, Run]]:
    blob, url = stage.blob, stage.nginx.http
    with sink(stage.folder / "sink") as server:

        def down(name: str) -> Run:
            def measured() -> Figures:
                with stage.scratch() as folder:
                    folder.mkdir()
                    return run(client(name, "downloads", url, BIG, digest=blob.digest, path=folder, tasks=AT_ONCE))

            return measured

        def up(name: str) -> Run:
            return lambda: run(client(name, "uploads", server.url, BIG, path=blob.path, tasks=AT_ONCE))

        yield {
            "acr, downloads": down("ours"),
            "acr async, downloads": down("ours_async"),
            "acr, uploads": up("ours"),
            "acr async, uploads": up("ours_async"),
        }
