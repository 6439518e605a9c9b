"""Each command, as the installed program: on terminals of 80 and 40 columns, in a pipe, and when Ctrl-C comes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import acr
from acr.cli._commands import COMMANDS
from acr.cli._output.terminal import width_of
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.cleanup.aged import DAY, Clock
from tests.cli.conftest import Acr, everything
from tests.cli.test_purge import EXAMPLE, POLICY
from tests.cli.test_terminal import PROGRAM, on_terminal, run
from tests.patience import until
from tests.upkeep import push_image, push_platform

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals, and the program is acr.exe")

LINES = {
    "ls": "ls --long",
    "tags": "tags team/app",
    "digest": "digest team/app:v1.0",
    "show": "show team/app:v1.0",
    "tree": "tree team/app:v1.0",
    "locks": "locks team/app",
    "du": "du --by tag --quiet",
    "fsck": "fsck --blobs --quiet",
    "manifest": "manifest team/app:v1.0",
    "cp": "cp team/app:v1.0 prod/app",
    "push": "push team/files:v1 a.txt",
    "pull": "pull team/model:v1 down",
    "attach": "attach team/app:v1.0 a.txt --artifact-type application/spdx+json",
    "index": "index create team/app:two one-amd64 one-arm64",
    "tag": "tag team/app:v1.0 stable",
    "untag": "untag team/app:stable --yes",
    "rm": "rm team/app:v1.1 --yes",
    "lock": "lock team/app:v1.0",
    "unlock": "unlock team/app:v1.0",
    "purge plan": "purge plan policy.toml --protect team/app:v1.0 --quiet",
    "purge apply": "purge apply plan.json --yes --quiet",
    "purge explain": "purge explain plan.json team/app:latest",
    "purge test": "purge test bad.toml",
    "trash": "trash team/old",
    "restore": "restore team/old:gone",
    "login": "login --token-stdin",
    "logout": "logout",
    "token": "token --scope repository:team/app:pull",
    "whoami": "whoami",
    "doctor": "doctor --repository team/app",
    "completion": "completion bash",
}
FREE = ("show", "manifest", "whoami", "doctor", "token", "completion", "locks", "purge explain")
"""Commands that print long values whole: digests, texts, scripts."""

CODES = {"purge test": 1}
"""Those that end with another code than 0: an example fails."""

SILENT = (
    "login", "logout", "token", "whoami", "doctor", "completion", "cp", "push", "pull", "purge test", "purge explain",
    "purge apply",
)  # fmt: skip
"""Commands that ask no registry, or whose interruption other tests have: test_terminal.py and test_purge.py."""


@pytest.fixture
def acr_emulator(aged: tuple[Emulator, Clock]) -> Emulator:
    return aged[0]


@pytest.fixture
def scene(aged: tuple[Emulator, Clock], acr_here: Acr, app: acr.Repository, there: acr.Registry) -> acr.Registry:
    old = there.repository("team/old")
    for tag in ("pr-1", "v1", "gone"):
        push_image(old, tag, tag=tag)
    aged[1].now += 30 * DAY
    Path("policy.toml").write_text(POLICY)
    Path("bad.toml").write_text(f"{POLICY}{EXAMPLE}")
    acr.save_plan(acr.Policy(POLICY).plan(there.inventory(cache=False)), "plan.json")
    digest = old.tag("gone").properties().digest
    old.tag("gone").delete()
    old.manifest(digest).delete()
    Path("a.txt").write_text("a")
    there.repository("team/model").push_artifact(["a.txt"], tag="v1")
    for architecture in ("amd64", "arm64"):
        push_platform(app, f"one-{architecture}", architecture)
    push_image(there.repository("team/lost"), "signature", tag=f"sha256-{'0' * 64}.sig")  # fsck finds an orphan
    app.tag("v1.0").update(can_delete=False)
    return there


def test_each_command_has_a_line() -> None:
    assert {*LINES, "emulator"} == set(COMMANDS)


@pytest.mark.parametrize("columns", [80, 40])
def test_on_a_terminal(scene: acr.Registry, columns: int) -> None:
    for name, line in LINES.items():
        if name == "login":
            continue  # it would ask for the token there: test_signing
        code, shown = on_terminal(line.split(), columns)
        assert code == CODES.get(name, 0), shown
        assert "Traceback" not in shown
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.replace("\r", ""))
        for text in plain.splitlines():
            assert text.isprintable() or "\x1b[2K" in text, (name, text)  # progress alone draws over itself
            is_whole = "/home/" in text or re.search("[0-9a-f]{64}", text)  # what people copy
            is_free = name in FREE or is_whole or text.startswith("acr: warning:")
            assert is_free or width_of(text) <= columns or "\x1b[2K" in text, (name, text)


def test_in_a_pipe(scene: acr.Registry) -> None:
    for line in LINES.values():
        words = line.split()
        token = scene.refresh_token() if words[0] == "login" else ""
        done = subprocess.run([PROGRAM, *words], input=token, capture_output=True, text=True, check=False)
        assert done.returncode == CODES.get(" ".join(words[:2]), 0), (line, done.stderr)
        assert "\x1b" not in done.stdout + done.stderr, line
        assert bool(done.stdout) != (words[0] in ("login", "logout")), line


def test_the_emulator_until_ctrl_c(home: Path) -> None:
    process = subprocess.Popen(
        [PROGRAM, "emulator", "--port", "0", "--storage-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with pytest.raises(acr.Unauthorized), acr.Registry(url) as registry:
        list(registry.repositories())
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")


@pytest.mark.parametrize(
    "line",
    [line for name, line in LINES.items() if name not in SILENT],
)
def test_ctrl_c_while_the_registry_is_slow(scene: acr.Registry, acr_emulator: Emulator, line: str) -> None:
    before, files = everything(scene), set(Path().rglob("*"))
    fault = acr_emulator.fail(times=ALWAYS, path_contains="team", delay=3)
    process = subprocess.Popen(
        [PROGRAM, *line.split(), "-o", "json"] if line.split(maxsplit=1)[0] != "manifest" else [PROGRAM, *line.split()],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until(lambda: fault.left < ALWAYS)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, ""), error
    assert "Traceback" not in error
    fault.left = 0
    assert (everything(scene), set(Path().rglob("*"))) == (before, files)


def test_a_fault_on_page_two(scene: acr.Registry, acr_emulator: Emulator) -> None:
    app = scene.repository("team/app")
    manifest = app.manifest("v1.1").get()
    for number in range(250):
        app.put_manifest(manifest, tag=f"n{number:03}")
    for line in ("tags team/app --fields name", "tags team/app -o json --fields name", "locks team/app"):
        acr_emulator.fail(status=403, path_contains="last=", method="GET", times=1)
        done = run(line.split())
        assert (done.returncode, done.stdout) == (3, ""), line
        assert "not whole" in done.stderr
    acr_emulator.fail(status=403, path_contains="last=", method="GET", times=1)
    done = run(["tags", "team/app", "-o", "json", "--fields", "name"])
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == 3
