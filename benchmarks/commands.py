"""Ten jobs on the command line, beside oras, crane, regctl and skopeo: writes COMMANDS.md.

    python -m benchmarks.commands [--rounds 5] [--output FILE]

Each job is a line of shell, run on an emulator of its own. A program in front of each client counts how often it is
started, the emulator counts the requests, and a look at the registry tells whether the job was done. What is not
installed is left out: `tests/peers/setup.sh go` and `skopeo` bring it.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import acr
from acr import media_types
from acr.emulator import Emulator
from benchmarks.programs import ROOT, commit
from tests.upkeep import SBOM, push_image, push_platform, sign

COUNT: Final = 30
"""Tags of the repository."""

_OUTPUT: Final = Path(__file__).with_name("COMMANDS.md")
_PROGRAMS: Final = ("acr", "oras", "crane", "regctl", "skopeo")
_VERSION: Final = {
    "acr": "--version",
    "oras": "version",
    "crane": "version",
    "regctl": "version",
    "skopeo": "--version",
}

Check = Callable[[acr.Registry, str, Path], bool]


class Job(NamedTuple):
    """What somebody wants done.

    Args:
        title: in their words.
        lines: the shell of each program; one that is missing cannot do it.
        check: whether it was done, from the registry, the output, and the folder.
        without: why programs cannot do it.
    """

    title: str
    lines: Mapping[str, str]
    check: Check
    without: str = ""


def _digests(registry: acr.Registry) -> dict[str, str]:
    return {tag.name: tag.digest for tag in registry.repository("team/app").tags()}


def _lists(registry: acr.Registry, out: str, _: Path) -> bool:
    return all(
        any(tag in line and digest in line for line in out.splitlines()) for tag, digest in _digests(registry).items()
    )


def _is_newest(_: acr.Registry, out: str, __: Path) -> bool:
    return out.strip() == f"v1.{COUNT - 1}"


def _is_copied(registry: acr.Registry, *_: object) -> bool:
    target, source = registry.repository("prod/app"), registry.repository("team/app")
    digest = source.manifest("rel").head().digest
    found = target.manifest("rel").head().digest == digest
    sbom = [one.digest for one in target.manifest(digest).referrers(artifact_type=SBOM)]
    return found and len(sbom) == 1 and target.manifest(f"sha256-{digest.hex}.sig").exists()


def _is_tagged(registry: acr.Registry, *_: object) -> bool:
    tags = _digests(registry)
    return tags.get("stable") == tags["v1.0"]


def _is_untagged(registry: acr.Registry, *_: object) -> bool:
    app = registry.repository("team/app")
    return "twin" not in _digests(registry) and app.manifest("v1.0").exists()


def _has_sbom(_: acr.Registry, out: str, folder: Path) -> bool:
    return (
        any("sbom of rel" in path.read_text() for path in folder.rglob("*") if path.is_file()) or "sbom of rel" in out
    )


def _has_file(_: acr.Registry, __: str, folder: Path) -> bool:
    return any(path.read_text() == "the readme" for path in folder.rglob("*") if path.is_file())


def _is_promoted(registry: acr.Registry, *_: object) -> bool:
    tag = registry.repository("prod/app").tag("v1.0").properties()
    return tag.locked


def _has_size(registry: acr.Registry, out: str, _: Path) -> bool:
    (used,) = registry.inventory(repositories="team/app", cache=False).usage().repositories
    return out.splitlines() == ["total", str(used.total)]


def _is_cleaned(registry: acr.Registry, *_: object) -> bool:
    app = registry.repository("team/app")
    app.pull("rel", acr.Memory(), referrers="all")
    left = {one.digest for one in app.manifests()}
    return len(left) == COUNT + 5 and all(f"v1.{number}" in _digests(registry) for number in range(COUNT))


_APP: Final = "$R/team/app"

_README: Final = """jq -r '.layers[] | select(.annotations["org.opencontainers.image.title"] == "README.md").digest'"""

JOBS: Final = (
    Job(
        "list all tags with their digests",
        {
            "acr": f"acr tags {_APP} --fields name,digest -o tsv",
            "oras": f"for t in $(oras repo tags {_APP}); do echo $t $(oras resolve {_APP}:$t); done",
            "crane": f"for t in $(crane ls {_APP}); do echo $t $(crane digest {_APP}:$t); done",
            "regctl": f"for t in $(regctl tag ls {_APP}); do echo $t $(regctl image digest {_APP}:$t); done",
            "skopeo": f"for t in $(skopeo list-tags docker://{_APP} | jq -r .Tags[]); do echo $t "
            f"$(skopeo inspect -n --format {{{{.Digest}}}} docker://{_APP}:$t); done",
        },
        _lists,
    ),
    Job(
        "the newest tag of a pattern, by the registry's time",
        {"acr": f"acr tags {_APP} --match 'v1.*' --sort newest --limit 1"},
        _is_newest,
        "they do not know when a tag was updated",
    ),
    Job(
        "copy an image with its SBOM and its cosign signature",
        {
            "acr": f"acr cp {_APP}:rel $R/prod/app --referrers",
            "oras": f"oras cp -r {_APP}:rel $R/prod/app:rel && S=$(oras resolve {_APP}:rel | tr : -).sig && "
            f"oras cp {_APP}:$S $R/prod/app:$S",
            "regctl": f"regctl image copy --referrers --digest-tags {_APP}:rel $R/prod/app:rel",
        },
        _is_copied,
        "crane and skopeo have no option for it",
    ),
    Job(
        "give an image another tag",
        {
            "acr": f"acr tag {_APP}:v1.0 stable",
            "oras": f"oras tag {_APP}:v1.0 stable",
            "crane": f"crane tag {_APP}:v1.0 stable",
            "regctl": f"regctl image copy {_APP}:v1.0 {_APP}:stable",
            "skopeo": f"skopeo copy --all --preserve-digests docker://{_APP}:v1.0 docker://{_APP}:stable",
        },
        _is_tagged,
    ),
    Job(
        "delete a tag, and keep the image with its other tag",
        {"acr": f"acr untag {_APP}:twin --yes", "regctl": f"regctl tag delete {_APP}:twin"},
        _is_untagged,
        "oras, crane and skopeo delete the manifest, with all its tags",
    ),
    Job(
        "delete what has no tag and is not needed",
        {
            "acr": "echo 'purge.untagged.older_than = \"1d\"' >policy.toml && "
            f"acr purge plan policy.toml {_APP} --out plan.json -q && acr purge apply plan.json -r $R -y -q",
        },
        _is_cleaned,
        "the others cannot; acr-cli has `purge`, and cannot be had here; az acr has none",
    ),
    Job(
        "the size of a repository, each layer counted once",
        {"acr": f"acr du {_APP} --fields total -o tsv"},
        _has_size,
        "they cannot tell; `az acr show-usage` has that of the registry",
    ),
    Job(
        "get the SBOM of an image",
        {
            "acr": f"acr pull {_APP}@$(acr show {_APP}:rel -o json | "
            f"jq -r '.referrers[] | select(.artifact_type == \"{SBOM}\").digest') out",
            "oras": f"oras pull -o out {_APP}@$(oras discover --artifact-type {SBOM} --format json {_APP}:rel | "
            "jq -r '.referrers[0].digest')",
            "regctl": f"regctl artifact get --subject {_APP}:rel --filter-artifact-type {SBOM}",
        },
        _has_sbom,
        "crane and skopeo know no referrers",
    ),
    Job(
        "get one file of an artifact of three",
        {
            "acr": "acr pull $R/team/model:v1 out --include README.md",
            "oras": f"oras blob fetch -o README.md $R/team/model@$(oras manifest fetch $R/team/model:v1 | {_README})",
            "crane": f"crane blob $R/team/model@$(crane manifest $R/team/model:v1 | {_README}) >README.md",
            "regctl": "regctl artifact get $R/team/model:v1 --file README.md >README.md",
        },
        _has_file,
        "skopeo copies whole images",
    ),
    Job(
        "promote an image to another repository, and lock it there",
        {"acr": f"acr cp {_APP}:v1.0 $R/prod/app && acr lock $R/prod/app:v1.0 --quiet"},
        _is_promoted,
        "they cannot lock; az can",
    ),
)


_BEGINNING: Final = """# Ten jobs on the command line

