"""Completion, as real shells do it: bash, zsh and fish. A shell that is not installed is skipped."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from acr.cli._commands import COMMANDS
from acr.cli._commands.completion import commands
from tests.cli.conftest import call

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such shells")


def bash(typed: str) -> str:
    Path("acr.bash").write_text(call(["completion", "bash"]).out)
    words = typed.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = f'. ./acr.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _acr; echo "${{COMPREPLY[@]}}"'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout


def fish(typed: str) -> str:
    Path("acr.fish").write_text(call(["completion", "fish"]).out)
    script = f"source acr.fish; complete -C '{typed}'"
    done = subprocess.run(["fish", "-N", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return "\n".join(line.partition("\t")[0] for line in done.stdout.splitlines())


def zsh(typed: str) -> str:
    """What an interactive zsh shows after a tab."""
    import pty

    Path("functions").mkdir(exist_ok=True)
    Path("functions", "_acr").write_text(call(["completion", "zsh"]).out)
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "dumb", "PS1": "", "LC_ALL": "C.UTF-8", "ZDOTDIR": str(Path.cwd())}
    process = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    )
    os.close(theirs)
    shown = b""

    def until(mark: bytes) -> str:
        nonlocal shown
        while mark not in shown:
            ready, _, _ = select.select([ours], [], [], 60)
            assert ready, shown
            shown += os.read(ours, 65536)
        before, _, shown = shown.partition(mark)
        return before.decode()

    setup = "stty cols 300 rows 1000; PS1=; LISTMAX=0; setopt no_beep no_auto_menu; fpath=($PWD/functions $fpath);"
    os.write(ours, f"{setup} autoload -Uz compinit; compinit -u -D; print -r -- re''ady\n".encode())
    until(b"ready\r\n")
    until(b"\x1b[?2004h")  # the line editor has begun
    os.write(ours, f"{typed}\t\t\x15print -r -- en''ded\n".encode())
    found = until(b"ended\r\n")
    os.write(ours, b"exit\n")
    process.wait(60)
    os.close(ours)
    return found


SHELLS: dict[str, Callable[[str], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


@pytest.mark.parametrize(
    ("typed", "there", "not_there"),
    [
        ("acr pu", {"purge", "push", "pull"}, "plan"),
        ("acr-client purge ", {"plan", "apply", "explain", "test"}, "tags"),
        ("acr purge apply --j", {"--journal"}, "--kept"),
        ("acr purge plan --k", {"--kept"}, "--journal"),
        ("acr purge plan -o ", {"jsonl", "tsv"}, "plan"),
        ("acr purge explain ", {"plan.json"}, "apply"),
        ("acr tags --un", {"--untagged"}, "--kept"),
        ("acr tree -o ", {"table", "json", "name"}, "csv"),
        ("acr index ", {"create"}, "plan.json"),
        ("acr -r my purge ", {"plan", "apply", "explain", "test"}, "tags"),
        ("acr --quiet pu", {"purge", "push", "pull"}, "plan"),
    ],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(home: Path, shell: str, typed: str, there: set[str], not_there: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    Path("plan.json").write_text("{}")
    found = set(re.split(r"[\s\b]+", SHELLS[shell](typed))) - set(typed.split())
    assert there <= found
    assert not_there not in found


def about(shell: str, text: str, name: str) -> str:
    """The part of a script that is about the options of a command."""
    if shell == "fish":
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in name.split())
        return "\n".join(line for line in text.splitlines() if line.startswith(f"complete -c acr -n '{seen}'"))
    return text.partition(f"        '{name}')\n")[2].partition(";;")[0]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_command_and_each_of_its_options_is_in_the_script(home: Path, shell: str) -> None:
    """Also where the shell is not installed."""
    text = call(["completion", shell]).out
    found = list(commands())
    assert {name for name, *_ in found} >= set(COMMANDS)
    for name, _, options, first in found:
        part = about(shell, text, name)
        for one in (one for option in options for one in option.names):
            in_fish = f"-l {one[2:]} " if one.startswith("--") else f"-s {one[1:]} "
            assert (in_fish if shell == "fish" else one) in part, (name, one)
        assert all(word in part for word in first)
    if shutil.which(shell) is not None:
        Path("script").write_text(text)
        subprocess.run([shell, "-n", "script"], check=True)
