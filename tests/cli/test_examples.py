"""The examples that end each help run as they stand, and so do the commands of README and docs/cli.md."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import acr
from acr.cli._access import Clients
from acr.cli._commands import COMMANDS, find
from acr.cli._parsing import module_of, parser_of
from acr.emulator import Emulator
from tests.cli.conftest import call
from tests.upkeep import push_image, push_platform, push_release
from tools import cli_docs

PROJECT = Path(__file__).resolve().parent.parent.parent
README = re.search(r"## The command line\n.*?```console\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
OTHERS = (PROJECT / "docs" / "from-other-tools.md").read_text()


POLICY = """
[[purge.rule]]
name = "pull requests"
tags = { glob = ["pr-*"] }
older_than = "7d"
"""


@pytest.fixture
def acr_emulator() -> Iterator[Emulator]:
    """With a trash."""
    with Emulator(trash="az") as emulator:
        yield emulator


@pytest.fixture
def scene(home: Path, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """A registry and a folder that have what the examples speak of; the emulator stands for my.azurecr.io."""
    monkeypatch.setattr(acr, "default_credential", acr_emulator.credential, raising=False)
    monkeypatch.setattr(Clients, "may_have_entra_tokens", lambda *_: True)
    monkeypatch.setattr("acr.cli._commands.emulator.serve", lambda _: 0)
    monkeypatch.setenv("ACR_REGISTRY", acr_emulator.login_server)
    acr_emulator.add_token("ci-token", "secret", ["registry:catalog:*", "repository:*:pull"])
    Path("notes").mkdir()
    for name in ("model.onnx", "notes/v1.md", "README.md", "sbom.json"):
        Path(name).write_text(name)
    Path("password.txt").write_text("secret\n")
    for name in ("policy.toml", "other.toml"):
        Path(name).write_text(POLICY)
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        Path("token.txt").write_text(registry.refresh_token())
        app = registry.repository("team/app")
        for tag in ("v1.0", "v1.1"):
            push_release(app, tag)
        push_image(app, "an image", tag="latest")
        for architecture in ("amd64", "arm64"):
            push_platform(app, f"v2-{architecture}", architecture)
        registry.repository("team/model").push_artifact(["model.onnx", "notes"], tag="v1")
        push_image(registry.repository("team/old"), "old", tag="v1")
        app.pull("v1.0", acr.Layout("images"))
        acr.save_plan(acr.Policy(POLICY).plan(registry.inventory(cache=False)), "plan.json")
        gone = push_image(app, "gone", tag="gone")
        app.tag("gone").delete()
        app.manifest(gone.digest).delete()
    return acr_emulator


def run_line(line: str, emulator: Emulator) -> None:
    words = shlex.split(line.replace("my.azurecr.io", emulator.login_server))
    content = b""
    if "<" in words:
        at = words.index("<")
        content = Path(words[at + 1]).read_bytes()
        words = words[:at]
    assert words[0] in ("acr", "acr-client")
    done = call(words[1:], content=content)
    assert done.code == 0, f"{line}: {done.err}"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_examples_of_a_command_run(scene: Emulator, name: str) -> None:
    examples = module_of(COMMANDS[name]).EXAMPLES
    assert len(examples) == 3
    shown = parser_of(name).format_help()
    for example in examples:
        assert example in shown
        own = find(shlex.split(example)[1:])
        assert own is not None
        assert own[0] == name
        run_line(example, scene)


def test_the_commands_of_readme_run(scene: Emulator) -> None:
    assert README is not None
    lines = [line.removeprefix("$ ") for line in README[1].splitlines() if line.startswith("$ acr")]
    assert len(lines) == 10
    for line in lines:
        run_line(line.partition("  #")[0], scene)


def test_docs_are_made_from_the_parser() -> None:
    assert (PROJECT / "docs" / "cli.md").read_text() == cli_docs.page(), "run `make cli-docs`"
    command = [sys.executable, str(PROJECT / "tools" / "cli_docs.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0


def test_each_command_for_those_who_know_another_program_can_be_parsed() -> None:
    theirs = re.compile(r"^\| `acr (?:login|logout|tag|manifest|purge -r).*?\|", re.MULTILINE)  # of acr-cli
    lines = re.findall(r"`(acr [^`]+)`", theirs.sub("|", OTHERS.replace("`acr purge --filter …`", "")))
    assert len(lines) > 50
    for line in lines:
        words = shlex.split(line)
        found = find(words[1:])
        assert found is not None, line
        parser_of(found[0]).parse_intermixed_args([word for word in found[2] if word not in ("<", ">", "FILE.txt")])


def test_help_of_each_command_names_its_options(home: Path) -> None:
    for name in COMMANDS:
        done = call([*name.split(), "--help"])
        assert done.code == 0
        assert done.out.startswith(f"usage: acr {name}")
        assert call(["help", *name.split()]).out == done.out
    assert "Push, pull and copy" in call(["--help"]).out
    assert call([]).code == 2
