"""The command line of the installed wheel, in environments without extras and with them: `make verify-cli`.

It builds the wheel, installs it twice, and fails if
- a name of the program is missing, or help needs what is not installed,
- `acr emulator` gives no hint without its extra, or does not serve with it,
- one of the ten commands of README fails, from the environment without extras. The emulator stands for my.azurecr.io,
  and `acr login` gets a password, because nobody is signed in to Entra here.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import acr
from tests.upkeep import push_release

PROJECT = Path(__file__).resolve().parent.parent.parent
LINES = ("acr --help", "acr-client --version", "python -m acr --version", "acr cp --help", "acr completion bash")
README = re.search(r"## The command line\n.*?```console\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)


def main() -> None:
    """Print a line for each thing that was tried; exit with what is wrong."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", made], cwd=PROJECT)
        (wheel,) = folder.glob("*.whl")
        plain = install(folder / "plain", str(wheel))
        full = install(folder / "full", f"{wheel}[emulator,rich]")
        env = {"PATH": os.environ["PATH"], "HOME": made, "DOCKER_CONFIG": f"{made}/docker"}
        for place in (plain, full):
            names(place, env)
        without = subprocess.run([plain / "acr", "emulator"], env=env, capture_output=True, text=True, check=False)
        verify(without.returncode == 1 and "acr-client[emulator]" in without.stderr, without.stderr)
        say(f"acr emulator without its extra: {without.stderr.strip()}")
        with emulator(full, env) as (url, password):
            readme(plain, folder, {**env, "ACR_REGISTRY": ""}, url, password)


def install(venv: Path, what: str) -> Path:
    """Install into an environment of its own; return the folder of its programs."""
    run([sys.executable, "-m", "venv", str(venv)])
    programs = venv / ("Scripts" if os.name == "nt" else "bin")
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([str(programs / "python"), *pip, "--constraint", str(PROJECT / "constraints.txt"), what])
    return programs


def names(programs: Path, env: Mapping[str, str]) -> None:
    """See that each name of the program answers."""
    for words in (
        "acr --help",
        "acr-client --version",
        "python -m acr --version",
        "acr cp --help",
        "acr completion bash",
    ):
        name, *rest = words.split()
        done = subprocess.run([programs / name, *rest], env=env, capture_output=True, text=True, check=False)
        verify(done.returncode == 0 and bool(done.stdout) and not done.stderr, f"{words}: {done.stderr}")
        say(f"{programs.parent.name}: {words}: {done.stdout.splitlines()[0]}")


@contextmanager
def emulator(programs: Path, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Serve a registry, as somebody would who has the extra."""
    command: list[str | Path] = [programs / "acr", "emulator", "--port", "0"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        told = process.stdout.readline()
        say(f"acr emulator with its extra: {url}")
        found = re.search(r"password (\S+);", told)
        verify(found is not None, told)
        yield url, found[1] if found else ""
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        if process.stdout is not None:
            process.stdout.close()


def readme(programs: Path, folder: Path, env: Mapping[str, str], url: str, password: str) -> None:
    """Run the ten commands of README."""
    verify(README is not None, "README has no commands")
    work = folder / "work"
    work.mkdir()
    (work / "model.onnx").write_text("a model")
    with acr.Registry(url, acr.UsernamePassword("admin", password)) as registry:
        for tag in ("v1.0", "v1.1"):
            push_release(registry.repository("team/app"), tag)
        registry.repository("team/model").push_artifact([work / "model.onnx"], tag="v1")
    host = url.partition("://")[2]
    lines = [line.removeprefix("$ ") for line in (README[1] if README else "").splitlines() if line.startswith("$ ")]
    verify(len(lines) == 10, "README has other than ten commands")
    for line in lines:
        name, *words = shlex.split(line.replace("my.azurecr.io", host), comments=True)
        stdin = ""
        if words[0] == "login":
            words, stdin = [*words, "--username", "admin", "--password-stdin"], password
        done = subprocess.run(
            [programs / name, *words], env=env, cwd=work, input=stdin, capture_output=True, text=True, check=False
        )
        verify(done.returncode == 0, f"{line}: {done.stdout}{done.stderr}")
        say(f"{line}: {done.stdout.splitlines()[0] if done.stdout else done.stderr.strip()}")


def run(command: list[str], cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, check=True)


def verify(is_right: bool, text: str) -> None:
    if not is_right:
        sys.exit(text)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