`python -m benchmarks.commands` runs each line on an emulator of its own, {rounds} times, and looks at the registry
afterwards. `team/app` has {count} images, and a release of two platforms with an SBOM and a signature of cosign.
`starts` counts how often the program is started, and `requests` what the emulator got. Seconds are those of the
fastest run, on a machine that had other work. The registry is on this machine, so they are mostly the start of
programs: Python takes longer to start than a program of Go. On a real registry each request adds its way there and
back. `acr du` and `acr purge` wait as well once they have made 125 requests: they make 2,500 a minute (`--rate`).
`$R` is the registry. The options by which the others speak plain http are left out here.

- State: {commit}, on {today}
"""


class Run(NamedTuple):
    """What a job took."""

    starts: int
    requests: int
    seconds: float


_LONG: Final = 10 * 86_400.0


class _Clock:
    """The registry's clock. It is two days behind while the registry is filled, so that what is there is old enough."""

    back = 2 * 86_400

    def __call__(self) -> float:
        return time.time() - self.back


def furnish(emulator: Emulator, folder: Path) -> None:
    """Fill a registry with what the jobs are about."""
    with acr.Registry(emulator.url, emulator.credential()) as registry:
        app = registry.repository("team/app")
        images = [push_platform(app, f"rel-{one}", one) for one in ("amd64", "arm64")]
        listed = [
            {**image.to_json(), "platform": {"os": "linux", "architecture": one}}
            for image, one in zip(images, ("amd64", "arm64"), strict=True)
        ]
        index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": listed}
        release = app.put_manifest(index, tag="rel")
        (folder / "sbom.json").write_text("sbom of rel")
        app.push_artifact([folder / "sbom.json"], artifact_type=SBOM, subject=release.digest)
        sign(app, release)
        for number in range(COUNT):
            push_image(app, f"image {number}", tag=f"v1.{number}")
        for number in range(3):
            push_image(app, f"left over {number}")
        app.put_manifest(app.manifest("v1.0").get(), tag="twin")
        for name in ("model.onnx", "weights.bin", "README.md"):
            (folder / name).write_text("the readme" if name == "README.md" else name * 10_000)
        files = [folder / name for name in ("model.onnx", "weights.bin", "README.md")]
        registry.repository("team/model").push_artifact(files, tag="v1")


def measure(job: Job, program: str, found: Path) -> Run:
    """Do a job once.

    Raises:
        SystemExit: it was not done.
    """
    clock = _Clock()
    with (
        Emulator(clock=clock, refresh_lifetime=_LONG, access_lifetime=_LONG) as emulator,
        tempfile.TemporaryDirectory() as made,
    ):
        home, work, bin_, source = (Path(made) / name for name in ("home", "work", "bin", "source"))
        for folder in (home, work, bin_, source):
            folder.mkdir()
        furnish(emulator, source)
        clock.back = 0
        env = _environment(emulator, home, bin_)
        counter = Path(made) / "starts"
        wrapper = bin_ / program
        wrapper.write_text(f"#!/bin/sh\necho >>{counter}\nexec {shlex.quote(str(found))} {_words(program)}\n")
        wrapper.chmod(0o755)
        line = job.lines[program]
        if program == "regctl":
            subprocess.run(
                [found, "-v", "error", "registry", "set", "--tls", "disabled", emulator.login_server],
                env=env,
                check=True,
            )
        emulator.clear_requests()
        began = time.perf_counter()
        done = subprocess.run(["/bin/sh", "-c", line], env=env, cwd=work, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        requests = len(emulator.requests)
        with acr.Registry(emulator.url, emulator.credential()) as registry:
            if done.returncode != 0 or not job.check(registry, done.stdout, work):
                raise SystemExit(f"{program} did not {job.title}: {done.stdout}{done.stderr}")
        return Run(len(counter.read_text().splitlines()), requests, seconds)


def _words(program: str) -> str:
    """The arguments of a program, and the options by which it speaks plain http, in the words of a shell."""
    if program == "oras":
        both, one = "--from-plain-http --to-plain-http", "--plain-http"
        return f'"$@" $(case $1 in cp) echo {both};; *) echo {one};; esac)'
    if program == "skopeo":
        both, one = "--src-tls-verify=false --dest-tls-verify=false --quiet", "--tls-verify=false"
        return f'--insecure-policy "$@" $(case $1 in copy) echo {both};; *) echo {one};; esac)'
    return '"$@"'


def _environment(emulator: Emulator, home: Path, bin_: Path) -> dict[str, str]:
    """The variables of a run, signed in to the emulator by docker's config, which all of them read."""
    secret = base64.b64encode(f"{emulator.username}:{emulator.password}".encode()).decode()
    (home / "config.json").write_text(json.dumps({"auths": {emulator.login_server: {"auth": secret}}}))
    return {
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "DOCKER_CONFIG": str(home),
        "REGISTRY_AUTH_FILE": str(home / "config.json"), "R": emulator.login_server, "NO_COLOR": "1",
    }  # fmt: skip


def programs() -> dict[str, Path]:
    """The programs that are here."""
    found = {"acr": Path(sys.executable).with_name("acr")}
    for name in _PROGRAMS[1:]:
        places = sorted(ROOT.glob(f".cache/peers/go-*/{name}")) or [Path("/usr/bin") / name]
        if places[0].exists():
            found[name] = places[0]
    return found


def page(results: Sequence[Mapping[str, Run]], found: Mapping[str, Path], rounds: int) -> str:
    """The text of COMMANDS.md."""
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [_BEGINNING.format(rounds=rounds, count=COUNT, commit=commit() or "unknown", today=today)]
    lines += [f"- {name}: {_version(name, path)}" for name, path in found.items()]
    for number, (job, runs) in enumerate(zip(JOBS, results, strict=True), 1):
        lines += ["", f"## {number}. {job.title[0].upper()}{job.title[1:]}", ""]
        if runs:
            lines += ["| program | line | starts | requests | seconds |", "|---|---|---:|---:|---:|"]
        for name, run in runs.items():
            line = job.lines[name].replace("|", "\\|")
            lines.append(f"| {name} | `{line}` | {run.starts} | {run.requests} | {run.seconds:.2f} |")
        if job.without:
            lines += ["", f"Not in the table: {job.without}."] if runs else [f"No line: {job.without}."]
    return "\n".join(lines) + "\n"


def _version(name: str, path: Path) -> str:
    done = subprocess.run([path, _VERSION[name]], capture_output=True, text=True, check=False)
    text = done.stdout.strip().splitlines()
    told = next((line for line in text if "VCSTag" in line), text[0] if text else "unknown")
    return told.split()[-1]


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description="Ten jobs on the command line, beside other programs.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (%(default)s)")
    parser.add_argument("--output", type=Path, default=_OUTPUT, help="file to write (%(default)s)")
    options = parser.parse_args()
    found = programs()
    results = []
    for job in JOBS:
        runs: dict[str, Run] = {}
        for name in (name for name in found if name in job.lines):
            several = [measure(job, name, found[name]) for _ in range(options.rounds)]
            runs[name] = Run(several[0].starts, several[0].requests, min(run.seconds for run in several))
            print(f"{job.title}: {name} {runs[name]}", file=sys.stderr)
        results.append(runs)
    options.output.write_text(page(results, found, options.rounds), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
